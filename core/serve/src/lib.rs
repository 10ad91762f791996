//! SUMMARY    Listeners, TLS, the one socket loop, one thin adapter per protocol.
//! INVARIANTS No storage and no key here: adapters call `mail`, `queue` and `account`. `link` is the only code that touches a
//!            socket. An answer that promises something is sent after the call that made it durable returned.

mod auth;
mod budget;
mod deflate;
pub mod imap;
mod limit;
mod link;
mod listen;
mod pace;
mod proxy;
pub mod smtp;
mod tls;

pub use auth::Authenticator;
pub use budget::{Budget, Claim};
pub use limit::{IpLimits, IpRates};
pub use link::{Input, Link};
pub use listen::{Door, Listener, ListenerOptions, Shutdown};
pub use tls::{Certificate, TlsStore};
