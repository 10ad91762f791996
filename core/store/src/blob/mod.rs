//! SUMMARY    Immutable bytes of a tenant: sealed, content-addressed within the tenant, kept in the Kv until packed.
//! LIMITS     BLOB_BLOCK_BYTES, BLOB_INLINE_BYTES_MAX
//! INVARIANTS A blob lives while it has a link. Its reference is a keyed hash: the same bytes of two tenants share neither
//!            reference, nor key, nor ciphertext. Key prefixes are given by the caller; nothing here spells a tag.

mod objects;
mod seal;

pub use objects::{FsObjects, Objects, ObjectsError};
pub use seal::{BlobRef, Sealed, TenantKey};

use crate::kv::{CommitError, KeyRange, Kv, KvTxn, PageLimit, Read, ReadError};
use base::Timestamp;
use bytes::{Bytes, BytesMut};
use prost::Message;
use std::{fmt, ops::Range, sync::Arc};

/// Blocks written by one staging transaction.
const STAGE_BLOCKS_PER_TXN: usize = 64;
/// Version byte of a stored meta record.
const META_VERSION: u8 = 1;

/// Absolute key prefixes of one tenant's blobs; made by the owner of the key registry.
#[derive(Debug, Clone)]
pub struct BlobSpace {
    /// `<meta><ref 32>` -> BlobMeta.
    pub meta_prefix: Vec<u8>,
    /// `<data><ref 32><block 4>` -> sealed block, while the blob is in the Kv.
    pub data_prefix: Vec<u8>,
    /// `<link><ref 32><owner>` -> ().
    pub link_prefix: Vec<u8>,
    /// `<pack>…` -> pack info; shared by all tenants.
    pub pack_prefix: Vec<u8>,
    /// `<staging>…` -> blob staged before its meta is written; shared by all tenants.
    pub staging_prefix: Vec<u8>,
}

/// Where a blob's sealed blocks are.
#[derive(Clone, PartialEq, Message)]
pub struct BlobMeta {
    /// Plain size, bytes.
    #[prost(uint64, tag = "1")]
    pub size: u64,
    /// Stored length of each block, bytes.
    #[prost(uint32, repeated, tag = "2")]
    pub blocks: Vec<u32>,
    /// Pack object that holds the blocks one after the other; empty = in the Kv.
    #[prost(string, tag = "3")]
    pub pack: String,
    /// Offset of the first block in the pack.
    #[prost(uint64, tag = "4")]
    pub offset: u64,
}

/// Why a blob operation failed.
#[derive(Debug)]
pub enum BlobError {
    /// No such blob in this tenant.
    NotFound,
    /// Stored bytes do not open or do not fit their record.
    Corrupt(&'static str),
    Read(ReadError),
    Commit(CommitError),
    Objects(ObjectsError),
}

impl fmt::Display for BlobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BlobError::NotFound => f.write_str("no such blob"),
            BlobError::Corrupt(what) => write!(f, "damaged blob: {what}"),
            BlobError::Read(e) => e.fmt(f),
            BlobError::Commit(e) => e.fmt(f),
            BlobError::Objects(e) => e.fmt(f),
        }
    }
}
impl std::error::Error for BlobError {}
impl From<ReadError> for BlobError {
    fn from(e: ReadError) -> Self {
        BlobError::Read(e)
    }
}
impl From<CommitError> for BlobError {
    fn from(e: CommitError) -> Self {
        BlobError::Commit(e)
    }
}
impl From<ObjectsError> for BlobError {
    fn from(e: ObjectsError) -> Self {
        BlobError::Objects(e)
    }
}

fn joined(prefix: &[u8], rest: &[&[u8]]) -> Vec<u8> {
    let mut key = prefix.to_vec();
    rest.iter().for_each(|part| key.extend_from_slice(part));
    key
}

