//! SUMMARY    What goes between the desk and the payment providers: webhooks that came, calls that were made, differences that were found.

use super::{PROVIDER_COST, customer::BillingCustomer, desk};
use crate::{
    connection::{Paging, connection},
    cost::{MUTATION_COST, page_cost},
    failure::found,
    input::CreateTerms,
    mutation::tenant_id,
    payload::{object_payload, payload},
    scalar::DateTime,
    types::actor,
};
use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};
use billing::{CallShown, Drift, EventShown};
use tenants::{Applied, Done, Error};

/// A webhook of a payment provider, as it was written down.
#[derive(SimpleObject, Clone)]
pub struct PaymentEvent {
    pub id: ID,
    /// Name of the payment provider.
    pub provider: String,
    /// The provider's id of it: it comes once.
    pub provider_event_id: String,
    /// The provider's word for it.
    pub kind: String,
    /// The tenant it was about, where it is known.
    pub tenant_id: Option<ID>,
    pub heard_at: DateTime,
    /// When it was worked off.
    pub done_at: Option<DateTime>,
    pub attempts: u32,
    /// Why the last attempt failed; empty otherwise.
    pub trouble: String,
}

impl From<EventShown> for PaymentEvent {
    fn from(event: EventShown) -> Self {
        PaymentEvent {
            id: ID(format!("{}/{}", event.provider, event.id)),
            provider: event.provider,
            provider_event_id: event.id,
            kind: event.kind,
            tenant_id: event.tenant.map(|tenant| ID(tenant.to_string())),
            heard_at: event.heard_at.into(),
            done_at: event.done_at.map(Into::into),
            attempts: event.attempts,
            trouble: event.trouble,
        }
    }
}

impl PaymentEvent {
    /// Of one page.
    pub(crate) fn together(rows: Vec<EventShown>) -> Vec<Self> {
        rows.into_iter().map(Self::from).collect()
    }
}
connection!(PaymentEventConnection, PaymentEventEdge, PaymentEvent, billing::EventShown);

/// A call to a payment provider: written down before it is made, repeated under its id until it is known what became of it.
#[derive(SimpleObject, Clone)]
pub struct PaymentCall {
    /// The idempotency key it is made with.
    pub id: ID,
    pub tenant_id: ID,
    /// What is asked for, as REFUND. More may be added.
    pub what: String,
    /// WAITING, DONE or REFUSED.
    pub state: String,
    pub attempts: u32,
    /// Why the last attempt failed; empty otherwise.
    pub trouble: String,
    pub created_at: DateTime,
    pub ended_at: Option<DateTime>,
}

impl From<CallShown> for PaymentCall {
    fn from(call: CallShown) -> Self {
        PaymentCall {
            id: ID(call.id),
            tenant_id: ID(call.tenant.to_string()),
            what: call.what,
            state: call.state,
            attempts: call.attempts,
            trouble: call.trouble,
            created_at: call.created_at.into(),
            ended_at: call.ended_at.map(Into::into),
        }
    }
}

impl PaymentCall {
    /// Of one page.
    pub(crate) fn together(rows: Vec<CallShown>) -> Vec<Self> {
        rows.into_iter().map(Self::from).collect()
    }
}
connection!(PaymentCallConnection, PaymentCallEdge, PaymentCall, billing::CallShown);

/// A difference between the mirror and the payment provider that a sweep found and no event had told.
#[derive(SimpleObject, Clone)]
pub struct BillingDrift {
    pub id: ID,
    pub tenant_id: ID,
    pub at: DateTime,
    pub what: String,
}

impl From<Drift> for BillingDrift {
    fn from(drift: Drift) -> Self {
        BillingDrift {
            id: ID(drift.seq.to_string()),
            tenant_id: ID(drift.tenant.to_string()),
            at: drift.at.into(),
            what: drift.what,
        }
    }
}

impl BillingDrift {
    /// Of one page.
    pub(crate) fn together(rows: Vec<Drift>) -> Vec<Self> {
        rows.into_iter().map(Self::from).collect()
    }
}
connection!(BillingDriftConnection, BillingDriftEdge, BillingDrift, billing::Drift);

