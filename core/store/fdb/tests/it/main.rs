//! SUMMARY    Integration tests of the store on FoundationDB, one binary: through the real client crate against our own library,
//!            and against a live cluster where there is one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod cluster;
mod deployment;
mod ending;
mod faults;
mod live;
mod suite;
