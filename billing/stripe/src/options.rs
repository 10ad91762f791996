//! SUMMARY    How Stripe is reached, and what the operator chose there.
//! INVARIANTS Keys are never printed. Plain HTTP goes to this machine alone.

use billing::{Failure, FailureKind};
use std::{fmt, time::Duration};

pub const BASE_URL: &str = "https://api.stripe.com";
/// Stripe itself gives up after 80 seconds; most calls take one.
pub const TIMEOUT: Duration = Duration::from_secs(30);

#[derive(Clone)]
pub struct StripeOptions {
    pub secret_key: String,
    /// While a secret is rotated, the old and the new one.
    pub webhook_secrets: Vec<String>,
    pub base_url: String,
    pub timeout: Duration,
    /// Stripe Tax reckons tax on what is bought; otherwise there is none.
    pub automatic_tax: bool,
    /// A configuration of the Billing Portal (`bpc_…`); `None`: the account's default one.
    pub portal_configuration: Option<String>,
}

impl StripeOptions {
    pub fn new(secret_key: impl Into<String>, webhook_secret: impl Into<String>) -> StripeOptions {
        StripeOptions {
            secret_key: secret_key.into(),
            webhook_secrets: vec![webhook_secret.into()],
            base_url: BASE_URL.into(),
            timeout: TIMEOUT,
            automatic_tax: false,
            portal_configuration: None,
        }
    }

    /// The address with `/` at its end. Errors: `Refused` for what would carry the key in the clear.
    pub(crate) fn base(&self) -> Result<String, Failure> {
        let base = self.base_url.trim_end_matches('/');
        let host = base.strip_prefix("http://").map(|rest| rest.rsplit_once(':').map_or(rest, |(host, _)| host));
        let is_here = host.is_some_and(|host| ["127.0.0.1", "[::1]", "localhost"].contains(&host));
        if is_here || base.starts_with("https://") {
            return Ok(format!("{base}/"));
        }
        Err(Failure::new(FailureKind::Refused, "base_url is https://, or http:// of this machine"))
    }
}

impl fmt::Debug for StripeOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StripeOptions").field("base_url", &self.base_url).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_leave_this_machine_over_tls_only_and_are_not_printed() {
        let at = |url: &str| StripeOptions { base_url: url.into(), ..StripeOptions::new("sk_secret", "whsec_secret") };
        assert_eq!(at(BASE_URL).base().unwrap(), "https://api.stripe.com/");
        assert_eq!(at("http://127.0.0.1:81/").base().unwrap(), "http://127.0.0.1:81/");
        assert_eq!(at("http://[::1]:81").base().unwrap(), "http://[::1]:81/");
        for wrong in [
            "http://api.stripe.com",
            "ftp://127.0.0.1",
            "",
            "http://127.0.0.1.example.org:1",
            "http://127.0.0.1@example.org:1",
        ] {
            assert_eq!(at(wrong).base().unwrap_err().kind, FailureKind::Refused, "{wrong}");
        }
        assert!(!format!("{:?}", at(BASE_URL)).contains("secret"));
    }
}
