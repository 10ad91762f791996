//! SUMMARY    Tenants: create, limits, suspend, resume, list.
//! INVARIANTS Suspending a tenant suspends all below it. The state shown is derived from holds.

use crate::{
    Actor, Code, Done, Error, Hold, NewHold, Page, Permission, Result, Service, Subject, Terms,
    db::{Connection, Row, query},
    entitlement::as_seen_by,
    page::list,
    rows::{id, number, optional, short, text, to_sql},
    terms::{Request, Start},
};
use base::TenantId;
use control::HoldKind;
use serde::{Deserialize, Serialize};

/// What a tenant may have; `None` = unlimited.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    pub max_domains: Option<u64>,
    pub max_mailboxes: Option<u64>,
    pub storage_bytes_max: Option<u64>,
    /// Recipients in an hour, of the tenant and all below it.
    pub messages_per_hour_max: Option<u64>,
    /// Recipients in a day, of the tenant and all below it.
    pub recipients_per_day_max: Option<u64>,
    /// Recipients in a day that an account never wrote to before.
    pub new_recipients_per_day_max: Option<u64>,
    /// Bytes of incoming mail beyond the storage limit, and beyond each mailbox's quota, before it is refused.
    pub storage_grace_bytes: u64,
}

/// Changes of a tenant: what is missing stays, `Some(None)` = unlimited.
#[derive(Debug, Clone, Default)]
pub struct TenantPatch {
    pub name: Option<String>,
    pub max_domains: Option<Option<u64>>,
    pub max_mailboxes: Option<Option<u64>>,
    pub storage_bytes_max: Option<Option<u64>>,
    pub messages_per_hour_max: Option<Option<u64>>,
    pub recipients_per_day_max: Option<Option<u64>>,
    pub new_recipients_per_day_max: Option<Option<u64>>,
    pub storage_grace_bytes: Option<u64>,
}

impl TenantPatch {
    fn over(&self, now: &Limits) -> Limits {
        Limits {
            max_domains: self.max_domains.unwrap_or(now.max_domains),
            max_mailboxes: self.max_mailboxes.unwrap_or(now.max_mailboxes),
            storage_bytes_max: self.storage_bytes_max.unwrap_or(now.storage_bytes_max),
            messages_per_hour_max: self.messages_per_hour_max.unwrap_or(now.messages_per_hour_max),
            recipients_per_day_max: self.recipients_per_day_max.unwrap_or(now.recipients_per_day_max),
            new_recipients_per_day_max: self.new_recipients_per_day_max.unwrap_or(now.new_recipients_per_day_max),
            storage_grace_bytes: self.storage_grace_bytes.unwrap_or(now.storage_grace_bytes),
        }
    }
}

/// A tenant as shown.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Tenant {
    pub id: TenantId,
    pub parent: Option<TenantId>,
    pub name: String,
    pub limits: Limits,
    /// Days its deleted mailboxes are kept; `None`: as the tenant above.
    pub mailbox_retention_days: Option<u32>,
    /// Days in which its expunged mail can be brought back; `None`: as the tenant above.
    #[serde(default)]
    pub email_recovery_days: Option<u32>,
    /// Restrictions on the tenant and on those above it.
    pub holds: Vec<Hold>,
    pub version: i64,
}

