//! SUMMARY    The ordered transactional key-value contract (FoundationDB's semantics) as object-safe traits.
//! STANDARDS  Serializable snapshot isolation by backward validation: read versions, read and write conflict ranges.
//! LIMITS     KV_KEY_BYTES_MAX, KV_VALUE_BYTES_MAX, KV_TXN_BYTES_MAX, KV_TXN_MS_MAX, KV_PAGE_ROWS_MAX, KV_PAGE_BYTES_MAX
//! INVARIANTS Strict serialisability and read-your-writes. A commit that returned Ok is durable. `Unknown` may have happened.
//!            Keys here are absolute: only the `account` room calls this; every other room goes through its scopes.

use bytes::Bytes;
use std::{fmt, future::Future, pin::Pin};

pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Half-open key range `[from, to)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRange {
    pub from: Vec<u8>,
    pub to: Vec<u8>,
}

impl KeyRange {
    /// All keys that start with `prefix`. A prefix of only 0xff bytes ranges to the end of the key space.
    pub fn prefix(prefix: &[u8]) -> Self {
        let mut to = prefix.to_vec();
        while let Some(last) = to.pop() {
            if last < 0xff {
                to.push(last + 1);
                break;
            }
        }
        if to.is_empty() {
            to = vec![0xff; base::limits::KV_KEY_BYTES_MAX + 1];
        }
        KeyRange { from: prefix.to_vec(), to }
    }

    pub fn contains(&self, key: &[u8]) -> bool {
        self.from.as_slice() <= key && key < self.to.as_slice()
    }

    pub fn is_empty(&self) -> bool {
        self.from >= self.to
    }
}

/// What one range page may hold. The backend may return less, and says whether there is more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageLimit {
    pub rows: usize,
    pub bytes: usize,
}

impl PageLimit {
    pub const MAX: PageLimit =
        PageLimit { rows: base::limits::KV_PAGE_ROWS_MAX, bytes: base::limits::KV_PAGE_BYTES_MAX };
    pub const fn rows(rows: usize) -> Self {
        PageLimit { rows, bytes: base::limits::KV_PAGE_BYTES_MAX }
    }
}

/// Rows in key order (descending if `reverse`), and whether the range goes on behind the last one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    pub rows: Vec<(Bytes, Bytes)>,
    pub more: bool,
}

/// Whether a read takes part in conflict detection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Read {
    /// Adds a read conflict: the commit fails if the key or range changes before it.
    Serializable,
    /// A snapshot read: sees the same version, adds no conflict.
    Snapshot,
}

/// Why a read failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadError {
    /// The transaction is older than KV_TXN_MS_MAX or the version is gone.
    TooOld,
    /// Key over KV_KEY_BYTES_MAX.
    KeyTooLarge,
    /// Back end down or damaged, with the reason.
    Fatal(String),
}

/// Why a commit failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommitError {
    /// Somebody else changed what was read; nothing was written. Run the whole transaction again.
    Conflict,
    /// Older than KV_TXN_MS_MAX; nothing was written.
    TooOld,
    /// A named limit was passed; nothing was written. Trying again does not help.
    TooLarge(&'static str),
    /// The result is not known: it may have been applied, now or a little later.
    Unknown,
    /// Back end down or damaged, with the reason. Said by the durable future, the result is not known either; not to be run
    /// again by a retry loop.
    Fatal(String),
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReadError::TooOld => f.write_str("transaction too old"),
            ReadError::KeyTooLarge => f.write_str("limit KV_KEY_BYTES_MAX"),
            ReadError::Fatal(why) => write!(f, "store failed: {why}"),
        }
    }
}
impl std::error::Error for ReadError {}

impl fmt::Display for CommitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CommitError::Conflict => f.write_str("conflict"),
            CommitError::TooOld => f.write_str("transaction too old"),
            CommitError::TooLarge(limit) => write!(f, "limit {limit}"),
            CommitError::Unknown => f.write_str("commit result unknown"),
            CommitError::Fatal(why) => write!(f, "store failed: {why}"),
        }
    }
}
impl std::error::Error for CommitError {}

/// Commit version: a commit that begins after another one was acknowledged has a higher one. Commits of one moment may share
/// theirs where a store commits in batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Version(pub u64);

/// Bytes of a commit's stamp within a key: version, then order, big-endian.
pub const STAMP_BYTES: usize = 10;

/// A successful, durable commit. Their order is that of the commits: unique among those that wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Committed {
    pub version: Version,
    /// Place among the commits of this version; 0 where no two share one. What only read at a version that several share
    /// stands behind them all, at `u16::MAX`.
    pub order: u16,
}

impl Committed {
    /// The only commit of its version.
    pub const fn alone(version: Version) -> Self {
        Committed { version, order: 0 }
    }

    /// What `KvTxn::set_versionstamped` writes for this commit.
    pub fn stamp(&self) -> [u8; STAMP_BYTES] {
        let mut stamp = [0; STAMP_BYTES];
        let (version, order) = stamp.split_at_mut(size_of::<u64>());
        version.copy_from_slice(&self.version.0.to_be_bytes());
        order.copy_from_slice(&self.order.to_be_bytes());
        stamp
    }

    /// The commit of a stamp.
    pub fn of_stamp(stamp: [u8; STAMP_BYTES]) -> Self {
        let [version @ .., high, low] = stamp;
        Committed { version: Version(u64::from_be_bytes(version)), order: u16::from_be_bytes([high, low]) }
    }
}

/// Result of a validated commit once it is durable.
pub type Durable = BoxFuture<'static, Result<Committed, CommitError>>;

/// What a store without snapshots says of backups, behind its name.
pub const OWN_MEANS: &str = "is backed up by its own means";

/// One durable version of a store, read for as long as it takes: KV_TXN_MS_MAX does not end it. Dropping it lets go of what it
/// holds.
pub trait KvSnapshot: Send + Sync {
    /// One page of `range`, at most `limit`, from its start. `TooOld`: the store had to end the snapshot, and every later page
    /// says so too; another one may be taken.
    fn page<'a>(&'a mut self, range: &KeyRange, limit: PageLimit) -> BoxFuture<'a, Result<Page, ReadError>>;
}

/// A store. Cheap to share (`Arc<dyn Kv>`).
pub trait Kv: Send + Sync + 'static {
    /// A transaction that will write. Its reads see every commit validated so far, durable or not; its own commit is
    /// acknowledged only after those are durable too, so nothing that is not durable can be told to anybody by it.
    fn begin(&self) -> Box<dyn KvTxn>;
    /// A transaction that only reads; sees durable commits only. A write on it makes `submit` fail;
    /// `submit` of reads alone succeeds at once.
    fn begin_read(&self) -> Box<dyn KvTxn>;
    /// Whether a commit can end with `CommitError::Unknown`: then the retry loop writes `done/<op>`.
    fn commit_may_be_unknown(&self) -> bool;
    /// Whether `submit` itself validates, so that who begins after it sees what it wrote, durable or not. A remote store says
    /// its verdict in the future.
    fn validates_at_submit(&self) -> bool {
        true
    }
    /// Name for logs and `/readyz`.
    fn name(&self) -> &'static str;
    /// Ready to serve, or why not.
    fn health(&self) -> BoxFuture<'_, Result<(), String>>;
    /// Whether new data may come in; deletions are welcome anyway. False while less than STORE_FREE_BYTES_MIN is free.
    fn has_room(&self) -> bool {
        true
    }
    /// Whether this process cannot serve from it any more: only a new start can.
    fn is_lost(&self) -> bool {
        false
    }
    /// Makes the store's files forget rows of `range` that were cleared before this call: afterwards no file holds a byte of
    /// them. It may take long, costs what writing the whole store anew costs, may be cut off anywhere, and goes on with
    /// commits. An error says why something may be left: ask again. What the store cannot reach it does not promise: the free
    /// bytes of PostgreSQL's pages and its write-ahead log, the files of FoundationDB, which are written anew in its own time.
    fn forget(&self, range: &KeyRange) -> BoxFuture<'_, Result<(), String>> {
        let _ = range;
        Box::pin(std::future::ready(Ok(())))
    }
    /// The store as it is now, with everything that was acknowledged before this call and nothing that is not durable; commits go
    /// on. What it costs the store while it is held: see each one. `Fatal` with OWN_MEANS: this store has none.
    fn snapshot(&self) -> BoxFuture<'_, Result<Box<dyn KvSnapshot>, ReadError>> {
        let why = format!("{} {OWN_MEANS}", self.name());
        Box::pin(std::future::ready(Err(ReadError::Fatal(why))))
    }
    /// Waits until everything acknowledged is durable and background work may stop.
    fn close(&self) -> BoxFuture<'_, ()>;
}

/// One transaction. Reads see its own writes. Dropping it does nothing. All its reads see one version of the store, which is
/// settled between `begin` and the end of its first read.
pub trait KvTxn: Send {
    fn get<'a>(&'a mut self, key: &[u8], read: Read) -> BoxFuture<'a, Result<Option<Bytes>, ReadError>>;
    /// One page of `range`, at most `limit`, from its start (from its end if `reverse`).
    fn range<'a>(
        &'a mut self,
        range: &KeyRange,
        limit: PageLimit,
        reverse: bool,
        read: Read,
    ) -> BoxFuture<'a, Result<Page, ReadError>>;
    fn set(&mut self, key: &[u8], value: &[u8]);
    fn clear(&mut self, key: &[u8]);
    fn clear_range(&mut self, range: &KeyRange);
    /// Adds to a little-endian i64 (missing = 0, wrapping as FoundationDB's ADD does) without a read conflict.
    fn add(&mut self, key: &[u8], delta: i64);
    /// Sets `prefix || Committed::stamp || suffix`: unique, and in the order of the commits.
    fn set_versionstamped(&mut self, prefix: &[u8], suffix: &[u8], value: &[u8]);
    /// Adds a read conflict without reading.
    fn must_not_change(&mut self, range: &KeyRange);
    /// Whether anything was written.
    fn is_read_only(&self) -> bool;
    /// Validates now and returns at once; the future resolves when the commit is durable.
    /// A backend that validates remotely returns Ok here and the verdict in the future.
    /// A transaction that wrote nothing succeeds once what it read is durable.
    fn submit(self: Box<Self>) -> Result<Durable, CommitError>;
}
