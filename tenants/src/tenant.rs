//! SUMMARY    Tenants: create, limits, suspend, resume, list.
//! INVARIANTS A suspended tenant has an open hold; resuming releases it. The state shown is derived from holds.

use crate::{
    Actor, Applied, Code, Error, Result, Service,
    rows::{fresh_id, id, number, optional, text, to_sql},
};
use base::TenantId;
use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};

/// What a tenant may have; `None` = unlimited.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Limits {
    pub max_domains: Option<u64>,
    pub max_mailboxes: Option<u64>,
    pub storage_bytes_max: Option<u64>,
    pub messages_per_hour_max: Option<u64>,
}

/// A tenant as shown.
#[derive(Debug, Clone)]
pub struct Tenant {
    pub id: TenantId,
    pub parent: Option<TenantId>,
    pub name: String,
    pub limits: Limits,
    pub suspended: bool,
    pub version: i64,
}

impl Service {
    /// Sets the limits; what exists stays, new things are refused over the limit.
    pub async fn tenant_update(
        &self,
        actor: &Actor,
        tenant: TenantId,
        limits: &Limits,
        expected_version: Option<i64>,
    ) -> Result<(Tenant, Applied)> {
        let mut txn = self.begin_as(actor).await?;
        self.reach(&mut txn, actor, tenant).await?;
        if tenant == actor.tenant && !actor.operator {
            return Err(Error::new(Code::Forbidden, "tenantId", "A tenant cannot change its own limits"));
        }
        let now = self.tenant_in(&mut txn, tenant).await?;
        if expected_version.is_some_and(|v| v != now.version) {
            return Err(Error::new(Code::StaleObject, "expectedVersion", format!("The version is {}", now.version)));
        }
        sqlx::query(
            "UPDATE tenant SET max_domains = $2, max_mailboxes = $3, storage_bytes_max = $4, messages_per_hour_max = $5, \
             version = version + 1 WHERE id = $1",
        )
        .bind(tenant.to_string())
        .bind(to_sql(limits.max_domains, "maxDomains")?)
        .bind(to_sql(limits.max_mailboxes, "maxMailboxes")?)
        .bind(to_sql(limits.storage_bytes_max, "storageBytesMax")?)
        .bind(to_sql(limits.messages_per_hour_max, "messagesPerHourMax")?)
        .execute(&mut *txn)
        .await?;
        self.audit(&mut txn, actor, tenant, "tenantUpdate", &tenant.to_string(), &format!("{limits:?}")).await?;
        let entitlement = self.entitlement(&mut txn, tenant).await?;
        self.tell(&mut txn, &[entitlement]).await?;
        let updated = self.tenant_in(&mut txn, tenant).await?;
        txn.commit().await?;
        Ok((updated, self.settle().await))
    }

    /// Places or releases the admin hold of a tenant.
    pub async fn tenant_hold(
        &self,
        actor: &Actor,
        tenant: TenantId,
        reason: Option<&str>,
    ) -> Result<(Tenant, Applied)> {
        let mut txn = self.begin_as(actor).await?;
        self.reach(&mut txn, actor, tenant).await?;
        if tenant == actor.tenant && !actor.operator {
            return Err(Error::new(Code::Forbidden, "tenantId", "A tenant cannot suspend or resume itself"));
        }
        self.hold(&mut txn, actor, tenant, &tenant.to_string(), reason).await?;
        sqlx::query("UPDATE tenant SET version = version + 1 WHERE id = $1")
            .bind(tenant.to_string())
            .execute(&mut *txn)
            .await?;
        let action = if reason.is_some() { "tenantSuspend" } else { "tenantResume" };
        self.audit(&mut txn, actor, tenant, action, &tenant.to_string(), reason.unwrap_or_default()).await?;
        let entitlement = self.entitlement(&mut txn, tenant).await?;
        self.tell(&mut txn, &[entitlement]).await?;
        let updated = self.tenant_in(&mut txn, tenant).await?;
        txn.commit().await?;
        Ok((updated, self.settle().await))
    }

