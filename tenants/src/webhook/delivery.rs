//! SUMMARY    The log of a webhook's deliveries; sending one again.
//! LIMITS     WEBHOOK_GIVE_UP

use crate::{
    Actor, Code, Done, Error, Page, Permission, Result, Service, Terms,
    db::{Connection, Row, query},
    event,
    limits::WEBHOOK_GIVE_UP,
    page::Statements,
    rows::{number, optional, text},
    terms::{Request, Start},
};
use serde::{Deserialize, Serialize};

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeliveryState {
    /// Waits for its first or next attempt.
    Pending,
    Delivered,
    /// Given up; `webhook_delivery_retry` tries again.
    Dead,
}

/// One event on its way to one webhook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    pub seq: i64,
    /// `dlv_…`: the header webhook-id, the same at each attempt.
    pub id: String,
    pub webhook: String,
    /// The event's number in the feed, and its kind.
    pub event: i64,
    pub kind: String,
    /// The body that is sent.
    pub body: String,
    pub state: DeliveryState,
    pub attempts: i64,
    pub next_at_ms: Option<i64>,
    /// What the last attempt met.
    pub status: Option<i64>,
    pub latency_ms: Option<i64>,
    pub response: Option<String>,
    pub error: Option<String>,
    pub created_at_ms: i64,
    pub ended_at_ms: Option<i64>,
}

impl Service {
    /// Deliveries of a webhook, newest first, a page of them; and how many are kept.
    pub async fn webhook_deliveries(&self, actor: &Actor, webhook: &str, page: &Page) -> Result<(Vec<Delivery>, i64)> {
        let mut connection = self.reader(actor).await?;
        let known = self.webhook_in(&mut connection, actor, Permission::WebhookRead, webhook).await?;
        event::sees_below(actor, known.below)?;
        let list = Statements {
            forward: "SELECT * FROM webhook_delivery WHERE webhook = $1 AND seq < $2 ORDER BY seq DESC LIMIT $3",
            backward: "SELECT * FROM webhook_delivery WHERE webhook = $1 AND seq > $2 ORDER BY seq LIMIT $3",
            count: "SELECT COUNT(*) AS n FROM webhook_delivery WHERE webhook = $1",
        };
        let from = match &page.cursor {
            Some(cursor) => cursor.parse().map_err(|_| page.not_a_cursor())?,
            None if page.backward => 0,
            None => i64::MAX,
        };
        let (rows, count) = page.rows(&mut connection, &list, &[webhook.to_owned()], vec![from.into()]).await?;
        Ok((rows.iter().map(from_row).collect::<Result<_>>()?, count))
    }

    /// Sends a delivery now, with the same id, also one that was given up or delivered; retries go on as long as the first time.
    /// `Invalid` while it is being posted.
    pub async fn webhook_delivery_retry(&self, actor: &Actor, terms: &Terms, delivery: &str) -> Result<Done<Delivery>> {
        let request = Request::new("webhookDeliveryRetry", delivery.to_owned());
        let mut work = match self.start(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        let now = delivery_row(&mut work.txn, delivery).await?;
        let webhook = self.webhook_in(&mut work.txn, actor, Permission::WebhookWrite, &now.webhook).await;
        let webhook = webhook.map_err(|e| e.missing("deliveryId"))?;
        event::sees_below(actor, webhook.below)?;
        let under_way = query("SELECT id FROM webhook_delivery WHERE id = $1 AND sending_until > $2")
            .bind(delivery)
            .bind(self.now().0)
            .fetch_optional(&mut work.txn)
            .await?;
        if under_way.is_some() {
            return Err(Error::new(Code::Invalid, "deliveryId", "It is being posted"));
        }
        query(
            "UPDATE webhook_delivery SET state = 'PENDING', next_at = $2, give_up_at = $3, attempts = 0, ended_at = NULL, \
             sending_until = 0 WHERE id = $1",
        )
        .bind(delivery)
        .bind(self.now().0)
        .bind(self.now().plus(WEBHOOK_GIVE_UP).0)
        .execute(&mut work.txn)
        .await?;
        self.audit(&mut work.txn, actor, webhook.tenant, "webhookDeliveryRetry", delivery, &webhook.id).await?;
        let again = delivery_row(&mut work.txn, delivery).await?;
        self.finish(work, again, &[]).await
    }
}

async fn delivery_row(txn: &mut Connection, delivery: &str) -> Result<Delivery> {
    let row = query("SELECT * FROM webhook_delivery WHERE id = $1").bind(delivery).fetch_optional(txn).await?;
    from_row(&row.ok_or_else(|| Error::not_found("deliveryId"))?)
}

fn from_row(row: &Row) -> Result<Delivery> {
    let state = match text(row, "state")?.as_str() {
        "PENDING" => DeliveryState::Pending,
        "DELIVERED" => DeliveryState::Delivered,
        _ => DeliveryState::Dead,
    };
    Ok(Delivery {
        seq: number(row, "seq")?,
        id: text(row, "id")?,
        webhook: text(row, "webhook")?,
        event: number(row, "event")?,
        kind: text(row, "kind")?,
        body: text(row, "body")?,
        state,
        attempts: number(row, "attempts")?,
        next_at_ms: optional(row, "next_at")?.filter(|_| state == DeliveryState::Pending),
        status: optional(row, "last_status")?,
        latency_ms: optional(row, "last_latency_ms")?,
        response: row.text("last_response")?,
        error: row.text("last_error")?,
        created_at_ms: number(row, "created_at")?,
        ended_at_ms: optional(row, "ended_at")?,
    })
}
