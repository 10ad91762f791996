//! SUMMARY    Clusters in memory: rows at the newest version, recent commits to find conflicts in, watches; and handles on them.
//!            One that is shared is a copy here, which its link keeps: read, never decided on.
//! INVARIANTS Versions rise with time; those of two batches differ. A read version is at least that of every commit before it, and every
//!            commit after it has a higher one. Data lives until the process ends.

use super::{
    code::{self, Code},
    commit::Sent,
    fault::{Faults, Rates},
    future::{Answer, Future},
    limit::{LIFE_VERSIONS_MAX, WATCHES_MAX},
    mutation::{Mutation, Rows, STAMP_BYTES},
    network,
    option::Options,
    ranges::Ranges,
};
use crate::shared::link::Link;
use bytes::Bytes;
use parking_lot::{Mutex, MutexGuard};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, LazyLock},
    time::Instant,
};

/// Versions begin here, so that none is mistaken for a small number.
const FIRST_VERSION: i64 = 1_000_000_000;

/// The comment of a cluster file that says that the cluster is where the address is, in a process of its own.
pub const SHARED: &str = "fake-fdb is shared";

static CLUSTERS: Mutex<BTreeMap<String, Arc<Cluster>>> = Mutex::new(BTreeMap::new());
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// A version and what was there at it.
#[derive(Debug, Clone)]
pub struct Snapshot {
    pub version: i64,
    pub rows: Rows,
}

struct Commit {
    snapshot: Snapshot,
    writes: Ranges,
}

struct Watch {
    key: Bytes,
    seen: Option<Bytes>,
    future: Arc<Future>,
}

struct State {
    rows: Rows,
    /// A version, and when it was now: versions go on from there.
    origin: (i64, Instant),
    /// The highest version that anybody was told.
    told: i64,
    /// What the commits that are remembered began from.
    floor: Snapshot,
    recent: VecDeque<Commit>,
    watches: Vec<Watch>,
}

impl State {
    fn new() -> Self {
        State {
            rows: Rows::new(),
            origin: (FIRST_VERSION, *START),
            told: FIRST_VERSION,
            floor: Snapshot { version: 0, rows: Rows::new() },
            recent: VecDeque::new(),
            watches: Vec::new(),
        }
    }

    /// The version of this moment.
    fn now(&self) -> i64 {
        let (version, at) = self.origin;
        let micros = i64::try_from(at.elapsed().as_micros()).unwrap_or(i64::MAX);
        self.told.max(version.saturating_add(micros))
    }

    /// Answers the watches whose values are others now.
    fn wake(&mut self) {
        let State { watches, rows, .. } = self;
        for watch in watches.extract_if(.., |watch| rows.get(&watch.key) != watch.seen.as_ref()) {
            network::answer(&watch.future, Ok(Answer::Nothing), None);
        }
    }

    /// Forgets commits that nobody may conflict with any more.
    fn forget(&mut self, now: i64) {
        while let Some(old) = self.recent.pop_front_if(|commit| commit.snapshot.version < now - LIFE_VERSIONS_MAX) {
            self.floor = old.snapshot;
        }
    }
}

pub struct Cluster {
    pub name: String,
    state: Mutex<State>,
    /// Commits that wait to be decided together.
    pub(super) waiting: Mutex<Vec<Sent>>,
    /// How the process is reached that has the cluster; None if it is this one.
    pub(super) link: Option<Arc<Link>>,
}

/// A commit that is to be decided.
pub struct Request<'a> {
    pub mutations: &'a [Mutation],
    /// None where nothing was read.
    pub read_version: Option<i64>,
    pub reads: &'a Ranges,
    pub writes: Ranges,
}

impl Cluster {
    fn new(name: &str, link: Option<Arc<Link>>) -> Arc<Cluster> {
        Arc::new(Cluster { name: name.to_owned(), state: Mutex::new(State::new()), waiting: Mutex::default(), link })
    }

