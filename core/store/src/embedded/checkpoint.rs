//! SUMMARY    Snapshots that may be read for hours: a copy of the engine's files of one commit, opened beside the store.
//! LIMITS     CHECKPOINT_ATTEMPTS_MAX, CHECKPOINT_CACHE_BYTES
//! INVARIANTS The committer copies between two commits, so a copy ends with a commit, and with every one that was acknowledged. No file
//!            of the store is written through the copy. `forget` ends every copy that was made before its end.
//!
//! A snapshot of fjall's own would not do: while one is open, fjall keeps every memtable it has written since (lsm-tree's
//! super_version.rs), and it keeps the database from being opened again after a full disk. A copy holds no memory of the store's,
//! and on the disk only what the store would have deleted since: tables and values are the same files by another name. Its own
//! are the journals, of JOURNAL_BYTES_MAX about, on the disk and once more in memory.

use super::{
    EmbeddedOptions,
    disk::{Handles, row, row_options, version_in},
    engine::Shared,
};
use crate::{
    kv::{BoxFuture, KeyRange, KvSnapshot, Page, PageLimit, ReadError},
    layer::Slice,
    page::{self, Base, Scan},
};
use base::limits::KV_TXN_MS_MAX;
use fjall::{Database, Keyspace, Readable, Snapshot};
use parking_lot::Mutex;
use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::oneshot;

/// Copies that are tried: the engine may delete a file between two looks at its folder.
const CHECKPOINT_ATTEMPTS_MAX: u32 = 3;
/// Cache of an opened copy; it is read once, from its beginning to its end.
const CHECKPOINT_CACHE_BYTES: u64 = 8 << 20;
/// Between two looks whether a copy that was ended is gone.
const POLL: Duration = Duration::from_millis(20);

/// A folder that goes with its owner.
pub(super) struct Place(PathBuf);

impl Drop for Place {
    fn drop(&mut self) {
        match fs::remove_dir_all(&self.0) {
            Err(why) if why.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(%why, path = %self.0.display(), "a snapshot's files stay until the store is opened again");
            }
            Ok(()) | Err(_) => {}
        }
    }
}

/// What the committer is asked for: the files as they are, in a place, and the version of their last commit.
pub(super) struct Request {
    pub place: Place,
    pub told: oneshot::Sender<Result<(Place, u64), String>>,
}

impl Request {
    /// On the committer's thread, between two commits.
    pub(super) fn answer(self, rows: &Path, handles: Option<Handles>) {
        let copied = match handles {
            Some(handles) => copy(rows, &self.place.0, &handles),
            None => Err("the store is not open".to_owned()),
        };
        // Who asked may have gone away; then the place goes too.
        let _ = self.told.send(copied.map(|version| (self.place, version)));
    }
}

/// Copies that are open, and how often files were forgotten.
#[derive(Default)]
pub(super) struct Checkpoints {
    open: Mutex<Vec<Weak<Slot>>>,
    last: AtomicU64,
    forgotten: AtomicU64,
}

/// `None` once it was ended.
type Slot = Mutex<Option<Arc<Checkpoint>>>;

impl Checkpoints {
    fn keep(&self, slot: &Arc<Slot>) {
        let mut open = self.open.lock();
        open.retain(|slot| slot.strong_count() > 0);
        open.push(Arc::downgrade(slot));
    }

    /// Ends all that are open.
    fn end(&self) {
        let slots: Vec<_> = self.open.lock().drain(..).filter_map(|slot| slot.upgrade()).collect();
        for slot in slots {
            drop(slot.lock().take());
        }
    }
}

fn folder(shared: &Shared) -> PathBuf {
    shared.folder.path().join("snapshots")
}

