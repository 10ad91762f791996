//! SUMMARY    A store that tells on its callers: which keys an operation touches, how much; it also stalls, and dies on time.
//! INVARIANTS Everything is noted before the store sees it. A dead node's calls never return; what it had submitted may be
//!            applied. Keys are judged by their bytes alone, not by the code that made them.

use base::{
    Rng,
    limits::{KV_KEY_BYTES_MAX, KV_PAGE_BYTES_MAX, KV_PAGE_ROWS_MAX, KV_TXN_BYTES_MAX, KV_VALUE_BYTES_MAX},
    rng::SeededRng,
};
use bytes::Bytes;
use parking_lot::Mutex;
use std::{
    collections::BTreeSet,
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use store::kv::{BoxFuture, CommitError, Durable, KeyRange, Kv, KvSnapshot, KvTxn, Page, PageLimit, Read, ReadError};
use tokio::sync::watch;

/// Store calls of one transaction; beyond it an operation is not bounded by what it was asked for.
pub const TXN_CALLS_MAX: usize = 5_000;
const NEVER: u64 = u64::MAX;
/// Bytes of `T || tenant`.
const TENANT_BYTES: usize = 9;

tokio::task_local! {
    /// The operation that is under way.
    pub(crate) static OPERATION: Arc<Warrant>;
}

/// What an operation may touch, and what it touched against that.
#[derive(Debug, Default)]
pub(crate) struct Warrant {
    pub(crate) tenants: BTreeSet<u64>,
    /// The due index of every tenant, and who holds what.
    queue: bool,
    /// The nodes, and unfinished copies of the dead.
    nodes: bool,
    wrong: Mutex<Vec<String>>,
}

impl Warrant {
    pub(crate) fn new(tenants: impl IntoIterator<Item = u64>) -> Arc<Self> {
        Arc::new(Warrant { tenants: tenants.into_iter().collect(), ..Warrant::default() })
    }

    /// A worker's: it finds what is due of all tenants.
    pub(crate) fn worker(tenants: impl IntoIterator<Item = u64>) -> Arc<Self> {
        Arc::new(Warrant { tenants: tenants.into_iter().collect(), queue: true, ..Warrant::default() })
    }

    /// Of a node that looks after its peers: what the dead held is of any tenant.
    pub(crate) fn tender(tenants: impl IntoIterator<Item = u64>) -> Arc<Self> {
        let tenants = tenants.into_iter().collect();
        Arc::new(Warrant { tenants, queue: true, nodes: true, ..Warrant::default() })
    }

    /// What it did that it must not, once.
    pub(crate) fn take_wrong(&self) -> Vec<String> {
        std::mem::take(&mut self.wrong.lock())
    }

    fn wrong(&self, what: String) {
        let mut wrong = self.wrong.lock();
        if wrong.len() < 20 {
            wrong.push(what);
        }
    }

    fn key(&self, key: &[u8], verb: &str) {
        // Anybody may add to the log of events; nobody who serves a tenant reads it.
        let reads_events = verb == "get" && key.starts_with(b"Sv") && key.len() > 2;
        if !self.allows(key) || reads_events {
            self.wrong(format!("{verb} of a key outside of the operation's tenants: {}", key.escape_ascii()));
        }
        if key.len() > KV_KEY_BYTES_MAX {
            self.wrong(format!("{verb} of a key over KV_KEY_BYTES_MAX"));
        }
    }

    /// Tenant keys of the operation; system keys, where those that carry a tenant must carry one of the operation.
    fn allows(&self, key: &[u8]) -> bool {
        let tenant = |at: usize| key.get(at..at + 8).and_then(|b| b.try_into().ok()).map(u64::from_be_bytes);
        match (key.first(), key.get(1)) {
            (Some(b'S'), Some(b'q' | b'k' | b'l' | b'u')) if self.queue => true,
            (Some(b'S'), Some(b'h' | b'c' | b'u')) if self.nodes => true,
            (Some(b'T'), _) => tenant(1).is_some_and(|t| self.tenants.contains(&t)),
            (Some(b'S'), Some(b'e' | b'q' | b'k' | b't' | b'j' | b'u')) => {
                tenant(2).is_some_and(|t| self.tenants.contains(&t))
            }
            (Some(b'S'), Some(b'd' | b'x' | b'r' | b'p' | b'g' | b'o' | b'v')) => true,
            _ => false,
        }
    }

    fn range(&self, range: &KeyRange, verb: &str) {
        if range.is_empty() {
            return;
        }
        self.key(&range.from, verb);
        let index = |of: &[&[u8; 2]]| of.iter().any(|i| range.from.starts_with(*i));
        let whole = self.queue && index(&[b"Sq", b"Sk", b"Sl"]) || self.nodes && index(&[b"Sh", b"Sc"]);
        let bytes = if whole { 2 } else { TENANT_BYTES };
        let prefix = range.from.get(..bytes).unwrap_or(&range.from);
        if range.to > KeyRange::prefix(prefix).to {
            self.wrong(format!("{verb} of a range beyond its tenant: ..{}", range.to.escape_ascii()));
        }
    }
}

/// How a node reaches the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Link {
    Good,
    /// Every call takes up to this long.
    Slow(Duration),
    /// Nothing comes back: what is sent may arrive or not.
    Cut,
}

