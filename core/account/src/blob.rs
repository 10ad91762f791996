//! SUMMARY    Message bytes of a tenant: data keys, sealing, staging of big ones, reading.
//! LIMITS     TENANT_KEY_MS_TRUSTED
//! INVARIANTS A blob belongs to one tenant and is sealed under that tenant's data key. Big blobs are stored before the unit of
//!            work that links them; a blob without a link is swept. The bytes of one tenant's blob are never found by another.

use crate::{Accounts, Error, Result, keys, txn::TenantTxn, unit_of_work, work::Work};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base::{Kind, TenantId, limits::TENANT_KEY_MS_TRUSTED};
use bytes::Bytes;
use std::{ops::Range, sync::Arc, time::Duration};
use store::{
    blob::{self, BlobRef, BlobSpace, Sealed, TenantKey},
    kv::KvTxn,
};
use tokio::time::Instant;

/// A data key in memory, and the row it was opened from.
#[derive(Clone)]
pub(crate) struct KnownKey {
    key: Arc<TenantKey>,
    wrapped: Bytes,
    read_at: Instant,
}

/// A message sealed for one tenant, ready to be linked by a unit of work.
#[derive(Clone)]
pub struct Staged {
    pub(crate) tenant: TenantId,
    pub(crate) sealed: Arc<Sealed>,
}

impl Staged {
    pub fn tenant(&self) -> TenantId {
        self.tenant
    }
    /// Size of the plain bytes.
    pub fn size(&self) -> u64 {
        self.sealed.size()
    }
    pub fn blob(&self) -> BlobRef {
        self.sealed.blob()
    }
}

impl Accounts {
    pub(crate) fn space(tenant: TenantId) -> BlobSpace {
        let under = |key: keys::Key| [keys::tenant_prefix(tenant).as_slice(), &key].concat();
        BlobSpace {
            meta_prefix: under(keys::blob_meta()),
            data_prefix: under(keys::blob_data()),
            link_prefix: under(keys::blob_link()),
            pack_prefix: keys::system_packs(),
            staging_prefix: keys::system_staging(),
        }
    }

    /// Seals a message for a tenant (compress, encrypt) and stores it ahead when it is too big to ride in the transaction.
    pub async fn stage(&self, tenant: TenantId, plain: &[u8]) -> Result<Staged> {
        let key = self.tenant_key(tenant).await?;
        let sealed = key.seal(plain);
        if sealed.needs_staging() {
            self.0.stager.stage(&Self::space(tenant), &sealed, self.0.clock.now()).await?;
        }
        Ok(Staged { tenant, sealed: Arc::new(sealed) })
    }

    /// What the tenant's emails of these bytes say as their `blob`: the same bytes have the same, of another tenant another one.
    pub async fn blob_of(&self, tenant: TenantId, plain: &[u8]) -> Result<[u8; 32]> {
        Ok(self.tenant_key(tenant).await?.blob_ref(plain).0)
    }

    /// The data key of a tenant, unwrapped. It is made when the first entitlement arrives.
    pub(crate) async fn tenant_key(&self, tenant: TenantId) -> Result<Arc<TenantKey>> {
        let trusted = Duration::from_millis(TENANT_KEY_MS_TRUSTED);
        let known = self.0.tenant_keys.read().get(&tenant).cloned();
        if let Some(known) = known.as_ref().filter(|known| known.read_at.elapsed() < trusted) {
            return Ok(known.key.clone());
        }
        let (read_at, mut txn) = (Instant::now(), self.0.kv.begin_read());
        let wrapped = TenantTxn::new(&mut *txn, tenant).get(&keys::data_key()).await?;
        let Some(wrapped) = wrapped else {
            self.forget_key(tenant);
            return Err(Error::not_found("tenant data key"));
        };
        let key = match known {
            Some(known) if known.wrapped == wrapped => known.key,
            Some(_) | None => Arc::new(TenantKey::new(self.unwrap_key(tenant, &wrapped)?)),
        };
        let known = KnownKey { key: key.clone(), wrapped: Bytes::copy_from_slice(&wrapped), read_at };
        self.0.tenant_keys.write().insert(tenant, known);
        Ok(key)
    }

    /// Drops a data key from memory: the next use reads its row.
    pub(crate) fn forget_key(&self, tenant: TenantId) {
        self.0.tenant_keys.write().remove(&tenant);
    }

