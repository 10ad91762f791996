//! SUMMARY    Keys that sign the mail of a domain: sealed in the store, opened for who signs.
//! STANDARDS  NIST SP 800-38D (AES-256-GCM); BLAKE3 key derivation
//! SECURITY   A copied store shows no key: they are sealed under a key derived from the master key, bound to tenant and domain. What routing
//!            reads of a domain has no keys in it.
//! INVARIANTS The keys are those of the domain's stored snapshot, in the same transaction; a domain that was released, or moved to another tenant,
//!            has none of before.

use crate::{
    Accounts, Error, Result,
    control::newer,
    keys,
    record::{self, SigningKeysRecord, SnapshotRecord},
    txn::SystemTxn,
    work::Work,
};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base::{Domain, Kind, TenantId};
use control::{DkimKey, DomainSnapshot};
use zeroize::Zeroizing;

/// What the sealing key is derived for; a change of it is a change of format.
const CONTEXT: &str = "posthouse 2026 keys that sign for domains";

/// Keys of a domain, sealed. Two that are equal hold the same keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningKeys {
    tenant: TenantId,
    domain: String,
    sealed: Vec<u8>,
}

fn bound_to(tenant: TenantId, domain: &str) -> Vec<u8> {
    [&tenant.0.to_be_bytes(), domain.as_bytes()].concat()
}

impl Accounts {
    /// The keys that sign for a domain of a tenant now; `None`: it has none, or the domain is not the tenant's. One read.
    pub async fn signing_keys(&self, tenant: TenantId, domain: &Domain) -> Result<Option<SigningKeys>> {
        let mut txn = self.0.kv.begin_read();
        let stored = SystemTxn::new(&mut *txn).get_snapshot(&keys::system_signing(domain.as_str())).await?;
        let Some(stored) = stored else { return Ok(None) };
        let record: SigningKeysRecord = record::decode(&stored, "signing keys")?;
        if record.tenant != tenant.0 {
            return Ok(None);
        }
        Ok(Some(SigningKeys { tenant, domain: domain.as_str().to_owned(), sealed: record.sealed }))
    }

    /// The keys in clear. `Corrupt`: they were sealed under another master key, or are damaged.
    pub fn open_signing_keys(&self, keys: &SigningKeys) -> Result<Vec<DkimKey>> {
        let bad = || Error::corrupt("signing keys do not open under this master key");
        let (nonce, sealed) = keys.sealed.split_at_checked(NONCE_LEN).ok_or_else(bad)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| bad())?;
        let mut sealed = Zeroizing::new(sealed.to_vec());
        let aad = Aad::from(bound_to(keys.tenant, &keys.domain));
        let plain = self.signing_cipher()?.open_in_place(nonce, aad, &mut sealed).map_err(|_| bad())?;
        serde_json::from_slice(plain).map_err(|_| Error::corrupt("signing keys"))
    }

    fn seal_signing_keys(&self, domain: &DomainSnapshot) -> Result<Vec<u8>> {
        let mut nonce = [0u8; NONCE_LEN];
        aws_lc_rs::rand::fill(&mut nonce).map_err(|_| Error::new(Kind::Unavailable, "no randomness"))?;
        let mut sealed = serde_json::to_vec(&domain.dkim).map_err(|e| Error::new(Kind::Invalid, e.to_string()))?;
        let aad = Aad::from(bound_to(domain.tenant, &domain.domain));
        self.signing_cipher()?
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut sealed)
            .map_err(|_| Error::corrupt("sealing signing keys"))?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    fn signing_cipher(&self) -> Result<LessSafeKey> {
        let key = Zeroizing::new(blake3::derive_key(CONTEXT, &*self.0.master.0));
        Ok(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &*key).map_err(|_| Error::corrupt("master key"))?))
    }
}

impl Work {
    /// Stores a domain, and its keys apart, iff it is newer than what is stored.
    pub(crate) async fn put_domain(&mut self, domain: &DomainSnapshot) -> Result<()> {
        let (key, signing) = (keys::system_domain(&domain.domain), keys::system_signing(&domain.domain));
        let signs = domain.live && !domain.dkim.is_empty();
        let mut txn = SystemTxn::new(self.txn());
        let stored = txn.get(&key).await?;
        let has_keys = txn.get(&signing).await?.is_some();
        let without = DomainSnapshot { dkim: Vec::new(), ..domain.clone() };
        let mut value = newer(stored.as_deref(), domain.version, &without)?;
        // An earlier release kept the keys in the snapshot, in clear: told again, it loses them.
        if value.is_none() && signs && !has_keys && version_of(stored.as_deref())? == Some(domain.version) {
            value = newer(None, domain.version, &without)?;
        }
        let Some(value) = value else { return Ok(()) };
        txn.set(&key, &value)?;
        if !signs {
            return if has_keys { txn.clear(&signing) } else { Ok(()) };
        }
        let sealed = self.handle().seal_signing_keys(domain)?;
        let record = SigningKeysRecord { tenant: domain.tenant.0, sealed };
        SystemTxn::new(self.txn()).set(&signing, &record::encode(&record))
    }
}

