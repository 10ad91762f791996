//! SUMMARY    Big blobs: their blocks are committed before, in several transactions; `put` adds the meta later.
//! LIMITS     BLOB_STAGE_BYTES_MAX (a transaction), BLOB_STAGE_MS_MAX (until swept)
//! INVARIANTS A staging owns the blob's data rows while its record stands with its number: whoever takes the rows away (a
//!            sweep, another staging, the last unlink) takes the record too, in the same transaction, and the put fails.

use super::{
    BlobError, BlobSpace, Sealed,
    record::{StageRecord, decode, encode},
};
use crate::{
    kv::{CommitError, KeyRange, Kv, KvTxn, Read},
    retry::{Retry, run},
};
use base::{
    OpId, Rng, SystemRng, Timestamp,
    limits::{BLOB_BYTES_MAX, BLOB_STAGE_BYTES_MAX},
};
use std::{
    ops::Range,
    sync::{Arc, atomic::Ordering},
};

/// Commits the blocks of `sealed`, a few at a time; `put` must follow within BLOB_STAGE_MS_MAX.
pub async fn stage(kv: &Arc<dyn Kv>, space: &BlobSpace, sealed: &Sealed, now: Timestamp) -> Result<(), BlobError> {
    if sealed.size() > BLOB_BYTES_MAX as u64 {
        return Err(BlobError::Commit(CommitError::TooLarge("BLOB_BYTES_MAX")));
    }
    // A number for this staging and jitter for its retries: nothing that a replay depends on.
    let rng = SystemRng::default();
    let staging = rng.next_u64() | 1;
    sealed.staging.store(staging, Ordering::SeqCst);
    let record = StageRecord { staging, at_ms: now.0, data_prefix: space.data_of(&sealed.blob()) };
    let mut start = 0;
    while start < sealed.blocks.len() {
        let end = batch_end(sealed, start);
        // Again after an unknown result does no harm: the same rows.
        let retry = Retry { kv, op: OpId(staging), done_prefix: None, rng: &rng };
        let wrote = run::<_, BlobError, _>(retry, |txn| Box::pin(write(txn, space, sealed, &record, start..end)));
        if !wrote.await? {
            // The blob appeared meanwhile: nothing more to do, and `put` will find it.
            return Ok(());
        }
        start = end;
    }
    Ok(())
}

/// First block that does not fit the transaction any more; at least one fits.
fn batch_end(sealed: &Sealed, start: usize) -> usize {
    let mut bytes = 0;
    let more = sealed.blocks.iter().skip(start).take_while(|block| {
        bytes += block.len();
        bytes <= BLOB_STAGE_BYTES_MAX
    });
    start + more.count().max(1)
}

/// False if the blob exists already.
async fn write(
    txn: &mut dyn KvTxn,
    space: &BlobSpace,
    sealed: &Sealed,
    record: &StageRecord,
    blocks: Range<usize>,
) -> Result<bool, BlobError> {
    let blob = sealed.blob();
    if txn.get(&space.meta_key(&blob), Read::Serializable).await?.is_some() {
        return Ok(false);
    }
    if blocks.start == 0 {
        txn.clear_range(&KeyRange::prefix(&record.data_prefix));
        txn.set(&space.staging_key(&blob), &encode(record));
    } else {
        check_staged(txn, space, sealed).await?;
    }
    for (number, block) in sealed.blocks.iter().enumerate().skip(blocks.start).take(blocks.len()) {
        txn.set(&space.data_key(&blob, number), block);
    }
    Ok(true)
}

/// Whether the rows of `sealed` are still those that its staging wrote.
pub(super) async fn check_staged(txn: &mut dyn KvTxn, space: &BlobSpace, sealed: &Sealed) -> Result<(), BlobError> {
    let record = txn.get(&space.staging_key(&sealed.blob()), Read::Serializable).await?;
    let record: Option<StageRecord> = record.as_deref().map(decode).transpose()?;
    let staging = sealed.staging.load(Ordering::SeqCst);
    if record.is_some_and(|record| record.staging == staging) { Ok(()) } else { Err(BlobError::NotStaged) }
}
