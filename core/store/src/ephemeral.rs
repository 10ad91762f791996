//! SUMMARY    Counters and rate limits that may be forgotten at any moment; trait and in-memory implementation.
//! SECURITY   Keys come from hostile traffic (addresses, names): memory is bounded, and a flood of keys forgets old cells,
//!            which opens a limit too early but never blocks anybody wrongly.
//! LIMITS     EPHEMERAL_CELLS_MAX, EPHEMERAL_KEY_BYTES_MAX
//! INVARIANTS Nothing that must survive lives here. Longer keys than the limit are hashed, not refused.

use crate::kv::BoxFuture;
use base::{
    Clock,
    limits::{EPHEMERAL_CELLS_MAX, EPHEMERAL_KEY_BYTES_MAX},
};
use parking_lot::Mutex;
use std::{collections::HashMap, future::ready, sync::Arc, time::Duration};

/// `burst` units at once, and as many again over each `per`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    pub burst: u32,
    pub per: Duration,
}

/// Units asked of one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ask<'a> {
    pub key: &'a [u8],
    pub cost: u32,
    pub rate: Rate,
}

/// What was short: the ask that has to wait longest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Short {
    /// Index into the asks.
    pub ask: usize,
    /// Until there is enough of it; `Duration::MAX`: never.
    pub wait: Duration,
}

/// Cells that expire. Every backend may be empty at any moment.
pub trait Ephemeral: Send + Sync + 'static {
    /// Takes the units of all asks at once (GCRA), or none of any when one key has not so many. A cost above its burst is never
    /// granted. What was used counts in units: a rate that changes holds from the next call on. Several asks of one key add up.
    fn take_all<'a>(&'a self, asks: &'a [Ask<'a>]) -> BoxFuture<'a, Result<(), Short>>;
    /// Puts units back that were taken and not used.
    fn give_back<'a>(&'a self, asks: &'a [Ask<'a>]) -> BoxFuture<'a, ()>;
    /// As `take_all` of one key; how long to wait.
    fn take<'a>(&'a self, key: &'a [u8], cost: u32, rate: Rate) -> BoxFuture<'a, Result<(), Duration>> {
        Box::pin(async move { self.take_all(&[Ask { key, cost, rate }]).await.map_err(|short| short.wait) })
    }
    /// Adds to a counter, which is gone `ttl` after its first addition; its value now.
    fn add<'a>(&'a self, key: &'a [u8], delta: i64, ttl: Duration) -> BoxFuture<'a, i64>;
    /// Value of a counter, 0 if there is none.
    fn count<'a>(&'a self, key: &'a [u8]) -> BoxFuture<'a, i64>;
    fn forget<'a>(&'a self, key: &'a [u8]) -> BoxFuture<'a, ()>;
}

#[derive(Debug, Clone, Copy)]
enum Cell {
    /// Millionths of units in use at a time; they run off at the rate.
    Rate {
        used_micro: u64,
        at_ns: u64,
    },
    Count {
        value: i64,
        until_ns: u64,
    },
}

/// Two generations: when the young one is full it becomes the old one, and what was old and unused is forgotten.
#[derive(Default)]
struct Cells {
    young: HashMap<Box<[u8]>, Cell>,
    old: HashMap<Box<[u8]>, Cell>,
}

impl Cells {
    fn read(&self, key: &[u8]) -> Option<Cell> {
        self.young.get(key).or_else(|| self.old.get(key)).copied()
    }

    fn write(&mut self, key: &[u8], cell: Cell) {
        if let Some(place) = self.young.get_mut(key) {
            *place = cell;
            return;
        }
        if self.young.len() >= EPHEMERAL_CELLS_MAX / 2 {
            self.old = std::mem::take(&mut self.young);
        }
        self.old.remove(key);
        self.young.insert(key.into(), cell);
    }
}

/// Cells of one process.
pub struct MemEphemeral {
    cells: Mutex<Cells>,
    clock: Arc<dyn Clock>,
}