impl BlobSpace {
    fn meta(&self, blob: &BlobRef) -> Vec<u8> {
        joined(&self.meta_prefix, &[&blob.0])
    }
    fn block(&self, blob: &BlobRef, block: u32) -> Vec<u8> {
        joined(&self.data_prefix, &[&blob.0, &block.to_be_bytes()])
    }
    fn blocks(&self, blob: &BlobRef) -> KeyRange {
        KeyRange::prefix(&joined(&self.data_prefix, &[&blob.0]))
    }
    fn link(&self, blob: &BlobRef, owner: &[u8]) -> Vec<u8> {
        joined(&self.link_prefix, &[&blob.0, owner])
    }
    fn links(&self, blob: &BlobRef) -> KeyRange {
        KeyRange::prefix(&joined(&self.link_prefix, &[&blob.0]))
    }
    fn staging(&self, blob: &BlobRef) -> Vec<u8> {
        joined(&self.staging_prefix, &[&self.meta(blob)])
    }
}

pub(crate) fn encode_meta(meta: &BlobMeta) -> Vec<u8> {
    let mut out = Vec::with_capacity(meta.encoded_len() + 1);
    out.push(META_VERSION);
    meta.encode_raw(&mut out);
    out
}

pub(crate) fn decode_meta(bytes: &[u8]) -> Result<BlobMeta, BlobError> {
    match bytes.split_first() {
        Some((&META_VERSION, body)) => BlobMeta::decode(body).map_err(|_| BlobError::Corrupt("meta record")),
        _ => Err(BlobError::Corrupt("meta version")),
    }
}

/// Writes the blob unless the tenant has it already. A staged blob only gets its meta.
pub async fn put(txn: &mut dyn KvTxn, space: &BlobSpace, sealed: &Sealed) -> Result<(), BlobError> {
    let key = space.meta(&sealed.blob());
    if txn.get(&key, Read::Serializable).await?.is_some() {
        return Ok(());
    }
    let staged = sealed.stored_bytes() > base::limits::BLOB_INLINE_BYTES_MAX;
    if staged {
        let marker = space.staging(&sealed.blob());
        // The sweep removes marker and blocks together: no marker, no blocks.
        txn.get(&marker, Read::Serializable).await?.ok_or(BlobError::Corrupt("a big blob that was not staged"))?;
        txn.clear(&marker);
    } else {
        for (n, block) in (0u32..).zip(sealed.blocks()) {
            txn.set(&space.block(&sealed.blob(), n), block);
        }
    }
    let blocks = sealed.blocks().map(|b| b.len() as u32).collect();
    txn.set(&key, &encode_meta(&BlobMeta { size: sealed.size(), blocks, pack: String::new(), offset: 0 }));
    Ok(())
}

/// Notes that `owner` needs the blob.
pub fn link(txn: &mut dyn KvTxn, space: &BlobSpace, blob: &BlobRef, owner: &[u8]) {
    txn.set(&space.link(blob, owner), &[]);
}

/// Takes a link away; with the last one the blob goes, in the same transaction.
pub async fn unlink(txn: &mut dyn KvTxn, space: &BlobSpace, blob: &BlobRef, owner: &[u8]) -> Result<(), BlobError> {
    txn.clear(&space.link(blob, owner));
    let left = txn.range(&space.links(blob), PageLimit::rows(1), false, Read::Serializable).await?;
    if !left.rows.is_empty() {
        return Ok(());
    }
    let key = space.meta(blob);
    let Some(stored) = txn.get(&key, Read::Serializable).await? else { return Ok(()) };
    let meta = decode_meta(&stored)?;
    txn.clear(&key);
    if meta.pack.is_empty() {
        for n in 0..meta.blocks.len() as u32 {
            txn.clear(&space.block(blob, n));
        }
    } else {
        let freed: i64 = meta.blocks.iter().map(|b| i64::from(*b)).sum();
        txn.add(&joined(&space.pack_prefix, &[b"l", meta.pack.as_bytes()]), -freed);
    }
    Ok(())
}

