//! SUMMARY    `billing::Payments` at Stripe: each call of the port beside what carries it out.

use crate::{call::Wire, event, https::Https, options::StripeOptions};
use base::Timestamp;
use billing::{
    Answer, Checkout, End, Failure, Heard, Money, NewCheckout, NewCustomer, Payments, Plan, Preview, Truth, Wanted,
};

pub struct Stripe {
    pub(crate) wire: Box<dyn Wire>,
    pub(crate) options: StripeOptions,
}

impl Stripe {
    /// Errors: `Refused` for options that cannot be right.
    pub fn new(options: StripeOptions) -> Result<Stripe, Failure> {
        Ok(Stripe { wire: Box::new(Https::new(&options)?), options })
    }

    /// Over something else than HTTPS: a model of Stripe in this process.
    pub fn over(wire: impl Wire, options: StripeOptions) -> Stripe {
        Stripe { wire: Box::new(wire), options }
    }
}

impl Payments for Stripe {
    fn name(&self) -> &'static str {
        "stripe"
    }

    fn publish<'a>(&'a self, plan: &'a Plan) -> Answer<'a, ()> {
        Box::pin(self.publish_plan(plan))
    }

    fn create_customer<'a>(&'a self, key: &'a str, new: &'a NewCustomer) -> Answer<'a, String> {
        Box::pin(self.make_customer(key, new))
    }

    fn update_customer<'a>(&'a self, key: &'a str, customer: &'a str, new: &'a NewCustomer) -> Answer<'a, ()> {
        Box::pin(self.describe_customer(key, customer, new))
    }

    fn open_checkout<'a>(&'a self, key: &'a str, new: &'a NewCheckout) -> Answer<'a, Checkout> {
        Box::pin(self.make_checkout(key, new))
    }

    fn checkout<'a>(&'a self, id: &'a str) -> Answer<'a, Checkout> {
        Box::pin(self.find_checkout(id))
    }

    fn close_checkout<'a>(&'a self, key: &'a str, id: &'a str) -> Answer<'a, Checkout> {
        Box::pin(self.end_checkout(key, id))
    }

    fn card_page<'a>(&'a self, key: &'a str, customer: &'a str, back: &'a str) -> Answer<'a, String> {
        Box::pin(self.page_for_card(key, customer, back))
    }

    fn customer_page<'a>(&'a self, key: &'a str, customer: &'a str, back: &'a str) -> Answer<'a, String> {
        Box::pin(self.page_for_customer(key, customer, back))
    }

    fn preview<'a>(&'a self, subscription: &'a str, to: &'a Wanted, at: Timestamp) -> Answer<'a, Preview> {
        Box::pin(self.preview_change(subscription, to, at))
    }

    fn change<'a>(&'a self, key: &'a str, subscription: &'a str, to: &'a Wanted, at: Timestamp) -> Answer<'a, ()> {
        Box::pin(self.make_change(key, subscription, to, at))
    }

    fn end<'a>(&'a self, key: &'a str, subscription: &'a str, when: End) -> Answer<'a, ()> {
        Box::pin(self.end_subscription(key, subscription, when))
    }

    fn resume<'a>(&'a self, key: &'a str, subscription: &'a str) -> Answer<'a, ()> {
        Box::pin(self.keep_subscription(key, subscription))
    }

    fn pay<'a>(&'a self, key: &'a str, invoice: &'a str) -> Answer<'a, ()> {
        Box::pin(self.pay_invoice(key, invoice))
    }

    fn collect<'a>(&'a self, key: &'a str, customer: &'a str, invoice: &'a str, amount: Money) -> Answer<'a, ()> {
        Box::pin(self.take_again(key, customer, invoice, amount))
    }

    fn received<'a>(
        &'a self,
        key: &'a str,
        invoice: &'a str,
        reference: &'a str,
        came: (Money, Timestamp),
    ) -> Answer<'a, ()> {
        Box::pin(self.came_in(key, invoice, reference, came))
    }

    fn refund<'a>(&'a self, key: &'a str, payment: &'a str, amount: Money) -> Answer<'a, ()> {
        Box::pin(self.pay_back(key, payment, amount))
    }

    fn credit<'a>(&'a self, key: &'a str, customer: &'a str, amount: Money) -> Answer<'a, ()> {
        Box::pin(self.give_credit(key, customer, amount))
    }

    fn charge_use<'a>(
        &'a self,
        key: &'a str,
        subscription: &'a str,
        component: &'a str,
        quantity: u64,
        amount: Money,
    ) -> Answer<'a, ()> {
        Box::pin(self.add_use(key, subscription, component, (quantity, amount)))
    }

    fn truth<'a>(&'a self, customer: &'a str) -> Answer<'a, Truth> {
        Box::pin(self.all_of(customer))
    }

    fn heard(&self, body: &[u8], signature: &str, now: Timestamp) -> Result<Heard, Failure> {
        event::heard(&self.options.webhook_secrets, body, signature, now)
    }
}
