//! SUMMARY    Webhooks: written down, then worked off as hints.
//! STANDARDS  product rules 3.1, 3.2
//! SECURITY   Anybody can post here. What is not signed by the provider leaves nothing; what is says only whose truth is to be fetched.
//! LIMITS     EVENT_BYTES_MAX, EVENTS_AT_ONCE, EVENT_ATTEMPTS_MAX, EVENT_BACKOFF, EVENT_BACKOFF_MAX
//! INVARIANTS An event's id comes once. It is committed before it is acknowledged, and works only by marking a customer.

use super::{
    Billing, EventShown,
    call::{backoff, short},
    page::Newest,
};
use crate::FailureKind;
use base::{TenantId, Timestamp};
use std::time::Duration;
use tenants::{
    Actor, Code, Done, Error, Page, Permission, Result, Terms,
    sql::{Connection, Request, Row, Start, id, number, optional, query, text},
};

/// Bytes of a webhook.
pub const EVENT_BYTES_MAX: usize = 512 * 1024;
/// Events of one round.
const EVENTS_AT_ONCE: i64 = 200;
/// How often a payment is looked for that is not known yet.
const EVENT_ATTEMPTS_MAX: i64 = 8;
const EVENT_BACKOFF: Duration = Duration::from_secs(15);
const EVENT_BACKOFF_MAX: Duration = Duration::from_secs(3600);

const EVENTS: Newest = Newest {
    forward: "SELECT e.*, COALESCE((SELECT c.tenant FROM customer c WHERE c.provider = e.provider AND c.provider_id = e.customer), \
              (SELECT p.tenant FROM payment p WHERE p.id = e.payment)) AS about FROM payment_event e \
              WHERE (e.heard_at, e.id) < ($1, $2) ORDER BY e.heard_at DESC, e.id DESC LIMIT $3",
    backward: "SELECT e.*, COALESCE((SELECT c.tenant FROM customer c WHERE c.provider = e.provider AND c.provider_id = e.customer), \
              (SELECT p.tenant FROM payment p WHERE p.id = e.payment)) AS about FROM payment_event e \
               WHERE (e.heard_at, e.id) > ($1, $2) ORDER BY e.heard_at, e.id LIMIT $3",
    count: "SELECT COUNT(*) AS n FROM payment_event WHERE heard_at >= 0",
    moment: "SELECT heard_at AS at FROM payment_event WHERE provider = $1 AND id = $2",
};

impl Billing {
    /// Takes a webhook: `Forbidden` for a forged one, `Invalid` for one that cannot be read; else it is committed when this returns, a repeated
    /// one once.
    pub async fn hear(&self, provider: &str, body: &[u8], signature: &str) -> Result<()> {
        let known = self.provider(provider).map_err(|_| Error::not_found("provider"))?;
        if body.len() > EVENT_BYTES_MAX {
            let message = format!("A webhook has at most {EVENT_BYTES_MAX} bytes (EVENT_BYTES_MAX)");
            return Err(Error::new(Code::Invalid, "", message));
        }
        let now = self.service.now();
        let heard = known.heard(body, signature, now).map_err(|failure| {
            tracing::warn!(provider, %failure, "a webhook is refused");
            let code = if failure.kind == FailureKind::Forged { Code::Forbidden } else { Code::Invalid };
            metrics::counter!("posthouse_billing_webhooks_refused_total").increment(1);
            Error::new(code, "", "This webhook is not taken")
        })?;
        let mut txn = self.service.begin().await?;
        query(
            "INSERT INTO payment_event (provider, id, kind, customer, payment, heard_at, due_at) VALUES ($1, $2, $3, $4, $5, $6, $6) \
             ON CONFLICT (provider, id) DO NOTHING",
        )
        .bind(provider)
        .bind(heard.id)
        .bind(heard.kind)
        .bind(heard.customer)
        .bind(heard.payment)
        .bind(now.0)
        .execute(&mut txn)
        .await?;
        txn.commit().await?;
        self.wake.notify_one();
        Ok(())
    }

    /// What came, the newest first. For the operator of the installation.
    pub async fn events_heard(&self, actor: &Actor, page: &Page) -> Result<(Vec<EventShown>, i64)> {
        let mut connection = self.service.connection().await?;
        self.may_operate(&mut connection, actor, Permission::BillingRead).await?;
        let cursor = match &page.cursor {
            None => Vec::new(),
            Some(cursor) => {
                let (provider, id) = cursor.split_once('/').ok_or_else(|| super::page::not_a_cursor(page))?;
                vec![provider.to_owned(), id.to_owned()]
            }
        };
        let (rows, count) = EVENTS.rows(&mut connection, page, &[], &cursor).await?;
        let shown = rows.iter().map(|row| event_shown(row, id_of(row)?)).collect::<Result<_>>()?;
        Ok((shown, count))
    }

