//! SUMMARY    Open holds of subjects.

use super::{Hold, Subject, policy};
use crate::{
    Result, Service,
    db::{Connection, Row, query},
    rows::{id, json_list, number, optional, text},
    tree::depth_max,
};
use base::{AccountId, TenantId};
use std::collections::HashMap;

impl Service {
    /// Open holds on tenants and on those above them, of the highest tenant first.
    pub(crate) async fn tenant_holds(&self, txn: &mut Connection, tenants: &[TenantId]) -> Result<HoldsOf> {
        let rows = query(
            "WITH RECURSIVE up (start, id, depth) AS (SELECT value, value, 0 FROM json_each($1) \
             UNION ALL SELECT up.start, t.parent, up.depth + 1 FROM tenant t JOIN up ON t.id = up.id \
             WHERE t.parent IS NOT NULL AND up.depth < $2) \
             SELECT up.start AS shown_on, h.* FROM hold h JOIN up ON h.subject = up.id WHERE h.released_at IS NULL \
             ORDER BY up.depth DESC, h.placed_at",
        )
        .bind(json_list(tenants))
        .bind(depth_max())
        .fetch_all(txn)
        .await?;
        HoldsOf::new(&rows)
    }

    /// Open holds on mailboxes themselves.
    pub(crate) async fn mailbox_holds(&self, txn: &mut Connection, accounts: &[AccountId]) -> Result<HoldsOf> {
        self.holds_on(txn, accounts).await
    }

    /// Open holds on subjects themselves, by their ids.
    pub(crate) async fn holds_on<T: ToString>(&self, txn: &mut Connection, subjects: &[T]) -> Result<HoldsOf> {
        let rows = query(
            "SELECT subject AS shown_on, hold.* FROM hold WHERE subject IN (SELECT value FROM json_each($1)) \
             AND released_at IS NULL ORDER BY placed_at",
        )
        .bind(json_list(subjects))
        .fetch_all(txn)
        .await?;
        HoldsOf::new(&rows)
    }
}

/// Open holds by what they are shown on.
#[derive(Default)]
pub(crate) struct HoldsOf(HashMap<String, Vec<Hold>>);

impl HoldsOf {
    fn new(rows: &[Row]) -> Result<Self> {
        let mut holds: HashMap<String, Vec<Hold>> = HashMap::new();
        for row in rows {
            holds.entry(text(row, "shown_on")?).or_default().push(from_row(row)?);
        }
        Ok(HoldsOf(holds))
    }

    /// Those on one.
    pub(crate) fn on(&self, subject: &str) -> &[Hold] {
        self.0.get(subject).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn of(&mut self, subject: &str) -> Vec<Hold> {
        self.0.remove(subject).unwrap_or_default()
    }
}

pub(super) fn from_row(row: &Row) -> Result<Hold> {
    Ok(Hold {
        id: text(row, "id")?,
        kind: policy::parse_kind(&text(row, "kind")?)?,
        code: text(row, "code")?,
        reason: text(row, "reason")?,
        next_step: text(row, "next_step")?,
        blocks: policy::parse_blocks(&text(row, "blocks")?)?,
        placed_by: id(row, "placed_by_tenant")?,
        placed_at_ms: number(row, "placed_at")?,
        expires_at_ms: optional(row, "expires_at")?,
        on: Subject::parse(&text(row, "subject")?)?,
    })
}
