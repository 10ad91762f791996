//! SUMMARY    Signups as those see them who sign up.

use crate::{
    sale::BillingInterval,
    scalar::{ByteSize, DateTime},
};
use async_graphql::{Enum, ID, InputObject, SimpleObject};

/// To whom signup is open. More may be added.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "tenants::SignupMode")]
pub enum SignupMode {
    Open,
    /// To who has an invite code.
    Invite,
    Closed,
}

/// Where a signup stands. More may be added.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "tenants::SignupState")]
pub enum SignupState {
    /// It has a name; a contact is next.
    NameHeld,
    /// A code was mailed to the contact.
    Challenged,
    /// A plan is next, and then a password or a page to pay on.
    ContactVerified,
    /// A page to pay on was opened; once it is paid, a password is next.
    CheckoutPending,
    /// It is being made.
    Provisioning,
    Done,
    Abandoned,
    Expired,
}

/// What a seller offers to strangers.
#[derive(SimpleObject)]
pub struct SignupOptions {
    pub seller_id: ID,
    pub mode: SignupMode,
    /// Keys of the plans that are offered, the first one first.
    pub plans: Vec<SignupPlan>,
    /// Domains that give free addresses.
    pub domains: Vec<String>,
}

/// A plan as it is offered by itself, by the month.
#[derive(SimpleObject)]
pub struct SignupPlan {
    pub key: String,
    #[graphql(flatten)]
    pub offer: SignupOffer,
}

/// Something to work on, or to wait for. A proof is `challenge`, a colon and a number, such that the SHA-256 of the whole begins with
/// `bits` zero bits; or `challenge` and `:wait`, after `waitSeconds`. It is good once.
#[derive(SimpleObject)]
pub struct SignupChallenge {
    pub challenge: String,
    pub bits: u32,
    pub wait_seconds: u32,
    pub expires_at: DateTime,
}

impl From<tenants::Challenge> for SignupChallenge {
    fn from(c: tenants::Challenge) -> Self {
        let tenants::Challenge { challenge, bits, wait_seconds, expires_at } = c;
        SignupChallenge { challenge, bits, wait_seconds, expires_at: DateTime(expires_at.0) }
    }
}

/// What a choice comes to.
#[derive(SimpleObject, Clone)]
pub struct SignupOffer {
    pub title: String,
    /// Nothing is to be paid, now or later.
    pub free: bool,
    /// Of each period, without tax, as `3.00 EUR`.
    pub total: String,
    /// The period.
    pub interval: BillingInterval,
    /// Days before the first payment, for who had no trial before; 0: none.
    pub trial_days: u32,
    /// null = unlimited.
    pub mailboxes: Option<u64>,
    pub domains: Option<u64>,
    pub storage_bytes: Option<ByteSize>,
    /// Recipients in a day, once the first weeks are over.
    pub recipients_per_day: Option<u64>,
}

impl From<tenants::Offer> for SignupOffer {
    fn from(offer: tenants::Offer) -> Self {
        SignupOffer {
            title: offer.title,
            free: offer.free,
            total: offer.total,
            interval: if offer.yearly { BillingInterval::Year } else { BillingInterval::Month },
            trial_days: offer.trial_days,
            mailboxes: offer.mailboxes,
            domains: offer.domains,
            storage_bytes: offer.storage_bytes.map(ByteSize),
            recipients_per_day: offer.recipients_per_day,
        }
    }
}

/// A signup, to whoever has its secret.
#[derive(SimpleObject)]
pub struct Signup {
    pub id: ID,
    pub state: SignupState,
    /// On a domain that is offered.
    pub address: Option<String>,
    /// The customer's own.
    pub domain: Option<String>,
    pub contact: Option<String>,
    pub locale: String,
    /// Of the tenant.
    pub name: String,
    /// Key or id of what was chosen.
    pub plan: Option<String>,
    pub offer: Option<SignupOffer>,
    /// Whether a trial was had with this contact.
    pub had_trial: bool,
    pub paid: bool,
    /// Why it came to nothing, or what is missing of what was asked.
    pub outcome: String,
    /// Of the tenant; once it is done.
    pub tenant_id: Option<ID>,
    /// Until when the next step can be done.
    pub expires_at: DateTime,
}

impl From<tenants::Signup> for Signup {
    fn from(s: tenants::Signup) -> Self {
        let is_done = s.state == tenants::SignupState::Done;
        Signup {
            id: ID(s.id),
            state: s.state.into(),
            address: s.address,
            domain: s.domain,
            contact: s.contact,
            locale: s.locale,
            name: s.name,
            plan: s.choice.map(|choice| choice.plan),
            offer: s.offer.map(SignupOffer::from),
            had_trial: s.had_trial,
            paid: s.paid,
            outcome: s.outcome,
            tenant_id: is_done.then(|| ID(s.tenant.to_string())),
            expires_at: DateTime(s.expires_at.0),
        }
    }
}

/// How many of something.
#[derive(InputObject)]
pub struct SignupItemInput {
    pub component: String,
    pub quantity: u64,
}

/// What somebody signs up for.
#[derive(InputObject)]
pub struct SignupChoiceInput {
    /// Key or id of a plan that is offered.
    pub plan: String,
    /// ISO 4217; the first one that the plan is offered in when missing.
    pub currency: Option<String>,
    /// MONTH or YEAR; by the month when missing.
    pub interval: Option<String>,
    #[graphql(default)]
    pub items: Vec<SignupItemInput>,
    pub coupon: Option<String>,
}

impl From<SignupChoiceInput> for tenants::Choice {
    fn from(input: SignupChoiceInput) -> Self {
        let SignupChoiceInput { plan, currency, interval, items, coupon } = input;
        let items = items.into_iter().map(|item| (item.component, item.quantity)).collect();
        tenants::Choice { plan, currency, interval, items, coupon }
    }
}