    /// Makes sure that a tenant can keep something: the provider's own has mail to send before it has a mailbox.
    pub async fn open_tenant(&self, tenant: TenantId) -> Result<()> {
        if self.tenant_key(tenant).await.is_ok() {
            return Ok(());
        }
        unit_of_work!(self, &[], self.op(), work => { work.ensure_data_key(tenant).await })
    }

    pub(crate) async fn read_blob(
        &self,
        txn: &mut dyn KvTxn,
        tenant: TenantId,
        blob: &BlobRef,
        range: Option<Range<u64>>,
    ) -> Result<Bytes> {
        let key = self.tenant_key(tenant).await?;
        Ok(blob::get(txn, &*self.0.objects, &Self::space(tenant), &key, blob, range).await?)
    }

    fn wrapping_key(&self) -> Result<LessSafeKey> {
        let key = UnboundKey::new(&AES_256_GCM, &*self.0.master.0).map_err(|_| Error::corrupt("master key"))?;
        Ok(LessSafeKey::new(key))
    }

    pub(crate) fn wrap_key(&self, tenant: TenantId, plain: &[u8; 32]) -> Result<Vec<u8>> {
        let mut nonce = [0u8; NONCE_LEN];
        aws_lc_rs::rand::fill(&mut nonce).map_err(|_| Error::new(Kind::Unavailable, "no randomness"))?;
        let mut out = plain.to_vec();
        self.wrapping_key()?
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(tenant.0.to_be_bytes()), &mut out)
            .map_err(|_| Error::corrupt("wrapping a data key"))?;
        Ok([nonce.as_slice(), &out].concat())
    }

    pub(crate) fn unwrap_key(&self, tenant: TenantId, wrapped: &[u8]) -> Result<[u8; 32]> {
        let bad = || Error::corrupt("tenant data key does not open under this master key");
        let (nonce, sealed) = wrapped.split_at_checked(NONCE_LEN).ok_or_else(bad)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| bad())?;
        let mut sealed = sealed.to_vec();
        let plain = self
            .wrapping_key()?
            .open_in_place(nonce, Aad::from(tenant.0.to_be_bytes()), &mut sealed)
            .map_err(|_| bad())?;
        <[u8; 32]>::try_from(&*plain).map_err(|_| bad())
    }
}

impl Work {
    /// Makes the tenant's data key if there is none.
    pub(crate) async fn ensure_data_key(&mut self, tenant: TenantId) -> Result<()> {
        let key = keys::data_key();
        if TenantTxn::new(self.txn(), tenant).get(&key).await?.is_some() {
            return Ok(());
        }
        self.must_stand(tenant).await?;
        let mut plain = zeroize::Zeroizing::new([0u8; 32]);
        aws_lc_rs::rand::fill(&mut *plain).map_err(|_| Error::new(Kind::Unavailable, "no randomness"))?;
        let wrapped = self.handle().wrap_key(tenant, &plain)?;
        TenantTxn::new(self.txn(), tenant).set(&key, &wrapped);
        Ok(())
    }

    /// Stores the blob if it is new to the tenant and links it to `owner`.
    pub(crate) async fn link_blob(&mut self, staged: &Staged, owner: &[u8]) -> Result<()> {
        let space = Accounts::space(staged.tenant);
        let now = self.handle().0.clock.now();
        blob::put(self.txn(), &space, &staged.sealed, now).await?;
        blob::link(self.txn(), &space, &staged.sealed.blob(), owner);
        Ok(())
    }

    /// Links a blob that is already stored (copies, queue items).
    pub(crate) fn link_stored_blob(&mut self, tenant: TenantId, blob: &BlobRef, owner: &[u8]) {
        blob::link(self.txn(), &Accounts::space(tenant), blob, owner);
    }

    /// Another owner keeps a blob in place of the one that kept it, which this transaction has read.
    pub(crate) fn relink_blob(&mut self, tenant: TenantId, blob: &BlobRef, from: &[u8], to: &[u8]) {
        blob::relink(self.txn(), &Accounts::space(tenant), blob, from, to);
    }

    /// Removes a link; the blob goes with its last one.
    pub(crate) async fn unlink_blob(&mut self, tenant: TenantId, blob: &BlobRef, owner: &[u8]) -> Result<()> {
        blob::unlink(self.txn(), &Accounts::space(tenant), blob, owner).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
