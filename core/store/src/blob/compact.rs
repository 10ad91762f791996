//! SUMMARY    Rewrites packs of which more than half is deleted.
//! INVARIANTS A blob is moved only after its checksum matched. The old object stays until nothing lives in it and a grace
//!            time has passed (`sweep`), so a reader that has just read a meta still finds the bytes.

use super::{
    BlobError, BlobMeta, Location, Maintenance, PackId, Packing, flip,
    pack::{PackBuilder, PackEntry, blob_in, parse},
    packer::{fresh_pack, next_page},
    record::{PackInfo, decode},
    space::{INFO, LIVE, object_name, pack_key, pack_of_key, pack_range},
};
use crate::{kv::Read, layer::decode_i64};
use base::limits::PACK_BYTES_MAX;

/// What a run did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Compacted {
    /// Packs that were emptied.
    pub packs: usize,
    /// Blobs that moved.
    pub blobs: usize,
    /// Packs that could not be read.
    pub damaged: usize,
}

/// Rewrites the packs whose live share is below a half. `packing` gives sizes and the least age of a pack.
pub async fn compact(on: &Maintenance<'_>, packing: &Packing) -> Result<Compacted, BlobError> {
    let now = on.clock.now();
    let mut done = Compacted::default();
    let mut builder = fresh_pack(on.rng);
    let mut range = Some(pack_range(on.pack_prefix, INFO));
    while let Some(page) = next_page(on, &mut range).await? {
        for (key, value) in &page.rows {
            let (pack, info): (_, PackInfo) = (pack_of_key(key)?, decode(value)?);
            let live = live_bytes(on, &pack).await?;
            let is_young = now.since(base::Timestamp(info.created_ms)) < packing.older_than;
            if is_young || live == 0 || live.saturating_mul(2) >= info.blob_bytes {
                continue;
            }
            let object = match read(on, &pack, &info).await {
                Ok(object) => object,
                Err(why) => {
                    tracing::error!(%pack, %why, "a pack cannot be read");
                    done.damaged += 1;
                    continue;
                }
            };
            done.packs += 1;
            for entry in parse(&object)? {
                if builder.len() as u64 + live > packing.target_bytes.min(PACK_BYTES_MAX) as u64 && !builder.is_empty()
                {
                    let full = std::mem::replace(&mut builder, fresh_pack(on.rng));
                    done.blobs += flip::publish(on, full).await?;
                }
                push(on, &mut builder, &pack, &object, &entry).await?;
            }
        }
    }
    if !builder.is_empty() {
        done.blobs += flip::publish(on, builder).await?;
    }
    Ok(done)
}

pub(super) async fn read(on: &Maintenance<'_>, pack: &PackId, info: &PackInfo) -> Result<bytes::Bytes, BlobError> {
    let object = on.objects.get(&object_name(pack), 0..info.object_bytes).await?;
    parse(&object)?;
    Ok(object)
}

pub(super) async fn live_bytes(on: &Maintenance<'_>, pack: &PackId) -> Result<u64, BlobError> {
    let live = on.kv.begin_read().get(&pack_key(on.pack_prefix, LIVE, pack), Read::Snapshot).await?;
    Ok(u64::try_from(live.as_deref().map_or(0, decode_i64)).unwrap_or(0))
}

/// Takes a blob over if it still lives in this pack.
pub(super) async fn push(
    on: &Maintenance<'_>,
    builder: &mut PackBuilder,
    pack: &PackId,
    object: &[u8],
    entry: &PackEntry,
) -> Result<(), BlobError> {
    let Some(value) = on.kv.begin_read().get(&entry.meta_key, Read::Snapshot).await? else { return Ok(()) };
    let meta = BlobMeta::decode(&value)?;
    if meta.location != (Location::Pack { pack: *pack, offset: entry.offset }) {
        return Ok(());
    }
    match blob_in(object, entry) {
        Ok(bytes) => {
            builder.push(entry.meta_key.clone(), None, meta, [bytes]);
        }
        // It stays where it is, with whatever can be saved from it.
        Err(why) => tracing::error!(%pack, %why, offset = entry.offset, "a packed blob is damaged"),
    }
    Ok(())
}
