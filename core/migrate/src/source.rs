//! SUMMARY    Where mail comes from, and how one signs in there.
//! SECURITY   A secret is asked for at each connection, so that a token may be renewed meanwhile; it is kept no longer than it is sent.

use std::sync::Arc;

use account::Origin;
use tokio_rustls::TlsConnector;
use zeroize::Zeroizing;

/// How a connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// TLS from the first byte (port 993).
    Tls,
    /// TLS after STARTTLS, or nothing.
    StartTls,
    /// None: whoever is on the way reads the password.
    Plain,
}

/// What the secret is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignIn {
    Password,
    /// A bearer token: XOAUTH2 or OAUTHBEARER.
    Token,
}

/// Gives the password or the token as it is now; an error says why there is none.
pub type Secret = Arc<dyn Fn() -> Result<Zeroizing<String>, String> + Send + Sync>;

/// An account at another provider.
#[derive(Clone)]
pub struct Source {
    pub host: String,
    pub port: u16,
    pub security: Security,
    pub user: String,
    pub sign_in: SignIn,
    pub secret: Secret,
    /// It verifies certificates.
    pub tls: TlsConnector,
    /// Bytes a second that are read at most.
    pub rate: Option<u64>,
}

impl Source {
    /// Which source it is for what is remembered: host and user, whatever the port.
    pub(crate) fn id(&self) -> u64 {
        hash(&[self.host.to_ascii_lowercase().as_bytes(), &[0], self.user.as_bytes()])
    }

    /// A mailbox of it by its name as the source writes it.
    pub(crate) fn origin(&self, raw: &[u8]) -> Origin {
        Origin { source: self.id(), folder: hash(&[raw]) }
    }
}

fn hash(parts: &[&[u8]]) -> u64 {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().as_bytes().first_chunk().copied().map_or(0, u64::from_be_bytes)
}
