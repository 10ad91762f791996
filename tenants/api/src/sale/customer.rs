//! SUMMARY    Customers: tenants as those who pay; their closing and the way back.

use super::{BillingPhase, desk};
use crate::{
    connection::{Paging, connection},
    cost::{MUTATION_COST, page_cost},
    failure::found,
    input::{ChangeTerms, DestroyTerms},
    mutation::{tenant_id, wanted},
    payload::{object_payload, payload},
    scalar::DateTime,
    types::actor,
};
use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object, Result, SimpleObject};
use billing::{Customer, CustomerPatch};

/// A tenant as somebody who pays, or could.
#[derive(SimpleObject, Clone)]
pub struct BillingCustomer {
    /// The tenant's.
    pub id: ID,
    pub tenant_id: ID,
    /// Whom it buys from.
    pub seller_id: ID,
    /// Name of the payment provider: `stripe`, `manual`.
    pub provider: String,
    /// Where invoices and warnings go: not one of its own mailboxes.
    pub email: String,
    /// As invoices name it.
    pub name: String,
    /// ISO 3166-1 alpha-2, capital letters.
    pub country: Option<String>,
    /// As `eu_vat:DE123456789`.
    pub tax_ids: Vec<String>,
    /// Language tag of its letters.
    pub language: String,
    /// What it pays with, for showing: `visa 4242`; null: nothing.
    pub card: Option<String>,
    /// Whether it had its trial.
    pub trial_spent: bool,
    /// The price list of its seller that it buys by; null: what everybody pays.
    pub price_list: Option<String>,
    /// Id of the plan without a price that it has while it pays for none.
    pub free_plan_id: Option<ID>,
    pub phase: BillingPhase,
    /// When its owner closed it.
    pub closed_at: Option<DateTime>,
    /// When it was last compared with the payment provider.
    pub synced_at: Option<DateTime>,
    pub version: i64,
}

impl From<Customer> for BillingCustomer {
    fn from(customer: Customer) -> Self {
        BillingCustomer {
            id: ID(customer.tenant.to_string()),
            tenant_id: ID(customer.tenant.to_string()),
            seller_id: ID(customer.seller.to_string()),
            provider: customer.provider,
            email: customer.email,
            name: customer.name,
            country: customer.country,
            tax_ids: customer.tax_ids,
            language: customer.language,
            card: customer.card,
            trial_spent: customer.trial_spent,
            price_list: customer.price_list,
            free_plan_id: customer.free_plan.map(ID),
            phase: customer.phase.into(),
            closed_at: customer.closed_at.map(Into::into),
            synced_at: customer.synced_at.map(Into::into),
            version: customer.version,
        }
    }
}

impl BillingCustomer {
    /// Of one page.
    pub(crate) fn together(rows: Vec<Customer>) -> Vec<Self> {
        rows.into_iter().map(Self::from).collect()
    }
}
connection!(BillingCustomerConnection, BillingCustomerEdge, BillingCustomer, billing::Customer);

/// What is left out stays. A tenant that is no customer yet becomes one of the tenant above.
#[derive(InputObject)]
pub struct BillingCustomerUpdateInput {
    tenant_id: ID,
    /// Where invoices and warnings go: not on a domain that this server hosts. Needed the first time.
    email: Option<String>,
    name: Option<String>,
    /// ISO 3166-1 alpha-2, capital letters.
    country: MaybeUndefined<String>,
    /// As `eu_vat:DE123456789`; all of them.
    tax_ids: Option<Vec<String>>,
    /// Language tag of its letters.
    language: Option<String>,
    /// By the seller alone, while nothing was bought: `manual` lets it pay by invoice.
    provider: Option<String>,
    /// By the seller alone: the price list that it buys by from now on. What it has bought stays as it is.
    price_list: MaybeUndefined<String>,
    #[graphql(flatten)]
    terms: ChangeTerms,
}

