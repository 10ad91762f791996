//! SUMMARY    Groups, masked addresses, app passwords.

use crate::{
    connection::{GroupConnection, MaskedAddressConnection, Paging},
    cost::{RECORDS_COST, page_cost},
    failure::found,
    types::{AppPassword, Group, actor, service},
};
use async_graphql::{Context, ID, Object, Result};

#[derive(Default)]
pub struct AddressQuery;

#[Object]
impl AddressQuery {
    /// A group by its address.
    async fn group(&self, ctx: &Context<'_>, address: String) -> Result<Option<Group>> {
        Ok(found(service(ctx).group(actor(ctx), &address).await)?.map(Group::from))
    }

    /// Groups of a tenant, in order of domain and local part.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    async fn groups(
        &self,
        ctx: &Context<'_>,
        tenant_id: ID,
        first: Option<u32>,
        after: Option<ID>,
        last: Option<u32>,
        before: Option<ID>,
    ) -> Result<Option<GroupConnection>> {
        let paging = Paging::new(ctx, first, after, last, before)?;
        let Ok(tenant) = tenant_id.parse() else { return Ok(None) };
        let rows = found(service(ctx).groups(actor(ctx), tenant, &paging.page()).await)?;
        Ok(rows.map(|rows| GroupConnection::new(&paging, rows)))
    }

    /// Masked addresses of a mailbox, in order of domain and local part.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    async fn masked_addresses(
        &self,
        ctx: &Context<'_>,
        mailbox_id: ID,
        first: Option<u32>,
        after: Option<ID>,
        last: Option<u32>,
        before: Option<ID>,
    ) -> Result<Option<MaskedAddressConnection>> {
        let paging = Paging::new(ctx, first, after, last, before)?;
        let Ok(mailbox) = mailbox_id.parse() else { return Ok(None) };
        let rows = found(service(ctx).masked_of(actor(ctx), mailbox, &paging.page()).await)?;
        Ok(rows.map(|rows| MaskedAddressConnection::new(&paging, rows)))
    }

    /// App passwords of a mailbox without their secrets, oldest first, 100 at most.
    #[graphql(complexity = "RECORDS_COST + child_complexity")]
    async fn app_passwords(&self, ctx: &Context<'_>, mailbox_id: ID) -> Result<Option<Vec<AppPassword>>> {
        let Ok(mailbox) = mailbox_id.parse() else { return Ok(None) };
        let rows = found(service(ctx).app_passwords(actor(ctx), mailbox).await)?;
        Ok(rows.map(|rows| rows.into_iter().map(AppPassword::from).collect()))
    }
}
