//! SUMMARY    Integration tests of our FoundationDB library, one binary. FoundationDB's own binding tests it from outside
//!            (ops/interop/foundationdb.py).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod abi;
mod cluster;
mod ranges;
mod shared;
