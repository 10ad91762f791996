//! SUMMARY    What was done in a tenant.
//! INVARIANTS Entries are only added, in the transaction of what they tell.

use crate::{
    Actor, Page, Permission, Result, Service,
    db::Row,
    page::Statements,
    rows::{number, text},
};
use base::TenantId;

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
    /// Entries of a tenant's audit log, newest first, a page of them; and how many there are.
    pub async fn audit_entries(&self, actor: &Actor, tenant: TenantId, page: &Page) -> Result<(Vec<AuditEntry>, i64)> {
        let mut connection = self.pool().acquire().await?;
        self.permit(&mut connection, actor, Permission::AuditRead, tenant).await?;
        let list = Statements {
            forward: "SELECT * FROM audit WHERE tenant = $1 AND seq < $2 ORDER BY seq DESC LIMIT $3",
            backward: "SELECT * FROM audit WHERE tenant = $1 AND seq > $2 ORDER BY seq LIMIT $3",
            count: "SELECT COUNT(*) AS n FROM audit WHERE tenant = $1",
        };
        let end = if page.backward { 0 } else { i64::MAX };
        let from = match &page.cursor {
            Some(cursor) => cursor.parse().map_err(|_| page.not_a_cursor())?,
            None => end,
        };
        let (rows, count) = page.rows(&mut connection, &list, &[tenant.to_string()], vec![from.into()]).await?;
        Ok((rows.iter().map(from_row).collect::<Result<_>>()?, count))
    }
}

fn from_row(row: &Row) -> Result<AuditEntry> {
    Ok(AuditEntry {
        seq: number(row, "seq")?,
        at_ms: number(row, "at")?,
        actor: text(row, "actor")?,
        action: text(row, "action")?,
        object: text(row, "object")?,
        detail: text(row, "detail")?,
    })
}
