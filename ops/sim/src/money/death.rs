//! SUMMARY    The death of the billing desk's process at a chosen moment: whatever it was doing is not gone on with.
//! INVARIANTS A moment is a reading of its clock, a question to the provider, an answer of it: so a seed dies at the same place each time.
//!            Unwinding drops what was under way, transactions with it; what was committed stays.

use base::{Clock, Timestamp};
use billing::{
    Answer, Checkout, End, Failure, Heard, Money, NewCheckout, NewCustomer, Payments, Plan, Preview, Truth, Wanted,
};
use futures_util::FutureExt;
use std::{
    panic::{AssertUnwindSafe, resume_unwind},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

/// Moments that are left; none are counted below one.
#[derive(Default)]
pub(super) struct Death(AtomicI64);

struct Died;

impl Death {
    /// It dies at that moment from now; `None`: it lives.
    pub(super) fn set(&self, moment: Option<u32>) {
        self.0.store(moment.map_or(0, i64::from), Ordering::SeqCst);
    }

    fn moment(&self) {
        if self.0.load(Ordering::SeqCst) > 0 && self.0.fetch_sub(1, Ordering::SeqCst) == 1 {
            // Unlike a panic it says nothing and is nobody's fault.
            resume_unwind(Box::new(Died));
        }
    }
}

/// What comes of something that may die; `None`: it died.
pub(super) async fn unless_it_dies<T>(work: impl Future<Output = T>) -> Option<T> {
    match AssertUnwindSafe(work).catch_unwind().await {
        Ok(done) => Some(done),
        Err(cause) if cause.is::<Died>() => None,
        Err(cause) => resume_unwind(cause),
    }
}

/// A clock that is turned by hand: the provider's.
pub(super) struct Hands(AtomicI64);

impl Hands {
    pub(super) fn at(at: Timestamp) -> Arc<Hands> {
        Arc::new(Hands(AtomicI64::new(at.0)))
    }

    pub(super) fn turn(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX), Ordering::SeqCst);
    }
}

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

/// The same time, for who may die.
pub(super) struct MortalClock {
    pub(super) hands: Arc<Hands>,
    pub(super) death: Arc<Death>,
}

impl Clock for MortalClock {
    fn now(&self) -> Timestamp {
        self.death.moment();
        self.hands.now()
    }
}

/// A provider as who may die asks it: before it is asked, after it did it.
pub(super) struct MortalPayments {
    pub(super) inner: Arc<dyn Payments>,
    pub(super) death: Arc<Death>,
    pub(super) lie: Option<Lie>,
}

/// What becomes of a truth before the desk sees it.
pub type Lie = fn(&mut Truth);

impl MortalPayments {
    fn asked<'a, T: Send + 'a>(&'a self, ask: impl FnOnce() -> Answer<'a, T> + Send + 'a) -> Answer<'a, T> {
        Box::pin(async move {
            self.death.moment();
            let answer = ask().await;
            self.death.moment();
            answer
        })
    }
}

impl Payments for MortalPayments {
    fn name(&self) -> &'static str {
        self.inner.name()
    }
    fn publish<'a>(&'a self, plan: &'a Plan) -> Answer<'a, ()> {
        self.asked(move || self.inner.publish(plan))
    }
    fn create_customer<'a>(&'a self, key: &'a str, new: &'a NewCustomer) -> Answer<'a, String> {
        self.asked(move || self.inner.create_customer(key, new))
    }
    fn update_customer<'a>(&'a self, key: &'a str, customer: &'a str, new: &'a NewCustomer) -> Answer<'a, ()> {
        self.asked(move || self.inner.update_customer(key, customer, new))
    }
    fn open_checkout<'a>(&'a self, key: &'a str, new: &'a NewCheckout) -> Answer<'a, Checkout> {
        self.asked(move || self.inner.open_checkout(key, new))
    }
    fn checkout<'a>(&'a self, id: &'a str) -> Answer<'a, Checkout> {
        self.asked(move || self.inner.checkout(id))
    }
    fn close_checkout<'a>(&'a self, key: &'a str, id: &'a str) -> Answer<'a, Checkout> {
        self.asked(move || self.inner.close_checkout(key, id))
    }
    fn card_page<'a>(&'a self, key: &'a str, customer: &'a str, back: &'a str) -> Answer<'a, String> {
        self.asked(move || self.inner.card_page(key, customer, back))
    }
    fn customer_page<'a>(&'a self, key: &'a str, customer: &'a str, back: &'a str) -> Answer<'a, String> {
        self.asked(move || self.inner.customer_page(key, customer, back))
    }
    fn preview<'a>(&'a self, subscription: &'a str, to: &'a Wanted, at: Timestamp) -> Answer<'a, Preview> {
        self.asked(move || self.inner.preview(subscription, to, at))
    }
    fn change<'a>(&'a self, key: &'a str, subscription: &'a str, to: &'a Wanted, at: Timestamp) -> Answer<'a, ()> {
        self.asked(move || self.inner.change(key, subscription, to, at))
    }
    fn end<'a>(&'a self, key: &'a str, subscription: &'a str, when: End) -> Answer<'a, ()> {
        self.asked(move || self.inner.end(key, subscription, when))
    }
    fn resume<'a>(&'a self, key: &'a str, subscription: &'a str) -> Answer<'a, ()> {
        self.asked(move || self.inner.resume(key, subscription))
    }
    fn pay<'a>(&'a self, key: &'a str, invoice: &'a str) -> Answer<'a, ()> {
        self.asked(move || self.inner.pay(key, invoice))
    }
    fn collect<'a>(&'a self, key: &'a str, customer: &'a str, invoice: &'a str, amount: Money) -> Answer<'a, ()> {
        self.asked(move || self.inner.collect(key, customer, invoice, amount))
    }
    fn received<'a>(
        &'a self,
        key: &'a str,
        invoice: &'a str,
        reference: &'a str,
        came: (Money, Timestamp),
    ) -> Answer<'a, ()> {
        self.asked(move || self.inner.received(key, invoice, reference, came))
    }
    fn refund<'a>(&'a self, key: &'a str, payment: &'a str, amount: Money) -> Answer<'a, ()> {
        self.asked(move || self.inner.refund(key, payment, amount))
    }
    fn credit<'a>(&'a self, key: &'a str, customer: &'a str, amount: Money) -> Answer<'a, ()> {
        self.asked(move || self.inner.credit(key, customer, amount))
    }
    fn charge_use<'a>(
        &'a self,
        key: &'a str,
        subscription: &'a str,
        component: &'a str,
        quantity: u64,
        amount: Money,
    ) -> Answer<'a, ()> {
        self.asked(move || self.inner.charge_use(key, subscription, component, quantity, amount))
    }
    fn truth<'a>(&'a self, customer: &'a str) -> Answer<'a, Truth> {
        self.asked(move || match self.lie {
            None => self.inner.truth(customer),
            Some(lie) => Box::pin(async move {
                let mut truth = self.inner.truth(customer).await?;
                lie(&mut truth);
                Ok(truth)
            }),
        })
    }
    fn heard(&self, body: &[u8], signature: &str, now: Timestamp) -> Result<Heard, Failure> {
        self.inner.heard(body, signature, now)
    }
}
