//! SUMMARY    The stored records of exports.
//! INVARIANTS Those of `record`.

use prost::Message;

/// An export: what was asked for, and how far it is.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ExportRecord {
    /// Fencing token of the lease; rises with every lease.
    #[prost(uint64, tag = "1")]
    pub token: u64,
    /// When the lease ends; 0 = nobody has it.
    #[prost(sint64, tag = "2")]
    pub until_ms: i64,
    /// `Phase`.
    #[prost(uint32, tag = "3")]
    pub phase: u32,
    /// `Wish`.
    #[prost(uint32, tag = "4")]
    pub wish: u32,
    /// Seals the segments; wrapped. Empty once it is destroyed.
    #[prost(bytes = "vec", tag = "5")]
    pub key: Vec<u8>,
    /// `Shape`.
    #[prost(uint32, tag = "6")]
    pub shape: u32,
    #[prost(uint64, tag = "7")]
    pub archive_bytes_max: u64,
    #[prost(string, tag = "8")]
    pub asked_by: String,
    #[prost(string, tag = "9")]
    pub reason: String,
    #[prost(sint64, tag = "10")]
    pub created_ms: i64,
    /// When all accounts were pinned; 0 = not yet.
    #[prost(sint64, tag = "11")]
    pub pinned_ms: i64,
    #[prost(sint64, tag = "12")]
    pub ready_ms: i64,
    /// When it is to be shredded; 0 = not known yet.
    #[prost(sint64, tag = "13")]
    pub expires_ms: i64,
    #[prost(uint32, tag = "14")]
    pub keep_days: u32,
    #[prost(uint32, tag = "15")]
    pub accounts: u32,
    /// Accounts whose listing is complete.
    #[prost(uint32, tag = "16")]
    pub listed: u32,
    /// Emails in mailboxes and bytes of their messages, of the accounts that are listed.
    #[prost(uint64, tag = "17")]
    pub emails: u64,
    #[prost(uint64, tag = "18")]
    pub bytes: u64,
    /// The same of what is written.
    #[prost(uint64, tag = "19")]
    pub emails_done: u64,
    #[prost(uint64, tag = "20")]
    pub bytes_done: u64,
    #[prost(uint64, tag = "21")]
    pub problems: u64,
    /// What went wrong last; empty = nothing.
    #[prost(string, tag = "22")]
    pub why: String,
    #[prost(uint32, tag = "23")]
    pub failures: u32,
    /// Not before.
    #[prost(sint64, tag = "24")]
    pub due_ms: i64,
    /// Files that are complete.
    #[prost(uint32, tag = "25")]
    pub files: u32,
    /// What they have together.
    #[prost(uint64, tag = "26")]
    pub file_bytes: u64,
    /// Who has the lease; 0 = a process that never joined.
    #[prost(fixed64, tag = "27")]
    pub node: u64,
    /// `Papers`: whether it has any, and whether all are there.
    #[prost(uint32, tag = "28")]
    pub papers: u32,
}

/// A document of the control plane, among those of a segment.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct PaperRecord {
    /// Whose folder it is in; none: the tenant's.
    #[prost(fixed64, optional, tag = "1")]
    pub account: Option<u64>,
    /// The type of data, as the register names it.
    #[prost(string, tag = "2")]
    pub data: String,
    #[prost(string, tag = "3")]
    pub name: String,
    #[prost(uint64, tag = "4")]
    pub records: u64,
    #[prost(bytes = "bytes", tag = "5")]
    pub bytes: bytes::Bytes,
}

/// An account of an export, and what its listing is.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ExportAccountRecord {
    #[prost(uint64, tag = "1")]
    pub account: u64,
    /// The version that is exported; 0 = not listed yet.
    #[prost(uint64, tag = "2")]
    pub modseq: u64,
    #[prost(sint64, tag = "3")]
    pub pinned_ms: i64,
    #[prost(uint64, tag = "4")]
    pub emails: u64,
    #[prost(uint64, tag = "5")]
    pub bytes: u64,
}

/// A file of an export that is complete.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ExportFileRecord {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(uint64, tag = "2")]
    pub bytes: u64,
    #[prost(bytes = "vec", tag = "3")]
    pub sha256: Vec<u8>,
    /// Listed emails that are in this file or one before, and problems.
    #[prost(uint64, tag = "4")]
    pub rows: u64,
    #[prost(uint64, tag = "5")]
    pub problems: u64,
}

/// A segment of an export, sealed, as an object.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct SegmentRecord {
    /// Lease under which it was put: part of the object's name.
    #[prost(uint64, tag = "1")]
    pub token: u64,
    /// Plain bytes.
    #[prost(uint32, tag = "2")]
    pub bytes: u32,
    /// BLAKE3 of them.
    #[prost(bytes = "vec", tag = "3")]
    pub hash: Vec<u8>,
    /// Of papers: the attempt that told them.
    #[prost(fixed64, tag = "4")]
    pub attempt: u64,
}