/// The key, or a hash of a long one.
fn short_key(key: &[u8]) -> Box<[u8]> {
    if key.len() <= EPHEMERAL_KEY_BYTES_MAX { key.into() } else { blake3::hash(key).as_bytes().as_slice().into() }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Parts of a unit.
const MICRO: u64 = 1_000_000;

/// What is still in use of a cell, after what has run off.
fn used_micro(cell: Option<Cell>, rate: Rate, now_ns: u64) -> u64 {
    let Some(Cell::Rate { used_micro, at_ns }) = cell else { return 0 };
    let run_off = u128::from(now_ns.saturating_sub(at_ns)) * u128::from(rate.burst) * u128::from(MICRO);
    let run_off = run_off / u128::from(nanos(rate.per).max(1));
    used_micro.saturating_sub(u64::try_from(run_off).unwrap_or(u64::MAX))
}

/// How long until so much use fits.
fn wait(wanted_micro: u64, ask: &Ask<'_>) -> Duration {
    if ask.cost > ask.rate.burst {
        return Duration::MAX;
    }
    let room = u64::from(ask.rate.burst) * MICRO;
    let over = u128::from(wanted_micro.saturating_sub(room)) * u128::from(nanos(ask.rate.per));
    let wait_ns = over.div_ceil(u128::from(room.max(1)));
    Duration::from_nanos(u64::try_from(wait_ns).unwrap_or(u64::MAX))
}

impl MemEphemeral {
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        MemEphemeral { cells: Mutex::default(), clock }
    }

    fn now_ns(&self) -> u64 {
        u64::try_from(self.clock.now().0).unwrap_or(0).saturating_mul(1_000_000)
    }

    /// Generic cell rate algorithm, as a leaky bucket: https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm
    fn take_now(&self, asks: &[Ask<'_>]) -> Result<(), Short> {
        let now_ns = self.now_ns();
        let mut cells = self.cells.lock();
        let mut after: Vec<(Box<[u8]>, u64)> = Vec::with_capacity(asks.len());
        let mut short: Option<Short> = None;
        for (n, ask) in asks.iter().enumerate().filter(|(_, ask)| ask.cost > 0) {
            let key = short_key(ask.key);
            let known = after.iter().position(|(k, _)| *k == key);
            let used = match known.and_then(|at| after.get(at)) {
                Some((_, used)) => *used,
                None => used_micro(cells.read(&key), ask.rate, now_ns),
            };
            let wanted = used.saturating_add(u64::from(ask.cost) * MICRO);
            let wait = wait(wanted, ask);
            if !wait.is_zero() && short.is_none_or(|s| wait > s.wait) {
                short = Some(Short { ask: n, wait });
            }
            match known.and_then(|at| after.get_mut(at)) {
                Some(place) => place.1 = wanted,
                None => after.push((key, wanted)),
            }
        }
        if let Some(short) = short {
            return Err(short);
        }
        for (key, used_micro) in after {
            cells.write(&key, Cell::Rate { used_micro, at_ns: now_ns });
        }
        Ok(())
    }

    fn give_back_now(&self, asks: &[Ask<'_>]) {
        let now_ns = self.now_ns();
        let mut cells = self.cells.lock();
        for ask in asks.iter().filter(|ask| ask.cost > 0) {
            let key = short_key(ask.key);
            let used = used_micro(cells.read(&key), ask.rate, now_ns);
            let used_micro = used.saturating_sub(u64::from(ask.cost) * MICRO);
            cells.write(&key, Cell::Rate { used_micro, at_ns: now_ns });
        }
    }

    fn live_count(&self, cells: &Cells, key: &[u8]) -> Option<(i64, u64)> {
        match cells.read(key) {
            Some(Cell::Count { value, until_ns }) if until_ns > self.now_ns() => Some((value, until_ns)),
            Some(Cell::Count { .. } | Cell::Rate { .. }) | None => None,
        }
    }

    fn add_now(&self, key: &[u8], delta: i64, ttl: Duration) -> i64 {
        let key = short_key(key);
        let mut cells = self.cells.lock();
        let (value, until_ns) =
            self.live_count(&cells, &key).unwrap_or_else(|| (0, self.now_ns().saturating_add(nanos(ttl))));
        let value = value.saturating_add(delta);
        cells.write(&key, Cell::Count { value, until_ns });
        value
    }
}

impl Ephemeral for MemEphemeral {
    fn take_all<'a>(&'a self, asks: &'a [Ask<'a>]) -> BoxFuture<'a, Result<(), Short>> {
        Box::pin(ready(self.take_now(asks)))
    }
    fn give_back<'a>(&'a self, asks: &'a [Ask<'a>]) -> BoxFuture<'a, ()> {
        self.give_back_now(asks);
        Box::pin(ready(()))
    }
    fn add<'a>(&'a self, key: &'a [u8], delta: i64, ttl: Duration) -> BoxFuture<'a, i64> {
        Box::pin(ready(self.add_now(key, delta, ttl)))
    }
    fn count<'a>(&'a self, key: &'a [u8]) -> BoxFuture<'a, i64> {
        let cells = self.cells.lock();
        Box::pin(ready(self.live_count(&cells, &short_key(key)).map_or(0, |(value, _)| value)))
    }
    fn forget<'a>(&'a self, key: &'a [u8]) -> BoxFuture<'a, ()> {
        let (key, mut cells) = (short_key(key), self.cells.lock());
        cells.young.remove(&key);
        cells.old.remove(&key);
        Box::pin(ready(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::Timestamp;
    use std::sync::atomic::{AtomicI64, Ordering};

    struct Hands(AtomicI64);
    impl Clock for Hands {
        fn now(&self) -> Timestamp {
            Timestamp(self.0.load(Ordering::SeqCst))
        }
    }

    fn make() -> (Arc<Hands>, MemEphemeral) {
        let clock = Arc::new(Hands(AtomicI64::new(1_700_000_000_000)));
        (clock.clone(), MemEphemeral::new(clock))
    }

    #[tokio::test]
    async fn a_burst_then_a_steady_rate() {
        let (clock, cells) = make();
        let rate = Rate { burst: 5, per: Duration::from_secs(10) };
        for _ in 0..5 {
            assert_eq!(cells.take(b"k", 1, rate).await, Ok(()));
        }
        assert_eq!(cells.take(b"k", 1, rate).await, Err(Duration::from_secs(2)));
        assert_eq!(cells.take(b"other", 5, rate).await, Ok(()));
        clock.0.fetch_add(1_999, Ordering::SeqCst);
        assert_eq!(cells.take(b"k", 1, rate).await, Err(Duration::from_millis(1)));
        clock.0.fetch_add(1, Ordering::SeqCst);
        assert_eq!(cells.take(b"k", 1, rate).await, Ok(()));
        assert_eq!(cells.take(b"k", 5, rate).await, Err(Duration::from_secs(10)));
        assert_eq!(cells.take(b"k", 6, rate).await, Err(Duration::MAX));
        clock.0.fetch_add(60_000, Ordering::SeqCst);
        assert_eq!(cells.take(b"k", 5, rate).await, Ok(()));
        assert!(cells.take(b"k", 1, rate).await.is_err(), "unused time does not add up beyond the burst");
    }

    #[tokio::test]
    async fn conforms() {
        let (_, cells) = make();
        crate::conformance::ephemeral(Arc::new(cells)).await.unwrap();
    }

    #[tokio::test]
    async fn a_limit_that_changes_holds_at_once_and_counts_what_was_used() {
        let (clock, cells) = make();
        let rate = |burst| Rate { burst, per: Duration::from_secs(10) };
        assert_eq!(cells.take(b"k", 10, rate(10)).await, Ok(()));
        assert_eq!(cells.take(b"k", 10, rate(20)).await, Ok(()), "raised");
        assert_eq!(
            cells.take(b"k", 1, rate(5)).await,
            Err(Duration::from_secs(32)),
            "lowered: 16 of 5 per 10 s are over"
        );
        clock.0.fetch_add(32_000, Ordering::SeqCst);
        assert_eq!(cells.take(b"k", 1, rate(5)).await, Ok(()));
    }

    #[tokio::test]
    async fn the_ask_that_waits_longest_is_named() {
        let (_, cells) = make();
        let ask = |key, cost, burst, secs| Ask { key, cost, rate: Rate { burst, per: Duration::from_secs(secs) } };
        let asks =
            [ask(b"hour".as_slice(), 2, 2, 10), ask(b"day".as_slice(), 2, 3, 300), ask(b"other".as_slice(), 0, 0, 1)];
        assert_eq!(cells.take_all(&asks).await, Ok(()), "a cost of nothing is granted whatever the rate");
        assert_eq!(cells.take_all(&asks).await, Err(Short { ask: 1, wait: Duration::from_secs(100) }));
    }

    #[tokio::test]
    async fn counters_end_with_their_time() {
        let (clock, cells) = make();
        let ttl = Duration::from_secs(1);
        assert_eq!(cells.add(b"k", 2, ttl).await, 2);
        clock.0.fetch_add(999, Ordering::SeqCst);
        assert_eq!(cells.add(b"k", 1, ttl).await, 3);
        clock.0.fetch_add(1, Ordering::SeqCst);
        assert_eq!(cells.count(b"k").await, 0);
        assert_eq!(cells.add(b"k", 1, ttl).await, 1);
        cells.forget(b"k").await;
        assert_eq!(cells.count(b"k").await, 0);
        let long = [b'x'; EPHEMERAL_KEY_BYTES_MAX + 1];
        assert_eq!(cells.add(&long, 4, ttl).await, 4);
        assert_eq!(cells.count(&long).await, 4);
    }

    #[tokio::test]
    async fn a_flood_of_keys_is_bounded_and_keeps_what_is_in_use() {
        let (_, cells) = make();
        let ttl = Duration::from_secs(60);
        for n in 0..EPHEMERAL_CELLS_MAX as u64 * 2 {
            cells.add(&n.to_be_bytes(), 1, ttl).await;
            if n % 1_000 == 0 {
                cells.add(b"busy", 1, ttl).await;
            }
        }
        let held = |cells: &Cells| cells.young.len() + cells.old.len();
        assert!(held(&cells.cells.lock()) <= EPHEMERAL_CELLS_MAX);
        assert_eq!(cells.count(b"busy").await, EPHEMERAL_CELLS_MAX as i64 * 2 / 1_000);
    }
}