    /// The cluster of a name, empty at first.
    pub fn named(name: &str) -> Arc<Cluster> {
        let mut clusters = CLUSTERS.lock();
        Arc::clone(clusters.entry(name.to_owned()).or_insert_with(|| Cluster::new(name, None)))
    }

    /// A cluster that no name leads to: a server's.
    pub fn apart() -> Arc<Cluster> {
        Cluster::new("apart", None)
    }

    /// The copy of the cluster that the process at an address has.
    pub fn at(name: &str, address: &str) -> Result<Arc<Cluster>, Code> {
        let mut clusters = CLUSTERS.lock();
        let key = format!("{name}@{address}");
        if let Some(cluster) = clusters.get(&key) {
            return Ok(Arc::clone(cluster));
        }
        let link = Link::to(address);
        let cluster = Cluster::new(name, Some(Arc::clone(&link)));
        link.start(Arc::clone(&cluster)).map_err(|_| code::UNKNOWN)?;
        clusters.insert(key, Arc::clone(&cluster));
        Ok(cluster)
    }

    /// Begins the copy anew with what is there at a version.
    pub fn replace(&self, rows: Rows, version: i64) {
        let mut state = self.state.lock();
        state.origin = (version, Instant::now());
        state.told = version;
        state.floor = Snapshot { version, rows: rows.clone() };
        state.recent.clear();
        state.rows = rows;
        state.wake();
    }

    /// What is there in the copy at a version that the cluster gave out just now.
    pub fn told(&self, version: i64) -> Result<Snapshot, Code> {
        {
            let mut state = self.state.lock();
            if version > state.now() {
                state.origin = (version, Instant::now());
            }
            state.told = state.told.max(version);
        }
        self.snapshot_at(version)
    }

    /// Does to the copy what somebody's commit did to the cluster.
    pub fn follow(&self, stamp: [u8; STAMP_BYTES], mutations: &[Mutation]) {
        let mut state = self.state.lock();
        let now = state.now();
        state.forget(now);
        for mutation in mutations {
            mutation.apply(&mut state.rows, stamp);
        }
        let version = version_of(stamp);
        state.told = state.told.max(version);
        let snapshot = Snapshot { version, rows: state.rows.clone() };
        state.recent.push_back(Commit { snapshot, writes: Ranges::default() });
        state.wake();
    }

    /// Whether there is a way to it.
    pub fn is_reached(&self) -> bool {
        self.link.as_ref().is_none_or(|link| link.is_up())
    }

    /// A read version of now.
    pub fn snapshot(&self) -> Snapshot {
        let mut state = self.state.lock();
        state.told = state.now();
        Snapshot { version: state.told, rows: state.rows.clone() }
    }

    /// What was there at a version that somebody else got.
    pub fn snapshot_at(&self, version: i64) -> Result<Snapshot, Code> {
        let state = self.state.lock();
        let now = state.now();
        if version < now - LIFE_VERSIONS_MAX {
            return Err(code::TOO_OLD);
        }
        if version > now {
            return Err(code::FUTURE_VERSION);
        }
        let before = state.recent.iter().rev().map(|commit| &commit.snapshot);
        let found = before.chain([&state.floor]).find(|snapshot| snapshot.version <= version);
        found.map(|found| Snapshot { version, rows: found.rows.clone() }).ok_or(code::TOO_OLD)
    }

    pub fn is_too_old(&self, version: i64) -> bool {
        version < self.state.lock().now() - LIFE_VERSIONS_MAX
    }

    /// Opens a batch of commits, which get one version and follow each other within it. Nobody else sees the cluster until it is
    /// dropped.
    pub fn batch(&self) -> Batch<'_> {
        let mut state = self.state.lock();
        let now = state.now();
        state.forget(now);
        let version = now.max(state.told + 1);
        Batch { state, now, version, order: 0 }
    }

    /// Tells `future` once the value of `key` is another one than `seen`.
    pub fn watch(&self, key: Bytes, seen: Option<Bytes>, future: Arc<Future>) {
        let mut state = self.state.lock();
        state.watches.retain(|watch| !watch.future.is_ready());
        if state.watches.len() >= WATCHES_MAX {
            network::answer(&future, Err(code::TOO_MANY_WATCHES), None);
        } else if state.rows.get(&key) != seen.as_ref() {
            network::answer(&future, Ok(Answer::Nothing), None);
        } else {
            state.watches.push(Watch { key, seen, future });
        }
    }
}

