//! SUMMARY    The contract between the planes over HTTP: what the data plane offers, and the control plane's client of it.
//! STANDARDS  RFC 9110, RFC 9112 (HTTP/1.1), RFC 8446 (TLS 1.3)
//! SECURITY   Mutual TLS: a caller without a certificate of the one authority gets no byte of an answer, and the control plane
//!            sends nothing to a server without one. Who holds such a certificate may do everything the contract says: the port
//!            belongs into a private network all the same.
//! LIMITS     PLANE_*
//! INVARIANTS One route per method of `Control`, below VERSION. A body that cannot be right is `Invalid`; whatever else goes wrong
//!            is `Unavailable`, and the caller's relay tries again.

mod absent;
pub mod certificates;
mod client;
mod server;
#[cfg(test)]
pub(crate) mod tests;
mod tls;

pub use absent::AbsentPlane;
pub use client::RemotePlane;
pub use server::{Listening, listen};
pub use tls::Files;

use serde::{Deserialize, Serialize};

/// Before every route. Another form of the bodies is another version.
const VERSION: &str = "/plane/v1";

/// Events that are asked for.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct EventsAsked {
    after: u64,
    limit: u32,
}

/// The body of an answer that is none.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Refusal {
    error: String,
}
