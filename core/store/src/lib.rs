//! SUMMARY    Transactional key-value stores and blob storage behind traits; engines, conformance suite, fault wrapper.
//! INVARIANTS Nothing here knows a mailbox, a message or a protocol. Only the `account` room calls this crate.

pub mod blob;
pub mod bus;
pub mod conformance;
pub mod embedded;
pub mod ephemeral;
pub mod faults;
pub mod kv;
pub mod mem;
#[cfg(feature = "postgres")]
pub mod postgres;
pub mod retry;

mod draft;
mod layer;
mod page;
mod resolver;
mod txn;

pub use embedded::EmbeddedOptions;
pub use kv::{
    BoxFuture, CommitError, Committed, Durable, KeyRange, Kv, KvSnapshot, KvTxn, Page, PageLimit, Read, ReadError,
    Version,
};
pub use mem::MemKv;
pub use retry::{Backoff, Retry, run};
