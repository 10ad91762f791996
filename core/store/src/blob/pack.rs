//! SUMMARY    The format of a pack object: sealed blobs one after another, then an index that says what they are.
//! LIMITS     PACK_BYTES_MAX
//! INVARIANTS Bytes are moved as they are: packing needs no key. Every blob and the index carry a checksum.
//!
//! `PHPACK1\n` | blobs | index (prost) | index bytes u32 | blake3 of the index, 16 bytes | `PHPACKIX`

use super::{BlobError, BlobMeta, PackId};
use bytes::Bytes;
use prost::Message;

const HEAD: &[u8; 8] = b"PHPACK1\n";
const TAIL: &[u8; 8] = b"PHPACKIX";
const TRAILER_BYTES: usize = 4 + 16 + 8;

/// What the index takes for a blob and for each of its blocks, about: a pack of one big blob is not moved for it.
const INDEX_ROW_BYTES: usize = 256;
const INDEX_BLOCK_BYTES: usize = 5;

/// A blob in a pack.
#[derive(Clone, PartialEq, Message)]
pub(super) struct PackEntry {
    /// Absolute key of its meta record, from which a lost index in the Kv could be rebuilt.
    #[prost(bytes = "vec", tag = "1")]
    pub meta_key: Vec<u8>,
    #[prost(uint64, tag = "2")]
    pub offset: u64,
    #[prost(uint32, repeated, tag = "3")]
    pub block_bytes: Vec<u32>,
    #[prost(uint64, tag = "4")]
    pub plain_bytes: u64,
    #[prost(uint32, tag = "5")]
    pub sealed_by: u32,
    #[prost(int64, tag = "6")]
    pub created_ms: i64,
    #[prost(bytes = "vec", tag = "7")]
    pub checksum: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct PackIndex {
    #[prost(message, repeated, tag = "1")]
    entries: Vec<PackEntry>,
}

/// A blob that was put in a pack and whose meta is to follow.
#[derive(Debug, Clone)]
pub(super) struct Moved {
    pub meta_key: Vec<u8>,
    /// What its data keys start with, if it comes from the Kv.
    pub data_of: Option<Vec<u8>>,
    /// Meta as it was when the bytes were read.
    pub from: BlobMeta,
    pub offset: u64,
}

/// A pack in the making.
pub(super) struct PackBuilder {
    pub pack: PackId,
    pub moved: Vec<Moved>,
    bytes: Vec<u8>,
    index: PackIndex,
}

fn checksum(bytes: &[u8]) -> [u8; 16] {
    let hash = blake3::hash(bytes);
    hash.as_bytes().first_chunk::<16>().copied().unwrap_or_default()
}

impl PackBuilder {
    pub(super) fn new(pack: PackId) -> Self {
        PackBuilder { pack, moved: Vec::new(), bytes: HEAD.to_vec(), index: PackIndex::default() }
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.moved.is_empty()
    }

    /// Bytes of the blobs alone.
    pub(super) fn blob_bytes(&self) -> u64 {
        (self.bytes.len() - HEAD.len()) as u64
    }

    /// Where in the object it begins.
    pub(super) fn push<'a>(
        &mut self,
        meta_key: Vec<u8>,
        data_of: Option<Vec<u8>>,
        from: BlobMeta,
        blocks: impl IntoIterator<Item = &'a [u8]>,
    ) -> u64 {
        let start = self.bytes.len();
        let room = usize::try_from(from.stored_bytes()).unwrap_or_default() + INDEX_ROW_BYTES;
        self.bytes.reserve(room + from.block_bytes.len() * INDEX_BLOCK_BYTES);
        for block in blocks {
            self.bytes.extend_from_slice(block);
        }
        let offset = start as u64;
        self.index.entries.push(PackEntry {
            meta_key: meta_key.clone(),
            offset,
            block_bytes: from.block_bytes.clone(),
            plain_bytes: from.size,
            sealed_by: from.sealed_by,
            created_ms: from.created.0,
            checksum: checksum(self.bytes.get(start..).unwrap_or_default()).to_vec(),
        });
        self.moved.push(Moved { meta_key, data_of, from, offset });
        offset
    }

