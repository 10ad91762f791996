//! SUMMARY    Invoices: made, asked for, paid, tried again, given up.
//! INVARIANTS What an invoice asks for is its total, less or plus what the customer's balance gives or wants. Every move of the balance
//!            names its invoice.

use crate::{
    kept::{Word, word},
    list::whole,
    model::Model,
    payment::{Intent, Method},
    problem::Problem,
    subscription::Subscription,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub const DAY_SECS: i64 = 86_400;
/// A renewal's invoice stays a draft for an hour.
pub const DRAFT_SECS: i64 = 3_600;
/// Days after the first failure on which a payment is tried again.
const RETRY_DAYS: [i64; 3] = [3, 5, 7];
/// Stripe charges no less: it is put on the balance.
pub(crate) const CHARGE_MIN: i64 = 50;

#[derive(Clone, Serialize, Deserialize)]
pub struct Line {
    pub amount: i64,
    pub description: String,
    pub quantity: u64,
    pub price: Option<String>,
    pub proration: bool,
    pub period: (i64, i64),
    /// The invoice item that it comes from.
    pub item: Option<String>,
}

#[derive(Clone, Serialize, Deserialize)]
pub struct Payment {
    pub id: String,
    pub intent: String,
    pub amount: i64,
    pub created: i64,
    pub paid_at: Option<i64>,
}

#[derive(Clone, Serialize, Deserialize)]
pub struct Invoice {
    pub id: String,
    pub number: Option<String>,
    pub customer: String,
    pub subscription: Option<String>,
    pub currency: String,
    #[serde(deserialize_with = "word")]
    pub reason: Word,
    #[serde(deserialize_with = "word")]
    pub status: Word,
    pub created: i64,
    pub period: (i64, i64),
    pub lines: Vec<Line>,
    pub off: i64,
    pub tax: i64,
    pub starting_balance: i64,
    pub ending_balance: Option<i64>,
    pub amount_due: i64,
    pub attempts: u64,
    /// How many of RETRY_DAYS were used, from the first failure.
    pub retries: usize,
    pub failed_at: Option<i64>,
    pub next_attempt: Option<i64>,
    pub finalizes_at: Option<i64>,
    pub finalized_at: Option<i64>,
    pub paid_at: Option<i64>,
    pub voided_at: Option<i64>,
    pub given_up_at: Option<i64>,
    pub payments: Vec<Payment>,
    pub metadata: BTreeMap<String, String>,
}

impl Invoice {
    pub fn subtotal(&self) -> i64 {
        self.lines.iter().map(|line| line.amount).sum()
    }

    pub fn net(&self) -> i64 {
        self.subtotal() - self.off
    }

    pub fn total(&self) -> i64 {
        self.net() + self.tax
    }

    pub fn paid(&self) -> i64 {
        self.payments.iter().filter(|payment| payment.paid_at.is_some()).map(|payment| payment.amount).sum()
    }

    pub fn payments_json(&self) -> Value {
        whole(format!("/v1/invoice_payments?invoice={}", self.id), self.payments.iter().map(|p| p.json(self)).collect())
    }

    pub fn json(&self, model: &Model) -> Value {
        let url = |end: &str| self.finalized_at.map(|_| format!("{}/invoice/{}{end}", model.base_url, self.id));
        let id = if self.id.is_empty() { Value::Null } else { json!(self.id) };
        let mut out = json!({
            "id": id, "object": "invoice", "number": self.number, "customer": self.customer, "currency": self.currency,
            "status": self.status, "billing_reason": self.reason, "created": self.created, "livemode": false,
            "collection_method": "charge_automatically", "due_date": null, "metadata": self.metadata,
            "period_start": self.period.0, "period_end": self.period.1, "subtotal": self.subtotal(),
            "subtotal_excluding_tax": self.subtotal(), "total": self.total(), "total_excluding_tax": self.net(),
            "total_taxes": if self.tax == 0 { json!([]) } else { json!([{ "amount": self.tax, "tax_behavior": "exclusive" }]) },
            "total_discount_amounts": if self.off == 0 { json!([]) } else { json!([{ "amount": self.off }]) },
            "starting_balance": self.starting_balance, "ending_balance": self.ending_balance,
        });
        let rest = json!({
            "amount_due": self.amount_due, "amount_paid": self.paid(), "amount_remaining": self.amount_due - self.paid(),
            "attempted": self.attempts > 0, "attempt_count": self.attempts, "next_payment_attempt": self.next_attempt,
            "auto_advance": self.finalizes_at.is_some() || self.next_attempt.is_some(),
            "hosted_invoice_url": url(""), "invoice_pdf": url("/pdf"), "lines": self.lines_json(),
            "parent": self.subscription.as_ref().map(|id| {
                json!({ "type": "subscription_details", "subscription_details": { "subscription": id } })
            }),
            "status_transitions": { "finalized_at": self.finalized_at, "paid_at": self.paid_at,
                                    "voided_at": self.voided_at, "marked_uncollectible_at": self.given_up_at },
        });
        if let (Some(map), Value::Object(rest)) = (out.as_object_mut(), rest) {
            map.extend(rest);
        }
        out
    }

    fn lines_json(&self) -> Value {
        let line = |(n, line): (usize, &Line)| {
            json!({
                "id": format!("il_{}_{n}", self.id), "object": "line_item", "amount": line.amount, "currency": self.currency,
                "description": line.description, "quantity": line.quantity, "invoice": self.id,
                "period": { "start": line.period.0, "end": line.period.1 },
                "pricing": line.price.as_ref().map(|id| json!({ "type": "price_details", "price_details": { "price": id } })),
                "parent": { "type": if line.item.is_some() { "invoice_item_details" } else { "subscription_item_details" },
                            "subscription_item_details": { "proration": line.proration } },
            })
        };
        whole(format!("/v1/invoices/{}/lines", self.id), self.lines.iter().enumerate().map(line).collect())
    }
}

impl Payment {
    pub fn json(&self, invoice: &Invoice) -> Value {
        let is_paid = self.paid_at.is_some();
        let status = if is_paid {
            "paid"
        } else if invoice.status == "void" {
            "canceled"
        } else {
            "open"
        };
        json!({
            "id": self.id, "object": "invoice_payment", "invoice": invoice.id, "amount_requested": self.amount,
            "amount_paid": is_paid.then_some(self.amount), "created": self.created, "currency": invoice.currency,
            "is_default": true, "livemode": false, "status": status,
            "payment": { "type": "payment_intent", "payment_intent": self.intent },
            "status_transitions": { "paid_at": self.paid_at, "canceled_at": invoice.voided_at },
        })
    }
}

impl Model {
    /// An invoice reckoned up, not kept: with the customer's items that wait.
    pub(crate) fn reckon_up(
        &self,
        customer: &str,
        subscription: Option<&Subscription>,
        mut lines: Vec<Line>,
        reason: &'static str,
    ) -> Invoice {
        let of = |item: &&crate::balance::InvoiceItem| {
            let fits = item.subscription.is_none() || item.subscription.as_ref() == subscription.map(|s| &s.id);
            item.invoice.is_none() && item.customer == customer && fits
        };
        let waiting = self.invoice_items.values().filter(of).map(|item| Line {
            amount: item.amount,
            description: item.description.clone().unwrap_or_default(),
            quantity: 1,
            price: None,
            proration: false,
            period: (item.created, item.created),
            item: Some(item.id.clone()),
        });
        lines.extend(waiting);
        let known = self.customers.get(customer);
        let currency = subscription.map(|s| s.currency.clone()).or_else(|| known.and_then(|c| c.currency.clone()));
        let currency = currency.unwrap_or_else(|| "eur".to_owned());
        let sum = lines.iter().map(|line| line.amount).sum();
        let (off, tax) = self.reckon(subscription, sum, &currency);
        let mut invoice = Invoice {
            id: String::new(),
            number: None,
            customer: customer.to_owned(),
            subscription: subscription.map(|s| s.id.clone()),
            currency,
            reason,
            status: "draft",
            created: self.now,
            period: subscription.map_or((self.now, self.now), |s| s.period),
            lines,
            off,
            tax,
            starting_balance: known.map_or(0, |c| c.balance),
            ending_balance: None,
            amount_due: 0,
            attempts: 0,
            retries: 0,
            failed_at: None,
            next_attempt: None,
            finalizes_at: None,
            finalized_at: None,
            paid_at: None,
            voided_at: None,
            given_up_at: None,
            payments: Vec::new(),
            metadata: BTreeMap::new(),
        };
        invoice.amount_due = due(invoice.total(), invoice.starting_balance).0;
        invoice
    }

    /// Keeps it as a draft, and takes the items that waited for it.
    pub(crate) fn keep_draft(&mut self, invoice: Invoice) -> String {
        let id = self.id("in");
        for item in invoice.lines.iter().filter_map(|line| line.item.as_ref()) {
            if let Some(item) = self.invoice_items.get_mut(item) {
                item.invoice = Some(id.clone());
            }
        }
        if let Some(subscription) = invoice.subscription.as_ref().and_then(|id| self.subscriptions.get_mut(id)) {
            subscription.latest_invoice = Some(id.clone());
        }
        self.invoices.insert(id.clone(), Invoice { id: id.clone(), ..invoice });
        self.tell_invoice("invoice.created", &id);
        id
    }

    fn tell_invoice(&mut self, kind: &str, id: &str) {
        let json = self.object(id).unwrap_or_default();
        self.emit(kind, json);
    }

    /// Asks for it: it gets a number, and takes from the balance or gives to it.
    pub(crate) fn finalize(&mut self, id: &str) {
        let Some(mut invoice) = self.invoices.get(id).filter(|i| i.status == "draft").cloned() else { return };
        let of_customer =
            self.invoices.values().filter(|i| i.customer == invoice.customer && i.number.is_some()).count();
        let prefix: String = invoice.customer.chars().rev().take(6).collect::<Vec<_>>().into_iter().rev().collect();
        invoice.number = Some(format!("FAKE{prefix}-{:04}", of_customer + 1));
        (invoice.status, invoice.finalized_at, invoice.finalizes_at) = ("open", Some(self.now), None);
        invoice.starting_balance = self.customers.get(&invoice.customer).map_or(0, |c| c.balance);
        let (amount_due, moved) = due(invoice.total(), invoice.starting_balance);
        invoice.amount_due = amount_due;
        if moved != 0 {
            self.move_balance(&invoice.customer, moved, &invoice.currency, "applied_to_invoice", Some(id));
        }
        if (1..CHARGE_MIN).contains(&amount_due) {
            self.move_balance(&invoice.customer, amount_due, &invoice.currency, "invoice_too_small", Some(id));
            invoice.amount_due = 0;
        }
        invoice.ending_balance = self.customers.get(&invoice.customer).map(|c| c.balance);
        if invoice.amount_due > 0 {
            let intent = Intent {
                id: self.id("pi"),
                customer: invoice.customer.clone(),
                amount: invoice.amount_due,
                currency: invoice.currency.clone(),
                status: "requires_payment_method",
                latest_charge: None,
                method: None,
                created: self.now,
                metadata: BTreeMap::new(),
            };
            let payment = Payment {
                id: self.id("inpay"),
                intent: intent.id.clone(),
                amount: intent.amount,
                created: self.now,
                paid_at: None,
            };
            invoice.payments.push(payment);
            self.intents.insert(intent.id.clone(), intent);
        }
        let owes = invoice.amount_due > 0;
        self.invoices.insert(id.to_owned(), invoice);
        self.tell_invoice("invoice.finalized", id);
        if !owes {
            self.mark_paid(id);
        }
    }

    /// Paid, and not by a payment that is known here.
    pub(crate) fn paid_elsewhere(&mut self, id: &str) {
        if let Some(invoice) = self.invoices.get_mut(id) {
            invoice.payments.clear();
        }
        self.mark_paid(id);
    }

    fn mark_paid(&mut self, id: &str) {
        let now = self.now;
        let Some(invoice) = self.invoices.get_mut(id) else { return };
        (invoice.status, invoice.paid_at, invoice.next_attempt) = ("paid", Some(now), None);
        if let Some(payment) = invoice.payments.last_mut() {
            payment.paid_at = Some(now);
        }
        let (subscription, total) = (invoice.subscription.clone(), invoice.total());
        self.tell_invoice("invoice.paid", id);
        self.tell_invoice("invoice.payment_succeeded", id);
        if let Some(subscription) = subscription {
            self.invoice_was_paid(&subscription, id, total);
        }
    }

    /// The card that an invoice is paid with.
    pub(crate) fn card_for(&self, invoice: &Invoice) -> Option<Method> {
        let own = invoice
            .subscription
            .as_ref()
            .and_then(|id| self.subscriptions.get(id))
            .and_then(|s| s.default_method.clone());
        let general = || self.customers.get(&invoice.customer).and_then(|c| c.default_method.clone());
        own.or_else(general).and_then(|id| self.methods.get(&id)).cloned()
    }

    /// Tries to have it paid. Errors: declined, no card.
    pub(crate) fn try_to_pay(&mut self, id: &str, method: Option<Method>) -> Result<(), Problem> {
        let invoice = self.invoices.get(id).cloned().ok_or_else(|| Problem::gone("invoice", id))?;
        let method = method.or_else(|| self.card_for(&invoice));
        let Some(method) = method else {
            self.failed(id);
            let text = "There is no `default_payment_method` set on this Customer or Invoice.";
            return Err(Problem::coded("invoice_payment_intent_requires_action", "", text));
        };
        let Some(payment) = invoice.payments.last() else { return Ok(()) };
        match self.charge_card(&payment.intent, &method) {
            None => {
                if let Some(invoice) = self.invoices.get_mut(id) {
                    invoice.attempts += 1;
                }
                self.mark_paid(id);
                Ok(())
            }
            Some(decline) => {
                self.failed(id);
                Err(Problem::declined(decline))
            }
        }
    }

    fn failed(&mut self, id: &str) {
        if let Some(invoice) = self.invoices.get_mut(id) {
            invoice.attempts += 1;
        }
        self.tell_invoice("invoice.payment_failed", id);
    }

    /// Tries by itself, and again on RETRY_DAYS; then it gives up.
    pub(crate) fn collect(&mut self, id: &str) {
        if self.invoices.get(id).is_none_or(|invoice| invoice.status != "open") || self.try_to_pay(id, None).is_ok() {
            return;
        }
        let now = self.now;
        let Some(invoice) = self.invoices.get_mut(id) else { return };
        let first = *invoice.failed_at.get_or_insert(now);
        invoice.next_attempt = RETRY_DAYS.get(invoice.retries).map(|days| first + days * DAY_SECS);
        invoice.retries += 1;
        let (given_up, subscription) = (invoice.next_attempt.is_none(), invoice.subscription.clone());
        self.tell_invoice("invoice.updated", id);
        if let Some(subscription) = subscription {
            self.invoice_was_not_paid(&subscription, given_up);
        }
    }

    /// Void; what it had of the balance goes back.
    pub(crate) fn void(&mut self, id: &str) {
        let now = self.now;
        let Some(invoice) = self.invoices.get_mut(id) else { return };
        (invoice.status, invoice.voided_at, invoice.next_attempt, invoice.finalizes_at) =
            ("void", Some(now), None, None);
        let (customer, currency) = (invoice.customer.clone(), invoice.currency.clone());
        let moved: i64 = self.balances.values().filter(|b| b.invoice.as_deref() == Some(id)).map(|b| b.amount).sum();
        if moved != 0 {
            self.move_balance(&customer, -moved, &currency, "unapplied_from_invoice", Some(id));
        }
        self.tell_invoice("invoice.voided", id);
    }

    pub(crate) fn give_up(&mut self, id: &str) {
        let now = self.now;
        let Some(invoice) = self.invoices.get_mut(id) else { return };
        (invoice.status, invoice.given_up_at, invoice.next_attempt) = ("uncollectible", Some(now), None);
        self.tell_invoice("invoice.marked_uncollectible", id);
    }
}

/// What is asked for of a total, and how the balance moves.
fn due(total: i64, balance: i64) -> (i64, i64) {
    if total < 0 {
        return (0, total);
    }
    if balance < 0 {
        let used = total.min(-balance);
        return (total - used, used);
    }
    if total > 0 { (total + balance, -balance) } else { (0, 0) }
}
