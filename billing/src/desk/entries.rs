//! SUMMARY    What the provider's truth means for the books: one entry for each fact.
//! STANDARDS  docs/decisions/0032-money-is-decided-in-a-pure-middle.md
//! INVARIANTS The event of an entry is the provider's id of its fact, so that it counts once however often it is told. A fact that the books
//!            refuse is told to the operator and holds nothing up: what a customer may have does not wait for it.

use super::{Billing, store::CustomerRow};
use crate::{Currency, Entry, Fact, InvoiceState, Money, TrueCredit, TrueInvoice, TruePayment, Truth};
use base::{TenantId, Timestamp};
use tenants::{
    Code, Result,
    sql::{Connection, query},
};

/// Entries of a customer in the order in which the books take them: what was asked for before what was paid, what was paid before what
/// went back.
pub(crate) struct Entries {
    tenant: TenantId,
    facts: Vec<(String, Timestamp, Fact)>,
    /// What could not be reckoned.
    wrong: Vec<String>,
}

impl Entries {
    /// Out of what was known of invoices and what is true now.
    pub(crate) fn of(row: &CustomerRow, known: Vec<TrueInvoice>, truth: &Truth, now: Timestamp) -> Entries {
        let mut all = Entries { tenant: row.customer.tenant, facts: Vec::new(), wrong: Vec::new() };
        let asked_for = |i: &&TrueInvoice| i.state != InvoiceState::Draft;
        let invoices: Vec<&TrueInvoice> = truth.invoices.iter().filter(asked_for).collect();
        for invoice in &invoices {
            all.put("invoice", &invoice.id, invoice.issued_at, Fact::Invoiced { net: invoice.net, tax: invoice.tax });
        }
        let (given, taken): (Vec<&TrueCredit>, Vec<&TrueCredit>) =
            truth.credits.iter().partition(|credit| !credit.net.is_negative() && !credit.tax.is_negative());
        given.into_iter().for_each(|credit| all.credit(credit));
        for invoice in &invoices {
            all.put("credit-used", &invoice.id, invoice.issued_at, Fact::CreditUsed { amount: invoice.credit_used });
            for payment in &invoice.payments {
                all.put("payment", &payment.id, payment.at, Fact::Paid { amount: payment.amount });
            }
        }
        taken.into_iter().for_each(|credit| all.credit(credit));
        for old in &known {
            all.won_back(old, truth, now);
        }
        for invoice in &invoices {
            all.went_back(invoice);
        }
        for invoice in &invoices {
            all.given_up(invoice, &known, now);
        }
        all
    }

    /// Nothing is no entry.
    fn put(&mut self, what: &str, id: &str, at: Timestamp, fact: Fact) {
        let is_nothing = match fact {
            Fact::Invoiced { net, tax }
            | Fact::Voided { net, tax }
            | Fact::Refunded { net, tax }
            | Fact::Returned { net, tax } => net.is_zero() && tax.is_zero(),
            Fact::Paid { amount }
            | Fact::Credited { amount }
            | Fact::CreditUsed { amount }
            | Fact::ChargedBack { amount }
            | Fact::WrittenOff { amount }
            | Fact::CreditTaken { amount }
            | Fact::Recovered { amount } => amount.is_zero(),
        };
        if !is_nothing {
            self.facts.push((format!("{what}:{id}"), at, fact));
        }
    }

    fn put_if(&mut self, what: &str, id: &str, at: Timestamp, fact: crate::Result<Fact>) {
        match fact {
            Ok(fact) => self.put(what, id, at, fact),
            Err(error) => self.wrong.push(format!("{what}:{id}: {error}")),
        }
    }

    /// Credit that was given, for what was sold and is taken back or out of goodwill; or taken.
    fn credit(&mut self, credit: &TrueCredit) {
        let fact = credit.net.plus(credit.tax).map(|amount| match (&credit.invoice, amount.is_negative()) {
            (Some(_), false) => Fact::Returned { net: credit.net, tax: credit.tax },
            (None, false) => Fact::Credited { amount },
            (Some(_) | None, true) => Fact::CreditTaken { amount: amount.negated() },
        });
        self.put_if("credit", &credit.id, credit.at, fact);
    }

    /// Charge-backs that were known of an invoice and are not there any more.
    fn won_back(&mut self, old: &TrueInvoice, truth: &Truth, now: Timestamp) {
        let there = |id: &str| {
            let payments = truth.invoices.iter().flat_map(|i| &i.payments);
            payments.flat_map(|p| &p.chargebacks).any(|(chargeback, ..)| chargeback == id)
        };
        let is_there = |payment: &&TruePayment| {
            truth.invoices.iter().flat_map(|i| &i.payments).any(|present| present.id == payment.id)
        };
        for payment in old.payments.iter().filter(is_there) {
            for (id, amount, _) in payment.chargebacks.iter().filter(|(id, ..)| !there(id)) {
                self.put("chargeback-won", id, now, Fact::Paid { amount: *amount });
            }
        }
    }

