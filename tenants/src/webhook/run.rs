//! SUMMARY    Workers of webhooks: events become deliveries, deliveries are posted, tried again, given up.
//! LIMITS     WEBHOOK_FANOUT, WEBHOOK_SENDING_MAX, WEBHOOK_PER_TENANT_MAX, WEBHOOK_PENDING_MAX, WEBHOOK_GIVE_UP,
//!            WEBHOOK_DISABLE_AFTER
//! INVARIANTS Every event after a webhook was made becomes one delivery for it, also over a crash: the deliveries and the cursor
//!            behind their event are one transaction. A delivery is posted at least once; by its id a receiver knows it again.

use super::send::{self, Attempt, Message, WebhookRules};
use crate::{
    Actor, Permissions, Result, Service,
    db::{Connection, Row, query},
    event::{self, Event},
    limits::{
        EVENT_POLL, WEBHOOK_DISABLE_AFTER, WEBHOOK_FANOUT, WEBHOOK_GIVE_UP, WEBHOOK_PENDING_MAX,
        WEBHOOK_PER_TENANT_MAX, WEBHOOK_RETRY_FIRST, WEBHOOK_RETRY_LONGEST, WEBHOOK_SEND_LEASE, WEBHOOK_SENDING_MAX,
    },
    rows::{fresh_id, id, json_list, number, optional, text},
};
use base::{TenantId, Timestamp};
use serde_json::json;
use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};
use tokio::{sync::watch, task::JoinSet};

/// A delivery that is to be posted now.
struct Due {
    id: String,
    webhook: String,
    tenant: TenantId,
    url: String,
    body: String,
    /// Sealed.
    secrets: Vec<String>,
    attempts: i64,
    give_up_at: i64,
}

impl Service {
    /// Where webhooks may lead besides the public Internet.
    pub fn set_webhook_rules(&self, rules: WebhookRules) {
        *self.webhook_rules.write().unwrap_or_else(PoisonError::into_inner) = rules;
    }

