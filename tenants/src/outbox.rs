//! SUMMARY    Telling the data plane: snapshots from rows, the outbox, and the relay that empties it in order.
//! INVARIANTS Batches are applied in the order of their commits; one that cannot be applied stays first and is tried again.
//!            A batch holds whole snapshots, so that applying it twice, or after a newer one, is harmless.

use crate::{
    Code, Error, Result, Service,
    rows::{id, number, optional, text},
};
use base::{AccountId, TenantId};
use control::{
    AccountSnapshot, AddressSnapshot, Capabilities, Change, Control, CredentialKind, CredentialSnapshot, Destination,
    DomainSnapshot, EntitlementSnapshot,
};
use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};
use std::{sync::Arc, time::Duration};
use tokio::sync::{Mutex, watch};

/// Longest wait of a mutation for the data plane.
const APPLY_TIMEOUT: Duration = Duration::from_secs(2);
/// Pause between tries of the background relay.
const RELAY_PAUSE: Duration = Duration::from_secs(1);

/// Whether the data plane has taken a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    Done,
    /// It does not answer; the change will be applied when it does.
    Pending,
}

pub(crate) struct Relay {
    pub(crate) control: Arc<dyn Control>,
    turn: Mutex<()>,
}

impl Relay {
    pub(crate) fn new(control: Arc<dyn Control>) -> Self {
        Relay { control, turn: Mutex::new(()) }
    }
}

impl Service {
    /// Puts a batch into the outbox of this transaction.
    pub(crate) async fn tell(&self, txn: &mut SqliteConnection, batch: &[Change]) -> Result<()> {
        let body = serde_json::to_string(batch).map_err(|e| Error::new(Code::Internal, "", e.to_string()))?;
        sqlx::query("INSERT INTO outbox (batch, created_at) VALUES ($1, $2)")
            .bind(body)
            .bind(self.now().0)
            .execute(txn)
            .await?;
        Ok(())
    }

    /// Brings everything committed to the data plane, or says that it is pending.
    pub(crate) async fn settle(&self) -> Applied {
        match tokio::time::timeout(APPLY_TIMEOUT, self.drain()).await {
            Ok(Ok(())) => Applied::Done,
            Ok(Err(e)) => {
                tracing::warn!(error = %e, "data plane did not take a change");
                Applied::Pending
            }
            Err(_) => Applied::Pending,
        }
    }

    async fn drain(&self) -> Result<()> {
        let _turn = self.relay.turn.lock().await;
        loop {
            let next =
                sqlx::query("SELECT seq, batch FROM outbox ORDER BY seq LIMIT 1").fetch_optional(self.pool()).await?;
            let Some(row) = next else { return Ok(()) };
            let batch: Vec<Change> = serde_json::from_str(&text(&row, "batch")?)
                .map_err(|e| Error::new(Code::Internal, "", format!("outbox: {e}")))?;
            self.relay.control.apply(batch).await.map_err(|e| Error::new(Code::Internal, "", e.to_string()))?;
            sqlx::query("DELETE FROM outbox WHERE seq = $1").bind(number(&row, "seq")?).execute(self.pool()).await?;
        }
    }

