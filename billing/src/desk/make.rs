//! SUMMARY    Calls to a provider are made: claimed, asked, repeated under their key, and what came of them written down.
//! STANDARDS  product rule 3.5
//! LIMITS     CALL_LEASE, CALL_BACKOFF, CALL_BACKOFF_MAX, CALLS_AT_ONCE
//! INVARIANTS Nobody else makes a call while it is being made. What it brought is written in the transaction that ends it. Once the provider
//!            has forgotten the key, its truth is looked at first.

use super::{
    Billing,
    call::{CALL_KEY_LIFE, Call, CallRow, Made, backoff, short},
    store::{damaged, to_body},
};
use crate::{Checkout, Failure, FailureKind, NewCheckout, Payments};
use base::{TenantId, Timestamp};
use std::time::Duration;
use tenants::{
    Applied, Result,
    sql::{Connection, query, text},
};

/// How long nobody else makes a call that is being made.
const CALL_LEASE: Duration = Duration::from_secs(120);
/// Pause before a call that was not answered is repeated; it doubles.
const CALL_BACKOFF: Duration = Duration::from_secs(5);
const CALL_BACKOFF_MAX: Duration = Duration::from_secs(3600);
/// Calls of one round.
const CALLS_AT_ONCE: i64 = 50;

impl Billing {
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
        if let Call::OpenCheckout { .. } = &row.call {
            // One page of a customer is open at the provider too: what it has elsewhere, or may yet have, ends first.
            let closes = waiting.iter().filter(|w| matches!(w.call, Call::CloseCheckout { .. }));
            let opens = waiting.iter().take_while(|w| w.id != row.id);
            let opens = opens.filter(|w| matches!(w.call, Call::OpenCheckout { .. }));
            before.extend(opens.chain(closes).map(|w| w.id.clone()));
        }
        if let Call::End { subscription: ends, .. } = &row.call {
            // What was used of it is charged first: nothing is taken for what has ended.
            let charges = waiting.iter().take_while(|w| w.id != row.id);
            let is_its = |call: &Call| matches!(call, Call::ChargeUse { subscription, .. } if subscription == ends);
            before.extend(charges.filter(|w| is_its(&w.call)).map(|w| w.id.clone()));
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
                FailureKind::Refused | FailureKind::Gone | FailureKind::Forged | FailureKind::Malformed => {
                    Made::Refused(failure)
                }
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
                    self.coupon_back(&mut txn, checkout).await?;
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
            // It was gone before it was closed.
            Call::CloseCheckout { checkout } => self.page_gone(txn, row.tenant, checkout).await,
            Call::OpenCheckout { .. }
            | Call::Publish { .. }
            | Call::UpdateCustomer { .. }
            | Call::Change { .. }
            | Call::End { .. }
            | Call::Resume { .. }
            | Call::Pay { .. }
            | Call::Collect { .. }
            | Call::Receive { .. }
            | Call::Refund { .. }
            | Call::Credit { .. }
            | Call::ChargeUse { .. } => Ok(()),
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
        Call::Collect { invoice, amount } => provider.collect(key, customer, invoice, *amount).await.map(nothing),
        Call::Receive { invoice, reference, came: Some(came) } => {
            provider.received(key, invoice, reference, *came).await.map(nothing)
        }
        Call::Receive { came: None, .. } => {
            Err(Failure::new(FailureKind::Refused, "it does not say how much came in: say it again"))
        }
        Call::Refund { payment, amount } => provider.refund(key, payment, *amount).await.map(nothing),
        Call::Credit { amount } => provider.credit(key, customer, *amount).await.map(nothing),
        Call::ChargeUse { subscription, component, quantity, amount } => {
            provider.charge_use(key, subscription, component, *quantity, *amount).await.map(nothing)
        }
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
