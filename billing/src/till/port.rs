//! SUMMARY    The port, by the model.

use super::{
    Fault, KEY_LIFE, SIGNATURE_AGE_MAX, Till, gone,
    model::{Client, Done, Page, State, is_known, wrong},
    refused,
};
use crate::{
    Answer, Checkout, CheckoutState, End, Failure, FailureKind, Heard, Money, NewCheckout, NewCustomer, Payments, Plan,
    Preview, Status, TrueCredit, Truth, Wanted,
};
use base::Timestamp;
use serde::{Serialize, de::DeserializeOwned};
use std::time::Duration;

impl Till {
    /// Something that only asks.
    fn asked<T>(&self, f: impl FnOnce(&mut State) -> Result<T, Failure>) -> Result<T, Failure> {
        let mut state = self.state();
        if state.is_closed {
            return Err(Failure::new(FailureKind::Busy, "the till is closed"));
        }
        f(&mut state)
    }

    /// Something that is done once under a key.
    fn once<T: Serialize + DeserializeOwned>(
        &self,
        key: &str,
        call: String,
        f: impl FnOnce(&mut State, Timestamp) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let (mut state, now) = (self.state(), self.now());
        let fault = state.faults.pop_front();
        if state.is_closed || fault == Some(Fault::Busy) {
            return Err(Failure::new(FailureKind::Busy, "asked too often"));
        }
        let lost = || Failure::new(FailureKind::Unknown, "no answer");
        if fault == Some(Fault::LostBefore) {
            return Err(lost());
        }
        let known = state.keys.get(key).filter(|done| now.since(done.at) < KEY_LIFE);
        let answer = match known {
            Some(done) if done.call != call => Err(refused("the key was used for another call")),
            Some(done) => done.answer.clone(),
            None => {
                let text = |value: T| serde_json::to_string(&value).map_err(|e| refused(e.to_string()));
                let answer = f(&mut state, now).and_then(text);
                state.keys.insert(key.to_owned(), Done { call, at: now, answer: answer.clone() });
                answer
            }
        };
        if fault == Some(Fault::LostAfter) {
            return Err(lost());
        }
        serde_json::from_str(&answer?).map_err(|e| refused(e.to_string()))
    }
}

fn ready<'a, T: Send + 'a>(answer: Result<T, Failure>) -> Answer<'a, T> {
    Box::pin(std::future::ready(answer))
}

