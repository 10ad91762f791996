//! SUMMARY    The files of the cache: one per chunk, with a hash; which there are, and which goes next.
//! SECURITY   File names are hashes. A file that is damaged, cut, or another one's is not served: its hash covers name, place and bytes.
//! LIMITS     CACHE_FILE_BYTES_MIN, CACHE_WARM_SHARE_MAX, CACHE_PAUSE_MS, CACHE_MARK_MS
//! INVARIANTS A file is whole under its name or does not have it; nothing is synced, as the hash finds what a crash cut. What is being
//!            written at a moment comes on top of the bound. No error leaves here: without a disk there is no cache.

use super::{CacheOptions, outcome};
use crate::limits::{CACHE_CHUNK_BYTES, CACHE_FILE_BYTES_MIN, CACHE_MARK_MS, CACHE_PAUSE_MS, CACHE_WARM_SHARE_MAX};
use base::{Clock, Timestamp};
use bytes::Bytes;
use parking_lot::Mutex;
use std::{
    collections::BTreeMap,
    fs::{self, File, FileTimes},
    io::{self, Read, Write},
    ops::Range,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, UNIX_EPOCH},
};

const MAGIC: &[u8; 4] = b"phc1";
const HEAD_BYTES: usize = 4 + 32;
/// Ending of a file that is being written.
const UNFINISHED: &str = "unfinished";

/// Short hash of an object's name.
pub(super) type ObjectHash = [u8; 16];

pub(super) fn object(name: &str) -> ObjectHash {
    let mut out = ObjectHash::default();
    blake3::Hasher::new().update(name.as_bytes()).finalize_xof().fill(&mut out);
    out
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct ChunkKey {
    pub object: ObjectHash,
    pub number: u32,
}

impl ChunkKey {
    fn file_name(self) -> String {
        let hex = u128::from_be_bytes(self.object);
        format!("{hex:032x}-{:08x}", self.number)
    }

    fn parse(name: &str) -> Option<Self> {
        let (object, number) = name.split_once('-')?;
        let object = u128::from_str_radix(object, 16).ok()?.to_be_bytes();
        let key = ChunkKey { object, number: u32::from_str_radix(number, 16).ok()? };
        (key.file_name() == name).then_some(key)
    }

    fn hash(self, body: &[u8]) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.object).update(&self.number.to_be_bytes()).update(body);
        hasher.finalize()
    }
}

struct Entry {
    charge: u64,
    used: u64,
    marked: Timestamp,
}

/// Which chunks there are, in the order of their last use.
#[derive(Default)]
struct Index {
    entries: BTreeMap<ChunkKey, Entry>,
    order: BTreeMap<u64, ChunkKey>,
    bytes: u64,
    uses: u64,
}

impl Index {
    fn insert(&mut self, key: ChunkKey, bytes: u64, marked: Timestamp) {
        self.remove(key);
        let charge = bytes.next_multiple_of(CACHE_FILE_BYTES_MIN);
        self.uses += 1;
        self.bytes += charge;
        self.order.insert(self.uses, key);
        self.entries.insert(key, Entry { charge, used: self.uses, marked });
    }

    fn remove(&mut self, key: ChunkKey) {
        if let Some(entry) = self.entries.remove(&key) {
            self.order.remove(&entry.used);
            self.bytes = self.bytes.saturating_sub(entry.charge);
        }
    }

    /// None if it is not there; otherwise whether its file should be marked as used.
    fn touch(&mut self, key: ChunkKey, now: Timestamp) -> Option<bool> {
        let entry = self.entries.get_mut(&key)?;
        self.uses += 1;
        self.order.remove(&entry.used);
        self.order.insert(self.uses, key);
        entry.used = self.uses;
        let is_due = now.since(entry.marked) >= Duration::from_millis(CACHE_MARK_MS);
        if is_due {
            entry.marked = now;
        }
        Some(is_due)
    }

    /// Takes out the least recently used ones until the rest fits.
    fn shrink(&mut self, bytes_max: u64) -> Vec<ChunkKey> {
        let mut gone = Vec::new();
        while self.bytes > bytes_max {
            let Some((_, &key)) = self.order.first_key_value() else { break };
            self.remove(key);
            gone.push(key);
        }
        gone
    }
}

pub(super) struct Disk {
    options: CacheOptions,
    clock: Arc<dyn Clock>,
    index: Mutex<Index>,
    /// Until when nothing is written.
    pause: Mutex<Option<Instant>>,
    /// Writers so far, so that two of one chunk do not meet.
    writers: AtomicU64,
}

