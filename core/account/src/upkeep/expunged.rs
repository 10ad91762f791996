//! SUMMARY    Expunged emails are forgotten when their days are over, or when their mailbox has no room for them.
//! LIMITS     EXPUNGED_FORGOTTEN_MAX
//! INVARIANTS What is held stays, and what an export needs. Each email goes with its counters in one transaction; may be cut off anywhere.

use super::{Upkeep, job::Held, next_account};
use crate::{
    Error, Result, Standing,
    export::pinned_since,
    keys,
    record::{self, AccountState},
    scope::{AccountScope, Owner},
    txn::TenantTxn,
    unit_of_work,
    work::{ExpungedId, keep_limit, keeps_expunged, kept_since},
};
use base::{AccountId, Kind, TenantId, Timestamp, limits::EXPUNGED_FORGOTTEN_MAX};
use store::kv::{KeyRange, PageLimit, Read};

/// Accounts after which the place is noted.
const NOTED_EVERY: usize = 100;

impl Upkeep {
    /// Forgets what is over in every account; gives how many emails.
    pub(super) async fn forget(&self, held: &Held<'_>) -> Result<u64> {
        let record = held.read().await?;
        let first = (TenantId(record.tenant), AccountId(record.account));
        let (mut forgotten, mut seen) = (0, 0);
        for tenant in self.tenants_from(first.0).await? {
            let mut last = (tenant == first.0 && first.1.0 > 0).then_some(first.1);
            while let Some(account) = next_account(&self.accounts, tenant, last).await? {
                forgotten += self.forget_in(tenant, account).await?;
                last = Some(account);
                seen += 1;
                if seen % NOTED_EVERY == 0 {
                    held.reached(tenant, last).await?;
                    self.rest().await;
                }
            }
        }
        Ok(forgotten)
    }

    async fn forget_in(&self, tenant: TenantId, account: AccountId) -> Result<u64> {
        let mut forgotten = 0;
        loop {
            let Some((standing, state)) = self.keeper(tenant, account).await? else { return Ok(forgotten) };
            let (range, beyond) = match (keep_limit(&standing), keeps_expunged(&standing)) {
                (None, true) => return Ok(forgotten),
                (_, false) => (keys::all_expunged(account), i64::MAX),
                (Some(limit), true) => {
                    let since = kept_since(&standing, self.accounts.clock().now()).unwrap_or(Timestamp(0));
                    let over = Timestamp(since.0.saturating_sub(1));
                    let beyond = state.used_bytes.saturating_add(state.expunged_bytes).saturating_sub(limit);
                    match beyond > 0 && state.expunged_bytes > 0 {
                        true => (keys::all_expunged(account), beyond),
                        false => (keys::expunged_until(account, over), i64::MAX),
                    }
                }
            };
            let range = before_pins(range, account, &state, self.accounts.clock().now());
            match self.forget_some(tenant, account, &range, beyond).await? {
                0 => return Ok(forgotten),
                some => forgotten += some,
            }
            self.rest().await;
        }
    }

    /// Forgets every expunged email of a purged account.
    pub(super) async fn forget_all(&self, tenant: TenantId, account: AccountId) -> Result<u64> {
        let mut forgotten = 0;
        loop {
            match self.forget_some(tenant, account, &keys::all_expunged(account), i64::MAX).await? {
                0 => return Ok(forgotten),
                some => forgotten += some,
            }
            self.rest().await;
        }
    }

    /// How an account stands that keeps something.
    async fn keeper(&self, tenant: TenantId, account: AccountId) -> Result<Option<(Standing, AccountState)>> {
        let mut txn = self.accounts.0.kv.begin_read();
        let state = TenantTxn::new(&mut *txn, tenant).get_snapshot(&keys::state(account)).await?;
        let Some(state) = state else { return Ok(None) };
        let state: AccountState = record::decode(&state, "account state")?;
        if state.expunged_emails == 0 {
            return Ok(None);
        }
        let standing = self.accounts.standing_in(&mut *txn, tenant, account).await?;
        Ok(standing.map(|standing| (standing, state)))
    }

    /// The oldest of `range`, one transaction of them, until `bytes` went; gives how many.
    async fn forget_some(&self, tenant: TenantId, account: AccountId, range: &KeyRange, bytes: i64) -> Result<u64> {
        let chosen = self.oldest(tenant, range, bytes).await?;
        if chosen.is_empty() {
            return Ok(0);
        }
        let accounts = &self.accounts;
        unit_of_work!(accounts, &[account], accounts.op(), work => {
            let mut opened = work.account(&AccountScope::<Owner>::issue(tenant, account)).await?;
            for id in &chosen {
                match opened.forget_expunged(*id).await {
                    // Brought back meanwhile.
                    Err(e) if e.kind == Kind::NotFound => {}
                    forgotten => forgotten?,
                }
            }
            Ok(())
        })?;
        Ok(chosen.len() as u64)
    }

    async fn oldest(&self, tenant: TenantId, range: &KeyRange, mut bytes: i64) -> Result<Vec<ExpungedId>> {
        let mut txn = self.accounts.0.kv.begin_read();
        let limit = PageLimit::rows(EXPUNGED_FORGOTTEN_MAX);
        let page = TenantTxn::new(&mut *txn, tenant).page(range, limit, Read::Snapshot).await?;
        let mut chosen = Vec::with_capacity(page.rows.len());
        for (key, value) in &page.rows {
            if bytes <= 0 {
                break;
            }
            let kept: record::ExpungedRecord = record::decode(value, "expunged email")?;
            bytes = bytes.saturating_sub(i64::from(kept.size).max(1));
            let (at, email) = keys::decode_expunged(key).ok_or_else(|| Error::corrupt("key of an expunged email"))?;
            chosen.push(ExpungedId { at, email });
        }
        Ok(chosen)
    }
}

/// What of a range was expunged before any export that is under way.
fn before_pins(range: KeyRange, account: AccountId, state: &AccountState, now: Timestamp) -> KeyRange {
    let Some(since) = pinned_since(state, now) else { return range };
    let before = keys::expunged_until(account, Timestamp(since.0.saturating_sub(1)));
    KeyRange { from: range.from, to: range.to.min(before.to) }
}
