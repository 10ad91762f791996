//! SUMMARY    fjall as the embedded store uses it: one keyspace, synced batches, snapshots at published versions.
//! INVARIANTS Reads go through snapshots only. A batch holds a key once. Every batch carries its commit version, under a key
//!            behind KV_KEYS_END. Big values live apart from their keys and are never compressed (they are ciphertext).

use super::{
    EmbeddedOptions, OpenError,
    cache::{Look, RowCache},
    folder::Folder,
};
use crate::{
    layer::{Layer, Patch, Slice},
    page::{Base, Row, Scan},
};
use base::limits::KV_KEYS_END;
use fjall::{
    AbstractTree, CompressionType, Database, Keyspace, KeyspaceCreateOptions, KvSeparationOptions, OwnedWriteBatch,
    PersistMode, Readable, Snapshot,
    config::{BlockSizePolicy, CompressionPolicy, PartitioningPolicy},
};
use parking_lot::Mutex;
use std::{collections::BTreeSet, io, path::Path, sync::Arc};

/// Values from here on are kept apart from their keys.
pub(super) const SEPARATE_BYTES_MIN: u32 = 2 * 1024;
/// Bytes of a data block: pages of rows are the common read.
const BLOCK_BYTES: u32 = 8 * 1024;
/// Journals together; fjall's least.
const JOURNAL_BYTES_MAX: u64 = 64 << 20;
/// Bytes written after which fjall is made to look for versions nobody can see any more.
const TIDY_BYTES: usize = 8 << 20;
/// fjall looks for them after this many snapshots were closed (snapshot_tracker.rs).
const TIDY_SNAPSHOTS: usize = 10_001;
/// fjall seals its journal at the first table that is written after the journal has grown beyond 64 MB (worker_pool.rs).
const JOURNAL_SEALED_BYTES: usize = 65 << 20;
/// A row that fills the journal; written again and again, it takes its bytes once elsewhere.
const FILLER_BYTES: usize = 1 << 20;

pub(super) struct Disk {
    rows: Keyspace,
    database: Database,
    untidy_bytes: Mutex<usize>,
    cache: Arc<RowCache>,
    snapshots: Arc<Snapshots>,
}

fn version_key() -> Slice {
    let mut key = KV_KEYS_END.to_vec();
    key.extend_from_slice(b"version");
    Slice::from(key)
}

/// Version of the last commit; 0 where there was none.
pub(super) fn version_in(snapshot: &Snapshot, rows: &Keyspace) -> Result<u64, String> {
    match snapshot.get(rows, version_key()).map_err(|why| why.to_string())? {
        None => Ok(0),
        Some(value) => value.as_ref().try_into().map(u64::from_be_bytes).map_err(|_| "the commit version".to_owned()),
    }
}

fn filler_key() -> Slice {
    let mut key = KV_KEYS_END.to_vec();
    key.extend_from_slice(b"filler");
    Slice::from(key)
}

/// Snapshots that somebody reads, by their numbers, which rise.
#[derive(Default)]
pub(super) struct Snapshots(Mutex<(u64, BTreeSet<u64>)>);

impl Snapshots {
    fn take(&self) -> u64 {
        let mut state = self.0.lock();
        state.0 += 1;
        let number = state.0;
        state.1.insert(number);
        number
    }

    fn let_go(&self, number: u64) {
        self.0.lock().1.remove(&number);
    }
}

/// What works on the files beside the committer. It writes no row but the filler's.
#[derive(Clone)]
pub(super) struct Handles {
    rows: Keyspace,
    database: Database,
    snapshots: Arc<Snapshots>,
}

impl Handles {
    pub(super) fn oldest_snapshot(&self) -> Option<u64> {
        self.snapshots.0.lock().1.first().copied()
    }

    /// The last one that was taken.
    pub(super) fn newest_snapshot(&self) -> u64 {
        self.snapshots.0.lock().0
    }

    /// Writes until the journal is long enough to be sealed, and lets it be: nothing else seals it.
    pub(super) fn fill_journal(&self) -> Result<(), String> {
        let filler = vec![0; FILLER_BYTES];
        for _ in 0..JOURNAL_SEALED_BYTES.div_ceil(FILLER_BYTES) {
            self.rows.insert(filler_key(), filler.as_slice()).map_err(failed)?;
        }
        self.flush()?;
        self.touch()?;
        self.flush()
    }

    /// A write, so that versions before it are old.
    pub(super) fn touch(&self) -> Result<(), String> {
        self.rows.remove(filler_key()).map_err(failed)
    }

    /// What is in memory becomes a table; sealed journals that are in tables are deleted.
    pub(super) fn flush(&self) -> Result<(), String> {
        self.rows.rotate_memtable_and_wait().map_err(failed)
    }

    /// Every table is merged into new ones, without what nobody can see any more.
    pub(super) fn merge(&self) -> Result<(), String> {
        self.rows.major_compact().map_err(failed)
    }

    /// No table that is in use now is deleted while this is held.
    pub(super) fn hold(&self) -> Snapshot {
        self.database.snapshot()
    }

