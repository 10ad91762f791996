//! SUMMARY    A mailbox as the export has it: a line of `mailboxes.jsonl`.
//! STANDARDS  RFC 8621 §2, and its registry of mailbox roles; RFC 6154

use base::{AccountId, MailboxId};
use serde::{Deserialize, Serialize};

use crate::{Name, Text};

/// What a mailbox is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Inbox,
    Sent,
    Drafts,
    Trash,
    Junk,
    Archive,
    All,
    Flagged,
    Important,
    Subscribed,
    Memos,
    Scheduled,
    Snoozed,
    /// One of a later release.
    #[serde(other)]
    Other,
}

/// A mailbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Mailbox {
    pub id: Text<MailboxId>,
    /// The last level of its path.
    pub name: String,
    /// The mailbox above it, if that exists.
    pub parent_id: Option<Text<MailboxId>>,
    pub role: Option<Role>,
    #[serde(default)]
    pub sort_order: u32,
    pub total_emails: u64,
    pub unread_emails: u64,
    #[serde(default)]
    pub is_subscribed: bool,
    // Ours.
    pub account_id: Text<AccountId>,
    /// The whole path, levels with `/` between them.
    pub full_name: String,
    /// IMAP's, with `uidNext`: with the uids of the emails a client goes on without fetching anything again.
    pub uid_validity: u32,
    pub uid_next: u32,
    /// Its folder or file in the archive, if it has one. In an export of ours always: the folder is there once it has mail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<Name>,
}
