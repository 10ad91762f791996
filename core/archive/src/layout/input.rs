//! SUMMARY    What an export is made of: what was asked for, accounts, and the rows of their listings.

use base::limits::{EXPORT_ARCHIVE_BYTES_MAX, EXPORT_FILE_BYTES_MAX, EXPORT_FILE_EMAILS_MAX};
use base::{AccountId, EmailId, MailboxId, ThreadId, Timestamp, Uid};
use serde::{Deserialize, Serialize};

use crate::{Text, metadata::Mailbox};

/// In which form messages stand in the archives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Shape {
    /// mboxrd files, many messages in each.
    Mbox,
    /// Maildir++, a file for each message with its flags in the name.
    Maildir,
}

/// What is the same for all archives of an export, and each time that one is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Options {
    /// The archives are `<stem>-1.zip`, `<stem>-2.zip` and so on: one segment of a `Name`.
    pub stem: String,
    pub shape: Shape,
    /// The time of all entries: that of the pin.
    pub modified: Timestamp,
    /// Bytes of an archive, reckoned from what is listed; it is larger if a single message is, and a little where many lines of an mbox
    /// had to be quoted.
    pub archive_bytes_max: u64,
    /// Bytes of an mbox file, likewise.
    pub file_bytes_max: u64,
    /// Emails of an mbox file, or of a file of metadata of a Maildir; more than EXPORT_FILE_EMAILS_MAX is that, 0 is 1.
    pub file_emails_max: u32,
}

impl Options {
    /// With sizes that nobody asked otherwise for.
    pub fn new(stem: impl Into<String>, shape: Shape, modified: Timestamp) -> Self {
        Options {
            stem: stem.into(),
            shape,
            modified,
            archive_bytes_max: EXPORT_ARCHIVE_BYTES_MAX,
            file_bytes_max: EXPORT_FILE_BYTES_MAX,
            file_emails_max: EXPORT_FILE_EMAILS_MAX,
        }
    }
}

/// An account at its pin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountHead {
    pub account_id: Text<AccountId>,
    /// Its main address.
    pub address: String,
    /// Names of its keywords: that at index i is set where bit FIRST_KEYWORD_BIT + i of the flags is.
    pub keywords: Vec<String>,
    /// Those that are exported, in any order. Their `account_id` and `path` are filled in.
    pub mailboxes: Vec<Mailbox>,
}

/// A file of an account beside its mail.
#[derive(Debug, Clone, Copy)]
pub struct Document<'a> {
    /// In the account's folder: a valid `Name`, and none that the layout has.
    pub name: &'a str,
    pub bytes: &'a [u8],
}

/// A document of the control plane: counted by its type, and in the manifest.
#[derive(Debug, Clone, Copy)]
pub struct Paper<'a> {
    /// The account in whose folder it stands; `None`: it is the tenant's.
    pub account: Option<AccountId>,
    /// The type of its data, as the register names it.
    pub data: &'a str,
    /// In that folder: a valid `Name`, and none that the layout or another document has.
    pub name: &'a str,
    pub records: u64,
    pub bytes: &'a [u8],
}

/// An email in a mailbox: a row of the listing.
#[derive(Debug, Clone, Copy)]
pub struct Listed<'a> {
    pub email: EmailId,
    pub thread: ThreadId,
    pub mailbox: MailboxId,
    pub uid: Uid,
    /// Bits as in SYSTEM_KEYWORDS and `AccountHead::keywords`; `$deleted` of this row.
    pub flags: u64,
    /// Bytes of the message.
    pub size: u64,
    pub received_at: Timestamp,
    /// All that it is in, this one too, each once, in any order.
    pub memberships: &'a [(MailboxId, Uid)],
}
