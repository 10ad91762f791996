//! SUMMARY    What quotas count against what is stored: the drift, which is always zero, and its repair.
//! LIMITS     VERIFY_ATTEMPTS_MAX
//! INVARIANTS Looking repairs nothing. A repair adds the difference that was counted: mail that comes and goes meanwhile changes counter
//!            and sum alike, so it stays right. Two repairs never add it twice: each raises a number that the other has read.
//!            Mailbox and tenant are repaired in one transaction; the pool is made anew from the used bytes.

use super::{
    VERIFY_ATTEMPTS_MAX,
    sum::{Counted, Steady, Totals, Unsteady, total},
};
use crate::{
    Accounts, Error, Result, keys,
    pool::void,
    record::{self, AccountState, EmailRecord, PoolRecord},
    scope::{BreakGlass, CanRead, TenantScope},
    txn::TenantTxn,
    unit_of_work,
};
use base::{AccountId, Kind, TenantId};

/// A counter of a quota that does not agree with what is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuotaDrift {
    pub tenant: TenantId,
    /// `None`: the tenant's own counter, or its pool.
    pub account: Option<AccountId>,
    pub counted_bytes: i64,
    pub stored_bytes: i64,
}

impl QuotaDrift {
    pub fn bytes(&self) -> i64 {
        self.stored_bytes - self.counted_bytes
    }
}

/// Bytes and emails that a counter lacks, and the number of the last repair that was seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Lack {
    bytes: i64,
    emails: i64,
    repairs: u32,
}

impl Lack {
    fn is_none(self) -> bool {
        (self.bytes, self.emails) == (0, 0)
    }
}

impl Accounts {
    /// Recounts every mailbox of a tenant and the tenant. Empty: all is as it must be. `Unavailable`: it changes too often.
    pub async fn quota_drift<R: CanRead>(&self, scope: &TenantScope<R>) -> Result<Vec<QuotaDrift>> {
        let (tenant, mut found, mut last) = (scope.tenant(), Vec::new(), None);
        while let Some(account) = crate::upkeep::next_account(self, tenant, last).await? {
            found.extend(self.account_lack(tenant, account).await?.map(|(drift, _)| drift));
            last = Some(account);
        }
        found.extend(self.tenant_lack(tenant).await?.map(|(drift, _)| drift));
        if let Some((counted_bytes, stored_bytes)) = super::pool::counted(self, tenant).await? {
            let drift = QuotaDrift { tenant, account: None, counted_bytes, stored_bytes };
            found.extend(Some(drift).filter(|drift| drift.bytes() != 0));
        }
        Ok(found)
    }

    /// Adds to every counter of a tenant what it lacks; gives what was repaired.
    pub async fn quota_repair(&self, key: &BreakGlass, tenant: TenantId) -> Result<Vec<QuotaDrift>> {
        tracing::warn!(target: "audit", %tenant, reason = key.reason(), "repairing quota counters");
        // Before anything is repaired: every repair makes the pool anew.
        let pool = super::pool::counted(self, tenant).await?.filter(|(counted, stored)| counted != stored);
        let (mut repaired, mut last) = (Vec::new(), None);
        while let Some(account) = crate::upkeep::next_account(self, tenant, last).await? {
            if let Some((drift, lack)) = self.account_lack(tenant, account).await? {
                self.repair_account(tenant, account, lack).await?;
                repaired.push(drift);
            }
            last = Some(account);
        }
        let lack = self.tenant_lack(tenant).await?;
        repaired.extend(lack.as_ref().map(|(drift, _)| drift.clone()));
        repaired.extend(pool.map(|(counted_bytes, stored_bytes)| QuotaDrift {
            tenant,
            account: None,
            counted_bytes,
            stored_bytes,
        }));
        match lack {
            Some((_, lack)) => self.repair_tenant(tenant, Some(lack)).await?,
            None if pool.is_some() => self.repair_tenant(tenant, None).await?,
            None => {}
        }
        Ok(repaired)
    }

    async fn account_lack(&self, tenant: TenantId, account: AccountId) -> Result<Option<(QuotaDrift, Lack)>> {
        for attempt in 0..2 * VERIFY_ATTEMPTS_MAX {
            // An account that changes all the time is made to wait on this node.
            let held = if attempt < VERIFY_ATTEMPTS_MAX { Vec::new() } else { self.lanes(&[account]).await };
            let counted = recount(self, tenant, account).await;
            drop(held);
            match counted {
                Ok(None) => return Ok(None),
                Ok(Some((state, bytes, emails))) => {
                    let (bytes_lacking, emails) = (bytes - state.used_bytes, emails - state.emails);
                    let lack = Lack { bytes: bytes_lacking, emails, repairs: state.repairs };
                    let drift = QuotaDrift {
                        tenant,
                        account: Some(account),
                        counted_bytes: state.used_bytes,
                        stored_bytes: bytes,
                    };
                    return Ok((!lack.is_none()).then_some((drift, lack)));
                }
                Err(Unsteady::Changed) => {}
                Err(Unsteady::Failed(e)) => return Err(e),
            }
        }
        Err(Error::new(Kind::Unavailable, format!("{account} changes too often to be counted")))
    }

