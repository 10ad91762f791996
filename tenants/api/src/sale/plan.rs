//! SUMMARY    Plans: what a seller sells, in versions that never change.

use super::{BillingInterval, desk, invalid};
use crate::{
    connection::{Paging, connection},
    cost::{MUTATION_COST, page_cost},
    failure::found,
    input::{ChangeTerms, CreateTerms},
    mutation::{tenant_id_of, wanted},
    payload::{object_payload, payload},
    scalar::{ByteSize, DateTime, Money},
    types::actor,
};
use async_graphql::{Context, Enum, ID, InputObject, MaybeUndefined, Object, Result, SimpleObject};
use billing::{Charge, Component, Grants, NewPlan, PlanShown, Price};
use tenants::Error;

/// Who may buy a version of a plan.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "billing::PlanState")]
pub enum PlanState {
    /// Every customer, by itself.
    Offered,
    /// Whom the seller gives it to.
    Private,
    /// Nobody new; who has it keeps it.
    Withdrawn,
}

/// What is counted of a metered component.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "billing::Meter")]
pub enum PlanMeter {
    /// Recipients of outgoing messages.
    OutgoingRecipients,
    /// Gibibytes stored, the highest hour of each day, by day.
    StorageGibDays,
}

/// Additions to what a customer may have: 0 nothing, null unlimited.
#[derive(SimpleObject, Clone)]
pub struct PlanGrants {
    pub domains: Option<u64>,
    pub mailboxes: Option<u64>,
    /// Pooled over all mailboxes.
    pub storage_bytes: Option<ByteSize>,
    pub recipients_per_hour: Option<u64>,
    pub recipients_per_day: Option<u64>,
    /// Recipients in a day that an account never wrote to before.
    pub new_recipients_per_day: Option<u64>,
}

impl From<Grants> for PlanGrants {
    fn from(grants: Grants) -> Self {
        PlanGrants {
            domains: grants.domains,
            mailboxes: grants.mailboxes,
            storage_bytes: grants.storage_bytes.map(ByteSize),
            recipients_per_hour: grants.recipients_per_hour,
            recipients_per_day: grants.recipients_per_day,
            new_recipients_per_day: grants.new_recipients_per_day,
        }
    }
}

/// Paid in advance, for each one that is bought.
#[derive(SimpleObject, Clone)]
pub struct PlanUnitCharge {
    /// So many come with the plan, and are paid too.
    pub least: u64,
    pub most: u64,
}

/// Paid afterwards, for each `per` that is begun beyond `included` of a period.
#[derive(SimpleObject, Clone)]
pub struct PlanMeteredCharge {
    pub meter: PlanMeter,
    pub included: u64,
    pub per: u64,
}

/// A part of a plan that is bought by number, or paid by use.
#[derive(SimpleObject, Clone)]
pub struct PlanComponent {
    /// Unique in the plan.
    pub key: String,
    pub title: String,
    /// Null for one that is metered.
    pub unit: Option<PlanUnitCharge>,
    /// Null for one that is bought by number.
    pub metered: Option<PlanMeteredCharge>,
    /// What each one adds.
    pub grants: PlanGrants,
}

impl From<Component> for PlanComponent {
    fn from(component: Component) -> Self {
        let (unit, metered) = match component.charge {
            Charge::Unit { least, most } => (Some(PlanUnitCharge { least, most }), None),
            Charge::Metered { meter, included, per } => {
                (None, Some(PlanMeteredCharge { meter: meter.into(), included, per }))
            }
        };
        PlanComponent { key: component.key, title: component.title, unit, metered, grants: component.grants.into() }
    }
}

/// What one unit costs, without tax.
#[derive(SimpleObject, Clone)]
pub struct PlanPrice {
    /// Key of the component; null: the plan itself.
    pub component: Option<String>,
    pub interval: BillingInterval,
    pub unit: Money,
}

/// A version of a plan as it is sold.
#[derive(SimpleObject, Clone)]
pub struct Plan {
    pub id: ID,
    pub seller_id: ID,
    pub state: PlanState,
    /// For customers on this price list of the seller alone; null: for all that have no version of the plan on a list of theirs.
    pub price_list: Option<String>,
    /// The same in all versions.
    pub key: String,
    /// Which version of the plan this is, from 1.
    pub number: u32,
    /// A tenant has one live subscription of each family.
    pub family: String,
    pub title: String,
    /// What the plan alone comes with.
    pub grants: PlanGrants,
    pub components: Vec<PlanComponent>,
    /// Empty: it costs nothing.
    pub prices: Vec<PlanPrice>,
    /// Days before the first payment, once for each customer; 0: none.
    pub trial_days: u32,
    pub created_at: DateTime,
    /// Of this object, for `expectedVersion`: only its state changes.
    pub version: i64,
}

