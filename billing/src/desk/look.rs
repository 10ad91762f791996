//! SUMMARY    Whether a call was made whose key the provider has forgotten: its truth says.
//! STANDARDS  product rule 3.5
//! INVARIANTS Money that cannot be told apart from other money of the same amount is counted: so many as were called are there, or one is missing.

use super::{
    Billing,
    call::{Call, CallRow},
};
use crate::{End, Money, Status, Truth, Wanted};
use base::TenantId;
use tenants::{Result, sql::query};

impl Billing {
    /// Whether what a call wanted is so already.
    pub(crate) async fn is_in(&self, row: &CallRow, truth: &Truth) -> Result<bool> {
        let subscription = |id: &str| truth.subscriptions.iter().find(|s| s.id == id);
        Ok(match &row.call {
            // These give the same when they are repeated; a page's time is over before its key is forgotten; beside use, and what was taken
            // again or came in otherwise, the provider keeps the key.
            Call::Publish { .. }
            | Call::CreateCustomer { .. }
            | Call::UpdateCustomer { .. }
            | Call::OpenCheckout { .. }
            | Call::CloseCheckout { .. }
            | Call::Collect { .. }
            | Call::Receive { .. }
            | Call::ChargeUse { .. } => false,
            Call::Change { subscription: id, to, .. } => subscription(id).is_some_and(|s| is_as_wanted(s, to)),
            Call::End { subscription: id, when } => subscription(id).is_none_or(|s| match when {
                End::Now => s.status == Status::Cancelled,
                End::Period => s.status == Status::Cancelled || s.ends_at.is_some(),
            }),
            Call::Resume { subscription: id } => subscription(id).is_some_and(|s| s.ends_at.is_none()),
            Call::Pay { invoice } => {
                truth.invoices.iter().any(|i| i.id == *invoice && i.state == crate::InvoiceState::Paid)
            }
            Call::Refund { payment, amount } => {
                let payments = truth.invoices.iter().flat_map(|i| &i.payments).filter(|p| p.id == *payment);
                let there = payments.flat_map(|p| &p.refunds).filter(|(_, refunded, _)| refunded == amount).count();
                there > self.done_before(row.tenant, &row.call).await?
            }
            Call::Credit { amount } => {
                let is_it = |net: Money, invoice: &Option<String>| net == *amount && invoice.is_none();
                let there = truth.credits.iter().filter(|c| is_it(c.net, &c.invoice)).count();
                there > self.done_before(row.tenant, &row.call).await?
            }
        })
    }

    /// How many calls that ask for the very same were made.
    async fn done_before(&self, tenant: TenantId, call: &Call) -> Result<usize> {
        let mut connection = self.service.connection().await?;
        let rows = query("SELECT id FROM payment_call WHERE tenant = $1 AND state = 'DONE' AND body = $2")
            .bind(tenant.to_string())
            .bind(super::store::to_body(call)?)
            .fetch_all(&mut connection)
            .await?;
        Ok(rows.len())
    }
}

/// Whether a subscription is what was wanted; of nothing there is no item.
pub(crate) fn is_as_wanted(has: &crate::TrueSubscription, to: &Wanted) -> bool {
    let wanted: Vec<_> = to.items.iter().filter(|item| item.quantity > 0).collect();
    has.plan == (to.plan.key.clone(), to.plan.version)
        && has.interval == to.interval
        && has.items.len() == wanted.len()
        && wanted.into_iter().all(|item| has.items.contains(item))
}
