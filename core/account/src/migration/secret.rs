//! SUMMARY    The secret of a migration, sealed and opened.
//! SECURITY   The key is derived from the tenant's data key for this purpose alone, and what is sealed is bound to its migration: it opens as the
//!            secret of no other one, and not at all once the tenant's key is destroyed.

use crate::{Accounts, Error, Result, keys, txn::TenantTxn, work::Work};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base::{JobId, Kind, TenantId};
use control::MigrationSecret;
use store::kv::KvTxn;
use zeroize::Zeroizing;

/// What the key is derived for; a change of it makes every secret unreadable.
const CONTEXT: &str = "posthouse 2026 secrets of migrations from other providers";

impl Work {
    pub(super) async fn seal_migration_secret(
        &mut self,
        (tenant, job): (TenantId, JobId),
        secret: &MigrationSecret,
    ) -> Result<Vec<u8>> {
        let accounts = self.handle();
        let key = cipher(&accounts, self.txn(), tenant).await?;
        let mut nonce = [0_u8; NONCE_LEN];
        aws_lc_rs::rand::fill(&mut nonce).map_err(|_| Error::new(Kind::Unavailable, "no randomness"))?;
        // Room for the tag: growing would leave a copy behind.
        let mut sealed = Vec::with_capacity(secret.reveal().len() + AES_256_GCM.tag_len());
        sealed.extend_from_slice(secret.reveal().as_bytes());
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad(job), &mut sealed)
            .map_err(|_| Error::corrupt("sealing the secret of a migration"))?;
        Ok([nonce.as_slice(), &sealed].concat())
    }
}

impl Accounts {
    pub(super) async fn open_migration_secret(
        &self,
        (tenant, job): (TenantId, JobId),
        sealed: &[u8],
    ) -> Result<MigrationSecret> {
        let mut txn = self.0.kv.begin_read();
        let key = cipher(self, &mut *txn, tenant).await?;
        let bad = || Error::corrupt("the secret of a migration does not open");
        let (nonce, sealed) = sealed.split_at_checked(NONCE_LEN).ok_or_else(bad)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| bad())?;
        let mut sealed = Zeroizing::new(sealed.to_vec());
        let plain = key.open_in_place(nonce, aad(job), &mut sealed).map_err(|_| bad())?;
        Ok(MigrationSecret::new(std::str::from_utf8(plain).map_err(|_| bad())?.to_owned()))
    }
}

async fn cipher(accounts: &Accounts, txn: &mut dyn KvTxn, tenant: TenantId) -> Result<LessSafeKey> {
    let wrapped = TenantTxn::new(txn, tenant).get(&keys::data_key()).await?;
    let wrapped = wrapped.ok_or_else(|| Error::not_found("tenant: it has no data key"))?;
    let data_key = Zeroizing::new(accounts.unwrap_key(tenant, &wrapped)?);
    let key = Zeroizing::new(blake3::derive_key(CONTEXT, &*data_key));
    Ok(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &*key).map_err(|_| Error::corrupt("data key"))?))
}

fn aad(job: JobId) -> Aad<[u8; 8]> {
    Aad::from(job.0.to_be_bytes())
}
