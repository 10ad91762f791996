//! SUMMARY    A blob within a transaction: put, link, unlink, read.
//! LIMITS     BLOB_INLINE_BYTES_MAX, BLOB_BYTES_MAX
//! INVARIANTS `put` reads the meta that the last `unlink` clears, and the last `unlink` reads the links that `link` adds: of a
//!            race between them one conflicts. A blob leaves with its last link, in the same transaction.

use super::{
    BlobError, BlobMeta, BlobRef, BlobSpace, Location, Objects, Sealed, TenantKey, flip,
    seal::{blocks_of, open_range},
    space::{INFO, object_name, pack_key},
    stage,
};
use crate::kv::{CommitError, KeyRange, KvTxn, PageLimit, Read};
use base::{
    Timestamp,
    limits::{BLOB_BYTES_MAX, BLOB_INLINE_BYTES_MAX},
};
use bytes::Bytes;
use std::ops::Range;

/// What is known of `blob`, if it exists.
pub async fn meta(txn: &mut dyn KvTxn, space: &BlobSpace, blob: &BlobRef) -> Result<Option<BlobMeta>, BlobError> {
    meta_at(txn, &space.meta_key(blob)).await
}

pub(super) async fn meta_at(txn: &mut dyn KvTxn, key: &[u8]) -> Result<Option<BlobMeta>, BlobError> {
    let found = txn.get(key, Read::Serializable).await?;
    found.as_ref().map(BlobMeta::decode).transpose()
}

/// Stores a sealed blob with this transaction, unless the tenant has it; a staged one only gets its meta. Link it in the
/// same transaction.
pub async fn put(txn: &mut dyn KvTxn, space: &BlobSpace, sealed: &Sealed, now: Timestamp) -> Result<(), BlobError> {
    let (blob, key) = (sealed.blob(), space.meta_key(&sealed.blob()));
    if txn.get(&key, Read::Serializable).await?.is_some() {
        return Ok(());
    }
    if sealed.size() > BLOB_BYTES_MAX as u64 {
        return Err(BlobError::Commit(CommitError::TooLarge("BLOB_BYTES_MAX")));
    }
    let mut meta = sealed.meta(now);
    if sealed.needs_staging() {
        if let Some((pack, offset)) = stage::take_over(txn, space, sealed).await? {
            meta.location = Location::Pack { pack, offset };
        }
    } else if sealed.is_in_rows() {
        for (number, block) in sealed.blocks.iter().enumerate() {
            txn.set(&space.data_key(&blob, number), block);
        }
    }
    txn.set(&key, &meta.encode());
    Ok(())
}

/// Lets `owner` keep `blob`. Linking twice is linking once. The blob was put in this transaction, or the transaction has
/// read (serializably) what holds another link to it.
pub fn link(txn: &mut dyn KvTxn, space: &BlobSpace, blob: &BlobRef, owner: &[u8]) {
    txn.set(&space.link_key(blob, owner), &[]);
}

/// Lets `to` keep `blob` in place of `from`, which keeps it: the transaction has read (serializably) what holds that link.
pub fn relink(txn: &mut dyn KvTxn, space: &BlobSpace, blob: &BlobRef, from: &[u8], to: &[u8]) {
    txn.set(&space.link_key(blob, to), &[]);
    txn.clear(&space.link_key(blob, from));
}

/// Takes the link of `owner` away, and the blob with the last one. True if the blob is gone.
pub async fn unlink(txn: &mut dyn KvTxn, space: &BlobSpace, blob: &BlobRef, owner: &[u8]) -> Result<bool, BlobError> {
    txn.clear(&space.link_key(blob, owner));
    let rest = txn.range(&space.link_range(blob), PageLimit::rows(1), false, Read::Serializable).await?;
    if !rest.rows.is_empty() {
        return Ok(false);
    }
    let Some(meta) = meta(txn, space, blob).await? else { return Ok(true) };
    txn.clear(&space.meta_key(blob));
    match meta.location {
        Location::Meta(_) => {}
        Location::Kv => {
            // Point by point: cheaper than a range for the conflict check and for the engine.
            (0..meta.block_bytes.len()).for_each(|number| txn.clear(&space.data_key(blob, number)));
            // A staging of the same bytes loses its blocks too, and must notice. Small blobs are never staged.
            if meta.stored_bytes() > BLOB_INLINE_BYTES_MAX as u64 {
                txn.clear(&space.staging_key(blob));
            }
        }
        // A staging of the same bytes has rows, or a pack, of its own: they stay good.
        Location::Pack { pack, .. } => flip::take_live(txn, &space.pack_prefix, &pack, meta.stored_bytes()),
    }
    Ok(true)
}

/// Range of a blob's data rows, for sweeps and checks.
pub fn data_range(space: &BlobSpace, blob: &BlobRef) -> KeyRange {
    KeyRange::prefix(&space.data_of(blob))
}

