//! SUMMARY    The account of a customer who pays by invoice: what it bought, its invoices, what it paid.
//! LIMITS     PAY_DAYS, PERIODS_MAX
//! INVARIANTS Pure but for the moments that are given. An invoice that was made never changes but for being paid, taken back or paid back.

use super::{gone, refused};
use crate::{
    Change, Choice, Coupon, End, Failure, InvoiceState, Line, Money, NewCheckout, NewCustomer, Period, Status,
    TrueCredit, TrueInvoice, TruePayment, TrueSubscription, Truth, Wanted, change, sum,
};
use base::{TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, time::Duration};

/// Days from an invoice to when it is to be paid.
pub const PAY_DAYS: u64 = 14;
/// Periods that are renewed at once at most: ten years of months.
const PERIODS_MAX: usize = 120;

/// An invoice with its lines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bill {
    pub is: TrueInvoice,
    pub lines: Vec<Line>,
    /// What a coupon took off.
    pub off: Money,
    /// What is paid for.
    pub period: Period,
}

/// A subscription with what it was bought as.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sold {
    pub is: TrueSubscription,
    wanted: Wanted,
    coupon: Option<Coupon>,
    /// When the first period that was paid for began, and how many began since.
    anchor: Timestamp,
    number: u32,
    /// What was used, for the next invoice.
    used: Vec<Line>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Account {
    pub id: String,
    pub seller: TenantId,
    pub customer: NewCustomer,
    pub sold: Vec<Sold>,
    pub bills: Vec<Bill>,
    credits: Vec<TrueCredit>,
    /// Keys of calls with what they were answered.
    pub answered: BTreeMap<String, String>,
}

/// A bill as it is to be made.
struct Draft {
    subscription: usize,
    lines: Vec<Line>,
    period: Period,
    at: Timestamp,
    coupon: Option<(Coupon, u32)>,
}

impl Account {
    pub fn new(id: String, seller: TenantId, customer: NewCustomer) -> Account {
        Account {
            id,
            seller,
            customer,
            sold: Vec::new(),
            bills: Vec::new(),
            credits: Vec::new(),
            answered: BTreeMap::new(),
        }
    }

    /// Buys; answers the subscription's id.
    pub fn subscribe(&mut self, new: &NewCheckout, now: Timestamp) -> Result<String, Failure> {
        let id = format!("{}.s{}", self.id, self.sold.len() + 1);
        let trial = days(now, u64::from(new.trial_days));
        let period = match new.trial_days {
            0 => Period::of(now, new.wanted.interval, 0).map_err(wrong)?,
            _ => Period { start: now, end: trial },
        };
        let is = TrueSubscription {
            id: id.clone(),
            family: new.wanted.plan.family.clone(),
            status: if new.trial_days == 0 { Status::Active } else { Status::Trialing },
            created_at: now,
            plan: (new.wanted.plan.key.clone(), new.wanted.plan.version),
            items: bought(&new.wanted),
            currency: new.wanted.currency,
            interval: new.wanted.interval,
            period,
            trial_ends_at: (new.trial_days > 0).then_some(trial),
            ends_at: None,
            ended_at: None,
        };
        let coupon = new.coupon.as_ref().map(|(_, coupon)| *coupon);
        let anchor = period.start;
        let sold = Sold { is, wanted: new.wanted.clone(), coupon, anchor, number: 0, used: Vec::new() };
        self.sold.push(sold);
        if new.trial_days == 0 {
            self.bill_period(self.sold.len() - 1, now)?;
        }
        Ok(id)
    }

    /// What a change comes to.
    pub fn quote(&self, subscription: &str, to: &Wanted, at: Timestamp) -> Result<Change, Failure> {
        let sold = self.live(subscription)?;
        if sold.is.status == Status::Trialing {
            let (now, then) = (Money::zero(to.currency), choice(to).total().map_err(wrong)?);
            return Ok(Change { lines: Vec::new(), now, then, period: sold.is.period });
        }
        change(&choice(&sold.wanted), &choice(to), sold.is.period, at).map_err(wrong)
    }

