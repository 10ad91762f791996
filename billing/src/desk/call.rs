//! SUMMARY    Calls to a provider: written down, made, repeated under their key.
//! LIMITS     CALL_LEASE, CALL_KEY_LIFE, CALL_BACKOFF, CALL_BACKOFF_MAX, CALLS_AT_ONCE, CALL_TROUBLE_CHARS_MAX
//! INVARIANTS A call is a row before it is made, and its id the key under which it is made. Nobody else makes it while it is being made. What
//!            it brought is written in the transaction that ends it. Once the provider has forgotten the key, its truth is looked at first.

use super::{
    Billing, CallShown,
    page::Newest,
    store::{damaged, of_body, to_body},
};
use crate::{Checkout, End, Failure, FailureKind, Money, NewCheckout, NewCustomer, Payments, Plan, Wanted};
use base::{TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tenants::{
    Actor, Applied, Page, Permission, Result,
    sql::{Connection, Row, fresh_id, id, number, optional, query, text},
};

/// How long nobody else makes a call that is being made.
const CALL_LEASE: Duration = Duration::from_secs(120);
/// How long providers remember the key of a call.
pub(crate) const CALL_KEY_LIFE: Duration = Duration::from_secs(24 * 3600);
/// Pause before a call that was not answered is repeated; it doubles.
const CALL_BACKOFF: Duration = Duration::from_secs(5);
const CALL_BACKOFF_MAX: Duration = Duration::from_secs(3600);
/// Calls of one round.
const CALLS_AT_ONCE: i64 = 50;
/// Characters of a trouble that are kept.
pub(crate) const CALL_TROUBLE_CHARS_MAX: usize = 500;

/// What is asked of a provider. Its row's id is the key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", tag = "what")]
pub(crate) enum Call {
    /// At the provider of this name.
    Publish {
        provider: String,
        plan: Plan,
    },
    CreateCustomer {
        new: NewCustomer,
    },
    UpdateCustomer {
        new: NewCustomer,
    },
    /// For the page `checkout` of ours; the provider's customer is filled in when it is made.
    OpenCheckout {
        checkout: String,
        new: NewCheckout,
    },
    /// By the provider's id.
    CloseCheckout {
        checkout: String,
    },
    Change {
        subscription: String,
        to: Wanted,
        at: Timestamp,
    },
    End {
        subscription: String,
        when: End,
    },
    Resume {
        subscription: String,
    },
    Pay {
        invoice: String,
    },
    /// Money came in by transfer.
    Receive {
        invoice: String,
        reference: String,
    },
    Refund {
        payment: String,
        amount: Money,
    },
    Credit {
        amount: Money,
    },
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Made {
    /// With what the provider gave, where it gives something: an id, the JSON of a `Checkout`.
    Done(String),
    /// It refuses, and will again.
    Refused(Failure),
    /// Not yet: the worker goes on with it.
    Waiting(Failure),
}

/// A call as its row has it.
pub(crate) struct CallRow {
    pub id: String,
    pub tenant: TenantId,
    pub call: Call,
    pub state: String,
    pub due_at: Option<Timestamp>,
    pub attempts: i64,
    pub first_at: Option<Timestamp>,
    pub answer: String,
    pub trouble: String,
}

/// Calls of a tenant, the newest first.
const CALLS: Newest = Newest {
    forward: "SELECT * FROM payment_call WHERE tenant = $1 AND (created_at, id) < ($2, $3) ORDER BY created_at DESC, id DESC LIMIT $4",
    backward: "SELECT * FROM payment_call WHERE tenant = $1 AND (created_at, id) > ($2, $3) ORDER BY created_at, id LIMIT $4",
    count: "SELECT COUNT(*) AS n FROM payment_call WHERE tenant = $1",
    moment: "SELECT created_at AS at FROM payment_call WHERE tenant = $1 AND id = $2",
};

impl Billing {
    /// Writes a call down in the transaction that decides it; gives its id. The customer is synced after it was made.
    pub(crate) async fn put_call(&self, txn: &mut Connection, tenant: TenantId, call: &Call) -> Result<String> {
        let id = fresh_id("cal_")?;
        self.put_call_once(txn, tenant, &id, call).await?;
        Ok(id)
    }

    /// The same under an id of what it is for: once, however often that is decided. Whether it is new.
    pub(crate) async fn put_call_once(
        &self,
        txn: &mut Connection,
        tenant: TenantId,
        id: &str,
        call: &Call,
    ) -> Result<bool> {
        let now = self.service.now().0;
        let last = query("SELECT COALESCE(MAX(created_at), 0) AS last FROM payment_call WHERE tenant = $1")
            .bind(tenant.to_string())
            .fetch_one(&mut *txn)
            .await?;
        // No two of a tenant are of one moment: what was wanted later is later, also within a millisecond.
        let created_at = now.max(number(&last, "last")?.saturating_add(1));
        let new = query(
            "INSERT INTO payment_call (id, tenant, body, state, due_at, created_at) VALUES ($1, $2, $3, 'WAITING', $4, $5) \
             ON CONFLICT (id) DO NOTHING",
        )
        .bind(id)
        .bind(tenant.to_string())
        .bind(to_body(call)?)
        .bind(now)
        .bind(created_at)
        .execute(txn)
        .await?;
        Ok(new > 0)
    }

    /// Makes a call that was committed, now; one that was made already gives the same again.
    pub(crate) async fn make_call(&self, id: &str) -> Result<Made> {
        let mut connection = self.service.connection().await?;
        let Some(row) = self.call_in(&mut connection, id).await? else {
            return Ok(Made::Refused(Failure::new(FailureKind::Gone, "no such call")));
        };
        let before = self.before(&mut connection, &row).await?;
        drop(connection);
        for earlier in before {
            if let Made::Waiting(failure) = self.make_one(&earlier).await? {
                self.wait_for(id, &earlier).await?;
                return Ok(Made::Waiting(failure));
            }
        }
        self.make_one(id).await
    }

    /// Makes the calls that are due: how many were.
    pub(crate) async fn make_calls(&self) -> Result<usize> {
        let mut connection = self.service.connection().await?;
        let rows = query("SELECT id FROM payment_call WHERE due_at <= $1 ORDER BY due_at LIMIT $2")
            .bind(self.service.now().0)
            .bind(CALLS_AT_ONCE)
            .fetch_all(&mut connection)
            .await?;
        drop(connection);
        for row in &rows {
            let id = text(row, "id")?;
            if let Err(error) = self.make_call(&id).await {
                tracing::error!(%error, call = id, "a call to a payment provider");
            }
        }
        Ok(rows.len())
    }

    /// Calls of a tenant, the newest first.
    pub async fn calls(&self, actor: &Actor, tenant: TenantId, page: &Page) -> Result<(Vec<CallShown>, i64)> {
        let mut connection = self.service.reader(actor).await?;
        self.service.permit(&mut connection, actor, Permission::BillingRead, tenant).await?;
        let cursor: Vec<String> = page.cursor.iter().cloned().collect();
        let (rows, count) = CALLS.rows(&mut connection, page, &[tenant.to_string()], &cursor).await?;
        Ok((rows.iter().map(shown).collect::<Result<_>>()?, count))
    }

    pub(crate) async fn call_in(&self, txn: &mut Connection, id: &str) -> Result<Option<CallRow>> {
        let row = query("SELECT * FROM payment_call WHERE id = $1").bind(id).fetch_optional(txn).await?;
        row.as_ref().map(call_row).transpose()
    }

    /// Calls of a tenant that have not ended, or ended after a moment; the oldest first.
    pub(crate) async fn calls_since(
        &self,
        txn: &mut Connection,
        tenant: TenantId,
        since: Timestamp,
    ) -> Result<Vec<CallRow>> {
        let rows = query(
            "SELECT * FROM payment_call WHERE tenant = $1 AND (ended_at IS NULL OR ended_at > $2) ORDER BY created_at, id",
        )
        .bind(tenant.to_string())
        .bind(since.0)
        .fetch_all(txn)
        .await?;
        rows.iter().map(call_row).collect()
    }

    /// What must have been made before this call can be: its customer, the plan that it names, what was wanted of the same thing earlier.
    async fn before(&self, txn: &mut Connection, row: &CallRow) -> Result<Vec<String>> {
        let mut before = Vec::new();
        if row.state != "WAITING" {
            return Ok(before);
        }
        let Some(customer) = self.customer_in(txn, row.tenant).await? else { return Ok(before) };
        let waiting = self.waiting(txn, row.tenant).await?;
        if row.call.needs_customer() && customer.provider_id.is_none() {
            let makes = |w: &&CallRow| matches!(w.call, Call::CreateCustomer { .. });
            before.extend(waiting.iter().filter(makes).map(|w| w.id.clone()));
        }
        if let Call::OpenCheckout { new: NewCheckout { wanted: to, .. }, .. } | Call::Change { to, .. } = &row.call {
            let waiting = self.waiting(txn, customer.customer.seller).await?;
            let provider = &customer.customer.provider;
            let is_it = |call: &Call| matches!(call, Call::Publish { provider: at, plan } if at == provider && *plan == to.plan);
            before.extend(waiting.iter().filter(|w| is_it(&w.call)).map(|w| w.id.clone()));
        }
        if let Some(subject) = row.call.subject() {
            let earlier = waiting.iter().take_while(|w| w.id != row.id);
            before.extend(earlier.filter(|w| w.call.subject() == Some(subject)).map(|w| w.id.clone()));
        }
        Ok(before)
    }

    /// A call is due when the one that it waits for is.
    async fn wait_for(&self, id: &str, earlier: &str) -> Result<()> {
        let now = self.service.now();
        let soon = now.plus(CALL_BACKOFF).0;
        let mut txn = self.service.begin().await?;
        let due = self.call_in(&mut txn, earlier).await?.and_then(|row| row.due_at).map_or(soon, |at| at.0.max(soon));
        query("UPDATE payment_call SET due_at = $2 WHERE id = $1 AND state = 'WAITING' AND (attempts = 0 OR due_at <= $3)")
            .bind(id)
            .bind(due)
            .bind(now.0)
            .execute(&mut txn)
            .await?;
        txn.commit().await
    }

    async fn waiting(&self, txn: &mut Connection, tenant: TenantId) -> Result<Vec<CallRow>> {
        self.calls_since(txn, tenant, Timestamp(i64::MAX)).await
    }

    async fn make_one(&self, id: &str) -> Result<Made> {
        let Some(row) = self.claim_call(id).await? else {
            let mut connection = self.service.connection().await?;
            return Ok(self
                .call_in(&mut connection, id)
                .await?
                .map_or_else(|| Made::Refused(Failure::new(FailureKind::Gone, "no such call")), |row| row.made()));
        };
        let asked = self.asked(&row).await;
        let answered = match asked {
            Ok(answered) => answered,
            // A failure of ours: it is repeated like one that the provider did not answer.
            Err(error) => Err(Failure::new(FailureKind::Unknown, error.to_string())),
        };
        let made = match answered {
            Ok(answer) => Made::Done(answer),
            Err(failure) => match failure.kind {
                FailureKind::Gone if row.call.is_done_when_gone() => Made::Done(String::new()),
                FailureKind::Refused | FailureKind::Gone | FailureKind::Forged => Made::Refused(failure),
                FailureKind::Busy | FailureKind::Unknown => Made::Waiting(failure),
            },
        };
        self.write_made(&row, &made).await?;
        Ok(made)
    }

    /// Takes a call that is due, for a time; none: it has ended, or somebody else makes it, or it is not due yet.
    async fn claim_call(&self, id: &str) -> Result<Option<CallRow>> {
        let now = self.service.now();
        let mut txn = self.service.begin().await?;
        let row = self.call_in(&mut txn, id).await?;
        // One that was never begun is nobody's.
        let is_free = |row: &CallRow| row.due_at.is_some_and(|due| due <= now || row.attempts == 0);
        let Some(mut row) = row.filter(is_free) else { return Ok(None) };
        row.attempts += 1;
        row.due_at = Some(now.plus(CALL_LEASE));
        query("UPDATE payment_call SET due_at = $2, attempts = $3, first_at = COALESCE(first_at, $4) WHERE id = $1")
            .bind(id)
            .bind(row.due_at.map(|at| at.0))
            .bind(row.attempts)
            .bind(now.0)
            .execute(&mut txn)
            .await?;
        txn.commit().await?;
        Ok(Some(row))
    }

    /// Asks the provider; what it says.
    async fn asked(&self, row: &CallRow) -> Result<std::result::Result<String, Failure>> {
        if let Call::Publish { provider, plan } = &row.call {
            return Ok(self.provider(provider)?.publish(plan).await.map(|()| String::new()));
        }
        let mut connection = self.service.connection().await?;
        let Some(customer) = self.customer_in(&mut connection, row.tenant).await? else {
            return Ok(Err(Failure::new(FailureKind::Gone, "the tenant is no customer")));
        };
        drop(connection);
        if let Some(failure) = self.needless(row, customer.sync_at.is_some()).await? {
            return Ok(Err(failure));
        }
        let provider = self.provider(&customer.customer.provider)?;
        if let Call::CreateCustomer { new } = &row.call {
            return Ok(match customer.provider_id {
                Some(known) => Ok(known),
                None => provider.create_customer(&row.id, new).await,
            });
        }
        let Some(known) = customer.provider_id else {
            return Ok(Err(Failure::new(FailureKind::Refused, "the provider has not taken the customer")));
        };
        let is_old = row.first_at.is_some_and(|first| self.service.now().since(first) >= CALL_KEY_LIFE);
        if is_old {
            match provider.truth(&known).await {
                Ok(truth) if self.is_in(row, &truth).await? => return Ok(Ok(String::new())),
                Ok(_) => self.key_begins(row).await?,
                Err(failure) => return Ok(Err(failure)),
            }
        }
        ask(provider.as_ref(), row, &known).await
    }

    /// Why a page is not to be opened, or not yet. What may have been bought on the page before is looked at first.
    async fn needless(&self, row: &CallRow, has_news: bool) -> Result<Option<Failure>> {
        let Call::OpenCheckout { checkout, new } = &row.call else { return Ok(None) };
        let refused = |why: &str| Ok(Some(Failure::new(FailureKind::Refused, why)));
        if has_news && self.synced(row.tenant).await == Applied::Pending {
            return Ok(Some(Failure::new(FailureKind::Busy, "the customer was not compared before")));
        }
        let mut connection = self.service.connection().await?;
        let txn = &mut connection;
        if new.expires_at <= self.service.now() {
            return refused("the time of the page is over");
        }
        let open = query("SELECT state FROM checkout WHERE id = $1").bind(checkout).fetch_optional(&mut *txn).await?;
        if row.first_at.is_none() && open.map(|r| text(&r, "state")).transpose()?.is_none_or(|state| state != "OPEN") {
            return refused("the page was closed before it was open");
        }
        let bought = self.subscriptions_in(txn, row.tenant).await?;
        if bought.iter().any(|s| s.status.is_live() && s.family == new.wanted.plan.family) {
            return refused("there is a live subscription already");
        }
        Ok(None)
    }

    /// A call whose key the provider forgot is made under it anew.
    async fn key_begins(&self, row: &CallRow) -> Result<()> {
        let mut txn = self.service.begin().await?;
        query("UPDATE payment_call SET first_at = $2 WHERE id = $1")
            .bind(&row.id)
            .bind(self.service.now().0)
            .execute(&mut txn)
            .await?;
        txn.commit().await
    }

    /// Writes down what came of a call, with what follows from it.
    async fn write_made(&self, row: &CallRow, made: &Made) -> Result<()> {
        let now = self.service.now();
        let mut txn = self.service.begin().await?;
        let (state, due_at, answer, trouble, ended_at) = match made {
            Made::Done(answer) => ("DONE", None, answer.as_str(), String::new(), Some(now.0)),
            Made::Refused(failure) => ("REFUSED", None, "", short(&failure.to_string()), Some(now.0)),
            Made::Waiting(failure) => {
                let due = now.plus(backoff(row.attempts, CALL_BACKOFF, CALL_BACKOFF_MAX));
                ("WAITING", Some(due.0), "", short(&failure.to_string()), None)
            }
        };
        let ours = query(
            "UPDATE payment_call SET state = $2, due_at = $3, answer = $4, trouble = $5, ended_at = $6 \
             WHERE id = $1 AND state = 'WAITING' AND due_at = $7",
        )
        .bind(&row.id)
        .bind(state)
        .bind(due_at)
        .bind(answer)
        .bind(trouble)
        .bind(ended_at)
        .bind(row.due_at.map(|at| at.0))
        .execute(&mut txn)
        .await?;
        // Whoever took it over when the lease was over writes it: the answer is the same, by the key.
        if ours == 0 {
            return Ok(());
        }
        match made {
            Made::Done(answer) => self.call_done(&mut txn, row, answer).await?,
            Made::Refused(failure) => {
                tracing::warn!(call = row.id, tenant = %row.tenant, %failure, "a payment provider refuses a call");
                if let Call::OpenCheckout { checkout, .. } = &row.call {
                    self.checkout_ended(&mut txn, checkout).await?;
                }
            }
            Made::Waiting(failure) => tracing::info!(call = row.id, %failure, "a payment provider did not answer"),
        }
        if ended_at.is_some() && !matches!(row.call, Call::Publish { .. }) {
            self.mark(&mut txn, row.tenant).await?;
        }
        txn.commit().await
    }

    async fn call_done(&self, txn: &mut Connection, row: &CallRow, answer: &str) -> Result<()> {
        match &row.call {
            Call::CreateCustomer { .. } => query(
                "UPDATE customer SET provider_id = $2, version = version + 1 WHERE tenant = $1 AND provider_id IS NULL",
            )
            .bind(row.tenant.to_string())
            .bind(answer)
            .execute(txn)
            .await
            .map(drop),
            Call::OpenCheckout { checkout, .. } if !answer.is_empty() => {
                let page: Checkout = serde_json::from_str(answer).map_err(damaged)?;
                self.checkout_opened(txn, row.tenant, checkout, &page).await
            }
            Call::CloseCheckout { .. } if !answer.is_empty() => {
                let page: Checkout = serde_json::from_str(answer).map_err(damaged)?;
                self.checkout_told(txn, row.tenant, &page).await
            }
            Call::OpenCheckout { .. }
            | Call::CloseCheckout { .. }
            | Call::Publish { .. }
            | Call::UpdateCustomer { .. }
            | Call::Change { .. }
            | Call::End { .. }
            | Call::Resume { .. }
            | Call::Pay { .. }
            | Call::Receive { .. }
            | Call::Refund { .. }
            | Call::Credit { .. } => Ok(()),
        }
    }
}

/// Asks for all that takes the provider's customer to be there.
async fn ask(provider: &dyn Payments, row: &CallRow, customer: &str) -> Result<std::result::Result<String, Failure>> {
    let key = row.id.as_str();
    let nothing = |()| String::new();
    Ok(match &row.call {
        Call::Publish { plan, .. } => provider.publish(plan).await.map(nothing),
        Call::CreateCustomer { new } => provider.create_customer(key, new).await,
        Call::UpdateCustomer { new } => provider.update_customer(key, customer, new).await.map(nothing),
        Call::OpenCheckout { new, .. } => {
            let new = NewCheckout { customer: customer.to_owned(), ..new.clone() };
            return provider.open_checkout(key, &new).await.map(|page| to_body(&page)).transposed();
        }
        Call::CloseCheckout { checkout } => {
            return provider.close_checkout(key, checkout).await.map(|page| to_body(&page)).transposed();
        }
        Call::Change { subscription, to, at } => provider.change(key, subscription, to, *at).await.map(nothing),
        Call::End { subscription, when } => provider.end(key, subscription, *when).await.map(nothing),
        Call::Resume { subscription } => provider.resume(key, subscription).await.map(nothing),
        Call::Pay { invoice } => provider.pay(key, invoice).await.map(nothing),
        Call::Receive { invoice, reference } => provider.received(key, invoice, reference).await.map(nothing),
        Call::Refund { payment, amount } => provider.refund(key, payment, *amount).await.map(nothing),
        Call::Credit { amount } => provider.credit(key, customer, *amount).await.map(nothing),
    })
}

/// An answer that must be written as text first.
trait Transposed {
    fn transposed(self) -> Result<std::result::Result<String, Failure>>;
}

impl Transposed for std::result::Result<Result<String>, Failure> {
    fn transposed(self) -> Result<std::result::Result<String, Failure>> {
        match self {
            Ok(text) => text.map(Ok),
            Err(failure) => Ok(Err(failure)),
        }
    }
}

impl Call {
    /// What it pays back of a payment.
    pub(crate) fn refunds(&self, of: &str) -> Option<Money> {
        if let Call::Refund { payment, amount } = self
            && payment == of
        {
            Some(*amount)
        } else {
            None
        }
    }

    /// What is changed by it, where the last word is to be the last.
    fn subject(&self) -> Option<&str> {
        match self {
            Call::UpdateCustomer { .. } => Some(""),
            Call::Change { subscription, .. } | Call::End { subscription, .. } | Call::Resume { subscription } => {
                Some(subscription)
            }
            Call::Publish { .. }
            | Call::CreateCustomer { .. }
            | Call::OpenCheckout { .. }
            | Call::CloseCheckout { .. }
            | Call::Pay { .. }
            | Call::Receive { .. }
            | Call::Refund { .. }
            | Call::Credit { .. } => None,
        }
    }

    fn needs_customer(&self) -> bool {
        match self {
            Call::UpdateCustomer { .. } | Call::OpenCheckout { .. } | Call::Credit { .. } => true,
            Call::Publish { .. }
            | Call::CreateCustomer { .. }
            | Call::CloseCheckout { .. }
            | Call::Change { .. }
            | Call::End { .. }
            | Call::Resume { .. }
            | Call::Pay { .. }
            | Call::Receive { .. }
            | Call::Refund { .. } => false,
        }
    }

    /// Whether it wanted what it is about to be gone.
    fn is_done_when_gone(&self) -> bool {
        match self {
            Call::CloseCheckout { .. } | Call::End { .. } => true,
            Call::Publish { .. }
            | Call::CreateCustomer { .. }
            | Call::UpdateCustomer { .. }
            | Call::OpenCheckout { .. }
            | Call::Change { .. }
            | Call::Resume { .. }
            | Call::Pay { .. }
            | Call::Receive { .. }
            | Call::Refund { .. }
            | Call::Credit { .. } => false,
        }
    }
}

impl CallRow {
    fn made(self) -> Made {
        match self.state.as_str() {
            "DONE" => Made::Done(self.answer),
            "REFUSED" => Made::Refused(Failure::new(FailureKind::Refused, self.trouble)),
            _ => Made::Waiting(Failure::new(FailureKind::Busy, self.trouble)),
        }
    }
}

fn call_row(row: &Row) -> Result<CallRow> {
    Ok(CallRow {
        id: text(row, "id")?,
        tenant: id(row, "tenant")?,
        call: of_body(row, "body")?,
        state: text(row, "state")?,
        due_at: optional(row, "due_at")?.map(Timestamp),
        attempts: number(row, "attempts")?,
        first_at: optional(row, "first_at")?.map(Timestamp),
        answer: text(row, "answer")?,
        trouble: text(row, "trouble")?,
    })
}

fn shown(row: &Row) -> Result<CallShown> {
    let body: serde_json::Value = of_body(row, "body")?;
    Ok(CallShown {
        id: text(row, "id")?,
        tenant: id(row, "tenant")?,
        what: body.get("what").and_then(|what| what.as_str()).unwrap_or_default().to_owned(),
        state: text(row, "state")?,
        attempts: u32::try_from(number(row, "attempts")?).unwrap_or(u32::MAX),
        trouble: text(row, "trouble")?,
        created_at: Timestamp(number(row, "created_at")?),
        ended_at: optional(row, "ended_at")?.map(Timestamp),
    })
}

/// So much of a trouble as is kept.
pub(crate) fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(CALL_TROUBLE_CHARS_MAX).collect()
}

/// A pause that doubles with each attempt.
pub(crate) fn backoff(attempts: i64, first: Duration, most: Duration) -> Duration {
    let doublings = u32::try_from(attempts.saturating_sub(1).clamp(0, 20)).unwrap_or(20);
    first.saturating_mul(1 << doublings).min(most)
}
