//! SUMMARY    Suspension: a hold is a row that says who restricts whom and why; what a subject may do is derived.
//! LIMITS     REASON_CHARS_MAX, TREE_DEPTH_MAX
//! INVARIANTS What a tenant may do is what it and every tenant above it may do. A hold is released only by the tenant that
//!            placed it, or one above that. A tenant has at most one open hold on a subject.

use crate::{
    Actor, Code, Error, Limits, Result, Service,
    db::{Connection, Row, query},
    limits::REASON_CHARS_MAX,
    rows::{fresh_id, id, json_list, number, text},
    tree::depth_max,
};
use base::{AccountId, TenantId};
use control::{Capabilities, Change};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// A restriction that is in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Shown to users at every door.
    pub reason: String,
    /// The tenant whose token placed it.
    pub placed_by: TenantId,
    pub placed_at_ms: i64,
    /// The tenant it was placed on; `None` on a mailbox.
    pub on_tenant: Option<TenantId>,
}

/// The reason of a hold, as one line that every protocol can show.
pub(crate) fn parse_reason(reason: &str) -> Result<String> {
    let reason = reason.trim();
    if reason.is_empty() || reason.chars().count() > REASON_CHARS_MAX || reason.chars().any(char::is_control) {
        let message = format!("A reason is one line of 1 to {REASON_CHARS_MAX} characters (REASON_CHARS_MAX)");
        return Err(Error::new(Code::Invalid, "reason", message));
    }
    Ok(reason.to_owned())
}

impl Service {
    /// Places a hold of the actor's tenant on a subject; an earlier one of the same tenant ends.
    pub(crate) async fn place_hold(
        &self,
        txn: &mut Connection,
        actor: &Actor,
        tenant: TenantId,
        subject: &str,
        reason: &str,
    ) -> Result<()> {
        let reason = parse_reason(reason)?;
        query(
            "UPDATE hold SET released_at = $2 WHERE subject = $1 AND kind = 'admin' AND released_at IS NULL \
             AND placed_by_tenant = $3",
        )
        .bind(subject)
        .bind(self.now().0)
        .bind(actor.tenant.to_string())
        .execute(&mut *txn)
        .await?;
        query(
            "INSERT INTO hold (id, tenant, subject, kind, reason, placed_by, placed_by_tenant, placed_at) \
             VALUES ($1, $2, $3, 'admin', $4, $5, $6, $7)",
        )
        .bind(fresh_id("hld_")?)
        .bind(tenant.to_string())
        .bind(subject)
        .bind(reason)
        .bind(&actor.name)
        .bind(actor.tenant.to_string())
        .bind(self.now().0)
        .execute(txn)
        .await?;
        Ok(())
    }

    /// Releases the holds on a subject that the actor's tenant, or one below it, placed. `Forbidden` when there are only others.
    pub(crate) async fn release_holds(&self, txn: &mut Connection, actor: &Actor, subject: &str) -> Result<()> {
        let open = query("SELECT id, placed_by_tenant FROM hold WHERE subject = $1 AND released_at IS NULL")
            .bind(subject)
            .fetch_all(&mut *txn)
            .await?;
        let mut kept = 0;
        for row in &open {
            if !self.is_above(&mut *txn, actor, id(row, "placed_by_tenant")?).await? {
                kept += 1;
                continue;
            }
            query("UPDATE hold SET released_at = $2 WHERE id = $1")
                .bind(text(row, "id")?)
                .bind(self.now().0)
                .execute(&mut *txn)
                .await?;
        }
        if kept > 0 && kept == open.len() {
            let message = "The suspension was placed by a tenant above; only it can end it";
            return Err(Error::new(Code::Forbidden, "", message));
        }
        Ok(())
    }

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
        let rows = query(
            "SELECT subject AS shown_on, hold.* FROM hold WHERE subject IN (SELECT value FROM json_each($1)) \
             AND released_at IS NULL ORDER BY placed_at",
        )
        .bind(json_list(accounts))
        .fetch_all(txn)
        .await?;
        HoldsOf::new(&rows)
    }

    /// Raises the version of a tenant alone, and gives what the data plane is to know of it.
    pub(crate) async fn entitlement_again(&self, txn: &mut Connection, tenant: TenantId) -> Result<Change> {
        query("UPDATE tenant SET version = version + 1 WHERE id = $1")
            .bind(tenant.to_string())
            .execute(&mut *txn)
            .await?;
        self.entitlement(txn, tenant).await
    }

    /// What the data plane is to know of a tenant whose grants changed: nothing while it has no limit itself.
    pub(crate) async fn entitlement_of_grantor(
        &self,
        txn: &mut Connection,
        tenant: TenantId,
    ) -> Result<Option<Change>> {
        if self.limits_in(txn, tenant).await? == Limits::default() {
            return Ok(None);
        }
        self.entitlement_again(txn, tenant).await.map(Some)
    }

    /// Raises the versions of a tenant and all below it, and gives what the data plane is to know of them.
    pub(crate) async fn entitlements_below(&self, txn: &mut Connection, tenant: TenantId) -> Result<Vec<Change>> {
        let rows = query(
            "WITH RECURSIVE below (id, depth) AS (SELECT $1, 0 \
             UNION ALL SELECT t.id, below.depth + 1 FROM tenant t JOIN below ON t.parent = below.id WHERE below.depth < $2) \
             UPDATE tenant SET version = version + 1 WHERE id IN (SELECT id FROM below) RETURNING id",
        )
        .bind(tenant.to_string())
        .bind(depth_max())
        .fetch_all(&mut *txn)
        .await?;
        let mut batch = Vec::with_capacity(rows.len());
        for row in &rows {
            batch.push(self.entitlement(txn, id(row, "id")?).await?);
        }
        Ok(batch)
    }
}

/// Open holds by what they are shown on.
pub(crate) struct HoldsOf(HashMap<String, Vec<Hold>>);

impl HoldsOf {
    fn new(rows: &[Row]) -> Result<Self> {
        let mut holds: HashMap<String, Vec<Hold>> = HashMap::new();
        for row in rows {
            holds.entry(text(row, "shown_on")?).or_default().push(from_row(row)?);
        }
        Ok(HoldsOf(holds))
    }

    pub(crate) fn of(&mut self, subject: &str) -> Vec<Hold> {
        self.0.remove(subject).unwrap_or_default()
    }
}

/// What holds leave, and why.
pub(crate) fn standing(holds: &[Hold]) -> (Capabilities, String) {
    let capabilities = if holds.is_empty() { Capabilities::ALL } else { Capabilities::NONE };
    (capabilities, holds.iter().map(|h| h.reason.as_str()).collect::<Vec<_>>().join("; "))
}

fn from_row(row: &Row) -> Result<Hold> {
    Ok(Hold {
        reason: text(row, "reason")?,
        placed_by: id(row, "placed_by_tenant")?,
        placed_at_ms: number(row, "placed_at")?,
        on_tenant: text(row, "subject")?.parse().ok(),
    })
}