    pub fn change(
        &mut self,
        subscription: &str,
        to: &Wanted,
        at: Timestamp,
        now: Timestamp,
    ) -> Result<String, Failure> {
        let quote = self.quote(subscription, to, at)?;
        let n = self.position(subscription)?;
        let sold = self.sold.get_mut(n).ok_or_else(gone)?;
        if quote.period != sold.is.period {
            (sold.anchor, sold.number) = (quote.period.start, 0);
        }
        sold.wanted = to.clone();
        sold.is = TrueSubscription {
            family: to.plan.family.clone(),
            plan: (to.plan.key.clone(), to.plan.version),
            items: bought(to),
            interval: to.interval,
            period: quote.period,
            ..sold.is.clone()
        };
        let draft = Draft { subscription: n, lines: quote.lines, period: quote.period, at: now, coupon: None };
        self.bill(draft)?;
        Ok(String::new())
    }

    pub fn end(&mut self, subscription: &str, when: End, now: Timestamp) -> Result<String, Failure> {
        let n = self.position(subscription)?;
        let sold = self.sold.get_mut(n).ok_or_else(gone)?;
        match when {
            _ if !sold.is.status.is_live() => {}
            End::Period => sold.is.ends_at = Some(sold.is.period.end),
            End::Now => {
                over(&mut sold.is, now);
                self.bill_use(n, now)?;
            }
        }
        Ok(String::new())
    }

    pub fn resume(&mut self, subscription: &str) -> Result<String, Failure> {
        let n = self.position(subscription)?;
        match self.sold.get_mut(n) {
            Some(sold) if sold.is.status.is_live() => sold.is.ends_at = None,
            Some(_) | None => return Err(refused("It has ended")),
        }
        Ok(String::new())
    }

    /// All that is open of an invoice came in.
    pub fn paid(&mut self, invoice: &str, reference: &str, now: Timestamp) -> Result<String, Failure> {
        let bill = self.bills.iter_mut().find(|bill| bill.is.id == invoice).ok_or_else(gone)?;
        if !matches!(bill.is.state, InvoiceState::Open | InvoiceState::Uncollectible) {
            return Err(refused("The invoice is not open"));
        }
        let id = format!("{invoice}.p{}", bill.is.payments.len() + 1);
        let amount = open_of(&bill.is)?;
        bill.is.payments.push(TruePayment { id, amount, at: now, refunds: Vec::new(), chargebacks: Vec::new() });
        bill.is.state = InvoiceState::Paid;
        self.late(now);
        Ok(reference.to_owned())
    }

    pub fn refund(&mut self, key: &str, payment: &str, amount: Money, now: Timestamp) -> Result<String, Failure> {
        let all = self.bills.iter_mut().flat_map(|bill| bill.is.payments.iter_mut());
        let payment = all.into_iter().find(|one| one.id == payment).ok_or_else(gone)?;
        let back = sum(amount.currency(), payment.refunds.iter().map(|(_, amount, _)| *amount)).map_err(wrong)?;
        let left = payment.amount.minus(back).and_then(|left| left.minus(amount)).map_err(wrong)?;
        if left.is_negative() || amount.minor() <= 0 {
            return Err(refused("More would be paid back than was paid"));
        }
        payment.refunds.push((format!("{}.{key}", payment.id), amount, now));
        Ok(String::new())
    }

    pub fn credit(&mut self, key: &str, amount: Money, now: Timestamp) -> Result<String, Failure> {
        let (id, tax) = (format!("{}.c{key}", self.id), Money::zero(amount.currency()));
        self.credits.push(TrueCredit { id, net: amount, tax, at: now, invoice: None });
        Ok(String::new())
    }

