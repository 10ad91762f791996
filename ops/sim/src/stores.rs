//! SUMMARY    Stores of worlds: in memory, or FoundationDB through its real client crate, on our own library or a live cluster.
//! INVARIANTS Virtual time stands still while FoundationDB's client is asked for something, though nobody waits for the answer any
//!            more: what happens outside of the runtime takes no time in it. Seeds choose the acts and the faults; in which order answers come they do not, so a seed over
//!            FoundationDB does not replay.

use crate::world::{Spoil, said};
use base::Clock;
use bytes::Bytes;
use std::{
    io::Write,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::channel,
    },
};
use store::{
    CommitError, Committed, Durable, KeyRange, Kv, KvTxn, MemKv, Page, PageLimit, Read, ReadError, faults::FaultRates,
    kv::BoxFuture,
};
use store_fdb::{FdbKv, limits::FDB_TXN_TIMEOUT_MS};

/// What a commit takes to be decided, in the worlds where it takes its time.
const DELAY_MS: u64 = 1;

/// Which store a world is made on.
#[derive(Debug, Clone, Default)]
pub enum Backend {
    #[default]
    Memory,
    FoundationDb(Library),
}

/// FoundationDB's client library.
#[derive(Debug, Clone)]
pub enum Library {
    /// Our own, at this path; every world has a cluster of its own.
    Fake(PathBuf),
    /// The system's (or that at the path), with the cluster that it finds by itself; every world has a directory of its own there.
    Live(Option<PathBuf>),
}

impl Backend {
    /// FoundationDB: the live cluster that FDB_CLUSTER_FILE names, else our own library, which cargo built beside this program.
    pub fn foundationdb() -> Result<Backend, String> {
        if std::env::var_os("FDB_CLUSTER_FILE").is_some_and(|file| !file.is_empty()) {
            let library = std::env::var_os("POSTHOUSE_TEST_FDB_LIBRARY").map(PathBuf::from);
            return Ok(Backend::FoundationDb(Library::Live(library)));
        }
        let program = std::env::current_exe().map_err(said)?;
        let folder = program.parent().map(PathBuf::from).unwrap_or_default();
        let places = [folder.join("libfake_fdb.so"), folder.join("deps").join("libfake_fdb.so")];
        let found = places.iter().find(|path| path.exists()).cloned();
        let library = found.ok_or_else(|| format!("{} is not built (cargo build -p fake-fdb)", places[0].display()))?;
        Ok(Backend::FoundationDb(Library::Fake(library)))
    }
}

/// One store, seen twice.
pub(crate) struct Stores {
    /// As it is.
    pub(crate) quiet: Arc<dyn Kv>,
    /// With the faults that the store itself makes.
    pub(crate) rough: Arc<dyn Kv>,
    /// What is left to the wrapper of faults.
    pub(crate) rates: FaultRates,
}

impl Stores {
    pub(crate) async fn open(
        backend: &Backend,
        clock: &Arc<dyn Clock>,
        rates: FaultRates,
        seed: u64,
        spoil: Option<Spoil>,
    ) -> Result<Stores, String> {
        let spoiled = |kv: Arc<dyn Kv>| spoil.map_or(kv.clone(), |spoil| spoil(kv));
        match backend {
            Backend::Memory => {
                let kv = spoiled(Arc::new(MemKv::with_clock(clock.clone())));
                Ok(Stores { quiet: kv.clone(), rough: kv, rates })
            }
            Backend::FoundationDb(library) => {
                let slow = seed.is_multiple_of(2);
                let world = Cluster::new(library, clock);
                let quiet = spoiled(world.open("").await?);
                let Library::Fake(_) = library else {
                    return Ok(Stores { quiet: quiet.clone(), rough: quiet, rates });
                };
                let rough = spoiled(world.open(&weather(rates, seed, slow)).await?);
                // Everything else is the cluster's own doing.
                let FaultRates { unknown_late, slow: late, slow_ms_max, .. } = rates;
                let rates = FaultRates { unknown_late, slow: late, slow_ms_max, ..FaultRates::default() };
                Ok(Stores { quiet, rough, rates })
            }
        }
    }
}

/// The same faults, made by fake-fdb.
fn weather(rates: FaultRates, seed: u64, slow: bool) -> String {
    let FaultRates { conflict, too_old, read_too_old, unknown_applied, unknown_lost, .. } = rates;
    let often = format!("seed={seed},conflict={conflict},too_old={too_old},read_too_old={read_too_old}");
    let unknown = format!("read_behind={read_too_old},unknown_applied={unknown_applied},unknown_lost={unknown_lost}");
    let delay = if slow { format!(",delay_ms={DELAY_MS},batch=1") } else { String::new() };
    format!("{often},{unknown}{delay}")
}

static WORLDS: AtomicU64 = AtomicU64::new(0);

/// The deployment of one world.
struct Cluster<'a> {
    library: &'a Library,
    clock: &'a Arc<dyn Clock>,
    name: String,
}

