//! SUMMARY    The doors over real sockets on the store in memory: what goes in by SMTP comes out by IMAP.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests fail by panicking")]

mod budget;
mod catenate;
mod copy;
mod delegate;
mod ends;
mod expunged;
mod fetch;
mod full;
mod hold;
mod imap;
mod quota;
mod rate;
mod route;
mod smtp;
mod submission;
mod upkeep;
mod world;
