//! SUMMARY    Lossy hints that an account changed, or what it may do: sessions wait on them, then re-read.
//! INVARIANTS A hint carries no data but numbers; it may be lost or repeated. An account without listeners costs nothing. Hints
//!            are of this node; what another node changed is seen when a session asks (STANDING_MS_MAX).

use base::{AccountId, ModSeq, TenantId};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use tokio::sync::watch;

/// What is told of an account.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Hint {
    pub modseq: ModSeq,
    /// Rises whenever what the account may do, or who may open it, may have changed.
    pub standing: u64,
}

/// Who listens to which account.
#[derive(Debug, Default)]
pub struct Hub {
    accounts: Mutex<BTreeMap<(TenantId, AccountId), watch::Sender<Hint>>>,
}

/// A session's ear on the account it opened and, for a delegate, on the delegate's own.
#[derive(Debug, Clone)]
pub struct Listener {
    opened: watch::Receiver<Hint>,
    own: Option<watch::Receiver<Hint>>,
}

impl Listener {
    /// Waits for the next hint; never comes back when nobody can give one any more.
    pub async fn changed(&mut self) {
        let open = match &mut self.own {
            None => self.opened.changed().await.is_ok(),
            // In a box of its own: few sessions have two ears, and all wait in here.
            Some(own) => Box::pin(either(&mut self.opened, own)).await,
        };
        if !open {
            std::future::pending::<()>().await;
        }
    }

    /// Changes when the standing is to be asked for again.
    pub fn standing(&self) -> u64 {
        self.opened.borrow().standing + self.own.as_ref().map_or(0, |own| own.borrow().standing)
    }
}

async fn either(one: &mut watch::Receiver<Hint>, other: &mut watch::Receiver<Hint>) -> bool {
    tokio::select! {
        changed = one.changed() => changed.is_ok(),
        changed = other.changed() => changed.is_ok(),
    }
}

impl Hub {
    /// An ear on an account, and on that of the delegate who opened it.
    pub fn listen(&self, opened: (TenantId, AccountId), own: Option<(TenantId, AccountId)>) -> Listener {
        let mut accounts = self.accounts.lock();
        let mut one = |who| accounts.entry(who).or_insert_with(|| watch::channel(Hint::default()).0).subscribe();
        Listener { opened: one(opened), own: own.map(one) }
    }

    /// Tells the listeners of an account; forgets it when there are none left.
    pub fn publish(&self, tenant: TenantId, account: AccountId, modseq: ModSeq) {
        let mut accounts = self.accounts.lock();
        let Some(sender) = accounts.get(&(tenant, account)) else { return };
        if sender.receiver_count() == 0 {
            accounts.remove(&(tenant, account));
            return;
        }
        sender.send_if_modified(|known| {
            let newer = known.modseq < modseq;
            if newer {
                known.modseq = modseq;
            }
            newer
        });
    }

    /// Tells every listener of an account that its standing may have changed.
    pub fn nudge(&self, tenant: TenantId, account: AccountId) {
        if let Some(sender) = self.accounts.lock().get(&(tenant, account)) {
            sender.send_modify(|hint| hint.standing += 1);
        }
    }

    /// As `nudge`, for every account of a tenant. Forgets those without listeners.
    pub fn nudge_tenant(&self, tenant: TenantId) {
        let mut accounts = self.accounts.lock();
        let range = (tenant, AccountId(0))..=(tenant, AccountId(u64::MAX));
        let mut silent = Vec::new();
        for (who, sender) in accounts.range(range) {
            match sender.receiver_count() {
                0 => silent.push(*who),
                _ => sender.send_modify(|hint| hint.standing += 1),
            }
        }
        silent.iter().for_each(|who| drop(accounts.remove(who)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: TenantId = TenantId(1);

    #[test]
    fn a_listener_sees_rises_only_and_the_last_one_frees_the_entry() {
        let hub = Hub::default();
        let mut rx = hub.listen((T, AccountId(1)), None).opened;
        hub.publish(T, AccountId(1), ModSeq(5));
        assert!(rx.has_changed().unwrap());
        assert_eq!(rx.borrow_and_update().modseq, ModSeq(5));
        hub.publish(T, AccountId(1), ModSeq(4));
        assert!(!rx.has_changed().unwrap());
        drop(rx);
        hub.publish(T, AccountId(1), ModSeq(6));
        assert!(hub.accounts.lock().is_empty());
    }

    #[test]
    fn only_the_tenant_concerned_is_nudged_and_a_delegate_hears_of_both_accounts() {
        let hub = Hub::default();
        let (ann, bob) = (hub.listen((T, AccountId(1)), None), hub.listen((TenantId(2), AccountId(2)), None));
        let shared = hub.listen((T, AccountId(3)), Some((T, AccountId(1))));
        hub.nudge(T, AccountId(1));
        assert_eq!([ann.standing(), bob.standing(), shared.standing()], [1, 0, 1]);
        hub.nudge(T, AccountId(3));
        hub.nudge_tenant(T);
        assert_eq!([ann.standing(), bob.standing(), shared.standing()], [2, 0, 4]);
        drop(shared);
        hub.nudge_tenant(T);
        assert_eq!(hub.accounts.lock().len(), 2);
    }
}
