//! SUMMARY    Queries. What the token does not reach is null, never forbidden.
//! LIMITS     FIRST_MAX

use crate::types::{
    Alias, AliasConnection, AuditEntry, AuditEntryConnection, Domain, DomainConnection, Mailbox, MailboxConnection,
    Node, Tenant, TenantConnection, actor, service,
};
use async_graphql::{Context, Error, ID, Object, Result};
use base::{AccountId, TenantId};
use tenants::Code;

/// Largest page.
const FIRST_MAX: u32 = 100;

pub struct Query;

/// `first` is mandatory, 1..=100.
fn page(first: u32) -> Result<u32> {
    if (1..=FIRST_MAX).contains(&first) { Ok(first) } else { Err(Error::new("`first` is 1 to 100")) }
}

pub(crate) fn tenant_id(id: &ID) -> Option<TenantId> {
    id.parse().ok()
}

/// A missing object is null; anything else is an error of the query.
fn found<T>(result: tenants::Result<T>) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(e) if e.code == Code::NotFound => Ok(None),
        Err(e) => Err(Error::new(e.message)),
    }
}

#[Object]
impl Query {
    /// The tenant of the token.
    async fn viewer(&self, ctx: &Context<'_>) -> Result<Option<Tenant>> {
        let actor = actor(ctx)?;
        Ok(found(service(ctx)?.tenant(actor, actor.tenant()).await)?.map(Tenant::from))
    }

    /// Any object by its id.
    async fn node(&self, ctx: &Context<'_>, id: ID) -> Result<Option<Node>> {
        let (service, actor) = (service(ctx)?, actor(ctx)?);
        if let Some(tenant) = tenant_id(&id) {
            return Ok(found(service.tenant(actor, tenant).await)?.map(|t| Node::Tenant(t.into())));
        }
        if let Ok(account) = id.parse::<AccountId>() {
            return Ok(found(service.mailbox(actor, account).await)?.map(|m| Node::Mailbox(m.into())));
        }
        Ok(found(service.domain(actor, &id).await)?.map(|d| Node::Domain(d.into())))
    }

    async fn tenant(&self, ctx: &Context<'_>, id: ID) -> Result<Option<Tenant>> {
        let Some(tenant) = tenant_id(&id) else { return Ok(None) };
        Ok(found(service(ctx)?.tenant(actor(ctx)?, tenant).await)?.map(Tenant::from))
    }

    /// Tenants below the token's own.
    #[graphql(complexity = "(first as usize).saturating_mul(child_complexity)")]
    async fn tenants(&self, ctx: &Context<'_>, first: u32, after: Option<ID>) -> Result<TenantConnection> {
        let first = page(first)?;
        let after = after.as_ref().and_then(tenant_id);
        let (rows, total) =
            service(ctx)?.tenants(actor(ctx)?, after, first + 1).await.map_err(|e| Error::new(e.message))?;
        Ok(TenantConnection::new(rows.into_iter().map(Tenant::from).collect(), first as usize, total))
    }

    /// Domains of a tenant.
    #[graphql(complexity = "(first as usize).saturating_mul(child_complexity)")]
    async fn domains(
        &self,
        ctx: &Context<'_>,
        tenant_id: ID,
        first: u32,
        after: Option<ID>,
    ) -> Result<Option<DomainConnection>> {
        let (first, after) = (page(first)?, after.map(|a| a.to_string()).unwrap_or_default());
        let Some(tenant) = self::tenant_id(&tenant_id) else { return Ok(None) };
        let rows = found(service(ctx)?.domains(actor(ctx)?, tenant, &after, first + 1).await)?;
        Ok(rows.map(|(rows, n)| DomainConnection::new(rows.into_iter().map(Domain::from).collect(), first as usize, n)))
    }

    async fn mailbox(&self, ctx: &Context<'_>, id: ID) -> Result<Option<Mailbox>> {
        let Ok(account) = id.parse() else { return Ok(None) };
        Ok(found(service(ctx)?.mailbox(actor(ctx)?, account).await)?.map(Mailbox::from))
    }

    /// Mailboxes of a tenant.
    #[graphql(complexity = "(first as usize).saturating_mul(child_complexity)")]
    async fn mailboxes(
        &self,
        ctx: &Context<'_>,
        tenant_id: ID,
        first: u32,
        after: Option<ID>,
    ) -> Result<Option<MailboxConnection>> {
        let (first, after) = (page(first)?, after.map(|a| a.to_string()).unwrap_or_default());
        let Some(tenant) = self::tenant_id(&tenant_id) else { return Ok(None) };
        let rows = found(service(ctx)?.mailboxes(actor(ctx)?, tenant, &after, first + 1).await)?;
        Ok(rows
            .map(|(rows, n)| MailboxConnection::new(rows.into_iter().map(Mailbox::from).collect(), first as usize, n)))
    }

    /// Aliases of a tenant, in order of domain and local part.
    #[graphql(complexity = "(first as usize).saturating_mul(child_complexity)")]
    async fn aliases(
        &self,
        ctx: &Context<'_>,
        tenant_id: ID,
        first: u32,
        after: Option<ID>,
    ) -> Result<Option<AliasConnection>> {
        let (first, after) = (page(first)?, after.map(|a| a.to_string()).unwrap_or_default());
        let Some(tenant) = self::tenant_id(&tenant_id) else { return Ok(None) };
        let rows = found(service(ctx)?.aliases(actor(ctx)?, tenant, &after, first + 1).await)?;
        Ok(rows.map(|(rows, n)| AliasConnection::new(rows.into_iter().map(Alias::from).collect(), first as usize, n)))
    }

    /// The audit log of a tenant, newest first.
    #[graphql(complexity = "(first as usize).saturating_mul(child_complexity)")]
    async fn audit_entries(
        &self,
        ctx: &Context<'_>,
        tenant_id: ID,
        first: u32,
        after: Option<ID>,
    ) -> Result<Option<AuditEntryConnection>> {
        let first = page(first)?;
        let before = after.and_then(|a| a.parse().ok());
        let Some(tenant) = self::tenant_id(&tenant_id) else { return Ok(None) };
        let rows = found(service(ctx)?.audit_entries(actor(ctx)?, tenant, before, first + 1).await)?;
        Ok(rows.map(|(rows, n)| {
            AuditEntryConnection::new(rows.into_iter().map(AuditEntry::from).collect(), first as usize, n)
        }))
    }
}
