//! SUMMARY    The default store: one process, one folder; fjall's plain batches under our own resolver and committer.
//! LIMITS     KV_*, ROW_CACHE_*; EmbeddedOptions for memory and for a full disk (STORE_FREE_BYTES_MIN, STORE_REVIVE_*)
//! INVARIANTS One committer thread writes: one batch in version order and one fsync for all transactions that wait. A commit is
//!            acknowledged after that fsync, never before. A store that lost a commit it had acknowledged refuses to open.

mod cache;
mod checkpoint;
mod committer;
mod disk;
mod engine;
mod floor;
mod folder;
mod forget;
mod revive;
mod space;

use crate::{
    kv::{BoxFuture, KeyRange, Kv, KvSnapshot, KvTxn, ReadError},
    txn::{Engine, Transaction},
};
use base::limits::{STORE_FREE_BYTES_MIN, STORE_REVIVE_FREE_BYTES_MIN, STORE_REVIVE_MS};
use engine::Shared;
pub(crate) use folder::make_folder;
use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::Arc,
    thread::JoinHandle,
};

/// Memory and threads of the embedded store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmbeddedOptions {
    /// Cache of decoded blocks.
    pub cache_bytes: u64,
    /// Writes kept in memory before they become a table; up to four times that while tables are being written.
    pub memtable_bytes: u64,
    /// Threads that write and merge tables. With more than one, fjall 3.1 lets the first spin while the others merge.
    pub workers: usize,
    /// Free bytes of the disk below which new data is refused.
    pub free_bytes_min: u64,
    /// Free bytes of the disk from which a store that could not write is opened again.
    pub revive_free_bytes_min: u64,
    /// Milliseconds between attempts to come back.
    pub revive_ms: u64,
}

impl Default for EmbeddedOptions {
    fn default() -> Self {
        EmbeddedOptions {
            cache_bytes: 16 << 20,
            memtable_bytes: 16 << 20,
            workers: 1,
            free_bytes_min: STORE_FREE_BYTES_MIN,
            revive_free_bytes_min: STORE_REVIVE_FREE_BYTES_MIN,
            revive_ms: STORE_REVIVE_MS,
        }
    }
}

/// Why a folder cannot be opened.
#[derive(Debug)]
pub enum OpenError {
    /// The operating system refused `path`.
    Io { path: PathBuf, source: io::Error },
    /// Another process has the folder open.
    InUse(PathBuf),
    /// The folder is not a store, or one of another format.
    Format { path: PathBuf, why: String },
    /// The engine cannot read its files.
    Damaged(String),
    /// The engine came up with less than was once acknowledged: part of its journal is lost.
    Regressed { found: u64, acknowledged: u64 },
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OpenError::Io { path, source } => write!(f, "{}: {source}", path.display()),
            OpenError::InUse(path) => write!(f, "{}: another process has this store open", path.display()),
            OpenError::Format { path, why } => write!(f, "{}: {why}", path.display()),
            OpenError::Damaged(why) => write!(f, "the store's files are damaged: {why}"),
            OpenError::Regressed { found, acknowledged } => write!(
                f,
                "the store's journal is damaged: it ends at commit {found}, but commit {acknowledged} was acknowledged; \
                 restore from a backup, or remove the file `floor` to accept the loss"
            ),
        }
    }
}

impl std::error::Error for OpenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            OpenError::Io { source, .. } => Some(source),
            OpenError::InUse(_) | OpenError::Format { .. } | OpenError::Damaged(_) | OpenError::Regressed { .. } => {
                None
            }
        }
    }
}

/// Opens the store in `path`, which is made if it does not exist.
pub fn open(path: impl AsRef<Path>, options: EmbeddedOptions) -> Result<Arc<dyn Kv>, OpenError> {
    let folder = folder::Folder::open(path.as_ref())?;
    checkpoint::clear(folder.path()).map_err(|source| OpenError::Io { path: folder.path().to_path_buf(), source })?;
    let mut floor = folder.floor()?;
    let (disk, version) = disk::Disk::open(&folder, &options)?;
    folder.sync_names()?;
    if version < floor.version() {
        return Err(OpenError::Regressed { found: version, acknowledged: floor.version() });
    }
    floor.raise(version).map_err(|source| OpenError::Io { path: folder.path().to_path_buf(), source })?;
    let shared = Arc::new(Shared::new(&disk, version, folder, options.free_bytes_min));
    let committer = committer::spawn(Arc::clone(&shared), disk, floor, options)
        .map_err(|source| OpenError::Io { path: path.as_ref().to_path_buf(), source })?;
    Ok(Arc::new(Embedded { shared, committer: Some(committer) }))
}

/// Groups written by this process so far, each with one fsync (for measurements).
pub fn groups_committed() -> u64 {
    committer::GROUPS.load(std::sync::atomic::Ordering::Relaxed)
}

struct Embedded {
    shared: Arc<Shared>,
    committer: Option<JoinHandle<()>>,
}

impl Kv for Embedded {
    fn begin(&self) -> Box<dyn KvTxn> {
        Box::new(Transaction::new(Arc::clone(&self.shared) as Arc<dyn Engine>, self.shared.newest(), true))
    }
    fn begin_read(&self) -> Box<dyn KvTxn> {
        Box::new(Transaction::new(Arc::clone(&self.shared) as Arc<dyn Engine>, self.shared.published(), false))
    }
    fn commit_may_be_unknown(&self) -> bool {
        false
    }
    fn name(&self) -> &'static str {
        "embedded"
    }
    fn health(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(std::future::ready(self.shared.health()))
    }
    fn has_room(&self) -> bool {
        self.shared.has_room()
    }
    fn is_lost(&self) -> bool {
        self.shared.is_lost()
    }
    fn forget(&self, _range: &KeyRange) -> BoxFuture<'_, Result<(), String>> {
        // Files hold rows of everybody: all of them are written anew.
        Box::pin(forget::forget(self, &self.shared))
    }
    /// It keeps files on the disk that the store deletes meanwhile, and may be ended by `forget`.
    fn snapshot(&self) -> BoxFuture<'_, Result<Box<dyn KvSnapshot>, ReadError>> {
        Box::pin(checkpoint::take(&self.shared))
    }
    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.shared.close())
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.shared.stop();
        if let Some(committer) = self.committer.take()
            && committer.join().is_err()
        {
            tracing::error!("the committer of the embedded store panicked");
        }
    }
}
