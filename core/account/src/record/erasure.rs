//! SUMMARY    The stored record of a tenant's erasure.
//! INVARIANTS Those of `record`.

use prost::Message;

/// How far the erasure of a tenant is, and what it has erased.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ErasureRecord {
    /// `Phase`.
    #[prost(uint32, tag = "1")]
    pub phase: u32,
    /// The point of no return: when the keys were destroyed.
    #[prost(sint64, tag = "2")]
    pub begun_ms: i64,
    #[prost(string, tag = "3")]
    pub asked_by: String,
    /// Behind which key the scan under way goes on.
    #[prost(bytes = "vec", tag = "4")]
    pub reached: Vec<u8>,
    /// When each phase ended, in their order; missing = not yet.
    #[prost(sint64, repeated, tag = "5")]
    pub ended_ms: Vec<i64>,
    #[prost(uint64, tag = "6")]
    pub accounts: u64,
    #[prost(uint64, tag = "7")]
    pub mailboxes: u64,
    #[prost(uint64, tag = "8")]
    pub emails: u64,
    /// In no mailbox any more, and kept for their days.
    #[prost(uint64, tag = "9")]
    pub expunged: u64,
    #[prost(uint64, tag = "10")]
    pub queue_items: u64,
    #[prost(uint64, tag = "11")]
    pub queue_ended: u64,
    #[prost(uint64, tag = "12")]
    pub exports: u64,
    #[prost(uint64, tag = "13")]
    pub blobs: u64,
    /// Sealed bytes of blobs.
    #[prost(uint64, tag = "14")]
    pub blob_bytes: u64,
    /// Rows below the tenant's prefix, all kinds together, and the bytes of their keys and values.
    #[prost(uint64, tag = "15")]
    pub rows: u64,
    #[prost(uint64, tag = "16")]
    pub row_bytes: u64,
    /// Rows of the system that spoke of the tenant, without the next two.
    #[prost(uint64, tag = "17")]
    pub system_rows: u64,
    #[prost(uint64, tag = "18")]
    pub domains: u64,
    #[prost(uint64, tag = "19")]
    pub addresses: u64,
    /// Objects of exports.
    #[prost(uint64, tag = "20")]
    pub objects: u64,
    /// Packs that held bytes of the tenant and are gone.
    #[prost(uint64, tag = "21")]
    pub packs: u64,
    /// Packs that could not be read and stay: what they have of the tenant is sealed under the destroyed key.
    #[prost(uint64, tag = "22")]
    pub packs_left: u64,
    #[prost(uint64, tag = "23")]
    pub keys: u64,
}
