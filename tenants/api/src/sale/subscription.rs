//! SUMMARY    What was bought: shown from the mirror, changed, ended, resumed.

use super::{BillingInterval, PROVIDER_COST, desk, invalid, plan::Plan};
use crate::{
    cost::RECORDS_COST,
    failure::found,
    input::MoneyTerms,
    mutation::tenant_id,
    payload::{object_payload, payload},
    scalar::{DateTime, Money},
    types::actor,
};
use async_graphql::{Context, Enum, ID, InputObject, Object, Result, SimpleObject};
use billing::{Asked, Bought, BoughtItem, Item};
use tenants::Error;

/// How a subscription stands at the payment provider.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "billing::Status")]
pub enum BillingSubscriptionStatus {
    /// The first payment was not made yet.
    Incomplete,
    Trialing,
    Active,
    PastDue,
    /// Payments are not tried any more.
    Unpaid,
    Cancelled,
}

/// When a subscription ends.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "billing::End")]
pub enum BillingSubscriptionEnd {
    /// With what was paid for.
    Period,
    /// At once. What is paid back is another call.
    Now,
}

/// So many of a component.
#[derive(SimpleObject, Clone)]
pub struct BillingItem {
    /// Its key in the plan.
    pub component: String,
    pub title: String,
    pub quantity: u64,
}

impl From<BoughtItem> for BillingItem {
    fn from(item: BoughtItem) -> Self {
        BillingItem { component: item.component, title: item.title, quantity: item.quantity }
    }
}

/// From `start` (in it) to `end` (the next one's).
#[derive(SimpleObject, Clone)]
pub struct BillingPeriod {
    pub start: DateTime,
    pub end: DateTime,
}

impl From<billing::Period> for BillingPeriod {
    fn from(period: billing::Period) -> Self {
        BillingPeriod { start: period.start.into(), end: period.end.into() }
    }
}

/// A subscription as the payment provider has it.
#[derive(SimpleObject, Clone)]
pub struct BillingSubscription {
    /// The provider's.
    pub id: ID,
    pub tenant_id: ID,
    pub status: BillingSubscriptionStatus,
    pub plan: Plan,
    pub items: Vec<BillingItem>,
    /// ISO 4217.
    pub currency: String,
    pub interval: BillingInterval,
    /// Each period, without tax and what is metered.
    pub total: Money,
    /// What is paid for now.
    pub period: BillingPeriod,
    pub trial_ends_at: Option<DateTime>,
    /// It was asked to end then.
    pub ends_at: Option<DateTime>,
    pub ended_at: Option<DateTime>,
    pub created_at: DateTime,
}

impl From<Bought> for BillingSubscription {
    fn from(bought: Bought) -> Self {
        BillingSubscription {
            id: ID(bought.id),
            tenant_id: ID(bought.tenant.to_string()),
            status: bought.status.into(),
            plan: bought.plan.into(),
            items: bought.items.into_iter().map(Into::into).collect(),
            currency: bought.currency.to_string(),
            interval: bought.interval.into(),
            total: Money(bought.total),
            period: bought.period.into(),
            trial_ends_at: bought.trial_ends_at.map(Into::into),
            ends_at: bought.ends_at.map(Into::into),
            ended_at: bought.ended_at.map(Into::into),
            created_at: bought.created_at.into(),
        }
    }
}

/// So many of a component.
#[derive(InputObject)]
pub struct BillingItemInput {
    /// Its key in the plan.
    component: String,
    quantity: u64,
}

/// A plan as it is wanted.
#[derive(InputObject)]
pub struct BillingChoiceInput {
    /// Id of a version, or the key of a plan that is offered: its newest version.
    plan: String,
    /// Components that are left out come with their least.
    #[graphql(default)]
    items: Vec<BillingItemInput>,
    /// ISO 4217; when missing the one it has, or the first that the plan is offered in.
    currency: Option<String>,
    /// When missing the one it has, or the first that the plan is offered in.
    interval: Option<BillingInterval>,
    /// A coupon's code.
    coupon: Option<String>,
}

