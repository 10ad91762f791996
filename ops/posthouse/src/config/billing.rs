//! SUMMARY    How customers pay: the keys of `[billing]`.
//! SECURITY   Keys of a payment provider move money: they are shown to nobody.
//! INVARIANTS Stripe is set up whole or not at all. Where nothing is sold, no key of it is set.

use super::{both, load::Loaded};
use billing::Issuer;

/// How customers pay.
#[derive(Clone, PartialEq, Eq)]
pub struct Billing {
    /// Where new ones do: `manual`, `stripe`.
    pub provider: &'static str,
    /// Set up beside `manual` too: a customer stays with the provider that it began with.
    pub stripe: Option<Stripe>,
    /// Who issues invoices of our own.
    pub issuer: Issuer,
}

/// What Stripe gave us.
#[derive(Clone, PartialEq, Eq)]
pub struct Stripe {
    pub secret_key: String,
    pub webhook_secret: String,
    /// Where it is reached; none: Stripe itself.
    pub url: Option<String>,
}

pub(super) fn billing(from: &Loaded) -> Result<Option<Billing>, String> {
    let (key, secret) = ("billing.stripe_secret_key", "billing.stripe_webhook_secret");
    let stripe = both(key, from.text(key), secret, from.text(secret))?;
    let stripe = stripe.map(|(secret_key, webhook_secret)| Stripe {
        secret_key,
        webhook_secret,
        url: from.text("billing.stripe_url"),
    });
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
    Ok(Some(Billing { provider, stripe, issuer: issuer(from) }))
}

/// Lines of a text are told apart by `;`.
fn issuer(from: &Loaded) -> Issuer {
    let lines = |key: &str| {
        let text = from.text(key).unwrap_or_default();
        text.split(';').map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
    };
    Issuer {
        name: from.text("billing.issuer_name").or_else(|| from.text("hostname")).unwrap_or_default(),
        address: lines("billing.issuer_address"),
        tax_id: from.text("billing.issuer_tax_id"),
        bank: lines("billing.issuer_bank"),
        series: from.text("billing.invoice_series"),
    }
}
