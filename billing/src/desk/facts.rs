//! SUMMARY    What the mirror says of a customer's debts: what is owed, and since when it should have been paid.
//! LIMITS     UNTRIED_TIME
//! INVARIANTS Pure. An invoice that is given up is still owed; what the bank took back is owed from that day on; what was paid back is not.

use super::double::ISSUE_SLACK;
use crate::{InvoiceState, Money, Result, Status, TrueInvoice, TrueSubscription};
use base::Timestamp;
use std::{collections::BTreeMap, time::Duration};

/// How long an invoice may be open after its day before it counts as late, when nobody tried to have it paid: providers need some minutes.
pub(crate) const UNTRIED_TIME: Duration = Duration::from_secs(3_600);

/// What follows from invoices and subscriptions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Unpaid {
    /// When the oldest payment was due that was not made.
    pub since: Option<Timestamp>,
    /// When an invoice that is open becomes late.
    pub look_at: Option<Timestamp>,
    /// No invoice says so, but the state of a subscription: `since` is the beginning of its period.
    pub is_inferred: bool,
}

/// All that is owed on invoices, by currency.
pub(crate) fn owed_of_all(invoices: &[TrueInvoice]) -> Result<Vec<Money>> {
    let mut by_currency: BTreeMap<_, Money> = BTreeMap::new();
    for invoice in invoices {
        let owed = invoice.owed()?;
        let known = by_currency.entry(owed.currency()).or_insert(Money::zero(owed.currency()));
        *known = known.plus(owed)?;
    }
    Ok(by_currency.into_values().filter(|sum| !sum.is_zero()).collect())
}

/// Since when a customer owes.
pub(crate) fn unpaid(subscriptions: &[TrueSubscription], invoices: &[TrueInvoice], now: Timestamp) -> Result<Unpaid> {
    let mut unpaid = Unpaid::default();
    let mut since = |at: Timestamp| unpaid.since = Some(unpaid.since.map_or(at, |known| known.min(at)));
    let mut late: Option<Timestamp> = None;
    for invoice in invoices {
        let owed = invoice.owed()?;
        if owed.is_zero() {
            continue;
        }
        match (invoice.state, taken_back_since(invoice, owed)?) {
            (InvoiceState::Draft | InvoiceState::Void, _) => {}
            (_, Some(at)) => since(at),
            (InvoiceState::Uncollectible | InvoiceState::Paid, None) => since(invoice.due_at),
            (InvoiceState::Open, None) if invoice.failed => since(invoice.due_at),
            (InvoiceState::Open, None) => match invoice.due_at.max(invoice.issued_at).plus(UNTRIED_TIME) {
                at if at <= now => since(invoice.due_at),
                at => late = Some(late.map_or(at, |known| known.min(at))),
            },
        }
    }
    if unpaid.since.is_none() {
        // The subscription may be told before its invoice is. One that is there and is not owed says more: it was taken back.
        let told = |s: &TrueSubscription| {
            let of_it = invoices.iter().filter(|i| i.subscription.as_ref() == Some(&s.id));
            of_it.into_iter().any(|i| i.issued_at.plus(ISSUE_SLACK) >= s.period.start)
        };
        let behind = |s: &&TrueSubscription| matches!(s.status, Status::PastDue | Status::Unpaid) && !told(s);
        unpaid.since = subscriptions.iter().filter(behind).map(|s| s.period.start).min();
        unpaid.is_inferred = unpaid.since.is_some();
    }
    Ok(Unpaid { look_at: late, ..unpaid })
}

/// When the bank took what is owed of an invoice: what was paid again made good for what it took first.
fn taken_back_since(invoice: &TrueInvoice, owed: Money) -> Result<Option<Timestamp>> {
    let mut taken: Vec<_> = invoice.payments.iter().flat_map(|p| &p.chargebacks).collect();
    taken.sort_by_key(|(_, _, at)| std::cmp::Reverse(*at));
    let (mut since, mut sum) = (None, Money::zero(owed.currency()));
    for (_, amount, at) in taken {
        if !owed.minus(sum)?.is_negative() && sum != owed {
            since = Some(*at);
        }
        sum = sum.plus(*amount)?;
    }
    Ok(since)
}

