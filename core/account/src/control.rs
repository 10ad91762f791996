//! SUMMARY    The data plane's side of the contract: stores snapshots iff their version is higher.
//! INVARIANTS One batch, one transaction. A tenant's data key is made with its first entitlement. Returns after the commit is
//!            durable; sessions of the accounts concerned are nudged so that they ask for their standing again.

use crate::{
    Accounts, Error, Result, keys,
    record::{self, SnapshotRecord},
    txn::{SystemTxn, TenantTxn},
    unit_of_work,
    work::Work,
};
use base::{AccountId, Kind, TenantId};
use control::{
    Change, Control, ControlError, ControlFuture, Erasure, ErasureOrder, Event, Hello, QueueActed, QueueAsked,
    QueueOrder, QueuePage, Usage,
};
use serde::Serialize;
use store::kv::KvTxn;

/// Changes of one batch.
const BATCH_CHANGES_MAX: usize = 10_000;
/// Changes stored by one transaction; a larger batch is applied in several, in order.
const CHANGES_PER_WORK: usize = 1_000;

impl Control for Accounts {
    fn hello(&self) -> ControlFuture<'_, Hello> {
        Box::pin(async move { self.hello_now().await.map_err(refused) })
    }

    fn apply(&self, batch: Vec<Change>) -> ControlFuture<'_, ()> {
        Box::pin(async move {
            if batch.len() > BATCH_CHANGES_MAX {
                return Err(ControlError::Invalid("limit BATCH_CHANGES_MAX".into()));
            }
            for part in batch.chunks(CHANGES_PER_WORK) {
                self.apply_part(part).await.map_err(refused)?;
            }
            Ok(())
        })
    }

    fn usage(&self, tenant: TenantId) -> ControlFuture<'_, Usage> {
        Box::pin(async move {
            let mut txn = self.0.kv.begin_read();
            tenant_usage(&mut *txn, tenant).await.map_err(refused)
        })
    }

    fn account_usage(&self, tenant: TenantId, account: AccountId) -> ControlFuture<'_, Usage> {
        Box::pin(async move {
            let mut txn = self.0.kv.begin_read();
            account_usage(&mut *txn, tenant, account).await.map_err(refused)
        })
    }

    fn usages(&self, tenants: Vec<TenantId>) -> ControlFuture<'_, Vec<Usage>> {
        Box::pin(async move {
            let mut txn = self.0.kv.begin_read();
            let mut all = Vec::with_capacity(tenants.len());
            for tenant in tenants {
                all.push(tenant_usage(&mut *txn, tenant).await.map_err(refused)?);
            }
            Ok(all)
        })
    }

    fn account_usages(&self, accounts: Vec<(TenantId, AccountId)>) -> ControlFuture<'_, Vec<Usage>> {
        Box::pin(async move {
            let mut txn = self.0.kv.begin_read();
            let mut all = Vec::with_capacity(accounts.len());
            for (tenant, account) in accounts {
                all.push(account_usage(&mut *txn, tenant, account).await.map_err(refused)?);
            }
            Ok(all)
        })
    }

    fn events(&self, after: u64, limit: u32) -> ControlFuture<'_, Vec<Event>> {
        Box::pin(async move { self.events_after(after, limit).await.map_err(refused) })
    }

    fn queue(&self, asked: QueueAsked) -> ControlFuture<'_, QueuePage> {
        Box::pin(async move { self.queue_page(&asked).await.map_err(refused) })
    }

    fn erase(&self, order: ErasureOrder) -> ControlFuture<'_, Erasure> {
        Box::pin(async move { self.begin_erasure(&order).await.map_err(refused) })
    }

    fn erasure(&self, tenant: TenantId) -> ControlFuture<'_, Option<Erasure>> {
        Box::pin(async move { self.erasure_of(tenant).await.map_err(refused) })
    }

    fn prove_erasure(&self, tenant: TenantId, statement: String) -> ControlFuture<'_, String> {
        Box::pin(async move { self.erasure_proof(tenant, &statement).await.map_err(refused) })
    }

    fn queue_act(&self, order: QueueOrder) -> ControlFuture<'_, QueueActed> {
        Box::pin(async move { self.queue_acted(&order).await.map_err(refused) })
    }
}

async fn tenant_usage(txn: &mut dyn KvTxn, tenant: TenantId) -> Result<Usage> {
    let mut txn = TenantTxn::new(txn, tenant);
    let used_bytes = counter(txn.get(&keys::tenant_used_bytes()).await?.as_deref());
    let emails = counter(txn.get(&keys::tenant_emails()).await?.as_deref());
    let recipients_out = counter(txn.get(&keys::tenant_recipients_out()).await?.as_deref());
    Ok(Usage { used_bytes, emails, recipients_out })
}

