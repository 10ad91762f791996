//! SUMMARY    What the data plane is to know of a tenant: alone, or with all below it.

use crate::{
    Hold, Limits, Probation, Result, Service,
    allocation::Limit,
    db::{Connection, query},
    hold::standing,
    rows::{id, number, optional},
    tree::depth_max,
};
use base::TenantId;
use control::{Change, EntitlementSnapshot, HoldKind, SendLimits};

impl Service {
    /// Snapshot of what a tenant may do and use.
    pub(crate) async fn entitlement(&self, txn: &mut Connection, tenant: TenantId) -> Result<Change> {
        let row = query("SELECT * FROM tenant WHERE id = $1").bind(tenant.to_string()).fetch_one(&mut *txn).await?;
        let holds = self.seen_holds(txn, tenant).await?;
        let (capabilities, reason, restrictions) = standing(&holds);
        let ancestors = self.above(txn, tenant).await?;
        let sending = |column: &str| -> Result<Option<u32>> {
            let limit = optional(&row, column)?;
            Ok(limit.map(|n| u32::try_from(n).unwrap_or(u32::MAX)))
        };
        let send = SendLimits {
            per_hour: sending("messages_per_hour_max")?,
            per_day: sending("recipients_per_day_max")?,
            new_recipients_per_day: sending("new_recipients_per_day_max")?,
        };
        let send = match row.text("probation")?.and_then(|name| Probation::parse(&name)) {
            Some(probation) => {
                let now = self.now().0;
                probation.over(send, optional(&row, "probation_since")?.unwrap_or(now), now)
            }
            None => send,
        };
        Ok(Change::Entitlement(EntitlementSnapshot {
            capabilities,
            reason,
            restrictions,
            ancestors,
            storage_bytes_max: self.own_limit(txn, tenant, Limit::StorageBytes).await?,
            storage_grace_bytes: u64::try_from(number(&row, "storage_grace_bytes")?).unwrap_or(0),
            send,
            legal_hold: holds.iter().any(|h| h.kind == HoldKind::Legal),
            expunged_days: self.email_recovery(txn, &row).await?,
            ..EntitlementSnapshot::new(tenant, u64::try_from(number(&row, "version")?).unwrap_or(0))
        }))
    }

    /// Open holds on a tenant and those above it, as the tenant may see them.
    pub(crate) async fn seen_holds(&self, txn: &mut Connection, tenant: TenantId) -> Result<Vec<Hold>> {
        let holds = self.tenant_holds(txn, &[tenant]).await?.of(&tenant.to_string());
        Ok(as_seen_by(tenant, holds))
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

/// Holds on a tenant and those above it, as the tenant may see them: what a tenant above owes is not told.
pub(crate) fn as_seen_by(tenant: TenantId, mut holds: Vec<Hold>) -> Vec<Hold> {
    for hold in holds.iter_mut().filter(|h| h.kind == HoldKind::Billing && h.on_tenant() != Some(tenant)) {
        hold.kind = HoldKind::UpstreamBilling;
        hold.code = "UPSTREAM_BILLING".into();
        hold.reason = "The service of your provider is restricted.".into();
        hold.next_step = "Ask your provider.".into();
    }
    holds
}
