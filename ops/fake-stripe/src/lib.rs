//! SUMMARY    A Stripe of our own, in memory, and in a file where that is wanted: for tests, the demo, simulations.
//! STANDARDS  docs/decisions/0036-a-fake-stripe.md; Stripe's API, the parts that the room stripe-payments uses and what stands around them
//! SECURITY   No real card or key ever comes here. It binds loopback only and sends webhooks to loopback only.
//! LIMITS     KEYS_KEPT_SECS, STEPS_MAX, LIST_MAX, ATTEMPTS
//! INVARIANTS `Model` has no clock, no socket and no randomness: the same requests at the same times give the same state and ids.

mod ahead;
mod balance;
mod catalog;
mod checkout;
mod clock;
mod control;
mod customer;
mod deliver;
mod event;
mod expand;
mod http;
mod invoice;
mod invoice_api;
mod kept;
mod list;
mod model;
mod page;
mod params;
mod payment;
mod pdf;
mod problem;
mod proration;
mod refund;
mod route;
mod subscription;
mod subscription_api;
mod tax;
mod test_desk;
mod visit;
mod wire;

pub use ahead::AheadClock;
pub use deliver::{Delivery, Webhooks, signature};
pub use http::{Fake, Options, Running};
pub use model::{Model, Reply, Request};
pub use params::Params;
pub use problem::Problem;
pub use wire::InProcess;
