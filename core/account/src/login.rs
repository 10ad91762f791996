//! SUMMARY    Verifying a credential issues the owner's scope.
//! STANDARDS  RFC 4616 (PLAIN), RFC 5802 and RFC 7677 (SCRAM-SHA-256), RFC 9106 (argon2id)
//! SECURITY   Hostile names and passwords reach this. A refused login costs one argon2id, whoever it names and whatever that one has:
//!            app passwords are found by a digest, so only the mailbox's own password is hashed, or a dummy where there is none.
//!            App passwords from before the digest cost an HMAC chain (4096 SHA-256) each, until they are made anew. A hash that
//!            was imported and costs more takes its time, behind others of its kind only. Nothing logs a password.
//! INVARIANTS A remembered password is only a keyed hash under a key of this process, bound to the verifier it was checked
//!            against: changing or revoking the credential forgets it.

use self::verifier::{app_digest, scram_matches};
use crate::{
    Accounts, Error, Result, Standing,
    scope::{AccountScope, Deliver, Owner, ReadOnly},
    unit_of_work,
};
use argon2::{Argon2, Params, PasswordHash, PasswordVerifier};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use base::{
    AccountId, Address, Domain, Kind, TenantId,
    aside::{Answer, Aside},
};
use control::{AccountSnapshot, Capability, CredentialKind, CredentialSnapshot};
use parking_lot::Mutex;
use std::{collections::HashSet, net::IpAddr, sync::Arc};
use tokio::sync::oneshot;

mod verifier;

/// Remembered verified passwords; beyond it all are forgotten.
const REMEMBERED_MAX: usize = 100_000;
/// Hashes computed at the same time at most; more logins wait for the turn of their network (each takes about 19 MiB and a core).
const HASHES_AT_ONCE: usize = 2;
/// Memory in KiB times passes of a hash as the control plane makes it; those that were imported may cost more, or less.
const USUAL_WORK: u32 = 19_456 * 2;
/// A hash of nothing: who is unknown or has no password takes as long as a wrong password.
const DUMMY: &str = "$argon2id$v=19$m=19456,t=2,p=1$cG9zdGhvdXNlLWR1bW15$ZHVtbXlkdW1teWR1bW15ZHVtbXlkdW1teWR1bW15ZHU";

/// A verified login.
#[derive(Debug, Clone)]
pub struct Login {
    /// The account that was opened, to be read.
    pub scope: AccountScope<ReadOnly>,
    pub standing: Standing,
    pub(crate) whose: Whose,
    /// Whether it may be changed, too.
    pub(crate) writes: bool,
}

/// Whose credential opened a session, and which one.
#[derive(Debug, Clone)]
pub(crate) struct Whose {
    pub(crate) tenant: TenantId,
    pub(crate) account: AccountId,
    /// Control-plane id of the credential.
    pub(crate) credential: String,
    /// Of its verifier: a changed password keeps the id.
    pub(crate) verifier: [u8; 32],
}

/// Stands for a verifier, so that a session knows whether its credential is still the same.
pub(crate) fn fingerprint(credential: &CredentialSnapshot) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    for part in [&credential.argon2, &credential.scram_sha256] {
        hasher.update(&(part.len() as u64).to_le_bytes()).update(part.as_bytes());
    }
    *hasher.finalize().as_bytes()
}

impl Login {
    /// The right to change the account; `Forbidden` for a delegate who may only read.
    pub fn owner(&self) -> Result<AccountScope<Owner>> {
        match self.writes {
            true => Ok(AccountScope::issue(self.scope.tenant(), self.scope.account())),
            false => Err(Error::new(Kind::Forbidden, "This mailbox is open read-only for you")),
        }
    }

    /// Control-plane id of the credential that was used.
    pub fn credential(&self) -> &str {
        &self.whose.credential
    }

    /// The account whose credential was used: of the delegate, where one opened another account.
    pub fn user(&self) -> (TenantId, AccountId) {
        (self.whose.tenant, self.whose.account)
    }
}

