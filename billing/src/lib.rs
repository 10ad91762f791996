//! SUMMARY    Billing: plans and what they give, what they cost, where a customer stands, the books.
//! INVARIANTS Everything here is pure: time, facts and what a payment provider says arrive as values. Money is whole minor units of one
//!            currency. A customer may have what `entitle` says, from inputs that are kept.

mod country;
mod currency;
mod desk;
mod entitle;
mod error;
mod grants;
mod ledger;
mod manual;
mod money;
mod payments;
mod period;
mod phase;
mod plan;
mod quote;
mod settle;
mod till;

/// For the fixture that tests in here share with those in `tests`.
#[cfg(test)]
extern crate self as billing;

pub use currency::Currency;
pub use desk::{
    Asked, BalanceShown, Billing, BillingOptions, Bought, BoughtItem, CallShown, CheckoutShown, Concession,
    ConcessionKind, CouponPatch, CouponShown, Customer, CustomerPatch, Drift, EventShown, InvoiceShown, MeteredUse,
    NewConcession, NewCoupon, NewPlan, PlanShown, PlanState, Quote, QuoteLine, Rehearsal, RehearsalStep, StageShown,
    Standing,
};
pub use entitle::{FUNCTION, GRACE_BYTES_PERCENT, Gift, Inputs, Limit, Override, entitle};
pub use error::{Error, Kind, Result};
pub use grants::Grants;
pub use ledger::{Account, Books, EVENT_CHARS_MAX, Entry, Fact, Posted};
pub use manual::{Bill, Issuer, MANUAL, Manual, PAY_DAYS};
pub use money::{MINOR_MAX, Money, sum};
pub use payments::{
    Answer, Checkout, CheckoutState, End, Failure, FailureKind, Heard, InvoiceState, NewCheckout, NewCustomer,
    Payments, Preview, TrueCredit, TrueInvoice, TruePayment, TrueSubscription, Truth, Wanted,
};
pub use period::Period;
pub use phase::{Announced, DAYS_MAX, Facts, NOTICES_BEFORE_PURGE, Phase, Policy, blocks, next, phase, stages};
pub use plan::{
    COMPONENTS_MAX, Charge, Component, Interval, Item, KEY_CHARS_MAX, Meter, PRICES_MAX, Plan, Price, QUANTITY_MAX,
    TRIAL_DAYS_MAX,
};
pub use quote::{Change, Choice, Coupon, Discount, Line, change, metered};
pub use settle::{Found, Settled, Status, settle};
pub use till::{Fault, Till, Webhook};
