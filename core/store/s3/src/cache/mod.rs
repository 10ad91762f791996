//! SUMMARY    What was read from an object store, or will be soon, kept on the local disk in aligned chunks.
//! LIMITS     CACHE_CHUNK_BYTES, CACHE_RANGE_BYTES_MAX, CACHE_FETCHES_MAX, CACHE_WARM_SHARE_MAX, CACHE_BYTES_MAX, CACHE_FREE_BYTES_MIN
//! INVARIANTS Objects never change, so what is kept is never stale. Losing the cache, a part of it or its disk costs reads, and nothing
//!            else; what came damaged is dropped (`forget`). Readers of one chunk at one time fetch it once.

mod disk;

use crate::limits::{
    CACHE_BYTES_MAX, CACHE_CHUNK_BYTES, CACHE_FETCHES_MAX, CACHE_FREE_BYTES_MIN, CACHE_RANGE_BYTES_MAX,
};
use base::{Clock, Timestamp};
use bytes::{Bytes, BytesMut};
use disk::{ChunkKey, Disk};
use futures_util::{StreamExt, TryStreamExt, stream};
use parking_lot::Mutex;
use std::{collections::HashMap, io, ops::Range, path::PathBuf, sync::Arc, time::Duration};
use store::{
    blob::{ObjectInfo, Objects, ObjectsError, validate_name},
    kv::BoxFuture,
};
use tokio::sync::OnceCell;

#[derive(Debug, Clone)]
pub struct CacheOptions {
    /// A folder of its own.
    pub folder: PathBuf,
    pub bytes_max: u64,
    /// Free bytes of the disk below which nothing more is written.
    pub free_bytes_min: u64,
}

impl CacheOptions {
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        CacheOptions { folder: folder.into(), bytes_max: CACHE_BYTES_MAX, free_bytes_min: CACHE_FREE_BYTES_MIN }
    }
}

type Flight = Arc<OnceCell<Bytes>>;

/// Objects with a cache of what was read before them.
pub struct CachedObjects<O> {
    objects: O,
    disk: Arc<Disk>,
    /// Chunks that are fetched now.
    flights: Mutex<HashMap<ChunkKey, Flight>>,
}

/// A part of one chunk: offsets in the chunk.
struct Part {
    key: ChunkKey,
    /// Where the chunk begins in the object.
    start: u64,
    from: usize,
    to: usize,
}

fn outcome(name: &'static str) {
    metrics::counter!("objects_cache_total", "outcome" => name).increment(1);
}

/// The chunks that a range touches.
fn parts(name: &str, range: &Range<u64>) -> Result<Vec<Part>, ObjectsError> {
    let chunk_bytes = CACHE_CHUNK_BYTES as u64;
    let object = disk::object(name);
    let part = |number: u64| {
        let start = number * chunk_bytes;
        let within = |at: u64| usize::try_from(at.saturating_sub(start).min(chunk_bytes)).ok();
        let key = ChunkKey { object, number: u32::try_from(number).ok()? };
        Some(Part { key, start, from: within(range.start)?, to: within(range.end)? })
    };
    let numbers = range.start / chunk_bytes..range.end.div_ceil(chunk_bytes);
    let too_far = || ObjectsError::Io { name: name.to_owned(), source: io::ErrorKind::InvalidInput.into() };
    numbers.map(part).collect::<Option<Vec<_>>>().ok_or_else(too_far)
}

impl<O: Objects> CachedObjects<O> {
    /// Takes over what an earlier process kept in the folder; blocks while it looks.
    pub fn open(objects: O, options: CacheOptions, clock: Arc<dyn Clock>) -> io::Result<Self> {
        let disk = Arc::new(Disk::open(options, clock)?);
        Ok(CachedObjects { objects, disk, flights: Mutex::default() })
    }

    /// What is behind the cache.
    pub fn objects(&self) -> &O {
        &self.objects
    }

    /// Bytes that the cache takes on disk.
    pub fn bytes(&self) -> u64 {
        self.disk.bytes()
    }

    async fn read(&self, name: &str, range: Range<u64>) -> Result<Bytes, ObjectsError> {
        let parts = parts(name, &range)?;
        let read = |part: Part| self.read_part(name, part);
        let mut pieces: Vec<Bytes> = stream::iter(parts).map(read).buffered(CACHE_FETCHES_MAX).try_collect().await?;
        match (pieces.pop(), pieces.is_empty()) {
            (None, _) => Ok(Bytes::new()),
            (Some(only), true) => Ok(only),
            (Some(last), false) => {
                let mut all = BytesMut::with_capacity(pieces.iter().map(Bytes::len).sum::<usize>() + last.len());
                pieces.iter().chain([&last]).for_each(|piece| all.extend_from_slice(piece));
                Ok(all.freeze())
            }
        }
    }

