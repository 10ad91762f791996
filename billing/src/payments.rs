//! SUMMARY    The port to a payment provider: what is asked of it, and what it says is true.
//! STANDARDS  docs/decisions/0034-payments-behind-a-port.md
//! INVARIANTS An implementation decides nothing and keeps nothing. Every call that makes or changes something takes a key that was stored
//!            before it, so that it may be repeated. Only what `truth` gives is believed: an event says no more than that there is news.

use crate::{Coupon, Currency, Interval, Item, Money, Period, Plan, Status, money::sum};
use base::{TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use std::{fmt, future::Future, pin::Pin};

/// What becomes of a call.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, Failure>> + Send + 'a>>;

/// Why a call gave nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub kind: FailureKind,
    /// For the log, and for the operator; never for customers.
    pub message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// The provider refuses it, and will again: bad input, a card that was declined.
    Refused,
    /// What it was about is not there.
    Gone,
    /// Not now: asked too often, the provider is down. Nothing was done.
    Busy,
    /// No answer: it may have been done. Repeat it with the same key.
    Unknown,
    /// A webhook that is not the provider's, or is too old.
    Forged,
    /// A webhook that is the provider's, and says nothing that can be read.
    Malformed,
}

impl Failure {
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Failure {
        Failure { kind, message: message.into() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.kind, self.message)
    }
}

impl std::error::Error for Failure {}

/// A customer as it is made at the provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewCustomer {
    pub tenant: TenantId,
    /// Where invoices go: not one of our own mailboxes.
    pub email: String,
    pub name: String,
    /// ISO 3166-1 alpha-2, capital letters.
    pub country: Option<String>,
    /// As `eu_vat:DE123456789`.
    pub tax_ids: Vec<String>,
}

/// What is to be subscribed to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    pub plan: Plan,
    /// As `Plan::bought` completes them.
    pub items: Vec<Item>,
    pub currency: Currency,
    pub interval: Interval,
}

/// A page of the provider's on which a customer pays for a new subscription.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewCheckout {
    pub tenant: TenantId,
    /// The provider's id.
    pub customer: String,
    pub wanted: Wanted,
    pub trial_days: u32,
    pub coupon: Option<(String, Coupon)>,
    /// Where the customer comes back to, paid or not.
    pub success_url: String,
    pub cancel_url: String,
    /// The page ends then (Stripe: 30 minutes to 24 hours).
    pub expires_at: Timestamp,
}

/// Such a page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkout {
    pub id: String,
    /// Empty once it is not open any more.
    pub url: String,
    pub state: CheckoutState,
    pub expires_at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CheckoutState {
    Open,
    Complete,
    Expired,
}

/// When a subscription ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum End {
    /// With what was paid for.
    Period,
    /// At once. What is paid back is another call.
    Now,
}

/// What a change would cost, by the provider's own reckoning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preview {
    /// Due at once, with tax; below zero it is credited.
    pub now: Money,
    /// Of it, tax.
    pub tax: Money,
}

/// What a customer has at the provider: all of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Truth {
    /// What is paid with, for showing: `visa 4242`. `None`: nothing.
    pub card: Option<String>,
    pub subscriptions: Vec<TrueSubscription>,
    pub invoices: Vec<TrueInvoice>,
    pub credits: Vec<TrueCredit>,
}

/// A subscription as the provider has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrueSubscription {
    pub id: String,
    pub family: String,
    pub status: Status,
    pub created_at: Timestamp,
    /// Key and version of the plan.
    pub plan: (String, u32),
    /// By component; none of quantity 0, though `Wanted` may have such.
    pub items: Vec<Item>,
    pub currency: Currency,
    pub interval: Interval,
    pub period: Period,
    pub trial_ends_at: Option<Timestamp>,
    /// It was asked to end then.
    pub ends_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum InvoiceState {
    /// Not asked for yet.
    Draft,
    Open,
    Paid,
    Void,
    /// Given up.
    Uncollectible,
}

/// An invoice as the provider has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrueInvoice {
    pub id: String,
    /// As printed on it; none on a draft.
    pub number: Option<String>,
    pub subscription: Option<String>,
    pub state: InvoiceState,
    /// Without tax. An invoice below zero is credited: its amounts are zero here, and it is among `Truth::credits`.
    pub net: Money,
    pub tax: Money,
    /// When it was asked for.
    pub issued_at: Timestamp,
    /// When it was to be paid.
    pub due_at: Timestamp,
    /// Whether a payment was tried and failed.
    pub failed: bool,
    /// What a credit of the customer's paid of it.
    pub credit_used: Money,
    pub payments: Vec<TruePayment>,
    /// Where the customer sees it, and as PDF.
    pub page_url: Option<String>,
    pub pdf_url: Option<String>,
}

impl TrueInvoice {
    /// What is still to be paid of it. What the bank took back is owed again; what was paid back is not. Errors: `Currency`, `Overflow`.
    pub fn owed(&self) -> crate::Result<Money> {
        let currency = self.net.currency();
        let total = self.net.plus(self.tax)?;
        let paid = sum(currency, self.payments.iter().map(|p| p.amount))?;
        let taken_back =
            sum(currency, self.payments.iter().flat_map(|p| &p.chargebacks).map(|(_, amount, _)| *amount))?;
        let rest = total.minus(self.credit_used)?.minus(paid)?;
        let left = match self.state {
            InvoiceState::Draft | InvoiceState::Void => Money::zero(currency),
            InvoiceState::Open | InvoiceState::Uncollectible => rest.plus(taken_back)?,
            // What paid it may be told nowhere; what came in beyond it made good for what was taken back.
            InvoiceState::Paid if rest.is_negative() => rest.plus(taken_back)?.at_most(total)?,
            InvoiceState::Paid => taken_back.at_most(total)?,
        };
        Ok(if left.is_negative() { Money::zero(currency) } else { left })
    }
}

