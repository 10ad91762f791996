//! SUMMARY    The real binary: started, configured, asked, signalled, stopped.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests fail by panicking")]

mod cli;
mod ctl;
mod full;
mod import;
mod migrate;
mod node;
mod portal;
mod reload;
mod stop;