impl TryFrom<BillingChoiceInput> for Asked {
    type Error = Error;
    fn try_from(input: BillingChoiceInput) -> Result<Self, Error> {
        let currency = input.currency.map(|code| code.parse());
        let currency = currency.transpose().map_err(|e: billing::Error| invalid("choice", e.to_string()))?;
        let item = |item: BillingItemInput| Item { component: item.component, quantity: item.quantity };
        let (items, interval) = (input.items.into_iter().map(item).collect(), input.interval.map(Into::into));
        Ok(Asked { plan: input.plan, items, currency, interval, coupon: input.coupon })
    }
}

#[derive(InputObject)]
pub struct SubscriptionChangeInput {
    tenant_id: ID,
    choice: BillingChoiceInput,
    #[graphql(flatten)]
    terms: MoneyTerms,
}

#[derive(InputObject)]
pub struct SubscriptionCancelInput {
    tenant_id: ID,
    subscription_id: ID,
    when: BillingSubscriptionEnd,
    #[graphql(flatten)]
    terms: MoneyTerms,
}

#[derive(InputObject)]
pub struct SubscriptionResumeInput {
    tenant_id: ID,
    subscription_id: ID,
    #[graphql(flatten)]
    terms: MoneyTerms,
}

object_payload!(
    SubscriptionChangePayload, SubscriptionChangeUserError, SubscriptionChangeErrorCode,
    [NotFound, LimitReached, InUse, Held], subscription: BillingSubscription
);
object_payload!(
    SubscriptionCancelPayload, SubscriptionCancelUserError, SubscriptionCancelErrorCode,
    [NotFound, InUse], subscription: BillingSubscription
);
object_payload!(
    SubscriptionResumePayload, SubscriptionResumeUserError, SubscriptionResumeErrorCode,
    [NotFound, InUse, Held], subscription: BillingSubscription
);

#[derive(Default)]
pub struct SubscriptionQuery;

#[Object]
impl SubscriptionQuery {
    /// What a tenant bought, newest first, with what has ended.
    #[graphql(complexity = "RECORDS_COST * child_complexity + 1")]
    async fn billing_subscriptions(
        &self,
        ctx: &Context<'_>,
        tenant_id: ID,
    ) -> Result<Option<Vec<BillingSubscription>>> {
        let desk = desk(ctx)?;
        let Ok(tenant) = tenant_id.parse() else { return Ok(None) };
        let rows = found(desk.subscriptions(actor(ctx), tenant).await)?;
        Ok(rows.map(|rows| rows.into_iter().map(Into::into).collect()))
    }
}

#[derive(Default)]
pub struct SubscriptionMutation;

#[Object]
impl SubscriptionMutation {
    /// Changes plan, items or interval; up and down alike. What is there beyond the new limits stays, nothing new is made
    /// (billingQuote says `over`). A dry run costs what billingQuote says.
    #[graphql(complexity = "PROVIDER_COST + child_complexity")]
    async fn subscription_change(
        &self,
        ctx: &Context<'_>,
        input: SubscriptionChangeInput,
    ) -> Result<SubscriptionChangePayload> {
        let desk = desk(ctx)?;
        let done = async {
            let (tenant, asked) = (tenant_id(&input.tenant_id)?, Asked::try_from(input.choice)?);
            desk.change(actor(ctx), &input.terms.into(), tenant, &asked).await
        };
        SubscriptionChangePayload::object(done.await)
    }

    /// Ends a subscription, now or with its period.
    #[graphql(complexity = "PROVIDER_COST + child_complexity")]
    async fn subscription_cancel(
        &self,
        ctx: &Context<'_>,
        input: SubscriptionCancelInput,
    ) -> Result<SubscriptionCancelPayload> {
        let desk = desk(ctx)?;
        let done = async {
            let (tenant, when) = (tenant_id(&input.tenant_id)?, input.when.into());
            desk.cancel(actor(ctx), &input.terms.into(), tenant, &input.subscription_id, when).await
        };
        SubscriptionCancelPayload::object(done.await)
    }

    /// Takes back that it ends with its period.
    #[graphql(complexity = "PROVIDER_COST + child_complexity")]
    async fn subscription_resume(
        &self,
        ctx: &Context<'_>,
        input: SubscriptionResumeInput,
    ) -> Result<SubscriptionResumePayload> {
        let desk = desk(ctx)?;
        let done = async {
            let tenant = tenant_id(&input.tenant_id)?;
            desk.resume(actor(ctx), &input.terms.into(), tenant, &input.subscription_id).await
        };
        SubscriptionResumePayload::object(done.await)
    }
}
