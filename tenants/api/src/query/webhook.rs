//! SUMMARY    Webhooks and the log of their deliveries.

use crate::{
    connection::{Paging, connection},
    cost::page_cost,
    failure::found,
    scalar::DateTime,
    types::{actor, service},
};
use async_graphql::{Context, Enum, ID, Object, Result, SimpleObject};

/// Where events are posted to.
#[derive(SimpleObject, Clone)]
pub struct Webhook {
    pub id: ID,
    pub tenant_id: ID,
    pub label: String,
    pub url: String,
    /// Kinds of events: `mailbox.created`, `mailbox.*`, `*`.
    pub kinds: Vec<String>,
    /// Whether events of the tenants below are posted too.
    pub below: bool,
    pub enabled: bool,
    /// Since when nothing was delivered, though it was tried.
    pub failing_since: Option<DateTime>,
    pub disabled_reason: Option<String>,
    /// Until when the secret before signs as well.
    pub old_secret_until: Option<DateTime>,
    pub created_at: DateTime,
    pub version: i64,
}

impl From<tenants::Webhook> for Webhook {
    fn from(w: tenants::Webhook) -> Self {
        Webhook {
            id: ID(w.id),
            tenant_id: ID(w.tenant.to_string()),
            label: w.label,
            url: w.url,
            kinds: w.kinds,
            below: w.below,
            enabled: w.enabled,
            failing_since: w.failing_since_ms.map(DateTime),
            disabled_reason: w.disabled_reason,
            old_secret_until: w.old_secret_until_ms.map(DateTime),
            created_at: DateTime(w.created_at_ms),
            version: w.version,
        }
    }
}

impl Webhook {
    /// Of one page.
    pub(crate) fn together(rows: Vec<tenants::Webhook>) -> Vec<Self> {
        rows.into_iter().map(Self::from).collect()
    }
}
connection!(WebhookConnection, WebhookEdge, Webhook);

/// Where a delivery stands. More may be added.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "tenants::DeliveryState")]
pub enum WebhookDeliveryState {
    /// Waits for its first or next attempt.
    Pending,
    Delivered,
    /// Given up; webhookDeliveryRetry tries again.
    Dead,
}

/// One event on its way to one webhook.
#[derive(SimpleObject, Clone)]
pub struct WebhookDelivery {
    /// Its place in the log.
    pub id: ID,
    /// The header webhook-id, the same at each attempt.
    pub delivery_id: ID,
    pub event_id: ID,
    pub kind: String,
    /// The body that is posted.
    pub body: String,
    pub state: WebhookDeliveryState,
    pub attempts: i64,
    pub next_attempt_at: Option<DateTime>,
    /// What the last attempt met: status, milliseconds, the beginning of the answer, why it failed.
    pub status: Option<i64>,
    pub latency_ms: Option<i64>,
    pub response: Option<String>,
    pub error: Option<String>,
    pub created_at: DateTime,
    pub ended_at: Option<DateTime>,
}

impl From<tenants::Delivery> for WebhookDelivery {
    fn from(d: tenants::Delivery) -> Self {
        WebhookDelivery {
            id: ID(d.seq.to_string()),
            delivery_id: ID(d.id),
            event_id: ID(d.event.to_string()),
            kind: d.kind,
            body: d.body,
            state: d.state.into(),
            attempts: d.attempts,
            next_attempt_at: d.next_at_ms.map(DateTime),
            status: d.status,
            latency_ms: d.latency_ms,
            response: d.response,
            error: d.error,
            created_at: DateTime(d.created_at_ms),
            ended_at: d.ended_at_ms.map(DateTime),
        }
    }
}

/// The name by which the connection reads its rows.
type Delivery = WebhookDelivery;

impl Delivery {
    /// Of one page.
    pub(crate) fn together(rows: Vec<tenants::Delivery>) -> Vec<Self> {
        rows.into_iter().map(Self::from).collect()
    }
}
connection!(WebhookDeliveryConnection, WebhookDeliveryEdge, Delivery);

#[derive(Default)]
pub struct WebhookQuery;

#[Object]
impl WebhookQuery {
    async fn webhook(&self, ctx: &Context<'_>, id: ID) -> Result<Option<Webhook>> {
        Ok(found(service(ctx).webhook(actor(ctx), &id).await)?.map(Webhook::from))
    }

    /// Webhooks of a tenant, in order of their ids.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    async fn webhooks(
        &self,
        ctx: &Context<'_>,
        tenant_id: ID,
        first: Option<u32>,
        after: Option<ID>,
        last: Option<u32>,
        before: Option<ID>,
    ) -> Result<Option<WebhookConnection>> {
        let paging = Paging::new(ctx, first, after, last, before)?;
        let Ok(tenant) = tenant_id.parse() else { return Ok(None) };
        let rows = found(service(ctx).webhooks(actor(ctx), tenant, &paging.page()).await)?;
        Ok(rows.map(|rows| WebhookConnection::new(&paging, rows)))
    }

    /// The log of a webhook's deliveries, newest first.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    async fn webhook_deliveries(
        &self,
        ctx: &Context<'_>,
        webhook_id: ID,
        first: Option<u32>,
        after: Option<ID>,
        last: Option<u32>,
        before: Option<ID>,
    ) -> Result<Option<WebhookDeliveryConnection>> {
        let paging = Paging::new(ctx, first, after, last, before)?;
        let rows = found(service(ctx).webhook_deliveries(actor(ctx), &webhook_id, &paging.page()).await)?;
        Ok(rows.map(|rows| WebhookDeliveryConnection::new(&paging, rows)))
    }
}
