//! SUMMARY    What the control plane is told of this server for the domains it keeps.

use crate::config::Config;
use tenants::DomainOptions;

/// From the configuration.
pub fn options(config: &Config) -> Result<DomainOptions, String> {
    let hostname = base::Domain::parse(&config.hostname).map_err(|e| format!("hostname: {e}"))?;
    Ok(DomainOptions { hostname: hostname.as_str().to_owned() })
}
