//! SUMMARY    DKIM signatures for outgoing messages: what of a message is signed, in which form, by which keys.
//! STANDARDS  RFC 6376 §3.4 (relaxed/relaxed), §3.5, §3.7, §5; RFC 8301 §3 (rsa-sha256, 2048 bits); RFC 8463 §3 (ed25519-sha256)
//! SECURITY   Every byte of the message is its sender's. Selectors and domains are checked before they are written into a field.
//! LIMITS     DKIM_FIELDS_MAX
//! INVARIANTS A signature is of the bytes as they go over the wire: a message that a host may get in another form (bare CR or LF, NUL) is
//!            not signed. The body is hashed once for all keys, piece by piece, in a buffer of fixed size. No `l=`: a body is signed whole.

mod body;
mod header;
mod key;
mod sign;

#[cfg(test)]
mod tests;

pub use body::BodyHash;
pub use key::{Algorithm, Key, KeyError};
pub use sign::{Draft, SignError};
