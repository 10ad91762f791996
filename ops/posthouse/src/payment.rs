//! SUMMARY    The billing desk of this server: its payment providers, by the configuration.
//! INVARIANTS A provider that was asked for and is not there ends the start: nothing is sold that nobody can pay.

use crate::config;
use billing::{Billing, BillingOptions, Manual, Payments};
use std::sync::Arc;
use stripe_payments::{Stripe, StripeOptions};
use tenants::Service;

/// The desk; `None` where nothing is sold.
pub fn desk(
    config: Option<&config::Billing>,
    portal: Option<&str>,
    service: &Arc<Service>,
) -> Result<Option<Arc<Billing>>, String> {
    let Some(config) = config else { return Ok(None) };
    let options = BillingOptions { portal: portal.map(str::to_owned), provider: config.provider };
    let desk = Billing::new(service.clone(), providers(config, service)?, options);
    desk.map(Some).map_err(|e| format!("billing.{}: {}: {}", e.field, config.provider, e.message))
}

/// Those that are set up: where new customers pay, and where earlier ones do. Invoices of our own need nobody.
fn providers(config: &config::Billing, service: &Arc<Service>) -> Result<Vec<Arc<dyn Payments>>, String> {
    let mut providers: Vec<Arc<dyn Payments>> = vec![Manual::new(service.clone(), config.issuer.clone())];
    if let Some(stripe) = &config.stripe {
        let mut options = StripeOptions::new(&stripe.secret_key, &stripe.webhook_secret);
        if let Some(url) = &stripe.url {
            options.base_url.clone_from(url);
        }
        let stripe = Stripe::new(options).map_err(|e| format!("billing.stripe_secret_key: {}", e.message))?;
        providers.push(Arc::new(stripe));
    }
    Ok(providers)
}