    /// `reason`: places an admin hold on the subject, if it has none; without: releases it.
    pub(crate) async fn hold(
        &self,
        txn: &mut SqliteConnection,
        actor: &Actor,
        tenant: TenantId,
        subject: &str,
        reason: Option<&str>,
    ) -> Result<()> {
        sqlx::query("UPDATE hold SET released_at = $2 WHERE subject = $1 AND kind = 'admin' AND released_at IS NULL")
            .bind(subject)
            .bind(self.now().0)
            .execute(&mut *txn)
            .await?;
        let Some(reason) = reason else { return Ok(()) };
        sqlx::query(
            "INSERT INTO hold (id, tenant, subject, kind, reason, placed_by, placed_at) VALUES ($1, $2, $3, 'admin', $4, $5, $6)",
        )
        .bind(fresh_id("hld_")?)
        .bind(tenant.to_string())
        .bind(subject)
        .bind(reason)
        .bind(&actor.name)
        .bind(self.now().0)
        .execute(txn)
        .await?;
        Ok(())
    }

    pub async fn tenant(&self, actor: &Actor, tenant: TenantId) -> Result<Tenant> {
        let mut connection = self.pool().acquire().await?;
        self.reach(&mut connection, actor, tenant).await?;
        self.tenant_in(&mut connection, tenant).await
    }

    /// Tenants directly below the actor's own (all, for the operator), by id, after `after`; and how many there are.
    pub async fn tenants(&self, actor: &Actor, after: Option<TenantId>, first: u32) -> Result<(Vec<Tenant>, i64)> {
        let mut connection = self.pool().acquire().await?;
        let rows = sqlx::query(
            "SELECT id FROM tenant WHERE ($1 = 1 OR parent = $2) AND parent IS NOT NULL AND id > $3 ORDER BY id LIMIT $4",
        )
        .bind(i64::from(actor.operator))
        .bind(actor.tenant.to_string())
        .bind(after.map(|a| a.to_string()).unwrap_or_default())
        .bind(i64::from(first))
        .fetch_all(&mut *connection)
        .await?;
        let mut tenants = Vec::with_capacity(rows.len());
        for row in rows {
            tenants.push(self.tenant_in(&mut connection, id(&row, "id")?).await?);
        }
        let count = "SELECT COUNT(*) AS n FROM tenant WHERE ($1 = 1 OR parent = $2) AND parent IS NOT NULL";
        let count = sqlx::query(count)
            .bind(i64::from(actor.operator))
            .bind(actor.tenant.to_string())
            .fetch_one(&mut *connection)
            .await?;
        Ok((tenants, number(&count, "n")?))
    }

    pub(crate) async fn tenant_in(&self, txn: &mut SqliteConnection, tenant: TenantId) -> Result<Tenant> {
        let row = sqlx::query(
            "SELECT t.*, EXISTS (SELECT 1 FROM hold h WHERE h.subject = t.id AND h.released_at IS NULL) AS held \
             FROM tenant t WHERE id = $1",
        )
        .bind(tenant.to_string())
        .fetch_optional(txn)
        .await?;
        from_row(&row.ok_or_else(|| Error::not_found("tenantId"))?)
    }
}

fn from_row(row: &SqliteRow) -> Result<Tenant> {
    let limit = |column| Ok::<_, Error>(optional(row, column)?.and_then(|n| u64::try_from(n).ok()));
    let parent: Option<String> = row.try_get("parent")?;
    Ok(Tenant {
        id: id(row, "id")?,
        parent: parent.and_then(|p| p.parse().ok()),
        name: text(row, "name")?,
        limits: Limits {
            max_domains: limit("max_domains")?,
            max_mailboxes: limit("max_mailboxes")?,
            storage_bytes_max: limit("storage_bytes_max")?,
            messages_per_hour_max: limit("messages_per_hour_max")?,
        },
        suspended: number(row, "held")? != 0,
        version: number(row, "version")?,
    })
}