async fn account_usage(txn: &mut dyn KvTxn, tenant: TenantId, account: AccountId) -> Result<Usage> {
    let Some(stored) = TenantTxn::new(txn, tenant).get(&keys::state(account)).await? else {
        return Ok(Usage::default());
    };
    let state: record::AccountState = record::decode(&stored, "account state")?;
    Ok(Usage { used_bytes: state.used_bytes, emails: state.emails, recipients_out: 0 })
}

fn refused(e: Error) -> ControlError {
    match e.kind {
        Kind::Invalid | Kind::LimitExceeded => ControlError::Invalid(e.to_string()),
        _ => ControlError::Unavailable(e.to_string()),
    }
}

fn store_id(stored: &[u8]) -> Result<u64> {
    stored.try_into().map(u64::from_be_bytes).map_err(|_| Error::corrupt("id of the store"))
}

/// A little-endian i64 counter; missing = 0.
pub(crate) fn counter(stored: Option<&[u8]>) -> i64 {
    stored.and_then(|b| b.try_into().ok()).map_or(0, i64::from_le_bytes)
}

impl Accounts {
    async fn hello_now(&self) -> Result<Hello> {
        let mut txn = self.0.kv.begin_read();
        let mut system = SystemTxn::new(&mut *txn);
        let applied = counter(system.get(&keys::system_applied()).await?.as_deref());
        let store = match system.get(&keys::system_store()).await? {
            Some(stored) => store_id(&stored)?,
            None => self.name_store().await?,
        };
        Ok(Hello { store, applied: u64::try_from(applied).unwrap_or(0) })
    }

    /// Gives the store its number, once and for all.
    async fn name_store(&self) -> Result<u64> {
        let fresh = self.rng().next_u64().max(1);
        unit_of_work!(self, &[], self.op(), work => {
            let mut system = SystemTxn::new(work.txn());
            match system.get(&keys::system_store()).await? {
                Some(stored) => store_id(&stored),
                None => {
                    system.set(&keys::system_store(), &fresh.to_be_bytes())?;
                    Ok(fresh)
                }
            }
        })
    }

    async fn apply_part(&self, part: &[Change]) -> Result<()> {
        unit_of_work!(self, &[], self.op(), work => {
            for change in part {
                work.apply_change(change).await?;
            }
            SystemTxn::new(work.txn()).add(&keys::system_applied(), 1)?;
            Ok(())
        })?;
        for change in part {
            match change {
                Change::Account(a) => self.hub().nudge(a.tenant, a.id),
                Change::Entitlement(e) => self.hub().nudge_tenant(e.tenant),
                Change::Domain(_) | Change::Address(_) => {}
            }
        }
        Ok(())
    }
}

impl Work {
    async fn apply_change(&mut self, change: &Change) -> Result<()> {
        let tenant = match change {
            Change::Entitlement(e) => e.tenant,
            Change::Domain(d) => d.tenant,
            Change::Address(a) => a.tenant,
            Change::Account(a) => a.tenant,
        };
        // What is still told of an erased tenant has nothing to be about.
        if self.is_erased(tenant).await? {
            return Ok(());
        }
        match change {
            Change::Entitlement(e) => {
                self.ensure_data_key(e.tenant).await?;
                self.put_system(&keys::system_entitlement(e.tenant), e.version, e).await
            }
            Change::Domain(d) => self.put_domain(d).await,
            Change::Address(a) => self.put_system(&keys::system_address(&a.domain, &a.local), a.version, a).await,
            Change::Account(a) => {
                self.ensure_data_key(a.tenant).await?;
                let key = keys::profile(a.id);
                let stored = TenantTxn::new(self.txn(), a.tenant).get(&key).await?;
                if let Some(value) = newer(stored.as_deref(), a.version, a)? {
                    TenantTxn::new(self.txn(), a.tenant).set(&key, &value);
                }
                Ok(())
            }
        }
    }

    async fn put_system<V: Serialize>(&mut self, key: &[u8], version: u64, value: &V) -> Result<()> {
        let mut txn = SystemTxn::new(self.txn());
        let stored = txn.get(key).await?;
        if let Some(value) = newer(stored.as_deref(), version, value)? {
            txn.set(key, &value)?;
        }
        Ok(())
    }
}

/// The record to store, or `None` when the stored one is not older.
pub(crate) fn newer<V: Serialize>(stored: Option<&[u8]>, version: u64, value: &V) -> Result<Option<Vec<u8>>> {
    if let Some(stored) = stored {
        let known: SnapshotRecord = record::decode(stored, "snapshot")?;
        if known.version >= version {
            return Ok(None);
        }
    }
    let body = serde_json::to_vec(value).map_err(|e| Error::new(Kind::Invalid, e.to_string()))?;
    Ok(Some(record::encode(&SnapshotRecord { version, body })))
}