#[derive(InputObject)]
pub struct PaymentEventRetryInput {
    event_id: ID,
    #[graphql(flatten)]
    terms: CreateTerms,
}

#[derive(InputObject)]
pub struct BillingSyncInput {
    tenant_id: ID,
    /// Only look whether it could be; the provider is not asked.
    #[graphql(default)]
    dry_run: bool,
}

object_payload!(PaymentEventRetryPayload, PaymentEventRetryUserError, PaymentEventRetryErrorCode, [NotFound], event: PaymentEvent);
object_payload!(BillingSyncPayload, BillingSyncUserError, BillingSyncErrorCode, [NotFound, InUse], customer: BillingCustomer);

#[derive(Default)]
pub struct ProviderQuery;

#[Object]
impl ProviderQuery {
    /// Webhooks that came from payment providers, newest first. For the operator of the installation.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    async fn payment_events(
        &self,
        ctx: &Context<'_>,
        first: Option<u32>,
        after: Option<ID>,
        last: Option<u32>,
        before: Option<ID>,
    ) -> Result<Option<PaymentEventConnection>> {
        let paging = Paging::new(ctx, first, after, last, before)?;
        let rows = found(desk(ctx)?.events_heard(actor(ctx), &paging.page()).await)?;
        Ok(rows.map(|rows| PaymentEventConnection::new(&paging, rows)))
    }

    /// Calls to payment providers for a tenant, newest first.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    async fn payment_calls(
        &self,
        ctx: &Context<'_>,
        tenant_id: ID,
        first: Option<u32>,
        after: Option<ID>,
        last: Option<u32>,
        before: Option<ID>,
    ) -> Result<Option<PaymentCallConnection>> {
        let paging = Paging::new(ctx, first, after, last, before)?;
        let desk = desk(ctx)?;
        let Ok(tenant) = tenant_id.parse() else { return Ok(None) };
        let rows = found(desk.calls(actor(ctx), tenant, &paging.page()).await)?;
        Ok(rows.map(|rows| PaymentCallConnection::new(&paging, rows)))
    }

    /// Differences that sweeps found, newest first. For the operator of the installation.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    async fn billing_drift(
        &self,
        ctx: &Context<'_>,
        first: Option<u32>,
        after: Option<ID>,
        last: Option<u32>,
        before: Option<ID>,
    ) -> Result<Option<BillingDriftConnection>> {
        let paging = Paging::new(ctx, first, after, last, before)?;
        let rows = found(desk(ctx)?.drift(actor(ctx), &paging.page()).await)?;
        Ok(rows.map(|rows| BillingDriftConnection::new(&paging, rows)))
    }
}

#[derive(Default)]
pub struct ProviderMutation;

#[Object]
impl ProviderMutation {
    /// Works a webhook off again. For the operator of the installation.
    #[graphql(complexity = "PROVIDER_COST + MUTATION_COST + child_complexity")]
    async fn payment_event_retry(
        &self,
        ctx: &Context<'_>,
        input: PaymentEventRetryInput,
    ) -> Result<PaymentEventRetryPayload> {
        let desk = desk(ctx)?;
        let done = async {
            let (provider, id) = input.event_id.split_once('/').ok_or_else(|| Error::not_found("eventId"))?;
            desk.event_retry(actor(ctx), &input.terms.into(), provider, id).await
        };
        PaymentEventRetryPayload::object(done.await)
    }

    /// Compares a customer with the payment provider now: what is true there becomes true here. As often as asked, the same.
    #[graphql(complexity = "PROVIDER_COST + MUTATION_COST + child_complexity")]
    async fn billing_sync(&self, ctx: &Context<'_>, input: BillingSyncInput) -> Result<BillingSyncPayload> {
        let desk = desk(ctx)?;
        let done = async {
            let tenant = tenant_id(&input.tenant_id)?;
            if !input.dry_run {
                desk.sync_now(actor(ctx), tenant).await?;
            }
            let customer = desk.customer(actor(ctx), tenant).await?;
            let object = customer.ok_or_else(|| Error::not_found("tenantId"))?;
            Ok(Done { object, applied: Applied::Done })
        };
        BillingSyncPayload::object(done.await)
    }
}