/// How long a call over a link that is cut waits for its answer.
const CUT_WAIT: Duration = Duration::from_secs(2);

/// How a node stalls, how it reaches the store, and when it dies.
pub(crate) struct Fuse {
    rng: SeededRng,
    link: Mutex<Link>,
    /// Store calls until the node dies.
    calls: AtomicU64,
    dead: watch::Sender<bool>,
}

impl Fuse {
    pub(crate) fn new(seed: u64) -> Arc<Self> {
        let (calls, dead) = (AtomicU64::new(NEVER), watch::channel(false).0);
        Arc::new(Fuse { rng: SeededRng::new(seed), link: Mutex::new(Link::Good), calls, dead })
    }

    pub(crate) fn link(&self, link: Link) {
        *self.link.lock() = link;
    }

    fn is_cut(&self) -> bool {
        *self.link.lock() == Link::Cut
    }

    /// A call that needs an answer: waits as the link is, `Err` when none will come.
    async fn reach(&self) -> Result<(), ()> {
        self.pause().await;
        let link = *self.link.lock();
        match link {
            Link::Good => Ok(()),
            Link::Slow(most) => {
                tokio::time::sleep(most.mul_f64(self.rng.below(1_000) as f64 / 1_000.0)).await;
                Ok(())
            }
            Link::Cut => {
                tokio::time::sleep(CUT_WAIT).await;
                Err(())
            }
        }
    }

    /// The node dies at the store call after `calls` more; `None`: not at all.
    pub(crate) fn set(&self, calls: Option<u64>) {
        self.calls.store(calls.unwrap_or(NEVER), Ordering::Relaxed);
    }

    pub(crate) fn is_dead(&self) -> bool {
        *self.dead.borrow()
    }

    /// Returns when the node has died.
    pub(crate) async fn death(&self) {
        let mut dead = self.dead.subscribe();
        if dead.wait_for(|d| *d).await.is_err() {
            pending().await
        }
    }

    /// Counts a call; true when the node is dead.
    fn burn(&self) -> bool {
        match self.calls.load(Ordering::Relaxed) {
            NEVER => {}
            0 => drop(self.dead.send_replace(true)),
            left => self.calls.store(left - 1, Ordering::Relaxed),
        }
        self.is_dead()
    }

    /// A point where others may run, or where the node dies and its caller never comes back.
    async fn pause(&self) {
        if self.burn() {
            return pending().await;
        }
        match self.rng.below(1_000) {
            0..300 => tokio::task::yield_now().await,
            300..320 => tokio::time::sleep(Duration::from_millis(1 + self.rng.below(20))).await,
            // Longer than KV_TXN_MS_MAX: the transaction ages.
            320 => tokio::time::sleep(Duration::from_secs(6)).await,
            _ => {}
        }
    }
}

/// The store of one node.
pub(crate) struct Tap {
    pub(crate) inner: Arc<dyn Kv>,
    pub(crate) fuse: Arc<Fuse>,
    /// Whether its link is ever cut: then commits may end unknown.
    pub(crate) is_far: bool,
}

impl Tap {
    fn wrap(&self, inner: Box<dyn KvTxn>) -> Box<dyn KvTxn> {
        let warrant = OPERATION.try_with(Arc::clone).unwrap_or_default();
        Box::new(TapTxn { inner, fuse: self.fuse.clone(), warrant, calls: 0, bytes: 0 })
    }
}

impl Kv for Tap {
    fn begin(&self) -> Box<dyn KvTxn> {
        self.wrap(self.inner.begin())
    }
    fn begin_read(&self) -> Box<dyn KvTxn> {
        self.wrap(self.inner.begin_read())
    }
    fn commit_may_be_unknown(&self) -> bool {
        self.is_far || self.inner.commit_may_be_unknown()
    }
    fn validates_at_submit(&self) -> bool {
        self.inner.validates_at_submit()
    }
    fn name(&self) -> &'static str {
        self.inner.name()
    }
    fn health(&self) -> BoxFuture<'_, Result<(), String>> {
        self.inner.health()
    }
    fn snapshot(&self) -> BoxFuture<'_, Result<Box<dyn KvSnapshot>, ReadError>> {
        self.inner.snapshot()
    }
    fn close(&self) -> BoxFuture<'_, ()> {
        self.inner.close()
    }
}

struct TapTxn {
    inner: Box<dyn KvTxn>,
    fuse: Arc<Fuse>,
    warrant: Arc<Warrant>,
    calls: usize,
    bytes: usize,
}

impl TapTxn {
    fn key(&mut self, key: &[u8], verb: &str, value_bytes: usize) {
        self.warrant.key(key, verb);
        self.count(key.len() + value_bytes);
        if value_bytes > KV_VALUE_BYTES_MAX {
            self.warrant.wrong(format!("{verb} of a value over KV_VALUE_BYTES_MAX"));
        }
    }

