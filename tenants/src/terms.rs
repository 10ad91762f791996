//! SUMMARY    The terms of a mutation: dry run, expected version, idempotency key; and the transaction under them.
//! SECURITY   An answer is remembered without its secrets. A password takes part in what a request is compared by through
//!            argon2id only, so that the table of keys is not a faster way to guess it.
//! LIMITS     IDEMPOTENCY_LIFE, IDEMPOTENCY_KEY_BYTES_MAX, IDEMPOTENCY_SWEEP_MAX
//! INVARIANTS A key is remembered in the transaction of what it names, for whoever asked in a tenant: nobody meets the keys of others. A refused mutation and a dry
//!            run are not remembered. A dry run checks everything and leaves nothing.

use crate::{
    Actor, Applied, Code, Error, Result, Service,
    db::{Connection, Txn, query},
    limits::{IDEMPOTENCY_KEY_BYTES_MAX, IDEMPOTENCY_LIFE, IDEMPOTENCY_SWEEP_MAX},
    password,
    rows::text,
};
use aws_lc_rs::digest;
use base::TenantId;
use control::Change;
use serde::{Serialize, de::DeserializeOwned};

/// How a mutation is asked for.
#[derive(Debug, Clone, Default)]
pub struct Terms {
    /// Only say what would be.
    pub dry_run: bool,
    /// The version the object must have; `StaleObject` otherwise.
    pub expected_version: Option<i64>,
    /// Repeating the request with the same key gives the answer of the first; `IdempotencyMismatch` with another input.
    pub idempotency_key: Option<String>,
}

/// What a mutation did.
#[derive(Debug, Clone)]
pub struct Done<T> {
    pub object: T,
    pub applied: Applied,
}

impl<T> Done<T> {
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Done<U> {
        Done { object: f(self.object), applied: self.applied }
    }
}

/// What is asked, for comparison with what was asked before under the same key.
pub struct Request<'a> {
    pub(crate) action: &'static str,
    /// Everything that makes a difference, but passwords.
    pub(crate) input: String,
    pub(crate) passwords: &'a [&'a str],
    /// Whether a tenant that may not provision may do it all the same: ending its own closing, paying.
    pub(crate) while_held: bool,
    /// Whether the person who asks gives its own rights away by it: then it has others when it repeats the request.
    pub(crate) gives_rights_away: bool,
}

impl<'a> Request<'a> {
    pub fn new(action: &'static str, input: String) -> Self {
        Request { action, input, passwords: &[], while_held: false, gives_rights_away: false }
    }

    /// With passwords, which take part in what the request is compared by.
    pub(crate) fn with_passwords(action: &'static str, input: String, passwords: &'a [&'a str]) -> Self {
        Request { passwords, ..Request::new(action, input) }
    }

    /// What leaves the person who asks with other rights. Whoever shows the answer again looks whether it may still be seen.
    pub(crate) fn giving_rights_away(action: &'static str, input: String) -> Self {
        Request { gives_rights_away: true, ..Request::new(action, input) }
    }

    /// What is done in spite of a hold.
    pub fn while_held(action: &'static str, input: String) -> Self {
        Request { while_held: true, ..Request::new(action, input) }
    }
}

/// A key with what it stands for.
struct Key {
    tenant: TenantId,
    /// Who asks and its key.
    key: String,
    request: String,
}

/// A mutation under way.
pub struct Work {
    pub txn: Txn,
    pub dry_run: bool,
    expected_version: Option<i64>,
    key: Option<Key>,
    /// Whether it changes who may do what.
    pub rights: bool,
}

impl Work {
    /// Whether the object is as the caller knows it.
    pub fn expect(&self, version: i64) -> Result<()> {
        match self.expected_version {
            Some(expected) if expected != version => {
                Err(Error::new(Code::StaleObject, "expectedVersion", format!("The version is {version}")))
            }
            _ => Ok(()),
        }
    }
}

/// A mutation begins, or was done before.
pub enum Start<T> {
    Fresh(Work),
    Repeated(Done<T>),
}

impl Service {
    /// Opens the transaction of a mutation, unless its key tells that it was done.
    pub async fn start<T: DeserializeOwned>(
        &self,
        actor: &Actor,
        terms: &Terms,
        request: Request<'_>,
    ) -> Result<Start<T>> {
        self.sensitive(actor, request.action)?;
        let while_held = request.while_held;
        let key = self.key(actor, terms, request).await?;
        let txn = self.begin_as(actor, while_held).await?;
        self.begun(txn, terms, key).await
    }

    /// The same of a person's own things: it needs no permission in a tenant, and goes on while that is suspended.
    pub async fn start_own<T: DeserializeOwned>(
        &self,
        actor: &Actor,
        terms: &Terms,
        request: Request<'_>,
    ) -> Result<Start<T>> {
        self.sensitive(actor, request.action)?;
        let key = self.key(actor, terms, request).await?;
        let txn = self.begin().await?;
        self.begun(txn, terms, key).await
    }

