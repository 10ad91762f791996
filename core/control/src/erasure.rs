//! SUMMARY    The erasure of a tenant as the control plane orders and sees it.
//! SECURITY   Numbers and times only: nothing here says whose the tenant was or what it had.
//! INVARIANTS An erasure that was begun is not taken back: the keys are destroyed. Its id is never used again.

use base::{TenantId, Timestamp};
use serde::{Deserialize, Serialize};

/// What is to be erased, and by whose order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErasureOrder {
    pub tenant: TenantId,
    /// Who orders it: a name that stands in the proof.
    pub by: String,
}

/// How far an erasure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErasurePhase {
    /// Keys are destroyed; rows of the tenant are being cleared.
    Rows,
    /// Rows of the system that speak of it are being cleared.
    System,
    /// Objects of its exports are being deleted.
    Objects,
    /// Packs that held its bytes are being written anew without them.
    Packs,
    /// The files of the store are made to forget.
    Files,
    Done,
}

impl ErasurePhase {
    pub const ALL: [ErasurePhase; 6] = [
        ErasurePhase::Rows,
        ErasurePhase::System,
        ErasurePhase::Objects,
        ErasurePhase::Packs,
        ErasurePhase::Files,
        ErasurePhase::Done,
    ];

    pub fn name(self) -> &'static str {
        match self {
            ErasurePhase::Rows => "rows",
            ErasurePhase::System => "system",
            ErasurePhase::Objects => "objects",
            ErasurePhase::Packs => "packs",
            ErasurePhase::Files => "files",
            ErasurePhase::Done => "done",
        }
    }
}

/// What was erased so far, by kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erased {
    /// Data keys: the tenant's, and one of each export that was not destroyed.
    pub keys: u64,
    pub accounts: u64,
    pub mailboxes: u64,
    pub emails: u64,
    /// Emails in no mailbox any more that were kept for their days.
    pub expunged: u64,
    pub queue_items: u64,
    /// What was remembered of outgoing mail that had ended.
    pub queue_ended: u64,
    pub exports: u64,
    pub export_objects: u64,
    pub blobs: u64,
    /// Sealed bytes.
    pub blob_bytes: u64,
    pub rows: u64,
    pub row_bytes: u64,
    pub system_rows: u64,
    pub domains: u64,
    pub addresses: u64,
    /// Packs that held bytes of the tenant, written anew and deleted.
    pub packs: u64,
    /// Packs that could not be read: what they have of it is sealed under the destroyed key.
    pub packs_left: u64,
}

/// An erasure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erasure {
    pub tenant: TenantId,
    pub phase: ErasurePhase,
    /// The point of no return: the commit that destroyed the keys.
    pub begun_at: Timestamp,
    pub ordered_by: String,
    /// Phases that have ended, in their order, and when.
    pub ended: Vec<(ErasurePhase, Timestamp)>,
    pub erased: Erased,
}
