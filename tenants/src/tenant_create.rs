//! SUMMARY    A customer in one step: tenant, owner's token and, if asked, first domain and first mailbox.
//! INVARIANTS All of it or nothing. A dry run checks everything, answers with what would be, and leaves nothing.

use crate::{
    Access, Actor, Applied, Code, Error, Limits, NewMailbox, NewToken, Result, Service, Tenant,
    domain::parse_name,
    password,
    rows::{fresh_number, id, text, to_sql},
};
use base::{Address, TenantId};
use control::Change;
use sqlx::SqliteConnection;

/// A tenant to be made, below the actor's own or `parent`.
#[derive(Debug, Clone, Default)]
pub struct NewTenant {
    pub parent: Option<TenantId>,
    pub name: String,
    pub limits: Limits,
    /// First domain.
    pub domain: Option<String>,
    /// First mailbox, on that domain.
    pub owner: Option<NewMailbox>,
    /// Repeating a request with the same key gives the tenant made by the first.
    pub idempotency_key: Option<String>,
    /// Only say what would be.
    pub dry_run: bool,
}

/// What was made, or would be.
#[derive(Debug, Clone)]
pub struct TenantCreated {
    pub tenant: Tenant,
    /// Token of the owner, shown once; none in a dry run.
    pub token: Option<String>,
    pub applied: Applied,
}

/// The parts of a request that need no database.
struct Ready {
    domain: Option<base::Domain>,
    owner: Option<(Address, password::Verifiers)>,
    request: String,
}

const NAME_CHARS_MAX: usize = 200;

impl Service {
    /// Makes a tenant and a token of its owner. A repeated request makes another token of the same tenant.
    pub async fn tenant_create(&self, actor: &Actor, new: &NewTenant) -> Result<TenantCreated> {
        let ready = self.ready(new).await?;
        let parent = new.parent.unwrap_or(actor.tenant);
        let mut txn = self.begin_as(actor).await?;
        self.reach(&mut txn, actor, parent).await?;
        let made = match repeated(&mut txn, parent, new, &ready).await? {
            Some(tenant) => tenant,
            None => {
                let tenant = self.insert_tenant(&mut txn, parent, new, &ready.request).await?;
                self.audit(&mut txn, actor, tenant, "tenantCreate", &tenant.to_string(), &new.name).await?;
                let batch = self.first_parts(&mut txn, actor, tenant, new, &ready).await?;
                self.tell(&mut txn, &batch).await?;
                tenant
            }
        };
        let tenant = self.tenant_in(&mut txn, made).await?;
        if new.dry_run {
            txn.rollback().await?;
            return Ok(TenantCreated { tenant, token: None, applied: Applied::Done });
        }
        let owner = NewToken { tenant: made, label: "owner".into(), access: Access::ReadWrite, life: None };
        let token = Some(self.issue_token(&mut txn, &owner, false).await?.secret);
        txn.commit().await?;
        Ok(TenantCreated { tenant, token, applied: self.settle().await })
    }

    async fn ready(&self, new: &NewTenant) -> Result<Ready> {
        if new.name.trim().is_empty() || new.name.chars().count() > NAME_CHARS_MAX {
            return Err(Error::new(Code::Invalid, "name", "A tenant has a name of at most 200 characters"));
        }
        let domain = new.domain.as_ref().map(|d| parse_name(d, "domain")).transpose()?;
        let mut request = format!("{} {:?}", new.name, new.limits);
        if let Some(domain) = &domain {
            request.push_str(&format!(" {}", domain.as_str()));
        }
        let mut owner = None;
        if let Some(mailbox) = &new.owner {
            let invalid = |why: String| Error::new(Code::Invalid, "ownerMailbox", why);
            let address = Address::parse(&mailbox.address).map_err(|e| invalid(e.to_string()))?;
            if domain.as_ref().map(base::Domain::as_str) != Some(address.domain().as_str()) {
                return Err(invalid("The first mailbox is on the first domain".into()));
            }
            // Without the password: it is nowhere stored.
            let (canonical, quota) = (address.canonical(), mailbox.quota_bytes_max);
            request.push_str(&format!(" {canonical} {:?} {quota:?}", mailbox.display_name));
            owner = Some((address, password::verifiers(&mailbox.password, self.password_cost).await?));
        }
        Ok(Ready { domain, owner, request })
    }

    async fn first_parts(
        &self,
        txn: &mut SqliteConnection,
        actor: &Actor,
        tenant: TenantId,
        new: &NewTenant,
        ready: &Ready,
    ) -> Result<Vec<Change>> {
        let mut batch = vec![self.entitlement(txn, tenant).await?];
        if let Some(domain) = &ready.domain {
            self.insert_domain(txn, tenant, domain).await.map_err(|e| Error { field: "domain", ..e })?;
            self.audit(txn, actor, tenant, "domainCreate", domain.as_str(), "").await?;
            batch.push(self.domain_snapshot(txn, domain.as_str()).await?);
        }
        if let (Some(mailbox), Some((address, verifiers))) = (&new.owner, &ready.owner) {
            let made = self.insert_mailbox(txn, tenant, address, mailbox, verifiers).await;
            let account = made.map_err(|e| Error { field: "ownerMailbox", ..e })?;
            self.audit(txn, actor, tenant, "mailboxCreate", &account.to_string(), &address.canonical()).await?;
            batch.push(self.account_snapshot(txn, account).await?);
            batch.push(self.address_change(txn, address).await?);
        }
        Ok(batch)
    }
    async fn insert_tenant(
        &self,
        txn: &mut SqliteConnection,
        parent: TenantId,
        new: &NewTenant,
        request: &str,
    ) -> Result<TenantId> {
        let tenant = TenantId(fresh_number()?);
        sqlx::query(
            "INSERT INTO tenant (id, parent, name, max_domains, max_mailboxes, storage_bytes_max, messages_per_hour_max, \
             version, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, 1, $8)",
        )
        .bind(tenant.to_string())
        .bind(parent.to_string())
        .bind(new.name.trim())
        .bind(to_sql(new.limits.max_domains, "maxDomains")?)
        .bind(to_sql(new.limits.max_mailboxes, "maxMailboxes")?)
        .bind(to_sql(new.limits.storage_bytes_max, "storageBytesMax")?)
        .bind(to_sql(new.limits.messages_per_hour_max, "messagesPerHourMax")?)
        .bind(self.now().0)
        .execute(&mut *txn)
        .await?;
        if let Some(key) = &new.idempotency_key {
            sqlx::query("INSERT INTO idempotency (tenant, key, request, object) VALUES ($1, $2, $3, $4)")
                .bind(parent.to_string())
                .bind(key)
                .bind(request)
                .bind(tenant.to_string())
                .execute(txn)
                .await?;
        }
        Ok(tenant)
    }
}

/// The tenant made by an earlier request with the same key.
async fn repeated(
    txn: &mut SqliteConnection,
    parent: TenantId,
    new: &NewTenant,
    ready: &Ready,
) -> Result<Option<TenantId>> {
    let Some(key) = &new.idempotency_key else { return Ok(None) };
    let known = sqlx::query("SELECT request, object FROM idempotency WHERE tenant = $1 AND key = $2")
        .bind(parent.to_string())
        .bind(key)
        .fetch_optional(txn)
        .await?;
    match known {
        None => Ok(None),
        Some(row) if text(&row, "request")? == ready.request => Ok(Some(id(&row, "object")?)),
        Some(_) => Err(Error::new(Code::IdempotencyMismatch, "idempotencyKey", "The key was used with another input")),
    }
}
