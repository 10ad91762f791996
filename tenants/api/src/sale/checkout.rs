//! SUMMARY    Buying: what it would cost, the page to pay on, the provider's pages for cards and invoices.

use super::{
    BillingInterval, BillingLimits, PROVIDER_COST, desk,
    plan::Plan,
    subscription::{BillingChoiceInput, BillingItem},
};
use crate::{
    cost::MUTATION_COST,
    failure::{found, read_failed},
    input::{CreateTerms, MoneyTerms},
    mutation::tenant_id,
    payload::{object_payload, payload},
    scalar::{DateTime, Money},
    types::actor,
};
use async_graphql::{Context, Enum, ID, InputObject, Object, Result, SimpleObject};
use billing::{Asked, CheckoutShown, Discount, Quote, QuoteLine};

/// A line of a quote; below zero it is given back.
#[derive(SimpleObject, Clone)]
pub struct BillingQuoteLine {
    pub title: String,
    /// Key of the component; null: the plan itself.
    pub component: Option<String>,
    pub quantity: u64,
    /// Without tax.
    pub amount: Money,
}

impl From<QuoteLine> for BillingQuoteLine {
    fn from(line: QuoteLine) -> Self {
        let QuoteLine { title, component, quantity, amount } = line;
        BillingQuoteLine { title, component, quantity, amount: Money(amount) }
    }
}

/// What a choice would cost, and what of what is there would be over its limits.
#[derive(SimpleObject, Clone)]
pub struct BillingQuote {
    pub plan: Plan,
    pub lines: Vec<BillingQuoteLine>,
    /// Due at once, without tax; below zero it is credited.
    pub now: Money,
    /// Each period from the next on, without tax and what is metered.
    pub then: Money,
    pub interval: BillingInterval,
    /// Hundredths that a coupon takes off in the first period.
    pub discount_percent: Option<u32>,
    /// What a coupon takes off in the first period.
    pub discount_amount: Option<Money>,
    /// Days without payment; 0: none.
    pub trial_days: u32,
    /// By the payment provider's own reckoning, with tax; null where nothing is changed there.
    pub provider_now: Option<Money>,
    /// What it may have then.
    pub limits: BillingLimits,
    /// Names of limits that what there is now would be over: it stays, nothing new is made.
    pub over: Vec<String>,
}

impl From<Quote> for BillingQuote {
    fn from(quote: Quote) -> Self {
        let (discount_percent, discount_amount) = match quote.discount {
            Some(Discount::Percent(percent)) => (Some(u32::from(percent)), None),
            Some(Discount::Amount(amount)) => (None, Some(Money(amount))),
            None => (None, None),
        };
        BillingQuote {
            plan: quote.plan.into(),
            lines: quote.lines.into_iter().map(Into::into).collect(),
            now: Money(quote.now),
            then: Money(quote.then),
            interval: quote.interval.into(),
            discount_percent,
            discount_amount,
            trial_days: quote.trial_days,
            provider_now: quote.provider_now.map(Money),
            limits: quote.limits.into(),
            over: quote.over,
        }
    }
}

/// Where a page to pay on stands.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "billing::CheckoutState")]
pub enum CheckoutState {
    Open,
    Complete,
    Expired,
}

/// A page of the payment provider's on which a tenant pays for a new subscription.
#[derive(SimpleObject, Clone)]
pub struct Checkout {
    pub id: ID,
    pub tenant_id: ID,
    /// The page; empty once it is not open any more, and for a plan without a price, which is given at once.
    pub url: String,
    pub state: CheckoutState,
    /// Key of the plan that is bought.
    pub plan_key: String,
    /// Which version of it.
    pub plan_number: u32,
    pub items: Vec<BillingItem>,
    /// ISO 4217.
    pub currency: String,
    pub interval: BillingInterval,
    pub expires_at: DateTime,
}

impl From<CheckoutShown> for Checkout {
    fn from(shown: CheckoutShown) -> Self {
        let plan = shown.choice.plan;
        let item = |item: billing::Item| {
            let title = plan.component(&item.component).map_or_else(String::new, |c| c.title.clone());
            BillingItem { component: item.component, title, quantity: item.quantity }
        };
        Checkout {
            id: ID(shown.id),
            tenant_id: ID(shown.tenant.to_string()),
            url: shown.url,
            state: shown.state.into(),
            items: shown.choice.items.into_iter().map(item).collect(),
            currency: shown.choice.currency.to_string(),
            interval: shown.choice.interval.into(),
            expires_at: shown.expires_at.into(),
            plan_number: plan.version,
            plan_key: plan.key,
        }
    }
}

#[derive(InputObject)]
pub struct CheckoutOpenInput {
    tenant_id: ID,
    choice: BillingChoiceInput,
    #[graphql(flatten)]
    terms: MoneyTerms,
}

#[derive(InputObject)]
pub struct CheckoutCloseInput {
    tenant_id: ID,
    #[graphql(flatten)]
    terms: CreateTerms,
}

