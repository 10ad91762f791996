//! SUMMARY    A tenant's storage pool against its used bytes and its leases, in one version.

use super::Check;
use crate::{
    Accounts, Result,
    control::counter,
    keys,
    pool::Terms,
    record::{self, LeaseRecord, PoolRecord},
    txn::TenantTxn,
};
use base::TenantId;
use store::kv::Read;

impl Check<'_> {
    /// What is reserved = used + leased; nothing is leased beyond the limit.
    pub(super) async fn pool(&mut self) -> Result<()> {
        if let Some(what) = pool_wrong(self.accounts, self.tenant).await? {
            self.wrong(None, what);
        }
        Ok(())
    }
}

/// What is reserved, and what it must be: used + leased. `None`: there is no pool.
pub(super) async fn counted(accounts: &Accounts, tenant: TenantId) -> Result<Option<(i64, i64)>> {
    Ok(seen(accounts, tenant)
        .await?
        .filter(|s| s.record.version == s.terms.version)
        .map(|s| (s.record.reserved, s.used + s.unspent + s.freed)))
}

/// A pool in one version.
#[derive(Debug)]
struct Seen {
    terms: Terms,
    record: PoolRecord,
    used: i64,
    unspent: i64,
    freed: i64,
    leases: usize,
    below_zero: bool,
}

async fn seen(accounts: &Accounts, tenant: TenantId) -> Result<Option<Seen>> {
    let mut txn = accounts.0.kv.begin_read();
    let entitlement = accounts.entitlement_as(&mut *txn, tenant, Read::Snapshot).await?;
    let Some(terms) = entitlement.as_deref().and_then(Terms::of) else { return Ok(None) };
    let mut txn = TenantTxn::new(&mut *txn, tenant);
    let used = counter(txn.get_snapshot(&keys::tenant_used_bytes()).await?.as_deref());
    let stored = txn.get_snapshot(&keys::pool()).await?;
    let record: PoolRecord = stored.map(|b| record::decode(&b, "pool")).transpose()?.unwrap_or_default();
    let mut seen = Seen { terms, record, used, unspent: 0, freed: 0, leases: 0, below_zero: false };
    for (_, value) in txn.all(&keys::pool_leases(), Read::Snapshot).await? {
        let lease: LeaseRecord = record::decode(&value, "pool lease")?;
        if lease.version == terms.version {
            seen.leases += 1;
            seen.unspent += lease.unspent;
            seen.freed += lease.freed;
            seen.below_zero |= lease.unspent < 0 || lease.freed < 0;
        }
    }
    Ok(Some(seen))
}

async fn pool_wrong(accounts: &Accounts, tenant: TenantId) -> Result<Option<String>> {
    let Some(seen) = seen(accounts, tenant).await? else { return Ok(None) };
    let (record, terms) = (seen.record, seen.terms);
    let wrong = if record.version == terms.version {
        let sum = seen.used + seen.unspent + seen.freed;
        seen.below_zero || record.reserved != sum || (seen.unspent > 0 && record.reserved > terms.limit)
    } else {
        seen.leases > 0
    };
    Ok(wrong.then(|| format!("the pool does not agree with its leases: {seen:?}")))
}
