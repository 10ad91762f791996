//! SUMMARY    Calls to a provider as rows: what is asked, written down before it is, and what came of it.
//! STANDARDS  product rule 3.5
//! LIMITS     CALL_KEY_LIFE, CALL_TROUBLE_CHARS_MAX
//! INVARIANTS A call is a row before it is made, and its id the key under which it is made. No two of a tenant are of one moment.

use super::{
    Billing, CallShown,
    page::Newest,
    store::{of_body, to_body},
};
use crate::{End, Failure, FailureKind, Money, NewCheckout, NewCustomer, Plan, Wanted};
use base::{TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tenants::{
    Actor, Page, Permission, Result,
    sql::{Connection, Row, fresh_id, id, number, optional, query, text},
};

/// How long providers remember the key of a call.
pub(crate) const CALL_KEY_LIFE: Duration = Duration::from_secs(24 * 3600);
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
    /// What the bank took back is taken again.
    Collect {
        invoice: String,
        amount: Money,
    },
    /// Money came in by transfer.
    Receive {
        invoice: String,
        reference: String,
        /// So much, as it was told then. None in calls of before that was asked for.
        #[serde(default)]
        came: Option<(Money, Timestamp)>,
    },
    Refund {
        payment: String,
        amount: Money,
    },
    Credit {
        amount: Money,
    },
    /// What was used of a metered component in a period that is frozen.
    ChargeUse {
        subscription: String,
        component: String,
        quantity: u64,
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

    /// What it takes of an invoice.
    pub(crate) fn collects(&self, of: &str) -> Option<Money> {
        match self {
            Call::Collect { invoice, amount } if invoice == of => Some(*amount),
            Call::Receive { invoice, came, .. } if invoice == of => came.map(|(amount, _)| amount),
            Call::Pay { .. }
            | Call::Collect { .. }
            | Call::Receive { .. }
            | Call::Publish { .. }
            | Call::CreateCustomer { .. }
            | Call::UpdateCustomer { .. }
            | Call::OpenCheckout { .. }
            | Call::CloseCheckout { .. }
            | Call::Change { .. }
            | Call::End { .. }
            | Call::Resume { .. }
            | Call::Refund { .. }
            | Call::Credit { .. }
            | Call::ChargeUse { .. } => None,
        }
    }

    /// Whether it has something paid of an invoice.
    pub(crate) fn pays(&self, of: &str) -> bool {
        match self {
            Call::Pay { invoice } | Call::Collect { invoice, .. } | Call::Receive { invoice, .. } => invoice == of,
            Call::Publish { .. }
            | Call::CreateCustomer { .. }
            | Call::UpdateCustomer { .. }
            | Call::OpenCheckout { .. }
            | Call::CloseCheckout { .. }
            | Call::Change { .. }
            | Call::End { .. }
            | Call::Resume { .. }
            | Call::Refund { .. }
            | Call::Credit { .. }
            | Call::ChargeUse { .. } => false,
        }
    }

    /// Whether it has something paid that is owed.
    pub(crate) fn is_payment(&self) -> bool {
        matches!(self, Call::Pay { .. } | Call::Collect { .. } | Call::Receive { .. })
    }

    /// What is changed by it, where the last word is to be the last.
    pub(crate) fn subject(&self) -> Option<&str> {
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
            | Call::Collect { .. }
            | Call::Receive { .. }
            | Call::Refund { .. }
            | Call::Credit { .. }
            | Call::ChargeUse { .. } => None,
        }
    }

    pub(crate) fn needs_customer(&self) -> bool {
        match self {
            Call::UpdateCustomer { .. } | Call::OpenCheckout { .. } | Call::Credit { .. } | Call::Collect { .. } => {
                true
            }
            Call::Publish { .. }
            | Call::CreateCustomer { .. }
            | Call::CloseCheckout { .. }
            | Call::Change { .. }
            | Call::End { .. }
            | Call::Resume { .. }
            | Call::Pay { .. }
            | Call::Receive { .. }
            | Call::Refund { .. }
            | Call::ChargeUse { .. } => false,
        }
    }

    /// Whether it wanted what it is about to be gone.
    pub(crate) fn is_done_when_gone(&self) -> bool {
        match self {
            Call::CloseCheckout { .. } | Call::End { .. } => true,
            Call::Publish { .. }
            | Call::CreateCustomer { .. }
            | Call::UpdateCustomer { .. }
            | Call::OpenCheckout { .. }
            | Call::Change { .. }
            | Call::Resume { .. }
            | Call::Pay { .. }
            | Call::Collect { .. }
            | Call::Receive { .. }
            | Call::Refund { .. }
            | Call::Credit { .. }
            | Call::ChargeUse { .. } => false,
        }
    }
}

impl CallRow {
    pub(crate) fn made(self) -> Made {
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
