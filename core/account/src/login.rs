//! SUMMARY    Verifying a credential issues the owner's scope.
//! STANDARDS  RFC 4616 (PLAIN), RFC 5802 and RFC 7677 (SCRAM-SHA-256), RFC 9106 (argon2id)
//! SECURITY   Hostile names and passwords reach this. Unknown names cost one hash too. Nothing logs a password.
//! INVARIANTS A remembered password is only a keyed hash under a key of this process, bound to the verifier it was checked
//!            against: changing or revoking the credential forgets it.

use crate::{
    Accounts, Error, Result, Standing,
    scope::{AccountScope, Owner},
};
use argon2::{Argon2, PasswordHash, PasswordVerifier};
use base::{AccountId, Address, Kind, TenantId};
use control::{CredentialSnapshot, Destination};
use parking_lot::Mutex;
use std::collections::HashMap;

/// Remembered verified passwords; beyond it all are forgotten.
const REMEMBERED_MAX: usize = 100_000;
/// Hashes computed at the same time; more logins wait their turn (each takes about 19 MiB and a core).
const HASHES_AT_ONCE: usize = 2;
/// A hash of nothing, so that an unknown name takes as long as a wrong password.
const DUMMY: &str = "$argon2id$v=19$m=19456,t=2,p=1$cG9zdGhvdXNlLWR1bW15$ZHVtbXlkdW1teWR1bW15ZHVtbXlkdW1teWR1bW15ZHU";

/// A verified login.
#[derive(Debug, Clone)]
pub struct Login {
    pub scope: AccountScope<Owner>,
    pub standing: Standing,
    /// Control-plane id of the credential that was used.
    pub credential: String,
}

/// What SCRAM needs of an account.
pub struct ScramIdentity {
    /// `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>`.
    pub verifier: String,
    login: Login,
}

impl ScramIdentity {
    /// The login, once the exchange has proven the password.
    pub fn proven(self) -> Login {
        self.login
    }
}

pub(crate) struct LoginCache {
    key: [u8; 32],
    seen: Mutex<HashMap<[u8; 32], ()>>,
    hashing: tokio::sync::Semaphore,
}

impl Default for LoginCache {
    fn default() -> Self {
        let mut key = [0u8; 32];
        // Without randomness nothing is remembered rightly, but nothing is let in either: the hash is still checked.
        let _ = aws_lc_rs::rand::fill(&mut key);
        LoginCache { key, seen: Mutex::default(), hashing: tokio::sync::Semaphore::new(HASHES_AT_ONCE) }
    }
}

impl LoginCache {
    fn mark(&self, verifier: &str, password: &str) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(&(verifier.len() as u64).to_le_bytes()).update(verifier.as_bytes()).update(password.as_bytes());
        *hasher.finalize().as_bytes()
    }

    fn remember(&self, mark: [u8; 32]) {
        let mut seen = self.seen.lock();
        if seen.len() >= REMEMBERED_MAX {
            seen.clear();
        }
        seen.insert(mark, ());
    }

    fn knows(&self, mark: &[u8; 32]) -> bool {
        self.seen.lock().contains_key(mark)
    }
}

struct Found {
    tenant: TenantId,
    account: AccountId,
    standing: Standing,
}

impl Accounts {
    /// Checks a name (any address of the account) and password. Errors: `Forbidden` (wrong), `Suspended` (right, but held).
    pub async fn login(&self, name: &str, password: &str) -> Result<Login> {
        let Some(found) = self.find(name).await? else {
            self.hash_matches(DUMMY.to_owned(), password.to_owned()).await?;
            return Err(wrong());
        };
        let now = self.0.clock.now().0;
        for credential in found.standing.profile.credentials.iter().filter(|c| usable(c, now)) {
            let mark = self.0.logins.mark(&credential.argon2, password);
            if self.0.logins.knows(&mark) || self.hash_matches(credential.argon2.clone(), password.to_owned()).await? {
                self.0.logins.remember(mark);
                return admit(&found, credential);
            }
        }
        Err(wrong())
    }

    /// The SCRAM verifier of an account's password; `None` for an unknown name (the caller answers with a fake one).
    pub async fn scram(&self, name: &str) -> Result<Option<ScramIdentity>> {
        let Some(found) = self.find(name).await? else { return Ok(None) };
        let now = self.0.clock.now().0;
        let mut usable =
            found.standing.profile.credentials.iter().filter(|c| usable(c, now) && !c.scram_sha256.is_empty());
        let Some(credential) = usable.next() else { return Ok(None) };
        let login = admit(&found, credential)?;
        Ok(Some(ScramIdentity { verifier: credential.scram_sha256.clone(), login }))
    }

    async fn find(&self, name: &str) -> Result<Option<Found>> {
        let Ok(address) = Address::parse(name.trim()) else { return Ok(None) };
        let mut txn = self.0.kv.begin_read();
        let domain = address.domain().as_str();
        if !self.domain_in(&mut *txn, domain).await?.is_some_and(|d| d.live) {
            return Ok(None);
        }
        let Some(row) = self.address_in(&mut *txn, domain, &address.canonical_local()).await? else { return Ok(None) };
        let Destination::Account(account) = row.destination else { return Ok(None) };
        let standing = self.standing_in(&mut *txn, row.tenant, account).await?;
        Ok(standing.filter(|s| s.profile.live).map(|standing| Found { tenant: row.tenant, account, standing }))
    }

    async fn hash_matches(&self, hash: String, password: String) -> Result<bool> {
        let unavailable = |_| Error::new(Kind::Unavailable, "password check");
        let _turn =
            self.0.logins.hashing.acquire().await.map_err(|_| Error::new(Kind::Unavailable, "password check"))?;
        tokio::task::spawn_blocking(move || {
            PasswordHash::new(&hash)
                .is_ok_and(|parsed| Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok())
        })
        .await
        .map_err(unavailable)
    }
}

fn usable(credential: &CredentialSnapshot, now_ms: i64) -> bool {
    credential.expires_at.is_none_or(|end| now_ms < end)
}

fn admit(found: &Found, credential: &CredentialSnapshot) -> Result<Login> {
    let can = found.standing.capabilities;
    if !(can.mail_read || can.send_internal || can.send_external) {
        return Err(Error::new(Kind::Suspended, found.standing.reason.clone()));
    }
    Ok(Login {
        scope: AccountScope::issue(found.tenant, found.account),
        standing: found.standing.clone(),
        credential: credential.id.clone(),
    })
}

fn wrong() -> Error {
    Error::new(Kind::Forbidden, "wrong name or password")
}
