//! SUMMARY    Migrations: from our own server and from scripted ones, cut off anywhere, followed, attacked.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests fail by panicking")]

mod again;
mod delta;
mod hostile;
mod people;
mod scripted;
mod whole;
mod world;
