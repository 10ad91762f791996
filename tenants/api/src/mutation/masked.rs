//! SUMMARY    Masked addresses: made, worded, switched off and on, deleted.

use super::account_id;
use crate::{
    cost::MUTATION_COST,
    input::{MaskedAddressCreateInput, MaskedAddressDeleteInput, MaskedAddressUpdateInput},
    payload::{MaskedAddressCreatePayload, MaskedAddressDeletePayload, MaskedAddressUpdatePayload},
    types::{actor, service},
};
use async_graphql::{Context, Object, Result};
use tenants::NewMasked;

#[derive(Default)]
pub struct MaskedMutation;

#[Object]
impl MaskedMutation {
    /// Makes a random address that leads to a mailbox.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn masked_address_create(
        &self,
        ctx: &Context<'_>,
        input: MaskedAddressCreateInput,
    ) -> Result<MaskedAddressCreatePayload> {
        let MaskedAddressCreateInput { mailbox_id, domain, label, note, site, terms } = input;
        let done = async {
            let new = NewMasked { mailbox: account_id(&mailbox_id)?, domain, label, note, site };
            service(ctx).masked_create(actor(ctx), &terms.into(), &new).await
        };
        MaskedAddressCreatePayload::object(done.await)
    }

    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn masked_address_update(
        &self,
        ctx: &Context<'_>,
        input: MaskedAddressUpdateInput,
    ) -> Result<MaskedAddressUpdatePayload> {
        let (patch, terms) = (input.patch(), input.terms.into());
        let done = service(ctx).masked_update(actor(ctx), &terms, &input.address, &patch).await;
        MaskedAddressUpdatePayload::object(done)
    }

    /// The address becomes a tombstone: mail for it is refused for ever.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn masked_address_delete(
        &self,
        ctx: &Context<'_>,
        input: MaskedAddressDeleteInput,
    ) -> Result<MaskedAddressDeletePayload> {
        let done = service(ctx).masked_delete(actor(ctx), &input.terms.into(), &input.address).await;
        MaskedAddressDeletePayload::object(done)
    }
}
