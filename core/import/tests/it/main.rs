//! SUMMARY    Imports end to end: over a store in memory, from archives of our own exporter and from files of other programs.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests fail by panicking")]

mod again;
mod foreign;
mod refuse;
mod round;
mod world;