    fn count(&mut self, bytes: usize) {
        self.calls += 1;
        self.bytes += bytes;
        if self.calls == TXN_CALLS_MAX {
            self.warrant.wrong("a transaction of more than TXN_CALLS_MAX calls".to_owned());
        }
        if self.bytes > KV_TXN_BYTES_MAX {
            self.warrant.wrong("a transaction over KV_TXN_BYTES_MAX".to_owned());
        }
    }
}

impl KvTxn for TapTxn {
    fn get<'a>(&'a mut self, key: &[u8], read: Read) -> BoxFuture<'a, Result<Option<Bytes>, ReadError>> {
        self.key(key, "get", 0);
        let key = key.to_vec();
        Box::pin(async move {
            self.fuse.reach().await.map_err(|()| no_answer())?;
            self.inner.get(&key, read).await
        })
    }

    fn range<'a>(
        &'a mut self,
        range: &KeyRange,
        limit: PageLimit,
        reverse: bool,
        read: Read,
    ) -> BoxFuture<'a, Result<Page, ReadError>> {
        self.warrant.range(range, "read");
        self.count(range.from.len() + range.to.len());
        if limit.rows > KV_PAGE_ROWS_MAX || limit.bytes > KV_PAGE_BYTES_MAX {
            self.warrant.wrong("a page over KV_PAGE_ROWS_MAX or KV_PAGE_BYTES_MAX".to_owned());
        }
        let range = range.clone();
        Box::pin(async move {
            self.fuse.reach().await.map_err(|()| no_answer())?;
            let page = self.inner.range(&range, limit, reverse, read).await?;
            page.rows.iter().for_each(|(key, _)| self.warrant.key(key, "read"));
            Ok(page)
        })
    }

    fn set(&mut self, key: &[u8], value: &[u8]) {
        self.key(key, "set", value.len());
        self.inner.set(key, value);
    }
    fn clear(&mut self, key: &[u8]) {
        self.key(key, "clear", 0);
        self.inner.clear(key);
    }
    fn clear_range(&mut self, range: &KeyRange) {
        self.warrant.range(range, "clear");
        self.count(range.from.len() + range.to.len());
        self.inner.clear_range(range);
    }
    fn add(&mut self, key: &[u8], delta: i64) {
        self.key(key, "add", size_of::<i64>());
        self.inner.add(key, delta);
    }
    fn set_versionstamped(&mut self, prefix: &[u8], suffix: &[u8], value: &[u8]) {
        self.key(prefix, "set", suffix.len() + value.len());
        self.inner.set_versionstamped(prefix, suffix, value);
    }
    fn must_not_change(&mut self, range: &KeyRange) {
        self.warrant.range(range, "watch");
        self.inner.must_not_change(range);
    }
    fn is_read_only(&self) -> bool {
        self.inner.is_read_only()
    }

    fn submit(self: Box<Self>) -> Result<Durable, CommitError> {
        let TapTxn { inner, fuse, .. } = *self;
        if fuse.burn() {
            // Died around the commit: it is on its way, or never left.
            if fuse.rng.below(2) == 0 {
                drop(inner.submit()?);
            }
            return Ok(Box::pin(pending()));
        }
        if fuse.is_cut() {
            // The request or its answer is lost.
            let arrives = fuse.rng.below(2) == 0;
            return Ok(Box::pin(async move {
                if arrives {
                    let _ = inner.submit()?.await;
                }
                tokio::time::sleep(CUT_WAIT).await;
                Err(CommitError::Unknown)
            }));
        }
        let durable = inner.submit()?;
        Ok(Box::pin(async move {
            let answered = fuse.reach().await;
            let result = durable.await;
            answered.map_err(|()| CommitError::Unknown).and(result)
        }))
    }
}

fn no_answer() -> ReadError {
    ReadError::Fatal("the store does not answer".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warrant_is_for_its_tenants_only() {
        let of = |tenant: u64, tail: &[u8]| [b"T".as_slice(), &tenant.to_be_bytes(), tail].concat();
        let warrant = Warrant::new([7]);
        warrant.key(&of(7, b"a"), "get");
        warrant.key(b"Sdt7.example", "get");
        warrant.range(&KeyRange::prefix(&of(7, b"")), "read");
        assert_eq!(warrant.take_wrong(), Vec::<String>::new());
        for key in [of(8, b"a"), of(7, b"")[..8].to_vec(), [b"Se".as_slice(), &8u64.to_be_bytes()].concat(), vec![b'U']]
        {
            warrant.key(&key, "get");
            assert_eq!(warrant.take_wrong().len(), 1, "{key:?}");
        }
        for to in [of(8, b"a"), vec![b'U', 0], vec![0xff]] {
            warrant.range(&KeyRange { from: of(7, b"x"), to }, "read");
            assert_eq!(warrant.take_wrong().len(), 1);
        }
    }
}
