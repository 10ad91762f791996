//! SUMMARY    The last snapshots of the control plane, read and parsed once.
//! INVARIANTS The control plane is never called: what is stored here is enough.

use crate::{
    Accounts, Error, Result, keys,
    record::{self, SnapshotRecord},
    txn::SystemTxn,
};
use base::{AccountId, TenantId};
use bytes::Bytes;
use control::{AccountSnapshot, AddressSnapshot, DomainSnapshot, EntitlementSnapshot};
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
    domains: Cache<Vec<u8>, DomainSnapshot>,
    addresses: Cache<Vec<u8>, AddressSnapshot>,
}

impl Snapshots {
    pub(crate) fn profile(&self, account: AccountId, stored: &Bytes) -> Result<Arc<AccountSnapshot>> {
        self.profiles.parse(&account, stored, "profile")
    }
}

struct Cache<K, V>(RwLock<HashMap<K, (Bytes, Arc<V>)>>);

impl<K, V> Default for Cache<K, V> {
    fn default() -> Self {
        Cache(RwLock::default())
    }
}

impl<K: Eq + Hash + Clone, V: DeserializeOwned> Cache<K, V> {
    fn parse(&self, key: &K, bytes: &Bytes, what: &'static str) -> Result<Arc<V>> {
        if let Some((known, value)) = self.0.read().get(key)
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
        map.insert(key.clone(), (Bytes::copy_from_slice(bytes), value.clone()));
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

impl Accounts {
    /// What a tenant may use; `None` before its first snapshot came.
    pub(crate) async fn entitlement_in(
        &self,
        txn: &mut dyn KvTxn,
        tenant: TenantId,
    ) -> Result<Option<Arc<EntitlementSnapshot>>> {
        self.entitlement_as(txn, tenant, Read::Snapshot).await
    }

    /// `Read::Serializable`: a change of it stops the transaction.
    pub(crate) async fn entitlement_as(
        &self,
        txn: &mut dyn KvTxn,
        tenant: TenantId,
        read: Read,
    ) -> Result<Option<Arc<EntitlementSnapshot>>> {
        let stored = SystemTxn::new(txn).get_as(&keys::system_entitlement(tenant), read).await?;
        stored.map(|bytes| self.0.snapshots.entitlements.parse(&tenant, &bytes, "entitlement")).transpose()
    }

    /// The snapshot of a domain, if the control plane sent one.
    pub(crate) async fn domain_in(&self, txn: &mut dyn KvTxn, domain: &str) -> Result<Option<Arc<DomainSnapshot>>> {
        let key = keys::system_domain(domain);
        let stored = SystemTxn::new(txn).get_snapshot(&key).await?;
        stored.map(|bytes| self.0.snapshots.domains.parse(&key, &bytes, "domain")).transpose()
    }

    /// The snapshot of an address, if the control plane sent one.
    pub(crate) async fn address_in(
        &self,
        txn: &mut dyn KvTxn,
        domain: &str,
        local: &str,
    ) -> Result<Option<Arc<AddressSnapshot>>> {
        let key = keys::system_address(domain, local);
        let stored = SystemTxn::new(txn).get_snapshot(&key).await?;
        stored.map(|bytes| self.0.snapshots.addresses.parse(&key, &bytes, "address")).transpose()
    }
}