    /// The object, and what is in it.
    pub(super) fn finish(mut self) -> (Bytes, Vec<Moved>) {
        let index = self.index.encode_to_vec();
        self.bytes.extend_from_slice(&index);
        self.bytes.extend_from_slice(&u32::try_from(index.len()).unwrap_or(u32::MAX).to_be_bytes());
        self.bytes.extend_from_slice(&checksum(&index));
        self.bytes.extend_from_slice(TAIL);
        (Bytes::from(self.bytes), self.moved)
    }
}

/// What a whole pack object holds, by its index.
pub(super) fn parse(object: &[u8]) -> Result<Vec<PackEntry>, BlobError> {
    let body = object.strip_prefix(HEAD.as_slice()).and_then(|rest| rest.strip_suffix(TAIL.as_slice()));
    let body = body.ok_or(BlobError::Corrupt("pack: not a pack"))?;
    let at = body.len().checked_sub(TRAILER_BYTES - TAIL.len()).ok_or(BlobError::Corrupt("pack: no trailer"))?;
    let (body, trailer) = body.split_at(at);
    let (length, sum) = trailer.split_at(4);
    let length = length.try_into().map(u32::from_be_bytes).map_err(|_| BlobError::Corrupt("pack: no trailer"))?;
    let at = body.len().checked_sub(length as usize).ok_or(BlobError::Corrupt("pack: index length"))?;
    let (_, index) = body.split_at(at);
    if checksum(index) != sum {
        return Err(BlobError::Corrupt("pack: index checksum"));
    }
    PackIndex::decode(index).map(|index| index.entries).map_err(|_| BlobError::Corrupt("pack: index"))
}

/// The sealed bytes of `entry` in a whole pack object.
pub(super) fn blob_in<'a>(object: &'a [u8], entry: &PackEntry) -> Result<&'a [u8], BlobError> {
    let bytes = entry.block_bytes.iter().map(|bytes| u64::from(*bytes)).sum::<u64>();
    let at = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
    let found = object.get(at(entry.offset)..at(entry.offset.saturating_add(bytes)));
    let found = found.ok_or(BlobError::Corrupt("pack: an entry beyond the end"))?;
    if checksum(found) == entry.checksum.as_slice() {
        Ok(found)
    } else {
        Err(BlobError::Corrupt("pack: blob checksum"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blob::TenantKey;

    #[test]
    fn packs_say_what_they_hold_and_notice_damage() {
        let key = TenantKey::new([1; 32]);
        let mut builder = PackBuilder::new(PackId([7; 16]));
        for n in 0..3_u8 {
            let sealed = key.seal(&vec![n; 90_000]);
            builder.push(vec![n], None, sealed.meta(base::Timestamp(5)), sealed.blocks.iter().map(Vec::as_slice));
        }
        let (object, moved) = builder.finish();
        let entries = parse(&object).unwrap();
        assert_eq!(entries.len(), 3);
        for (entry, moved) in entries.iter().zip(&moved) {
            assert_eq!((entry.offset, &entry.block_bytes), (moved.offset, &moved.from.block_bytes));
            assert!(blob_in(&object, entry).is_ok());
        }
        for at in [3, entries[1].offset as usize + 1, object.len() - 40, object.len() - 25, object.len() - 1] {
            let mut bad = object.to_vec();
            bad[at] ^= 1;
            let whole =
                parse(&bad).and_then(|entries| entries.iter().try_for_each(|entry| blob_in(&bad, entry).map(|_| ())));
            assert!(whole.is_err(), "byte {at}");
        }
        for length in 0..object.len().min(200) {
            assert!(parse(&object[..length]).is_err());
        }
    }
}