    async fn read_part(&self, name: &str, part: Part) -> Result<Bytes, ObjectsError> {
        if let Some(kept) = self.disk.read(part.key).await.filter(|kept| kept.len() >= part.to) {
            outcome("hit");
            return Ok(kept.slice(part.from..part.to));
        }
        outcome("miss");
        let flight = self.flights.lock().entry(part.key).or_default().clone();
        let fetched = flight.get_or_try_init(|| self.fetch(name, &part)).await.cloned();
        {
            let mut flights = self.flights.lock();
            if flights.get(&part.key).is_some_and(|current| Arc::ptr_eq(current, &flight)) {
                flights.remove(&part.key);
            }
        }
        let fetched = fetched?;
        if fetched.len() >= part.to {
            return Ok(fetched.slice(part.from..part.to));
        }
        // Who fetched the end of the object did not need so much of it.
        let fetched = self.fetch_end(name, &part).await?;
        Ok(fetched.slice(part.from..part.to))
    }

    /// The whole chunk, or at the end of the object what is needed of it.
    async fn fetch(&self, name: &str, part: &Part) -> Result<Bytes, ObjectsError> {
        // The flight before may just have ended.
        if let Some(kept) = self.disk.read(part.key).await.filter(|kept| kept.len() >= part.to) {
            return Ok(kept);
        }
        match self.objects.get(name, part.start..part.start.saturating_add(CACHE_CHUNK_BYTES as u64)).await {
            Ok(bytes) => {
                self.disk.write(part.key, bytes.clone()).await;
                Ok(bytes)
            }
            Err(ObjectsError::Short(_)) => self.fetch_end(name, part).await,
            Err(
                why @ (ObjectsError::BadName(_)
                | ObjectsError::Missing(_)
                | ObjectsError::Foreign { .. }
                | ObjectsError::Io { .. }),
            ) => Err(why),
        }
    }

    async fn fetch_end(&self, name: &str, part: &Part) -> Result<Bytes, ObjectsError> {
        let bytes = self.objects.get(name, part.start..part.start.saturating_add(part.to as u64)).await?;
        self.disk.write(part.key, bytes.clone()).await;
        Ok(bytes)
    }
}

impl<O: Objects> Objects for CachedObjects<O> {
    fn is_far(&self) -> bool {
        self.objects.is_far()
    }

    /// What is written so is cold: it comes into the cache when it is read.
    fn put(&self, name: &str, bytes: Bytes) -> BoxFuture<'_, Result<(), ObjectsError>> {
        self.objects.put(name, bytes)
    }

    fn put_warm(&self, name: &str, bytes: Bytes) -> BoxFuture<'_, Result<(), ObjectsError>> {
        let (object, put) = (disk::object(name), self.objects.put_warm(name, bytes.clone()));
        Box::pin(async move {
            put.await?;
            self.disk.fill(object, bytes).await;
            Ok(())
        })
    }

    fn get(&self, name: &str, range: Range<u64>) -> BoxFuture<'_, Result<Bytes, ObjectsError>> {
        let length = range.end.saturating_sub(range.start);
        if length == 0 || length > CACHE_RANGE_BYTES_MAX && !self.disk.holds(disk::object(name), &range) {
            outcome("past");
            return self.objects.get(name, range);
        }
        let name = validate_name(name).map(|()| name.to_owned());
        Box::pin(async move { self.read(&name?, range).await })
    }

    fn forget(&self, name: &str) -> BoxFuture<'_, ()> {
        let object = disk::object(name);
        Box::pin(async move {
            outcome("damaged");
            self.disk.forget(object).await;
        })
    }

    fn delete(&self, name: &str) -> BoxFuture<'_, Result<(), ObjectsError>> {
        let (object, deleted) = (disk::object(name), self.objects.delete(name));
        Box::pin(async move {
            deleted.await?;
            self.disk.forget(object).await;
            Ok(())
        })
    }

    fn list(&self, prefix: &str) -> BoxFuture<'_, Result<Vec<ObjectInfo>, ObjectsError>> {
        self.objects.list(prefix)
    }

    fn sweep_unfinished(&self, now: Timestamp, age: Duration) -> BoxFuture<'_, Result<usize, ObjectsError>> {
        self.objects.sweep_unfinished(now, age)
    }
}
