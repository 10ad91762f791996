//! SUMMARY    Exports of mailboxes as the control plane sees them: asked for, watched, steered, fetched.
//! SECURITY   Who may ask is the control plane's to know. An export is named by its tenant and its id: of another tenant there is no such export.
//! INVARIANTS An order is repeated harmlessly: its id is the control plane's, and what was taken once is not made twice.

use base::{AccountId, JobId, TenantId, Timestamp};
use serde::{Deserialize, Serialize};

/// How messages stand in the archives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExportShape {
    /// A file for each mailbox (mboxrd).
    Mbox,
    /// A folder for each mailbox, a file for each message (Maildir++).
    Maildir,
}

/// An export to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportOrder {
    pub tenant: TenantId,
    pub job: JobId,
    /// Empty: all of the tenant's that can be exported.
    pub accounts: Vec<AccountId>,
    pub shape: ExportShape,
    /// How long its files can be fetched once it is ready.
    pub keep_days: u32,
    pub asked_by: String,
    pub reason: String,
}

/// Where an export stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExportPhase {
    /// Nobody began yet.
    Queued,
    /// Its accounts are pinned and listed.
    Listing,
    Writing,
    /// What was written is read back.
    Verifying,
    /// Its files can be fetched.
    Ready,
    /// It goes on when it is resumed.
    Failed,
    /// Destroyed before it was ready.
    Cancelled,
    /// Destroyed.
    Shredded,
}

impl ExportPhase {
    /// Whether there is something to be made.
    pub fn is_under_way(self) -> bool {
        matches!(self, ExportPhase::Queued | ExportPhase::Listing | ExportPhase::Writing | ExportPhase::Verifying)
    }
}

/// How far an export is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportStanding {
    pub phase: ExportPhase,
    /// It waits until it is resumed.
    pub paused: bool,
    pub accounts: u32,
    pub accounts_listed: u32,
    /// Emails in mailboxes and bytes of their messages, of the accounts that are listed; and how much of it is written.
    pub emails: u64,
    pub bytes: u64,
    pub emails_done: u64,
    pub bytes_done: u64,
    /// Messages that could not be read.
    pub problems: u64,
    pub file_bytes: u64,
    /// The moment that it is of.
    pub pinned_at: Option<Timestamp>,
    pub ready_at: Option<Timestamp>,
    /// When it is destroyed.
    pub expires_at: Option<Timestamp>,
    /// What went wrong last, or what is not in it; empty: nothing.
    pub why: String,
}

/// What its owner wants of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExportWish {
    Run,
    Pause,
    /// What was made is destroyed.
    Cancel,
}

/// Says what is wanted of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportSteer {
    pub tenant: TenantId,
    pub job: JobId,
    pub wish: ExportWish,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExportSteered {
    Done(Box<ExportStanding>),
    /// It is past that: why.
    Refused(String),
    Unknown,
}

/// A file of an export that can be fetched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportedFile {
    pub name: String,
    pub bytes: u64,
    /// SHA-256.
    pub sha256: [u8; 32],
}

/// Bytes of a file: from one on, as many as the data plane gives at once, up to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportPiece {
    pub tenant: TenantId,
    pub job: JobId,
    pub name: String,
    pub from: u64,
    pub to: u64,
}
