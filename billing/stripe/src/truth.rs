//! SUMMARY    All that a customer has at Stripe.
//! LIMITS     PAGES_MAX
//! INVARIANTS Lists are read to their end. What has no state or currency that we know is a failure, not a guess. A subscription that none of our
//!            calls made has no plan of ours: it is left out, and logged.

use crate::{
    amount,
    call::{Call, id},
    catalog::COMPONENT,
    object::{Balance, Charge, Customer, Dispute, Invoice, InvoicePayment, Refund, Subscription},
    owed::{received, taken_again},
    payments::Stripe,
    subscription::{FAMILY, PLAN, VERSION},
};
use base::Timestamp;
use billing::{
    Currency, Failure, FailureKind, Interval, InvoiceState, Item, Money, Period, Status, TrueCredit, TrueInvoice,
    TruePayment, TrueSubscription, Truth,
};
use std::collections::BTreeMap;

/// Money that went: id, amount, when.
type Gone = (String, Money, Timestamp);

/// What went back of each payment, by its id.
#[derive(Default)]
struct Back {
    refunds: Vec<Gone>,
    chargebacks: Vec<Gone>,
}

fn unknown(what: &str, value: &str) -> Failure {
    Failure::new(FailureKind::Refused, format!("Stripe says {what} {value:.40?}, which is not known here"))
}

impl Stripe {
    pub(crate) async fn all_of(&self, customer: &str) -> Result<Truth, Failure> {
        let (known, subscriptions) = self.holder(customer).await?;
        let path = format!("/customers/{}", id(customer)?);
        let list = Call::get("/invoices").with("customer", customer).with("expand[]", "data.payments");
        let invoices: Vec<Invoice> = self.all(list).await?;
        let balance: Vec<Balance> = self.all(Call::get(format!("{path}/balance_transactions"))).await?;
        // Disputes and refunds know no customer, so they are asked for charges that have some.
        let charges: Vec<Charge> = self.all(Call::get("/charges").with("customer", customer)).await?;
        let back = self.back(&charges).await?;
        let card = known.pays_with(&subscriptions).and_then(|method| method.shown());
        let mut truth = Truth { card, ..Truth::default() };
        for one in &subscriptions {
            truth.subscriptions.extend(subscription(one)?);
        }
        for invoice in invoices {
            let mut payments = self.payments(&invoice).await?;
            payments.extend(taken_again(&charges, &invoice.id)?);
            payments.extend(received(&invoice)?);
            let used = balance.iter().filter(|b| b.invoice.as_ref().is_some_and(|i| i.name() == invoice.id));
            let used: Vec<&Balance> = used.filter(|b| is_use(b)).collect();
            truth.credits.extend(taken_back(&invoice, &used)?);
            let state = state_of(&invoice, &subscriptions)?;
            truth.invoices.push(true_invoice(&invoice, state, (&used, &payments), &back)?);
        }
        for given in balance.iter().filter(|b| !is_use(b)) {
            truth.credits.push(credit(given)?);
        }
        Ok(truth)
    }

    /// A customer with its subscriptions, and what it pays with.
    pub(crate) async fn holder(&self, customer: &str) -> Result<(Customer, Vec<Subscription>), Failure> {
        let expand = "invoice_settings.default_payment_method";
        let known: Customer =
            self.ask(Call::get(format!("/customers/{}", id(customer)?)).with("expand[]", expand)).await?;
        if known.deleted {
            return Err(Failure::new(FailureKind::Gone, format!("{customer} was deleted at Stripe")));
        }
        let list = Call::get("/subscriptions").with("customer", customer).with("status", "all");
        let mut subscriptions: Vec<Subscription> =
            self.all(list.with("expand[]", "data.default_payment_method")).await?;
        for subscription in &mut subscriptions {
            self.complete(subscription).await?;
        }
        Ok((known, subscriptions))
    }

    /// Refunds and disputes, by payment.
    async fn back(&self, charges: &[Charge]) -> Result<BTreeMap<String, Back>, Failure> {
        let mut out: BTreeMap<String, Back> = BTreeMap::new();
        for charge in charges.iter().filter(|charge| charge.status == "succeeded") {
            let payment = charge.payment_intent.as_ref().map_or(charge.id.as_str(), |intent| intent.name());
            let back = out.entry(payment.to_owned()).or_default();
            if charge.amount_refunded > 0 {
                let all: Vec<Refund> = self.all(Call::get("/refunds").with("charge", &charge.id)).await?;
                let went = |r: &&Refund| !matches!(r.status.as_deref(), Some("failed" | "canceled"));
                for refund in all.iter().filter(went) {
                    let money = amount::read(refund.amount, &refund.currency)?;
                    back.refunds.push((refund.id.clone(), money, Timestamp::from_secs(refund.created)));
                }
            }
            if charge.disputed {
                let all: Vec<Dispute> = self.all(Call::get("/disputes").with("charge", &charge.id)).await?;
                for dispute in all.iter().filter(|dispute| is_taken(&dispute.status)) {
                    let money = amount::read(dispute.amount, &dispute.currency)?;
                    back.chargebacks.push((dispute.id.clone(), money, Timestamp::from_secs(dispute.created)));
                }
            }
        }
        Ok(out)
    }

