//! SUMMARY    Wraps any store and makes it fail as stores do: seeded conflicts, age, unknown results, slowness, crashes.
//! INVARIANTS A fault is one the contract allows: a conflict wrote nothing, an unknown commit is applied wholly or not at all, now or a little later.

use crate::kv::{BoxFuture, CommitError, Durable, KeyRange, Kv, KvSnapshot, KvTxn, Page, PageLimit, Read, ReadError};
use base::{Rng, rng::SeededRng};
use bytes::Bytes;
use std::{
    future::ready,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

/// How often each fault strikes, per mille of commits (reads for `read_too_old`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FaultRates {
    pub conflict: u64,
    pub too_old: u64,
    pub read_too_old: u64,
    pub unknown_applied: u64,
    pub unknown_lost: u64,
    /// Applied up to LATE_MS_MAX after its caller was told that nobody knows.
    pub unknown_late: u64,
    pub slow: u64,
    /// Longest time a slow commit takes.
    pub slow_ms_max: u64,
}

impl FaultRates {
    /// Some of everything, but for what arrives late.
    pub const STORMY: FaultRates = FaultRates {
        conflict: 100,
        too_old: 20,
        read_too_old: 5,
        unknown_applied: 50,
        unknown_lost: 50,
        unknown_late: 0,
        slow: 20,
        slow_ms_max: 5,
    };
}

/// Longest way of a late commit.
const LATE_MS_MAX: u64 = 60;
const NEVER: u64 = u64::MAX;
const CRASHED: &str = "the store crashed (injected)";

struct Weather {
    rates: FaultRates,
    rng: SeededRng,
    crashed: AtomicBool,
    /// The disk is said to be full.
    full: AtomicBool,
    /// Commits until the crash.
    fuse: AtomicU64,
}

impl Weather {
    fn strikes(&self, per_mille: u64) -> bool {
        per_mille > 0 && self.rng.below(1_000) < per_mille
    }

    fn is_crashed(&self) -> bool {
        self.crashed.load(Ordering::SeqCst)
    }

    /// Burns the fuse; true for the commit that crashes.
    fn burn(&self) -> bool {
        let burn = |fuse: u64| if fuse == NEVER { None } else { Some(fuse.saturating_sub(1)) };
        let crash = self.fuse.try_update(Ordering::SeqCst, Ordering::SeqCst, burn) == Ok(0);
        if crash {
            self.crashed.store(true, Ordering::SeqCst);
        }
        crash
    }
}

/// A store with weather.
#[derive(Clone)]
pub struct Faulty {
    inner: Arc<dyn Kv>,
    weather: Arc<Weather>,
}

impl Faulty {
    pub fn new(inner: Arc<dyn Kv>, seed: u64, rates: FaultRates) -> Self {
        let weather = Weather {
            rates,
            rng: SeededRng::new(seed),
            crashed: AtomicBool::new(false),
            full: AtomicBool::new(false),
            fuse: AtomicU64::new(NEVER),
        };
        Faulty { inner, weather: Arc::new(weather) }
    }

    /// From now on every call fails until `restart`.
    pub fn crash(&self) {
        self.weather.crashed.store(true, Ordering::SeqCst);
    }

    /// Crashes in the middle of the commit after `commits` more: that one is applied or lost, and its caller never knows.
    pub fn crash_after(&self, commits: u64) {
        self.weather.fuse.store(commits, Ordering::SeqCst);
    }

    /// Back in service, with the state that was durable.
    pub fn restart(&self) {
        self.weather.fuse.store(NEVER, Ordering::SeqCst);
        self.weather.crashed.store(false, Ordering::SeqCst);
    }

    /// From now on the disk has (no) room for new data; commits go on.
    pub fn set_full(&self, full: bool) {
        self.weather.full.store(full, Ordering::SeqCst);
    }

    pub fn is_crashed(&self) -> bool {
        self.weather.is_crashed()
    }

    fn wrap(&self, inner: Box<dyn KvTxn>) -> Box<dyn KvTxn> {
        Box::new(FaultyTxn { inner, weather: Arc::clone(&self.weather) })
    }
}

