//! SUMMARY    The storage pool of a tenant with a limit: exact under concurrency, by leases of its shards.
//! LIMITS     POOL_SHARDS, POOL_LEASE_BYTES_MAX, POOL_LEASE_BYTES_MIN, POOL_FREED_BYTES_MAX
//! INVARIANTS reserved = used bytes + Σ over the leases of (unspent + freed), at every commit. Nothing is leased beyond the limit, so
//!            what is spent from a lease is within it. A charge is refused only after every lease was taken back in the same
//!            transaction: then the pool has no room. Pool and leases are made for one version of the entitlement, which each charge
//!            reads with a conflict; under another version they are void, and made anew from the used bytes.
//!            A tenant without a limit has none: its writes meet nowhere.

use crate::{
    Error, Result,
    control::counter,
    keys,
    quota::{Crossing, Fill, alarm_below_zero},
    record::{self, LeaseRecord, PoolRecord},
    txn::TenantTxn,
    work::{Charge, Work},
};
use base::{
    AccountId, Kind, TenantId, Timestamp,
    limits::{POOL_FREED_BYTES_MAX, POOL_LEASE_BYTES_MAX, POOL_LEASE_BYTES_MIN, POOL_SHARDS},
};
use control::EntitlementSnapshot;
use store::kv::Read;

/// What the entitlement allows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    /// Version of the entitlement + 1: never that of a void pool.
    pub(crate) version: u64,
    /// Bytes that users may fill.
    pub(crate) limit: i64,
    /// Bytes that incoming mail may fill: limit and grace.
    pub(crate) ceiling: i64,
}

impl Terms {
    /// `None`: the tenant has no limit.
    pub(crate) fn of(entitlement: &EntitlementSnapshot) -> Option<Terms> {
        let limit = bytes(entitlement.storage_bytes_max?);
        let ceiling = with_grace(limit, entitlement.storage_grace_bytes);
        Some(Terms { version: entitlement.version.saturating_add(1), limit, ceiling })
    }

    fn bound(&self, charge: Charge) -> i64 {
        match charge {
            Charge::Incoming => self.ceiling,
            Charge::Own | Charge::Notice => self.limit,
        }
    }

    /// What is leased ahead when the pool has so much room: less and less towards the end, at last nothing.
    fn lease(room: i64) -> i64 {
        let share = room / (4 * i64::from(POOL_SHARDS));
        if share < POOL_LEASE_BYTES_MIN { 0 } else { share.min(POOL_LEASE_BYTES_MAX) }
    }
}

/// A limit as the counters count.
pub(crate) fn bytes(limit: u64) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// What incoming mail may fill. Zero means zero: no grace either.
pub(crate) fn with_grace(limit: i64, grace: u64) -> i64 {
    if limit == 0 { 0 } else { limit.saturating_add(bytes(grace)) }
}

/// What became of a charge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    Charged,
    /// `since`: how long incoming mail finds no room; not asked for what users store.
    Full {
        since: Option<Timestamp>,
    },
}

/// The pool of one tenant as a unit of work has it.
pub(crate) struct Pool {
    terms: Terms,
    shard: u16,
    /// `None`: void, until the pool is made for this version.
    lease: Option<LeaseRecord>,
    lease_changed: bool,
    /// `None`: not asked.
    record: Option<PoolRecord>,
    record_changed: bool,
}

impl Pool {
    /// Takes from the lease; whether it was enough.
    fn spend(&mut self, bytes: i64) -> bool {
        match &mut self.lease {
            Some(lease) if lease.unspent >= bytes => {
                lease.unspent -= bytes;
                self.lease_changed = true;
                true
            }
            Some(_) | None => false,
        }
    }

    /// Gives the shard's own lease back to the pool; gives what is reserved without it.
    fn fold(&mut self) -> i64 {
        let lease = self.lease.get_or_insert(LeaseRecord { version: self.terms.version, ..LeaseRecord::default() });
        let back = lease.unspent + lease.freed;
        (lease.unspent, lease.freed) = (0, 0);
        let record = self.record.get_or_insert_default();
        record.reserved -= back;
        (self.lease_changed, self.record_changed) = (true, true);
        record.reserved
    }

    /// Reserves `bytes` and leases some more, if that is within the limit.
    fn reserve(&mut self, bytes: i64) -> bool {
        let (Some(record), Some(lease)) = (&mut self.record, &mut self.lease) else { return false };
        let room = self.terms.limit.saturating_sub(record.reserved).saturating_sub(bytes);
        if room < 0 {
            return false;
        }
        let ahead = Terms::lease(room);
        record.reserved += bytes + ahead;
        lease.unspent += ahead;
        true
    }
}