    /// Version of the last commit in a snapshot of `hold`.
    pub(super) fn version(&self, held: &Snapshot) -> Result<u64, String> {
        version_in(held, &self.rows)
    }

    /// Makes fjall look for versions that nobody can see any more.
    pub(super) fn tidy(&self) {
        for _ in 0..TIDY_SNAPSHOTS {
            drop(self.database.snapshot());
        }
    }
}

fn failed(why: fjall::Error) -> String {
    format!("forgetting: {why}")
}

/// Why a group was not written, or not surely.
pub(super) struct WriteError {
    pub why: String,
    /// The disk was full, or a table could not be written: opened again, the store may go on. Not after an fsync that failed
    /// otherwise: what the system shows of the file then need not be on the disk.
    pub may_pass: bool,
}

impl From<String> for WriteError {
    fn from(why: String) -> Self {
        WriteError { why, may_pass: false }
    }
}

fn may_pass(why: &fjall::Error) -> bool {
    let of = |io: &io::Error| {
        matches!(io.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge)
    };
    match why {
        fjall::Error::Io(io) | fjall::Error::Storage(fjall::LsmError::Io(io)) => of(io),
        // Said to this thread first by a worker that wrote a table: the journal is whole.
        fjall::Error::Poisoned => true,
        _ => false,
    }
}

fn damaged(why: fjall::Error) -> OpenError {
    OpenError::Damaged(why.to_string())
}

/// Bytes of the journals that an open would replay; 0 where there are none.
fn journal_bytes(rows: &Path) -> u64 {
    let files = std::fs::read_dir(rows).into_iter().flatten().flatten();
    let journals = files.filter(|file| file.path().extension().is_some_and(|e| e == "jnl"));
    journals.filter_map(|file| file.metadata().ok()).map(|of| of.len()).sum()
}

pub(super) fn row_options(options: &EmbeddedOptions) -> KeyspaceCreateOptions {
    let separation =
        KvSeparationOptions::default().compression(CompressionType::None).separation_threshold(SEPARATE_BYTES_MIN);
    KeyspaceCreateOptions::default()
        .max_memtable_size(options.memtable_bytes)
        .data_block_size_policy(BlockSizePolicy::all(BLOCK_BYTES))
        // In parts that the cache takes one by one: whole, those of a table of 64 MiB are 2 MB, read anew by every look-up.
        .index_block_partitioning_policy(PartitioningPolicy::all(true))
        .filter_block_partitioning_policy(PartitioningPolicy::all(true))
        .data_block_compression_policy(CompressionPolicy::new([
            CompressionType::None,
            CompressionType::None,
            CompressionType::Lz4,
        ]))
        .with_kv_separation(Some(separation))
}

impl Disk {
    /// Opens or makes the database; with the version of its last batch.
    pub(super) fn open(folder: &Folder, options: &EmbeddedOptions) -> Result<(Self, u64), OpenError> {
        let (disk, journal_is_long) = Self::start(folder, options)?;
        disk.settle(options.memtable_bytes / 2, journal_is_long)?;
        let version = disk.version()?;
        Ok((disk, version))
    }

    /// As `open`, after a failed write: all that the journal brings back is written as a table, so that it is durable whatever
    /// became of the last fsync.
    pub(super) fn reopen(folder: &Folder, options: &EmbeddedOptions) -> Result<(Self, u64), OpenError> {
        let (disk, _) = Self::start(folder, options)?;
        disk.settle(0, false)?;
        let version = disk.version()?;
        Ok((disk, version))
    }

    fn start(folder: &Folder, options: &EmbeddedOptions) -> Result<(Self, bool), OpenError> {
        let journal_is_long = journal_bytes(&folder.rows()) > JOURNAL_BYTES_MAX;
        // The second worker writes tables while the first merges: after crashes in a row a merge must not delay the cut.
        let workers = options.workers.max(if journal_is_long { 2 } else { 1 });
        let database = Database::builder(folder.rows())
            .cache_size(options.cache_bytes)
            .worker_threads(workers)
            .max_journaling_size(JOURNAL_BYTES_MAX)
            .journal_compression(CompressionType::None)
            .manual_journal_persist(true)
            .open()
            .map_err(|why| match why {
                fjall::Error::Locked => OpenError::InUse(folder.rows()),
                why => damaged(why),
            })?;
        let rows = database.keyspace("rows", || row_options(options)).map_err(damaged)?;
        let (cache, snapshots) = (Arc::new(RowCache::new()), Arc::default());
        Ok((Disk { rows, database, untidy_bytes: Mutex::new(0), cache, snapshots }, journal_is_long))
    }

    pub(super) fn handles(&self) -> Handles {
        Handles { rows: self.rows.clone(), database: self.database.clone(), snapshots: Arc::clone(&self.snapshots) }
    }

    fn version(&self) -> Result<u64, OpenError> {
        version_in(&self.database.snapshot(), &self.rows).map_err(OpenError::Damaged)
    }

