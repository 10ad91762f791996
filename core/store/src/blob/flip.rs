//! SUMMARY    Publishes a pack: its info, then the object, then the metas of its blobs, a bounded number at a time.
//! LIMITS     BLOB_FLIPS_MAX
//! INVARIANTS The info record stands before the object exists, so every object can be accounted for. A meta is turned only
//!            if it still says what it said when the bytes were read. Every turn reads the info record: a sweep that has
//!            given the pack up makes the turn fail.

use super::{
    BlobError, BlobMeta, Location, Maintenance, PackId,
    pack::{Moved, PackBuilder},
    record::{PackInfo, encode},
    rows::meta_at,
    space::{INFO, LIVE, block_key, object_name, pack_key},
};
use crate::{
    kv::{KvTxn, Read},
    retry::{Retry, run},
};
use base::limits::BLOB_FLIPS_MAX;

/// Makes the pack durable and its blobs refer to it. Returns how many of them still wanted to move.
pub(super) async fn publish(on: &Maintenance<'_>, builder: PackBuilder) -> Result<usize, BlobError> {
    let (pack, blob_bytes) = (builder.pack, builder.blob_bytes());
    let (object, moved) = builder.finish();
    let info = PackInfo { blob_bytes, object_bytes: object.len() as u64, created_ms: on.clock.now().0 };
    let prefix = on.pack_prefix;
    announce(on.retry(), prefix, &pack, &info).await?;
    on.objects.put(&object_name(&pack), object).await?;
    let mut turned = 0;
    for some in moved.chunks(BLOB_FLIPS_MAX) {
        turned += run::<_, BlobError, _>(on.retry(), |txn| Box::pin(flip(txn, prefix, pack, some))).await?;
        on.pace.rest().await;
    }
    Ok(turned)
}

/// Writes the record that accounts for a pack's object.
pub(super) async fn announce(retry: Retry<'_>, prefix: &[u8], pack: &PackId, info: &PackInfo) -> Result<(), BlobError> {
    let info = encode(info);
    run::<_, BlobError, _>(retry, |txn| {
        txn.set(&pack_key(prefix, INFO, pack), &info);
        Box::pin(std::future::ready(Ok(())))
    })
    .await
}

/// Whether the pack has not been given up; conflicts with a sweep that does so.
pub(super) async fn stands(txn: &mut dyn KvTxn, prefix: &[u8], pack: &PackId) -> Result<bool, BlobError> {
    Ok(txn.get(&pack_key(prefix, INFO, pack), Read::Serializable).await?.is_some())
}

/// Counts bytes that live in a pack from this transaction on.
pub(super) fn add_live(txn: &mut dyn KvTxn, prefix: &[u8], pack: &PackId, bytes: u64) {
    txn.add(&pack_key(prefix, LIVE, pack), i64::try_from(bytes).unwrap_or(i64::MAX));
}

/// Counts bytes that leave a pack with this transaction.
pub(super) fn take_live(txn: &mut dyn KvTxn, prefix: &[u8], pack: &PackId, bytes: u64) {
    txn.add(&pack_key(prefix, LIVE, pack), -i64::try_from(bytes).unwrap_or(i64::MAX));
}

async fn flip(txn: &mut dyn KvTxn, prefix: &[u8], pack: PackId, moved: &[Moved]) -> Result<usize, BlobError> {
    if !stands(txn, prefix, &pack).await? {
        tracing::warn!(%pack, "a pack was given up before it was published");
        return Err(BlobError::NotFound);
    }
    let (mut turned, mut live) = (0, 0);
    for one in moved {
        if meta_at(txn, &one.meta_key).await?.as_ref() != Some(&one.from) {
            continue;
        }
        let bytes = one.from.stored_bytes();
        if let Some(data) = &one.data_of {
            (0..one.from.block_bytes.len()).for_each(|number| txn.clear(&block_key(data, number)));
        }
        match &one.from.location {
            Location::Kv | Location::Meta(_) => {}
            Location::Pack { pack: old, .. } => take_live(txn, prefix, old, bytes),
        }
        let to = BlobMeta { location: Location::Pack { pack, offset: one.offset }, ..one.from.clone() };
        txn.set(&one.meta_key, &to.encode());
        turned += 1;
        live += bytes;
    }
    if live > 0 {
        add_live(txn, prefix, &pack, live);
    }
    Ok(turned)
}
