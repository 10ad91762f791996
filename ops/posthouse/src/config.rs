//! SUMMARY    The configuration file: small, checked, with a default for everything but name and folder.
//! INVARIANTS An unknown key is an error. An address left out closes that door.

use crate::upkeep::UpkeepConfig;
use serde::Deserialize;
use std::{net::SocketAddr, path::PathBuf};

/// `posthouse.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Name of this server in greetings, trace fields and bounces.
    pub hostname: String,
    /// Folder of everything it keeps.
    pub data: PathBuf,
    #[serde(default)]
    pub listen: Listen,
    pub tls: Option<Tls>,
    /// Certificates for further names.
    #[serde(default)]
    pub sni: Vec<Sni>,
    /// Passwords over connections without TLS: for loopback only.
    #[serde(default)]
    pub plain_auth: bool,
    /// Doors behind a load balancer expect PROXY v2.
    #[serde(default)]
    pub proxy: bool,
    /// Open connections of one client address.
    pub connections_per_address: Option<u32>,
    /// Message bytes of all connections in memory before their commit; beyond it connections wait, then are refused for now.
    pub message_bytes_in_flight: Option<usize>,
    /// GraphiQL at GET /graphql.
    #[serde(default)]
    pub graphiql: bool,
    /// Packing, compaction, sweeps, trimmed logs.
    #[serde(default)]
    pub upkeep: UpkeepConfig,
    /// Where all outgoing mail goes instead of to the MX hosts.
    pub smart_host: Option<SmartHost>,
    /// A busy port is replaced by a free one (the demo).
    #[serde(skip)]
    pub free_ports: bool,
}

/// A relay that takes our outgoing mail.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmartHost {
    pub host: String,
    #[serde(default = "submission_port")]
    pub port: u16,
    pub user: Option<String>,
    pub password: Option<String>,
}

fn submission_port() -> u16 {
    587
}

/// Where each door listens.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listen {
    pub smtp: Option<SocketAddr>,
    pub submission: Option<SocketAddr>,
    pub submissions: Option<SocketAddr>,
    pub lmtp: Option<SocketAddr>,
    pub imap: Option<SocketAddr>,
    pub imaps: Option<SocketAddr>,
    pub http: Option<SocketAddr>,
}

/// PEM files; without them a self-signed certificate is made.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    pub chain: PathBuf,
    pub key: PathBuf,
}

/// A certificate for one name.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sni {
    pub name: String,
    pub chain: PathBuf,
    pub key: PathBuf,
}

impl Config {
    /// Reads and checks a file.
    pub fn read(path: &std::path::Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
        toml::from_str(&text).map_err(|e| format!("{}: {e}", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_file_is_enough_and_a_typo_is_found() {
        let config: Config =
            toml::from_str("hostname = \"m.example\"\ndata = \"/d\"\n[listen]\nimap = \"[::]:143\"").unwrap();
        assert!(config.listen.imap.is_some() && config.listen.smtp.is_none() && !config.plain_auth);
        assert!(toml::from_str::<Config>("hostname = \"m\"\ndata = \"/d\"\nplain_aut = true").is_err());
    }
}
