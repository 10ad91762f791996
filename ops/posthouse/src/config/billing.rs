//! SUMMARY    How customers pay: the keys of `[billing]`.
//! SECURITY   Keys of a payment provider move money: they are shown to nobody.
//! INVARIANTS Stripe is set up whole or not at all. Where nothing is sold, no key of it is set.

use super::{both, load::Loaded};

/// How customers pay.
#[derive(Clone, PartialEq, Eq)]
pub struct Billing {
    /// Where new ones do: `manual`, `stripe`.
    pub provider: &'static str,
    /// Set up beside `manual` too: a customer stays with the provider that it began with.
    pub stripe: Option<Stripe>,
}

/// What Stripe gave us.
#[derive(Clone, PartialEq, Eq)]
pub struct Stripe {
    pub secret_key: String,
    pub webhook_secret: String,
}

pub(super) fn billing(from: &Loaded) -> Result<Option<Billing>, String> {
    let (key, secret) = ("billing.stripe_secret_key", "billing.stripe_webhook_secret");
    let stripe = both(key, from.text(key), secret, from.text(secret))?;
    let stripe = stripe.map(|(secret_key, webhook_secret)| Stripe { secret_key, webhook_secret });
    let provider = match from.text("billing.provider").as_deref() {
        Some("manual") => "manual",
        Some("stripe") if stripe.is_none() => {
            return Err(format!("{key}: it is needed when billing.provider is \"stripe\""));
        }
        Some("stripe") => "stripe",
        _ if stripe.is_some() => {
            return Err(format!("billing.provider: \"manual\" or \"stripe\" is needed when {key} is set"));
        }
        _ => return Ok(None),
    };
    Ok(Some(Billing { provider, stripe }))
}
