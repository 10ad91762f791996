//! SUMMARY    Domains: claimed, vouched for, changed, released.

use super::tenant_id;
use super::wanted;
use crate::{
    cost::MUTATION_COST,
    input::{DomainCreateInput, DomainDeleteInput, DomainUpdateInput},
    payload::{DomainCreatePayload, DomainDeletePayload, DomainUpdatePayload, DomainVouchPayload},
    types::{actor, service},
};
use async_graphql::{Context, Object, Result};
use tenants::DomainPatch;

#[derive(Default)]
pub struct DomainMutation;

#[Object]
impl DomainMutation {
    /// Claims a domain. It takes mailboxes once `challenge` stands in DNS. INVALID with the reason for a name that nobody may
    /// claim, TAKEN when it lies within another customer's.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn domain_create(&self, ctx: &Context<'_>, input: DomainCreateInput) -> Result<DomainCreatePayload> {
        let done = async {
            let tenant = tenant_id(&input.tenant_id)?;
            service(ctx).domain_create(actor(ctx), &input.terms.into(), tenant, &input.name).await
        };
        DomainCreatePayload::object(done.await)
    }

    /// Proves a domain by the operator's word, claiming it first where the tenant has not. FORBIDDEN for everybody else, TAKEN
    /// while another tenant holds it.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn domain_vouch(&self, ctx: &Context<'_>, input: DomainCreateInput) -> Result<DomainVouchPayload> {
        let done = async {
            let tenant = tenant_id(&input.tenant_id)?;
            service(ctx).domain_vouch(actor(ctx), &input.terms.into(), tenant, &input.name).await
        };
        DomainVouchPayload::object(done.await)
    }

    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn domain_update(&self, ctx: &Context<'_>, input: DomainUpdateInput) -> Result<DomainUpdatePayload> {
        let patch = DomainPatch { catch_all: wanted(input.catch_all), plus_addressing: input.plus_addressing };
        let done = service(ctx).domain_update(actor(ctx), &input.terms.into(), &input.name, &patch).await;
        DomainUpdatePayload::object(done)
    }

    /// Releases a domain, or gives a claim up. IN_USE while it has mailboxes or aliases.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn domain_delete(&self, ctx: &Context<'_>, input: DomainDeleteInput) -> Result<DomainDeletePayload> {
        let done = async {
            let tenant = input.tenant_id.as_ref().map(tenant_id).transpose()?;
            service(ctx).domain_delete(actor(ctx), &input.terms.into(), &input.name, tenant).await
        };
        DomainDeletePayload::object(done.await)
    }
}