    /// Payments of an invoice; a list that goes on is read to its end.
    async fn payments(&self, invoice: &Invoice) -> Result<Vec<Paid>, Failure> {
        let read = |payment: &InvoicePayment| paid(payment, &invoice.currency);
        match &invoice.payments {
            Some(list) if !list.has_more => list.data.iter().filter_map(|p| read(p).transpose()).collect(),
            Some(_) | None => {
                let list = Call::get("/invoice_payments").with("invoice", &invoice.id);
                let all: Vec<InvoicePayment> = self.all(list).await?;
                all.iter().filter_map(|p| read(p).transpose()).collect()
            }
        }
    }
}

/// Whether a transaction of the balance is what an invoice used of it, or gave to it. A credit note gives something for an invoice that
/// was paid: that is a credit.
fn is_use(balance: &Balance) -> bool {
    let is_of_page = balance.kind.starts_with("checkout_session_subscription_payment");
    is_of_page || (balance.invoice.is_some() && balance.kind != "credit_note")
}

/// Whether the bank has the money: not when it was won back, not while it only asks.
fn is_taken(status: &str) -> bool {
    !(status == "won" || status == "prevented" || status.starts_with("warning_"))
}

/// Money that came in for an invoice, by the id of its payment.
pub struct Paid {
    pub payment: String,
    pub amount: Money,
    pub at: Timestamp,
}

fn paid(payment: &InvoicePayment, currency: &str) -> Result<Option<Paid>, Failure> {
    let by = payment.payment.payment_intent.as_ref().or(payment.payment.charge.as_ref());
    let (Some(by), "paid", Some(amount)) = (by, payment.status.as_str(), payment.amount_paid) else { return Ok(None) };
    let at = payment.status_transitions.as_ref().and_then(|times| times.paid_at).unwrap_or(payment.created);
    let amount = amount::read(amount, currency)?;
    Ok(Some(Paid { payment: by.name().to_owned(), amount, at: Timestamp::from_secs(at) }))
}

fn status(text: &str) -> Result<Status, Failure> {
    Ok(match text {
        "incomplete" => Status::Incomplete,
        "trialing" => Status::Trialing,
        "active" => Status::Active,
        "past_due" => Status::PastDue,
        // Paused: a trial has ended without a card.
        "unpaid" | "paused" => Status::Unpaid,
        "canceled" | "incomplete_expired" => Status::Cancelled,
        other => return Err(unknown("a subscription is", other)),
    })
}

fn subscription(one: &Subscription) -> Result<Option<TrueSubscription>, Failure> {
    let version = one.metadata.get(VERSION).and_then(|text| text.parse().ok());
    let (Some(family), Some(plan), Some(version), Some(first)) =
        (one.metadata.get(FAMILY), one.metadata.get(PLAN), version, one.items.data.first())
    else {
        tracing::warn!(subscription = one.id, "a subscription at Stripe that Posthouse did not make is left out");
        return Ok(None);
    };
    let interval = match first.price.recurring.as_ref().map(|recurring| recurring.interval.as_str()) {
        Some("month") => Interval::Month,
        Some("year") => Interval::Year,
        other => return Err(unknown("a price recurs by", other.unwrap_or_default())),
    };
    let items = one.items.data.iter().filter_map(|item| {
        let component = item.price.metadata.get(COMPONENT).filter(|c| !c.is_empty())?;
        Some(Item { component: component.clone(), quantity: item.quantity.unwrap_or(1) })
    });
    let at = Timestamp::from_secs;
    let ends = one.cancel_at.or(one.cancel_at_period_end.then_some(first.current_period_end));
    Ok(Some(TrueSubscription {
        id: one.id.clone(),
        family: family.clone(),
        status: status(&one.status)?,
        created_at: at(one.created),
        plan: (plan.clone(), version),
        items: items.filter(|item| item.quantity > 0).collect(),
        currency: amount::currency(&one.currency)?,
        interval,
        period: Period { start: at(first.current_period_start), end: at(first.current_period_end) },
        trial_ends_at: one.trial_end.map(at),
        ends_at: ends.map(at),
        ended_at: one.ended_at.map(at),
    }))
}

