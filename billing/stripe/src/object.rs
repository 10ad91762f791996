//! SUMMARY    Stripe's objects: only the fields that are read.
//! INVARIANTS What Stripe adds to an object changes nothing here; a field that may be missing is an option.

use crate::{call::Call, payments::Stripe};
use billing::{Failure, FailureKind};
use serde::{Deserialize, de::DeserializeOwned};
use std::collections::BTreeMap;

/// Objects on one page of a list: the most that Stripe gives.
const PAGE: usize = 100;
/// Pages of one list that are read: 100,000 objects of one customer.
pub const PAGES_MAX: usize = 1_000;

#[derive(Deserialize)]
pub struct List<T> {
    pub data: Vec<T>,
    #[serde(default)]
    pub has_more: bool,
}

/// An object, or its id where it was not expanded.
#[derive(Deserialize)]
#[serde(untagged)]
pub enum Ref<T> {
    Id(String),
    Full(T),
}

pub trait Object {
    fn id(&self) -> &str;
}

macro_rules! object {
    ($($name:ident),*) => { $(impl Object for $name { fn id(&self) -> &str { &self.id } })* };
}
object!(
    Subscription,
    SubscriptionItem,
    Invoice,
    InvoiceItem,
    Charge,
    Refund,
    Dispute,
    Balance,
    TaxId,
    InvoicePayment,
    Price
);

#[derive(Deserialize)]
pub struct Customer {
    #[serde(default)]
    pub deleted: bool,
    pub invoice_settings: Option<InvoiceSettings>,
}

#[derive(Deserialize)]
pub struct InvoiceSettings {
    pub default_payment_method: Option<Ref<PaymentMethod>>,
}

#[derive(Deserialize)]
pub struct PaymentMethod {
    pub id: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub card: Option<Card>,
    pub sepa_debit: Option<Debit>,
}

#[derive(Deserialize)]
pub struct Card {
    pub brand: String,
    pub last4: String,
}

#[derive(Deserialize)]
pub struct Debit {
    pub last4: Option<String>,
}

#[derive(Deserialize)]
pub struct Named {
    pub id: String,
}

#[derive(Deserialize)]
pub struct TaxId {
    pub id: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub value: String,
}

#[derive(Deserialize)]
pub struct Price {
    pub id: String,
    pub lookup_key: Option<String>,
    pub unit_amount: Option<i64>,
    pub recurring: Option<Recurring>,
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
}

/// What was added to an invoice, or to the next one.
#[derive(Deserialize)]
pub struct InvoiceItem {
    pub id: String,
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
}

#[derive(Deserialize)]
pub struct Recurring {
    pub interval: String,
}

#[derive(Deserialize)]
pub struct Session {
    pub id: String,
    pub url: Option<String>,
    pub status: Option<String>,
    pub expires_at: i64,
}

#[derive(Deserialize)]
pub struct PortalSession {
    pub url: String,
}

#[derive(Deserialize)]
pub struct Subscription {
    pub id: String,
    pub customer: Ref<Named>,
    pub status: String,
    pub created: i64,
    pub currency: String,
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
    pub items: List<SubscriptionItem>,
    pub trial_end: Option<i64>,
    pub cancel_at: Option<i64>,
    #[serde(default)]
    pub cancel_at_period_end: bool,
    pub ended_at: Option<i64>,
    pub default_payment_method: Option<Ref<PaymentMethod>>,
}

#[derive(Deserialize)]
pub struct SubscriptionItem {
    pub id: String,
    pub price: Price,
    pub quantity: Option<u64>,
    pub current_period_start: i64,
    pub current_period_end: i64,
}

#[derive(Deserialize)]
pub struct Invoice {
    pub id: String,
    pub customer: Option<Ref<Named>>,
    pub number: Option<String>,
    pub status: Option<String>,
    pub created: i64,
    pub due_date: Option<i64>,
    /// Whether Stripe goes on with it by itself.
    #[serde(default)]
    pub auto_advance: Option<bool>,
    pub currency: String,
    pub total: i64,
    pub total_excluding_tax: Option<i64>,
    #[serde(default)]
    pub attempted: bool,
    #[serde(default)]
    pub attempt_count: u64,
    pub status_transitions: Option<InvoiceTimes>,
    pub parent: Option<Parent>,
    pub payments: Option<List<InvoicePayment>>,
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
    pub hosted_invoice_url: Option<String>,
    pub invoice_pdf: Option<String>,
}

