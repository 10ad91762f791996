//! SUMMARY    The chain of a tenant's audit log: added to, verified, cut behind a checkpoint.
//! STANDARDS  FIPS 180-4 (SHA-256)
//! LIMITS     AUDIT_PAGE, AUDIT_VERIFY_MAX, AUDIT_KEPT, AUDIT_SWEEP_MAX
//! INVARIANTS hash(n) = SHA-256 of the hex hash(n-1), a line feed and the JSON array [tenant, n, at in ms, actor, onBehalfOf, ip,
//!            action, object, detail]; hash(0) is empty. Cutting keeps the hash of the last entry that goes.

use super::{AuditEntry, from_row};
use crate::{
    Actor, Permission, Result, Service,
    db::{Connection, Many, query},
    limits::{AUDIT_KEPT, AUDIT_PAGE, AUDIT_SWEEP_MAX, AUDIT_VERIFY_MAX},
    password::hex,
    rows::{number, text},
};
use aws_lc_rs::digest::{SHA256, digest};
use base::TenantId;

/// Where a tenant's chain ends.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditHead {
    /// Entries over all time.
    pub number: i64,
    pub hash: String,
}

/// What verifying a chain found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditCheck {
    /// Entries that were verified.
    pub verified: i64,
    /// Place of the first entry that is missing or not what was written, and why.
    pub broken: Option<(i64, String)>,
    /// Where to go on; `None` when the head was reached.
    pub next: Option<i64>,
    pub head: AuditHead,
    /// Up to here entries were cleared away by retention.
    pub checkpoint: AuditHead,
}

impl Service {
    /// Adds entries to a tenant's chain, in their order. The turn to write is the transaction's, so nobody else moves the head
    /// meanwhile.
    pub(super) async fn chain(&self, txn: &mut Connection, tenant: TenantId, entries: &[AuditEntry]) -> Result<()> {
        let mut head = link(txn, "SELECT number, hash FROM audit_head WHERE tenant = $1", tenant).await?;
        let key = tenant.to_string();
        let mut rows = Many::new(
            "INSERT INTO audit (tenant, number, hash, at, actor, on_behalf_of, ip, action, object, detail)",
            "",
        );
        for entry in entries {
            let place = head.number + 1;
            head = AuditHead { number: place, hash: hash(&head.hash, tenant, place, entry) };
            rows.row([
                (&key).into(),
                place.into(),
                (&head.hash).into(),
                entry.at_ms.into(),
                (&entry.actor).into(),
                (&entry.on_behalf_of).into(),
                (&entry.ip).into(),
                (&entry.action).into(),
                (&entry.object).into(),
                (&entry.detail).into(),
            ]);
        }
        rows.execute(txn).await?;
        query(
            "INSERT INTO audit_head (tenant, number, hash) VALUES ($1, $2, $3) \
             ON CONFLICT (tenant) DO UPDATE SET number = $2, hash = $3",
        )
        .bind(key)
        .bind(head.number)
        .bind(head.hash)
        .execute(txn)
        .await?;
        Ok(())
    }

    /// Verifies a tenant's chain behind the entry `after` (0: from the oldest that is kept), AUDIT_VERIFY_MAX entries at most.
    pub async fn audit_verify(&self, actor: &Actor, tenant: TenantId, after: i64) -> Result<AuditCheck> {
        let mut connection = self.reader(actor).await?;
        self.permit(&mut connection, actor, Permission::AuditRead, tenant).await?;
        let head = link(&mut connection, "SELECT number, hash FROM audit_head WHERE tenant = $1", tenant).await?;
        let checkpoint =
            link(&mut connection, "SELECT number, hash FROM audit_checkpoint WHERE tenant = $1", tenant).await?;
        let mut last = if after <= checkpoint.number {
            checkpoint.clone()
        } else {
            let sql = "SELECT number, hash FROM audit WHERE tenant = $1 AND number = $2";
            let row = query(sql).bind(tenant.to_string()).bind(after).fetch_optional(&mut connection).await?;
            match row {
                Some(row) => AuditHead { number: after, hash: text(&row, "hash")? },
                None => AuditHead { number: after, hash: String::new() },
            }
        };
        let mut check = AuditCheck { verified: 0, broken: None, next: None, head, checkpoint };
        while last.number < check.head.number {
            if check.verified >= AUDIT_VERIFY_MAX {
                check.next = Some(last.number);
                return Ok(check);
            }
            let sql = "SELECT * FROM audit WHERE tenant = $1 AND number > $2 AND number <= $3 ORDER BY number LIMIT $4";
            let rows = query(sql)
                .bind(tenant.to_string())
                .bind(last.number)
                .bind(check.head.number)
                .bind(AUDIT_PAGE)
                .fetch_all(&mut connection)
                .await?;
            if rows.is_empty() {
                check.broken = Some((last.number + 1, "the entry is missing".to_owned()));
                return Ok(check);
            }
            for row in &rows {
                let entry = from_row(row)?;
                if let Some(why) = broken(&last, tenant, &entry) {
                    check.broken = Some((last.number + 1, why.to_owned()));
                    return Ok(check);
                }
                last = AuditHead { number: last.number + 1, hash: entry.hash.unwrap_or_default() };
                check.verified += 1;
            }
        }
        if last.number == check.head.number && last.hash != check.head.hash {
            check.broken = Some((last.number, "the head has another hash".to_owned()));
        }
        Ok(check)
    }