fn split(invoice: &Invoice) -> Result<(Money, Money), Failure> {
    let net = invoice.total_excluding_tax.unwrap_or(invoice.total);
    let tax = invoice.total.saturating_sub(net);
    Ok((amount::read(net, &invoice.currency)?, amount::read(tax, &invoice.currency)?))
}

fn issued(invoice: &Invoice) -> i64 {
    invoice.status_transitions.as_ref().and_then(|times| times.finalized_at).unwrap_or(invoice.created)
}

/// The subscription that an invoice is of.
fn subscription_of(invoice: &Invoice) -> Option<&str> {
    let details = invoice.parent.as_ref().and_then(|parent| parent.subscription_details.as_ref());
    details.and_then(|details| details.subscription.as_ref()).map(|subscription| subscription.name())
}

/// Of a subscription that is unpaid Stripe leaves invoices behind as drafts with which it does not go on by itself. They are asked for, and
/// are paid one by one (`pay_invoice`), until the subscription ends: then nobody asks for them any more.
fn state_of(invoice: &Invoice, subscriptions: &[Subscription]) -> Result<InvoiceState, Failure> {
    Ok(match invoice.status.as_deref() {
        Some("draft") | None => {
            let of = subscription_of(invoice).filter(|_| invoice.auto_advance == Some(false));
            match of.and_then(|id| subscriptions.iter().find(|s| s.id == id)) {
                Some(subscription) if subscription.ended_at.is_none() => InvoiceState::Open,
                Some(_) => InvoiceState::Void,
                None => InvoiceState::Draft,
            }
        }
        Some("open") => InvoiceState::Open,
        Some("paid") => InvoiceState::Paid,
        Some("void") => InvoiceState::Void,
        Some("uncollectible") => InvoiceState::Uncollectible,
        Some(other) => return Err(unknown("an invoice is", other)),
    })
}

fn true_invoice(
    invoice: &Invoice,
    state: InvoiceState,
    (used, payments): (&[&Balance], &[Paid]),
    back: &BTreeMap<String, Back>,
) -> Result<TrueInvoice, Failure> {
    let currency: Currency = amount::currency(&invoice.currency)?;
    let nothing = Money::zero(currency);
    let is_credit = invoice.total < 0;
    let (net, tax) = if is_credit { (nothing, nothing) } else { split(invoice)? };
    let used: i64 = used.iter().map(|balance| balance.amount).sum();
    let credit_used = if is_credit { nothing } else { amount::read(used, &invoice.currency)? };
    let is_owed = matches!(state, InvoiceState::Open | InvoiceState::Uncollectible);
    let payment = |paid: &Paid| {
        let back = back.get(&paid.payment);
        let (refunds, chargebacks) = back.map(|b| (b.refunds.clone(), b.chargebacks.clone())).unwrap_or_default();
        TruePayment { id: paid.payment.clone(), amount: paid.amount, at: paid.at, refunds, chargebacks }
    };
    Ok(TrueInvoice {
        id: invoice.id.clone(),
        number: invoice.number.clone().filter(|_| state != InvoiceState::Draft),
        subscription: subscription_of(invoice).map(str::to_owned),
        state,
        net,
        tax,
        issued_at: Timestamp::from_secs(issued(invoice)),
        due_at: Timestamp::from_secs(invoice.due_date.unwrap_or_else(|| issued(invoice))),
        failed: is_owed && invoice.attempted && invoice.attempt_count > 0,
        credit_used,
        payments: payments.iter().map(payment).collect(),
        page_url: invoice.hosted_invoice_url.clone(),
        pdf_url: invoice.invoice_pdf.clone(),
    })
}

/// What an invoice below zero gave to the balance.
fn taken_back(invoice: &Invoice, used: &[&Balance]) -> Result<Option<TrueCredit>, Failure> {
    let (true, Some(first)) = (invoice.total < 0, used.first()) else { return Ok(None) };
    let (net, tax) = split(invoice)?;
    Ok(Some(TrueCredit {
        id: first.id.clone(),
        net: net.negated(),
        tax: tax.negated(),
        at: Timestamp::from_secs(first.created),
        invoice: Some(invoice.id.clone()),
    }))
}

fn credit(given: &Balance) -> Result<TrueCredit, Failure> {
    let net = amount::read(given.amount, &given.currency)?.negated();
    let (tax, at) = (Money::zero(net.currency()), Timestamp::from_secs(given.created));
    Ok(TrueCredit { id: given.id.clone(), net, tax, at, invoice: None })
}
