//! SUMMARY    Expunged mail as the control plane sees it: what can be brought back of an account, and bringing it back.
//! SECURITY   Senders and subjects are told only where they are asked for (`contents`): by the mailbox's own user. They are
//!            texts of strangers, cut: who shows them escapes them.
//! INVARIANTS An email is named by its account and its place: of another account there is no such place.

use base::{AccountId, TenantId, Timestamp};
use serde::{Deserialize, Serialize};

/// Which expunged email of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ExpungedPlace {
    /// When it left its last mailbox.
    pub at: Timestamp,
    /// The id that it had.
    pub email: u64,
}

/// An email that can be brought back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExpungedEmail {
    pub place: ExpungedPlace,
    pub size_bytes: u32,
    pub received_at: Timestamp,
    /// Path of the mailbox that it left; empty: that is gone, it comes back to the inbox; or it was not asked for.
    pub mailbox: String,
    /// As the message has them, decoded; empty where they were not asked for.
    pub from: String,
    pub subject: String,
}

/// A page of what is kept of an account, the latest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExpungedAsked {
    pub tenant: TenantId,
    pub account: AccountId,
    /// Those that were expunged before this one.
    pub before: Option<ExpungedPlace>,
    pub limit: u32,
    /// With senders, subjects and paths.
    pub contents: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExpungedPage {
    pub emails: Vec<ExpungedEmail>,
    pub more: bool,
    /// All that is kept of the account.
    pub kept_emails: i64,
    pub kept_bytes: i64,
    /// For how many days what is expunged now can be brought back, 0: not at all; `None`: until a hold ends.
    pub days: Option<u32>,
}

/// Brings emails back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExpungedOrder {
    pub tenant: TenantId,
    pub account: AccountId,
    pub places: Vec<ExpungedPlace>,
    /// Only says what would come back, were there room.
    pub dry_run: bool,
}

/// What came back.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExpungedRestored {
    pub restored: Vec<ExpungedPlace>,
    /// Brought back before, or forgotten.
    pub gone: Vec<ExpungedPlace>,
    /// Why the rest was left: the mailbox is full, or mail is not to be stored now; empty: there is no rest.
    pub stopped: String,
}
