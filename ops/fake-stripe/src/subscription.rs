//! SUMMARY    Subscriptions: how they begin, renew, fall behind and end.
//! INVARIANTS Periods follow on one another from the anchor without a gap.

use crate::{
    clock::next_period,
    invoice::{DAY_SECS, DRAFT_SECS},
    kept::{Word, word},
    list::whole,
    model::Model,
    payment::Method,
    problem::Problem,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The first payment of a new subscription is waited for so long.
const INCOMPLETE_SECS: i64 = 23 * 3_600;
/// So long before a trial ends it is told.
pub const TRIAL_NOTICE_SECS: i64 = 3 * DAY_SECS;

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    pub id: String,
    pub price: String,
    pub quantity: u64,
    pub metadata: BTreeMap<String, String>,
    pub created: i64,
}

#[derive(Clone, Serialize, Deserialize)]
pub struct Discount {
    pub coupon: String,
    pub ends: Option<i64>,
    /// It goes with the first invoice that is not of zero.
    pub is_once: bool,
}

#[derive(Clone, Serialize, Deserialize)]
pub struct Subscription {
    pub id: String,
    pub customer: String,
    #[serde(deserialize_with = "word")]
    pub status: Word,
    pub created: i64,
    pub currency: String,
    pub anchor: i64,
    pub period: (i64, i64),
    pub items: Vec<Item>,
    pub metadata: BTreeMap<String, String>,
    pub trial: Option<(i64, i64)>,
    pub trial_told: bool,
    pub ends_with_period: bool,
    pub canceled_at: Option<i64>,
    pub ended_at: Option<i64>,
    pub default_method: Option<String>,
    pub latest_invoice: Option<String>,
    pub discount: Option<Discount>,
    pub automatic_tax: bool,
}

impl Subscription {
    pub fn json(&self, model: &Model) -> Value {
        let items = self.items.iter().map(|item| self.item_json(item, model)).collect();
        json!({
            "id": self.id, "object": "subscription", "customer": self.customer, "status": self.status, "created": self.created,
            "start_date": self.created, "currency": self.currency, "billing_cycle_anchor": self.anchor, "metadata": self.metadata,
            "items": whole(format!("/v1/subscription_items?subscription={}", self.id), items),
            "trial_start": self.trial.map(|(start, _)| start), "trial_end": self.trial.map(|(_, end)| end),
            "cancel_at_period_end": self.ends_with_period, "canceled_at": self.canceled_at, "ended_at": self.ended_at,
            "cancel_at": self.ends_with_period.then_some(self.period.1), "collection_method": "charge_automatically",
            "default_payment_method": self.default_method, "latest_invoice": self.latest_invoice, "livemode": false,
            "automatic_tax": { "enabled": self.automatic_tax }, "billing_mode": { "type": "classic" },
            "discounts": self.discount.iter().map(|d| format!("di_{}", d.coupon)).collect::<Vec<_>>(),
        })
    }

    pub fn item_json(&self, item: &Item, model: &Model) -> Value {
        json!({
            "id": item.id, "object": "subscription_item", "subscription": self.id, "quantity": item.quantity,
            "price": model.prices.get(&item.price).map(|price| price.json()), "metadata": item.metadata, "created": item.created,
            "current_period_start": self.period.0, "current_period_end": self.period.1,
        })
    }
}

impl Model {
    pub(crate) fn tell_subscription(&mut self, kind: &str, id: &str) {
        let json = self.object(id).unwrap_or_default();
        self.emit(kind, json);
    }

    /// Begins it: with a trial, or with an invoice that is to be paid at once.
    pub(crate) fn begin(&mut self, mut new: Subscription, method: Option<Method>) -> Result<String, Problem> {
        new.id = self.id("sub");
        let id = new.id.clone();
        if let Some(customer) = self.customers.get_mut(&new.customer) {
            customer.currency.get_or_insert_with(|| new.currency.clone());
        }
        let lines = if new.trial.is_some() { Vec::new() } else { self.period_lines(&new.items, new.period) };
        new.status = if new.trial.is_some() { "trialing" } else { "incomplete" };
        self.subscriptions.insert(id.clone(), new.clone());
        self.tell_subscription("customer.subscription.created", &id);
        let invoice = self.reckon_up(&new.customer, Some(&new), lines, "subscription_create");
        let invoice = self.keep_draft(invoice);
        self.finalize(&invoice);
        if self.invoices.get(&invoice).is_some_and(|invoice| invoice.status == "open") {
            self.try_to_pay(&invoice, method)?;
        }
        Ok(id)
    }