/// Makes a pool and its leases void: the next charge makes them anew from the used bytes. Gives what its record is then.
pub(crate) async fn void(txn: &mut TenantTxn<'_>) -> Result<PoolRecord> {
    let Some(stored) = txn.get(&keys::pool()).await? else { return Ok(PoolRecord::default()) };
    let record = PoolRecord { version: 0, ..record::decode(&stored, "pool")? };
    txn.set(&keys::pool(), &record::encode(&record));
    txn.clear_range(&keys::pool_leases());
    Ok(record)
}

impl Work {
    /// Charges the tenant's pool; what became of it. Several charges and frees of one unit of work meet one shard.
    pub(crate) async fn take_from_pool(
        &mut self,
        (tenant, account): (TenantId, AccountId),
        entitlement: &EntitlementSnapshot,
        bytes: i64,
        charge: Charge,
    ) -> Result<Taken> {
        let Some(terms) = Terms::of(entitlement) else { return Ok(Taken::Charged) };
        let mut pool = self.open_pool(tenant, account, terms).await?;
        let taken = match pool.spend(bytes) {
            true => Taken::Charged,
            false => self.draw_and_tell(tenant, &mut pool, bytes, charge).await?,
        };
        self.pools.insert(tenant, pool);
        Ok(taken)
    }

    /// Gives bytes back that were freed: to the shard, and from there to the pool when it has many.
    pub(crate) async fn free_to_pool(
        &mut self,
        (tenant, account): (TenantId, AccountId),
        entitlement: &EntitlementSnapshot,
        bytes: i64,
    ) -> Result<()> {
        let Some(terms) = Terms::of(entitlement) else { return Ok(()) };
        let mut pool = self.open_pool(tenant, account, terms).await?;
        // A void lease: the pool will be made from the used bytes, which are told of this.
        if let Some(lease) = &mut pool.lease {
            lease.freed += bytes;
            pool.lease_changed = true;
            if lease.freed > POOL_FREED_BYTES_MAX {
                self.ask(tenant, &mut pool).await?;
                pool.fold();
                self.tell_of_pool(tenant, &mut pool, 0, false).await?;
            }
        }
        self.pools.insert(tenant, pool);
        Ok(())
    }

    async fn open_pool(&mut self, tenant: TenantId, account: AccountId, terms: Terms) -> Result<Pool> {
        if let Some(pool) = self.pools.remove(&tenant) {
            return Ok(pool);
        }
        let shard = (account.0 % u64::from(POOL_SHARDS)) as u16;
        let stored = TenantTxn::new(self.txn(), tenant).get(&keys::pool_lease(shard)).await?;
        let lease: Option<LeaseRecord> = stored.map(|b| record::decode(&b, "pool lease")).transpose()?;
        let lease = lease.filter(|lease| lease.version == terms.version);
        let mut pool = Pool { terms, shard, lease, lease_changed: false, record: None, record_changed: false };
        if pool.lease.is_none() {
            // A shard that was not used yet, or a pool that was not made yet; whoever makes it meets this read.
            self.ask(tenant, &mut pool).await?;
            if pool.record.is_some_and(|record| record.version == terms.version) {
                pool.lease = Some(LeaseRecord { version: terms.version, ..LeaseRecord::default() });
            }
        }
        Ok(pool)
    }

    /// Reads the pool's record, if it was not read yet.
    async fn ask(&mut self, tenant: TenantId, pool: &mut Pool) -> Result<()> {
        if pool.record.is_none() {
            let stored = TenantTxn::new(self.txn(), tenant).get(&keys::pool()).await?;
            pool.record = Some(stored.map(|b| record::decode(&b, "pool")).transpose()?.unwrap_or_default());
        }
        Ok(())
    }

    /// Charges the pool itself; remembers since when there is no room, and tells of what was crossed.
    async fn draw_and_tell(&mut self, tenant: TenantId, pool: &mut Pool, bytes: i64, charge: Charge) -> Result<Taken> {
        let charged = self.draw(tenant, pool, bytes, charge).await?;
        let now = self.now();
        let Some(record) = pool.record.as_mut() else { return Err(Error::corrupt("a pool without a record")) };
        alarm_below_zero("pool", tenant, None, record.reserved);
        let is_over = record.reserved > pool.terms.limit || !charged;
        if charge == Charge::Incoming && is_over && record.over_since_ms == 0 {
            (record.over_since_ms, pool.record_changed) = (now.0, true);
        } else if !is_over {
            record.over_since_ms = 0;
        }
        let since = (charge == Charge::Incoming).then_some(Timestamp(record.over_since_ms));
        let (more, refused) = if charged { (bytes, false) } else { (0, charge == Charge::Incoming) };
        self.tell_of_pool(tenant, pool, more, refused).await?;
        Ok(if charged { Taken::Charged } else { Taken::Full { since } })
    }