/// When the trial ends that a customer has.
pub(crate) fn trial_ends_at(subscriptions: &[TrueSubscription]) -> Option<Timestamp> {
    subscriptions.iter().filter(|s| s.status == Status::Trialing).filter_map(|s| s.trial_ends_at).max()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Currency, Interval, Period, TruePayment};

    const DAY: i64 = 86_400_000;

    fn eur(minor: i64) -> Money {
        Money::new(minor, Currency::EUR).unwrap()
    }

    fn day(n: i64) -> Timestamp {
        Timestamp(n * DAY)
    }

    fn invoice(state: InvoiceState, due: i64) -> TrueInvoice {
        TrueInvoice {
            id: format!("in_{due}"),
            number: None,
            subscription: None,
            state,
            net: eur(1_000),
            tax: eur(190),
            issued_at: day(due),
            due_at: day(due),
            failed: false,
            credit_used: eur(0),
            payments: Vec::new(),
            page_url: None,
            pdf_url: None,
        }
    }

    fn paid(amount: i64, chargebacks: &[(i64, i64)]) -> TruePayment {
        TruePayment {
            id: "pay".into(),
            amount: eur(amount),
            at: day(1),
            refunds: Vec::new(),
            chargebacks: chargebacks.iter().map(|(n, at)| ("cb".into(), eur(*n), day(*at))).collect(),
        }
    }

    #[test]
    fn what_is_owed_of_an_invoice() {
        let with = |state, payments| TrueInvoice { payments, ..invoice(state, 1) }.owed().unwrap().minor();
        assert_eq!(with(InvoiceState::Open, vec![]), 1_190);
        assert_eq!(with(InvoiceState::Open, vec![paid(1_000, &[])]), 190);
        assert_eq!(with(InvoiceState::Uncollectible, vec![]), 1_190);
        assert_eq!(with(InvoiceState::Paid, vec![]), 0, "paid elsewhere");
        assert_eq!(with(InvoiceState::Paid, vec![paid(1_190, &[(1_190, 9)])]), 1_190);
        let again = |amount| vec![paid(1_190, &[(1_190, 9)]), paid(amount, &[])];
        assert_eq!(with(InvoiceState::Paid, again(1_190)), 0, "paid again");
        assert_eq!(with(InvoiceState::Paid, again(190)), 1_000, "paid again in part");
        let twice = vec![paid(1_190, &[(1_190, 9)]), paid(1_190, &[(1_190, 12)])];
        assert_eq!(with(InvoiceState::Paid, twice), 1_190, "taken back twice");
        assert_eq!(with(InvoiceState::Paid, vec![paid(1_190, &[]), paid(1_190, &[])]), 0, "won back after all");
        assert_eq!(with(InvoiceState::Void, vec![]), 0);
        let used = TrueInvoice { credit_used: eur(1_190), ..invoice(InvoiceState::Open, 1) };
        assert!(used.owed().unwrap().is_zero());
        assert_eq!(
            owed_of_all(&[invoice(InvoiceState::Open, 1), invoice(InvoiceState::Open, 2)]),
            Ok(vec![eur(2_380)])
        );
    }

    #[test]
    fn it_is_unpaid_from_the_oldest_day_that_was_missed() {
        let since = |invoices: &[TrueInvoice], now| unpaid(&[], invoices, now).unwrap();
        let failed = TrueInvoice { failed: true, ..invoice(InvoiceState::Open, 5) };
        assert_eq!(since(&[failed.clone(), invoice(InvoiceState::Uncollectible, 3)], day(6)).since, Some(day(3)));
        assert_eq!(since(&[failed], day(5)).since, Some(day(5)));
        assert_eq!(
            since(&[invoice(InvoiceState::Paid, 1), invoice(InvoiceState::Draft, 1)], day(9)),
            Unpaid::default()
        );
        let back = TrueInvoice { payments: vec![paid(1_190, &[(1_190, 40)])], ..invoice(InvoiceState::Paid, 1) };
        assert_eq!(since(std::slice::from_ref(&back), day(41)).since, Some(day(40)), "not since it was due");
        let payments = vec![paid(1_190, &[(1_190, 40)]), paid(1_190, &[(1_190, 70)])];
        let twice = TrueInvoice { payments, ..back };
        assert_eq!(since(&[twice], day(71)).since, Some(day(70)), "what was taken first was paid again");
    }

    #[test]
    fn an_open_invoice_is_late_after_its_day_and_is_looked_at_then() {
        let open = [invoice(InvoiceState::Open, 5)];
        let late = day(5).plus(UNTRIED_TIME);
        assert_eq!(unpaid(&[], &open, day(5)).unwrap(), Unpaid { look_at: Some(late), ..Unpaid::default() });
        assert_eq!(unpaid(&[], &open, late).unwrap(), Unpaid { since: Some(day(5)), ..Unpaid::default() });
    }

    #[test]
    fn a_subscription_that_is_behind_counts_without_its_invoice() {
        let period = Period { start: day(30), end: day(60) };
        let subscription = TrueSubscription {
            id: "sub".into(),
            family: "mail".into(),
            status: Status::PastDue,
            created_at: day(0),
            plan: ("business".into(), 1),
            items: Vec::new(),
            currency: Currency::EUR,
            interval: Interval::Month,
            period,
            trial_ends_at: None,
            ends_at: None,
            ended_at: None,
        };
        assert_eq!(unpaid(std::slice::from_ref(&subscription), &[], day(31)).unwrap().since, Some(day(30)));
        let of_it = |state| TrueInvoice { subscription: Some("sub".into()), ..invoice(state, 30) };
        let with = |state| unpaid(std::slice::from_ref(&subscription), &[of_it(state)], day(31)).unwrap().since;
        assert_eq!((with(InvoiceState::Void), with(InvoiceState::Draft)), (None, None), "what was taken back");
        let active = TrueSubscription { status: Status::Active, ..subscription };
        assert_eq!(unpaid(&[active], &[], day(31)).unwrap().since, None);
    }
}
