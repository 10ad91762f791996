//! SUMMARY    An email as the export has it: a line of `emails.jsonl`.
//! STANDARDS  RFC 8621 §4.1.1

use std::collections::BTreeMap;

use base::{AccountId, EmailId, MailboxId, ThreadId, Timestamp};
use serde::{Deserialize, Serialize};

use super::date;
use crate::{Name, Sha256, Text, mbox::LineEnds};

/// An email's metadata. Its header is in its message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Email {
    pub id: Text<EmailId>,
    pub thread_id: Text<ThreadId>,
    /// Each is true.
    pub mailbox_ids: BTreeMap<Text<MailboxId>, bool>,
    /// Each is true; lower case.
    pub keywords: BTreeMap<String, bool>,
    /// Bytes of the message as it is stored.
    pub size: u64,
    #[serde(with = "date")]
    pub received_at: Timestamp,
    // Ours.
    pub account_id: Text<AccountId>,
    /// Its uid in each mailbox.
    pub uids: BTreeMap<Text<MailboxId>, u32>,
    /// Of the message as it is stored; None if it could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Sha256>,
    /// How the message stands in an mbox file; None if it could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line_ends: Option<LineEnds>,
    /// The sender of the envelope that it came with, if it was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mail_from: Option<String>,
    /// Where its message stands in the archive; nowhere if it could not be read. In an export of ours an email has a line beside the
    /// file of each of its mailboxes, and each names the copy in that file alone: who reads takes the first for the email.
    pub copies: Vec<MessageCopy>,
}

/// A message in an archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageCopy {
    /// The file that has it.
    pub path: Name,
    /// Where its `From ` line begins in that file, if it is an mbox, bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
}

impl Email {
    /// Its keywords that are set, in order.
    pub fn set_keywords(&self) -> impl Iterator<Item = &str> {
        self.keywords.iter().filter(|(_, set)| **set).map(|(keyword, _)| keyword.as_str())
    }
}