impl From<PlanShown> for Plan {
    fn from(shown: PlanShown) -> Self {
        let price = |price: Price| PlanPrice {
            component: price.component,
            interval: price.interval.into(),
            unit: Money(price.unit),
        };
        let plan = shown.plan;
        Plan {
            id: ID(shown.id),
            seller_id: ID(shown.seller.to_string()),
            state: shown.state.into(),
            price_list: shown.price_list,
            key: plan.key,
            number: plan.version,
            family: plan.family,
            title: plan.title,
            grants: plan.grants.into(),
            components: plan.components.into_iter().map(Into::into).collect(),
            prices: plan.prices.into_iter().map(price).collect(),
            trial_days: plan.trial_days,
            created_at: shown.created_at.into(),
            version: shown.version,
        }
    }
}

impl Plan {
    /// Of one page.
    pub(crate) fn together(rows: Vec<PlanShown>) -> Vec<Self> {
        rows.into_iter().map(Self::from).collect()
    }
}
connection!(PlanConnection, PlanEdge, Plan, billing::PlanShown);

/// Additions to what a customer may have: what is left out adds nothing, null is unlimited.
#[derive(InputObject)]
pub struct PlanGrantsInput {
    domains: MaybeUndefined<u64>,
    mailboxes: MaybeUndefined<u64>,
    /// Pooled over all mailboxes.
    storage_bytes: MaybeUndefined<ByteSize>,
    recipients_per_hour: MaybeUndefined<u64>,
    recipients_per_day: MaybeUndefined<u64>,
    /// Recipients in a day that an account never wrote to before.
    new_recipients_per_day: MaybeUndefined<u64>,
}

impl From<PlanGrantsInput> for Grants {
    fn from(input: PlanGrantsInput) -> Self {
        let added = |field| wanted(field).unwrap_or(Some(0));
        Grants {
            domains: added(input.domains),
            mailboxes: added(input.mailboxes),
            storage_bytes: wanted(input.storage_bytes).unwrap_or(Some(ByteSize(0))).map(|bytes| bytes.0),
            recipients_per_hour: added(input.recipients_per_hour),
            recipients_per_day: added(input.recipients_per_day),
            new_recipients_per_day: added(input.new_recipients_per_day),
        }
    }
}

/// Paid in advance, for each one that is bought.
#[derive(InputObject)]
pub struct PlanUnitChargeInput {
    /// So many come with the plan, and are paid too.
    #[graphql(default)]
    least: u64,
    most: u64,
}

/// Paid afterwards, for each `per` that is begun beyond `included` of a period.
#[derive(InputObject)]
pub struct PlanMeteredChargeInput {
    meter: PlanMeter,
    #[graphql(default)]
    included: u64,
    #[graphql(default = 1)]
    per: u64,
}

/// A part of a plan: `unit` or `metered` says how it is charged, one of them.
#[derive(InputObject)]
pub struct PlanComponentInput {
    /// Small letters, digits, `-`; unique in the plan.
    key: String,
    title: String,
    unit: Option<PlanUnitChargeInput>,
    metered: Option<PlanMeteredChargeInput>,
    /// What each one adds.
    grants: Option<PlanGrantsInput>,
}

impl TryFrom<PlanComponentInput> for Component {
    type Error = Error;
    fn try_from(input: PlanComponentInput) -> Result<Self, Error> {
        let charge = match (input.unit, input.metered) {
            (Some(unit), None) => Charge::Unit { least: unit.least, most: unit.most },
            (None, Some(by)) => Charge::Metered { meter: by.meter.into(), included: by.included, per: by.per },
            (None, None) | (Some(_), Some(_)) => {
                let text = format!("{}: a component is charged by `unit` or by `metered`", input.key);
                return Err(invalid("components", text));
            }
        };
        let grants = input.grants.map(Into::into).unwrap_or_default();
        Ok(Component { key: input.key, title: input.title, charge, grants })
    }
}

/// What one unit costs, without tax.
#[derive(InputObject)]
pub struct PlanPriceInput {
    /// Key of the component; left out: the plan itself.
    component: Option<String>,
    interval: BillingInterval,
    /// Not below zero.
    unit: Money,
}

