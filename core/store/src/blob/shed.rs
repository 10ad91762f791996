//! SUMMARY    Packs lose what is dead in them at once, whatever their age and however little it is.
//! INVARIANTS Those of compaction and sweeping: a blob is moved only after its checksum matched, and an object outlives its last blob
//!            by the grace time, for who has just read a meta.

use super::{
    BlobError, BlobMeta, Location, Maintenance, PackId, Packing, compact, flip,
    pack::parse,
    packer::fresh_pack,
    record::{DeadPack, PackInfo, decode},
    space::{DEAD, INFO, object_name, pack_key},
    sweep,
};
use crate::{
    kv::{KvTxn, Read},
    retry::run,
};
use base::{Timestamp, limits::PACK_BYTES_MAX};
use bytes::Bytes;

/// What became of a pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shed {
    /// Neither record nor object is left.
    Gone,
    /// Its object goes after the grace time, or after a backup that copies it: ask again.
    Waits,
    /// It cannot be read, or a blob in it cannot: it stays as it is.
    Damaged,
}

/// A blob's meta row goes, with all rows of its tenant and whoever links to it: what its pack has of it is dead from this
/// transaction on. Gives the pack, and the blob's bytes as stored.
pub fn abandon(
    txn: &mut dyn KvTxn,
    pack_prefix: &[u8],
    key: &[u8],
    value: &Bytes,
) -> Result<(Option<PackId>, u64), BlobError> {
    let meta = BlobMeta::decode(value)?;
    txn.clear(key);
    let Location::Pack { pack, .. } = meta.location else { return Ok((None, meta.stored_bytes())) };
    flip::take_live(txn, pack_prefix, &pack, meta.stored_bytes());
    Ok((Some(pack), meta.stored_bytes()))
}

/// Writes what lives in these packs into new ones and gives the old ones up; says of each what became of it.
pub async fn shed(on: &Maintenance<'_>, packing: &Packing, packs: &[PackId]) -> Result<Vec<(PackId, Shed)>, BlobError> {
    let mut builder = fresh_pack(on.rng);
    let mut told = Vec::with_capacity(packs.len());
    let mut emptied = Vec::new();
    for pack in packs {
        let info = on.kv.begin_read().get(&pack_key(on.pack_prefix, INFO, pack), Read::Snapshot).await?;
        let Some(info) = info.as_deref().map(decode::<PackInfo>).transpose()? else {
            told.push((*pack, bury(on, pack).await?));
            continue;
        };
        emptied.push(*pack);
        let live = compact::live_bytes(on, pack).await?;
        if live == 0 {
            continue;
        }
        let object = match compact::read(on, pack, &info).await {
            Ok(object) => object,
            Err(why) => {
                tracing::error!(%pack, %why, "a pack cannot be read, and stays");
                continue;
            }
        };
        if builder.len() as u64 + live > packing.target_bytes.min(PACK_BYTES_MAX) as u64 && !builder.is_empty() {
            flip::publish(on, std::mem::replace(&mut builder, fresh_pack(on.rng))).await?;
        }
        for entry in parse(&object)? {
            compact::push(on, &mut builder, pack, &object, &entry).await?;
        }
    }
    if !builder.is_empty() {
        flip::publish(on, builder).await?;
    }
    for pack in emptied {
        run::<_, BlobError, _>(on.retry(), |txn| Box::pin(sweep::give_up(on, txn, pack))).await?;
        // What lives in it after all was damaged, or came in meanwhile.
        let left = compact::live_bytes(on, &pack).await? > 0;
        told.push((pack, if left { Shed::Damaged } else { Shed::Waits }));
    }
    Ok(told)
}

/// Removes the object of a pack that was given up, once its time is over.
async fn bury(on: &Maintenance<'_>, pack: &PackId) -> Result<Shed, BlobError> {
    let key = pack_key(on.pack_prefix, DEAD, pack);
    let Some(dead) = on.kv.begin_read().get(&key, Read::Snapshot).await? else { return Ok(Shed::Gone) };
    let dead: DeadPack = decode(&dead)?;
    if on.clock.now().since(Timestamp(dead.at_ms)) < on.pace.grace {
        return Ok(Shed::Waits);
    }
    on.objects.delete(&object_name(pack)).await?;
    run::<_, BlobError, _>(on.retry(), |txn| {
        txn.clear(&key);
        Box::pin(std::future::ready(Ok(())))
    })
    .await?;
    Ok(Shed::Gone)
}