/// Whether the bytes of `blob` are where its meta says, as far as keys tell: the last block, or the pack's record.
pub async fn is_located(txn: &mut dyn KvTxn, space: &BlobSpace, blob: &BlobRef) -> Result<bool, BlobError> {
    let Some(meta) = txn.get(&space.meta_key(blob), Read::Snapshot).await? else { return Ok(false) };
    let meta = BlobMeta::decode(&meta)?;
    let key = match (&meta.location, meta.block_bytes.len().checked_sub(1)) {
        (Location::Meta(_), _) => return Ok(true),
        (Location::Pack { pack, .. }, _) => pack_key(&space.pack_prefix, INFO, pack),
        (Location::Kv, Some(last)) => space.data_key(blob, last),
        (Location::Kv, None) => return Ok(true),
    };
    Ok(txn.get(&key, Read::Snapshot).await?.is_some())
}

/// Whether data rows of `blob` belong there: its meta points to them, or a staging holds them.
pub async fn is_data_owned(txn: &mut dyn KvTxn, space: &BlobSpace, blob: &BlobRef) -> Result<bool, BlobError> {
    let meta = txn.get(&space.meta_key(blob), Read::Snapshot).await?.as_ref().map(BlobMeta::decode).transpose()?;
    if meta.is_some_and(|meta| meta.location == Location::Kv) {
        return Ok(true);
    }
    Ok(txn.get(&space.staging_key(blob), Read::Snapshot).await?.is_some())
}

/// Plain bytes `range` of `blob` (None = all), cut to what exists.
pub async fn get(
    txn: &mut dyn KvTxn,
    objects: &dyn Objects,
    space: &BlobSpace,
    key: &TenantKey,
    blob: &BlobRef,
    range: Option<Range<u64>>,
) -> Result<Bytes, BlobError> {
    let found = txn.get(&space.meta_key(blob), Read::Snapshot).await?.ok_or(BlobError::NotFound)?;
    let meta = BlobMeta::decode(&found)?;
    let range = range.unwrap_or(0..meta.size);
    let blocks = blocks_of(&meta, &range);
    if blocks.is_empty() {
        return Ok(Bytes::new());
    }
    match &meta.location {
        Location::Meta(block) => open_range(key, blob, &meta, &range, [block.as_ref()]),
        Location::Kv => {
            let sealed = read_rows(txn, space, blob, blocks).await?;
            open_range(key, blob, &meta, &range, sealed.iter().map(AsRef::as_ref))
        }
        Location::Pack { pack, offset } => {
            let lengths = |blocks: &[u32]| blocks.iter().map(|bytes| u64::from(*bytes)).sum::<u64>();
            let wanted = meta.block_bytes.get(blocks.clone());
            let wanted = wanted.ok_or(BlobError::Corrupt("too few blocks"))?;
            let before = lengths(meta.block_bytes.get(..blocks.start).unwrap_or_default());
            let from = offset + before;
            let (name, bytes) = (object_name(pack), from..from + lengths(wanted));
            let open = |read: Bytes| {
                let mut rest = read.as_ref();
                let cut = wanted.iter().map_while(|bytes| {
                    let (block, after) = rest.split_at_checked(*bytes as usize)?;
                    rest = after;
                    Some(block)
                });
                open_range(key, blob, &meta, &range, cut.collect::<Vec<_>>())
            };
            match open(objects.get(&name, bytes.clone()).await?) {
                // What came damaged once, over the network, may be kept by a cache.
                Err(BlobError::Corrupt(_)) => {
                    objects.forget(&name).await;
                    open(objects.get(&name, bytes).await?)
                }
                opened => opened,
            }
        }
    }
}

/// Sealed blocks of a blob that is not packed.
pub(super) async fn read_rows(
    txn: &mut dyn KvTxn,
    space: &BlobSpace,
    blob: &BlobRef,
    blocks: Range<usize>,
) -> Result<Vec<Bytes>, BlobError> {
    if blocks.len() == 1 {
        let row = txn.get(&space.data_key(blob, blocks.start), Read::Snapshot).await?;
        return Ok(row.into_iter().collect());
    }
    let mut rows = Vec::with_capacity(blocks.len());
    while rows.len() < blocks.len() {
        let range =
            KeyRange { from: space.data_key(blob, blocks.start + rows.len()), to: space.data_key(blob, blocks.end) };
        let page = txn.range(&range, PageLimit::MAX, false, Read::Snapshot).await?;
        if page.rows.is_empty() {
            tracing::error!(%blob, block = blocks.start + rows.len(), "a block is missing");
            return Err(BlobError::Corrupt("missing block"));
        }
        rows.extend(page.rows.into_iter().map(|(_, value)| value));
    }
    Ok(rows)
}
