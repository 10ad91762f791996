//! SUMMARY    DKIM keys of domains, turned in stages: published, then signing, then kept for what is under way, then revoked.
//! STANDARDS  product.md §4; RFC 6376 §3.6, M3AAWG DKIM key rotation
//! SECURITY   Private keys are sealed at rest and go to the data plane only; no answer of the API has one.
//! LIMITS     DKIM_KEY_LIFE, DKIM_RETIRED_LIFE, DKIM_REVOKED_LIFE, DKIM_KEYS_MAX
//! INVARIANTS A key signs only once its record was seen in DNS. Of each algorithm at most one is pending and one active. A
//!            selector is never used twice.

mod key;

use crate::{
    Actor, Code, Domain, Done, Error, Permission, Result, Service, Terms,
    db::{Connection, Row, query},
    limits::{DKIM_KEY_LIFE, DKIM_KEYS_MAX, DKIM_RETIRED_LIFE, DKIM_REVOKED_LIFE},
    records::{Checked, Purpose, Status},
    rows::{number, random, text},
    terms::{Request, Start},
};
use base::TenantId;
use base64::{Engine, engine::general_purpose::STANDARD};
use control::{DkimAlgorithm, DkimKey};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A record that belongs to a key.
#[derive(Debug, Clone)]
pub(crate) struct DkimRecord {
    pub(crate) selector: String,
    pub(crate) text: String,
    /// Whether signing lacks something without it.
    pub(crate) required: bool,
}

/// What a key has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DkimState {
    /// To be published.
    Pending,
    /// Seen in DNS; it signs.
    Active,
    /// Signs no more; its record stays for mail under way.
    Retired,
    /// Its record says so.
    Revoked,
}

impl DkimState {
    pub const EVERY: [DkimState; 4] = [DkimState::Pending, DkimState::Active, DkimState::Retired, DkimState::Revoked];

    fn name(self) -> &'static str {
        match self {
            DkimState::Pending => "PENDING",
            DkimState::Active => "ACTIVE",
            DkimState::Retired => "RETIRED",
            DkimState::Revoked => "REVOKED",
        }
    }

    fn parse(text: &str) -> Result<DkimState> {
        let known = DkimState::EVERY.into_iter().find(|s| s.name() == text);
        known.ok_or_else(|| Error::new(Code::Internal, "", "a stored state is damaged"))
    }
}

/// A key as shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DkimKeyShown {
    pub selector: String,
    pub algorithm: DkimAlgorithm,
    pub state: DkimState,
    /// The text of its record.
    pub record: String,
    pub created_at_ms: i64,
    /// When it came to what it is.
    pub turned_at_ms: i64,
}

const ALGORITHMS: [DkimAlgorithm; 2] = [DkimAlgorithm::RsaSha256, DkimAlgorithm::Ed25519Sha256];

impl Service {
    /// Makes the first keys of a claim, and the next ones of a domain whose keys have signed long enough. Without a sealing
    /// key nothing is made.
    pub(crate) async fn keys_made(&self, name: &str, tenant: TenantId) -> Result<()> {
        if self.domains.sealing_key.is_none() {
            return Ok(());
        }
        let mut connection = self.pool().acquire().await?;
        let keys = self.dkim_keys_of(&mut connection, name, tenant).await?;
        drop(connection);
        let old = self.now().0.saturating_sub(millis(DKIM_KEY_LIFE));
        for algorithm in ALGORITHMS {
            let of: Vec<&DkimKeyShown> = keys.iter().filter(|k| k.algorithm == algorithm).collect();
            let pending = of.iter().any(|k| k.state == DkimState::Pending);
            let fresh = of.iter().any(|k| k.state == DkimState::Active && k.turned_at_ms > old);
            if !pending && !fresh {
                let made = made(algorithm).await?;
                let mut txn = self.begin().await?;
                self.insert_key(&mut txn, name, tenant, &made).await?;
                txn.commit().await?;
            }
        }
        Ok(())
    }

