//! SUMMARY    Lossy hints that an account changed, or what it may do: sessions wait on them, then re-read.
//! INVARIANTS A hint carries no data but numbers; it may be lost or repeated. An account without listeners costs nothing. Where
//!            nodes share a bus, a hint reaches the listeners of all of them; a hint of our own that comes back tells nothing new.

use base::{AccountId, ModSeq, TenantId};
use bytes::Bytes;
use parking_lot::Mutex;
use std::{
    collections::{BTreeMap, HashSet},
    sync::{Arc, OnceLock},
    time::Duration,
};
use store::bus::{self, Bus, Subscription};
use tokio::sync::watch;

/// What is told of an account.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Hint {
    pub modseq: ModSeq,
    /// Rises whenever what the account may do, or who may open it, may have changed.
    pub standing: u64,
}

/// Who listens to which account of this node, and what the others are told by.
#[derive(Default)]
pub struct Hub {
    ears: Arc<Mutex<Ears>>,
    /// Where several nodes share the store.
    bus: OnceLock<Arc<dyn Bus>>,
}

#[derive(Default)]
struct Ears {
    accounts: BTreeMap<(TenantId, AccountId), watch::Sender<Hint>>,
    /// Tenants whose standing is heard of from other nodes.
    tenants: HashSet<TenantId>,
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

/// How often it is looked whether anybody still listens to accounts of a tenant.
const TENANT_LOOK: Duration = Duration::from_secs(60);

fn topic(tenant: TenantId, account: Option<AccountId>) -> Vec<u8> {
    let mut topic = tenant.0.to_be_bytes().to_vec();
    topic.extend(account.into_iter().flat_map(|account| account.0.to_be_bytes()));
    topic
}

/// What another node is told: a modseq, or (0) that the standing may have changed.
fn message(modseq: ModSeq) -> Bytes {
    Bytes::copy_from_slice(&modseq.0.to_be_bytes())
}

fn raise(hint: &mut Hint, modseq: ModSeq) -> bool {
    let newer = hint.modseq < modseq;
    if newer {
        hint.modseq = modseq;
    }
    newer
}

impl Ears {
    /// Tells the listeners of an account; forgets it when there are none left.
    fn tell(&mut self, who: (TenantId, AccountId), change: impl FnOnce(&mut Hint) -> bool) {
        let Some(sender) = self.accounts.get(&who) else { return };
        if sender.receiver_count() == 0 {
            self.accounts.remove(&who);
            return;
        }
        sender.send_if_modified(change);
    }

    /// Tells the listeners of all accounts of a tenant that their standing may have changed; whether there are any.
    fn nudge_tenant(&mut self, tenant: TenantId) -> bool {
        let range = (tenant, AccountId(0))..=(tenant, AccountId(u64::MAX));
        let (mut silent, mut heard) = (Vec::new(), false);
        for (who, sender) in self.accounts.range(range) {
            match sender.receiver_count() {
                0 => silent.push(*who),
                _ => {
                    heard = true;
                    sender.send_modify(|hint| hint.standing += 1);
                }
            }
        }
        silent.iter().for_each(|who| drop(self.accounts.remove(who)));
        heard
    }
}

impl Hub {
    /// Shares hints with other nodes from now on; call before anybody listens.
    pub fn share(&self, bus: Arc<dyn Bus>) {
        // A second bus would be a second deployment: the first one stays.
        let _ = self.bus.set(bus);
    }

    /// Whether other nodes are heard, where there is a bus.
    pub async fn health(&self) -> Option<(&'static str, Result<(), String>)> {
        let bus = self.bus.get()?;
        Some((bus.name(), bus.health().await))
    }

    /// An ear on an account, and on that of the delegate who opened it.
    pub fn listen(&self, opened: (TenantId, AccountId), own: Option<(TenantId, AccountId)>) -> Listener {
        Listener { opened: self.ear(opened), own: own.map(|own| self.ear(own)) }
    }

    fn ear(&self, who: (TenantId, AccountId)) -> watch::Receiver<Hint> {
        let mut ears = self.ears.lock();
        if let Some(sender) = ears.accounts.get(&who) {
            return sender.subscribe();
        }
        let (sender, receiver) = watch::channel(Hint::default());
        if let Some(bus) = self.bus.get() {
            let from = bus.subscribe(&topic(who.0, Some(who.1)));
            tokio::spawn(hear_account(from, self.ears.clone(), who, sender.clone()));
            if ears.tenants.insert(who.0) {
                let from = bus.subscribe(&topic(who.0, None));
                tokio::spawn(hear_tenant(from, self.ears.clone(), who.0));
            }
        }
        ears.accounts.insert(who, sender);
        receiver
    }

