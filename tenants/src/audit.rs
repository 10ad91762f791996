//! SUMMARY    What was done in a tenant, and what it uses.
//! INVARIANTS Entries are only added, in the transaction of what they tell.

use crate::{
    Actor, Code, Error, Result, Service,
    rows::{number, text},
};
use base::TenantId;
use control::Usage;
use sqlx::sqlite::SqliteRow;

/// One entry of the audit log.
#[derive(Debug, Clone)]
pub struct AuditEntry {
    pub seq: i64,
    pub at_ms: i64,
    pub actor: String,
    pub action: String,
    pub object: String,
    pub detail: String,
}

impl Service {
    /// Entries of a tenant's audit log, newest first, older than `before`; and how many there are.
    pub async fn audit_entries(
        &self,
        actor: &Actor,
        tenant: TenantId,
        before: Option<i64>,
        first: u32,
    ) -> Result<(Vec<AuditEntry>, i64)> {
        let mut connection = self.pool().acquire().await?;
        self.reach(&mut connection, actor, tenant).await?;
        let rows = sqlx::query("SELECT * FROM audit WHERE tenant = $1 AND seq < $2 ORDER BY seq DESC LIMIT $3")
            .bind(tenant.to_string())
            .bind(before.unwrap_or(i64::MAX))
            .bind(i64::from(first))
            .fetch_all(&mut *connection)
            .await?;
        let count = sqlx::query("SELECT COUNT(*) AS n FROM audit WHERE tenant = $1")
            .bind(tenant.to_string())
            .fetch_one(&mut *connection)
            .await?;
        Ok((rows.iter().map(from_row).collect::<Result<_>>()?, number(&count, "n")?))
    }

    /// What a tenant uses now, as the data plane counts it.
    pub async fn usage(&self, actor: &Actor, tenant: TenantId) -> Result<Usage> {
        let mut connection = self.pool().acquire().await?;
        self.reach(&mut connection, actor, tenant).await?;
        self.relay.control.usage(tenant).await.map_err(|e| Error::new(Code::Internal, "", e.to_string()))
    }
}

fn from_row(row: &SqliteRow) -> Result<AuditEntry> {
    Ok(AuditEntry {
        seq: number(row, "seq")?,
        at_ms: number(row, "at")?,
        actor: text(row, "actor")?,
        action: text(row, "action")?,
        object: text(row, "object")?,
        detail: text(row, "detail")?,
    })
}