impl<'a> Cluster<'a> {
    fn new(library: &'a Library, clock: &'a Arc<dyn Clock>) -> Self {
        let name = format!("sim{}_{}", std::process::id(), WORLDS.fetch_add(1, Ordering::SeqCst));
        Cluster { library, clock, name }
    }

    async fn open(&self, weather: &str) -> Result<Arc<dyn Kv>, String> {
        let (library, file) = match self.library {
            Library::Live(library) => (library.clone(), None),
            Library::Fake(library) => {
                let mut file = tempfile::NamedTempFile::new().map_err(said)?;
                writeln!(file, "# fake-fdb: {weather}\n{}:sim@127.0.0.1:4500", self.name).map_err(said)?;
                (Some(library.clone()), Some(file))
            }
        };
        let options = store_fdb::Options {
            library,
            cluster_file: file.as_ref().map(|file| file.path().to_owned()),
            directory: vec!["posthouse-test".to_owned(), self.name.clone()],
            clock: self.clock.clone(),
            timeout_ms: FDB_TXN_TIMEOUT_MS,
        };
        let kv = outside(FdbKv::open(options)).await.map_err(said)?;
        Ok(Arc::new(Outside(kv)))
    }
}

/// Waits for what happens outside of the runtime, whose clock stands still meanwhile.
async fn outside<T>(what: impl Future<Output = T>) -> T {
    // A runtime with a paused clock does not move it while something blocks. Dropped, this lets go at once.
    let (held, holding) = channel::<()>();
    let guard = tokio::task::spawn_blocking(move || holding.recv().is_err());
    let done = what.await;
    drop((held, guard));
    done
}

/// The same, though nobody waits for it: as a task of the runtime, if that has not ended.
fn alone(what: impl Future + Send + 'static) {
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        runtime.spawn(async move { drop(outside(what).await) });
    }
}

/// A commit on its way, which arrives though it be dropped.
struct Sent {
    kv: Arc<dyn Kv>,
    durable: Option<Durable>,
    is_waited_for: bool,
}

impl Sent {
    async fn wait(mut self) -> Result<Committed, CommitError> {
        self.is_waited_for = true;
        let Some(durable) = &mut self.durable else { return Err(CommitError::Unknown) };
        let verdict = outside(durable).await;
        self.durable = None;
        verdict
    }
}

impl Drop for Sent {
    fn drop(&mut self) {
        match self.durable.take() {
            Some(durable) if self.is_waited_for => alone(durable),
            // The next transaction must see it: nobody may look at it in its place.
            Some(_) => {
                let kv = self.kv.clone();
                alone(async move { kv.close().await });
            }
            None => {}
        }
    }
}

/// A store that answers from outside of the runtime.
struct Outside(Arc<dyn Kv>);

impl Kv for Outside {
    fn begin(&self) -> Box<dyn KvTxn> {
        Box::new(OutsideTxn { inner: self.0.begin(), kv: self.0.clone() })
    }
    fn begin_read(&self) -> Box<dyn KvTxn> {
        Box::new(OutsideTxn { inner: self.0.begin_read(), kv: self.0.clone() })
    }
    fn commit_may_be_unknown(&self) -> bool {
        self.0.commit_may_be_unknown()
    }
    fn validates_at_submit(&self) -> bool {
        self.0.validates_at_submit()
    }
    fn name(&self) -> &'static str {
        self.0.name()
    }
    fn health(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(outside(self.0.health()))
    }
    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(outside(self.0.close()))
    }
}

struct OutsideTxn {
    inner: Box<dyn KvTxn>,
    kv: Arc<dyn Kv>,
}

impl KvTxn for OutsideTxn {
    fn get<'a>(&'a mut self, key: &[u8], read: Read) -> BoxFuture<'a, Result<Option<Bytes>, ReadError>> {
        Box::pin(outside(self.inner.get(key, read)))
    }
    fn range<'a>(
        &'a mut self,
        range: &KeyRange,
        limit: PageLimit,
        reverse: bool,
        read: Read,
    ) -> BoxFuture<'a, Result<Page, ReadError>> {
        Box::pin(outside(self.inner.range(range, limit, reverse, read)))
    }
    fn set(&mut self, key: &[u8], value: &[u8]) {
        self.inner.set(key, value);
    }
    fn clear(&mut self, key: &[u8]) {
        self.inner.clear(key);
    }
    fn clear_range(&mut self, range: &KeyRange) {
        self.inner.clear_range(range);
    }
    fn add(&mut self, key: &[u8], delta: i64) {
        self.inner.add(key, delta);
    }
    fn set_versionstamped(&mut self, prefix: &[u8], suffix: &[u8], value: &[u8]) {
        self.inner.set_versionstamped(prefix, suffix, value);
    }
    fn must_not_change(&mut self, range: &KeyRange) {
        self.inner.must_not_change(range);
    }
    fn is_read_only(&self) -> bool {
        self.inner.is_read_only()
    }
    fn submit(self: Box<Self>) -> Result<Durable, CommitError> {
        let OutsideTxn { inner, kv } = *self;
        let sent = Sent { kv, durable: Some(inner.submit()?), is_waited_for: false };
        Ok(Box::pin(sent.wait()))
    }
}