    /// For the next invoice; one that has ended has it now.
    pub fn charge_use(
        &mut self,
        subscription: &str,
        component: &str,
        quantity: u64,
        amount: Money,
        now: Timestamp,
    ) -> Result<String, Failure> {
        let n = self.position(subscription)?;
        let sold = self.sold.get_mut(n).ok_or_else(gone)?;
        let (plan, component) = (sold.is.plan.0.clone(), Some(component.to_owned()));
        sold.used.push(Line { plan, component, quantity, amount });
        if !sold.is.status.is_live() {
            self.bill_use(n, now)?;
        }
        Ok(String::new())
    }

    /// Does all that was due until now, each at its own moment; whether there was any.
    pub fn turn(&mut self, now: Timestamp) -> Result<bool, Failure> {
        let before = (self.bills.len(), self.sold.iter().map(|s| (s.is.status, s.is.period)).collect::<Vec<_>>());
        for n in 0..self.sold.len() {
            for _ in 0..PERIODS_MAX {
                if !self.renew(n, now)? {
                    break;
                }
            }
        }
        self.late(now);
        Ok(before != (self.bills.len(), self.sold.iter().map(|s| (s.is.status, s.is.period)).collect()))
    }

    /// The next period of one, where it is due.
    fn renew(&mut self, n: usize, now: Timestamp) -> Result<bool, Failure> {
        let Some(sold) = self.sold.get_mut(n) else { return Ok(false) };
        let at = sold.is.period.end;
        if !sold.is.status.is_live() || now < at {
            return Ok(false);
        }
        if let Some(ends_at) = sold.is.ends_at.filter(|ends| *ends <= at) {
            over(&mut sold.is, ends_at);
            self.bill_use(n, ends_at)?;
            return Ok(false);
        }
        if sold.is.status == Status::Trialing {
            (sold.anchor, sold.number, sold.is.status) = (at, 0, Status::Active);
        } else {
            sold.number = sold.number.saturating_add(1);
        }
        sold.is.period = Period::of(sold.anchor, sold.is.interval, sold.number).map_err(wrong)?;
        self.bill_period(n, at)?;
        Ok(true)
    }

    fn bill_period(&mut self, n: usize, at: Timestamp) -> Result<(), Failure> {
        let sold = self.sold.get_mut(n).ok_or_else(gone)?;
        let mut lines = choice(&sold.wanted).lines().map_err(wrong)?;
        lines.append(&mut sold.used);
        let (period, coupon) = (sold.is.period, sold.coupon.map(|coupon| (coupon, sold.number)));
        self.bill(Draft { subscription: n, lines, period, at, coupon })
    }

    /// Bills what was used and is on no invoice, where no period follows.
    fn bill_use(&mut self, n: usize, at: Timestamp) -> Result<(), Failure> {
        let sold = self.sold.get_mut(n).ok_or_else(gone)?;
        let (lines, period) = (std::mem::take(&mut sold.used), sold.is.period);
        self.bill(Draft { subscription: n, lines, period, at, coupon: None })
    }

    /// Writes an invoice; nothing for nothing. One below zero becomes a credit.
    fn bill(&mut self, draft: Draft) -> Result<(), Failure> {
        let Some(sold) = self.sold.get(draft.subscription) else { return Err(gone()) };
        let (currency, subscription) = (sold.is.currency, sold.is.id.clone());
        let whole = sum(currency, draft.lines.iter().map(|line| line.amount)).map_err(wrong)?;
        let off = match draft.coupon {
            Some((coupon, n)) => coupon.off(whole, n).map_err(wrong)?,
            None => Money::zero(currency),
        };
        let net = whole.minus(off).map_err(wrong)?;
        if draft.lines.is_empty() {
            return Ok(());
        }
        let (id, zero) = (format!("{}.i{}", self.id, self.bills.len() + 1), Money::zero(currency));
        let owed = if net.is_negative() { zero } else { net };
        let credit_used = owed.at_most(self.credit_left(currency)?).map_err(wrong)?;
        if net.is_negative() {
            let credit = TrueCredit {
                id: format!("{id}.c"),
                net: net.negated(),
                tax: zero,
                at: draft.at,
                invoice: Some(id.clone()),
            };
            self.credits.push(credit);
        }
        let state = if credit_used == owed { InvoiceState::Paid } else { InvoiceState::Open };
        let is = TrueInvoice {
            id,
            number: None,
            subscription: Some(subscription),
            state,
            net: owed,
            tax: zero,
            issued_at: draft.at,
            due_at: days(draft.at, PAY_DAYS),
            failed: false,
            credit_used,
            payments: Vec::new(),
            page_url: None,
            pdf_url: None,
        };
        self.bills.push(Bill { is, lines: draft.lines, off, period: draft.period });
        Ok(())
    }

