//! SUMMARY    What a tenant and an account may do and use now: the last snapshots of the control plane.
//! INVARIANTS Every door asks `standing`. The control plane is never called: what is stored here is enough.

use crate::{
    Accounts, Error, Result, keys,
    record::{self, SnapshotRecord},
    txn::{SystemTxn, TenantTxn},
};
use base::{AccountId, TenantId};
use bytes::Bytes;
use control::{AccountSnapshot, AddressSnapshot, Capabilities, DomainSnapshot, EntitlementSnapshot};
use parking_lot::RwLock;
use serde::de::DeserializeOwned;
use std::{collections::HashMap, hash::Hash, sync::Arc};
use store::kv::{KvTxn, Read};

/// Parsed snapshots kept; beyond it all are forgotten and parsed again.
const CACHE_ENTRIES_MAX: usize = 50_000;

/// Parsed snapshots by their stored bytes: a hit is only taken when the bytes are the same, so it is never stale.
#[derive(Default)]
pub(crate) struct Snapshots {
    entitlements: Cache<TenantId, EntitlementSnapshot>,
    profiles: Cache<AccountId, AccountSnapshot>,
}

struct Cache<K, V>(RwLock<HashMap<K, (Bytes, Arc<V>)>>);

impl<K, V> Default for Cache<K, V> {
    fn default() -> Self {
        Cache(RwLock::default())
    }
}

impl<K: Eq + Hash, V: DeserializeOwned> Cache<K, V> {
    fn parse(&self, key: K, bytes: &Bytes, what: &'static str) -> Result<Arc<V>> {
        if let Some((known, value)) = self.0.read().get(&key)
            && known == bytes
        {
            return Ok(value.clone());
        }
        let value: Arc<V> = Arc::new(parse_snapshot(bytes, what)?);
        let mut map = self.0.write();
        if map.len() >= CACHE_ENTRIES_MAX {
            map.clear();
        }
        // The stored slice may pin a page of the engine: keep a copy of its own.
        map.insert(key, (Bytes::copy_from_slice(bytes), value.clone()));
        Ok(value)
    }
}

pub(crate) fn parse_snapshot<V: DeserializeOwned>(bytes: &[u8], what: &'static str) -> Result<V> {
    let record: SnapshotRecord = record::decode(bytes, what)?;
    serde_json::from_slice(&record.body).map_err(|e| Error {
        kind: base::Kind::Corrupt,
        context: what.to_owned(),
        source: Some(Box::new(e)),
    })
}

/// What an account may do now, and why not.
#[derive(Debug, Clone)]
pub struct Standing {
    pub capabilities: Capabilities,
    /// Readable reason of what is missing; empty when nothing is.
    pub reason: String,
    pub entitlement: Arc<EntitlementSnapshot>,
    pub profile: Arc<AccountSnapshot>,
}

impl Standing {
    fn new(entitlement: Arc<EntitlementSnapshot>, profile: Arc<AccountSnapshot>) -> Self {
        let mut capabilities = entitlement.capabilities.and(profile.capabilities);
        let mut reason = entitlement.reason.clone();
        if !profile.reason.is_empty() {
            reason = if reason.is_empty() { profile.reason.clone() } else { format!("{reason}; {}", profile.reason) };
        }
        if !profile.live {
            capabilities = Capabilities::NONE;
            reason = "the mailbox was deleted".to_owned();
        }
        Standing { capabilities, reason, entitlement, profile }
    }
}

impl Accounts {
    /// The one question of every door: what may this account do now. `None`: there is no such account.
    pub async fn standing(&self, tenant: TenantId, account: AccountId) -> Result<Option<Standing>> {
        let mut txn = self.0.kv.begin_read();
        self.standing_in(&mut *txn, tenant, account).await
    }

    pub(crate) async fn standing_in(
        &self,
        txn: &mut dyn KvTxn,
        tenant: TenantId,
        account: AccountId,
    ) -> Result<Option<Standing>> {
        self.standing_as(txn, (tenant, account), Read::Snapshot).await
    }

    /// `Read::Serializable`: a change of the standing stops the transaction, so that no write goes by an old limit.
    pub(crate) async fn standing_as(
        &self,
        txn: &mut dyn KvTxn,
        (tenant, account): (TenantId, AccountId),
        read: Read,
    ) -> Result<Option<Standing>> {
        let Some(profile) = TenantTxn::new(txn, tenant).get_as(&keys::profile(account), read).await? else {
            return Ok(None);
        };
        let profile = self.0.snapshots.profiles.parse(account, &profile, "profile")?;
        let Some(entitlement) = self.entitlement_as(txn, tenant, read).await? else { return Ok(None) };
        Ok(Some(Standing::new(entitlement, profile)))
    }

    /// What a tenant may use; `None` before its first snapshot came.
    pub(crate) async fn entitlement_as(
        &self,
        txn: &mut dyn KvTxn,
        tenant: TenantId,
        read: Read,
    ) -> Result<Option<Arc<EntitlementSnapshot>>> {
        let stored = SystemTxn::new(txn).get_as(&keys::system_entitlement(tenant), read).await?;
        stored.map(|bytes| self.0.snapshots.entitlements.parse(tenant, &bytes, "entitlement")).transpose()
    }

    /// The snapshot of a domain, if the control plane sent one.
    pub(crate) async fn domain_in(&self, txn: &mut dyn KvTxn, domain: &str) -> Result<Option<DomainSnapshot>> {
        let stored = SystemTxn::new(txn).get_snapshot(&keys::system_domain(domain)).await?;
        stored.map(|bytes| parse_snapshot(&bytes, "domain")).transpose()
    }

    /// The snapshot of an address, if the control plane sent one.
    pub(crate) async fn address_in(
        &self,
        txn: &mut dyn KvTxn,
        domain: &str,
        local: &str,
    ) -> Result<Option<AddressSnapshot>> {
        let stored = SystemTxn::new(txn).get_snapshot(&keys::system_address(domain, local)).await?;
        stored.map(|bytes| parse_snapshot(&bytes, "address")).transpose()
    }
}