    /// Writes what the journal brought back as a table before anything else happens: a store that is killed again and again
    /// would replay more at every start. A long journal is cut by fjall's worker only, as it writes a table.
    fn settle(&self, memtable_bytes_max: u64, journal_is_long: bool) -> Result<(), OpenError> {
        let tree = &self.rows.tree;
        if journal_is_long {
            self.rows.rotate_memtable_and_wait().map_err(damaged)?;
        } else if tree.active_memtable().size() > memtable_bytes_max && self.rows.rotate_memtable().map_err(damaged)? {
            // On this thread: the worker may have begun a merge that takes seconds, and then finds nothing left to write.
            let lock = tree.get_flush_lock();
            // 0: no version is dropped, whoever may still read it.
            tree.flush(&lock, 0).map_err(|why| OpenError::Damaged(why.to_string()))?;
        }
        Ok(())
    }

    /// The rows as they are now, which is as commit `version` left them; the caller knows that they are durable.
    pub(super) fn publish(&self, version: u64) -> Published {
        self.cache.advance(version);
        Published {
            rows: self.rows.clone(),
            snapshot: self.database.snapshot(),
            cache: Arc::clone(&self.cache),
            version,
            number: self.snapshots.take(),
            snapshots: Arc::clone(&self.snapshots),
        }
    }

    /// Writes `group` as one batch and fsyncs it.
    pub(super) fn write(&self, group: &Layer, version: u64, base: &dyn Base) -> Result<Published, WriteError> {
        let mut batch =
            OwnedWriteBatch::with_capacity(self.database.clone(), 64).durability(Some(PersistMode::SyncData));
        let mut bytes = 0;
        let mut gone = Vec::new();
        for (from, to) in group.clears() {
            for row in base.scan(from, to, false) {
                let (key, _) = row?;
                if matches!(group.lookup(&key), Some(Patch::Gone)) {
                    gone.push(key);
                }
            }
        }
        for (key, patch) in group.patches() {
            match patch {
                Patch::Put(value) => {
                    bytes += key.len() + value.len();
                    batch.insert(&self.rows, key.clone(), value.clone());
                }
                // Under a cleared range the walk above has found it if it was there.
                Patch::Gone | Patch::Add(_) if group.is_cleared(key) => {}
                Patch::Gone | Patch::Add(_) => gone.push(key.clone()),
            }
        }
        for key in &gone {
            bytes += key.len();
            batch.remove(&self.rows, key.clone());
        }
        batch.insert(&self.rows, version_key(), Slice::from(version.to_be_bytes()));
        batch
            .commit()
            .map_err(|why| WriteError { may_pass: may_pass(&why), why: format!("writing commit {version}: {why}") })?;
        let published = self.publish(version);
        self.keep_up(group, &gone, version);
        self.tidy(bytes, &published);
        Ok(published)
    }

    /// Brings the kept rows to `version`, before anybody is shown it.
    fn keep_up(&self, group: &Layer, gone: &[Slice], version: u64) {
        for (key, patch) in group.patches() {
            if let Patch::Put(value) = patch {
                self.cache.write(key, value, version);
            }
        }
        for key in gone {
            self.cache.remove(key);
        }
    }

    /// fjall frees old versions, and the memory of written tables, only after so many closed snapshots. With one snapshot
    /// a group that would be late by gigabytes: close some for it after every few megabytes.
    fn tidy(&self, bytes: usize, published: &Published) {
        let mut untidy = self.untidy_bytes.lock();
        *untidy += bytes;
        if *untidy >= TIDY_BYTES {
            *untidy = 0;
            for _ in 0..TIDY_SNAPSHOTS {
                drop(published.snapshot.clone());
            }
        }
    }
}

/// Durable rows at one version.
pub(super) struct Published {
    rows: Keyspace,
    snapshot: Snapshot,
    cache: Arc<RowCache>,
    version: u64,
    number: u64,
    snapshots: Arc<Snapshots>,
}

impl Drop for Published {
    fn drop(&mut self) {
        self.snapshots.let_go(self.number);
    }
}

pub(super) fn row(guard: fjall::Guard) -> Row {
    guard.into_inner().map_err(|why| format!("reading a row: {why}"))
}

impl Base for Published {
    fn get(&self, key: &[u8]) -> Result<Option<Slice>, String> {
        let look = self.cache.look(key, self.version);
        if let Look::Kept(value) = look {
            return Ok(Some(value));
        }
        let found = self.snapshot.get(&self.rows, key).map_err(|why| format!("reading a key: {why}"))?;
        if let (Look::Again(hash), Some(value)) = (look, &found) {
            self.cache.found(hash, key, value, self.version);
        }
        Ok(found)
    }

    fn scan(&self, from: &[u8], to: &[u8], reverse: bool) -> Scan<'_> {
        let rows = self.snapshot.range::<&[u8], _>(&self.rows, from..to);
        if reverse { Box::new(rows.rev().map(row)) } else { Box::new(rows.map(row)) }
    }
}
