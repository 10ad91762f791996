//! SUMMARY    Exports end to end: over a store in memory, with mail that comes and goes meanwhile.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests fail by panicking")]

mod cut;
mod export;
mod papers;
mod world;
