//! SUMMARY    The billing desk over a real database, with a clock that is turned by hand.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests fail by panicking")]

mod catalog;
mod close;
mod concession;
mod coupon;
mod customer;
mod desk;
mod policy;
mod statements;
