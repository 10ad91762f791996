//! SUMMARY    Pins: what an account expunges while an export of it is made is kept for the export.
//! LIMITS     EXPORT_PIN_MS_MAX, EXPORT_PIN_MARGIN_MS
//! INVARIANTS A pin stands before the listing begins. It keeps beyond every limit of what is kept, from its time on, and nothing of
//!            before; it ends with the export, or by itself. Purging does not ask for it.

use super::lease::ExportLease;
use crate::{
    Result, keys,
    record::{self, AccountState, PinMark},
    txn::TenantTxn,
    unit_of_work,
};
use base::{
    AccountId, Timestamp,
    limits::{EXPORT_PIN_MARGIN_MS, EXPORT_PIN_MS_MAX},
};

/// From when on nothing that was expunged is forgotten; `None`: no export needs any.
pub(crate) fn pinned_since(state: &AccountState, now: Timestamp) -> Option<Timestamp> {
    let standing = state.pins.iter().filter(|pin| pin.until_ms > now.0);
    standing.map(|pin| pin.since_ms).min().map(Timestamp)
}

impl ExportLease {
    /// Pins an account, and prolongs a pin that is there. `NotFound`: the account has no mail, and never had.
    pub async fn pin(&self, account: AccountId) -> Result<()> {
        let (accounts, tenant, job) = (self.accounts(), self.tenant(), self.job());
        unit_of_work!(accounts, &[account], accounts.op(), work => {
            let now = work.now();
            let mut txn = TenantTxn::new(work.txn(), tenant);
            let Some(mut state) = state(&mut txn, account).await? else { return Ok(()) };
            let since_ms = now.0.saturating_sub(EXPORT_PIN_MARGIN_MS);
            let until_ms = now.0.saturating_add(EXPORT_PIN_MS_MAX);
            state.pins.retain(|pin| pin.until_ms > now.0 || pin.job == job.0);
            match state.pins.iter_mut().find(|pin| pin.job == job.0) {
                Some(pin) => pin.until_ms = until_ms,
                None => state.pins.push(PinMark { job: job.0, since_ms, until_ms }),
            }
            txn.set(&keys::state(account), &record::encode(&state));
            Ok(())
        })
    }

    /// Whether an account is still pinned for this export: if not, what was expunged meanwhile may be gone.
    pub async fn is_pinned(&self, account: AccountId) -> Result<bool> {
        let mut txn = self.accounts().0.kv.begin_read();
        let state = state(&mut TenantTxn::new(&mut *txn, self.tenant()), account).await?;
        let (now, job) = (self.accounts().clock().now(), self.job());
        Ok(state.is_none_or(|state| state.pins.iter().any(|pin| pin.job == job.0 && pin.until_ms > now.0)))
    }

    /// Lets go of an account.
    pub async fn unpin(&self, account: AccountId) -> Result<()> {
        let (accounts, tenant, job) = (self.accounts(), self.tenant(), self.job());
        unit_of_work!(accounts, &[account], accounts.op(), work => {
            let mut txn = TenantTxn::new(work.txn(), tenant);
            let Some(mut state) = state(&mut txn, account).await? else { return Ok(()) };
            let before = state.pins.len();
            state.pins.retain(|pin| pin.job != job.0);
            if state.pins.len() != before {
                txn.set(&keys::state(account), &record::encode(&state));
            }
            Ok(())
        })
    }
}

async fn state(txn: &mut TenantTxn<'_>, account: AccountId) -> Result<Option<AccountState>> {
    txn.get(&keys::state(account)).await?.map(|bytes| record::decode(&bytes, "account state")).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_pin_that_stands_counts() {
        let pin = |job, since_ms, until_ms| PinMark { job, since_ms, until_ms };
        let pins = |pins: &[PinMark]| AccountState { pins: pins.to_vec(), ..AccountState::default() };
        assert_eq!(pinned_since(&pins(&[]), Timestamp(10)), None);
        assert_eq!(pinned_since(&pins(&[pin(1, 5, 10)]), Timestamp(10)), None);
        let several = pins(&[pin(1, 2, 10), pin(2, 7, 20), pin(3, 5, 20)]);
        assert_eq!(pinned_since(&several, Timestamp(9)), Some(Timestamp(2)));
        assert_eq!(pinned_since(&several, Timestamp(10)), Some(Timestamp(5)));
    }
}
