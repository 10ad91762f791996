//! SUMMARY    Pages on which a customer pays for a new subscription (Checkout Sessions).

use crate::{
    call::{Call, id},
    object::Session,
    payments::Stripe,
    subscription::described,
};
use base::Timestamp;
use billing::{Checkout, CheckoutState, Failure, FailureKind, NewCheckout};

fn read(session: Session) -> Result<Checkout, Failure> {
    let state = match session.status.as_deref() {
        Some("open") => CheckoutState::Open,
        Some("complete") => CheckoutState::Complete,
        Some("expired") => CheckoutState::Expired,
        other => return Err(Failure::new(FailureKind::Refused, format!("a checkout session that is {other:?}"))),
    };
    let url = session.url.filter(|_| state == CheckoutState::Open).unwrap_or_default();
    Ok(Checkout { id: session.id, url, state, expires_at: Timestamp::from_secs(session.expires_at) })
}

impl Stripe {
    pub(crate) async fn make_checkout(&self, key: &str, new: &NewCheckout) -> Result<Checkout, Failure> {
        let wanted = &new.wanted;
        let mut call = Call::post("/checkout/sessions", key)
            .with("mode", "subscription")
            .with("customer", &new.customer)
            .with("client_reference_id", new.tenant)
            .with("success_url", &new.success_url)
            .with("cancel_url", &new.cancel_url)
            .with("expires_at", new.expires_at.secs());
        for (n, bought) in self.bought(wanted).await?.into_iter().enumerate() {
            call = call.with(format!("line_items[{n}][price]"), bought.price);
            call = call.with(format!("line_items[{n}][quantity]"), bought.quantity);
        }
        call = described(call, "subscription_data[metadata]", &wanted.plan);
        call = call.with("subscription_data[billing_mode][type]", "classic");
        if new.trial_days > 0 {
            call = call.with("subscription_data[trial_period_days]", new.trial_days);
        }
        if let Some((code, coupon)) = &new.coupon {
            call = call.with("discounts[0][coupon]", self.coupon(code, coupon, wanted.interval).await?);
        }
        if self.options.automatic_tax {
            call = call.with("automatic_tax[enabled]", true);
            call = call.with("customer_update[address]", "auto").with("customer_update[name]", "auto");
            call = call.with("tax_id_collection[enabled]", true);
        }
        read(self.ask(call).await?)
    }

    pub(crate) async fn find_checkout(&self, session: &str) -> Result<Checkout, Failure> {
        read(self.ask(Call::get(format!("/checkout/sessions/{}", id(session)?))).await?)
    }

    pub(crate) async fn end_checkout(&self, key: &str, session: &str) -> Result<Checkout, Failure> {
        let known = self.find_checkout(session).await?;
        match known.state {
            CheckoutState::Complete | CheckoutState::Expired => return Ok(known),
            CheckoutState::Open => {}
        }
        match self.ask(Call::post(format!("/checkout/sessions/{}/expire", id(session)?), key)).await {
            Ok(session) => read(session),
            // It was paid in this moment, or has ended.
            Err(failure) if failure.kind == FailureKind::Refused => match self.find_checkout(session).await? {
                Checkout { state: CheckoutState::Open, .. } => Err(failure),
                ended => Ok(ended),
            },
            Err(failure) => Err(failure),
        }
    }
}
