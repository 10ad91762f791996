//! SUMMARY    The tree of tenants: who stands above whom.
//! LIMITS     TREE_DEPTH_MAX, LINES_MAX
//! INVARIANTS A tenant never gets another parent and its id is never given again, so a line that was read once stays true.

use crate::{
    Result, Service,
    db::{Connection, query},
    limits::{LINES_MAX, TREE_DEPTH_MAX},
    rows::{id, json_list},
};
use base::TenantId;
use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

/// Lines of tenants that were read: the tenant itself, then those above it, nearest first.
#[derive(Default)]
pub(crate) struct Lines(RwLock<HashMap<TenantId, Arc<[TenantId]>>>);

impl Lines {
    fn known(&self, tenant: TenantId) -> Option<Arc<[TenantId]>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(&tenant).cloned()
    }

    /// How many stand on the line of a tenant that was read: 1 for the root.
    pub(crate) fn depth(&self, tenant: TenantId) -> Option<usize> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(&tenant).map(|line| line.len())
    }

    fn keep(&self, tenant: TenantId, line: &Arc<[TenantId]>) {
        let mut lines = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if lines.len() >= LINES_MAX {
            lines.clear();
        }
        lines.insert(tenant, line.clone());
    }
}

impl Service {
    /// A tenant and those above it, nearest first; empty when there is no such tenant.
    pub async fn line(&self, txn: &mut Connection, tenant: TenantId) -> Result<Arc<[TenantId]>> {
        if let Some(line) = self.lines.known(tenant) {
            return Ok(line);
        }
        let rows = query(
            "WITH RECURSIVE up (id, parent, depth) AS (SELECT id, parent, 1 FROM tenant WHERE id = $1 UNION ALL \
             SELECT t.id, t.parent, up.depth + 1 FROM tenant t JOIN up ON t.id = up.parent WHERE up.depth < $2) \
             SELECT id FROM up ORDER BY depth",
        )
        .bind(tenant.to_string())
        .bind(depth_max())
        .fetch_all(txn)
        .await?;
        let line: Arc<[TenantId]> = rows.iter().map(|row| id(row, "id")).collect::<Result<Vec<_>>>()?.into();
        if !line.is_empty() {
            self.lines.keep(tenant, &line);
        }
        Ok(line)
    }

    /// Reads the lines of many tenants by one statement, so that asking for each costs none.
    pub(crate) async fn read_lines(&self, txn: &mut Connection, tenants: &[TenantId]) -> Result<()> {
        let unknown: Vec<TenantId> = tenants.iter().copied().filter(|t| self.lines.known(*t).is_none()).collect();
        if unknown.is_empty() {
            return Ok(());
        }
        let rows = query(
            "WITH RECURSIVE up (start, id, parent, depth) AS (SELECT id, id, parent, 1 FROM tenant \
             WHERE id IN (SELECT value FROM json_each($1)) UNION ALL SELECT up.start, t.id, t.parent, up.depth + 1 \
             FROM tenant t JOIN up ON t.id = up.parent WHERE up.depth < $2) SELECT start, id FROM up ORDER BY start, depth",
        )
        .bind(json_list(&unknown))
        .bind(depth_max())
        .fetch_all(txn)
        .await?;
        let mut lines: HashMap<TenantId, Vec<TenantId>> = HashMap::new();
        for row in &rows {
            lines.entry(id(row, "start")?).or_default().push(id(row, "id")?);
        }
        for (tenant, line) in lines {
            self.lines.keep(tenant, &line.into());
        }
        Ok(())
    }

    /// The tenants above, nearest first.
    pub(crate) async fn above(&self, txn: &mut Connection, tenant: TenantId) -> Result<Vec<TenantId>> {
        Ok(self.line(txn, tenant).await?.iter().skip(1).copied().collect())
    }

    /// Whether one of two tenants is the other, or above it.
    pub(crate) async fn on_one_line(&self, txn: &mut Connection, a: TenantId, b: TenantId) -> Result<bool> {
        Ok(self.line(txn, a).await?.contains(&b) || self.line(txn, b).await?.contains(&a))
    }
}

pub(crate) fn depth_max() -> i64 {
    i64::try_from(TREE_DEPTH_MAX).unwrap_or(i64::MAX)
}