/// Commits of one version.
pub struct Batch<'a> {
    state: MutexGuard<'a, State>,
    now: i64,
    version: i64,
    order: u16,
}

impl Batch<'_> {
    /// Decides a commit and applies it; its version and stamp.
    pub fn commit(&mut self, request: Request<'_>) -> Result<(i64, [u8; STAMP_BYTES]), Code> {
        let state = &mut *self.state;
        if let Some(version) = request.read_version
            && !request.reads.is_empty()
        {
            if version < self.now - LIFE_VERSIONS_MAX {
                return Err(code::TOO_OLD);
            }
            let later = state.recent.iter().rev().take_while(|commit| commit.snapshot.version > version);
            for commit in later {
                if request.reads.iter().any(|(begin, end)| commit.writes.overlaps(begin, end)) {
                    return Err(code::NOT_COMMITTED);
                }
            }
        }
        let stamp = stamp(self.version, self.order);
        self.order = self.order.saturating_add(1);
        let mut writes = request.writes;
        for mutation in request.mutations {
            if let Some(key) = mutation.apply(&mut state.rows, stamp) {
                writes.add_key(&key);
            }
        }
        state.told = self.version;
        let snapshot = Snapshot { version: self.version, rows: state.rows.clone() };
        state.recent.push_back(Commit { snapshot, writes });
        state.wake();
        Ok((self.version, stamp))
    }
}

/// Version and order within its batch, big-endian.
fn stamp(version: i64, order: u16) -> [u8; STAMP_BYTES] {
    let mut stamp = [0; STAMP_BYTES];
    for (to, from) in stamp.iter_mut().zip(version.to_be_bytes().into_iter().chain(order.to_be_bytes())) {
        *to = from;
    }
    stamp
}

fn version_of(stamp: [u8; STAMP_BYTES]) -> i64 {
    stamp.first_chunk().map_or(0, |version| i64::from_be_bytes(*version))
}

/// A handle: a cluster, what its transactions begin with, and how often they fail.
pub struct Database {
    pub cluster: Arc<Cluster>,
    pub options: Mutex<Options>,
    pub faults: Faults,
}

impl Database {
    /// From the text of a cluster file; `faults` where the file names none.
    pub fn open(text: &str, faults: Option<&str>) -> Result<Database, Code> {
        let (mut own, mut shared, mut found) = (None, false, None);
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            match line.strip_prefix('#').map(str::trim) {
                Some(comment) => {
                    own = comment.strip_prefix("fake-fdb:").or(own);
                    shared |= comment == SHARED;
                }
                None => found = connection(line),
            }
        }
        let (name, address) = found.ok_or(code::CONNECTION_STRING_INVALID)?;
        let rates = own.or(faults).map_or(Some(Rates::default()), Rates::parse).ok_or(code::INVALID_OPTION_VALUE)?;
        let options = Mutex::new(Options::default());
        let cluster = if shared { Cluster::at(name, address)? } else { Cluster::named(name) };
        Ok(Database { cluster, options, faults: Faults::new(rates) })
    }
}

/// `description:id` and the first address of `description:id@host:port,host:port`.
fn connection(line: &str) -> Option<(&str, &str)> {
    let (name, addresses) = line.split_once('@')?;
    let (description, id) = name.split_once(':')?;
    let word = |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let address = |address: &str| address.rsplit_once(':').is_some_and(|(host, _)| !host.is_empty());
    let first = addresses.split(',').next()?;
    (word(description) && word(id) && addresses.split(',').all(address)).then_some((name, first))
}