/// Runs file work off the runtime's threads; None if it failed.
async fn work<T: Send + 'static>(work: impl FnOnce() -> Option<T> + Send + 'static) -> Option<T> {
    tokio::task::spawn_blocking(work).await.ok().flatten()
}

impl Disk {
    pub(super) fn open(options: CacheOptions, clock: Arc<dyn Clock>) -> io::Result<Self> {
        fs::create_dir_all(&options.folder)?;
        let mut found = scan(&options.folder)?;
        found.sort_unstable();
        let mut index = Index::default();
        for (marked, key, bytes) in found {
            index.insert(key, bytes, marked);
        }
        let gone = index.shrink(options.bytes_max);
        let disk =
            Disk { options, clock, index: Mutex::new(index), pause: Mutex::default(), writers: AtomicU64::new(0) };
        disk.unlink(&gone);
        disk.show();
        Ok(disk)
    }

    pub(super) fn bytes(&self) -> u64 {
        self.index.lock().bytes
    }

    fn show(&self) {
        metrics::gauge!("objects_cache_bytes").set(self.bytes() as f64);
    }

    fn path(&self, key: ChunkKey) -> PathBuf {
        let [first, ..] = key.object;
        self.options.folder.join(format!("{first:02x}")).join(key.file_name())
    }

    fn unlink(&self, keys: &[ChunkKey]) {
        for key in keys {
            // What is not there needs no removal; another failure leaves a file for the next start.
            let _ = fs::remove_file(self.path(*key));
        }
    }

    /// Whether there is something of every chunk of `range`.
    pub(super) fn holds(&self, object: ObjectHash, range: &Range<u64>) -> bool {
        let chunk_bytes = CACHE_CHUNK_BYTES as u64;
        let (first, end) = (range.start / chunk_bytes, range.end.div_ceil(chunk_bytes));
        let (Ok(from), Ok(to)) = (u32::try_from(first), u32::try_from(end)) else { return false };
        let keys = ChunkKey { object, number: from }..ChunkKey { object, number: to };
        self.index.lock().entries.range(keys).count() as u64 == end - first
    }

    pub(super) async fn read(self: &Arc<Self>, key: ChunkKey) -> Option<Bytes> {
        let now = self.clock.now();
        let is_due = self.index.lock().touch(key, now)?;
        let disk = self.clone();
        work(move || disk.read_now(key, is_due.then_some(now))).await
    }

    fn read_now(&self, key: ChunkKey, mark: Option<Timestamp>) -> Option<Bytes> {
        match read_file(&self.path(key), key, mark) {
            Ok(bytes) => Some(bytes),
            Err(why) => {
                outcome("damaged");
                tracing::warn!(%why, "a chunk of the object cache is of no use");
                self.index.lock().remove(key);
                self.unlink(&[key]);
                None
            }
        }
    }

    pub(super) async fn write(self: &Arc<Self>, key: ChunkKey, bytes: Bytes) {
        let disk = self.clone();
        work(move || {
            disk.write_now(key, &bytes);
            Some(())
        })
        .await;
    }

    /// Writes a whole object, unless it is more than CACHE_WARM_SHARE_MAX allows.
    pub(super) async fn fill(self: &Arc<Self>, object: ObjectHash, bytes: Bytes) {
        if bytes.len() as u64 > self.options.bytes_max / CACHE_WARM_SHARE_MAX {
            return;
        }
        let disk = self.clone();
        work(move || {
            for (number, chunk) in (0..).zip(bytes.chunks(CACHE_CHUNK_BYTES)) {
                disk.write_now(ChunkKey { object, number }, chunk);
            }
            Some(())
        })
        .await;
    }

    fn write_now(&self, key: ChunkKey, bytes: &[u8]) {
        if self.pause.lock().is_some_and(|until| until > Instant::now()) {
            return;
        }
        let written = self.write_file(key, bytes);
        let Err(why) = written else {
            let gone = {
                let mut index = self.index.lock();
                index.insert(key, (HEAD_BYTES + bytes.len()) as u64, self.clock.now());
                index.shrink(self.options.bytes_max)
            };
            self.unlink(&gone);
            self.show();
            return;
        };
        outcome("not_written");
        tracing::warn!(%why, "the object cache writes nothing for CACHE_PAUSE_MS");
        *self.pause.lock() = Some(Instant::now() + Duration::from_millis(CACHE_PAUSE_MS));
    }

