//! SUMMARY    A staging in rows, for blobs that the objects did not take: blocks are committed in several transactions.
//! LIMITS     BLOB_STAGE_BYTES_MAX (a transaction), BLOB_STAGE_MS_MAX (until swept)
//! INVARIANTS A staging owns the blob's data rows while its record stands with its number: whoever takes the rows away (a
//!            sweep, another staging, the last unlink of a blob in them) takes the record too, in the same transaction, and the
//!            put fails.

use super::{
    BlobError, BlobSpace, Sealed,
    record::{StageRecord, decode, encode},
    stage::Place,
};
use crate::{
    kv::{KeyRange, Kv, KvTxn, Read},
    retry::{Retry, run},
};
use base::{OpId, Rng, Timestamp, limits::BLOB_STAGE_BYTES_MAX};
use std::{ops::Range, sync::Arc};

/// Commits the blocks of `sealed`, a few at a time.
pub(super) async fn stage(
    kv: &Arc<dyn Kv>,
    rng: &dyn Rng,
    space: &BlobSpace,
    sealed: &Sealed,
    now: Timestamp,
) -> Result<(), BlobError> {
    // Tells this staging from another one of the same bytes.
    let staging = rng.next_u64() | 1;
    let record = StageRecord { staging, at_ms: now.0, data_prefix: space.data_of(&sealed.blob()) };
    let mut start = 0;
    while start < sealed.blocks.len() {
        let end = batch_end(sealed, start);
        // Again after an unknown result does no harm: the same rows.
        let retry = Retry { kv, op: OpId(staging), done_prefix: None, rng };
        let wrote = run::<_, BlobError, _>(retry, |txn| Box::pin(write(txn, space, sealed, &record, start..end)));
        if !wrote.await? {
            // The blob appeared meanwhile: nothing more to do, and `put` will find it.
            return Ok(());
        }
        start = end;
    }
    sealed.settle(Place::Rows(staging));
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
        check(txn, space, sealed, record.staging).await?;
    }
    for (number, block) in sealed.blocks.iter().enumerate().skip(blocks.start).take(blocks.len()) {
        txn.set(&space.data_key(&blob, number), block);
    }
    Ok(true)
}

/// Whether the rows of `sealed` are still those that the staging wrote.
async fn check(txn: &mut dyn KvTxn, space: &BlobSpace, sealed: &Sealed, staging: u64) -> Result<(), BlobError> {
    let record = txn.get(&space.staging_key(&sealed.blob()), Read::Serializable).await?;
    let record: Option<StageRecord> = record.as_deref().map(decode).transpose()?;
    if record.is_some_and(|record| record.staging == staging) { Ok(()) } else { Err(BlobError::NotStaged) }
}

/// Leaves the rows to the meta that this transaction writes.
pub(super) async fn take_over(
    txn: &mut dyn KvTxn,
    space: &BlobSpace,
    sealed: &Sealed,
    staging: u64,
) -> Result<(), BlobError> {
    check(txn, space, sealed, staging).await?;
    txn.clear(&space.staging_key(&sealed.blob()));
    Ok(())
}