/// Credit that was given, otherwise than by what an invoice used of it (`TrueInvoice::credit_used`). Below zero it was taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrueCredit {
    pub id: String,
    /// Without tax; all of it when it was given by `Payments::credit`.
    pub net: Money,
    pub tax: Money,
    pub at: Timestamp,
    /// The invoice below zero that it comes from: what was sold is taken back.
    pub invoice: Option<String>,
}

/// Money that came in for an invoice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TruePayment {
    /// What `Payments::refund` takes.
    pub id: String,
    pub amount: Money,
    pub at: Timestamp,
    /// What went back, with the id of each.
    pub refunds: Vec<(String, Money, Timestamp)>,
    /// What the bank took back, with the id of each; gone from here when it was won back.
    pub chargebacks: Vec<(String, Money, Timestamp)>,
}

/// What a webhook says: that something of a customer may have changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heard {
    /// Never the same for two events.
    pub id: String,
    /// The provider's word for it.
    pub kind: String,
    /// `None`: it is about no customer, or names a payment alone.
    pub customer: Option<String>,
    /// The payment that it is about (`TruePayment::id`), where it names one: chargebacks name no customer.
    pub payment: Option<String>,
}

/// A payment provider.
pub trait Payments: Send + Sync + 'static {
    /// As it is stored with each customer: `stripe`.
    fn name(&self) -> &'static str;

    /// Makes a plan's products and prices known, as often as asked.
    fn publish<'a>(&'a self, plan: &'a Plan) -> Answer<'a, ()>;

    fn create_customer<'a>(&'a self, key: &'a str, new: &'a NewCustomer) -> Answer<'a, String>;

    /// Address, name, country and tax ids anew.
    fn update_customer<'a>(&'a self, key: &'a str, customer: &'a str, new: &'a NewCustomer) -> Answer<'a, ()>;

    fn open_checkout<'a>(&'a self, key: &'a str, new: &'a NewCheckout) -> Answer<'a, Checkout>;

    fn checkout<'a>(&'a self, id: &'a str) -> Answer<'a, Checkout>;

    /// Ends a page that is open; one that is not stays as it is.
    fn close_checkout<'a>(&'a self, key: &'a str, id: &'a str) -> Answer<'a, Checkout>;

    /// A page on which a customer changes what it pays with, and comes back.
    fn card_page<'a>(&'a self, key: &'a str, customer: &'a str, back: &'a str) -> Answer<'a, String>;

    /// The provider's own page for customers: invoices, cards (Billing Portal).
    fn customer_page<'a>(&'a self, key: &'a str, customer: &'a str, back: &'a str) -> Answer<'a, String>;

    fn preview<'a>(&'a self, subscription: &'a str, to: &'a Wanted, at: Timestamp) -> Answer<'a, Preview>;

    /// Changes what is subscribed to; the rest of the period is reckoned up and invoiced at once.
    fn change<'a>(&'a self, key: &'a str, subscription: &'a str, to: &'a Wanted, at: Timestamp) -> Answer<'a, ()>;

    fn end<'a>(&'a self, key: &'a str, subscription: &'a str, when: End) -> Answer<'a, ()>;

    /// Takes back that it ends with its period.
    fn resume<'a>(&'a self, key: &'a str, subscription: &'a str) -> Answer<'a, ()>;

    /// Tries once more to have an open invoice paid. `Refused` when the card was declined.
    fn pay<'a>(&'a self, key: &'a str, invoice: &'a str) -> Answer<'a, ()>;

    /// Takes money again for an invoice that was paid and of which the bank took money back: an amount of the invoice's currency, once
    /// under a key, however late it comes again. `Refused` when the card was declined, and when less is owed.
    fn collect<'a>(&'a self, key: &'a str, customer: &'a str, invoice: &'a str, amount: Money) -> Answer<'a, ()>;

    /// What is owed of an invoice came in otherwise: by transfer under this reference, so much, as it was told then. Once under a key.
    fn received<'a>(
        &'a self,
        key: &'a str,
        invoice: &'a str,
        reference: &'a str,
        came: (Money, Timestamp),
    ) -> Answer<'a, ()>;

    /// An invoice that we issue ourselves, as PDF. `Gone` where the provider has a page for it instead.
    fn paper<'a>(&'a self, _invoice: &'a str) -> Answer<'a, Vec<u8>> {
        Box::pin(async { Err(Failure::new(FailureKind::Gone, "the provider has the paper")) })
    }

    fn refund<'a>(&'a self, key: &'a str, payment: &'a str, amount: Money) -> Answer<'a, ()>;

    /// Gives a customer credit for its next invoices.
    fn credit<'a>(&'a self, key: &'a str, customer: &'a str, amount: Money) -> Answer<'a, ()>;

    /// Adds to the next invoice what was used of a metered component in a period: once under a key, however late it comes again.
    fn charge_use<'a>(
        &'a self,
        key: &'a str,
        subscription: &'a str,
        component: &'a str,
        quantity: u64,
        amount: Money,
    ) -> Answer<'a, ()>;

    /// All that a customer has. `Gone` for one that the provider does not know.
    fn truth<'a>(&'a self, customer: &'a str) -> Answer<'a, Truth>;

    /// Reads a webhook: the body as it came, and what came in the header of the signature. `Forged`, `Malformed`.
    fn heard(&self, body: &[u8], signature: &str, now: Timestamp) -> Result<Heard, Failure>;
}
