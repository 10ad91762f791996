//! SUMMARY    Lossy hints that an account changed: IDLE and push wait on them, then re-read.
//! INVARIANTS A hint carries no data but the modseq; it may be lost or repeated. An account without listeners costs nothing.

use base::{AccountId, ModSeq};
use parking_lot::Mutex;
use std::collections::HashMap;
use tokio::sync::watch;

/// Who listens to which account.
#[derive(Debug, Default)]
pub struct Hub {
    accounts: Mutex<HashMap<AccountId, watch::Sender<ModSeq>>>,
}

impl Hub {
    /// A receiver that wakes when the account's modseq rises.
    pub fn subscribe(&self, account: AccountId) -> watch::Receiver<ModSeq> {
        self.accounts.lock().entry(account).or_insert_with(|| watch::channel(ModSeq(0)).0).subscribe()
    }

    /// Tells the listeners of an account; forgets it when there are none left.
    pub fn publish(&self, account: AccountId, modseq: ModSeq) {
        let mut accounts = self.accounts.lock();
        let Some(sender) = accounts.get(&account) else { return };
        if sender.receiver_count() == 0 {
            accounts.remove(&account);
            return;
        }
        sender.send_if_modified(|known| {
            let newer = *known < modseq;
            if newer {
                *known = modseq;
            }
            newer
        });
    }

    /// Wakes every listener of an account whatever its modseq: its standing may have changed.
    pub fn nudge(&self, account: AccountId) {
        if let Some(sender) = self.accounts.lock().get(&account) {
            sender.send_modify(|_| {});
        }
    }

    /// Wakes every listener of every account.
    pub fn nudge_all(&self) {
        self.accounts.lock().values().for_each(|s| s.send_modify(|_| {}));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_sees_rises_only_and_the_last_one_frees_the_entry() {
        let hub = Hub::default();
        let mut rx = hub.subscribe(AccountId(1));
        hub.publish(AccountId(1), ModSeq(5));
        assert!(rx.has_changed().unwrap());
        assert_eq!(*rx.borrow_and_update(), ModSeq(5));
        hub.publish(AccountId(1), ModSeq(4));
        assert!(!rx.has_changed().unwrap());
        drop(rx);
        hub.publish(AccountId(1), ModSeq(6));
        assert!(hub.accounts.lock().is_empty());
    }
}
