//! SUMMARY    Outgoing mail as the control plane sees it: what waits, what ended, and what may be done about an item.
//! SECURITY   Texts of remote hosts are here as they were given, cut: who shows them escapes them. No bytes of messages.
//! INVARIANTS An item is named by its tenant and its id: of another tenant there is no such item.

use base::{AccountId, QueueId, TenantId, Timestamp};
use serde::{Deserialize, Serialize};

/// Where an item stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum QueueState {
    /// Waits for its first or next attempt.
    Waiting,
    /// An attempt is under way.
    UnderWay,
    /// Put aside: by a hold on who sent it, or by a person.
    Parked,
    /// Nothing of it waits any more.
    Ended,
}

/// What became of a recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum QueueFate {
    Waiting,
    Delivered,
    Failed,
    Cancelled,
}

/// A recipient with the last answer that was had for it; empty texts: none yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueRecipient {
    pub address: String,
    pub fate: QueueFate,
    /// Name and address of the remote host; empty: it was decided here.
    pub host: String,
    /// Code and text: `450 4.2.0 later`.
    pub reply: String,
    /// Enhanced status code (RFC 3463).
    pub status: String,
    pub at: Option<Timestamp>,
}

/// What one attempt was answered for some recipients.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueAnswer {
    pub at: Timestamp,
    /// Number of the attempt, from 1.
    pub attempt: u32,
    pub host: String,
    pub reply: String,
    pub status: String,
    /// Recipients that were answered so.
    pub recipients: u32,
}

/// A message on its way to one domain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueItem {
    pub id: QueueId,
    pub tenant: TenantId,
    /// Who submitted it; `None`: forwarded, or written by the server.
    pub account: Option<AccountId>,
    /// Empty: the null sender.
    pub sender: String,
    pub domain: String,
    pub recipients: Vec<QueueRecipient>,
    /// As the message has it; empty: it has none, or was queued by an older release.
    pub message_id: String,
    pub size_bytes: u64,
    pub state: QueueState,
    pub attempts: u32,
    /// The latest, oldest first.
    pub answers: Vec<QueueAnswer>,
    pub created_at: Timestamp,
    /// `None`: none is to come.
    pub next_attempt_at: Option<Timestamp>,
    /// When it is given up. The clock stands still while the item is parked.
    pub expires_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    /// Why it is parked; empty: it is not.
    pub parked_reason: String,
    /// Whether a person put it aside, and not a hold on who sent it.
    pub held_by_hand: bool,
    /// Why it is to be returned to its sender at the next attempt; empty: it is not.
    pub return_reason: String,
}

/// Which items: those that meet every condition.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueFilter {
    pub item: Option<QueueId>,
    /// Domain it goes to.
    pub domain: Option<String>,
    /// Envelope sender, as a whole.
    pub sender: Option<String>,
    /// One of the recipients, as a whole.
    pub recipient: Option<String>,
    /// With or without its angle brackets.
    pub message_id: Option<String>,
    pub state: Option<QueueState>,
}

/// Where a page ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueuePlace {
    pub tenant: TenantId,
    /// When the item ended; zero of what waits.
    pub ended_ms: i64,
    pub item: QueueId,
}

/// A page that is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueAsked {
    pub tenant: TenantId,
    /// Items of the tenants below too, in order of tenant and item; of what ended there is one tenant's only.
    pub below: bool,
    /// What ended lately instead of what waits, newest first.
    pub ended: bool,
    pub filter: QueueFilter,
    pub after: Option<QueuePlace>,
    pub limit: u32,
}

/// A page. With a `next` there may be more: also behind an empty page, as only so many items are looked at for each.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueuePage {
    pub items: Vec<QueueItem>,
    pub next: Option<QueuePlace>,
}

/// What is to be done about an item. Each may be asked again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum QueueAction {
    /// Tried now. What a hold or a person keeps waits all the same.
    Retry,
    /// Put aside until it is released.
    Hold { reason: String },
    /// Goes on, if a person had put it aside.
    Release,
    /// Not sent: its sender gets it back with the reason.
    Return { reason: String },
    /// Not sent, and nobody is told.
    Drop,
}

/// One action on one item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueOrder {
    pub tenant: TenantId,
    pub item: QueueId,
    pub action: QueueAction,
    /// Only say what would be.
    pub dry_run: bool,
}

/// What an order did, durably.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum QueueActed {
    /// As the item is now.
    Done(Box<QueueItem>),
    /// An attempt is under way: nothing was changed.
    UnderWay,
    /// The tenant has no such item that waits.
    Unknown,
}
