//! SUMMARY    Policies: how long the stages of a seller's customers last.

use super::desk;
use crate::{
    cost::MUTATION_COST,
    failure::found,
    input::ChangeTerms,
    mutation::tenant_id_of,
    payload::{object_payload, payload},
    types::actor,
};
use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};
use billing::Policy;

/// Days until each stage; the first four from the day a payment was due, the last two of closing.
#[derive(SimpleObject, Clone)]
pub struct BillingPolicy {
    /// Rises with each change.
    pub version: u32,
    /// Then it sends less.
    pub grace_days: u32,
    /// Then it does not send.
    pub suspended_days: u32,
    /// Then it reads, receives and exports.
    pub read_only_days: u32,
    /// Then it is closed.
    pub closing_days: u32,
    /// In which closing is undone.
    pub undo_days: u32,
    /// After the last notice, before anything is destroyed.
    pub last_notice_days: u32,
    /// Hundredths of what it may send otherwise, in the grace.
    pub grace_sending_percent: u32,
}

impl From<Policy> for BillingPolicy {
    fn from(policy: Policy) -> Self {
        BillingPolicy {
            version: policy.version,
            grace_days: policy.grace_days,
            suspended_days: policy.suspended_days,
            read_only_days: policy.read_only_days,
            closing_days: policy.closing_days,
            undo_days: policy.undo_days,
            last_notice_days: policy.last_notice_days,
            grace_sending_percent: u32::from(policy.grace_sending_percent),
        }
    }
}

/// Days until each stage, as in BillingPolicy; each no less than the one before.
#[derive(InputObject, Clone, Copy)]
pub struct BillingPolicyInput {
    grace_days: u32,
    suspended_days: u32,
    read_only_days: u32,
    closing_days: u32,
    /// 1 at least.
    undo_days: u32,
    /// 1 at least.
    last_notice_days: u32,
    /// 0 to 100.
    grace_sending_percent: u8,
}

impl From<BillingPolicyInput> for Policy {
    fn from(input: BillingPolicyInput) -> Self {
        Policy {
            // Given by the desk.
            version: 1,
            grace_days: input.grace_days,
            suspended_days: input.suspended_days,
            read_only_days: input.read_only_days,
            closing_days: input.closing_days,
            undo_days: input.undo_days,
            last_notice_days: input.last_notice_days,
            grace_sending_percent: input.grace_sending_percent,
        }
    }
}

#[derive(InputObject)]
pub struct BillingPolicyUpdateInput {
    /// Whose customers it is for, and those of sellers below that have none.
    seller_id: ID,
    policy: BillingPolicyInput,
    #[graphql(flatten)]
    terms: ChangeTerms,
}

object_payload!(
    BillingPolicyUpdatePayload, BillingPolicyUpdateUserError, BillingPolicyUpdateErrorCode, [NotFound, StaleObject, LimitReached], policy: BillingPolicy
);

#[derive(Default)]
pub struct PolicyQuery;

#[Object]
impl PolicyQuery {
    /// The policy in force for a seller's customers: its own, that of the nearest seller above, or the default.
    async fn billing_policy(&self, ctx: &Context<'_>, seller_id: ID) -> Result<Option<BillingPolicy>> {
        let desk = desk(ctx)?;
        let Ok(seller) = seller_id.parse() else { return Ok(None) };
        Ok(found(desk.policy(actor(ctx), seller).await)?.map(BillingPolicy::from))
    }
}

#[derive(Default)]
pub struct PolicyMutation;

#[Object]
impl PolicyMutation {
    /// Sets a seller's policy. A date that a customer was told does not come earlier by it.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn billing_policy_update(
        &self,
        ctx: &Context<'_>,
        input: BillingPolicyUpdateInput,
    ) -> Result<BillingPolicyUpdatePayload> {
        let desk = desk(ctx)?;
        let done = async {
            let seller = tenant_id_of("sellerId", &input.seller_id)?;
            let done = desk.policy_update(actor(ctx), &input.terms.into(), seller, &input.policy.into()).await;
            done.map_err(|e| e.missing("sellerId"))
        };
        BillingPolicyUpdatePayload::object(done.await)
    }
}
