//! SUMMARY    The billing desk over a real SQLite file, a recording data plane and a till.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests fail by panicking")]

mod buy;
mod calls;
mod debt;
mod desk;
mod double;
mod hear;
mod money;
mod order;
mod truth;
