//! SUMMARY    Queries about people and rights.

use crate::{
    connection::Paging,
    cost::page_cost,
    failure::{found, read_failed},
    people::object::{
        ApiTokenConnection, IdentityProviderConnection, InvitationConnection, MemberConnection, RoleConnection,
        ServiceAccountConnection, Session, StandardRole, SupportGrantConnection,
    },
    types::{actor, service},
};
use async_graphql::{Context, ID, Object, Result};

#[derive(Default)]
pub struct PeopleQuery;

/// A list of a tenant: the page of a method of the service.
macro_rules! page {
    ($ctx:ident, $tenant:ident, $paging:expr, $method:ident, $connection:ident) => {{
        let paging = $paging?;
        let Ok(tenant) = $tenant.parse() else { return Ok(None) };
        let rows = found(service($ctx).$method(actor($ctx), tenant, &paging.page()).await)?;
        Ok(rows.map(|rows| $connection::new(&paging, rows)))
    }};
}

#[Object]
impl PeopleQuery {
    /// Members of a tenant.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    async fn members(
        &self,
        ctx: &Context<'_>,
        tenant_id: ID,
        first: Option<u32>,
        after: Option<ID>,
        last: Option<u32>,
        before: Option<ID>,
    ) -> Result<Option<MemberConnection>> {
        page!(ctx, tenant_id, Paging::new(ctx, first, after, last, before), members, MemberConnection)
    }

    /// Open invitations of a tenant.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    async fn invitations(
        &self,
        ctx: &Context<'_>,
        tenant_id: ID,
        first: Option<u32>,
        after: Option<ID>,
        last: Option<u32>,
        before: Option<ID>,
    ) -> Result<Option<InvitationConnection>> {
        page!(ctx, tenant_id, Paging::new(ctx, first, after, last, before), invitations, InvitationConnection)
    }

    /// Roles that a tenant made itself.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    async fn roles(
        &self,
        ctx: &Context<'_>,
        tenant_id: ID,
        first: Option<u32>,
        after: Option<ID>,
        last: Option<u32>,
        before: Option<ID>,
    ) -> Result<Option<RoleConnection>> {
        page!(ctx, tenant_id, Paging::new(ctx, first, after, last, before), roles, RoleConnection)
    }

    /// Roles that every tenant has.
    async fn standard_roles(&self) -> Vec<StandardRole> {
        let shown = |role: tenants::StandardRole| StandardRole {
            name: role.name().to_owned(),
            permissions: role.permissions().iter().map(|p| p.name().to_owned()).collect(),
        };
        tenants::StandardRole::EVERY.into_iter().map(shown).collect()
    }

    /// Programs of a tenant.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    async fn service_accounts(
        &self,
        ctx: &Context<'_>,
        tenant_id: ID,
        first: Option<u32>,
        after: Option<ID>,
        last: Option<u32>,
        before: Option<ID>,
    ) -> Result<Option<ServiceAccountConnection>> {
        page!(ctx, tenant_id, Paging::new(ctx, first, after, last, before), service_accounts, ServiceAccountConnection)
    }

    /// Live API tokens of a tenant, without their secrets.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    async fn api_tokens(
        &self,
        ctx: &Context<'_>,
        tenant_id: ID,
        first: Option<u32>,
        after: Option<ID>,
        last: Option<u32>,
        before: Option<ID>,
    ) -> Result<Option<ApiTokenConnection>> {
        page!(ctx, tenant_id, Paging::new(ctx, first, after, last, before), api_tokens, ApiTokenConnection)
    }

    /// Where people of a tenant may sign in, besides here.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    async fn identity_providers(
        &self,
        ctx: &Context<'_>,
        tenant_id: ID,
        first: Option<u32>,
        after: Option<ID>,
        last: Option<u32>,
        before: Option<ID>,
    ) -> Result<Option<IdentityProviderConnection>> {
        page!(
            ctx,
            tenant_id,
            Paging::new(ctx, first, after, last, before),
            identity_providers,
            IdentityProviderConnection
        )
    }

    /// What a tenant lets the provider's people do now. Without a tenant: all there is, for the provider's people.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    async fn support_grants(
        &self,
        ctx: &Context<'_>,
        tenant_id: Option<ID>,
        first: Option<u32>,
        after: Option<ID>,
        last: Option<u32>,
        before: Option<ID>,
    ) -> Result<Option<SupportGrantConnection>> {
        let paging = Paging::new(ctx, first, after, last, before)?;
        let Ok(tenant) = tenant_id.map(|id| id.parse()).transpose() else { return Ok(None) };
        let rows = found(service(ctx).support_grants(actor(ctx), tenant, &paging.page()).await)?;
        Ok(rows.map(|rows| SupportGrantConnection::new(&paging, rows)))
    }

    /// The caller's own open sessions, at most 100; none for tokens.
    async fn sessions(&self, ctx: &Context<'_>) -> Result<Vec<Session>> {
        let sessions = service(ctx).sessions(actor(ctx)).await.map_err(|e| read_failed(&e))?;
        Ok(sessions.into_iter().map(Session::from).collect())
    }
}
