//! SUMMARY    The billing desk over a real database, with a clock that is turned by hand.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests fail by panicking")]

mod buy;
mod calls;
mod catalog;
mod close;
mod concession;
mod coupon;
mod customer;
mod debt;
mod desk;
mod double;
mod gone;
mod hear;
mod meter;
mod money;
mod news;
mod order;
mod policy;
mod redeem;
mod statements;
mod town;
mod truth;
