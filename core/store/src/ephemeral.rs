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

/// Cells that expire. Every backend may be empty at any moment.
pub trait Ephemeral: Send + Sync + 'static {
    /// Takes `cost` units (GCRA); if there are not so many, takes none and says how long until there will be.
    /// A cost above the burst is never granted: `Duration::MAX`.
    fn take<'a>(&'a self, key: &'a [u8], cost: u32, rate: Rate) -> BoxFuture<'a, Result<(), Duration>>;
    /// Adds to a counter, which is gone `ttl` after its first addition; its value now.
    fn add<'a>(&'a self, key: &'a [u8], delta: i64, ttl: Duration) -> BoxFuture<'a, i64>;
    /// Value of a counter, 0 if there is none.
    fn count<'a>(&'a self, key: &'a [u8]) -> BoxFuture<'a, i64>;
    fn forget<'a>(&'a self, key: &'a [u8]) -> BoxFuture<'a, ()>;
}

#[derive(Debug, Clone, Copy)]
enum Cell {
    /// When the bucket would be full again (theoretical arrival time), nanoseconds.
    Rate {
        full_ns: u64,
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
fn short(key: &[u8]) -> Box<[u8]> {
    if key.len() <= EPHEMERAL_KEY_BYTES_MAX { key.into() } else { blake3::hash(key).as_bytes().as_slice().into() }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

impl MemEphemeral {
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        MemEphemeral { cells: Mutex::default(), clock }
    }

    fn now_ns(&self) -> u64 {
        u64::try_from(self.clock.now().0).unwrap_or(0).saturating_mul(1_000_000)
    }

    /// Generic cell rate algorithm: https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm
    fn take_now(&self, key: &[u8], cost: u32, rate: Rate) -> Result<(), Duration> {
        if cost > rate.burst {
            return Err(Duration::MAX);
        }
        let (key, now, window) = (short(key), self.now_ns(), nanos(rate.per));
        let spent_ns = u128::from(window) * u128::from(cost) / u128::from(rate.burst.max(1));
        let spent_ns = u64::try_from(spent_ns).unwrap_or(u64::MAX);
        let mut cells = self.cells.lock();
        let full = match cells.read(&key) {
            Some(Cell::Rate { full_ns }) => full_ns.max(now),
            Some(Cell::Count { .. }) | None => now,
        };
        let after = full.saturating_add(spent_ns);
        let allowed = after.saturating_sub(window);
        if allowed > now {
            return Err(Duration::from_nanos(allowed - now));
        }
        cells.write(&key, Cell::Rate { full_ns: after });
        Ok(())
    }

    fn live_count(&self, cells: &Cells, key: &[u8]) -> Option<(i64, u64)> {
        match cells.read(key) {
            Some(Cell::Count { value, until_ns }) if until_ns > self.now_ns() => Some((value, until_ns)),
            Some(Cell::Count { .. } | Cell::Rate { .. }) | None => None,
        }
    }

    fn add_now(&self, key: &[u8], delta: i64, ttl: Duration) -> i64 {
        let key = short(key);
        let mut cells = self.cells.lock();
        let (value, until_ns) =
            self.live_count(&cells, &key).unwrap_or_else(|| (0, self.now_ns().saturating_add(nanos(ttl))));
        let value = value.saturating_add(delta);
        cells.write(&key, Cell::Count { value, until_ns });
        value
    }
}

impl Ephemeral for MemEphemeral {
    fn take<'a>(&'a self, key: &'a [u8], cost: u32, rate: Rate) -> BoxFuture<'a, Result<(), Duration>> {
        Box::pin(ready(self.take_now(key, cost, rate)))
    }
    fn add<'a>(&'a self, key: &'a [u8], delta: i64, ttl: Duration) -> BoxFuture<'a, i64> {
        Box::pin(ready(self.add_now(key, delta, ttl)))
    }
    fn count<'a>(&'a self, key: &'a [u8]) -> BoxFuture<'a, i64> {
        let cells = self.cells.lock();
        Box::pin(ready(self.live_count(&cells, &short(key)).map_or(0, |(value, _)| value)))
    }
    fn forget<'a>(&'a self, key: &'a [u8]) -> BoxFuture<'a, ()> {
        let (key, mut cells) = (short(key), self.cells.lock());
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
