//! SUMMARY    Queries. What the token does not reach is null, never forbidden.
//! LIMITS     PAGE_ITEMS_MAX

mod address;
pub(crate) mod announcement;
pub(crate) mod audit;
mod brand;
pub(crate) mod event;
pub(crate) mod export;
pub(crate) mod feature;
pub(crate) mod hold;
pub(crate) mod job;
mod mailbox;
pub(crate) mod migration;
mod people;
pub(crate) mod queue;
pub(crate) mod recovery;
pub(crate) mod signup;
pub(crate) mod usage;
pub(crate) mod webhook;

use crate::{
    connection::{AliasConnection, DomainConnection, Paging, TenantConnection},
    cost::{PAGE_ITEMS_MAX, page_cost},
    failure::{found, read_failed, top_level},
    people::viewer::{Me, Viewer},
    sale::SaleQuery,
    types::{Domain, Mailbox, Node, Tenant, actor, service},
};
use async_graphql::{Context, ID, MergedObject, Object, Result};
use base::{AccountId, TenantId};
use std::collections::HashMap;

/// All queries: an object for each resource that has a file of its own.
#[derive(MergedObject, Default)]
pub struct Query(
    CoreQuery,
    job::JobQuery,
    hold::HoldQuery,
    mailbox::MailboxQuery,
    address::AddressQuery,
    people::PeopleQuery,
    event::EventQuery,
    webhook::WebhookQuery,
    queue::QueueQuery,
    recovery::RecoveryQuery,
    export::ExportQuery,
    migration::MigrationQuery,
    audit::AuditQuery,
    SaleQuery,
    signup::SignupQuery,
    usage::UsageQuery,
    announcement::AnnouncementQuery,
    feature::FeatureQuery,
    brand::BrandQuery,
);

#[derive(Default)]
pub struct CoreQuery;

#[Object]
impl CoreQuery {
    /// Who asks: the tenant it acts in, with the person behind a session. Null for a person without a tenant: ask `me`.
    async fn viewer(&self, ctx: &Context<'_>) -> Result<Option<Viewer>> {
        let actor = actor(ctx);
        Ok(found(service(ctx).tenant(actor, actor.tenant()).await)?.map(|t| Viewer { tenant: t.into(), me: Me }))
    }

    /// Who asks, without a tenant.
    async fn me(&self) -> Me {
        Me
    }

    /// Any object by its id.
    async fn node(&self, ctx: &Context<'_>, id: ID) -> Result<Option<Node>> {
        Ok(all(ctx, &[id]).await?.into_iter().next().flatten())
    }

    /// Objects by their ids, in their order; null for what is not there. At most 100.
    #[graphql(complexity = "page_cost(Some(u32::try_from(ids.len()).unwrap_or(u32::MAX)), None, child_complexity)")]
    async fn nodes(&self, ctx: &Context<'_>, ids: Vec<ID>) -> Result<Vec<Option<Node>>> {
        if ids.len() > PAGE_ITEMS_MAX as usize {
            return Err(top_level("INVALID", format!("At most {PAGE_ITEMS_MAX} ids (PAGE_ITEMS_MAX)")));
        }
        all(ctx, &ids).await
    }

    async fn tenant(&self, ctx: &Context<'_>, id: ID) -> Result<Option<Tenant>> {
        let Ok(tenant) = id.parse() else { return Ok(None) };
        Ok(found(service(ctx).tenant(actor(ctx), tenant).await)?.map(Tenant::from))
    }