    /// Refunds, each with its part of the tax, and charge-backs.
    fn went_back(&mut self, invoice: &TrueInvoice) {
        let mut refunds: Vec<_> = invoice.payments.iter().flat_map(|p| &p.refunds).collect();
        refunds.sort_by_key(|(id, _, at)| (*at, id.clone()));
        let mut before = Money::zero(invoice.net.currency());
        for (id, amount, at) in refunds {
            let fact = refunded(invoice, before, *amount);
            self.put_if("refund", id, *at, fact);
            before = before.plus(*amount).unwrap_or(before);
        }
        for (id, amount, at) in invoice.payments.iter().flat_map(|p| &p.chargebacks) {
            self.put("chargeback", id, *at, Fact::ChargedBack { amount: *amount });
        }
    }

    /// What is not owed any more, or is not to be had; and what was after all.
    fn given_up(&mut self, invoice: &TrueInvoice, known: &[TrueInvoice], now: Timestamp) {
        let was = known.iter().find(|old| old.id == invoice.id && old.state == InvoiceState::Uncollectible);
        if let Some(was) = was.filter(|_| invoice.state != InvoiceState::Uncollectible) {
            self.put_if("recovered", &invoice.id, now, owed(was).map(|amount| Fact::Recovered { amount }));
        }
        let owed = owed(invoice);
        match invoice.state {
            InvoiceState::Void => self.put_if("void", &invoice.id, now, owed.and_then(|owed| voided(invoice, owed))),
            InvoiceState::Uncollectible => {
                self.put_if("writeoff", &invoice.id, now, owed.map(|amount| Fact::WrittenOff { amount }));
            }
            InvoiceState::Paid | InvoiceState::Open | InvoiceState::Draft => {}
        }
    }
}

/// What of an invoice was neither paid nor taken from a credit.
fn owed(invoice: &TrueInvoice) -> crate::Result<Money> {
    let total = invoice.net.plus(invoice.tax)?.minus(invoice.credit_used)?;
    let owed = invoice.payments.iter().try_fold(total, |owed, payment| owed.minus(payment.amount))?;
    Ok(if owed.is_negative() { Money::zero(owed.currency()) } else { owed })
}

fn voided(invoice: &TrueInvoice, owed: Money) -> crate::Result<Fact> {
    let tax = part_of_tax(invoice, owed)?;
    Ok(Fact::Voided { net: owed.minus(tax)?, tax })
}

/// A refund after others: together they have the tax of what they come to, to the last minor unit.
fn refunded(invoice: &TrueInvoice, before: Money, amount: Money) -> crate::Result<Fact> {
    let tax = part_of_tax(invoice, before.plus(amount)?)?.minus(part_of_tax(invoice, before)?)?;
    Ok(Fact::Refunded { net: amount.minus(tax)?, tax })
}

/// The tax that is in a part of an invoice.
fn part_of_tax(invoice: &TrueInvoice, part: Money) -> crate::Result<Money> {
    let whole = u64::try_from(invoice.net.plus(invoice.tax)?.minor()).unwrap_or(0);
    let part = u64::try_from(part.minor()).unwrap_or(0).min(whole);
    if whole == 0 { Ok(Money::zero(currency(invoice))) } else { invoice.tax.share(part, whole) }
}

fn currency(invoice: &TrueInvoice) -> Currency {
    invoice.net.currency()
}

impl Billing {
    /// Posts what is not in the books yet.
    pub(crate) async fn write_entries(&self, txn: &mut Connection, entries: Entries) -> Result<()> {
        let mut wrong = entries.wrong;
        for (event, at, fact) in entries.facts {
            let known = query("SELECT 1 AS n FROM ledger_entry WHERE event = $1").bind(&event);
            if known.fetch_optional(&mut *txn).await?.is_some() {
                continue;
            }
            match Entry::new(event.clone(), entries.tenant, at, fact) {
                Err(error) => wrong.push(format!("{event}: {error}")),
                Ok(entry) => match self.post(txn, &entry).await {
                    Ok(_) => {}
                    Err(error) if error.code == Code::Forbidden => wrong.push(format!("{event}: {}", error.message)),
                    Err(error) => return Err(error),
                },
            }
        }
        for what in wrong {
            tracing::error!(tenant = %entries.tenant, what, "the books refuse what a payment provider says");
            metrics::counter!("posthouse_billing_books_refused_total").increment(1);
            self.note_refused(txn, entries.tenant, &what).await?;
        }
        Ok(())
    }

    /// Once for each, though it is told again with every comparison.
    async fn note_refused(&self, txn: &mut Connection, tenant: TenantId, what: &str) -> Result<()> {
        let what = super::call::short(&format!("books: {what}"));
        let known = query("SELECT 1 AS n FROM billing_drift WHERE tenant = $1 AND what = $2")
            .bind(tenant.to_string())
            .bind(&what)
            .fetch_optional(&mut *txn)
            .await?;
        match known {
            Some(_) => Ok(()),
            None => self.note_drift(txn, tenant, &what).await,
        }
    }
}
