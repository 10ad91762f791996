//! SUMMARY    The adapter against a Stripe of our own, over HTTP.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests fail by panicking")]

mod buy;
mod catalog;
mod failure;
mod kept;
mod life;
mod money;
mod webhook;
mod world;