    fn tell_others(&self, tenant: TenantId, account: Option<AccountId>, modseq: ModSeq) {
        if let Some(bus) = self.bus.get() {
            bus.publish(&topic(tenant, account), message(modseq));
        }
    }

    /// Tells the listeners of an account, on all nodes.
    pub fn publish(&self, tenant: TenantId, account: AccountId, modseq: ModSeq) {
        self.ears.lock().tell((tenant, account), |hint| raise(hint, modseq));
        self.tell_others(tenant, Some(account), modseq);
    }

    /// Tells every listener of an account that its standing may have changed.
    pub fn nudge(&self, tenant: TenantId, account: AccountId) {
        self.ears.lock().tell((tenant, account), |hint| {
            hint.standing += 1;
            true
        });
        self.tell_others(tenant, Some(account), ModSeq(0));
    }

    /// As `nudge`, for every account of a tenant. Forgets those without listeners.
    pub fn nudge_tenant(&self, tenant: TenantId) {
        self.ears.lock().nudge_tenant(tenant);
        self.tell_others(tenant, None, ModSeq(0));
    }
}

/// Tells the listeners of an account what other nodes tell of it, while there are any.
async fn hear_account(
    mut from: Box<dyn Subscription>,
    ears: Arc<Mutex<Ears>>,
    who: (TenantId, AccountId),
    sender: watch::Sender<Hint>,
) {
    loop {
        let heard = tokio::select! {
            heard = from.next() => heard,
            () = sender.closed() => {
                let mut ears = ears.lock();
                // Under the lock nobody begins to listen.
                if sender.receiver_count() > 0 {
                    continue;
                }
                if ears.accounts.get(&who).is_some_and(|known| known.same_channel(&sender)) {
                    ears.accounts.remove(&who);
                }
                return;
            }
        };
        let told = match heard {
            None => return,
            Some(bus::Hint::Lost) => None,
            Some(bus::Hint::Message(bytes)) => bytes.as_ref().try_into().ok().map(u64::from_be_bytes),
        };
        match told {
            Some(modseq) if modseq > 0 => {
                sender.send_if_modified(|hint| raise(hint, ModSeq(modseq)));
            }
            // Anything may have happened: whoever listens asks for all.
            Some(_) | None => sender.send_modify(|hint| hint.standing += 1),
        }
    }
}

/// As `hear_account`, for what concerns a tenant as a whole.
async fn hear_tenant(mut from: Box<dyn Subscription>, ears: Arc<Mutex<Ears>>, tenant: TenantId) {
    loop {
        let heard = tokio::time::timeout(TENANT_LOOK, from.next()).await;
        let mut ears = ears.lock();
        let listened = match heard {
            Ok(None) => false,
            Ok(Some(_)) => ears.nudge_tenant(tenant),
            Err(_) => {
                let range = (tenant, AccountId(0))..=(tenant, AccountId(u64::MAX));
                ears.accounts.range(range).any(|(_, sender)| sender.receiver_count() > 0)
            }
        };
        if !listened {
            ears.tenants.remove(&tenant);
            return;
        }
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
        assert!(hub.ears.lock().accounts.is_empty());
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
        assert_eq!(hub.ears.lock().accounts.len(), 2);
    }

    #[tokio::test]
    async fn two_nodes_hear_of_each_other() {
        let bus = Arc::new(bus::LocalBus::default());
        let (here, there) = (Hub::default(), Hub::default());
        here.share(bus.clone());
        there.share(bus.clone());
        let mut ann = here.listen((T, AccountId(1)), None);
        let bob = here.listen((T, AccountId(2)), None);
        there.publish(T, AccountId(1), ModSeq(7));
        ann.changed().await;
        assert_eq!(ann.opened.borrow_and_update().modseq, ModSeq(7));
        there.nudge(T, AccountId(1));
        ann.changed().await;
        there.nudge_tenant(T);
        tokio::time::timeout(Duration::from_secs(5), async {
            while (ann.standing(), bob.standing()) != (2, 1) {
                tokio::task::yield_now().await;
            }
        })
        .await
        .unwrap();
        drop((ann, bob));
        there.nudge_tenant(T);
        tokio::time::timeout(Duration::from_secs(5), async {
            while !here.ears.lock().accounts.is_empty() || !here.ears.lock().tenants.is_empty() || bus.topics() > 0 {
                tokio::task::yield_now().await;
            }
        })
        .await
        .unwrap();
    }
}
