//! SUMMARY    Stripe behind `billing::Payments`.
//! STANDARDS  docs/decisions/0034-payments-behind-a-port.md; Stripe's API of the version that async-stripe pins
//! SECURITY   Answers come over TLS from Stripe; webhooks come from anybody and are believed in nothing but that there is news.
//! LIMITS     PAGES_MAX, EVENT_BYTES_MAX, SIGNATURE_AGE_MS_MAX, SIGNATURES_MAX, TIMEOUT
//! INVARIANTS It decides nothing and keeps nothing. Every POST that may not be done twice has the caller's key.

mod amount;
mod call;
mod catalog;
mod checkout;
mod coupon;
mod customer;
mod event;
mod https;
mod money_back;
mod object;
mod options;
mod owed;
mod payments;
mod signature;
mod subscription;
mod truth;

pub use call::{Call, Method, Wire, told};
pub use event::EVENT_BYTES_MAX;
pub use options::{BASE_URL, StripeOptions, TIMEOUT};
pub use payments::Stripe;
pub use signature::{SIGNATURE_AGE_MS_MAX, SIGNATURES_MAX};