#[derive(InputObject)]
pub struct BillingPageOpenInput {
    tenant_id: ID,
    /// A path of the portal, where it leads back to.
    #[graphql(default = "/billing")]
    back: String,
    #[graphql(flatten)]
    terms: CreateTerms,
}

object_payload!(
    CheckoutOpenPayload, CheckoutOpenUserError, CheckoutOpenErrorCode, [NotFound, InUse, LimitReached, Held, Taken], checkout: Checkout
);
object_payload!(CheckoutClosePayload, CheckoutCloseUserError, CheckoutCloseErrorCode, [NotFound], checkout: Checkout);
payload!(CardPageOpenPayload, CardPageOpenUserError, CardPageOpenErrorCode, [NotFound], {
    /// The page, for the person who asked and for a short time. None in a dry run.
    url: Option<String>
});
payload!(CustomerPageOpenPayload, CustomerPageOpenUserError, CustomerPageOpenErrorCode, [NotFound], {
    /// The page, for the person who asked and for a short time. None in a dry run.
    url: Option<String>
});

#[derive(Default)]
pub struct CheckoutQuery;

#[Object]
impl CheckoutQuery {
    /// What a choice would cost a tenant now: a first one, or a change of what it has. A choice that cannot be bought is an
    /// error of the query with code INVALID.
    #[graphql(complexity = "PROVIDER_COST + child_complexity")]
    async fn billing_quote(
        &self,
        ctx: &Context<'_>,
        tenant_id: ID,
        choice: BillingChoiceInput,
    ) -> Result<Option<BillingQuote>> {
        let desk = desk(ctx)?;
        let Ok(tenant) = tenant_id.parse() else { return Ok(None) };
        let asked = Asked::try_from(choice).map_err(|e| read_failed(&e))?;
        Ok(found(desk.quote(actor(ctx), tenant, &asked).await)?.map(BillingQuote::from))
    }

    /// The last page to pay on that was opened, as it is at the provider now.
    #[graphql(complexity = "PROVIDER_COST + child_complexity")]
    async fn checkout(&self, ctx: &Context<'_>, tenant_id: ID) -> Result<Option<Checkout>> {
        let desk = desk(ctx)?;
        let Ok(tenant) = tenant_id.parse() else { return Ok(None) };
        Ok(found(desk.checkout(actor(ctx), tenant).await)?.flatten().map(Checkout::from))
    }
}

#[derive(Default)]
pub struct CheckoutMutation;

#[Object]
impl CheckoutMutation {
    /// Opens a page to pay on; the one that was open ends. A plan without a price is given at once and has no page. What is
    /// bought counts when the provider says that it was paid.
    #[graphql(complexity = "PROVIDER_COST + child_complexity")]
    async fn checkout_open(&self, ctx: &Context<'_>, input: CheckoutOpenInput) -> Result<CheckoutOpenPayload> {
        let desk = desk(ctx)?;
        let made = async {
            let (tenant, asked) = (tenant_id(&input.tenant_id)?, Asked::try_from(input.choice)?);
            desk.checkout_open(actor(ctx), &input.terms.into(), tenant, &asked).await
        };
        CheckoutOpenPayload::object(made.await)
    }

    /// Ends the page that is open.
    #[graphql(complexity = "PROVIDER_COST + child_complexity")]
    async fn checkout_close(&self, ctx: &Context<'_>, input: CheckoutCloseInput) -> Result<CheckoutClosePayload> {
        let desk = desk(ctx)?;
        let done = async {
            let tenant = tenant_id(&input.tenant_id)?;
            desk.checkout_close(actor(ctx), &input.terms.into(), tenant).await
        };
        CheckoutClosePayload::object(done.await)
    }

    /// Opens the provider's page on which a tenant changes what it pays with.
    #[graphql(complexity = "PROVIDER_COST + MUTATION_COST + child_complexity")]
    async fn card_page_open(&self, ctx: &Context<'_>, input: BillingPageOpenInput) -> Result<CardPageOpenPayload> {
        let desk = desk(ctx)?;
        let made = async {
            let tenant = tenant_id(&input.tenant_id)?;
            desk.card_page(actor(ctx), &input.terms.into(), tenant, &input.back).await
        };
        CardPageOpenPayload::of(made.await, |payload, url| {
            payload.url = Some(url).filter(|url| !url.is_empty());
            Ok(())
        })
    }

    /// Opens the provider's own page for customers: invoices, what is paid with.
    #[graphql(complexity = "PROVIDER_COST + MUTATION_COST + child_complexity")]
    async fn customer_page_open(
        &self,
        ctx: &Context<'_>,
        input: BillingPageOpenInput,
    ) -> Result<CustomerPageOpenPayload> {
        let desk = desk(ctx)?;
        let made = async {
            let tenant = tenant_id(&input.tenant_id)?;
            desk.customer_page(actor(ctx), &input.terms.into(), tenant, &input.back).await
        };
        CustomerPageOpenPayload::of(made.await, |payload, url| {
            payload.url = Some(url).filter(|url| !url.is_empty());
            Ok(())
        })
    }
}