/// Reads a blob, or a range of its plain bytes (clamped to its size).
pub async fn get(
    txn: &mut dyn KvTxn,
    objects: &dyn Objects,
    space: &BlobSpace,
    key: &TenantKey,
    blob: &BlobRef,
    range: Option<Range<u64>>,
) -> Result<Bytes, BlobError> {
    let stored = txn.get(&space.meta(blob), Read::Snapshot).await?.ok_or(BlobError::NotFound)?;
    let meta = decode_meta(&stored)?;
    let want = match range {
        Some(r) => r.start.min(meta.size)..r.end.min(meta.size),
        None => 0..meta.size,
    };
    if want.start >= want.end {
        return Ok(Bytes::new());
    }
    let block_bytes = seal::BLOCK_BYTES as u64;
    let (first, last) = (want.start / block_bytes, (want.end - 1) / block_bytes);
    let mut out = BytesMut::with_capacity(((last - first + 1) * block_bytes).min(meta.size) as usize);
    let mut offset = meta.offset + meta.blocks.iter().take(first as usize).map(|b| u64::from(*b)).sum::<u64>();
    for n in first..=last {
        let length = *meta.blocks.get(n as usize).ok_or(BlobError::Corrupt("block count"))?;
        let sealed = if meta.pack.is_empty() {
            let key = space.block(blob, n as u32);
            txn.get(&key, Read::Snapshot).await?.ok_or(BlobError::Corrupt("missing block"))?
        } else {
            objects.get(&meta.pack, offset..offset + u64::from(length)).await?
        };
        offset += u64::from(length);
        key.open_block(blob, n as u32, &sealed, &mut out)?;
    }
    let out = out.freeze();
    let skip = (want.start - first * block_bytes) as usize;
    let length = (want.end - want.start) as usize;
    if out.len() < skip + length {
        return Err(BlobError::Corrupt("size"));
    }
    Ok(out.slice(skip..skip + length))
}

/// Stores the blocks of a blob too big for one transaction, before the transaction that links it. A marker with the time lets
/// a sweep find what was never linked.
pub async fn stage(kv: &Arc<dyn Kv>, space: &BlobSpace, sealed: &Sealed, now: Timestamp) -> Result<(), BlobError> {
    let blob = sealed.blob();
    let mut txn = kv.begin();
    txn.set(&space.staging(&blob), &now.0.to_be_bytes());
    txn.submit()?.await?;
    let blocks: Vec<&[u8]> = sealed.blocks().collect();
    for (part, chunk) in blocks.chunks(STAGE_BLOCKS_PER_TXN).enumerate() {
        let mut txn = kv.begin();
        for (n, block) in chunk.iter().enumerate() {
            txn.set(&space.block(&blob, (part * STAGE_BLOCKS_PER_TXN + n) as u32), block);
        }
        txn.submit()?.await?;
    }
    Ok(())
}

/// Removes blobs staged before `before` whose meta was never written. Returns how many.
pub async fn sweep_staged(
    kv: &Arc<dyn Kv>,
    staging_prefix: &[u8],
    before: Timestamp,
    data_key_of: impl Fn(&[u8]) -> Option<KeyRange>,
) -> Result<usize, BlobError> {
    let mut txn = kv.begin();
    let page = txn.range(&KeyRange::prefix(staging_prefix), PageLimit::MAX, false, Read::Serializable).await?;
    let mut swept = 0;
    for (key, value) in &page.rows {
        let at = value.as_ref().try_into().map(i64::from_be_bytes).unwrap_or(0);
        let Some(meta_key) = key.get(staging_prefix.len()..) else { continue };
        if at >= before.0 {
            continue;
        }
        if txn.get(meta_key, Read::Serializable).await?.is_none()
            && let Some(blocks) = data_key_of(meta_key)
        {
            txn.clear_range(&blocks);
        }
        txn.clear(key);
        swept += 1;
    }
    txn.submit()?.await?;
    Ok(swept)
}

/// Range of a blob's blocks, for sweeps and checks.
pub fn data_range(space: &BlobSpace, blob: &BlobRef) -> KeyRange {
    space.blocks(blob)
}
