//! SUMMARY    What the desk shows and takes.

use crate::{
    CheckoutState, Choice, Coupon, Currency, Discount, Facts, Gift, Inputs, Interval, InvoiceState, Item, Meter, Money,
    Override, Period, Phase, Plan, Policy, Status, TrueInvoice,
};
use base::{TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use tenants::Limits;

/// Who may buy a version of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PlanState {
    /// Every customer, by itself.
    Offered,
    /// Whom the seller gives it to.
    Private,
    /// Nobody new; who has it keeps it.
    Withdrawn,
}

/// A version of a plan as it is sold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanShown {
    /// `pln_…`
    pub id: String,
    pub seller: TenantId,
    pub state: PlanState,
    /// For customers on this price list of the seller; none: for those on none, and for who finds no version of the plan on its own.
    pub price_list: Option<String>,
    pub plan: Plan,
    pub created_at: Timestamp,
    /// Of the row, which only its state changes.
    pub version: i64,
}

/// A plan, or the next version of one: `plan.version` is given by the desk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewPlan {
    pub plan: Plan,
    pub state: PlanState,
    /// For customers on this price list alone.
    pub price_list: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewCoupon {
    /// As customers type it: capital letters, digits, `-`; compared without regard to case.
    pub code: String,
    pub coupon: Coupon,
    /// Keys of the plans it is for; empty: all.
    pub plans: Vec<String>,
    pub redeem_max: Option<u64>,
    pub ends_at: Option<Timestamp>,
}

/// What is missing stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CouponPatch {
    pub disabled: Option<bool>,
    pub redeem_max: Option<Option<u64>>,
    pub ends_at: Option<Option<Timestamp>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CouponShown {
    /// `cpn_…`
    pub id: String,
    pub seller: TenantId,
    pub new: NewCoupon,
    pub redeemed: u64,
    pub disabled: bool,
    pub created_at: Timestamp,
    pub version: i64,
}

/// A tenant as somebody who pays, or could.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Customer {
    pub tenant: TenantId,
    pub seller: TenantId,
    /// Name of the payment provider.
    pub provider: String,
    /// Where invoices and warnings go: not one of its own mailboxes.
    pub email: String,
    pub name: String,
    /// ISO 3166-1 alpha-2, capital letters.
    pub country: Option<String>,
    /// As `eu_vat:DE123456789`.
    pub tax_ids: Vec<String>,
    /// Language tag of its letters.
    pub language: String,
    /// What it pays with, for showing: `visa 4242`.
    pub card: Option<String>,
    pub trial_spent: bool,
    /// The price list of its seller that it buys by.
    pub price_list: Option<String>,
    /// The free plan it has while it pays for none.
    pub free_plan: Option<String>,
    pub phase: Phase,
    pub closed_at: Option<Timestamp>,
    pub synced_at: Option<Timestamp>,
    pub version: i64,
}

/// What is missing stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomerPatch {
    pub email: Option<String>,
    pub name: Option<String>,
    pub country: Option<Option<String>>,
    pub tax_ids: Option<Vec<String>>,
    pub language: Option<String>,
    /// By the seller alone, and only while nothing was bought: `manual` lets it pay by invoice.
    pub provider: Option<String>,
    /// By the seller alone; `Some(None)`: what everybody pays.
    pub price_list: Option<Option<String>>,
}

/// A plan as somebody wants it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// `pln_…`, or the key of a plan that is offered: its newest version.
    pub plan: String,
    /// Components that are left out come with their least.
    pub items: Vec<Item>,
    /// None: the one it has, or the first that the plan is offered in.
    pub currency: Option<Currency>,
    pub interval: Option<Interval>,
    pub coupon: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuoteLine {
    pub title: String,
    /// None: the plan itself.
    pub component: Option<String>,
    pub quantity: u64,
    pub amount: Money,
}