#[derive(InputObject)]
pub struct PlanCreateInput {
    /// Whose customers may buy it.
    seller_id: ID,
    /// Small letters, digits, `-`. One that the seller has already: this is its next version.
    key: String,
    /// A tenant has one live subscription of each family.
    family: String,
    title: String,
    /// What the plan alone comes with.
    grants: Option<PlanGrantsInput>,
    #[graphql(default)]
    components: Vec<PlanComponentInput>,
    /// For everything that is sold, in each currency and interval that it is offered in; none: it costs nothing.
    #[graphql(default)]
    prices: Vec<PlanPriceInput>,
    /// Days before the first payment, once for each customer.
    #[graphql(default)]
    trial_days: u32,
    state: PlanState,
    /// For customers on this price list alone (`billingCustomerUpdate`): small letters, digits, `-`.
    price_list: Option<String>,
    #[graphql(flatten)]
    terms: CreateTerms,
}

impl PlanCreateInput {
    fn plan(self) -> Result<NewPlan, Error> {
        let price = |price: PlanPriceInput| Price {
            component: price.component,
            interval: price.interval.into(),
            unit: price.unit.0,
        };
        let plan = billing::Plan {
            key: self.key,
            // Given by the desk.
            version: 1,
            family: self.family,
            title: self.title,
            grants: self.grants.map(Into::into).unwrap_or_default(),
            components: self.components.into_iter().map(TryInto::try_into).collect::<Result<_, Error>>()?,
            prices: self.prices.into_iter().map(price).collect(),
            trial_days: self.trial_days,
        };
        Ok(NewPlan { plan, state: self.state.into(), price_list: self.price_list })
    }
}

#[derive(InputObject)]
pub struct PlanUpdateInput {
    plan_id: ID,
    state: PlanState,
    #[graphql(flatten)]
    terms: ChangeTerms,
}

object_payload!(PlanCreatePayload, PlanCreateUserError, PlanCreateErrorCode, [NotFound, Taken, LimitReached], plan: Plan);
object_payload!(PlanUpdatePayload, PlanUpdateUserError, PlanUpdateErrorCode, [NotFound, StaleObject, InUse], plan: Plan);

#[derive(Default)]
pub struct PlanQuery;

#[Object]
impl PlanQuery {
    /// What a seller sells, by key and version: all of it for its own people, what is offered for its customers.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    async fn plans(
        &self,
        ctx: &Context<'_>,
        seller_id: ID,
        first: Option<u32>,
        after: Option<ID>,
        last: Option<u32>,
        before: Option<ID>,
    ) -> Result<Option<PlanConnection>> {
        let paging = Paging::new(ctx, first, after, last, before)?;
        let Ok(seller) = seller_id.parse() else { return Ok(None) };
        let rows = found(desk(ctx)?.plans(actor(ctx), seller, &paging.page()).await)?;
        Ok(rows.map(|rows| PlanConnection::new(&paging, rows)))
    }

    /// A version of a plan; null for one that the caller neither sells nor may buy.
    async fn plan(&self, ctx: &Context<'_>, id: ID) -> Result<Option<Plan>> {
        Ok(found(desk(ctx)?.plan(actor(ctx), &id).await)?.map(Plan::from))
    }
}

#[derive(Default)]
pub struct PlanMutation;

#[Object]
impl PlanMutation {
    /// Makes a plan, or the next version of one: what was bought before keeps its version.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn plan_create(&self, ctx: &Context<'_>, mut input: PlanCreateInput) -> Result<PlanCreatePayload> {
        let desk = desk(ctx)?;
        let terms = std::mem::take(&mut input.terms).into();
        let made = async {
            let seller = tenant_id_of("sellerId", &input.seller_id)?;
            let made = desk.plan_create(actor(ctx), &terms, seller, &input.plan()?).await;
            made.map_err(|e| e.missing("sellerId"))
        };
        PlanCreatePayload::object(made.await)
    }

    /// Offers, hides or withdraws a version.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn plan_update(&self, ctx: &Context<'_>, input: PlanUpdateInput) -> Result<PlanUpdatePayload> {
        let (terms, state) = (input.terms.into(), input.state.into());
        let done = desk(ctx)?.plan_update(actor(ctx), &terms, &input.plan_id, state).await;
        PlanUpdatePayload::object(done)
    }
}
