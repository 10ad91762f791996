//! SUMMARY    Clears what crashes and deletions leave behind: old stagings, empty packs, dead and orphaned objects.
//! LIMITS     BLOB_STAGE_MS_MAX, PACK_GRACE_MS (defaults of `Pace`)
//! INVARIANTS Takes no input and may run at any time, twice, or be stopped anywhere. Nothing younger than its limit is touched.

use super::{
    BlobError, BlobMeta, Location, Maintenance, PackId,
    backup::is_backed_up,
    compact::live_bytes,
    packer::next_page,
    record::{DeadPack, PackInfo, StageRecord, decode, encode},
    rows::meta_at,
    space::{DEAD, INFO, LIVE, OBJECTS_PREFIX, object_name, pack_key, pack_of_key, pack_of_object, pack_range},
};
use crate::{
    kv::{KeyRange, KvTxn, Read},
    layer::decode_i64,
    retry::run,
};
use base::Timestamp;

/// What a run cleared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    pub stagings: usize,
    /// Packs found empty; their objects go after the grace time.
    pub packs: usize,
    pub objects: usize,
}

/// Sweeps what all tenants share.
pub async fn sweep(on: &Maintenance<'_>) -> Result<Swept, BlobError> {
    let stagings = stagings(on).await?;
    let packs = empty_packs(on).await?;
    let objects = dead_objects(on).await? + orphans(on).await?;
    let unfinished = on.objects.sweep_unfinished(on.clock.now(), on.pace.abandoned_after).await?;
    Ok(Swept { stagings, packs, objects: objects + unfinished })
}

async fn stagings(on: &Maintenance<'_>) -> Result<usize, BlobError> {
    let (mut swept, before) = (0, on.clock.now());
    let mut range = Some(KeyRange::prefix(on.staging_prefix));
    while let Some(page) = next_page(on, &mut range).await? {
        for (key, value) in &page.rows {
            let record: StageRecord = decode(value)?;
            if before.since(Timestamp(record.at_ms)) < on.pace.abandoned_after {
                continue;
            }
            run::<_, BlobError, _>(on.retry(), |txn| Box::pin(drop_staging(txn, on.staging_prefix, key, &record)))
                .await?;
            swept += 1;
        }
    }
    Ok(swept)
}

async fn drop_staging(txn: &mut dyn KvTxn, prefix: &[u8], key: &[u8], seen: &StageRecord) -> Result<(), BlobError> {
    let record = txn.get(key, Read::Serializable).await?;
    if record.as_deref().map(decode::<StageRecord>).transpose()?.as_ref() != Some(seen) {
        return Ok(());
    }
    let meta_key = key.strip_prefix(prefix).ok_or(BlobError::Corrupt("staging key"))?;
    let in_kv = matches!(meta_at(txn, meta_key).await?, Some(BlobMeta { location: Location::Kv, .. }));
    if !in_kv {
        txn.clear_range(&KeyRange::prefix(&seen.data_prefix));
    }
    txn.clear(key);
    Ok(())
}

async fn empty_packs(on: &Maintenance<'_>) -> Result<usize, BlobError> {
    let (mut swept, now) = (0, on.clock.now());
    let mut range = Some(pack_range(on.pack_prefix, INFO));
    while let Some(page) = next_page(on, &mut range).await? {
        for (key, value) in &page.rows {
            let (pack, info): (_, PackInfo) = (pack_of_key(key)?, decode(value)?);
            if now.since(Timestamp(info.created_ms)) < on.pace.abandoned_after || live_bytes(on, &pack).await? > 0 {
                continue;
            }
            let gone = run::<_, BlobError, _>(on.retry(), |txn| Box::pin(give_up(on, txn, pack)));
            swept += usize::from(gone.await?);
        }
    }
    Ok(swept)
}

/// False when something lives in the pack, or a backup needs it.
pub(super) async fn give_up(on: &Maintenance<'_>, txn: &mut dyn KvTxn, pack: PackId) -> Result<bool, BlobError> {
    let (prefix, now) = (on.pack_prefix, on.clock.now());
    // Both reads conflict with a publisher that turns metas to this pack right now.
    let info = txn.get(&pack_key(prefix, INFO, &pack), Read::Serializable).await?;
    let live = txn.get(&pack_key(prefix, LIVE, &pack), Read::Serializable).await?;
    if info.is_none() || live.as_deref().map_or(0, decode_i64) > 0 || is_backed_up(on, txn).await? {
        return Ok(false);
    }
    txn.clear(&pack_key(prefix, INFO, &pack));
    txn.clear(&pack_key(prefix, LIVE, &pack));
    txn.set(&pack_key(prefix, DEAD, &pack), &encode(&DeadPack { at_ms: now.0 }));
    Ok(true)
}

async fn dead_objects(on: &Maintenance<'_>) -> Result<usize, BlobError> {
    let (mut swept, now) = (0, on.clock.now());
    let mut range = Some(pack_range(on.pack_prefix, DEAD));
    while let Some(page) = next_page(on, &mut range).await? {
        for (key, value) in &page.rows {
            let dead: DeadPack = decode(value)?;
            if now.since(Timestamp(dead.at_ms)) < on.pace.grace {
                continue;
            }
            on.objects.delete(&object_name(&pack_of_key(key)?)).await?;
            run::<_, BlobError, _>(on.retry(), |txn| {
                txn.clear(key);
                Box::pin(std::future::ready(Ok(())))
            })
            .await?;
            swept += 1;
        }
    }
    Ok(swept)
}

/// Objects without a record: an info stands before its object, so only lost or restored records leave such.
async fn orphans(on: &Maintenance<'_>) -> Result<usize, BlobError> {
    let (mut swept, now) = (0, on.clock.now());
    for object in on.objects.list(OBJECTS_PREFIX).await? {
        if now.since(object.modified) < on.pace.abandoned_after {
            continue;
        }
        let Some(pack) = pack_of_object(&object.name) else { continue };
        let mut txn = on.kv.begin_read();
        let info = txn.get(&pack_key(on.pack_prefix, INFO, &pack), Read::Snapshot).await?;
        let dead = txn.get(&pack_key(on.pack_prefix, DEAD, &pack), Read::Snapshot).await?;
        if info.is_none() && dead.is_none() {
            on.objects.delete(&object.name).await?;
            swept += 1;
        }
    }
    Ok(swept)
}