    /// Credit that no invoice used yet.
    fn credit_left(&self, currency: crate::Currency) -> Result<Money, Failure> {
        let given = self.credits.iter().map(|credit| credit.net).filter(|net| net.currency() == currency);
        let used = self.bills.iter().map(|bill| bill.is.credit_used.negated()).filter(|m| m.currency() == currency);
        let left = sum(currency, given.chain(used)).map_err(wrong)?;
        Ok(if left.is_negative() { Money::zero(currency) } else { left })
    }

    /// Whose invoices are late is past due.
    fn late(&mut self, now: Timestamp) {
        for sold in &mut self.sold {
            let is_late = |bill: &Bill| {
                bill.is.subscription.as_ref() == Some(&sold.is.id)
                    && bill.is.state == InvoiceState::Open
                    && bill.is.due_at < now
            };
            let late = self.bills.iter().any(is_late);
            sold.is.status = match sold.is.status {
                Status::Active | Status::PastDue if late => Status::PastDue,
                Status::PastDue => Status::Active,
                other => other,
            };
        }
    }

    pub fn truth(self) -> Truth {
        Truth {
            card: None,
            subscriptions: self.sold.into_iter().map(|sold| sold.is).collect(),
            invoices: self.bills.into_iter().map(|bill| bill.is).collect(),
            credits: self.credits,
        }
    }

    fn position(&self, subscription: &str) -> Result<usize, Failure> {
        self.sold.iter().position(|sold| sold.is.id == subscription).ok_or_else(gone)
    }

    fn live(&self, subscription: &str) -> Result<&Sold, Failure> {
        let sold = self.sold.iter().find(|sold| sold.is.id == subscription).ok_or_else(gone)?;
        if sold.is.status.is_live() { Ok(sold) } else { Err(refused("It has ended")) }
    }
}

/// What of an invoice was not paid, by credit or money.
pub(super) fn open_of(invoice: &TrueInvoice) -> Result<Money, Failure> {
    let paid = invoice.payments.iter().map(|payment| payment.amount.negated());
    let all = [invoice.net, invoice.tax, invoice.credit_used.negated()].into_iter().chain(paid);
    sum(invoice.net.currency(), all).map_err(wrong)
}

fn over(is: &mut TrueSubscription, at: Timestamp) {
    is.status = Status::Cancelled;
    is.ended_at = Some(at);
}

fn choice(wanted: &Wanted) -> Choice {
    Choice {
        plan: wanted.plan.clone(),
        items: wanted.items.clone(),
        currency: wanted.currency,
        interval: wanted.interval,
    }
}

/// None of quantity 0.
fn bought(wanted: &Wanted) -> Vec<crate::Item> {
    wanted.items.iter().filter(|item| item.quantity > 0).cloned().collect()
}

fn days(at: Timestamp, days: u64) -> Timestamp {
    at.plus(Duration::from_secs(days * 86_400))
}

fn wrong(error: crate::Error) -> Failure {
    refused(&error.to_string())
}

#[cfg(test)]
mod tests;