    /// Relays what is pending until `stop`.
    pub async fn run_relay(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            if let Err(e) = self.drain().await {
                tracing::warn!(error = %e, "relay");
            }
            tokio::select! {
                () = tokio::time::sleep(RELAY_PAUSE) => {}
                _ = stop.changed() => {}
            }
        }
    }

    /// Sends every snapshot again: after the data plane was restored from a backup, or to be sure.
    pub async fn resend_all(&self) -> Result<()> {
        let mut txn = self.begin().await?;
        for row in sqlx::query("SELECT id FROM tenant").fetch_all(&mut *txn).await? {
            let tenant = id(&row, "id")?;
            let mut batch = vec![self.entitlement(&mut txn, tenant).await?];
            for row in query_all(&mut txn, "SELECT name FROM domain WHERE tenant = $1", tenant).await? {
                batch.push(self.domain_snapshot(&mut txn, &text(&row, "name")?).await?);
            }
            for row in query_all(&mut txn, "SELECT * FROM address WHERE tenant = $1", tenant).await? {
                batch.push(address_snapshot(&row)?);
            }
            for row in query_all(&mut txn, "SELECT id FROM mailbox WHERE tenant = $1", tenant).await? {
                batch.push(self.account_snapshot(&mut txn, id(&row, "id")?).await?);
            }
            for part in batch.chunks(1000) {
                self.tell(&mut txn, part).await?;
            }
        }
        txn.commit().await?;
        self.drain().await
    }

    /// Snapshot of what a tenant may do and use.
    pub(crate) async fn entitlement(&self, txn: &mut SqliteConnection, tenant: TenantId) -> Result<Change> {
        let row =
            sqlx::query("SELECT * FROM tenant WHERE id = $1").bind(tenant.to_string()).fetch_one(&mut *txn).await?;
        let (capabilities, reason) = self.capabilities(txn, &tenant.to_string()).await?;
        let limit = |column| Ok::<_, Error>(optional(&row, column)?.and_then(|n| u64::try_from(n).ok()));
        Ok(Change::Entitlement(EntitlementSnapshot {
            tenant,
            version: version(&row)?,
            capabilities,
            reason,
            storage_bytes_max: limit("storage_bytes_max")?,
            messages_per_hour_max: limit("messages_per_hour_max")?.map(|n| u32::try_from(n).unwrap_or(u32::MAX)),
        }))
    }

    pub(crate) async fn domain_snapshot(&self, txn: &mut SqliteConnection, name: &str) -> Result<Change> {
        let row = sqlx::query("SELECT * FROM domain WHERE name = $1").bind(name).fetch_one(txn).await?;
        Ok(Change::Domain(DomainSnapshot {
            domain: name.to_owned(),
            version: version(&row)?,
            tenant: id(&row, "tenant")?,
            live: number(&row, "live")? != 0,
            catch_all: row.try_get("catch_all")?,
            plus_addressing: number(&row, "plus_addressing")? != 0,
        }))
    }

    pub(crate) async fn account_snapshot(&self, txn: &mut SqliteConnection, account: AccountId) -> Result<Change> {
        let key = account.to_string();
        let row = sqlx::query("SELECT * FROM mailbox WHERE id = $1").bind(&key).fetch_one(&mut *txn).await?;
        let tenant: TenantId = id(&row, "tenant")?;
        let (capabilities, reason) = self.capabilities(txn, &key).await?;
        let mut credentials = Vec::new();
        for c in sqlx::query("SELECT * FROM credential WHERE mailbox = $1 ORDER BY created_at")
            .bind(&key)
            .fetch_all(&mut *txn)
            .await?
        {
            credentials.push(CredentialSnapshot {
                id: text(&c, "id")?,
                kind: if text(&c, "kind")? == "app" { CredentialKind::AppPassword } else { CredentialKind::Password },
                argon2: text(&c, "argon2")?,
                scram_sha256: text(&c, "scram")?,
                expires_at: None,
            });
        }
        Ok(Change::Account(AccountSnapshot {
            id: account,
            tenant,
            version: version(&row)?,
            address: text(&row, "address")?,
            display_name: text(&row, "display_name")?,
            live: number(&row, "live")? != 0,
            capabilities,
            reason,
            quota_bytes_max: optional(&row, "quota_bytes_max")?.and_then(|n| u64::try_from(n).ok()),
            send_as: self.aliases_of(txn, tenant, &text(&row, "address")?).await?,
            credentials,
        }))
    }

    /// What the holds on a subject leave.
    async fn capabilities(&self, txn: &mut SqliteConnection, subject: &str) -> Result<(Capabilities, String)> {
        let holds =
            sqlx::query("SELECT reason FROM hold WHERE subject = $1 AND released_at IS NULL ORDER BY placed_at")
                .bind(subject)
                .fetch_all(txn)
                .await?;
        let reasons: Vec<String> = holds.iter().map(|r| text(r, "reason")).collect::<Result<_>>()?;
        let capabilities = if reasons.is_empty() { Capabilities::ALL } else { Capabilities::NONE };
        Ok((capabilities, reasons.join("; ")))
    }

    /// Aliases that lead to an address and nowhere else: it may send from them.
    async fn aliases_of(&self, txn: &mut SqliteConnection, tenant: TenantId, address: &str) -> Result<Vec<String>> {
        let only = serde_json::to_string(&[address]).map_err(|e| Error::new(Code::Internal, "", e.to_string()))?;
        let rows =
            sqlx::query("SELECT local, domain FROM address WHERE tenant = $1 AND kind = 'forward' AND targets = $2")
                .bind(tenant.to_string())
                .bind(only)
                .fetch_all(txn)
                .await?;
        rows.iter().map(|r| Ok(format!("{}@{}", text(r, "local")?, text(r, "domain")?))).collect()
    }
}

pub(crate) fn address_snapshot(row: &SqliteRow) -> Result<Change> {
    let destination = match text(row, "kind")?.as_str() {
        "account" => Destination::Account(id(row, "account")?),
        "forward" => Destination::Forward(
            serde_json::from_str(&text(row, "targets")?).map_err(|e| Error::new(Code::Internal, "", e.to_string()))?,
        ),
        _ => Destination::Tombstone,
    };
    Ok(Change::Address(AddressSnapshot {
        local: text(row, "local")?,
        domain: text(row, "domain")?,
        version: version(row)?,
        tenant: id(row, "tenant")?,
        destination,
    }))
}

fn version(row: &SqliteRow) -> Result<u64> {
    Ok(u64::try_from(number(row, "version")?).unwrap_or(0))
}

async fn query_all(txn: &mut SqliteConnection, sql: &'static str, tenant: TenantId) -> Result<Vec<SqliteRow>> {
    Ok(sqlx::query(sql).bind(tenant.to_string()).fetch_all(txn).await?)
}
