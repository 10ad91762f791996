//! SUMMARY    What runs over Redis or Valkey: the bus, and the rate cells that nodes share.
//! SECURITY   TLS is rustls with aws-lc-rs; certificates are always checked (`#insecure` URLs are refused by the client library,
//!            which is built without it). The URL holds a password: it is never shown.

mod bus;
mod cells;
mod keeper;
mod script;

pub use bus::RedisBus;
pub use cells::RedisEphemeral;

use crate::limits::{BUS_ANSWER_MS_MAX, BUS_CONNECT_MS_MAX};
use ::redis::{AsyncConnectionConfig, Client, TlsCertificates};
use std::{fmt, time::Duration};

#[derive(Clone)]
pub struct RedisOptions {
    /// As `redis://user:password@host:6379/0`, or `rediss://` for TLS.
    pub url: String,
    /// First part of every channel and key: one deployment, one prefix. No braces.
    pub prefix: String,
    /// Certificates to trust (PEM) instead of those of the system.
    pub ca_pem: Option<Vec<u8>>,
}

impl fmt::Debug for RedisOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisOptions").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

impl RedisOptions {
    pub fn new(url: impl Into<String>, prefix: impl Into<String>) -> Self {
        RedisOptions { url: url.into(), prefix: prefix.into(), ca_pem: None }
    }

    /// Fails on options that can never work; connects to nothing.
    fn client(&self) -> Result<Client, String> {
        let is_word = !self.prefix.is_empty()
            && self
                .prefix
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':'));
        if !is_word {
            return Err(format!("{:?} is no prefix of Redis keys", self.prefix));
        }
        let client = match &self.ca_pem {
            None => Client::open(self.url.as_str()),
            Some(pem) => {
                let certificates = TlsCertificates { client_tls: None, root_cert: Some(pem.clone()) };
                Client::build_with_tls(self.url.as_str(), certificates)
            }
        };
        // The error names what is wrong with the URL, not the URL.
        client.map_err(|why| format!("Redis URL: {why}"))
    }
}

fn connection_config() -> AsyncConnectionConfig {
    AsyncConnectionConfig::new()
        .set_connection_timeout(Some(Duration::from_millis(BUS_CONNECT_MS_MAX)))
        .set_response_timeout(Some(Duration::from_millis(BUS_ANSWER_MS_MAX)))
}