/// Removes what a process that ended left behind.
pub(super) fn clear(store: &Path) -> io::Result<()> {
    match fs::remove_dir_all(store.join("snapshots")) {
        Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

/// Ends every copy that has files from before this call, and waits until these are gone.
pub(super) fn end_all(shared: &Shared) -> Result<(), String> {
    let of = &shared.checkpoints;
    of.forgotten.fetch_add(1, Ordering::SeqCst);
    // A number is taken before `forgotten` is read: who has a later one copies after this.
    let last = of.last.load(Ordering::SeqCst);
    of.end();
    let until = Instant::now() + Duration::from_millis(2 * KV_TXN_MS_MAX);
    while numbers(&folder(shared))?.into_iter().any(|number| number <= last) {
        if Instant::now() >= until {
            return Err("a snapshot still has old files".to_owned());
        }
        std::thread::park_timeout(POLL);
    }
    Ok(())
}

fn numbers(folder: &Path) -> Result<Vec<u64>, String> {
    let entries = match fs::read_dir(folder) {
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(|why| format!("looking for snapshots: {why}"))?,
    };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    Ok(names.collect())
}

/// Takes a snapshot of what is durable now.
pub(super) async fn take(shared: &Arc<Shared>) -> Result<Box<dyn KvSnapshot>, ReadError> {
    let mut why = String::new();
    for _ in 0..CHECKPOINT_ATTEMPTS_MAX {
        let number = shared.checkpoints.last.fetch_add(1, Ordering::SeqCst) + 1;
        let forgotten = shared.checkpoints.forgotten.load(Ordering::SeqCst);
        let (told, answer) = oneshot::channel();
        let place = Place(folder(shared).join(number.to_string()));
        shared.ask_for_copy(Request { place, told }).map_err(ReadError::Fatal)?;
        let gone = |_| ReadError::Fatal("the store does not write".to_owned());
        let opened = match answer.await.map_err(gone)? {
            Ok((place, version)) => open(place, version).await,
            Err(why) => Err(why),
        };
        match opened {
            Ok(checkpoint) => {
                let slot = Arc::new(Mutex::new(Some(Arc::new(checkpoint))));
                shared.checkpoints.keep(&slot);
                if shared.checkpoints.forgotten.load(Ordering::SeqCst) == forgotten {
                    return Ok(Box::new(EmbeddedSnapshot(slot)));
                }
                "files were forgotten meanwhile".clone_into(&mut why);
            }
            Err(failed) => {
                tracing::warn!(why = %failed, "a snapshot of the embedded store was not taken");
                why = failed;
            }
        }
    }
    Err(ReadError::Fatal(format!("taking a snapshot: {why}")))
}

async fn open(place: Place, version: u64) -> Result<Checkpoint, String> {
    let opened = tokio::task::spawn_blocking(move || Checkpoint::open(place, version)).await;
    opened.map_err(|why| format!("opening a snapshot ended: {why}"))?
}

/// Whether a file never changes once the engine refers to it.
fn is_immutable(path: &Path) -> bool {
    path.parent().and_then(Path::file_name).is_some_and(|of| of == "tables" || of == "blobs")
}

fn is_named(path: &Path, name: &str) -> bool {
    path.file_name().is_some_and(|of| of == name)
}

fn is_journal(path: &Path) -> bool {
    path.extension().is_some_and(|e| e == "jnl")
}

/// Journals first: what one loses meanwhile has become a table by then. Then which list of tables is the newest, the lists, and at
/// last the tables, none of which goes while a snapshot of the engine is open.
///
/// Gives the version of the last commit in it.
fn copy(rows: &Path, into: &Path, handles: &Handles) -> Result<u64, String> {
    let held = handles.hold();
    let version = handles.version(&held)?;
    let is_current = |path: &Path| is_named(path, "current");
    let copied = pass(rows, into, is_journal, duplicate)
        .and_then(|()| pass(rows, into, is_current, duplicate))
        .and_then(|()| {
            pass(rows, into, |path| !is_journal(path) && !is_current(path) && !is_immutable(path), duplicate)
        })
        .and_then(|()| pass(rows, into, is_immutable, |from, to| fs::hard_link(from, to)));
    drop(held);
    copied.map_err(|why| format!("copying the store's files: {why}"))?;
    Ok(version)
}

fn duplicate(from: &Path, to: &Path) -> io::Result<()> {
    fs::copy(from, to).map(|_| ())
}

/// Puts every file of `rows` that is `wanted` under the same name into `into`. One that goes away meanwhile is not there.
fn pass(
    rows: &Path,
    into: &Path,
    wanted: impl Fn(&Path) -> bool,
    put: impl Fn(&Path, &Path) -> io::Result<()>,
) -> io::Result<()> {
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        fs::create_dir_all(into.join(&folder))?;
        for entry in fs::read_dir(rows.join(&folder))? {
            let entry = entry?;
            let (path, name) = (entry.path(), folder.join(entry.file_name()));
            if path.is_dir() {
                folders.push(name);
            } else if wanted(&path) {
                match put(&path, &into.join(&name)) {
                    Err(why) if why.kind() == io::ErrorKind::NotFound => {}
                    done => done?,
                }
            }
        }
    }
    Ok(())
}

/// A copy that is open. Its database is closed before its files go.
struct Checkpoint {
    snapshot: Snapshot,
    rows: Keyspace,
    _database: Database,
    _place: Place,
}

impl Checkpoint {
    fn open(place: Place, version: u64) -> Result<Self, String> {
        let failed = |why: fjall::Error| format!("opening a snapshot: {why}");
        let database = Database::builder(&place.0)
            .cache_size(CHECKPOINT_CACHE_BYTES)
            .worker_threads(1)
            .manual_journal_persist(true)
            .open()
            .map_err(failed)?;
        let rows = database.keyspace("rows", || row_options(&EmbeddedOptions::default())).map_err(failed)?;
        let snapshot = database.snapshot();
        let found = version_in(&snapshot, &rows)?;
        if found != version {
            return Err(format!("a snapshot of commit {version} ends at {found}"));
        }
        Ok(Checkpoint { snapshot, rows, _database: database, _place: place })
    }
}

impl Base for Checkpoint {
    fn get(&self, key: &[u8]) -> Result<Option<Slice>, String> {
        self.snapshot.get(&self.rows, key).map_err(|why| format!("reading a key: {why}"))
    }

    fn scan(&self, from: &[u8], to: &[u8], reverse: bool) -> Scan<'_> {
        let rows = self.snapshot.range::<&[u8], _>(&self.rows, from..to);
        if reverse { Box::new(rows.rev().map(row)) } else { Box::new(rows.map(row)) }
    }
}

struct EmbeddedSnapshot(Arc<Slot>);

impl KvSnapshot for EmbeddedSnapshot {
    fn page<'a>(&'a mut self, range: &KeyRange, limit: PageLimit) -> BoxFuture<'a, Result<Page, ReadError>> {
        let range = range.clone();
        Box::pin(async move {
            let Some(checkpoint) = self.0.lock().clone() else { return Err(ReadError::TooOld) };
            // Off the runtime's threads: what a backup reads is not in any cache.
            let read = move || page::of_base(checkpoint.as_ref(), &range, limit);
            let read = tokio::task::spawn_blocking(read).await;
            read.map_err(|why| ReadError::Fatal(format!("reading a snapshot ended: {why}")))?.map_err(ReadError::Fatal)
        })
    }
}
