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
    retry::run,
};
use base::limits::BLOB_FLIPS_MAX;

/// Makes the pack durable and its blobs refer to it. Returns how many of them still wanted to move.
pub(super) async fn publish(on: &Maintenance<'_>, builder: PackBuilder) -> Result<usize, BlobError> {
    let (pack, blob_bytes) = (builder.pack, builder.blob_bytes());
    let (object, moved) = builder.finish();
    let info = PackInfo { blob_bytes, object_bytes: object.len() as u64, created_ms: on.clock.now().0 };
    let (info, prefix) = (encode(&info), on.pack_prefix);
    run::<_, BlobError, _>(on.retry(), |txn| {
        txn.set(&pack_key(prefix, INFO, &pack), &info);
        Box::pin(std::future::ready(Ok(())))
    })
    .await?;
    on.objects.put(&object_name(&pack), object).await?;
    let mut turned = 0;
    for some in moved.chunks(BLOB_FLIPS_MAX) {
        turned += run::<_, BlobError, _>(on.retry(), |txn| Box::pin(flip(txn, prefix, pack, some))).await?;
        on.pace.rest().await;
    }
    Ok(turned)
}

async fn flip(txn: &mut dyn KvTxn, prefix: &[u8], pack: PackId, moved: &[Moved]) -> Result<usize, BlobError> {
    if txn.get(&pack_key(prefix, INFO, &pack), Read::Serializable).await?.is_none() {
        tracing::warn!(%pack, "a pack was given up before it was published");
        return Err(BlobError::NotFound);
    }
    let (mut turned, mut live) = (0, 0_i64);
    for one in moved {
        if meta_at(txn, &one.meta_key).await?.as_ref() != Some(&one.from) {
            continue;
        }
        let bytes = i64::try_from(one.from.stored_bytes()).unwrap_or(i64::MAX);
        if let Some(data) = &one.data_of {
            (0..one.from.block_bytes.len()).for_each(|number| txn.clear(&block_key(data, number)));
        }
        match &one.from.location {
            Location::Kv | Location::Meta(_) => {}
            Location::Pack { pack: old, .. } => txn.add(&pack_key(prefix, LIVE, old), -bytes),
        }
        let to = BlobMeta { location: Location::Pack { pack, offset: one.offset }, ..one.from.clone() };
        txn.set(&one.meta_key, &to.encode());
        turned += 1;
        live += bytes;
    }
    if live > 0 {
        txn.add(&pack_key(prefix, LIVE, &pack), live);
    }
    Ok(turned)
}
