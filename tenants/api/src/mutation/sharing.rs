//! SUMMARY    Delegates of mailboxes, addresses they may send from; other names of domains, shared domains.

use super::account_id;
use crate::{
    cost::MUTATION_COST,
    input::{
        DelegateAddInput, DelegateRemoveInput, DomainAliasCreateInput, DomainAliasRemoveInput, DomainShareInput,
        SendAsInput,
    },
    payload::{
        DelegateAddPayload, DelegateRemovePayload, DomainAliasCreatePayload, DomainAliasRemovePayload,
        DomainSharePayload, SendAsAddPayload, SendAsRemovePayload,
    },
    types::{actor, service},
};
use async_graphql::{Context, ID, Object, Result};
use base::AccountId;
use tenants::{DelegateRights, Error};

#[derive(Default)]
pub struct SharingMutation;

fn delegate_id(id: &ID) -> tenants::Result<AccountId> {
    id.parse().map_err(|_| Error::not_found("delegateId"))
}

#[Object]
impl SharingMutation {
    /// Lets the user of another mailbox open this one, or send from it; or changes what they may do.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn delegate_add(&self, ctx: &Context<'_>, input: DelegateAddInput) -> Result<DelegateAddPayload> {
        let rights = DelegateRights { open: input.open, write: input.write, send_as: input.send_as };
        let done = async {
            let (mailbox, delegate) = (account_id(&input.mailbox_id)?, delegate_id(&input.delegate_id)?);
            service(ctx).delegate_add(actor(ctx), &input.terms.into(), mailbox, delegate, rights).await
        };
        DelegateAddPayload::object(done.await)
    }

    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn delegate_remove(&self, ctx: &Context<'_>, input: DelegateRemoveInput) -> Result<DelegateRemovePayload> {
        let done = async {
            let (mailbox, delegate) = (account_id(&input.mailbox_id)?, delegate_id(&input.delegate_id)?);
            service(ctx).delegate_remove(actor(ctx), &input.terms.into(), mailbox, delegate).await
        };
        DelegateRemovePayload::object(done.await)
    }

    /// Lets a mailbox send from an address of its tenant that does not lead to it alone.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn send_as_add(&self, ctx: &Context<'_>, input: SendAsInput) -> Result<SendAsAddPayload> {
        let done = async {
            let mailbox = account_id(&input.mailbox_id)?;
            service(ctx).send_as_add(actor(ctx), &input.terms.into(), mailbox, &input.address).await
        };
        SendAsAddPayload::object(done.await)
    }

    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn send_as_remove(&self, ctx: &Context<'_>, input: SendAsInput) -> Result<SendAsRemovePayload> {
        let done = async {
            let mailbox = account_id(&input.mailbox_id)?;
            service(ctx).send_as_remove(actor(ctx), &input.terms.into(), mailbox, &input.address).await
        };
        SendAsRemovePayload::object(done.await)
    }

    /// Makes a domain another name of one of the same tenant: its addresses are there under both names. TAKEN when both have
    /// an address with the same local part. `expectedVersion` is that of the domain that becomes another name.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn domain_alias_create(
        &self,
        ctx: &Context<'_>,
        input: DomainAliasCreateInput,
    ) -> Result<DomainAliasCreatePayload> {
        let terms = input.terms.into();
        let done = service(ctx).domain_alias_create(actor(ctx), &terms, &input.name, &input.alias_of).await;
        DomainAliasCreatePayload::object(done)
    }

    /// Makes a domain one of its own again.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn domain_alias_remove(
        &self,
        ctx: &Context<'_>,
        input: DomainAliasRemoveInput,
    ) -> Result<DomainAliasRemovePayload> {
        let done = service(ctx).domain_alias_remove(actor(ctx), &input.terms.into(), &input.name).await;
        DomainAliasRemovePayload::object(done)
    }

    /// Opens the addresses of a domain to the tenants below its own, or closes it again. IN_USE while they have some.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn domain_share(&self, ctx: &Context<'_>, input: DomainShareInput) -> Result<DomainSharePayload> {
        let terms = input.terms.into();
        DomainSharePayload::object(service(ctx).domain_share(actor(ctx), &terms, &input.name, input.shared).await)
    }
}
