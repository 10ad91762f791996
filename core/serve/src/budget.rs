//! SUMMARY    Message bytes of all connections that stand in memory, before their commit or until they are read: counted, bounded, shared.
//! SECURITY   A stranger's bytes count as they come, not as they are announced. Who holds much and stalls is cut off by the idle time of the door.
//! LIMITS     MESSAGE_BYTES_IN_FLIGHT_MAX (unless configured), MESSAGE_BYTES_UNCOUNTED, MESSAGE_ROOM_WAIT_MS_MAX
//! INVARIANTS Never a deadlock: one connection at a time may go on above the budget, every wait ends in time, and whoever is refused gives
//!            back all it held. Memory is at most the budget, one message more, and the uncounted bytes of each connection.

use base::limits::{MESSAGE_BYTES_IN_FLIGHT_MAX, MESSAGE_BYTES_UNCOUNTED, MESSAGE_ROOM_WAIT_MS_MAX};
use std::{sync::Arc, time::Duration};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Unit of counting: a permit stands for that many bytes.
const UNIT_BYTES: usize = 1024;

/// Gauge of the bytes counted that come in.
const IN_FLIGHT: &str = "posthouse_message_bytes_in_flight";
/// Gauge of the bytes counted that go out.
const ANSWERS_IN_FLIGHT: &str = "posthouse_answer_bytes_in_flight";

/// The budget of a process; clones share it.
#[derive(Debug, Clone)]
pub struct Budget(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    units: Arc<Semaphore>,
    /// Held by the one connection that may exceed the budget.
    beyond: Arc<Semaphore>,
    units_max: u32,
    wait: Duration,
    gauge: &'static str,
}

impl Default for Budget {
    fn default() -> Self {
        Budget::new(MESSAGE_BYTES_IN_FLIGHT_MAX, Duration::from_millis(MESSAGE_ROOM_WAIT_MS_MAX))
    }
}

impl Budget {
    /// `wait`: how long a connection is not read for want of room before its message is refused.
    pub fn new(bytes: usize, wait: Duration) -> Self {
        Budget::counted_by(bytes, wait, IN_FLIGHT)
    }

    /// For what goes out, apart: clients that do not read keep nobody from sending.
    pub fn answers(bytes: usize, wait: Duration) -> Self {
        Budget::counted_by(bytes, wait, ANSWERS_IN_FLIGHT)
    }

    fn counted_by(bytes: usize, wait: Duration, gauge: &'static str) -> Self {
        let units_max = u32::try_from(bytes / UNIT_BYTES).unwrap_or(u32::MAX);
        let units = Arc::new(Semaphore::new(units_max as usize));
        Budget(Arc::new(Shared { units, beyond: Arc::new(Semaphore::new(1)), units_max, wait, gauge }))
    }

    /// A connection's part of it, empty.
    pub fn claim(&self) -> Claim {
        Claim { budget: self.0.clone(), units: None, beyond: None }
    }

    /// Whether a connection has gone beyond it.
    pub fn is_exceeded(&self) -> bool {
        self.0.beyond.available_permits() == 0
    }

    /// Bytes counted now.
    pub fn used_bytes(&self) -> usize {
        (self.0.units_max as usize).saturating_sub(self.0.units.available_permits()) * UNIT_BYTES
    }
}

/// What one connection holds; given back when dropped.
#[derive(Debug)]
pub struct Claim {
    budget: Arc<Shared>,
    units: Option<OwnedSemaphorePermit>,
    beyond: Option<OwnedSemaphorePermit>,
}

impl Claim {
    /// The connection holds `bytes` now. May wait, during which the caller reads nothing. False: there is no room; drop what is held and say
    /// so with `hold`.
    pub async fn hold(&mut self, bytes: usize) -> bool {
        let wanted = if bytes <= MESSAGE_BYTES_UNCOUNTED { 0 } else { bytes.div_ceil(UNIT_BYTES) };
        let have = self.units.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        if wanted <= have {
            self.give_back(have - wanted);
            return true;
        }
        // Above the budget already, or a message larger than the budget: that is for the one connection.
        if self.beyond.is_some() {
            return true;
        }
        let more = u32::try_from(wanted - have).unwrap_or(u32::MAX);
        if let Ok(units) = self.budget.units.clone().try_acquire_many_owned(more) {
            self.take(units);
            return true;
        }
        metrics::counter!("posthouse_budget_waits_total").increment(1);
        let waiting = Box::pin(self.wait_for(more));
        waiting.await
    }

    async fn wait_for(&mut self, more: u32) -> bool {
        let (units, beyond) = (self.budget.units.clone(), self.budget.beyond.clone());
        let fits = more <= self.budget.units_max;
        let room = async {
            tokio::select! {
                biased;
                units = units.acquire_many_owned(more), if fits => (units.ok(), None),
                beyond = beyond.acquire_owned() => (None, beyond.ok()),
            }
        };
        match tokio::time::timeout(self.budget.wait, room).await {
            Ok((Some(units), _)) => self.take(units),
            Ok((None, Some(beyond))) => self.beyond = Some(beyond),
            Ok((None, None)) | Err(_) => {
                metrics::counter!("posthouse_budget_refusals_total").increment(1);
                return false;
            }
        }
        true
    }

    fn take(&mut self, units: OwnedSemaphorePermit) {
        metrics::gauge!(self.budget.gauge).increment(bytes(units.num_permits()));
        match &mut self.units {
            Some(have) => have.merge(units),
            None => self.units = Some(units),
        }
    }

    fn give_back(&mut self, units: usize) {
        if let Some(have) = &mut self.units {
            drop(have.split(units));
            metrics::gauge!(self.budget.gauge).decrement(bytes(units));
            if have.num_permits() == 0 {
                self.units = None;
            }
        }
        if self.units.is_none() {
            self.beyond = None;
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.give_back(self.units.as_ref().map_or(0, OwnedSemaphorePermit::num_permits));
    }
}

/// As a gauge counts.
fn bytes(units: usize) -> f64 {
    u32::try_from(units).map_or(f64::INFINITY, f64::from) * UNIT_BYTES as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIB: usize = 1024;

    #[tokio::test]
    async fn what_is_held_is_counted_and_given_back() {
        let budget = Budget::new(1000 * KIB, Duration::ZERO);
        let mut claim = budget.claim();
        assert!(claim.hold(MESSAGE_BYTES_UNCOUNTED).await);
        assert_eq!(budget.used_bytes(), 0);
        assert!(claim.hold(300 * KIB).await && claim.hold(700 * KIB).await);
        assert_eq!(budget.used_bytes(), 700 * KIB);
        assert!(claim.hold(100 * KIB).await);
        assert_eq!(budget.used_bytes(), 100 * KIB);
        drop(claim);
        assert_eq!(budget.used_bytes(), 0);
    }

    #[tokio::test]
    async fn one_goes_beyond_the_budget_and_the_others_are_refused() {
        let budget = Budget::new(200 * KIB, Duration::from_millis(5));
        let (mut a, mut b, mut c) = (budget.claim(), budget.claim(), budget.claim());
        assert!(a.hold(150 * KIB).await);
        assert!(b.hold(150 * KIB).await, "the one");
        assert!(b.hold(5000 * KIB).await, "as far as it needs");
        assert!(!c.hold(150 * KIB).await);
        assert!(c.hold(0).await);
        assert!(!a.hold(250 * KIB).await);
        assert!(b.hold(0).await);
        assert!(a.hold(250 * KIB).await, "now it is the one");
        assert!(!c.hold(70 * KIB).await);
        drop(a);
        assert!(c.hold(190 * KIB).await);
    }
}
