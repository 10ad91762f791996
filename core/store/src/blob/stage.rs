//! SUMMARY    Big blobs: their bytes are stored before the transaction that puts them, in a pack of their own where store or objects
//!            are far, else in rows.
//! LIMITS     BLOB_BYTES_MAX, BLOB_AHEAD_MS_MAX, BLOB_AHEAD_PAUSE_MS, BLOB_STAGE_MS_MAX (until swept)
//! INVARIANTS Bytes are durable before a meta refers to them. Objects that are away hold up one blob for BLOB_AHEAD_MS_MAX and
//!            refuse none. The pack's info stands before its object, as of every pack: without a blob it is swept as empty.

use super::{
    BlobError, BlobSpace, Objects, ObjectsError, PackId, Sealed, flip,
    limits::{BLOB_AHEAD_MS_MAX, BLOB_AHEAD_PAUSE_MS},
    packer::fresh_pack,
    record::PackInfo,
    row_stage,
    space::object_name,
};
use crate::{
    kv::{CommitError, Kv, KvTxn, Read},
    retry::{Retry, run},
};
use base::{OpId, Rng, Timestamp, limits::BLOB_BYTES_MAX};
use parking_lot::Mutex;
use std::{io, sync::Arc, time::Duration};
use tokio::time::{Instant, timeout};

/// Where a staging has put the bytes of a big blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Place {
    #[default]
    Nowhere,
    /// The blob's data rows, while a staging record with this number stands.
    Rows(u64),
    /// A pack, while its info stands.
    Pack { pack: PackId, offset: u64 },
}

/// Stores big blobs ahead of the transactions that put them.
pub struct Stager {
    kv: Arc<dyn Kv>,
    objects: Arc<dyn Objects>,
    rng: Arc<dyn Rng>,
    ahead_max: Duration,
    pause: Duration,
    /// Until when the objects are not asked.
    paused_until: Mutex<Option<Instant>>,
}

impl Stager {
    pub fn new(kv: Arc<dyn Kv>, objects: Arc<dyn Objects>, rng: Arc<dyn Rng>) -> Self {
        let (ahead_max, pause) = (Duration::from_millis(BLOB_AHEAD_MS_MAX), Duration::from_millis(BLOB_AHEAD_PAUSE_MS));
        Stager { kv, objects, rng, ahead_max, pause, paused_until: Mutex::default() }
    }

    /// With other times than BLOB_AHEAD_MS_MAX and BLOB_AHEAD_PAUSE_MS.
    pub fn paced(self, ahead_max: Duration, pause: Duration) -> Self {
        Stager { ahead_max, pause, ..self }
    }

    /// Stores the bytes of `sealed`; `put` must follow within BLOB_STAGE_MS_MAX.
    pub async fn stage(&self, space: &BlobSpace, sealed: &Sealed, now: Timestamp) -> Result<(), BlobError> {
        if sealed.size() > BLOB_BYTES_MAX as u64 {
            return Err(BlobError::Commit(CommitError::TooLarge("BLOB_BYTES_MAX")));
        }
        sealed.settle(Place::Nowhere);
        let meta_key = space.meta_key(&sealed.blob());
        if run::<_, BlobError, _>(self.retry(), |txn| Box::pin(exists(txn, &meta_key))).await? {
            // Nothing to do: `put` will find it.
            return Ok(());
        }
        if self.goes_ahead() && self.ahead(space, sealed, now).await? {
            metrics::counter!("blobs_staged_total", "to" => "pack").increment(1);
            return Ok(());
        }
        metrics::counter!("blobs_staged_total", "to" => "rows").increment(1);
        row_stage::stage(&self.kv, &*self.rng, space, sealed, now).await
    }

    /// A retry loop for what may be done again after an unknown result: it reads, or writes the same record.
    fn retry(&self) -> Retry<'_> {
        Retry { kv: &self.kv, op: OpId(self.rng.next_u64()), done_prefix: None, rng: &*self.rng }
    }

    /// Whether the objects are asked. Through a store that is shared megabytes cost everybody.
    fn goes_ahead(&self) -> bool {
        (self.objects.is_far() || !self.kv.validates_at_submit()) && !self.is_paused()
    }

    fn is_paused(&self) -> bool {
        let mut until = self.paused_until.lock();
        until.take_if(|until| *until <= Instant::now());
        until.is_some()
    }

    /// Puts the blob as a pack of its own. False if the objects did not take it.
    async fn ahead(&self, space: &BlobSpace, sealed: &Sealed, now: Timestamp) -> Result<bool, BlobError> {
        let mut builder = fresh_pack(&*self.rng);
        let (pack, blocks) = (builder.pack, sealed.blocks.iter().map(Vec::as_slice));
        let offset = builder.push(space.meta_key(&sealed.blob()), None, sealed.meta(now), blocks);
        let blob_bytes = builder.blob_bytes();
        let (object, _) = builder.finish();
        let info = PackInfo { blob_bytes, object_bytes: object.len() as u64, created_ms: now.0 };
        flip::announce(self.retry(), &space.pack_prefix, &pack, &info).await?;
        let name = object_name(&pack);
        let put = timeout(self.ahead_max, self.objects.put_warm(&name, object)).await;
        let slow =
            |_| Err(ObjectsError::Io { name, source: io::Error::new(io::ErrorKind::TimedOut, "BLOB_AHEAD_MS_MAX") });
        if let Err(why) = put.unwrap_or_else(slow) {
            // It may still arrive: the info stands for it until the sweep.
            tracing::warn!(%pack, %why, "a big blob goes into the store: the objects did not take it");
            *self.paused_until.lock() = Some(Instant::now() + self.pause);
            return Ok(false);
        }
        sealed.settle(Place::Pack { pack, offset });
        Ok(true)
    }
}

async fn exists(txn: &mut dyn KvTxn, key: &[u8]) -> Result<bool, BlobError> {
    Ok(txn.get(key, Read::Snapshot).await?.is_some())
}

/// Takes the staged bytes of `sealed` over for its meta, which this transaction writes: the pack and the offset, if they are in one.
pub(super) async fn take_over(
    txn: &mut dyn KvTxn,
    space: &BlobSpace,
    sealed: &Sealed,
) -> Result<Option<(PackId, u64)>, BlobError> {
    match sealed.place() {
        Place::Nowhere => Err(BlobError::NotStaged),
        Place::Rows(staging) => row_stage::take_over(txn, space, sealed, staging).await.map(|()| None),
        Place::Pack { pack, offset } => {
            if !flip::stands(txn, &space.pack_prefix, &pack).await? {
                return Err(BlobError::NotStaged);
            }
            flip::add_live(txn, &space.pack_prefix, &pack, sealed.stored_bytes() as u64);
            Ok(Some((pack, offset)))
        }
    }
}
