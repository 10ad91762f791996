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

async fn pool_wrong(accounts: &Accounts, tenant: TenantId) -> Result<Option<String>> {
    let mut txn = accounts.0.kv.begin_read();
    let entitlement = accounts.entitlement_as(&mut *txn, tenant, Read::Snapshot).await?;
    let Some(terms) = entitlement.as_deref().and_then(Terms::of) else { return Ok(None) };
    let mut txn = TenantTxn::new(&mut *txn, tenant);
    let used = counter(txn.get_snapshot(&keys::tenant_used_bytes()).await?.as_deref());
    let stored = txn.get_snapshot(&keys::pool()).await?;
    let record: PoolRecord = stored.map(|b| record::decode(&b, "pool")).transpose()?.unwrap_or_default();
    let (mut unspent, mut freed) = (0, 0);
    for (_, value) in txn.all(&keys::pool_leases(), Read::Snapshot).await? {
        let lease: LeaseRecord = record::decode(&value, "pool lease")?;
        if lease.version != terms.version {
            continue;
        }
        if record.version != terms.version || lease.unspent < 0 || lease.freed < 0 {
            return Ok(Some(format!("the pool {record:?} has a lease {lease:?}")));
        }
        (unspent, freed) = (unspent + lease.unspent, freed + lease.freed);
    }
    if record.version != terms.version {
        return Ok(None);
    }
    let wrong = record.reserved != used + unspent + freed || (unspent > 0 && record.reserved > terms.limit);
    let leased = (unspent, freed);
    Ok(wrong.then(|| format!("the pool {record:?} of {terms:?} uses {used}, has leased and freed {leased:?}")))
}