    fn set_status(&mut self, id: &str, status: &'static str) {
        if let Some(subscription) = self.subscriptions.get_mut(id).filter(|s| s.status != status) {
            subscription.status = status;
            self.tell_subscription("customer.subscription.updated", id);
        }
    }

    pub(crate) fn invoice_was_paid(&mut self, id: &str, invoice: &str, total: i64) {
        let Some(subscription) = self.subscriptions.get_mut(id) else { return };
        if total > 0 && subscription.discount.as_ref().is_some_and(|discount| discount.is_once) {
            subscription.discount = None;
        }
        let is_latest = subscription.latest_invoice.as_deref() == Some(invoice);
        if is_latest && ["incomplete", "past_due", "unpaid"].contains(&subscription.status) {
            self.set_status(id, "active");
        }
    }

    pub(crate) fn invoice_was_not_paid(&mut self, id: &str, given_up: bool) {
        let live = self.subscriptions.get(id).is_some_and(|s| ["active", "past_due"].contains(&s.status));
        if live {
            self.set_status(id, if given_up { "unpaid" } else { "past_due" });
        }
    }

    /// Ends it at once.
    pub(crate) fn cancel(&mut self, id: &str) {
        let now = self.now;
        let Some(subscription) = self.subscriptions.get_mut(id) else { return };
        (subscription.status, subscription.ended_at) = ("canceled", Some(now));
        subscription.canceled_at.get_or_insert(now);
        for invoice in self.invoices.values_mut().filter(|invoice| invoice.subscription.as_deref() == Some(id)) {
            (invoice.next_attempt, invoice.finalizes_at) = (None, None);
        }
        self.tell_subscription("customer.subscription.deleted", id);
    }

    /// An invoice of the items that wait for one of its own, where no period follows.
    pub(crate) fn invoice_waiting(&mut self, subscription: &Subscription) {
        let waits = |item: &crate::balance::InvoiceItem| {
            item.invoice.is_none() && item.subscription.as_ref() == Some(&subscription.id)
        };
        if !self.invoice_items.values().any(waits) {
            return;
        }
        let invoice = self.reckon_up(&subscription.customer, Some(subscription), Vec::new(), "subscription_cycle");
        let invoice = self.keep_draft(invoice);
        self.finalize(&invoice);
        self.collect(&invoice);
    }

    /// When something of it is due next.
    pub(crate) fn next_of(&self, subscription: &Subscription) -> Option<i64> {
        if subscription.ended_at.is_some() {
            return None;
        }
        if subscription.status == "incomplete" {
            return Some(subscription.created + INCOMPLETE_SECS);
        }
        let told = subscription.trial.filter(|_| !subscription.trial_told && subscription.status == "trialing");
        let notice = told.map(|(start, end)| (end - TRIAL_NOTICE_SECS).max(start));
        Some(notice.map_or(subscription.period.1, |notice| notice.min(subscription.period.1)))
    }

    /// Does what is due of it.
    pub(crate) fn go_on(&mut self, id: &str) {
        let Some(mut subscription) = self.subscriptions.get(id).cloned() else { return };
        if subscription.status == "incomplete" {
            return self.expire_incomplete(id);
        }
        if subscription.status == "trialing" && !subscription.trial_told && self.now < subscription.period.1 {
            subscription.trial_told = true;
            self.subscriptions.insert(id.to_owned(), subscription);
            return self.tell_subscription("customer.subscription.trial_will_end", id);
        }
        if subscription.ends_with_period {
            self.invoice_waiting(&subscription);
            return self.cancel(id);
        }
        if subscription.status == "trialing" {
            (subscription.status, subscription.anchor) = ("active", subscription.period.1);
        }
        subscription.period = next_period(subscription.anchor, self.months(&subscription), subscription.period.1);
        let lines = self.period_lines(&subscription.items, subscription.period);
        let mut invoice = self.reckon_up(&subscription.customer, Some(&subscription), lines, "subscription_cycle");
        // Of one that is unpaid, invoices stay drafts until somebody finalizes and pays them: the last one makes it active again.
        invoice.finalizes_at = (subscription.status != "unpaid").then_some(self.now + DRAFT_SECS);
        self.subscriptions.insert(id.to_owned(), subscription);
        self.tell_subscription("customer.subscription.updated", id);
        self.keep_draft(invoice);
    }

    fn expire_incomplete(&mut self, id: &str) {
        let now = self.now;
        let Some(subscription) = self.subscriptions.get_mut(id) else { return };
        (subscription.status, subscription.ended_at) = ("incomplete_expired", Some(now));
        let invoice = subscription.latest_invoice.clone();
        self.tell_subscription("customer.subscription.updated", id);
        if let Some(invoice) = invoice {
            self.void(&invoice);
        }
    }
}
