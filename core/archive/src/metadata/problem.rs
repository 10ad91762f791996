//! SUMMARY    What could not be exported or imported as it should: a line of `problems.jsonl`. It never stops a job.

use base::{AccountId, EmailId, MailboxId};
use serde::{Deserialize, Serialize};

use crate::{Name, Text};

/// What went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trouble {
    /// The store has the email, but its message cannot be read.
    MessageUnreadable,
    /// The message is not the one that its hash says.
    MessageChanged,
    /// The message is larger than this server takes.
    MessageTooBig,
    /// The message is none: an empty file, no header.
    MessageMalformed,
    /// Text of a file that is no part of a message.
    NoMessage,
    /// Metadata that is not of its form.
    MetadataMalformed,
    /// A message without metadata, or the other way about.
    Unmatched,
    /// A mailbox, flag or keyword that cannot be kept as it is.
    NotKept,
    /// One of a later release.
    #[serde(other)]
    Other,
}

/// Where: as much as is known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Place {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_id: Option<Text<AccountId>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mailbox_id: Option<Text<MailboxId>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email_id: Option<Text<EmailId>>,
    /// IMAP's, in the mailbox.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
    /// The file in the archive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<Name>,
    /// Bytes from the beginning of that file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// Line of that file, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
}

/// A problem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    pub what: Trouble,
    #[serde(rename = "where")]
    pub place: Place,
    /// For people: one sentence.
    pub why: String,
}