impl Kv for Faulty {
    fn begin(&self) -> Box<dyn KvTxn> {
        self.wrap(self.inner.begin())
    }
    fn begin_read(&self) -> Box<dyn KvTxn> {
        self.wrap(self.inner.begin_read())
    }
    fn commit_may_be_unknown(&self) -> bool {
        let rates = self.weather.rates;
        self.inner.commit_may_be_unknown() || rates.unknown_applied + rates.unknown_lost + rates.unknown_late > 0
    }
    fn validates_at_submit(&self) -> bool {
        self.inner.validates_at_submit()
    }
    fn name(&self) -> &'static str {
        self.inner.name()
    }
    fn health(&self) -> BoxFuture<'_, Result<(), String>> {
        if self.is_crashed() { Box::pin(ready(Err(CRASHED.to_owned()))) } else { self.inner.health() }
    }
    fn has_room(&self) -> bool {
        !self.weather.full.load(Ordering::SeqCst) && self.inner.has_room()
    }
    fn is_lost(&self) -> bool {
        self.inner.is_lost()
    }
    fn forget(&self, range: &KeyRange) -> BoxFuture<'_, Result<(), String>> {
        if self.is_crashed() { Box::pin(ready(Err(CRASHED.to_owned()))) } else { self.inner.forget(range) }
    }
    fn snapshot(&self) -> BoxFuture<'_, Result<Box<dyn KvSnapshot>, ReadError>> {
        Box::pin(async move {
            if self.is_crashed() {
                return Err(ReadError::Fatal(CRASHED.to_owned()));
            }
            let inner = Some(self.inner.snapshot().await?);
            let snapshot: Box<dyn KvSnapshot> = Box::new(FaultySnapshot { inner, weather: Arc::clone(&self.weather) });
            Ok(snapshot)
        })
    }
    fn close(&self) -> BoxFuture<'_, ()> {
        self.inner.close()
    }
}

/// `None` once the store has ended it: a crash does, and the weather may.
struct FaultySnapshot {
    inner: Option<Box<dyn KvSnapshot>>,
    weather: Arc<Weather>,
}

impl KvSnapshot for FaultySnapshot {
    fn page<'a>(&'a mut self, range: &KeyRange, limit: PageLimit) -> BoxFuture<'a, Result<Page, ReadError>> {
        if self.weather.is_crashed() || self.weather.strikes(self.weather.rates.read_too_old) {
            self.inner = None;
        }
        match &mut self.inner {
            Some(inner) => inner.page(range, limit),
            None => Box::pin(ready(Err(ReadError::TooOld))),
        }
    }
}

struct FaultyTxn {
    inner: Box<dyn KvTxn>,
    weather: Arc<Weather>,
}

impl FaultyTxn {
    fn read_fault(&self) -> Option<ReadError> {
        if self.weather.is_crashed() {
            Some(ReadError::Fatal(CRASHED.to_owned()))
        } else if self.weather.strikes(self.weather.rates.read_too_old) {
            Some(ReadError::TooOld)
        } else {
            None
        }
    }
}

impl KvTxn for FaultyTxn {
    fn get<'a>(&'a mut self, key: &[u8], read: Read) -> BoxFuture<'a, Result<Option<Bytes>, ReadError>> {
        match self.read_fault() {
            Some(fault) => Box::pin(ready(Err(fault))),
            None => self.inner.get(key, read),
        }
    }
    fn range<'a>(
        &'a mut self,
        range: &KeyRange,
        limit: PageLimit,
        reverse: bool,
        read: Read,
    ) -> BoxFuture<'a, Result<Page, ReadError>> {
        match self.read_fault() {
            Some(fault) => Box::pin(ready(Err(fault))),
            None => self.inner.range(range, limit, reverse, read),
        }
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
        let FaultyTxn { inner, weather } = *self;
        if weather.is_crashed() {
            return Err(CommitError::Fatal(CRASHED.to_owned()));
        }
        if inner.is_read_only() {
            return inner.submit();
        }
        if weather.burn() {
            if weather.strikes(500) {
                drop(inner.submit()?);
            }
            return Err(CommitError::Fatal(CRASHED.to_owned()));
        }
        if weather.strikes(weather.rates.conflict) {
            return Err(CommitError::Conflict);
        }
        if weather.strikes(weather.rates.too_old) {
            return Err(CommitError::TooOld);
        }
        if weather.strikes(weather.rates.unknown_lost) {
            return Ok(Box::pin(ready(Err(CommitError::Unknown))));
        }
        if weather.strikes(weather.rates.unknown_late) {
            let delay = Duration::from_millis(weather.rng.below(LATE_MS_MAX + 1));
            tokio::spawn(async move {
                tokio::time::sleep(delay).await;
                if !weather.is_crashed()
                    && let Ok(durable) = inner.submit()
                {
                    drop(durable.await);
                }
            });
            return Ok(Box::pin(ready(Err(CommitError::Unknown))));
        }
        let durable = inner.submit()?;
        let unknown = weather.strikes(weather.rates.unknown_applied);
        let delay_ms =
            if weather.strikes(weather.rates.slow) { weather.rng.below(weather.rates.slow_ms_max + 1) } else { 0 };
        Ok(Box::pin(async move {
            let committed = durable.await?;
            if delay_ms > 0 {
                tokio::time::sleep(Duration::from_millis(delay_ms)).await;
            }
            if weather.is_crashed() {
                return Err(CommitError::Fatal(CRASHED.to_owned()));
            }
            if unknown { Err(CommitError::Unknown) } else { Ok(committed) }
        }))
    }
}