impl Service {
    /// Sets limits; what exists stays, new things are refused over the limit. `LimitReached` when the tenant above has not
    /// as much left, `Invalid` for unlimited under a limit.
    pub async fn tenant_update(
        &self,
        actor: &Actor,
        terms: &Terms,
        tenant: TenantId,
        patch: &TenantPatch,
    ) -> Result<Done<Tenant>> {
        let request = Request::new("tenantUpdate", format!("{tenant} {patch:?}"));
        let mut work = match self.start(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        let now = self
            .tenant_below(
                &mut work.txn,
                actor,
                Permission::TenantUpdate,
                tenant,
                "A tenant cannot change its own limits",
            )
            .await?;
        work.expect(now.version)?;
        let limits = patch.over(&now.limits);
        self.limited_below(&mut work.txn, tenant, &limits).await?;
        if let Some(parent) = now.parent {
            self.grantable(&mut work.txn, parent, Some((tenant, &now.limits)), &limits).await?;
        }
        // What was there before stays.
        let name = match &patch.name {
            Some(name) => parse_tenant_name(name)?,
            None => &now.name,
        };
        write_tenant(&mut work.txn, tenant, name, &limits).await?;
        let detail = format!("{name:?} {limits:?}");
        self.audit(&mut work.txn, actor, tenant, "tenantUpdate", &tenant.to_string(), &detail).await?;
        let mut batch = vec![self.entitlement(&mut work.txn, tenant).await?];
        if let Some(parent) = now.parent {
            batch.extend(self.entitlement_of_grantor(&mut work.txn, parent).await?);
        }
        let updated = self.tenant_in(&mut work.txn, tenant).await?;
        self.finish(work, updated, &batch).await
    }

    /// Suspends a tenant with all below it (`reason`), or ends what the actor's tenant or one below it placed.
    pub async fn tenant_hold(
        &self,
        actor: &Actor,
        terms: &Terms,
        tenant: TenantId,
        reason: Option<&str>,
    ) -> Result<Done<Tenant>> {
        let action = if reason.is_some() { "tenantSuspend" } else { "tenantResume" };
        let request = Request::new(action, format!("{tenant} {reason:?}"));
        let mut work = match self.start(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        let now = self
            .tenant_below(
                &mut work.txn,
                actor,
                Permission::TenantHold,
                tenant,
                "A tenant cannot suspend or resume itself",
            )
            .await?;
        self.not_purged(&mut work.txn, tenant).await?;
        work.expect(now.version)?;
        if now.parent.is_none() {
            return Err(Error::new(Code::Forbidden, "tenantId", "The provider's own tenant cannot be suspended"));
        }
        let subject = tenant.to_string();
        match reason {
            Some(reason) => {
                let (on, new) = (Subject::Tenant(tenant), NewHold::suspension(reason));
                self.place_hold(&mut work.txn, actor, tenant, &on, &new).await?;
            }
            None => self.release_holds(&mut work.txn, actor, &subject, HoldKind::Admin).await?,
        }
        self.audit(&mut work.txn, actor, tenant, action, &subject, reason.unwrap_or_default()).await?;
        let batch = self.entitlements_below(&mut work.txn, tenant).await?;
        let updated = self.tenant_in(&mut work.txn, tenant).await?;
        work.rights = true;
        self.finish(work, updated, &batch).await
    }

    /// A tenant that the actor reaches and that is not its own, `Forbidden` otherwise.
    pub(crate) async fn tenant_below(
        &self,
        txn: &mut Connection,
        actor: &Actor,
        permission: Permission,
        tenant: TenantId,
        own: &'static str,
    ) -> Result<Tenant> {
        self.permit(txn, actor, permission, tenant).await?;
        if tenant == actor.tenant && !actor.operator {
            return Err(Error::new(Code::Forbidden, "tenantId", own));
        }
        self.tenant_in(txn, tenant).await
    }

    pub async fn tenant(&self, actor: &Actor, tenant: TenantId) -> Result<Tenant> {
        let mut connection = self.reader(actor).await?;
        self.permit(&mut connection, actor, Permission::TenantRead, tenant).await?;
        self.tenant_in(&mut connection, tenant).await
    }

    /// Tenants directly below the actor's own (all, for the operator), by id, a page of them; and how many there are.
    pub async fn tenants(&self, actor: &Actor, page: &Page) -> Result<(Vec<Tenant>, i64)> {
        let mut connection = self.reader(actor).await?;
        self.permit(&mut connection, actor, Permission::TenantRead, actor.tenant).await?;
        let list = list!("tenant WHERE ($1 = 'all' OR parent = $1) AND parent IS NOT NULL", by "id", "$2", "$3");
        let of = if actor.operator { "all".to_owned() } else { actor.tenant.to_string() };
        let from = page.from::<TenantId>()?;
        let (rows, count) = page.rows(&mut connection, &list, &[of], vec![from.into()]).await?;
        Ok((self.tenants_of(&mut connection, &rows).await?, count))
    }

    pub async fn tenant_in(&self, txn: &mut Connection, tenant: TenantId) -> Result<Tenant> {
        let rows = query("SELECT * FROM tenant WHERE id = $1").bind(tenant.to_string()).fetch_all(&mut *txn).await?;
        self.tenants_of(txn, &rows).await?.pop().ok_or_else(|| Error::not_found("tenantId"))
    }

    /// A tenant's limits alone.
    pub(crate) async fn limits_in(&self, txn: &mut Connection, tenant: TenantId) -> Result<Limits> {
        let row = query("SELECT * FROM tenant WHERE id = $1").bind(tenant.to_string()).fetch_optional(txn).await?;
        limits_of(&row.ok_or_else(|| Error::not_found("tenantId"))?)
    }

    /// Tenants of rows, with the holds on them and above.
    pub(crate) async fn tenants_of(&self, txn: &mut Connection, rows: &[Row]) -> Result<Vec<Tenant>> {
        let ids: Vec<TenantId> = rows.iter().map(|r| id(r, "id")).collect::<Result<_>>()?;
        let mut holds = self.tenant_holds(txn, &ids).await?;
        rows.iter().zip(&ids).map(|(row, id)| from_row(row, as_seen_by(*id, holds.of(&id.to_string())))).collect()
    }
}

/// A name that is not empty and not too long.
pub(crate) fn parse_tenant_name(name: &str) -> Result<&str> {
    short(name, "name")?;
    match name.trim() {
        "" => Err(Error::new(Code::Invalid, "name", "A tenant has a name")),
        name => Ok(name),
    }
}

pub(crate) async fn write_tenant(txn: &mut Connection, tenant: TenantId, name: &str, limits: &Limits) -> Result<()> {
    query(
        "UPDATE tenant SET name = $2, max_domains = $3, max_mailboxes = $4, storage_bytes_max = $5, \
         messages_per_hour_max = $6, recipients_per_day_max = $7, new_recipients_per_day_max = $8, \
         storage_grace_bytes = $9, version = version + 1 WHERE id = $1",
    )
    .bind(tenant.to_string())
    .bind(name)
    .bind(to_sql(limits.max_domains, "maxDomains")?)
    .bind(to_sql(limits.max_mailboxes, "maxMailboxes")?)
    .bind(to_sql(limits.storage_bytes_max, "storageBytesMax")?)
    .bind(to_sql(limits.messages_per_hour_max, "messagesPerHourMax")?)
    .bind(to_sql(limits.recipients_per_day_max, "recipientsPerDayMax")?)
    .bind(to_sql(limits.new_recipients_per_day_max, "newRecipientsPerDayMax")?)
    .bind(to_sql(Some(limits.storage_grace_bytes), "storageGraceBytes")?)
    .execute(txn)
    .await?;
    Ok(())
}

fn limits_of(row: &Row) -> Result<Limits> {
    let limit = |column| Ok::<_, Error>(optional(row, column)?.and_then(|n| u64::try_from(n).ok()));
    Ok(Limits {
        max_domains: limit("max_domains")?,
        max_mailboxes: limit("max_mailboxes")?,
        storage_bytes_max: limit("storage_bytes_max")?,
        messages_per_hour_max: limit("messages_per_hour_max")?,
        recipients_per_day_max: limit("recipients_per_day_max")?,
        new_recipients_per_day_max: limit("new_recipients_per_day_max")?,
        storage_grace_bytes: limit("storage_grace_bytes")?.unwrap_or(0),
    })
}

fn from_row(row: &Row, holds: Vec<Hold>) -> Result<Tenant> {
    let parent: Option<String> = row.text("parent")?;
    Ok(Tenant {
        id: id(row, "id")?,
        parent: parent.and_then(|p| p.parse().ok()),
        name: text(row, "name")?,
        limits: limits_of(row)?,
        email_recovery_days: crate::recovery::days(row)?,
        mailbox_retention_days: optional(row, "mailbox_retention_days")?.and_then(|d| u32::try_from(d).ok()),
        holds,
        version: number(row, "version")?,
    })
}