    /// Begins to turn the keys of a domain: new ones are made, to be published; those that sign go on until the new ones are
    /// seen. `InUse` while new ones wait to be published.
    pub async fn dkim_rotate(
        &self,
        actor: &Actor,
        terms: &Terms,
        name: &str,
        tenant: Option<TenantId>,
    ) -> Result<Done<Domain>> {
        if self.domains.sealing_key.is_none() {
            return Err(Error::new(Code::Invalid, "", "The server keeps no keys: it has no sealing key"));
        }
        let mut new = Vec::new();
        for algorithm in ALGORITHMS {
            new.push(made(algorithm).await?);
        }
        let request = Request::new("dkimRotate", format!("{name} {tenant:?}"));
        let mut work = match self.start(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        let domain = self.claim_in(&mut work.txn, actor, Permission::DomainWrite, name, tenant).await?;
        work.expect(domain.version)?;
        let keys = self.dkim_keys_of(&mut work.txn, &domain.name, domain.tenant).await?;
        if keys.iter().any(|k| k.state == DkimState::Pending) {
            return Err(Error::new(Code::InUse, "name", "Keys are waiting to be published: publish them first"));
        }
        for made in &new {
            self.insert_key(&mut work.txn, &domain.name, domain.tenant, made).await?;
        }
        query("UPDATE claim SET due_at = $3, quiet_checks = 0, version = version + 1 WHERE name = $1 AND tenant = $2")
            .bind(&domain.name)
            .bind(domain.tenant.to_string())
            .bind(self.now().0)
            .execute(&mut work.txn)
            .await?;
        self.finish_domain(work, actor, "dkimRotate", (&domain.name, domain.tenant), Vec::new()).await
    }

    async fn insert_key(&self, txn: &mut Connection, name: &str, tenant: TenantId, made: &key::Made) -> Result<()> {
        let Some(sealing) = &self.domains.sealing_key else { return Ok(()) };
        let count = query("SELECT COUNT(*) AS n FROM dkim_key WHERE name = $1 AND tenant = $2")
            .bind(name)
            .bind(tenant.to_string())
            .fetch_one(&mut *txn)
            .await?;
        if number(&count, "n")? >= DKIM_KEYS_MAX {
            return Err(Error::new(Code::LimitReached, "name", "The domain has too many keys (DKIM_KEYS_MAX)"));
        }
        let algorithm = key::name(made.algorithm);
        let selector = random::<4>()?.iter().fold(format!("ph-{algorithm}-"), |s, b| format!("{s}{b:02x}"));
        query(
            "INSERT INTO dkim_key (name, tenant, selector, algorithm, state, private_key, public_key, created_at, turned_at) \
             VALUES ($1, $2, $3, $4, 'PENDING', $5, $6, $7, $7)",
        )
        .bind(name)
        .bind(tenant.to_string())
        .bind(&selector)
        .bind(algorithm)
        .bind(sealing.seal(&place(name, tenant, &selector), &made.private)?)
        .bind(&made.public)
        .bind(self.now().0)
        .execute(txn)
        .await?;
        Ok(())
    }

    /// Turns keys by what was seen of their records; whether those that sign are others now.
    pub(crate) async fn keys_turned(
        &self,
        txn: &mut Connection,
        tenant: TenantId,
        name: &str,
        seen: &[Checked],
    ) -> Result<bool> {
        let mut changed = false;
        let now = self.now().0;
        for key in self.dkim_keys_of(txn, name, tenant).await? {
            let host = format!("{}._domainkey.{name}", key.selector);
            let there = seen.iter().any(|c| c.purpose == Purpose::Dkim && c.name == host && c.status == Status::Match);
            let age = now.saturating_sub(key.turned_at_ms);
            match key.state {
                DkimState::Pending if there => {
                    self.retire_active(txn, (name, tenant), key.algorithm).await?;
                    self.turn_one(txn, (name, tenant), &key.selector, DkimState::Active).await?;
                    changed = true;
                }
                DkimState::Retired if age >= millis(DKIM_RETIRED_LIFE) => {
                    self.turn_one(txn, (name, tenant), &key.selector, DkimState::Revoked).await?;
                }
                DkimState::Revoked if age >= millis(DKIM_REVOKED_LIFE) => {
                    query("DELETE FROM dkim_key WHERE name = $1 AND tenant = $2 AND selector = $3")
                        .bind(name)
                        .bind(tenant.to_string())
                        .bind(&key.selector)
                        .execute(&mut *txn)
                        .await?;
                }
                DkimState::Pending | DkimState::Active | DkimState::Retired | DkimState::Revoked => {}
            }
        }
        Ok(changed)
    }

    async fn retire_active(
        &self,
        txn: &mut Connection,
        (name, tenant): (&str, TenantId),
        algorithm: DkimAlgorithm,
    ) -> Result<()> {
        query(
            "UPDATE dkim_key SET state = 'RETIRED', turned_at = $4 \
             WHERE name = $1 AND tenant = $2 AND algorithm = $3 AND state = 'ACTIVE'",
        )
        .bind(name)
        .bind(tenant.to_string())
        .bind(key::name(algorithm))
        .bind(self.now().0)
        .execute(txn)
        .await?;
        Ok(())
    }

    async fn turn_one(
        &self,
        txn: &mut Connection,
        (name, tenant): (&str, TenantId),
        selector: &str,
        state: DkimState,
    ) -> Result<()> {
        query("UPDATE dkim_key SET state = $4, turned_at = $5 WHERE name = $1 AND tenant = $2 AND selector = $3")
            .bind(name)
            .bind(tenant.to_string())
            .bind(selector)
            .bind(state.name())
            .bind(self.now().0)
            .execute(txn)
            .await?;
        Ok(())
    }

    pub(crate) async fn dkim_keys_of(
        &self,
        txn: &mut Connection,
        name: &str,
        tenant: TenantId,
    ) -> Result<Vec<DkimKeyShown>> {
        let rows = query("SELECT * FROM dkim_key WHERE name = $1 AND tenant = $2 ORDER BY created_at, selector")
            .bind(name)
            .bind(tenant.to_string())
            .fetch_all(txn)
            .await?;
        rows.iter().map(from_row).collect()
    }

    /// The keys of a domain, without what is private.
    pub async fn dkim_keys(&self, actor: &Actor, name: &str, tenant: TenantId) -> Result<Vec<DkimKeyShown>> {
        let mut connection = self.reader(actor).await?;
        let domain = self.claim_in(&mut connection, actor, Permission::DomainRead, name, Some(tenant)).await?;
        self.dkim_keys_of(&mut connection, &domain.name, domain.tenant).await
    }

    /// Records of the keys of a domain.
    pub(crate) async fn dkim_records(
        &self,
        txn: &mut Connection,
        name: &str,
        tenant: TenantId,
    ) -> Result<Vec<DkimRecord>> {
        let keys = self.dkim_keys_of(txn, name, tenant).await?;
        Ok(keys.iter().map(record_of).collect())
    }

    /// Keys that sign, opened: for the data plane alone.
    pub(crate) async fn signing_keys(
        &self,
        txn: &mut Connection,
        name: &str,
        tenant: TenantId,
    ) -> Result<Vec<DkimKey>> {
        let Some(sealing) = &self.domains.sealing_key else { return Ok(Vec::new()) };
        let rows = query(
            "SELECT * FROM dkim_key WHERE name = $1 AND tenant = $2 AND state = 'ACTIVE' ORDER BY algorithm DESC, selector",
        )
        .bind(name)
        .bind(tenant.to_string())
        .fetch_all(txn)
        .await?;
        let mut keys = Vec::with_capacity(rows.len());
        for row in &rows {
            let selector = text(row, "selector")?;
            let private = sealing.open(&place(name, tenant, &selector), &text(row, "private_key")?)?;
            let algorithm = key::parse(&text(row, "algorithm")?);
            keys.push(DkimKey { selector, algorithm, private_key: STANDARD.encode(private) });
        }
        Ok(keys)
    }
}

async fn made(algorithm: DkimAlgorithm) -> Result<key::Made> {
    let making = tokio::task::spawn_blocking(move || key::make(algorithm)).await;
    making.map_err(|_| Error::new(Code::Internal, "", "making a key failed"))?
}

/// What a sealed key is bound to.
fn place(name: &str, tenant: TenantId, selector: &str) -> String {
    format!("dkim {tenant} {name} {selector}")
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

/// The record of a key.
pub(crate) fn record_of(key: &DkimKeyShown) -> DkimRecord {
    DkimRecord {
        selector: key.selector.clone(),
        text: key.record.clone(),
        required: matches!(key.state, DkimState::Pending | DkimState::Active),
    }
}

pub(crate) fn from_row(row: &Row) -> Result<DkimKeyShown> {
    let algorithm = key::parse(&text(row, "algorithm")?);
    let state = DkimState::parse(&text(row, "state")?)?;
    Ok(DkimKeyShown {
        record: key::record(algorithm, &text(row, "public_key")?, state == DkimState::Revoked),
        selector: text(row, "selector")?,
        algorithm,
        state,
        created_at_ms: number(row, "created_at")?,
        turned_at_ms: number(row, "turned_at")?,
    })
}
