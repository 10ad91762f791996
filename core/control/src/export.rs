//! SUMMARY    Exports of mailboxes as the control plane sees them: asked for, watched, steered, fetched.
//! SECURITY   Who may ask is the control plane's to know. An export is named by its tenant and its id: of another tenant there is no such export.
//! LIMITS     EXPORT_PAPER_BYTES_MAX, EXPORT_PAPERS_BYTES_MAX, EXPORT_PAPERS_MAX, EXPORT_PAPER_NAME_BYTES_MAX, EXPORT_PAPERS_PIECES_MAX
//! INVARIANTS An order is repeated harmlessly: its id is the control plane's, and what was taken once is not made twice.

use crate::DataType;
use base::{AccountId, JobId, TenantId, Timestamp};
use serde::{Deserialize, Serialize};

/// Bytes of one paper: what is longer becomes several.
pub const EXPORT_PAPER_BYTES_MAX: usize = 1 << 20;
/// Bytes of the papers that are told at once.
pub const EXPORT_PAPERS_BYTES_MAX: usize = 3 << 20;
/// Papers that are told at once.
pub const EXPORT_PAPERS_MAX: usize = 2_000;
/// Bytes of a paper's name.
pub const EXPORT_PAPER_NAME_BYTES_MAX: usize = 200;
/// Pieces in which the papers of one export are told.
pub const EXPORT_PAPERS_PIECES_MAX: u32 = 4_096;

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
    /// It does not begin before its papers are complete (`export_papers`, `export_papers_end`).
    #[serde(default)]
    pub papers: bool,
}

/// A document that goes into the archives beside the mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportPaper {
    /// The mailbox in whose folder it stands; `None`: it is the tenant's.
    pub account: Option<AccountId>,
    pub data: DataType,
    /// In that folder: one segment or several, none that the mail has.
    pub name: String,
    /// Lines of it, or 1.
    pub records: u64,
    /// EXPORT_PAPER_BYTES_MAX at most.
    pub bytes: Vec<u8>,
}

/// Some papers of an export, whole ones: EXPORT_PAPERS_BYTES_MAX together at most. All of an export, one after the other, have the tenant's first, then
/// those of mailboxes in order of ids; of each those of one type together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportPapers {
    pub tenant: TenantId,
    pub job: JobId,
    /// Drawn by who tells them, for each time that they are told from the beginning.
    pub attempt: u64,
    /// From 0.
    pub number: u32,
    pub papers: Vec<ExportPaper>,
}

/// That was all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportPapersEnd {
    pub tenant: TenantId,
    pub job: JobId,
    pub attempt: u64,
    /// How many pieces there were.
    pub pieces: u32,
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
