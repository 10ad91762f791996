//! SUMMARY    Turns of the API: of each tenant only so many requests at once, so that nobody waits behind another one's many.
//! LIMITS     TENANT_REQUESTS_ALONE, TENANT_REQUESTS_SHARED, TENANT_REQUESTS_PRESSING, TENANT_REQUESTS_WAITING, TENANT_PACE_PERMILLE,
//!            TENANT_CREDIT_MS, TENANT_PACE_UNQUEUED_PERMILLE, TENANT_REST_MAX_MS
//! INVARIANTS A request that waits holds no connection of the database. A client that goes away gives its turn back; while it rests
//!            it was not served. Who has not said who it is shares turns with those that come from the same address only.

use base::{
    TenantId,
    limits::{TENANT_CREDIT_MS, TENANT_PACE_PERMILLE, TENANT_PACE_UNQUEUED_PERMILLE, TENANT_REST_MAX_MS},
    share::{Bounds, Entry, Shares},
};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tenants::Actor;
use tokio::{sync::oneshot, time::Instant};

/// Requests of a tenant at the same time while no other tenant asks for anything.
pub(crate) const TENANT_REQUESTS_ALONE: usize = 16;
/// The same while others do.
pub(crate) const TENANT_REQUESTS_SHARED: usize = 2;
/// The same while all others that do ask about as often.
pub(crate) const TENANT_REQUESTS_PRESSING: usize = 4;
/// Requests of a tenant that wait for their turn.
pub(crate) const TENANT_REQUESTS_WAITING: usize = 256;
/// How long a tenant counts as asking after its last request.
const COMPANY: Duration = Duration::from_secs(2);

/// The turns of this process.
#[derive(Clone)]
pub(crate) struct Turns(Arc<Inner>);

/// Those that share turns.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Lane {
    Tenant(TenantId),
    /// By the name of one who has not said who it is: where it comes from.
    Nobody(String),
}

struct Inner {
    shares: Mutex<Shares<Lane, oneshot::Sender<(Turn, Duration)>>>,
    origin: Instant,
}

/// A turn; dropped, it is the next one's.
pub(crate) struct Turn {
    turns: Turns,
    lane: Lane,
    /// `None` while it rests.
    served_since: Option<Instant>,
}

impl Turns {
    pub(crate) fn new() -> Turns {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let cores = u32::try_from(cores).unwrap_or(u32::MAX);
        let bounds = Bounds {
            alone: TENANT_REQUESTS_ALONE,
            shared: TENANT_REQUESTS_SHARED,
            pressing: TENANT_REQUESTS_PRESSING,
            waiting: TENANT_REQUESTS_WAITING,
            company: COMPANY,
            pace_permille: TENANT_PACE_PERMILLE.saturating_mul(cores),
            pace_unqueued_permille: TENANT_PACE_UNQUEUED_PERMILLE.saturating_mul(cores),
            credit: Duration::from_millis(TENANT_CREDIT_MS),
            rest_max: Duration::from_millis(TENANT_REST_MAX_MS),
        };
        Turns(Arc::new(Inner { shares: Mutex::new(Shares::new(bounds)), origin: Instant::now() }))
    }

    /// Waits for a turn. `None`: too many wait already.
    pub(crate) async fn take(&self, actor: &Actor) -> Option<Turn> {
        let lane = match actor.is_somebody() {
            true => Lane::Tenant(actor.tenant()),
            false => Lane::Nobody(actor.name().to_owned()),
        };
        self.take_in(lane).await
    }

    async fn take_in(&self, lane: Lane) -> Option<Turn> {
        let mut waits = None;
        let entry = self.shares().enter(&lane, self.0.origin.elapsed(), || {
            let (tell, told) = oneshot::channel();
            waits = Some(told);
            tell
        });
        match (entry, waits) {
            (Entry::Begun(rest), _) => Some(Turn::of(self, lane).rested(rest).await),
            (Entry::Waits, Some(told)) => {
                let (turn, rest) = told.await.ok()?;
                Some(turn.rested(rest).await)
            }
            (Entry::Waits, None) | (Entry::Full, _) => None,
        }
    }

    fn shares(&self) -> MutexGuard<'_, Shares<Lane, oneshot::Sender<(Turn, Duration)>>> {
        self.0.shares.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn {
    fn of(turns: &Turns, lane: Lane) -> Turn {
        Turn { turns: turns.clone(), lane, served_since: None }
    }

    /// The same after a rest, which is no service.
    async fn rested(mut self, rest: Duration) -> Turn {
        if !rest.is_zero() {
            tokio::time::sleep(rest).await;
        }
        self.served_since = Some(Instant::now());
        self
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let now = self.turns.0.origin.elapsed();
        let took = self.served_since.map_or(Duration::ZERO, |since| since.elapsed());
        let next = self.turns.shares().leave(&self.lane, now, took);
        for (waiter, rest) in next {
            // Who went away drops the turn, and so gives it on.
            let _ = waiter.send((Turn::of(&self.turns, self.lane.clone()), rest));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant(id: u64) -> Lane {
        Lane::Tenant(TenantId(id))
    }

    #[tokio::test]
    async fn a_noisy_tenant_waits_for_its_own_and_nobody_else_does() {
        let turns = Turns::new();
        let (noisy, quiet) = (tenant(1), tenant(2));
        drop(turns.take_in(quiet.clone()).await);
        let mut held = Vec::new();
        for _ in 0..TENANT_REQUESTS_SHARED {
            held.push(turns.take_in(noisy.clone()).await.unwrap());
        }
        let waits = tokio::spawn({
            let (turns, noisy) = (turns.clone(), noisy.clone());
            async move { turns.take_in(noisy.clone()).await.is_some() }
        });
        tokio::task::yield_now().await;
        assert!(!waits.is_finished(), "it has its share");
        assert!(turns.take_in(quiet.clone()).await.is_some());
        held.pop();
        assert!(waits.await.unwrap());
    }

    #[tokio::test]
    async fn who_goes_away_while_it_waits_gives_its_turn_on() {
        let turns = Turns::new();
        drop(turns.take_in(tenant(2)).await);
        let mut held = Vec::new();
        for _ in 0..TENANT_REQUESTS_SHARED {
            held.push(turns.take_in(tenant(1)).await.unwrap());
        }
        let gone = tokio::spawn({
            let turns = turns.clone();
            async move { turns.take_in(tenant(1)).await.is_some() }
        });
        let waits = tokio::spawn({
            let turns = turns.clone();
            async move { turns.take_in(tenant(1)).await.is_some() }
        });
        tokio::task::yield_now().await;
        gone.abort();
        assert!(gone.await.is_err());
        held.pop();
        assert!(waits.await.unwrap());
    }

    #[tokio::test(start_paused = true)]
    async fn who_goes_away_while_it_rests_was_not_served() {
        let turns = Turns::new();
        drop(turns.take_in(tenant(2)).await);
        let served = turns.take_in(tenant(1)).await.unwrap();
        tokio::time::sleep(10 * Duration::from_millis(TENANT_CREDIT_MS)).await;
        drop(turns.take_in(tenant(2)).await);
        drop(served);
        for _ in 0..3 {
            drop(turns.take_in(tenant(2)).await);
            let wait = Duration::from_millis(10);
            let rests = tokio::time::timeout(wait, turns.take_in(tenant(1))).await;
            assert!(rests.is_err(), "it owes a rest");
        }
        let began = Instant::now();
        drop(turns.take_in(tenant(1)).await);
        assert!(began.elapsed() <= Duration::from_millis(TENANT_REST_MAX_MS));
    }
}