impl Payments for Till {
    fn name(&self) -> &'static str {
        self.name
    }

    fn publish<'a>(&'a self, plan: &'a Plan) -> Answer<'a, ()> {
        ready(self.asked(|state| {
            state.plans.insert((plan.key.clone(), plan.version));
            Ok(())
        }))
    }

    fn create_customer<'a>(&'a self, key: &'a str, new: &'a NewCustomer) -> Answer<'a, String> {
        ready(self.once(key, format!("create {new:?}"), |state, _| {
            if !new.email.contains('@') {
                return Err(refused("no address"));
            }
            let id = state.fresh("cus");
            state.clients.insert(id.clone(), Client::new(new.clone()));
            state.tell("customer.created", Some(&id), None);
            Ok(id)
        }))
    }

    fn update_customer<'a>(&'a self, key: &'a str, customer: &'a str, new: &'a NewCustomer) -> Answer<'a, ()> {
        ready(self.once(key, format!("update {customer} {new:?}"), |state, _| {
            state.client(customer)?.new = new.clone();
            state.tell("customer.updated", Some(customer), None);
            Ok(())
        }))
    }

    fn open_checkout<'a>(&'a self, key: &'a str, new: &'a NewCheckout) -> Answer<'a, Checkout> {
        ready(self.once(key, format!("open {new:?}"), |state, now| {
            state.client(&new.customer)?;
            is_known(&state.plans, &new.wanted.plan)?;
            let life = new.expires_at.since(now);
            if life < Duration::from_secs(30 * 60) || life > Duration::from_secs(24 * 3600) {
                return Err(refused("a page is open for 30 minutes to 24 hours"));
            }
            let id = state.fresh("cs");
            let url = format!("https://till.example/{id}");
            let shown = Checkout { id: id.clone(), url, state: CheckoutState::Open, expires_at: new.expires_at };
            state.pages.insert(id, Page { shown: shown.clone(), new: new.clone() });
            Ok(shown)
        }))
    }

    fn checkout<'a>(&'a self, id: &'a str) -> Answer<'a, Checkout> {
        ready(self.asked(|state| state.pages.get(id).map(|page| page.shown.clone()).ok_or_else(|| gone("page"))))
    }

    fn close_checkout<'a>(&'a self, key: &'a str, id: &'a str) -> Answer<'a, Checkout> {
        ready(self.once(key, format!("close {id}"), |state, _| {
            let page = state.pages.get_mut(id).ok_or_else(|| gone("page"))?;
            if page.shown.state == CheckoutState::Open {
                page.shown.state = CheckoutState::Expired;
                page.shown.url = String::new();
            }
            let (shown, customer) = (page.shown.clone(), page.new.customer.clone());
            state.tell("checkout.expired", Some(&customer), None);
            Ok(shown)
        }))
    }

    fn card_page<'a>(&'a self, key: &'a str, customer: &'a str, back: &'a str) -> Answer<'a, String> {
        ready(self.once(key, format!("card {customer} {back}"), |state, _| {
            state.client(customer)?;
            Ok(format!("https://till.example/card/{customer}?back={back}"))
        }))
    }

    fn customer_page<'a>(&'a self, key: &'a str, customer: &'a str, back: &'a str) -> Answer<'a, String> {
        ready(self.once(key, format!("page {customer} {back}"), |state, _| {
            state.client(customer)?;
            Ok(format!("https://till.example/customer/{customer}?back={back}"))
        }))
    }

    fn preview<'a>(&'a self, subscription: &'a str, to: &'a Wanted, at: Timestamp) -> Answer<'a, Preview> {
        ready(self.asked(|state| {
            let (net, _) = state.reckon(subscription, to, at)?;
            let tax = net.share(self.tax_percent, 100).map_err(wrong)?;
            Ok(Preview { now: net.plus(tax).map_err(wrong)?, tax })
        }))
    }

    fn change<'a>(&'a self, key: &'a str, subscription: &'a str, to: &'a Wanted, at: Timestamp) -> Answer<'a, ()> {
        ready(self.once(key, format!("change {subscription} {to:?} {at:?}"), |state, now| {
            is_known(&state.plans, &to.plan)?;
            state.change(subscription, to, at, now, self.tax_percent)
        }))
    }

    fn end<'a>(&'a self, key: &'a str, subscription: &'a str, when: End) -> Answer<'a, ()> {
        ready(self.once(key, format!("end {subscription} {when:?}"), |state, now| match when {
            End::Now => state.end_now(subscription, now, self.tax_percent),
            End::Period => {
                let customer = state.owner(subscription)?;
                let found = state.client(&customer)?.subscription(subscription)?;
                if found.status == Status::Cancelled {
                    return Err(gone("live subscription"));
                }
                found.ends_at = Some(found.period.end);
                state.tell("subscription.updated", Some(&customer), None);
                Ok(())
            }
        }))
    }

    fn resume<'a>(&'a self, key: &'a str, subscription: &'a str) -> Answer<'a, ()> {
        ready(self.once(key, format!("resume {subscription}"), |state, _| {
            let customer = state.owner(subscription)?;
            let found = state.client(&customer)?.subscription(subscription)?;
            if found.status == Status::Cancelled {
                return Err(refused("the subscription has ended"));
            }
            found.ends_at = None;
            state.tell("subscription.updated", Some(&customer), None);
            Ok(())
        }))
    }

    fn pay<'a>(&'a self, key: &'a str, invoice: &'a str) -> Answer<'a, ()> {
        ready(self.once(key, format!("pay {invoice}"), |state, now| {
            let customer = state.debtor(invoice)?;
            state.pay(&customer, invoice, now)?
        }))
    }

    fn collect<'a>(&'a self, key: &'a str, customer: &'a str, invoice: &'a str, amount: Money) -> Answer<'a, ()> {
        ready(self.once(key, format!("collect {invoice} {amount}"), |state, now| {
            state.take_again(customer, invoice, amount, now)
        }))
    }

    fn received<'a>(
        &'a self,
        key: &'a str,
        invoice: &'a str,
        reference: &'a str,
        (amount, at): (Money, Timestamp),
    ) -> Answer<'a, ()> {
        ready(self.once(key, format!("received {invoice} {reference} {amount}"), |state, _| {
            let customer = state.debtor(invoice)?;
            state.receive(&customer, invoice, amount, at)
        }))
    }

    fn refund<'a>(&'a self, key: &'a str, payment: &'a str, amount: Money) -> Answer<'a, ()> {
        ready(self.once(key, format!("refund {payment} {amount}"), |state, now| {
            let id = state.fresh("re");
            let (customer, done) = state.payment(payment, |payment| {
                let gone = payment.refunds.iter().chain(&payment.chargebacks).map(|(_, amount, _)| *amount);
                let left = gone.into_iter().try_fold(payment.amount, Money::minus).map_err(wrong)?;
                if left.minus(amount).map_err(wrong)?.is_negative() || amount.minor() <= 0 {
                    return Err(refused("more than was paid"));
                }
                payment.refunds.push((id, amount, now));
                Ok(())
            })?;
            done?;
            state.tell("charge.refunded", Some(&customer), Some(payment));
            Ok(())
        }))
    }

    fn credit<'a>(&'a self, key: &'a str, customer: &'a str, amount: Money) -> Answer<'a, ()> {
        ready(self.once(key, format!("credit {customer} {amount}"), |state, now| {
            let id = state.fresh("cbt");
            let zero = Money::zero(amount.currency());
            let client = state.client(customer)?;
            client.truth.credits.push(TrueCredit { id, net: amount, tax: zero, at: now, invoice: None });
            let left = client.credit.entry(amount.currency()).or_insert(zero);
            *left = left.plus(amount).map_err(wrong)?;
            state.tell("customer.updated", Some(customer), None);
            Ok(())
        }))
    }

    fn charge_use<'a>(
        &'a self,
        key: &'a str,
        subscription: &'a str,
        component: &'a str,
        quantity: u64,
        amount: Money,
    ) -> Answer<'a, ()> {
        ready(self.once(key, format!("use {subscription} {component} {quantity} {amount}"), |state, _| {
            let customer = state.owner(subscription)?;
            let client = state.client(&customer)?;
            if client.subscription(subscription)?.status == Status::Cancelled {
                return Err(gone("live subscription"));
            }
            client.bought.get_mut(subscription).ok_or_else(|| gone("subscription"))?.uses.push(amount);
            Ok(())
        }))
    }

    fn truth<'a>(&'a self, customer: &'a str) -> Answer<'a, Truth> {
        ready(self.asked(|state| Ok(state.client(customer)?.seen())))
    }

    fn heard(&self, body: &[u8], signature: &str, now: Timestamp) -> Result<Heard, Failure> {
        let forged = || Failure::new(FailureKind::Forged, "not signed by this till");
        let malformed = |why: String| Failure::new(FailureKind::Malformed, why);
        let (at, mac) = signature.strip_prefix("t=").and_then(|rest| rest.split_once(",v1=")).ok_or_else(forged)?;
        let at: i64 = at.parse().map_err(|_| forged())?;
        if self.mac(at, body) != mac || now.since(Timestamp(at)) > SIGNATURE_AGE_MAX {
            return Err(forged());
        }
        let body: serde_json::Value = serde_json::from_slice(body).map_err(|e| malformed(e.to_string()))?;
        let word = |key: &str| body.get(key).and_then(|value| value.as_str()).map(str::to_owned);
        Ok(Heard {
            id: word("id").ok_or_else(|| malformed("an event without an id".to_owned()))?,
            kind: word("kind").unwrap_or_default(),
            customer: word("customer"),
            payment: word("payment"),
        })
    }
}