    pub(super) fn webhook_rules(&self) -> WebhookRules {
        self.webhook_rules.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes events from the data plane and posts events to webhooks until `stop`. Any number of processes may.
    pub async fn run_events(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        let mut sending = JoinSet::new();
        while !*stop.borrow() {
            let woken = self.events.woken();
            if let Err(error) = self.events_round(&mut sending).await {
                tracing::warn!(%error, "events");
            }
            tokio::select! {
                () = woken => {}
                Some(_) = sending.join_next() => {}
                () = tokio::time::sleep(EVENT_POLL) => {}
                changed = stop.changed() => if changed.is_err() { break },
            }
        }
        // What is under way ends in WEBHOOK_TIMEOUT.
        while sending.join_next().await.is_some() {}
    }

    async fn events_round(self: &Arc<Self>, sending: &mut JoinSet<()>) -> Result<()> {
        if let Err(error) = self.pull_plane_events().await {
            tracing::debug!(%error, "the data plane tells no events now");
        }
        while self.fan_out().await? == WEBHOOK_FANOUT {}
        while sending.try_join_next().is_some() {}
        let room = WEBHOOK_SENDING_MAX.saturating_sub(sending.len());
        for due in self.claim_deliveries(i64::try_from(room).unwrap_or(0)).await? {
            let service = self.clone();
            sending.spawn(async move { service.deliver(due).await });
        }
        Ok(())
    }

    async fn deliver(&self, due: Due) {
        let secrets: Result<Vec<String>> = due.secrets.iter().map(|s| self.open_secret(&due.webhook, s)).collect();
        let attempt = match secrets {
            Ok(secrets) => {
                let message = Message { id: &due.id, at_secs: self.now().secs(), body: &due.body, secrets: &secrets };
                send::post(&due.url, &message, &self.webhook_rules()).await
            }
            Err(e) => Attempt { error: Some(e.to_string()), ..Attempt::default() },
        };
        if let Err(error) = self.record(&due, &attempt).await {
            tracing::warn!(%error, delivery = due.id, "an attempt was not recorded; it is made again");
        }
    }

    /// Makes deliveries of the next events, as `run_events` does by itself; how many events it went through.
    pub async fn fan_out(&self) -> Result<i64> {
        if self.events_end().await? <= self.setting_number("webhook_events").await? {
            return Ok(0);
        }
        let mut txn = self.begin().await?;
        // Read again: another process may have been faster.
        let row = query("SELECT value FROM setting WHERE name = 'webhook_events'").fetch_optional(&mut txn).await?;
        let cursor: i64 = row.map(|row| text(&row, "value")).transpose()?.and_then(|v| v.parse().ok()).unwrap_or(0);
        let rows = query("SELECT * FROM event WHERE seq > $1 ORDER BY seq LIMIT $2")
            .bind(cursor)
            .bind(WEBHOOK_FANOUT)
            .fetch_all(&mut txn)
            .await?;
        let mut last = cursor;
        for row in &rows {
            let event = event::from_row(row)?;
            last = event.seq;
            self.deliveries_of(&mut txn, &event).await?;
        }
        query("INSERT INTO setting (name, value) VALUES ('webhook_events', $1) ON CONFLICT (name) DO UPDATE SET value = $1")
            .bind(last.to_string())
            .execute(&mut txn)
            .await?;
        txn.commit().await?;
        Ok(i64::try_from(rows.len()).unwrap_or(i64::MAX))
    }

    async fn deliveries_of(&self, txn: &mut Connection, event: &Event) -> Result<()> {
        let line = self.line(txn, event.tenant).await?;
        let rows = query(
            "SELECT w.id, w.tenant, w.kinds, (SELECT COUNT(*) FROM webhook_delivery d WHERE d.webhook = w.id \
             AND d.state = 'PENDING') AS pending FROM webhook w WHERE w.enabled = 1 AND w.from_seq < $1 AND (w.tenant = $2 \
             OR (w.below = 1 AND w.tenant IN (SELECT value FROM json_each($3)))) ORDER BY w.id",
        )
        .bind(event.seq)
        .bind(event.tenant.to_string())
        .bind(json_list(&line))
        .fetch_all(&mut *txn)
        .await?;
        for row in &rows {
            if !fits(&text(row, "kinds")?, &event.kind) {
                continue;
            }
            let full = number(row, "pending")? >= WEBHOOK_PENDING_MAX;
            let (now, error) = (self.now(), full.then_some("too many wait for this webhook (WEBHOOK_PENDING_MAX)"));
            query(
                "INSERT INTO webhook_delivery (id, webhook, tenant, event, kind, body, state, attempts, next_at, \
                 sending_until, give_up_at, last_error, created_at, ended_at) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $8, 0, $9, $10, $8, $11)",
            )
            .bind(fresh_id("dlv_")?)
            .bind(text(row, "id")?)
            .bind(text(row, "tenant")?)
            .bind(event.seq)
            .bind(&event.kind)
            .bind(body(event))
            .bind(if full { "DEAD" } else { "PENDING" })
            .bind(now.0)
            .bind(now.plus(WEBHOOK_GIVE_UP).0)
            .bind(error)
            .bind(full.then_some(now.0))
            .execute(&mut *txn)
            .await?;
        }
        Ok(())
    }

    /// Takes deliveries that are due: a few of each tenant, so that slow receivers of one do not keep the others waiting.
    async fn claim_deliveries(&self, room: i64) -> Result<Vec<Due>> {
        let now = self.now();
        let mut connection = self.pool().acquire().await?;
        let waiting = "SELECT id FROM webhook_delivery WHERE state = 'PENDING' AND next_at <= $1 LIMIT 1";
        if room == 0 || query(waiting).bind(now.0).fetch_optional(&mut connection).await?.is_none() {
            return Ok(Vec::new());
        }
        drop(connection);
        let mut txn = self.begin().await?;
        let rows = query(
            "WITH due AS (SELECT id, tenant, ROW_NUMBER() OVER (PARTITION BY tenant ORDER BY next_at, seq) AS place \
             FROM webhook_delivery WHERE state = 'PENDING' AND next_at <= $1) \
             SELECT d.id, d.webhook, d.tenant, d.body, d.attempts, d.give_up_at, w.url, w.secret, w.old_secret, \
             w.old_secret_until FROM due JOIN webhook_delivery d ON d.id = due.id \
             JOIN webhook w ON w.id = d.webhook AND w.enabled = 1 \
             WHERE due.place + (SELECT COUNT(*) FROM webhook_delivery s WHERE s.tenant = due.tenant AND s.state = 'PENDING' \
             AND s.sending_until > $1) <= $2 ORDER BY due.place, d.seq LIMIT $3",
        )
        .bind(now.0)
        .bind(WEBHOOK_PER_TENANT_MAX)
        .bind(room)
        .fetch_all(&mut txn)
        .await?;
        let due = rows.iter().map(|row| due(row, now)).collect::<Result<Vec<_>>>()?;
        query(
            "UPDATE webhook_delivery SET attempts = attempts + 1, next_at = $2, sending_until = $2 \
             WHERE id IN (SELECT value FROM json_each($1))",
        )
        .bind(json_list(&due.iter().map(|d| &d.id).collect::<Vec<_>>()))
        .bind(now.plus(WEBHOOK_SEND_LEASE).0)
        .execute(&mut txn)
        .await?;
        txn.commit().await?;
        Ok(due)
    }

    /// Writes down what an attempt met, and what follows.
    async fn record(&self, due: &Due, attempt: &Attempt) -> Result<()> {
        let (now, delivered) = (self.now(), attempt.error.is_none());
        let next = now.plus(pause(due.attempts));
        let (state, next_at, ended_at) = match delivered {
            true => ("DELIVERED", now.0, Some(now.0)),
            false if next.0 > due.give_up_at => ("DEAD", now.0, Some(now.0)),
            false => ("PENDING", next.0, None),
        };
        let mut txn = self.begin().await?;
        query(
            "UPDATE webhook_delivery SET state = $2, next_at = $3, ended_at = $4, sending_until = 0, last_status = $5, \
             last_latency_ms = $6, last_response = $7, last_error = $8 WHERE id = $1",
        )
        .bind(&due.id)
        .bind(state)
        .bind(next_at)
        .bind(ended_at)
        .bind(attempt.status.map(i64::from))
        .bind(attempt.latency_ms)
        .bind(&attempt.response)
        .bind(attempt.error.as_deref())
        .execute(&mut txn)
        .await?;
        let sql = match delivered {
            true => "UPDATE webhook SET failing_since = NULL WHERE id = $1 AND failing_since <= $2",
            false => "UPDATE webhook SET failing_since = COALESCE(failing_since, $2) WHERE id = $1",
        };
        query(sql).bind(&due.webhook).bind(now.0).execute(&mut txn).await?;
        if !delivered {
            self.disable_failing(&mut txn, due, now).await?;
        }
        txn.commit().await?;
        self.events.committed();
        Ok(())
    }

    /// Disables a webhook that has not taken anything for WEBHOOK_DISABLE_AFTER, which is an event itself.
    async fn disable_failing(&self, txn: &mut Connection, due: &Due, now: Timestamp) -> Result<()> {
        let limit = now.0 - i64::try_from(WEBHOOK_DISABLE_AFTER.as_millis()).unwrap_or(i64::MAX);
        let reason = format!("Nothing was delivered for {} days", WEBHOOK_DISABLE_AFTER.as_secs() / 86_400);
        let disabled = query(
            "UPDATE webhook SET enabled = 0, disabled_reason = $3, version = version + 1 WHERE id = $1 AND enabled = 1 \
             AND failing_since <= $2",
        )
        .bind(&due.webhook)
        .bind(limit)
        .bind(&reason)
        .execute(&mut *txn)
        .await?;
        if disabled > 0 {
            let system = Actor::of(due.tenant, Permissions::NONE, true, "system".to_owned());
            self.audit(txn, &system, due.tenant, "webhookDisable", &due.webhook, &reason).await?;
        }
        Ok(())
    }
}

/// A delivery of its row, with what signs it now.
fn due(row: &Row, now: Timestamp) -> Result<Due> {
    let mut secrets = vec![text(row, "secret")?];
    if optional(row, "old_secret_until")?.is_some_and(|until| until > now.0) {
        secrets.extend(row.text("old_secret")?);
    }
    Ok(Due {
        id: text(row, "id")?,
        webhook: text(row, "webhook")?,
        tenant: id(row, "tenant")?,
        url: text(row, "url")?,
        body: text(row, "body")?,
        secrets,
        attempts: number(row, "attempts")? + 1,
        give_up_at: number(row, "give_up_at")?,
    })
}

/// The pause after so many attempts.
fn pause(attempts: i64) -> Duration {
    let doublings = u32::try_from(attempts.clamp(1, 16) - 1).unwrap_or(0);
    WEBHOOK_RETRY_FIRST.saturating_mul(1 << doublings).min(WEBHOOK_RETRY_LONGEST)
}

/// Whether a stored list of kinds has this one.
fn fits(kinds: &str, kind: &str) -> bool {
    let kinds: Vec<String> = serde_json::from_str(kinds).unwrap_or_default();
    kinds.iter().any(|k| k == kind || k.strip_suffix('*').is_some_and(|noun| kind.starts_with(noun)))
}

/// What is posted of an event.
fn body(event: &Event) -> String {
    let details: serde_json::Value = serde_json::from_str(&event.data).unwrap_or_default();
    json!({
        "type": event.kind,
        "timestamp": event.at_ms,
        "data": {
            "seq": event.seq, "tenantId": event.tenant.to_string(), "number": event.number, "object": event.object,
            "objectNumber": event.object_number, "actor": event.actor, "details": details,
        },
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_as_the_page_for_hosting_companies_shows_it() {
        let page = include_str!("../../../docs/api.md");
        let shown =
            page.split("\n\n").find(|part| part.starts_with("    {\"type\"")).unwrap().replace('…', "0000000000001");
        let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
        let data = &shown["data"];
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        let event = Event {
            seq: 4711,
            tenant: text(&data["tenantId"]).parse().unwrap(),
            number: 17,
            kind: text(&shown["type"]),
            object: text(&data["object"]),
            object_number: 1,
            actor: text(&data["actor"]),
            at_ms: shown["timestamp"].as_i64().unwrap(),
            data: data["details"].to_string(),
        };
        assert_eq!(serde_json::from_str::<serde_json::Value>(&body(&event)).unwrap(), shown);
    }
}