fn version_of(stored: Option<&[u8]>) -> Result<Option<u64>> {
    let record: Option<SnapshotRecord> = stored.map(|s| record::decode(s, "snapshot")).transpose()?;
    Ok(record.map(|r| r.version))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AccountOptions, MasterKey};
    use base::{SystemClock, rng::SeededRng};
    use control::{Change, Control, DkimAlgorithm};
    use std::sync::Arc;
    use store::{
        MemKv,
        blob::FsObjects,
        kv::{Kv, PageLimit, Read},
    };

    const SECRET: &str = "bm90IHRvIGJlIHNlZW4=";

    fn accounts(kv: &Arc<MemKv>, master: u8) -> Accounts {
        Accounts::new(AccountOptions {
            kv: kv.clone(),
            objects: Arc::new(FsObjects::open(std::env::temp_dir()).unwrap()),
            master: MasterKey::new([master; 32]),
            clock: Arc::new(SystemClock),
            rng: Arc::new(SeededRng::new(3)),
        })
    }

    fn snapshot(tenant: u64, version: u64, selectors: &[&str]) -> DomainSnapshot {
        let key = |s: &&str| DkimKey {
            selector: (*s).to_owned(),
            algorithm: DkimAlgorithm::RsaSha256,
            private_key: SECRET.to_owned(),
        };
        let dkim = selectors.iter().map(key).collect();
        DomainSnapshot { dkim, ..DomainSnapshot::new("a.example", TenantId(tenant), version) }
    }

    async fn apply(accounts: &Accounts, domain: DomainSnapshot) {
        accounts.apply(vec![Change::Domain(domain)]).await.unwrap();
    }

    async fn selectors(accounts: &Accounts, tenant: u64) -> Vec<String> {
        let domain = Domain::parse("a.example").unwrap();
        let Some(keys) = accounts.signing_keys(TenantId(tenant), &domain).await.unwrap() else { return Vec::new() };
        accounts.open_signing_keys(&keys).unwrap().into_iter().map(|k| k.selector).collect()
    }

    async fn stored(kv: &MemKv) -> Vec<u8> {
        let all = store::kv::KeyRange { from: vec![0], to: vec![0xff] };
        let page = kv.begin_read().range(&all, PageLimit::MAX, false, Read::Snapshot).await.unwrap();
        assert!(!page.more && !page.rows.is_empty());
        page.rows.iter().flat_map(|(k, v)| [k.as_ref(), v.as_ref()].concat()).collect()
    }

    fn within(part: &[u8], whole: &[u8]) -> bool {
        whole.windows(part.len()).any(|w| w == part)
    }

    #[tokio::test]
    async fn keys_follow_their_domain() {
        let kv = Arc::new(MemKv::new());
        let accounts = accounts(&kv, 7);
        apply(&accounts, snapshot(1, 5, &["one"])).await;
        assert_eq!(selectors(&accounts, 1).await, ["one"]);
        assert_eq!(selectors(&accounts, 2).await, [""; 0], "another tenant's");
        apply(&accounts, snapshot(1, 4, &["older"])).await;
        apply(&accounts, snapshot(1, 5, &["same"])).await;
        assert_eq!(selectors(&accounts, 1).await, ["one"]);
        apply(&accounts, snapshot(1, 6, &["two", "three"])).await;
        assert_eq!(selectors(&accounts, 1).await, ["two", "three"]);
        apply(&accounts, DomainSnapshot { live: false, ..snapshot(1, 7, &["two"]) }).await;
        assert_eq!(selectors(&accounts, 1).await, [""; 0], "released");
        apply(&accounts, snapshot(2, 8, &["theirs"])).await;
        assert_eq!((selectors(&accounts, 1).await.len(), selectors(&accounts, 2).await.len()), (0, 1));
        apply(&accounts, snapshot(2, 9, &[])).await;
        assert_eq!(selectors(&accounts, 2).await, [""; 0]);
    }

    #[tokio::test]
    async fn no_key_is_in_the_store_in_clear() {
        let kv = Arc::new(MemKv::new());
        let one = accounts(&kv, 7);
        apply(&one, snapshot(1, 1, &["one"])).await;
        assert_eq!(selectors(&one, 1).await, ["one"]);
        assert!(!within(SECRET.as_bytes(), &stored(&kv).await));
        let domain = Domain::parse("a.example").unwrap();
        let keys = one.signing_keys(TenantId(1), &domain).await.unwrap().unwrap();
        assert!(accounts(&kv, 8).open_signing_keys(&keys).is_err(), "another master key");
        let moved = SigningKeys { domain: "b.example".into(), ..keys.clone() };
        assert!(one.open_signing_keys(&moved).is_err(), "another domain");
        let moved = SigningKeys { tenant: TenantId(2), ..keys };
        assert!(one.open_signing_keys(&moved).is_err(), "another tenant");
    }

    #[tokio::test]
    async fn what_an_earlier_release_kept_in_clear_goes_when_it_is_told_again() {
        let kv = Arc::new(MemKv::new());
        let accounts = accounts(&kv, 7);
        let old = snapshot(1, 3, &["one"]);
        let record = SnapshotRecord { version: 3, body: serde_json::to_vec(&old).unwrap() };
        let mut txn = kv.begin();
        txn.set(&keys::system_domain("a.example"), &record::encode(&record));
        txn.submit().unwrap().await.unwrap();
        assert!(within(SECRET.as_bytes(), &stored(&kv).await));
        apply(&accounts, old).await;
        assert_eq!(selectors(&accounts, 1).await, ["one"]);
        assert!(!within(SECRET.as_bytes(), &stored(&kv).await));
        assert!(accounts.is_local_domain(&Domain::parse("a.example").unwrap()).await.unwrap());
    }
}