    async fn begun<T: DeserializeOwned>(&self, mut txn: Txn, terms: &Terms, key: Option<Key>) -> Result<Start<T>> {
        if let Some(answer) = self.remembered(&mut txn, key.as_ref()).await? {
            txn.rollback().await?;
            let object = serde_json::from_str(&answer).map_err(damaged)?;
            return Ok(Start::Repeated(Done { object, applied: self.settle().await }));
        }
        let expected_version = terms.expected_version;
        Ok(Start::Fresh(Work { txn, dry_run: terms.dry_run, expected_version, key, rights: false }))
    }

    /// Commits what was done and tells the data plane, or takes a dry run back.
    pub async fn finish<T: Serialize>(&self, mut work: Work, object: T, batch: &[Change]) -> Result<Done<T>> {
        if work.dry_run {
            work.txn.rollback().await?;
            return Ok(Done { object, applied: Applied::Done });
        }
        self.tell(&mut work.txn, batch).await?;
        if let Some(key) = &work.key {
            self.remember(&mut work.txn, key, &object).await?;
        }
        if work.rights {
            self.rights_changed(&mut work.txn).await?;
        }
        work.txn.commit().await?;
        self.jobs.committed();
        if work.rights {
            self.auth.forget();
        }
        self.events.committed();
        Ok(Done { object, applied: self.settle().await })
    }

    async fn key(&self, actor: &Actor, terms: &Terms, request: Request<'_>) -> Result<Option<Key>> {
        let Some(key) = &terms.idempotency_key else { return Ok(None) };
        if key.is_empty() || key.len() > IDEMPOTENCY_KEY_BYTES_MAX {
            let message = format!("A key has 1 to {IDEMPOTENCY_KEY_BYTES_MAX} bytes (IDEMPOTENCY_KEY_BYTES_MAX)");
            return Err(Error::new(Code::Invalid, "idempotencyKey", message));
        }
        // Whoever may do less than the first who asked is not told what that one was.
        let grants = if request.gives_rights_away { Default::default() } else { actor.grants.as_slice() };
        // No name has a line end: the keys of one are never those of another.
        let key = format!("{}\n{key}", actor.caller());
        let who = format!("{} {grants:?} {:?}", actor.operator, actor.session().map(|_| &actor.name));
        let mut told = format!("{}\0{who}\0{:?}\0{}\0", request.action, terms.expected_version, request.input);
        if !request.passwords.is_empty() {
            let salt = format!("{}\0{key}", actor.tenant);
            told.push_str(&password::fingerprint(request.passwords, &salt, self.password_cost).await?);
        }
        Ok(Some(Key {
            tenant: actor.tenant,
            key,
            request: password::hex(&digest::digest(&digest::SHA256, told.as_bytes())),
        }))
    }

    async fn remembered(&self, txn: &mut Connection, key: Option<&Key>) -> Result<Option<String>> {
        let Some(key) = key else { return Ok(None) };
        let known = query("SELECT request, answer FROM idempotency WHERE tenant = $1 AND key = $2 AND expires_at > $3")
            .bind(key.tenant.to_string())
            .bind(&key.key)
            .bind(self.now().0)
            .fetch_optional(txn)
            .await?;
        match known {
            None => Ok(None),
            Some(row) if text(&row, "request")? == key.request => Ok(Some(text(&row, "answer")?)),
            Some(_) => {
                Err(Error::new(Code::IdempotencyMismatch, "idempotencyKey", "The key was used with another input"))
            }
        }
    }

    async fn remember<T: Serialize>(&self, txn: &mut Connection, key: &Key, object: &T) -> Result<()> {
        let answer = serde_json::to_string(object).map_err(damaged)?;
        query(
            "DELETE FROM idempotency WHERE (tenant, key) IN \
             (SELECT tenant, key FROM idempotency WHERE tenant = $1 AND expires_at <= $2 LIMIT $3)",
        )
        .bind(key.tenant.to_string())
        .bind(self.now().0)
        .bind(IDEMPOTENCY_SWEEP_MAX)
        .execute(&mut *txn)
        .await?;
        query(
            "INSERT INTO idempotency (tenant, key, request, answer, expires_at) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (tenant, key) DO UPDATE SET request = $3, answer = $4, expires_at = $5",
        )
        .bind(key.tenant.to_string())
        .bind(&key.key)
        .bind(&key.request)
        .bind(answer)
        .bind(self.now().plus(IDEMPOTENCY_LIFE).0)
        .execute(txn)
        .await?;
        Ok(())
    }
}

fn damaged(e: serde_json::Error) -> Error {
    Error::new(Code::Internal, "", format!("a remembered answer: {e}"))
}
