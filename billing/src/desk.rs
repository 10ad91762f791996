//! SUMMARY    The billing desk: rows around the pure middle. Plans are sold, customers buy, the provider's truth is written down, and what
//!            follows from it is given and taken.
//! STANDARDS  docs/decisions/0037-the-billing-desk.md; product rules S1 to S5, T1 to T5
//! INVARIANTS Only what a provider says is true becomes a mirror, books, limits and holds, all in one transaction for each customer. A call
//!            that makes or changes something at a provider is a row before it is made, and its id the key under which it is made.

mod books;
mod call;
mod campaign;
mod carry;
mod catalog;
mod change;
mod checkout;
mod choose;
mod close;
mod concession;
mod coupon;
mod customer;
mod door;
mod double;
mod entitled;
mod entries;
mod facts;
#[cfg(test)]
#[path = "../tests/it/desk.rs"]
pub(crate) mod fixture;
mod gone;
mod hold;
mod inbox;
mod invoice;
mod letter;
mod look;
mod make;
mod meter;
mod mirror;
mod news;
mod page;
mod policy;
mod purge;
mod quote;
mod redeem;
mod rehearse;
mod shop;
mod signup;
mod standing;
mod store;
mod sweep;
mod sync;
#[cfg(test)]
mod tests;
mod view;
mod worker;

pub use view::{
    Asked, BalanceShown, Bought, BoughtItem, CallShown, CheckoutShown, Concession, ConcessionKind, CouponPatch,
    CouponShown, Customer, CustomerPatch, Drift, EventShown, InvoiceShown, MeteredUse, NewConcession, NewCoupon,
    NewPlan, PlanShown, PlanState, Quote, QuoteLine, Rehearsal, RehearsalStep, StageShown, Standing,
};

use crate::Payments;
use std::sync::Arc;
use tenants::{Code, Error, Result, Service};
use tokio::sync::Notify;

/// What the desk stands on.
pub struct BillingOptions {
    /// Origin of the portal, as `https://mail.example.org`: where customers come back to from paying.
    pub portal: Option<String>,
    /// Name of the provider that new customers pay at.
    pub provider: &'static str,
}

/// The billing desk. Share it by `Arc`.
pub struct Billing {
    pub(crate) service: Arc<Service>,
    /// By name; a customer stays with the one that it began with.
    pub(crate) providers: Vec<Arc<dyn Payments>>,
    pub(crate) options: BillingOptions,
    /// Something was written that the worker goes on with.
    pub(crate) wake: Notify,
}

impl Billing {
    /// `Invalid` when no provider has the name of the one for new customers.
    pub fn new(
        service: Arc<Service>,
        providers: Vec<Arc<dyn Payments>>,
        options: BillingOptions,
    ) -> Result<Arc<Billing>> {
        let billing = Billing { service, providers, options, wake: Notify::new() };
        billing.provider(billing.options.provider)?;
        Ok(Arc::new(billing))
    }

    /// Whether customers pay, or paid, at a provider of this name.
    pub fn has_provider(&self, name: &str) -> bool {
        self.provider(name).is_ok()
    }

    pub fn service(&self) -> &Arc<Service> {
        &self.service
    }

    /// `Invalid` for a provider that is not set up (any more).
    pub(crate) fn provider(&self, name: &str) -> Result<&Arc<dyn Payments>> {
        let known = self.providers.iter().find(|provider| provider.name() == name);
        known.ok_or_else(|| Error::new(Code::Invalid, "provider", "This payment provider is not set up"))
    }
}