/// What SCRAM needs of an account.
pub struct ScramIdentity {
    /// `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>`.
    pub verifier: String,
    login: Login,
}

impl ScramIdentity {
    /// The login, once the exchange has proven the password. Errors: `Suspended`.
    pub fn proven(self) -> Result<Login> {
        admitted(self.login)
    }
}

pub(crate) struct LoginCache {
    key: [u8; 32],
    remembered: Arc<Remembered>,
    aside: Aside,
    /// For hashes that cost more than ours, so that whose hash is usual never waits for one.
    costly: Aside,
}

/// Marks of passwords that were right.
#[derive(Default)]
struct Remembered(Mutex<HashSet<Mark>>);

/// Stands for a verifier and the password that is its own.
type Mark = [u8; 32];

impl Default for LoginCache {
    fn default() -> Self {
        let mut key = [0u8; 32];
        // Without randomness nothing is remembered rightly, but nothing is let in either: the hash is still checked.
        let _ = aws_lc_rs::rand::fill(&mut key);
        let aside = Aside::half_of_the_cores("password", HASHES_AT_ONCE);
        LoginCache { key, remembered: Arc::default(), aside, costly: Aside::new("costly", 1) }
    }
}

impl LoginCache {
    fn mark(&self, verifier: &str, password: &str) -> Mark {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(&(verifier.len() as u64).to_le_bytes()).update(verifier.as_bytes()).update(password.as_bytes());
        *hasher.finalize().as_bytes()
    }
}

impl Remembered {
    fn add(&self, mark: Mark) {
        let mut marks = self.0.lock();
        if marks.len() >= REMEMBERED_MAX {
            marks.clear();
        }
        marks.insert(mark);
    }

    fn has(&self, mark: &Mark) -> bool {
        self.0.lock().contains(mark)
    }
}

struct Found {
    tenant: TenantId,
    account: AccountId,
    standing: Standing,
}

impl Accounts {
    /// Checks a name (any address of the account) and password that came from an address. Errors: `Forbidden` (wrong), `Suspended`
    /// (right, but held).
    pub async fn login(&self, from: IpAddr, name: &str, password: &str) -> Result<Login> {
        let found = self.find(name).await?;
        let now = self.0.clock.now().0;
        let known = found.iter().flat_map(|f| &f.standing.profile.credentials);
        let usable: Vec<&CredentialSnapshot> = known.filter(|c| usable(c, now)).collect();
        let right = self.right_one(from, &usable, password).await?;
        match (&found, right) {
            (Some(found), Some(credential)) => admitted(login_of(found, credential)),
            (_, _) => Err(wrong()),
        }
    }

