//! SUMMARY    What the data plane tells the control plane: thresholds that were crossed, limits that were met.
//! INVARIANTS An event has a rising number; telling it twice is harmless, since the number is the same.

use base::{AccountId, JobId, TenantId, Timestamp};
use serde::{Deserialize, Serialize};

/// Something that happened in the data plane and that people or programs want to hear of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Rises from event to event; zero is none.
    pub seq: u64,
    pub at: Timestamp,
    pub tenant: TenantId,
    /// The account it is about; `None`: the tenant as a whole.
    pub account: Option<AccountId>,
    pub kind: EventKind,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum EventKind {
    /// Stored bytes rose to so many percent (80, 95, 100) of the limit.
    QuotaReached { percent: u32, used_bytes: u64, limit_bytes: u64 },
    /// Stored bytes fell below the lowest threshold again.
    QuotaRelieved { used_bytes: u64, limit_bytes: u64 },
    /// A submission was refused by a sending limit; told once for each limit and its period.
    SendLimitReached { limit: String },
    /// The files of an export can be fetched.
    ExportReady { job: JobId, emails: u64, file_bytes: u64, problems: u64, expires_at: Timestamp },
    /// An export waits until it is resumed.
    ExportFailed { job: JobId, why: String },
    /// The key of an export is destroyed.
    ExportDestroyed { job: JobId },
    /// A migration waits until it is resumed.
    MigrationFailed { job: JobId, why: String },
    /// The secret of a migration is destroyed. `why`: what ended it; empty: somebody asked for it.
    MigrationEnded { job: JobId, brought: u64, bytes: u64, problems: u64, why: String },
}