/// An invoice that is only reckoned up has no id.
#[derive(Deserialize)]
pub struct PreviewInvoice {
    pub currency: String,
    pub total: i64,
    pub total_excluding_tax: Option<i64>,
}

#[derive(Deserialize)]
pub struct InvoiceTimes {
    pub finalized_at: Option<i64>,
}

#[derive(Deserialize)]
pub struct Parent {
    pub subscription_details: Option<SubscriptionDetails>,
}

#[derive(Deserialize)]
pub struct SubscriptionDetails {
    pub subscription: Option<Ref<Named>>,
}

#[derive(Deserialize)]
pub struct InvoicePayment {
    pub id: String,
    pub status: String,
    pub amount_paid: Option<i64>,
    pub created: i64,
    pub payment: PaidBy,
    pub status_transitions: Option<PaymentTimes>,
}

#[derive(Deserialize)]
pub struct PaymentTimes {
    pub paid_at: Option<i64>,
}

#[derive(Deserialize)]
pub struct PaidBy {
    pub payment_intent: Option<Ref<Named>>,
    pub charge: Option<Ref<Named>>,
}

#[derive(Deserialize)]
pub struct Charge {
    pub id: String,
    pub status: String,
    pub amount: i64,
    pub currency: String,
    pub created: i64,
    /// Of the payment intent that it is of.
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
    pub payment_intent: Option<Ref<Named>>,
    #[serde(default)]
    pub amount_refunded: i64,
    #[serde(default)]
    pub disputed: bool,
}

#[derive(Deserialize)]
pub struct Refund {
    pub id: String,
    pub amount: i64,
    pub currency: String,
    pub created: i64,
    pub status: Option<String>,
}

#[derive(Deserialize)]
pub struct Dispute {
    pub id: String,
    pub amount: i64,
    pub currency: String,
    pub created: i64,
    pub status: String,
}

/// A transaction of a customer's balance; below zero the customer is given something.
#[derive(Deserialize)]
pub struct Balance {
    pub id: String,
    pub amount: i64,
    pub currency: String,
    pub created: i64,
    #[serde(rename = "type")]
    pub kind: String,
    pub invoice: Option<Ref<Named>>,
}

impl Customer {
    /// What the customer pays with: that of a subscription before its own, and that of one that has ended where there is no other.
    pub fn pays_with<'a>(&'a self, subscriptions: &'a [Subscription]) -> Option<&'a Ref<PaymentMethod>> {
        let own = || self.invoice_settings.as_ref().and_then(|settings| settings.default_payment_method.as_ref());
        let live = subscriptions.iter().filter(|s| s.ended_at.is_none());
        let of_live = live.filter_map(|s| s.default_payment_method.as_ref()).next();
        // Newest first, as Stripe lists them.
        let of_any = || subscriptions.iter().find_map(|s| s.default_payment_method.as_ref());
        of_live.or_else(own).or_else(of_any)
    }
}

impl Ref<Named> {
    pub fn name(&self) -> &str {
        match self {
            Ref::Id(id) => id,
            Ref::Full(named) => &named.id,
        }
    }
}

impl Ref<PaymentMethod> {
    pub fn name(&self) -> &str {
        match self {
            Ref::Id(id) => id,
            Ref::Full(method) => &method.id,
        }
    }

    /// As `visa 4242`; `None` for one that was not expanded.
    pub fn shown(&self) -> Option<String> {
        let Ref::Full(method) = self else { return None };
        if let Some(card) = &method.card {
            return Some(format!("{} {}", card.brand, card.last4));
        }
        let last = method.sepa_debit.as_ref().and_then(|debit| debit.last4.clone());
        Some(last.map_or(method.kind.clone(), |last| format!("{} {last}", method.kind)))
    }
}

impl Stripe {
    /// All of a list, page by page, newest first. Errors: `Refused` beyond PAGES_MAX.
    pub(crate) async fn all<T: Object + DeserializeOwned>(&self, list: Call) -> Result<Vec<T>, Failure> {
        let mut out: Vec<T> = Vec::new();
        for _ in 0..PAGES_MAX {
            let page = list.clone().with("limit", PAGE).maybe("starting_after", out.last().map(Object::id));
            let page: List<T> = self.ask(page).await?;
            let is_last = !page.has_more || page.data.is_empty();
            out.extend(page.data);
            if is_last {
                return Ok(out);
            }
        }
        Err(Failure::new(FailureKind::Refused, format!("{}: beyond PAGES_MAX ({PAGES_MAX})", list.path)))
    }
}
