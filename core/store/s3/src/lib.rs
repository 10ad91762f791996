//! SUMMARY    Pack objects on S3 or what speaks like it, behind `store::blob::Objects`, and a cache of what was read on the local disk.
//! SECURITY   What is kept is sealed before it comes here. Names are checked by `store` before they become keys. Keys of the account are
//!            wiped from memory when dropped and never shown. TLS is rustls with aws-lc-rs.
//! INVARIANTS A name is written once: a second put of other bytes is refused by the server, not by a look beforehand. When the server
//!            is away requests fail fast; nothing piles up.

mod cache;
mod call;
mod client;
pub mod limits;
mod objects;
mod options;
mod put;
mod read;

pub use cache::{CacheOptions, CachedObjects};
pub use call::Counts;
pub use objects::S3Objects;
pub use options::{Checksum, Credentials, Encryption, Keys, S3Options};