    /// Works one off again.
    pub async fn event_retry(
        &self,
        actor: &Actor,
        terms: &Terms,
        provider: &str,
        id: &str,
    ) -> Result<Done<EventShown>> {
        let request = Request::new("paymentEventRetry", format!("{provider} {id}"));
        let mut work = match self.service.start(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        let root = self.may_operate(&mut work.txn, actor, Permission::BillingWrite).await;
        let root = root.map_err(|e| e.missing("eventId"))?;
        let now = self.service.now().0;
        let again = query(
            "UPDATE payment_event SET due_at = $3, done_at = NULL, attempts = 0, trouble = '' WHERE provider = $1 AND id = $2",
        );
        if again.bind(provider).bind(id).bind(now).execute(&mut work.txn).await? == 0 {
            return Err(Error::not_found("eventId"));
        }
        self.service.audit(&mut work.txn, actor, root, "paymentEventRetry", id, provider).await?;
        let row = query("SELECT * FROM payment_event WHERE provider = $1 AND id = $2").bind(provider).bind(id);
        let row = row.fetch_one(&mut work.txn).await?;
        let tenant = self.tenant_of(&mut work.txn, &row).await?;
        let shown = event_shown(&row, tenant)?;
        let done = self.service.finish(work, shown, &[]).await?;
        self.wake.notify_one();
        Ok(done)
    }

    /// Works off the events that are due: how many were.
    pub(crate) async fn events_due(&self) -> Result<usize> {
        let mut connection = self.service.connection().await?;
        let rows = query("SELECT * FROM payment_event WHERE due_at <= $1 ORDER BY due_at LIMIT $2")
            .bind(self.service.now().0)
            .bind(EVENTS_AT_ONCE)
            .fetch_all(&mut connection)
            .await?;
        drop(connection);
        if rows.is_empty() {
            return Ok(0);
        }
        let mut txn = self.service.begin().await?;
        for row in &rows {
            self.work_off(&mut txn, row).await?;
        }
        txn.commit().await?;
        Ok(rows.len())
    }

    async fn work_off(&self, txn: &mut Connection, row: &Row) -> Result<()> {
        let (now, attempts) = (self.service.now(), number(row, "attempts")?.saturating_add(1));
        let names = (row.text("customer")?, row.text("payment")?);
        let (done, trouble) = match (self.tenant_of(txn, row).await?, names) {
            (Some(tenant), _) => {
                self.mark(txn, tenant).await?;
                (true, "")
            }
            (None, (Some(_), _)) => (true, "no customer of ours"),
            (None, (None, None)) => (true, "about no customer"),
            // Its invoice may not be in the mirror yet.
            (None, (None, Some(_))) => (attempts >= EVENT_ATTEMPTS_MAX, "no payment that is known"),
        };
        let due = (!done).then(|| now.plus(backoff(attempts, EVENT_BACKOFF, EVENT_BACKOFF_MAX)).0);
        query(
            "UPDATE payment_event SET due_at = $3, attempts = $4, done_at = $5, trouble = $6 WHERE provider = $1 AND id = $2",
        )
        .bind(text(row, "provider")?)
        .bind(text(row, "id")?)
        .bind(due)
        .bind(attempts)
        .bind(done.then_some(now.0))
        .bind(short(trouble))
        .execute(txn)
        .await
        .map(drop)
    }

    /// Whom an event is about.
    async fn tenant_of(&self, txn: &mut Connection, row: &Row) -> Result<Option<TenantId>> {
        if let Some(customer) = row.text("customer")?
            && let Some(known) = self.customer_of(txn, &text(row, "provider")?, &customer).await?
        {
            return Ok(Some(known.customer.tenant));
        }
        let Some(payment) = row.text("payment")? else { return Ok(None) };
        let known = query("SELECT tenant FROM payment WHERE id = $1").bind(payment).fetch_optional(txn).await?;
        known.map(|row| id(&row, "tenant")).transpose()
    }

    /// Whether the actor is of who runs the installation: a permission in the tenant at the root, which it gives.
    pub(crate) async fn may_operate(
        &self,
        txn: &mut Connection,
        actor: &Actor,
        permission: Permission,
    ) -> Result<TenantId> {
        let root = self.service.provider().await?;
        self.service.permit(txn, actor, permission, root).await?;
        Ok(root)
    }
}

/// Whom the row of a list is about.
fn id_of(row: &Row) -> Result<Option<TenantId>> {
    row.text("about")?.map(|_| id(row, "about")).transpose()
}

fn event_shown(row: &Row, tenant: Option<TenantId>) -> Result<EventShown> {
    Ok(EventShown {
        provider: text(row, "provider")?,
        id: text(row, "id")?,
        kind: text(row, "kind")?,
        tenant,
        heard_at: Timestamp(number(row, "heard_at")?),
        done_at: optional(row, "done_at")?.map(Timestamp),
        attempts: u32::try_from(number(row, "attempts")?).unwrap_or(u32::MAX),
        trouble: text(row, "trouble")?,
    })
}
