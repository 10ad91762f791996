//! SUMMARY    Subscriptions too many: they end, and what they took goes back.
//! STANDARDS  product rules 3.4, S5, U2
//! LIMITS     ISSUE_SLACK, CLOSED_SLACK
//! INVARIANTS Each end and each refund is a call under an id of what it is for: however often it is decided, it is made once.

use super::{Billing, call::Call, store::CustomerRow};
use crate::{End, Found, Money, TruePayment, TrueSubscription, Truth, settle};
use std::time::Duration;
use tenants::{Result, sql::Connection};

/// How much before its period the invoice of a period is issued at most.
pub(crate) const ISSUE_SLACK: Duration = Duration::from_secs(3600);

/// How exactly providers tell when something was bought.
const CLOSED_SLACK: Duration = Duration::from_secs(1);

impl Billing {
    /// Ends the live subscriptions that a family has besides the newest one, and pays back what was paid for the period they are in. Of a
    /// signup that came to nothing all ends, and all goes back; so does what was bought by who had closed.
    pub(crate) async fn settle_doubles(
        &self,
        txn: &mut Connection,
        row: &CustomerRow,
        truth: &Truth,
        is_given_back: bool,
    ) -> Result<()> {
        let found = |s: &TrueSubscription| Found {
            id: s.id.clone(),
            family: s.family.clone(),
            status: s.status,
            created_at: s.created_at,
        };
        let found: Vec<Found> = truth.subscriptions.iter().map(found).collect();
        let doubles: Vec<String> = settle(&found).into_values().flat_map(|settled| settled.end).collect();
        for subscription in &truth.subscriptions {
            let id = format!("cal_end_{}", subscription.id);
            let is_double = doubles.contains(&subscription.id) || is_late(row, subscription);
            if is_double || (is_given_back && subscription.status.is_live()) {
                let call = Call::End { subscription: subscription.id.clone(), when: End::Now };
                if self.put_call_once(txn, row.customer.tenant, &id, &call).await? && is_double {
                    metrics::counter!("posthouse_billing_doubles_total").increment(1);
                    tracing::error!(tenant = %row.customer.tenant, subscription = subscription.id, "a subscription too many ends");
                }
            } else if self.call_in(txn, &id).await?.is_none() {
                continue;
            }
            if !is_given_back {
                self.pay_back(txn, row, truth, subscription).await?;
            }
        }
        if is_given_back {
            for payment in truth.invoices.iter().flat_map(|i| &i.payments) {
                self.pay_back_one(txn, row, payment).await?;
            }
        }
        Ok(())
    }

    /// What was paid for the period that a subscription is in.
    async fn pay_back(
        &self,
        txn: &mut Connection,
        row: &CustomerRow,
        truth: &Truth,
        subscription: &TrueSubscription,
    ) -> Result<()> {
        let of_it = truth.invoices.iter().filter(|i| i.subscription.as_ref() == Some(&subscription.id));
        for invoice in of_it.filter(|i| i.issued_at.plus(ISSUE_SLACK) >= subscription.period.start) {
            for payment in &invoice.payments {
                self.pay_back_one(txn, row, payment).await?;
            }
        }
        Ok(())
    }

    async fn pay_back_one(&self, txn: &mut Connection, row: &CustomerRow, payment: &TruePayment) -> Result<()> {
        let amount = left_of(payment).map_err(super::store::refused)?;
        if amount.minor() <= 0 {
            return Ok(());
        }
        let (tenant, call) = (row.customer.tenant, Call::Refund { payment: payment.id.clone(), amount });
        self.put_call_once(txn, tenant, &format!("cal_back_{}", payment.id), &call).await.map(drop)
    }
}

/// Whether it was bought on a page that was still open when its customer closed.
fn is_late(row: &CustomerRow, subscription: &TrueSubscription) -> bool {
    let is_after = |closed| subscription.created_at.plus(CLOSED_SLACK) >= closed;
    subscription.status.is_live() && row.customer.closed_at.is_some_and(is_after)
}

/// What of a payment has not gone back.
pub(crate) fn left_of(payment: &TruePayment) -> crate::Result<Money> {
    let gone = payment.refunds.iter().chain(&payment.chargebacks).map(|(_, amount, _)| *amount);
    gone.into_iter().try_fold(payment.amount, Money::minus)
}
