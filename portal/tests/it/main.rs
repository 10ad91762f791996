//! SUMMARY    The pages over a stub of the API: what a browser is told, what is refused, what every page keeps to.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests fail by panicking")]

mod access;
mod answers;
mod billing;
mod brand;
mod console;
mod export;
mod forms;
mod mail;
mod means;
mod moving;
mod pages;
mod privacy;
mod sell;
mod sessions;
mod set_up;
mod signup;
mod sold;
mod stub;
mod texts;
mod trace;
mod watch;
mod words;
