//! SUMMARY    Moves cold blobs out of the Kv into large pack objects.
//! LIMITS     PACK_BYTES_MIN, PACK_BYTES_MAX
//! INVARIANTS Cold means old: a meta says when it was made, so nothing is written when a blob is read or stored. One scan of
//!            the metas (about 60 bytes each) finds what to move; bytes are read only of what moves.

use super::{
    BlobError, BlobMeta, BlobRef, BlobSpace, Location, Maintenance, PackId, flip, pack::PackBuilder, record::SCAN_PAGE,
    rows::read_rows, space::blob_of_meta_key,
};
use crate::kv::{KeyRange, Page, Read};
use base::{
    Rng,
    limits::{PACK_BYTES_MAX, PACK_BYTES_MIN},
};
use std::time::Duration;

/// What to pack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packing {
    /// Blobs younger than this stay in the Kv.
    pub older_than: Duration,
    /// A pack is closed when it has grown to this; PACK_BYTES_MAX caps it.
    pub target_bytes: usize,
    /// Less than this is left for a later run.
    pub least_bytes: usize,
}

impl Default for Packing {
    fn default() -> Self {
        let older_than = Duration::from_secs(7 * 24 * 3_600);
        Packing { older_than, target_bytes: 2 * PACK_BYTES_MIN, least_bytes: PACK_BYTES_MIN }
    }
}

/// What a run did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Packed {
    pub packs: usize,
    pub blobs: usize,
    pub bytes: u64,
}

pub(super) fn fresh_pack(rng: &dyn Rng) -> PackBuilder {
    let mut id = [0; 16];
    let (high, low) = id.split_at_mut(8);
    high.copy_from_slice(&rng.next_u64().to_be_bytes());
    low.copy_from_slice(&rng.next_u64().to_be_bytes());
    PackBuilder::new(PackId(id))
}

/// One page of a maintenance scan; moves `range` behind it. None at the end.
pub(super) async fn next_page(on: &Maintenance<'_>, range: &mut Option<KeyRange>) -> Result<Option<Page>, BlobError> {
    let Some(rest) = range.take() else { return Ok(None) };
    let page = on.kv.begin_read().range(&rest, SCAN_PAGE, false, Read::Snapshot).await?;
    on.pace.rest().await;
    if let Some((last, _)) = page.rows.last().filter(|_| page.more) {
        let mut from = last.to_vec();
        from.push(0);
        *range = Some(KeyRange { from, to: rest.to });
    }
    Ok(Some(page))
}

/// Packs what is cold in some tenants' spaces, together.
pub async fn pack(on: &Maintenance<'_>, spaces: &[BlobSpace], packing: &Packing) -> Result<Packed, BlobError> {
    let mut packer = Packer::new(on, packing.clone());
    for space in spaces {
        packer.scan(space).await?;
    }
    packer.finish().await
}

/// A pack in the making, filled from one space after another.
pub struct Packer<'a> {
    on: &'a Maintenance<'a>,
    packing: Packing,
    builder: PackBuilder,
    done: Packed,
}

impl<'a> Packer<'a> {
    pub fn new(on: &'a Maintenance<'a>, packing: Packing) -> Self {
        Packer { on, packing, builder: fresh_pack(on.rng), done: Packed::default() }
    }

    /// Whether everything taken so far is published.
    pub fn is_empty(&self) -> bool {
        self.builder.is_empty()
    }

    /// What was published so far.
    pub fn done(&self) -> Packed {
        self.done
    }

    /// Takes what is cold in one space; publishes each pack that is full.
    pub async fn scan(&mut self, space: &BlobSpace) -> Result<(), BlobError> {
        let now = self.on.clock.now();
        let mut range = Some(KeyRange::prefix(&space.meta_prefix));
        while let Some(page) = next_page(self.on, &mut range).await? {
            for (key, value) in &page.rows {
                let meta = BlobMeta::decode(value)?;
                if matches!(meta.location, Location::Pack { .. }) || now.since(meta.created) < self.packing.older_than {
                    continue;
                }
                let bytes = self.builder.len() + meta.stored_bytes() as usize;
                if !self.is_empty() && bytes > self.packing.target_bytes.min(PACK_BYTES_MAX) {
                    self.publish().await?;
                }
                push(self.on, space, &mut self.builder, blob_of_meta_key(key)?, meta).await?;
            }
        }
        Ok(())
    }

    /// Publishes what is left if it is worth a pack.
    pub async fn finish(mut self) -> Result<Packed, BlobError> {
        if !self.is_empty() && self.builder.len() >= self.packing.least_bytes {
            self.publish().await?;
        }
        Ok(self.done)
    }

    async fn publish(&mut self) -> Result<(), BlobError> {
        let full = std::mem::replace(&mut self.builder, fresh_pack(self.on.rng));
        let bytes = full.blob_bytes();
        let blobs = flip::publish(self.on, full).await?;
        self.done.blobs += blobs;
        self.done.packs += 1;
        self.done.bytes += bytes;
        // Each as it is there: a pass over a backlog takes hours.
        metrics::counter!("posthouse_upkeep_packs_total").increment(1);
        metrics::counter!("posthouse_upkeep_packed_blobs_total").increment(blobs as u64);
        metrics::counter!("posthouse_upkeep_packed_bytes_total").increment(bytes);
        Ok(())
    }
}

/// Reads a blob's blocks into the pack; one that has gone meanwhile is left out.
async fn push(
    on: &Maintenance<'_>,
    space: &BlobSpace,
    builder: &mut PackBuilder,
    blob: BlobRef,
    meta: BlobMeta,
) -> Result<(), BlobError> {
    let mut txn = on.kv.begin_read();
    let now = txn.get(&space.meta_key(&blob), Read::Snapshot).await?;
    if now.as_ref().map(BlobMeta::decode).transpose()?.as_ref() != Some(&meta) {
        return Ok(());
    }
    let (blocks, data_of) = match &meta.location {
        Location::Meta(block) => (vec![block.clone()], None),
        Location::Kv | Location::Pack { .. } => {
            let blocks = read_rows(txn.as_mut(), space, &blob, 0..meta.block_bytes.len()).await?;
            (blocks, Some(space.data_of(&blob)))
        }
    };
    let whole =
        blocks.iter().map(|block| block.len() as u64).eq(meta.block_bytes.iter().map(|bytes| u64::from(*bytes)));
    if !whole {
        // Left where it is: packing must not make damage permanent.
        tracing::error!(%blob, "a blob's blocks are not what its meta says");
        return Ok(());
    }
    builder.push(space.meta_key(&blob), data_of, meta, blocks.iter().map(AsRef::as_ref));
    Ok(())
}
