//! SUMMARY    Domains: taken, changed, released.

use super::tenant_id;
use super::wanted;
use crate::{
    cost::MUTATION_COST,
    input::{DomainCreateInput, DomainDeleteInput, DomainUpdateInput},
    payload::{DomainCreatePayload, DomainDeletePayload, DomainUpdatePayload},
    types::{actor, service},
};
use async_graphql::{Context, Object, Result};
use tenants::DomainPatch;

#[derive(Default)]
pub struct DomainMutation;

#[Object]
impl DomainMutation {
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn domain_create(&self, ctx: &Context<'_>, input: DomainCreateInput) -> Result<DomainCreatePayload> {
        let done = async {
            let tenant = tenant_id(&input.tenant_id)?;
            service(ctx).domain_create(actor(ctx), &input.terms.into(), tenant, &input.name).await
        };
        DomainCreatePayload::object(done.await)
    }

    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn domain_update(&self, ctx: &Context<'_>, input: DomainUpdateInput) -> Result<DomainUpdatePayload> {
        let patch = DomainPatch { catch_all: wanted(input.catch_all), plus_addressing: input.plus_addressing };
        let done = service(ctx).domain_update(actor(ctx), &input.terms.into(), &input.name, &patch).await;
        DomainUpdatePayload::object(done)
    }

    /// Releases a domain. IN_USE while it has mailboxes or aliases.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn domain_delete(&self, ctx: &Context<'_>, input: DomainDeleteInput) -> Result<DomainDeletePayload> {
        DomainDeletePayload::object(service(ctx).domain_delete(actor(ctx), &input.terms.into(), &input.name).await)
    }
}