    /// What the tenant's counters lack. Over several versions changes that cancel each other out may hide: only what one version
    /// shows, or what is found the same again and again, is one.
    async fn tenant_lack(&self, tenant: TenantId) -> Result<Option<(QuotaDrift, Lack)>> {
        let mut seen = None;
        for _ in 0..2 * VERIFY_ATTEMPTS_MAX {
            let Totals { counted, held, versions, repairs } = match total(self, tenant).await {
                Ok(totals) => totals,
                Err(Unsteady::Changed) => continue,
                Err(Unsteady::Failed(e)) => return Err(e),
            };
            let lack = Lack { bytes: held.0 - counted.0, emails: held.1 - counted.1, repairs };
            if lack.is_none() {
                return Ok(None);
            }
            if versions == 1 || seen == Some(lack) {
                let drift = QuotaDrift { tenant, account: None, counted_bytes: counted.0, stored_bytes: held.0 };
                return Ok(Some((drift, lack)));
            }
            seen = Some(lack);
        }
        Err(Error::new(Kind::Unavailable, format!("{tenant} changes too often to be counted")))
    }

    async fn repair_account(&self, tenant: TenantId, account: AccountId, lack: Lack) -> Result<()> {
        unit_of_work!(self, &[account], self.op(), work => {
            let mut txn = TenantTxn::new(work.txn(), tenant);
            let key = keys::state(account);
            let stored = txn.get(&key).await?.ok_or_else(|| Error::not_found("account state"))?;
            let mut state: AccountState = record::decode(&stored, "account state")?;
            if state.repairs != lack.repairs {
                return Err(repaired_meanwhile());
            }
            state.repairs += 1;
            state.used_bytes += lack.bytes;
            state.emails += lack.emails;
            txn.set(&key, &record::encode(&state));
            txn.add(&keys::tenant_used_bytes(), lack.bytes);
            txn.add(&keys::tenant_emails(), lack.emails);
            void(&mut txn).await.map(|_| ())
        })
    }

    /// Adds what the tenant's counters lack, if anything; the pool is made anew.
    async fn repair_tenant(&self, tenant: TenantId, lack: Option<Lack>) -> Result<()> {
        unit_of_work!(self, &[], self.op(), work => {
            let mut txn = TenantTxn::new(work.txn(), tenant);
            let pool: PoolRecord = void(&mut txn).await?;
            let Some(lack) = lack else { return Ok(()) };
            if pool.repairs != lack.repairs {
                return Err(repaired_meanwhile());
            }
            txn.set(&keys::pool(), &record::encode(&PoolRecord { repairs: pool.repairs + 1, ..pool }));
            txn.add(&keys::tenant_used_bytes(), lack.bytes);
            txn.add(&keys::tenant_emails(), lack.emails);
            Ok(())
        })
    }
}

fn repaired_meanwhile() -> Error {
    Error::new(Kind::Unavailable, "another repair was at it: look again")
}

/// State of an account, and bytes and emails that it holds; `None`: it was not opened yet.
async fn recount(
    accounts: &Accounts,
    tenant: TenantId,
    account: AccountId,
) -> Counted<Option<(AccountState, i64, i64)>> {
    let mut steady = Steady::begin(accounts, tenant, vec![keys::state(account)]).await?;
    let Some(state) = steady.sign(0) else { return Ok(None) };
    let state: AccountState = record::decode(&state, "account state")?;
    let (bytes, emails) = emails_of(&mut steady, account).await?;
    Ok(Some((state, bytes, emails)))
}

/// Bytes that quotas count, and emails.
pub(super) async fn emails_of(steady: &mut Steady<'_>, account: AccountId) -> Counted<(i64, i64)> {
    let (mut bytes, mut emails) = (0, 0);
    steady
        .each(keys::objects(account, keys::EMAIL), |_, value| {
            let email: EmailRecord = record::decode(value, "email")?;
            bytes += email.charged_bytes();
            emails += 1;
            Ok(())
        })
        .await?;
    Ok((bytes, emails))
}

#[cfg(test)]
mod tests;
