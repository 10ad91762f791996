//! SUMMARY    Stored records of the blob tier: meta of a blob, info of a pack, mark of a staging.
//! INVARIANTS One version byte, then prost. Field numbers are never reused.

use super::BlobError;
use crate::kv::PageLimit;
use base::Timestamp;
use bytes::Bytes;
use prost::Message;
use std::fmt;

const VERSION: u8 = 1;

/// Name of a pack object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PackId(pub [u8; 16]);

impl fmt::Display for PackId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Where a blob's sealed blocks are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// The only block, in the meta record: one read brings both.
    Meta(Bytes),
    /// Data rows, one a block.
    Kv,
    /// One after another in a pack object.
    Pack { pack: PackId, offset: u64 },
}

/// What is known of a blob without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobMeta {
    /// Plain bytes.
    pub size: u64,
    /// Sealed bytes of each block.
    pub block_bytes: Vec<u32>,
    pub sealed_by: u32,
    pub created: Timestamp,
    pub location: Location,
}

#[derive(Clone, PartialEq, Message)]
struct MetaRecord {
    #[prost(uint64, tag = "1")]
    plain_bytes: u64,
    #[prost(uint32, repeated, tag = "2")]
    block_bytes: Vec<u32>,
    #[prost(uint32, tag = "3")]
    sealed_by: u32,
    #[prost(int64, tag = "4")]
    created_ms: i64,
    #[prost(bytes = "vec", tag = "5")]
    pack: Vec<u8>,
    #[prost(uint64, tag = "6")]
    pack_offset: u64,
    #[prost(bytes = "bytes", tag = "7")]
    block: Bytes,
}

pub(super) fn encode(record: &impl Message) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(1 + record.encoded_len());
    bytes.push(VERSION);
    bytes.extend_from_slice(&record.encode_to_vec());
    bytes
}

pub(super) fn decode<R: Message + Default>(bytes: &[u8]) -> Result<R, BlobError> {
    match bytes.split_first() {
        Some((&VERSION, record)) => R::decode(record).map_err(|_| BlobError::Corrupt("record")),
        Some(_) | None => Err(BlobError::Corrupt("record version")),
    }
}

impl BlobMeta {
    /// Bytes as stored.
    pub fn stored_bytes(&self) -> u64 {
        self.block_bytes.iter().map(|bytes| u64::from(*bytes)).sum()
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let (pack, pack_offset, block) = match &self.location {
            Location::Kv => (Vec::new(), 0, Bytes::new()),
            Location::Meta(block) => (Vec::new(), 0, block.clone()),
            Location::Pack { pack, offset } => (pack.0.to_vec(), *offset, Bytes::new()),
        };
        encode(&MetaRecord {
            plain_bytes: self.size,
            block_bytes: self.block_bytes.clone(),
            sealed_by: self.sealed_by,
            created_ms: self.created.0,
            pack,
            pack_offset,
            block,
        })
    }

    pub(super) fn decode(bytes: &Bytes) -> Result<Self, BlobError> {
        if bytes.first() != Some(&VERSION) {
            return Err(BlobError::Corrupt("record version"));
        }
        // From shared bytes, so that a block in the record is not copied.
        let record = MetaRecord::decode(bytes.slice(1..)).map_err(|_| BlobError::Corrupt("record"))?;
        let location = if !record.block.is_empty() {
            Location::Meta(record.block)
        } else if record.pack.is_empty() {
            Location::Kv
        } else {
            let pack = record.pack.try_into().map_err(|_| BlobError::Corrupt("pack id"))?;
            Location::Pack { pack: PackId(pack), offset: record.pack_offset }
        };
        Ok(BlobMeta {
            size: record.plain_bytes,
            block_bytes: record.block_bytes,
            sealed_by: record.sealed_by,
            created: Timestamp(record.created_ms),
            location,
        })
    }
}

/// A pack object that exists, or is about to.
#[derive(Clone, PartialEq, Message)]
pub(super) struct PackInfo {
    /// Bytes of all blobs put in it.
    #[prost(uint64, tag = "1")]
    pub blob_bytes: u64,
    #[prost(uint64, tag = "2")]
    pub object_bytes: u64,
    #[prost(int64, tag = "3")]
    pub created_ms: i64,
}

/// A staging in rows under way.
#[derive(Clone, PartialEq, Message)]
pub(super) struct StageRecord {
    /// Tells one staging of a blob from another.
    #[prost(fixed64, tag = "1")]
    pub staging: u64,
    #[prost(int64, tag = "2")]
    pub at_ms: i64,
    /// All data keys of the blob start with it.
    #[prost(bytes = "vec", tag = "3")]
    pub data_prefix: Vec<u8>,
}

/// A pack object that nothing refers to any more.
#[derive(Clone, PartialEq, Message)]
pub(super) struct DeadPack {
    #[prost(int64, tag = "1")]
    pub at_ms: i64,
}

/// One page of a maintenance scan.
pub(super) const SCAN_PAGE: PageLimit = PageLimit::rows(1_000);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metas_round_trip_and_keep_their_encoding() {
        let mut meta = BlobMeta {
            size: 70_000,
            block_bytes: vec![4_000, 17],
            sealed_by: 7,
            created: Timestamp(1_700_000_000_000),
            location: Location::Kv,
        };
        let decode = |bytes: &[u8]| BlobMeta::decode(&Bytes::copy_from_slice(bytes));
        assert_eq!(decode(&meta.encode()).unwrap(), meta);
        // As written by the first release: this must be read for ever.
        let first = [1, 8, 240, 162, 4, 18, 3, 160, 31, 17, 24, 7, 32, 128, 208, 149, 255, 188, 49];
        assert_eq!(meta.encode(), first);
        meta.location = Location::Pack { pack: PackId([9; 16]), offset: 8 };
        assert_eq!(decode(&meta.encode()).unwrap(), meta);
        meta.location = Location::Meta(Bytes::from_static(b"sealed"));
        assert_eq!(decode(&meta.encode()).unwrap(), meta);
        assert!(decode(&[2, 1]).is_err() && decode(&[]).is_err());
    }
}
