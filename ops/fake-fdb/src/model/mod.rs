//! SUMMARY    What the library does, without a raw pointer: clusters, transactions, futures, the network thread.

pub mod cluster;
pub mod code;
pub mod commit;
pub mod fault;
pub mod future;
pub mod limit;
pub mod mutation;
pub mod network;
pub mod option;
pub mod ranges;
pub mod read;
pub mod selector;
pub mod transaction;

mod wait;
mod write;
