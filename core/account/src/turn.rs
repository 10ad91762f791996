//! SUMMARY    Turns of messages that are taken: of each tenant only so many at once, so that another one's mail finds little before it.
//! LIMITS     TENANT_MESSAGES_ALONE, TENANT_MESSAGES_SHARED, TENANT_MESSAGES_WAITING
//! INVARIANTS A connection that goes away gives its turn back. Whatever a tenant does makes it company for the others.

use crate::{Accounts, Error, Result};
use base::{
    Clock, Kind, TenantId,
    limits::{TENANT_COMPANY_MS, TENANT_MESSAGES_ALONE, TENANT_MESSAGES_SHARED, TENANT_MESSAGES_WAITING},
    share::{Bounds, Entry, Shares},
};
use parking_lot::Mutex;
use std::{sync::Arc, time::Duration};
use tokio::sync::oneshot;

/// The turns of this process.
#[derive(Clone)]
pub(crate) struct Turns(Arc<Inner>);

struct Inner {
    shares: Mutex<Shares<TenantId, oneshot::Sender<Turn>>>,
    clock: Arc<dyn Clock>,
}

/// A turn; dropped, it is the next one's.
pub struct Turn {
    turns: Turns,
    tenant: TenantId,
}

impl Turns {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Turns {
        let bounds = Bounds {
            alone: TENANT_MESSAGES_ALONE,
            shared: TENANT_MESSAGES_SHARED,
            waiting: TENANT_MESSAGES_WAITING,
            company: Duration::from_millis(TENANT_COMPANY_MS),
        };
        Turns(Arc::new(Inner { shares: Mutex::new(Shares::new(bounds)), clock }))
    }

    /// Waits for a turn of the tenant. `None`: too many wait already.
    async fn take(&self, tenant: TenantId) -> Option<Turn> {
        let mut waits = None;
        let entry = self.0.shares.lock().enter(&tenant, self.0.clock.now(), || {
            let (tell, told) = oneshot::channel();
            waits = Some(told);
            tell
        });
        match (entry, waits) {
            (Entry::Begun, _) => Some(Turn { turns: self.clone(), tenant }),
            (Entry::Waits, Some(told)) => told.await.ok(),
            (Entry::Waits, None) | (Entry::Full, _) => None,
        }
    }
}

impl Accounts {
    /// Waits until a message of the tenant may be taken; to be kept until it was. `Throttled`: too many wait already.
    pub async fn turn(&self, tenant: TenantId) -> Result<Turn> {
        let full = || Error::new(Kind::Throttled, "Too many messages of one customer at once, try again later");
        self.0.turns.take(tenant).await.ok_or_else(full)
    }

    /// The tenant does something else: nobody has all turns to himself for a while.
    pub fn mark_active(&self, tenant: TenantId) {
        self.0.turns.0.shares.lock().mark(&tenant, self.0.clock.now());
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let next = self.turns.0.shares.lock().leave(&self.tenant, self.turns.0.clock.now());
        for waiter in next {
            // Who went away drops the turn, and so gives it on.
            let _ = waiter.send(Turn { turns: self.turns.clone(), tenant: self.tenant });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::SystemClock;

    #[tokio::test]
    async fn a_noisy_tenant_waits_for_its_own_and_nobody_else_does() {
        let turns = Turns::new(Arc::new(SystemClock));
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
    async fn who_goes_away_while_it_waits_gives_its_turn_on() {
        let turns = Turns::new(Arc::new(SystemClock));
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
}
