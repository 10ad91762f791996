//! SUMMARY    Aliases: made, led elsewhere, deleted.

use crate::{
    cost::{MUTATION_COST, bulk_cost},
    input::{AliasCreateInput, AliasDeleteInput, AliasUpdateInput, AliasesCreateInput},
    payload::{AliasCreatePayload, AliasDeletePayload, AliasUpdatePayload, AliasesCreatePayload},
    types::{actor, service},
};
use async_graphql::{Context, Object, Result};
use tenants::NewAlias;

#[derive(Default)]
pub struct AliasMutation;

#[Object]
impl AliasMutation {
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn alias_create(&self, ctx: &Context<'_>, input: AliasCreateInput) -> Result<AliasCreatePayload> {
        let done = async {
            let new = input.alias.try_into()?;
            service(ctx).alias_create(actor(ctx), &input.terms.into(), &new).await
        };
        AliasCreatePayload::object(done.await)
    }

    /// Makes aliases in one transaction.
    #[graphql(complexity = "bulk_cost(input.aliases.len(), child_complexity)")]
    async fn aliases_create(&self, ctx: &Context<'_>, input: AliasesCreateInput) -> Result<AliasesCreatePayload> {
        let (terms, policy) = (input.terms.into(), input.error_policy.into());
        let done = async {
            let new: Vec<NewAlias> = input.aliases.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?;
            service(ctx).aliases_create(actor(ctx), &terms, &new, policy).await
        };
        AliasesCreatePayload::items(done.await)
    }

    /// Gives an alias other targets or another label, switches it on or off.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn alias_update(&self, ctx: &Context<'_>, input: AliasUpdateInput) -> Result<AliasUpdatePayload> {
        let (patch, terms) = (input.patch(), input.terms.into());
        AliasUpdatePayload::object(service(ctx).alias_update(actor(ctx), &terms, &input.address, &patch).await)
    }

    /// The address becomes a tombstone. IN_USE while it is its domain's catch-all.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn alias_delete(&self, ctx: &Context<'_>, input: AliasDeleteInput) -> Result<AliasDeletePayload> {
        AliasDeletePayload::object(service(ctx).alias_delete(actor(ctx), &input.terms.into(), &input.address).await)
    }
}
