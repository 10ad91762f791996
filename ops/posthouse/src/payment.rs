//! SUMMARY    The billing desk of this server: its payment providers, by the configuration.
//! INVARIANTS A provider that was asked for and is not there ends the start: nothing is sold that nobody can pay.

use crate::config;
use billing::{Billing, BillingOptions, Payments};
use std::sync::Arc;
use tenants::Service;

/// The desk; `None` where nothing is sold.
pub fn desk(
    config: Option<&config::Billing>,
    portal: Option<&str>,
    service: &Arc<Service>,
) -> Result<Option<Arc<Billing>>, String> {
    let Some(config) = config else { return Ok(None) };
    let options = BillingOptions { portal: portal.map(str::to_owned), provider: config.provider };
    let desk = Billing::new(service.clone(), providers(config)?, options);
    desk.map(Some).map_err(|e| format!("billing.{}: {}: {}", e.field, config.provider, e.message))
}

/// Those that are set up: where new customers pay, and where earlier ones do.
fn providers(config: &config::Billing) -> Result<Vec<Arc<dyn Payments>>, String> {
    let providers: Vec<Arc<dyn Payments>> = Vec::new();
    if config.stripe.is_some() {
        return Err("billing.stripe_secret_key: this build has no Stripe".to_owned());
    }
    Ok(providers)
}
