//! SUMMARY    Turns of messages that are taken: of each tenant only so many at once, so that another one's mail finds little before it.
//! LIMITS     TENANT_MESSAGES_ALONE, TENANT_MESSAGES_SHARED, TENANT_MESSAGES_PRESSING, TENANT_MESSAGES_WAITING, TENANT_PACE_PERMILLE,
//!            TENANT_CREDIT_MS, TENANT_PACE_UNQUEUED_PERMILLE, TENANT_REST_MAX_MS
//! INVARIANTS A connection that goes away gives its turn back; while it rests it was not served. Whatever a tenant does makes it
//!            company for the others.

use crate::{Accounts, Error, Result};
use base::{
    Kind, TenantId,
    limits::{
        TENANT_COMPANY_MS, TENANT_CREDIT_MS, TENANT_MESSAGES_ALONE, TENANT_MESSAGES_PRESSING, TENANT_MESSAGES_SHARED,
        TENANT_MESSAGES_WAITING, TENANT_PACE_PERMILLE, TENANT_PACE_UNQUEUED_PERMILLE, TENANT_REST_MAX_MS,
    },
    share::{Bounds, Entry, Shares},
};
use parking_lot::Mutex;
use std::{sync::Arc, time::Duration};
use tokio::{sync::oneshot, time::Instant};

/// The turns of this process.
#[derive(Clone)]
pub(crate) struct Turns(Arc<Inner>);

struct Inner {
    shares: Mutex<Shares<TenantId, oneshot::Sender<(Turn, Duration)>>>,
    origin: Instant,
}

/// A turn; dropped, it is the next one's.
pub struct Turn {
    turns: Turns,
    tenant: TenantId,
    /// `None` while it rests.
    served_since: Option<Instant>,
}

impl Turns {
    pub(crate) fn new() -> Turns {
        Turns(Arc::new(Inner { shares: Mutex::new(Shares::new(Turns::bounds(1))), origin: Instant::now() }))
    }

    /// With so many cores.
    fn bounds(cores: u32) -> Bounds {
        Bounds {
            alone: TENANT_MESSAGES_ALONE,
            shared: TENANT_MESSAGES_SHARED,
            pressing: TENANT_MESSAGES_PRESSING,
            waiting: TENANT_MESSAGES_WAITING,
            company: Duration::from_millis(TENANT_COMPANY_MS),
            pace_permille: TENANT_PACE_PERMILLE.saturating_mul(cores),
            pace_unqueued_permille: TENANT_PACE_UNQUEUED_PERMILLE.saturating_mul(cores),
            credit: Duration::from_millis(TENANT_CREDIT_MS),
            rest_max: Duration::from_millis(TENANT_REST_MAX_MS),
        }
    }

    /// Waits for a turn of the tenant. `None`: too many wait already.
    async fn take(&self, tenant: TenantId) -> Option<Turn> {
        let mut waits = None;
        let entry = self.0.shares.lock().enter(&tenant, self.0.origin.elapsed(), || {
            let (tell, told) = oneshot::channel();
            waits = Some(told);
            tell
        });
        match (entry, waits) {
            (Entry::Begun(rest), _) => Some(Turn::of(self, tenant).rested(rest).await),
            (Entry::Waits, Some(told)) => {
                let (turn, rest) = told.await.ok()?;
                Some(turn.rested(rest).await)
            }
            (Entry::Waits, None) | (Entry::Full, _) => None,
        }
    }

    fn has_company(&self, tenant: TenantId) -> bool {
        self.0.shares.lock().has_company(&tenant, self.0.origin.elapsed())
    }

    async fn give_way(&self, tenant: TenantId) {
        if self.has_company(tenant) {
            std::thread::yield_now();
            tokio::task::yield_now().await;
        }
    }
}

impl Accounts {
    /// Waits until a message of the tenant may be taken; to be kept until it was. `Throttled`: too many wait already.
    pub async fn turn(&self, tenant: TenantId) -> Result<Turn> {
        let full = || Error::new(Kind::Throttled, "Too many messages of one customer at once, try again later");
        self.0.turns.take(tenant).await.ok_or_else(full)
    }