    /// Clears away entries older than AUDIT_KEPT of one tenant, behind a checkpoint; how many went.
    pub(crate) async fn audit_sweep(&self) -> Result<u64> {
        let before = self.now().0 - i64::try_from(AUDIT_KEPT.as_millis()).unwrap_or(i64::MAX);
        let mut txn = self.begin().await?;
        let oldest = query("SELECT tenant FROM audit WHERE at < $1 ORDER BY at LIMIT 1")
            .bind(before)
            .fetch_optional(&mut txn)
            .await?;
        let Some(row) = oldest else { return Ok(0) };
        let tenant = text(&row, "tenant")?;
        // Only a run from the oldest on: what follows a kept entry is kept.
        let rows = query(
            "SELECT seq, number, hash FROM audit WHERE tenant = $1 AND at < $2 AND seq < COALESCE((SELECT MIN(seq) FROM audit \
             WHERE tenant = $1 AND at >= $2), 9223372036854775807) ORDER BY seq LIMIT $3",
        )
        .bind(&tenant)
        .bind(before)
        .bind(AUDIT_SWEEP_MAX)
        .fetch_all(&mut txn)
        .await?;
        let Some(last) = rows.last() else { return Ok(0) };
        let seq = number(last, "seq")?;
        query(
            "INSERT INTO audit_checkpoint (tenant, number, seq, hash, at) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (tenant) DO UPDATE SET number = $2, seq = $3, hash = $4, at = $5",
        )
        .bind(&tenant)
        .bind(last.number("number")?.unwrap_or(0))
        .bind(seq)
        .bind(last.text("hash")?.unwrap_or_default())
        .bind(self.now().0)
        .execute(&mut txn)
        .await?;
        let gone = query("DELETE FROM audit WHERE tenant = $1 AND seq <= $2")
            .bind(&tenant)
            .bind(seq)
            .execute(&mut txn)
            .await?;
        txn.commit().await?;
        Ok(gone)
    }
}

/// A place in the chain and its hash; before the first when there is none.
async fn link(txn: &mut Connection, sql: &'static str, tenant: TenantId) -> Result<AuditHead> {
    let row = query(sql).bind(tenant.to_string()).fetch_optional(txn).await?;
    let Some(row) = row else { return Ok(AuditHead::default()) };
    Ok(AuditHead { number: number(&row, "number")?, hash: text(&row, "hash")? })
}

/// Why an entry does not follow.
fn broken(last: &AuditHead, tenant: TenantId, entry: &AuditEntry) -> Option<&'static str> {
    if entry.number != Some(last.number + 1) {
        return Some("the entry is missing");
    }
    let expected = hash(&last.hash, tenant, last.number + 1, entry);
    (entry.hash.as_deref() != Some(expected.as_str())).then_some("the entry, or the one before it, was changed")
}

fn hash(before: &str, tenant: TenantId, place: i64, e: &AuditEntry) -> String {
    let fields = serde_json::json!([
        tenant.to_string(),
        place,
        e.at_ms,
        e.actor,
        e.on_behalf_of,
        e.ip,
        e.action,
        e.object,
        e.detail
    ]);
    hex(&digest(&SHA256, format!("{before}\n{fields}").as_bytes()))
}