    /// Tells the control plane when a threshold of the pool was crossed. Looked at whenever the pool is asked; `more`: what was
    /// charged and is not owed yet.
    async fn tell_of_pool(&mut self, tenant: TenantId, pool: &mut Pool, more: i64, refused: bool) -> Result<()> {
        let stored = TenantTxn::new(self.txn(), tenant).get_snapshot(&keys::tenant_used_bytes()).await?;
        let used = counter(stored.as_deref()) + self.owed_bytes(tenant) + more;
        alarm_below_zero("tenant", tenant, None, used);
        let fill = Fill { used, limit: pool.terms.limit, refused };
        let Some(record) = pool.record.as_mut() else { return Ok(()) };
        let Some(crossing) = fill.crossing(record.quota_told) else { return Ok(()) };
        record.quota_told = match crossing {
            Crossing::Reached(percent) => percent,
            Crossing::Relieved => 0,
        };
        pool.record_changed = true;
        self.note_event(tenant, None, fill.event(crossing)).await
    }

    /// Charges the pool itself: within the limit if it has room, else with everything that was leased taken back.
    async fn draw(&mut self, tenant: TenantId, pool: &mut Pool, bytes: i64, charge: Charge) -> Result<bool> {
        self.ask(tenant, pool).await?;
        if pool.record.is_none_or(|record| record.version != pool.terms.version) {
            self.establish(tenant, pool).await?;
        }
        pool.fold();
        if pool.reserve(bytes) {
            return Ok(true);
        }
        self.take_back(tenant, pool).await?;
        if pool.reserve(bytes) {
            return Ok(true);
        }
        let bound = pool.terms.bound(charge);
        let Some(record) = pool.record.as_mut().filter(|r| r.reserved.saturating_add(bytes) <= bound) else {
            return Ok(false);
        };
        record.reserved += bytes;
        Ok(true)
    }

    /// Makes the pool from the used bytes: its first charge under this version of the entitlement.
    async fn establish(&mut self, tenant: TenantId, pool: &mut Pool) -> Result<()> {
        self.need_pool_lane(tenant)?;
        let mut txn = TenantTxn::new(self.txn(), tenant);
        let used = counter(txn.get(&keys::tenant_used_bytes()).await?.as_deref());
        txn.clear_range(&keys::pool_leases());
        let record = pool.record.get_or_insert_default();
        record.version = pool.terms.version;
        record.reserved = used + self.owed_bytes(tenant);
        pool.lease = Some(LeaseRecord { version: pool.terms.version, ..LeaseRecord::default() });
        (pool.lease_changed, pool.record_changed) = (true, true);
        Ok(())
    }

    /// Takes back what the other shards have: then the pool reserves what is used, and no more.
    async fn take_back(&mut self, tenant: TenantId, pool: &mut Pool) -> Result<()> {
        self.need_pool_lane(tenant)?;
        let mut txn = TenantTxn::new(self.txn(), tenant);
        let mut back = 0;
        for (key, value) in txn.all(&keys::pool_leases(), Read::Serializable).await? {
            let lease: LeaseRecord = record::decode(&value, "pool lease")?;
            if keys::decode_pool_lease(&key) == Some(pool.shard) {
                continue;
            }
            if lease.version == pool.terms.version {
                back += lease.unspent + lease.freed;
            }
            txn.clear(&key);
        }
        if let Some(record) = pool.record.as_mut() {
            record.reserved -= back;
        }
        Ok(())
    }

    /// Writers that need the whole pool take turns on this node: without the lane the attempt is begun again with it.
    fn need_pool_lane(&mut self, tenant: TenantId) -> Result<()> {
        if self.pool_lanes.contains(&tenant) {
            return Ok(());
        }
        self.pool_wanted = Some(tenant);
        Err(Error::new(Kind::Unavailable, "the pool's lane is not held"))
    }

    /// Tenants whose pools this unit of work asked: what others may have changed meanwhile.
    pub(crate) fn pools_asked(&self) -> Vec<TenantId> {
        self.pools.iter().filter(|(_, pool)| pool.record.is_some()).map(|(tenant, _)| *tenant).collect()
    }

    /// Writes what changed; part of `finish`.
    pub(crate) fn write_pools(&mut self) {
        for (tenant, pool) in std::mem::take(&mut self.pools) {
            let mut txn = TenantTxn::new(self.txn(), tenant);
            if let Some(lease) = pool.lease.filter(|_| pool.lease_changed) {
                txn.set(&keys::pool_lease(pool.shard), &record::encode(&lease));
            }
            if let Some(record) = pool.record.filter(|_| pool.record_changed) {
                txn.set(&keys::pool(), &record::encode(&record));
            }
        }
    }
}

#[cfg(test)]
mod tests;