    /// Tenants below the token's own.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    async fn tenants(
        &self,
        ctx: &Context<'_>,
        first: Option<u32>,
        after: Option<ID>,
        last: Option<u32>,
        before: Option<ID>,
    ) -> Result<TenantConnection> {
        let paging = Paging::new(ctx, first, after, last, before)?;
        let rows = service(ctx).tenants(actor(ctx), &paging.page()).await.map_err(|e| read_failed(&e))?;
        Ok(TenantConnection::new(&paging, rows))
    }

    /// Domains of a tenant, in order of their names.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    async fn domains(
        &self,
        ctx: &Context<'_>,
        tenant_id: ID,
        first: Option<u32>,
        after: Option<ID>,
        last: Option<u32>,
        before: Option<ID>,
    ) -> Result<Option<DomainConnection>> {
        let paging = Paging::new(ctx, first, after, last, before)?;
        let Ok(tenant) = tenant_id.parse() else { return Ok(None) };
        let rows = found(service(ctx).domains(actor(ctx), tenant, &paging.page()).await)?;
        Ok(rows.map(|rows| DomainConnection::new(&paging, rows)))
    }

    /// A domain by its name; `tenantId` says whose claim is meant where several below the token's tenant claim it.
    async fn domain(&self, ctx: &Context<'_>, name: String, tenant_id: Option<ID>) -> Result<Option<Domain>> {
        let Ok(tenant) = tenant_id.map(|id| id.parse()).transpose() else { return Ok(None) };
        Ok(found(service(ctx).domain(actor(ctx), &name, tenant).await)?.map(Domain::from))
    }

    /// Aliases of a tenant, in order of domain and local part.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    async fn aliases(
        &self,
        ctx: &Context<'_>,
        tenant_id: ID,
        first: Option<u32>,
        after: Option<ID>,
        last: Option<u32>,
        before: Option<ID>,
    ) -> Result<Option<AliasConnection>> {
        let paging = Paging::new(ctx, first, after, last, before)?;
        let Ok(tenant) = tenant_id.parse() else { return Ok(None) };
        let rows = found(service(ctx).aliases(actor(ctx), tenant, &paging.page()).await)?;
        Ok(rows.map(|rows| AliasConnection::new(&paging, rows)))
    }
}

/// Objects of any kind: one look-up for each kind.
async fn all(ctx: &Context<'_>, ids: &[ID]) -> Result<Vec<Option<Node>>> {
    let (service, actor) = (service(ctx), actor(ctx));
    let tenants: Vec<TenantId> = ids.iter().filter_map(|id| id.parse().ok()).collect();
    let tenants = service.tenants_by_id(actor, &tenants).await.map_err(|e| read_failed(&e))?;
    let accounts: Vec<AccountId> = ids.iter().filter_map(|id| id.parse().ok()).collect();
    let mailboxes = service.mailboxes_by_id(actor, &accounts).await.map_err(|e| read_failed(&e))?;
    let names: Vec<String> = ids.iter().filter_map(domain_name).collect();
    let domains = service.domains_by_name(actor, &names).await.map_err(|e| read_failed(&e))?;
    let tenants =
        Tenant::together(tenants.into_values().collect()).into_iter().map(|t| (t.id.clone(), Node::Tenant(t)));
    let mailboxes =
        Mailbox::together(mailboxes.into_values().collect()).into_iter().map(|m| (m.id.clone(), Node::Mailbox(m)));
    let domains =
        Domain::together(domains.into_values().collect()).into_iter().map(|d| (d.id.clone(), Node::Domain(d)));
    let jobs: Vec<String> = ids.iter().map(|id| id.0.clone()).filter(|id| id.starts_with("job_")).collect();
    let jobs = service.jobs_by_id(actor, &jobs).await.map_err(|e| read_failed(&e))?;
    let jobs = jobs.into_iter().map(|j| (ID(j.id.clone()), Node::Job(j.into())));
    let found: HashMap<ID, Node> = tenants.chain(mailboxes).chain(domains).chain(jobs).collect();
    let node = |id: &ID| found.get(id).or_else(|| found.get(&ID(domain_name(id)?))).cloned();
    Ok(ids.iter().map(node).collect())
}

/// The name that an id of a domain stands for.
fn domain_name(id: &ID) -> Option<String> {
    base::Domain::parse(id).ok().map(|d| d.as_str().to_owned())
}
