//! SUMMARY    Mailboxes by id, by address, and as lists that are searched and sorted.

use crate::{
    connection::{MailboxConnection, Paging},
    cost::page_cost,
    failure::found,
    input::{MailboxFilter, MailboxOrder},
    types::{Mailbox, actor, service},
};
use async_graphql::{Context, ID, Object, Result};

#[derive(Default)]
pub struct MailboxQuery;

#[Object]
impl MailboxQuery {
    /// A mailbox, also a deleted one that can still be restored.
    async fn mailbox(&self, ctx: &Context<'_>, id: ID) -> Result<Option<Mailbox>> {
        let Ok(account) = id.parse() else { return Ok(None) };
        Ok(found(service(ctx).mailbox(actor(ctx), account).await)?.map(Mailbox::from))
    }

    /// The mailbox whose own address this is; an alias is none.
    async fn mailbox_by_address(&self, ctx: &Context<'_>, address: String) -> Result<Option<Mailbox>> {
        Ok(found(service(ctx).mailbox_by_address(actor(ctx), &address).await)?.map(Mailbox::from))
    }

    /// Mailboxes of a tenant; without a filter those that are not deleted, in order of their ids.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    #[allow(clippy::too_many_arguments, reason = "a list with search, order and page")]
    async fn mailboxes(
        &self,
        ctx: &Context<'_>,
        tenant_id: ID,
        filter: Option<MailboxFilter>,
        order_by: Option<MailboxOrder>,
        first: Option<u32>,
        after: Option<ID>,
        last: Option<u32>,
        before: Option<ID>,
    ) -> Result<Option<MailboxConnection>> {
        let paging = Paging::new(ctx, first, after, last, before)?;
        let Ok(tenant) = tenant_id.parse() else { return Ok(None) };
        let (filter, order) =
            (filter.map(Into::into).unwrap_or_default(), order_by.map(Into::into).unwrap_or_default());
        let rows = service(ctx).mailboxes_where(actor(ctx), tenant, &filter, order, &paging.page()).await;
        Ok(found(rows)?.map(|rows| MailboxConnection::sorted(&paging, rows, order)))
    }
}