#[derive(InputObject)]
pub struct TenantCloseInput {
    tenant_id: ID,
    /// Why, in its own words; may be empty.
    #[graphql(default)]
    reason: String,
    #[graphql(flatten)]
    terms: DestroyTerms,
}

#[derive(InputObject)]
pub struct TenantReopenInput {
    tenant_id: ID,
    #[graphql(flatten)]
    terms: ChangeTerms,
}

object_payload!(
    BillingCustomerUpdatePayload, BillingCustomerUpdateUserError, BillingCustomerUpdateErrorCode,
    [NotFound, StaleObject, InUse, Taken], customer: BillingCustomer
);
object_payload!(
    TenantClosePayload, TenantCloseUserError, TenantCloseErrorCode, [NotFound, StaleObject, InUse, Held], customer: BillingCustomer
);
object_payload!(
    TenantReopenPayload, TenantReopenUserError, TenantReopenErrorCode, [NotFound, StaleObject, Held], customer: BillingCustomer
);

#[derive(Default)]
pub struct CustomerQuery;

#[Object]
impl CustomerQuery {
    /// The customer that a tenant is; null when it never was one.
    async fn billing_customer(&self, ctx: &Context<'_>, tenant_id: ID) -> Result<Option<BillingCustomer>> {
        let desk = desk(ctx)?;
        let Ok(tenant) = tenant_id.parse() else { return Ok(None) };
        Ok(found(desk.customer(actor(ctx), tenant).await)?.flatten().map(BillingCustomer::from))
    }

    /// Customers of a seller, in order of their tenants' ids.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    async fn billing_customers(
        &self,
        ctx: &Context<'_>,
        seller_id: ID,
        first: Option<u32>,
        after: Option<ID>,
        last: Option<u32>,
        before: Option<ID>,
    ) -> Result<Option<BillingCustomerConnection>> {
        let paging = Paging::new(ctx, first, after, last, before)?;
        let Ok(seller) = seller_id.parse() else { return Ok(None) };
        let rows = found(desk(ctx)?.customers(actor(ctx), seller, &paging.page()).await)?;
        Ok(rows.map(|rows| BillingCustomerConnection::new(&paging, rows)))
    }
}

#[derive(Default)]
pub struct CustomerMutation;

#[Object]
impl CustomerMutation {
    /// Makes a tenant a customer of the tenant above, or changes what invoices say and where they go.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn billing_customer_update(
        &self,
        ctx: &Context<'_>,
        input: BillingCustomerUpdateInput,
    ) -> Result<BillingCustomerUpdatePayload> {
        let desk = desk(ctx)?;
        let patch = CustomerPatch {
            email: input.email,
            name: input.name,
            country: wanted(input.country),
            tax_ids: input.tax_ids,
            language: input.language,
            provider: input.provider,
            price_list: wanted(input.price_list),
        };
        let done = async {
            let tenant = tenant_id(&input.tenant_id)?;
            desk.customer_update(actor(ctx), &input.terms.into(), tenant, &patch).await
        };
        BillingCustomerUpdatePayload::object(done.await)
    }

    /// Closes a tenant: its subscriptions end now and it receives nothing more; reading and exporting stay. Undone by
    /// tenantReopen for the days of the policy, then its data is destroyed.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn tenant_close(&self, ctx: &Context<'_>, input: TenantCloseInput) -> Result<TenantClosePayload> {
        let desk = desk(ctx)?;
        let done = async {
            let tenant = tenant_id(&input.tenant_id)?;
            desk.close(actor(ctx), &input.terms.into(), tenant, &input.reason).await
        };
        TenantClosePayload::object(done.await)
    }

    /// Takes a closing back. What ended with it is bought anew.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn tenant_reopen(&self, ctx: &Context<'_>, input: TenantReopenInput) -> Result<TenantReopenPayload> {
        let desk = desk(ctx)?;
        let done = async {
            let tenant = tenant_id(&input.tenant_id)?;
            desk.reopen(actor(ctx), &input.terms.into(), tenant).await
        };
        TenantReopenPayload::object(done.await)
    }
}
