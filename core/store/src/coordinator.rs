//! SUMMARY    Leases with fencing tokens; trait and in-process implementation.
//! INVARIANTS A lease says who should act; only its fencing token, compared where the act is stored, says who may.

use crate::kv::BoxFuture;
use base::{Clock, Timestamp};
use parking_lot::Mutex;
use std::{collections::HashMap, future::ready, sync::Arc, time::Duration};

/// A lease as granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    pub name: Vec<u8>,
    /// Higher than that of every earlier holder.
    pub token: u64,
    pub until: Timestamp,
}

/// Leases between whoever shares this coordinator.
pub trait Coordinator: Send + Sync + 'static {
    /// Takes a free or expired lease; None if another holds it.
    fn acquire<'a>(&'a self, name: &'a [u8], ttl: Duration) -> BoxFuture<'a, Option<Lease>>;
    /// Prolongs a lease that is still held; None if it is not.
    fn renew<'a>(&'a self, lease: &'a Lease, ttl: Duration) -> BoxFuture<'a, Option<Lease>>;
    /// Gives a lease back before its time.
    fn release<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, ()>;
}

#[derive(Default)]
struct Leases {
    held: HashMap<Box<[u8]>, (u64, Timestamp)>,
    last_token: u64,
}

/// The coordinator of a single process.
#[derive(Clone)]
pub struct LocalCoordinator {
    leases: Arc<Mutex<Leases>>,
    clock: Arc<dyn Clock>,
}

impl LocalCoordinator {
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        LocalCoordinator { leases: Arc::default(), clock }
    }

    fn acquire_now(&self, name: &[u8], ttl: Duration) -> Option<Lease> {
        let now = self.clock.now();
        let mut leases = self.leases.lock();
        if leases.held.get(name).is_some_and(|(_, until)| *until > now) {
            return None;
        }
        // Tokens follow the clock, so that they rise over restarts too.
        let floor = u64::try_from(now.0).unwrap_or(0).saturating_mul(1 << 20);
        let token = floor.max(leases.last_token + 1);
        leases.last_token = token;
        leases.held.retain(|_, (_, until)| *until > now);
        leases.held.insert(name.into(), (token, now.plus(ttl)));
        Some(Lease { name: name.to_vec(), token, until: now.plus(ttl) })
    }

    fn renew_now(&self, lease: &Lease, ttl: Duration) -> Option<Lease> {
        let now = self.clock.now();
        let mut leases = self.leases.lock();
        let (token, until) = leases.held.get_mut(lease.name.as_slice())?;
        if *token != lease.token || *until <= now {
            return None;
        }
        *until = now.plus(ttl);
        Some(Lease { until: *until, ..lease.clone() })
    }

    fn release_now(&self, lease: &Lease) {
        let mut leases = self.leases.lock();
        if leases.held.get(lease.name.as_slice()).is_some_and(|(token, _)| *token == lease.token) {
            leases.held.remove(lease.name.as_slice());
        }
    }
}

impl Coordinator for LocalCoordinator {
    fn acquire<'a>(&'a self, name: &'a [u8], ttl: Duration) -> BoxFuture<'a, Option<Lease>> {
        Box::pin(ready(self.acquire_now(name, ttl)))
    }
    fn renew<'a>(&'a self, lease: &'a Lease, ttl: Duration) -> BoxFuture<'a, Option<Lease>> {
        Box::pin(ready(self.renew_now(lease, ttl)))
    }
    fn release<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, ()> {
        self.release_now(lease);
        Box::pin(ready(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicI64, Ordering};

    struct Hands(AtomicI64);
    impl Clock for Hands {
        fn now(&self) -> Timestamp {
            Timestamp(self.0.load(Ordering::SeqCst))
        }
    }

    fn make() -> (Arc<Hands>, LocalCoordinator) {
        let clock = Arc::new(Hands(AtomicI64::new(1_700_000_000_000)));
        (clock.clone(), LocalCoordinator::new(clock))
    }

    #[tokio::test]
    async fn leases_exclude_and_tokens_rise() {
        let (clock, coordinator) = make();
        let ttl = Duration::from_secs(10);
        let first = coordinator.acquire(b"job", ttl).await.unwrap();
        assert_eq!(coordinator.acquire(b"job", ttl).await, None);
        assert!(coordinator.acquire(b"other", ttl).await.is_some());
        clock.0.fetch_add(9_999, Ordering::SeqCst);
        let first = coordinator.renew(&first, ttl).await.unwrap();
        clock.0.fetch_add(10_000, Ordering::SeqCst);
        assert_eq!(coordinator.renew(&first, ttl).await, None, "expired");
        let second = coordinator.acquire(b"job", ttl).await.unwrap();
        assert!(second.token > first.token);
        coordinator.release(&first).await;
        assert_eq!(coordinator.acquire(b"job", ttl).await, None, "an old holder releases nothing");
        coordinator.release(&second).await;
        assert!(coordinator.acquire(b"job", ttl).await.unwrap().token > second.token);
    }
}
