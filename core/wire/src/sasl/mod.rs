//! SUMMARY    SASL mechanisms without I/O: PLAIN, LOGIN, SCRAM-SHA-256 and SCRAM-SHA-256-PLUS, server and client.
//! STANDARDS  RFC 4422, RFC 4616 (PLAIN), draft-murchison-sasl-login (LOGIN), RFC 5802 and RFC 7677 (SCRAM), RFC 5929 and RFC 9266 (channel bindings),
//!            RFC 4013 (SASLprep)
//! SECURITY   Everything here comes from somebody who is not authenticated. Secrets are compared in constant time and never printed.
//! LIMITS     SASL_BYTES_MAX, SCRAM_ITERATIONS_MIN, SCRAM_ITERATIONS_MAX, SCRAM_SALT_BYTES_MAX
//! INVARIANTS Nonces and secrets are given by value. An unknown user looks like a known one with a wrong password.

mod client;
mod scram;
mod server;
mod verifier;

pub use client::Client;
pub use server::{Context, Credentials, Failure, Server, Step};
pub use verifier::{ScramVerifier, VerifierError};

use std::{borrow::Cow, fmt};

/// A mechanism this module speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mechanism {
    ScramSha256Plus,
    ScramSha256,
    Plain,
    Login,
}

impl Mechanism {
    /// Best first.
    pub const ALL: [Mechanism; 4] =
        [Mechanism::ScramSha256Plus, Mechanism::ScramSha256, Mechanism::Plain, Mechanism::Login];

    /// Name as registered with IANA.
    pub const fn name(self) -> &'static str {
        match self {
            Mechanism::ScramSha256Plus => "SCRAM-SHA-256-PLUS",
            Mechanism::ScramSha256 => "SCRAM-SHA-256",
            Mechanism::Plain => "PLAIN",
            Mechanism::Login => "LOGIN",
        }
    }

    /// In any case.
    pub fn parse(name: &str) -> Option<Self> {
        Mechanism::ALL.into_iter().find(|m| m.name().eq_ignore_ascii_case(name))
    }

    /// Whether the password itself crosses the connection.
    pub const fn needs_tls(self) -> bool {
        matches!(self, Mechanism::Plain | Mechanism::Login)
    }
}

/// A password in memory: not printed, wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(zeroize::Zeroizing<String>);

impl Password {
    pub fn new(text: String) -> Self {
        Password(zeroize::Zeroizing::new(text))
    }
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

/// Data that ties an authentication to its TLS connection, as the TLS layer gave it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bindings {
    /// RFC 9266: 32 bytes exported with the label `EXPORTER-Channel-Binding`.
    pub tls_exporter: Option<Vec<u8>>,
    /// RFC 5929 §4: hash of the server's certificate.
    pub tls_server_end_point: Option<Vec<u8>>,
}

impl Bindings {
    fn find(&self, name: &str) -> Option<&[u8]> {
        match name {
            "tls-exporter" => self.tls_exporter.as_deref(),
            "tls-server-end-point" => self.tls_server_end_point.as_deref(),
            _ => None,
        }
    }

    /// Whether -PLUS can be offered.
    pub fn is_some(&self) -> bool {
        self.tls_exporter.is_some() || self.tls_server_end_point.is_some()
    }
}

/// A user name or password in the form in which it is compared (RFC 4013); `None` when it has characters that are prohibited, or nothing is left.
pub fn prepare(text: &str) -> Option<Cow<'_, str>> {
    stringprep::saslprep(text).ok().filter(|t| !t.is_empty())
}

/// The form of a password that is hashed: prepared where SASLprep allows it, else as it is.
pub fn prepare_password(text: &str) -> Cow<'_, str> {
    prepare(text).unwrap_or(Cow::Borrowed(text))
}

#[cfg(test)]
mod tests;