    fn write_file(&self, key: ChunkKey, bytes: &[u8]) -> io::Result<()> {
        let space = rustix::fs::statvfs(&self.options.folder)?;
        if space.f_bavail.saturating_mul(space.f_frsize) < self.options.free_bytes_min {
            return Err(io::Error::new(io::ErrorKind::StorageFull, "CACHE_FREE_BYTES_MIN"));
        }
        let path = self.path(key);
        let writer = self.writers.fetch_add(1, Ordering::Relaxed);
        let unfinished = path.with_extension(format!("{writer}.{UNFINISHED}"));
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let write = || {
            let mut file = File::create(&unfinished)?;
            file.write_all(MAGIC)?;
            file.write_all(key.hash(bytes).as_bytes())?;
            file.write_all(bytes)?;
            fs::rename(&unfinished, &path)
        };
        write().inspect_err(|_| {
            // The first error is the one that counts.
            let _ = fs::remove_file(&unfinished);
        })
    }

    /// Removes all chunks of an object.
    pub(super) async fn forget(self: &Arc<Self>, object: ObjectHash) {
        let keys: Vec<ChunkKey> = {
            let mut index = self.index.lock();
            let range = ChunkKey { object, number: 0 }..=ChunkKey { object, number: u32::MAX };
            let keys: Vec<ChunkKey> = index.entries.range(range).map(|(key, _)| *key).collect();
            keys.iter().for_each(|key| index.remove(*key));
            keys
        };
        let disk = self.clone();
        work(move || {
            disk.unlink(&keys);
            Some(())
        })
        .await;
        self.show();
    }
}

fn read_file(path: &Path, key: ChunkKey, mark: Option<Timestamp>) -> io::Result<Bytes> {
    let damaged = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    let mut read = Vec::new();
    let file = File::open(path)?;
    (&file).take((HEAD_BYTES + CACHE_CHUNK_BYTES + 1) as u64).read_to_end(&mut read)?;
    let body = read.get(HEAD_BYTES..).ok_or_else(|| damaged("it is cut"))?;
    let is_whole = body.len() <= CACHE_CHUNK_BYTES
        && read.starts_with(MAGIC)
        && read.get(MAGIC.len()..HEAD_BYTES) == Some(key.hash(body).as_bytes().as_slice());
    if !is_whole {
        return Err(damaged("its hash is another"));
    }
    if let Some(at) = mark.and_then(|mark| u64::try_from(mark.0).ok()) {
        let times = FileTimes::new().set_modified(UNIX_EPOCH + Duration::from_millis(at));
        // Only the order after a restart depends on it.
        let _ = file.set_times(times);
    }
    Ok(Bytes::from(read).slice(HEAD_BYTES..))
}

/// Chunks in the folder, with the time of their last mark. Removes what was not finished.
fn scan(folder: &Path) -> io::Result<Vec<(Timestamp, ChunkKey, u64)>> {
    let mut found = Vec::new();
    for part in fs::read_dir(folder)? {
        let part = part?;
        if !part.file_type()?.is_dir() {
            continue;
        }
        for entry in fs::read_dir(part.path())? {
            let entry = entry?;
            if entry.path().extension().is_some_and(|ending| ending == UNFINISHED) {
                fs::remove_file(entry.path())?;
                continue;
            }
            let Some(key) = entry.file_name().to_str().and_then(ChunkKey::parse) else { continue };
            let meta = entry.metadata()?;
            let age = meta.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
            let marked = Timestamp(i64::try_from(age.as_millis()).unwrap_or(i64::MAX));
            found.push((marked, key, meta.len()));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u32) -> ChunkKey {
        ChunkKey { object: object("packs/a.pack"), number }
    }

    #[test]
    fn file_names_round_trip() {
        let key = key(0x1f);
        assert_eq!(ChunkKey::parse(&key.file_name()), Some(key));
        for name in ["", "-", "1-1", "x", "00000000000000000000000000000000-0000001F", "../etc-00000000"] {
            assert_eq!(ChunkKey::parse(name), None, "{name}");
        }
    }

    #[test]
    fn the_least_recently_used_go_first() {
        let (mut index, now) = (Index::default(), Timestamp(0));
        for n in 0..4 {
            index.insert(key(n), 1, now);
        }
        assert_eq!(index.bytes, 4 * CACHE_FILE_BYTES_MIN, "a small file takes a block");
        assert_eq!(index.touch(key(0), now), Some(false));
        index.insert(key(1), CACHE_FILE_BYTES_MIN + 1, now);
        assert_eq!(index.shrink(3 * CACHE_FILE_BYTES_MIN), [key(2), key(3)]);
        assert_eq!(index.touch(key(2), now), None);
        let later = Timestamp(i64::try_from(CACHE_MARK_MS).unwrap());
        assert_eq!(index.touch(key(0), later), Some(true));
        assert_eq!(index.touch(key(0), later), Some(false));
        assert_eq!(index.shrink(0), [key(1), key(0)]);
        assert_eq!((index.bytes, index.order.len()), (0, 0));
    }
}
