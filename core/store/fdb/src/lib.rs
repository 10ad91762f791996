//! SUMMARY    The store on a FoundationDB cluster: `store::Kv` over the real client library, which is loaded at run time.
//! STANDARDS  FoundationDB 7.3, API version 730; the directory layer, so that other tools find a deployment's keys.
//! SECURITY   Whoever reaches the cluster reads everything in it: TLS and access are the cluster's. The library's path comes from
//!            the operator.
//! LIMITS     KV_* of base::limits, FDB_PREFIX_BYTES_MAX, FDB_TXN_TIMEOUT_MS, FDB_HEALTH_MS_MAX, FDB_OPEN_ATTEMPTS_MAX
//! INVARIANTS All keys stand below the prefix of one directory, which is put before every key and taken off every answer. The
//!            network thread is started once in a process and stopped when the process ends. Nothing waits for ever.

pub mod limits;

mod commit;
mod directory;
mod failure;
mod kv;
mod network;
mod page;
mod txn;
mod unseen;
mod unstarted;

pub use failure::OpenError;
pub use fdb_link::{Library, LoadError};
pub use kv::{FdbKv, Options};