/// What a choice would cost, and what of what is there would be over its limits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    pub plan: PlanShown,
    pub lines: Vec<QuoteLine>,
    /// Due at once, without tax; below zero it is credited.
    pub now: Money,
    /// Each period from the next on, without tax and what is metered.
    pub then: Money,
    pub interval: Interval,
    /// Taken off by the coupon, in the first period.
    pub discount: Option<Discount>,
    /// Days without payment; 0: none.
    pub trial_days: u32,
    /// By the provider's own reckoning, with tax; none where nothing is changed there.
    pub provider_now: Option<Money>,
    pub limits: Limits,
    /// Names of limits that what there is now would be over (T4): it stays, nothing new is made.
    pub over: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckoutShown {
    /// `chk_…`
    pub id: String,
    pub tenant: TenantId,
    /// The provider's page; empty once it is not open any more.
    pub url: String,
    pub state: CheckoutState,
    pub choice: Choice,
    pub expires_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoughtItem {
    pub component: String,
    pub title: String,
    pub quantity: u64,
}

/// A subscription in the mirror.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bought {
    /// The provider's id.
    pub id: String,
    pub tenant: TenantId,
    pub status: Status,
    pub plan: PlanShown,
    pub items: Vec<BoughtItem>,
    pub currency: Currency,
    pub interval: Interval,
    /// Each period, without tax and what is metered.
    pub total: Money,
    pub period: Period,
    pub trial_ends_at: Option<Timestamp>,
    pub ends_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    pub created_at: Timestamp,
}

/// An invoice in the mirror.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvoiceShown {
    pub tenant: TenantId,
    pub invoice: TrueInvoice,
    pub total: Money,
    pub paid: Money,
    pub refunded: Money,
    /// Still to be paid, also of what the bank took back.
    pub owed: Money,
    pub state: InvoiceState,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ConcessionKind {
    Gift(Gift),
    Override(Override),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewConcession {
    pub what: ConcessionKind,
    /// For those who look later.
    pub reason: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Concession {
    /// `ccs_…`
    pub id: String,
    pub tenant: TenantId,
    pub new: NewConcession,
    pub created_at: Timestamp,
    pub ended_at: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageShown {
    pub phase: Phase,
    pub at: Timestamp,
}

/// Where a customer stands, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    pub tenant: TenantId,
    pub phase: Phase,
    /// Those that were and those to come, with their dates.
    pub stages: Vec<StageShown>,
    pub next: Option<StageShown>,
    pub facts: Facts,
    pub policy: Policy,
    pub limits: Limits,
    /// What the limits follow from (S2).
    pub inputs: Option<Inputs>,
    /// The seller has not as much left as was sold.
    pub short: bool,
    /// Open invoices, by currency.
    pub owed: Vec<Money>,
    /// What is charged by use, with what it comes to so far.
    pub metered: Vec<MeteredUse>,
}

/// What was used of a metered component since it was charged last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MeteredUse {
    pub component: String,
    pub title: String,
    pub meter: Meter,
    pub used: u64,
    /// So much of a period costs nothing.
    pub included: u64,
    /// What one price is for.
    pub per: u64,
    pub unit: Money,
    /// What it comes to so far, without tax. What is used in a trial costs nothing.
    pub amount: Money,
    pub since: Timestamp,
    /// The end of the period, shortly before which it is charged.
    pub until: Timestamp,
}

/// What is supposed to happen, for the time machine. Nothing is written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rehearsal {
    /// Days from now to look at.
    pub days: u32,
    /// From this day on (from now) payments fail; none: they go through.
    pub fails_from_day: Option<u32>,
    /// On this day all that is owed is paid, and payments go through again.
    pub pays_on_day: Option<u32>,
    /// On this day its owner closes it.
    pub closes_on_day: Option<u32>,
    /// None: the policy in force.
    pub policy: Option<Policy>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RehearsalStep {
    pub at: Timestamp,
    pub phase: Phase,
    /// What happens then, as a stable word: `PAYMENT_DUE`, `PAYMENT_FAILED`, `LETTER`, `PHASE`, `PAID`, `CLOSED`.
    pub what: String,
    pub detail: String,
    pub limits: Limits,
    /// Names of capabilities that are taken.
    pub blocks: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BalanceShown {
    pub account: crate::Account,
    pub amount: Money,
}

/// A webhook in the inbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventShown {
    pub provider: String,
    pub id: String,
    pub kind: String,
    /// The tenant it was about, where it is known.
    pub tenant: Option<TenantId>,
    pub heard_at: Timestamp,
    pub done_at: Option<Timestamp>,
    pub attempts: u32,
    pub trouble: String,
}

/// A call to a provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallShown {
    pub id: String,
    pub tenant: TenantId,
    /// As `REFUND`.
    pub what: String,
    /// `WAITING`, `DONE`, `REFUSED`.
    pub state: String,
    pub attempts: u32,
    pub trouble: String,
    pub created_at: Timestamp,
    pub ended_at: Option<Timestamp>,
}

/// A difference that a sweep found and no event had told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drift {
    /// Rising.
    pub seq: i64,
    pub tenant: TenantId,
    pub at: Timestamp,
    pub what: String,
}
