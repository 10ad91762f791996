//! SUMMARY    What is done about an item of outgoing mail: tried now, put aside, let go on, cancelled.

use super::tenant_id;
use crate::{
    cost::MUTATION_COST,
    input::{CreateTerms, MoneyTerms},
    payload::{object_payload, payload},
    query::queue::QueueItem,
    types::{actor, service},
};
use async_graphql::{Context, ID, InputObject, Object, Result};
use base::{QueueId, TenantId};
use control::QueueAction;
use tenants::{Done, Error, Terms};

#[derive(InputObject)]
pub struct QueueItemRetryInput {
    tenant_id: ID,
    item_id: ID,
    #[graphql(flatten)]
    terms: CreateTerms,
}

#[derive(InputObject)]
pub struct QueueItemHoldInput {
    tenant_id: ID,
    item_id: ID,
    /// One line for people.
    reason: String,
    #[graphql(flatten)]
    terms: CreateTerms,
}

#[derive(InputObject)]
pub struct QueueItemReleaseInput {
    tenant_id: ID,
    item_id: ID,
    #[graphql(flatten)]
    terms: CreateTerms,
}

#[derive(InputObject)]
pub struct QueueItemCancelInput {
    tenant_id: ID,
    item_id: ID,
    /// One line for the sender, who gets the message back with it.
    #[graphql(default = "Cancelled")]
    reason: String,
    /// Nobody is told. FORBIDDEN to everybody but the operator.
    #[graphql(default)]
    silently: bool,
    #[graphql(flatten)]
    terms: MoneyTerms,
}

object_payload!(QueueItemRetryPayload, QueueItemRetryUserError, QueueItemRetryErrorCode, [NotFound, InUse], item: QueueItem);
object_payload!(QueueItemHoldPayload, QueueItemHoldUserError, QueueItemHoldErrorCode, [NotFound, InUse], item: QueueItem);
object_payload!(QueueItemReleasePayload, QueueItemReleaseUserError, QueueItemReleaseErrorCode, [NotFound, InUse], item: QueueItem);
object_payload!(QueueItemCancelPayload, QueueItemCancelUserError, QueueItemCancelErrorCode, [NotFound, InUse], item: QueueItem);

fn ids(tenant: &ID, item: &ID) -> tenants::Result<(TenantId, QueueId)> {
    Ok((tenant_id(tenant)?, item.parse().map_err(|_| Error::not_found("itemId"))?))
}

async fn act(
    ctx: &Context<'_>,
    terms: Terms,
    (tenant, item): (&ID, &ID),
    action: QueueAction,
) -> tenants::Result<Done<control::QueueItem>> {
    service(ctx).queue_item_act(actor(ctx), &terms, ids(tenant, item)?, action).await
}

#[derive(Default)]
pub struct QueueMutation;

#[Object]
impl QueueMutation {
    /// Tries an item now instead of at its time. What a hold or a person keeps waits all the same. IN_USE while it is being sent.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn queue_item_retry(&self, ctx: &Context<'_>, input: QueueItemRetryInput) -> Result<QueueItemRetryPayload> {
        let of = (&input.tenant_id, &input.item_id);
        QueueItemRetryPayload::object(act(ctx, input.terms.into(), of, QueueAction::Retry).await)
    }

    /// Puts an item aside until queueItemRelease, at most for 30 days: then its sender gets it back.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn queue_item_hold(&self, ctx: &Context<'_>, input: QueueItemHoldInput) -> Result<QueueItemHoldPayload> {
        let of = (&input.tenant_id, &input.item_id);
        let action = QueueAction::Hold { reason: input.reason };
        QueueItemHoldPayload::object(act(ctx, input.terms.into(), of, action).await)
    }

    /// Lets an item go on that a person has put aside. What a hold keeps goes on when that is released.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn queue_item_release(
        &self,
        ctx: &Context<'_>,
        input: QueueItemReleaseInput,
    ) -> Result<QueueItemReleasePayload> {
        let of = (&input.tenant_id, &input.item_id);
        QueueItemReleasePayload::object(act(ctx, input.terms.into(), of, QueueAction::Release).await)
    }

    /// Does not send an item to those who have not got it yet: its sender gets it back within moments, with the reason.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn queue_item_cancel(
        &self,
        ctx: &Context<'_>,
        input: QueueItemCancelInput,
    ) -> Result<QueueItemCancelPayload> {
        let of = (&input.tenant_id, &input.item_id);
        let action = match input.silently {
            true => QueueAction::Drop,
            false => QueueAction::Return { reason: input.reason },
        };
        QueueItemCancelPayload::object(act(ctx, input.terms.into(), of, action).await)
    }
}