    /// Between two parts of a message of the tenant, while others are active: what came in from them meanwhile is looked at first, and
    /// threads that wait for this core run. So nobody waits for the whole of a message, which takes as long as a FETCH or two.
    pub async fn give_way(&self, tenant: Option<TenantId>) {
        if let Some(tenant) = tenant {
            self.0.turns.give_way(tenant).await;
        }
    }

    /// Whether somebody was active lately who comes seldom: a long answer to the tenant is to leave room for him.
    pub fn has_company(&self, tenant: TenantId) -> bool {
        self.0.turns.has_company(tenant)
    }

    /// The tenant does something else: nobody has all turns to himself for a while.
    pub fn mark_active(&self, tenant: TenantId) {
        self.0.turns.0.shares.lock().mark(&tenant, self.0.turns.0.origin.elapsed());
    }

    /// Says how many cores the process has: with more, more is done for one tenant while others are active.
    pub fn set_cores(&self, cores: u32) {
        self.0.turns.0.shares.lock().set_bounds(Turns::bounds(cores.max(1)));
    }
}

impl Turn {
    fn of(turns: &Turns, tenant: TenantId) -> Turn {
        Turn { turns: turns.clone(), tenant, served_since: None }
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
        let next = self.turns.0.shares.lock().leave(&self.tenant, now, took);
        for (waiter, rest) in next {
            // Who went away drops the turn, and so gives it on.
            let _ = waiter.send((Turn::of(&self.turns, self.tenant), rest));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_noisy_tenant_waits_for_its_own_and_nobody_else_does() {
        let turns = Turns::new();
        let (noisy, quiet) = (TenantId(1), TenantId(2));
        drop(turns.take(quiet).await);
        let mut held = Vec::new();
        for _ in 0..TENANT_MESSAGES_SHARED {
            held.push(turns.take(noisy).await.unwrap());
        }
        let waits = tokio::spawn({
            let turns = turns.clone();
            async move { turns.take(noisy).await.is_some() }
        });
        tokio::task::yield_now().await;
        assert!(!waits.is_finished(), "it has its share");
        assert!(turns.take(quiet).await.is_some());
        held.pop();
        assert!(waits.await.unwrap());
    }

    #[tokio::test]
    async fn way_is_given_in_company_only() {
        let goes_on_at_once = |turns: Turns, tenant| async move {
            let others = tokio::spawn(async {});
            turns.give_way(tenant).await;
            !others.is_finished()
        };
        let turns = Turns::new();
        drop(turns.take(TenantId(1)).await);
        assert!(goes_on_at_once(turns.clone(), TenantId(1)).await, "nobody else is there");
        drop(turns.take(TenantId(2)).await);
        assert!(!goes_on_at_once(turns.clone(), TenantId(1)).await);
    }

    #[tokio::test]
    async fn who_goes_away_while_it_waits_gives_its_turn_on() {
        let turns = Turns::new();
        drop(turns.take(TenantId(2)).await);
        let mut held = Vec::new();
        for _ in 0..TENANT_MESSAGES_SHARED {
            held.push(turns.take(TenantId(1)).await.unwrap());
        }
        let gone = tokio::spawn({
            let turns = turns.clone();
            async move { turns.take(TenantId(1)).await.is_some() }
        });
        let waits = tokio::spawn({
            let turns = turns.clone();
            async move { turns.take(TenantId(1)).await.is_some() }
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
        drop(turns.take(TenantId(2)).await);
        let served = turns.take(TenantId(1)).await.unwrap();
        tokio::time::sleep(10 * Duration::from_millis(TENANT_CREDIT_MS)).await;
        drop(turns.take(TenantId(2)).await);
        drop(served);
        for _ in 0..3 {
            drop(turns.take(TenantId(2)).await);
            let wait = Duration::from_millis(10);
            let rests = tokio::time::timeout(wait, turns.take(TenantId(1))).await;
            assert!(rests.is_err(), "it owes a rest");
        }
        let began = Instant::now();
        drop(turns.take(TenantId(1)).await);
        assert!(began.elapsed() <= Duration::from_millis(TENANT_REST_MAX_MS));
    }
}