    /// Which of the credentials the password is of.
    async fn right_one<'c>(
        &self,
        from: IpAddr,
        credentials: &[&'c CredentialSnapshot],
        password: &str,
    ) -> Result<Option<&'c CredentialSnapshot>> {
        let digest = app_digest(password);
        let same = |c: &CredentialSnapshot| verify_slices_are_equal(c.argon2.as_bytes(), digest.as_bytes()).is_ok();
        let apps = || credentials.iter().copied().filter(|c| c.kind == CredentialKind::AppPassword);
        if let Some(app) = apps().find(|c| same(c)) {
            return Ok(Some(app));
        }
        let own = credentials.iter().copied().find(|c| c.kind == CredentialKind::Password);
        let mark = own.map(|own| self.0.logins.mark(&own.argon2, password));
        if mark.is_some_and(|mark| self.0.logins.remembered.has(&mark)) {
            return Ok(own);
        }
        let guess = Guess { mark, ..Guess::new(credentials, password) };
        match self.checked(from, guess).await? {
            Match::Own => Ok(own),
            Match::App(verifier) => Ok(apps().find(|c| c.scram_sha256 == verifier)),
            Match::None => Ok(None),
        }
    }

    /// The SCRAM verifier of an account's password; `None` for an unknown name (the caller answers with a fake one). Of several
    /// credentials one without holds is taken.
    pub async fn scram(&self, name: &str) -> Result<Option<ScramIdentity>> {
        let Some(found) = self.find(name).await? else { return Ok(None) };
        let now = self.0.clock.now().0;
        let usable = found.standing.profile.credentials.iter().filter(|c| usable(c, now) && !c.scram_sha256.is_empty());
        let Some(credential) = usable.min_by_key(|c| !c.restrictions.is_empty()) else { return Ok(None) };
        let login = login_of(&found, credential);
        Ok(Some(ScramIdentity { verifier: credential.scram_sha256.clone(), login }))
    }

    /// Opens the account with the address `name` for a delegate who logged in (SASL authorization identity). Errors:
    /// `Forbidden` (no such mailbox, or not for them), `Suspended`.
    pub async fn open_for(&self, login: Login, name: &str) -> Result<Login> {
        let refused = || Error::new(Kind::Forbidden, "You may not open that mailbox");
        let found = self.find(name).await?.ok_or_else(refused)?;
        let (tenant, user) = login.user();
        if found.account == user {
            return Ok(login);
        }
        let delegates = &found.standing.profile.delegates;
        let delegate = delegates.iter().find(|d| d.account == user && d.open).filter(|_| found.tenant == tenant);
        let writes = delegate.ok_or_else(refused)?.write;
        let scope = AccountScope::issue(found.tenant, found.account);
        let standing = found.standing.opened_by(login.standing);
        admitted(Login { scope, standing, writes, whose: login.whose })
    }

    /// Makes the standard mailboxes of an account that was never written to, also for a delegate who may only read.
    pub async fn prepare(&self, login: &Login) -> Result<()> {
        if self.read(&login.scope).state().await?.is_some() {
            return Ok(());
        }
        let scope: AccountScope<Deliver> = AccountScope::issue(login.scope.tenant(), login.scope.account());
        unit_of_work!(self, &[scope.account()], self.op(), work => {
            work.account(&scope).await?;
            Ok(())
        })
    }

    async fn find(&self, name: &str) -> Result<Option<Found>> {
        let Ok(address) = Address::parse(name.trim()) else { return Ok(None) };
        let mut txn = self.0.kv.begin_read();
        let Some((tenant, account)) = self.account_at(&mut *txn, &address).await? else { return Ok(None) };
        let standing = self.standing_in(&mut *txn, tenant, account).await?;
        Ok(standing.filter(|s| s.profile.live).map(|standing| Found { tenant, account, standing }))
    }

    /// Whether a login may send as this address, with a subaddress or without: it is an address of the account that was opened, also in an
    /// alternate domain, or of an account that lets the user send from it.
    pub async fn may_send_as(&self, login: &Login, address: &Address) -> Result<bool> {
        let (tenant, user) = login.user();
        let profile = &login.standing.profile;
        let is_own = |a: &Address| {
            let plain = format!("{}@{}", a.subaddress().0, a.domain());
            [a.canonical(), plain].iter().any(|s| *s == profile.address || profile.send_as.contains(s))
        };
        let may = |p: &AccountSnapshot| p.delegates.iter().any(|d| d.account == user && d.send_as);
        // Who opened another's mailbox sends from it only when that was given, too.
        if profile.id != user && !may(profile) {
            return Ok(false);
        }
        if is_own(address) {
            return Ok(true);
        }
        let mut txn = self.0.kv.begin_read();
        let domain = self.domain_in(&mut *txn, address.domain().as_str()).await?;
        let Some(domain) = domain.filter(|d| d.live && d.tenant == tenant) else { return Ok(false) };
        if let Some(other) = self.alternate(&mut *txn, &domain).await?
            && Domain::parse(&other.domain).is_ok_and(|other| is_own(&address.at(other)))
        {
            return Ok(true);
        }
        let plain = Address::parse(&format!("{}@{}", address.subaddress().0, address.domain()));
        for address in [Some(address.clone()), plain.ok()].into_iter().flatten() {
            let Some((owner, account)) = self.account_at(&mut *txn, &address).await? else { continue };
            let standing = self.standing_in(&mut *txn, owner, account).await?.filter(|_| owner == tenant);
            // Held itself, it lends its name to nobody.
            let lends = |s: &Standing| {
                may(&s.profile) && s.allows(Capability::SendInternal) && s.allows(Capability::SendExternal)
            };
            if standing.as_ref().is_some_and(lends) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn checked(&self, from: IpAddr, guess: Guess) -> Result<Match> {
        let unavailable = || Error::new(Kind::Unavailable, "password check");
        let (tell, told) = oneshot::channel();
        let remembered = self.0.logins.remembered.clone();
        // Who asked may have gone away.
        let answer =
            Answer { to: tell, is_gone: oneshot::Sender::is_closed, tell: |to, matches| drop(to.send(matches)) };
        let aside = if guess.work() > USUAL_WORK { &self.0.logins.costly } else { &self.0.logins.aside };
        aside.compute(Some(from), move || guess.check(&remembered), answer);
        told.await.map_err(|_| unavailable())
    }
}

/// What a password that no digest knows is compared with.
struct Guess {
    password: String,
    /// The one hash of every guess.
    argon2: String,
    /// SCRAM verifiers of app passwords from before the digest.
    older: Vec<String>,
    /// What is remembered when it is the mailbox's own password.
    mark: Option<Mark>,
}

#[derive(Debug, PartialEq, Eq)]
enum Match {
    None,
    Own,
    /// The verifier.
    App(String),
}

impl Guess {
    fn new(credentials: &[&CredentialSnapshot], password: &str) -> Guess {
        let own = credentials.iter().find(|c| c.kind == CredentialKind::Password);
        let older = |c: &&&CredentialSnapshot| {
            c.kind == CredentialKind::AppPassword && !c.argon2.starts_with(control::APP_DIGEST)
        };
        Guess {
            password: password.to_owned(),
            argon2: own.map_or(DUMMY, |own| &own.argon2).to_owned(),
            older: credentials.iter().filter(older).map(|c| c.scram_sha256.clone()).collect(),
            mark: None,
        }
    }

    /// What the hash costs: KiB of memory times passes.
    fn work(&self) -> u32 {
        let params = PasswordHash::new(&self.argon2).ok().and_then(|hash| Params::try_from(&hash).ok());
        params.map_or(USUAL_WORK, |params| params.m_cost().saturating_mul(params.t_cost()))
    }

    fn check(&self, remembered: &Remembered) -> Match {
        // A client that opens several connections at once is checked once.
        if self.mark.is_some_and(|mark| remembered.has(&mark)) {
            return Match::Own;
        }
        let app = self.older.iter().find(|verifier| scram_matches(verifier, &self.password));
        if let Some(app) = app {
            return Match::App(app.clone());
        }
        let matches = |parsed| Argon2::default().verify_password(self.password.as_bytes(), &parsed).is_ok();
        if !PasswordHash::new(&self.argon2).is_ok_and(matches) {
            if self.work() < USUAL_WORK {
                // A hash that costs less than an unknown name would tell that there is one.
                let _ = PasswordHash::new(DUMMY).is_ok_and(matches);
            }
            return Match::None;
        }
        self.mark.into_iter().for_each(|mark| remembered.add(mark));
        Match::Own
    }
}

fn usable(credential: &CredentialSnapshot, now_ms: i64) -> bool {
    credential.expires_at.is_none_or(|end| now_ms < end)
}

fn login_of(found: &Found, credential: &CredentialSnapshot) -> Login {
    Login {
        scope: AccountScope::issue(found.tenant, found.account),
        standing: found.standing.clone().with_credential(credential),
        whose: Whose {
            tenant: found.tenant,
            account: found.account,
            credential: credential.id.clone(),
            verifier: fingerprint(credential),
        },
        writes: true,
    }
}

fn admitted(login: Login) -> Result<Login> {
    if login.standing.may_log_in() {
        return Ok(login);
    }
    let standing = &login.standing;
    Err(Error::new(Kind::Suspended, standing.why(Capability::MailRead)))
}

fn wrong() -> Error {
    Error::new(Kind::Forbidden, "wrong name or password")
}

#[cfg(test)]
mod tests {
    use super::*;
    use argon2::PasswordHasher;

    fn credential(kind: CredentialKind, argon2: &str, scram: &str) -> CredentialSnapshot {
        CredentialSnapshot::new("c", kind, argon2.to_owned(), scram.to_owned())
    }

    #[test]
    fn a_refused_login_costs_one_hash_whatever_the_mailbox_has() {
        let own = credential(CredentialKind::Password, &DUMMY.replace("cG9z", "cG5z"), "");
        let app = credential(CredentialKind::AppPassword, &app_digest("another one"), "");
        let cases: [&[&CredentialSnapshot]; 6] =
            [&[], &[&own], &[&app], &[&app, &app, &app], &[&own, &app], &[&app, &own, &app]];
        let cost = |hash: &str| PasswordHash::new(hash).map(|h| (h.algorithm, h.params)).unwrap();
        for credentials in cases {
            let guess = Guess::new(credentials, "wrong");
            assert_eq!(cost(&guess.argon2), cost(DUMMY), "one argon2id of the usual cost");
            assert!(guess.older.is_empty(), "and nothing else");
            assert_eq!(guess.check(&Remembered::default()), Match::None);
        }
    }

    #[test]
    fn app_passwords_from_before_the_digest_open_as_they_did() {
        let scram = verifier::scram("abcde-fghjk-mnpqr-stvwx", b"saltsaltsaltsalt");
        let other = verifier::scram("other", b"saltsaltsaltsalt");
        let older = [&other, &scram].map(|v| credential(CredentialKind::AppPassword, DUMMY, v));
        let credentials: Vec<&CredentialSnapshot> = older.iter().collect();
        assert_eq!(
            Guess::new(&credentials, "abcde-fghjk-mnpqr-stvwx").check(&Remembered::default()),
            Match::App(scram)
        );
        assert_eq!(Guess::new(&credentials, "abcde-fghjk-mnpqr-stvwy").check(&Remembered::default()), Match::None);
    }

    #[test]
    fn several_connections_at_once_with_the_same_password_are_checked_once() {
        let remembered = Remembered::default();
        let hash = Argon2::default().hash_password(b"the password").unwrap().to_string();
        let own = credential(CredentialKind::Password, &hash, "");
        let guess = |password: &str, mark: u8| Guess { mark: Some([mark; 32]), ..Guess::new(&[&own], password) };
        assert_eq!(guess("another one", 1).check(&remembered), Match::None);
        assert!(!remembered.has(&[1; 32]), "a wrong one is not remembered");
        assert_eq!(guess("the password", 2).check(&remembered), Match::Own);
        let waited = Guess { argon2: "no hash".to_owned(), ..guess("the password", 2) };
        assert_eq!(waited.check(&remembered), Match::Own, "without a hash");
    }

    #[test]
    fn hashes_that_cost_more_than_ours_wait_among_themselves() {
        let work = |hash: &str| Guess::new(&[&credential(CredentialKind::Password, hash, "")], "wrong").work();
        assert_eq!((work(DUMMY), Guess::new(&[], "wrong").work()), (USUAL_WORK, USUAL_WORK));
        assert!(work(&DUMMY.replace("m=19456,t=2", "m=65536,t=4")) > USUAL_WORK);
        assert!(work(&DUMMY.replace("m=19456,t=2", "m=4096,t=1")) < USUAL_WORK);
    }
}
