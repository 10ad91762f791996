//! SUMMARY    Integration tests of the store, one binary.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod big;
mod blob;
mod blob_world;
mod checkpoint;
mod crash;
mod embedded;
mod forget;
mod full;
mod mem;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "postgres")]
mod postgres_server;
