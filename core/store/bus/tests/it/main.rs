//! SUMMARY    Integration tests of the buses and the shared cells, one binary, against real servers that the tests start.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod bus;
mod server;

#[cfg(feature = "redis")]
mod cells;
#[cfg(feature = "kafka")]
mod kafka;
#[cfg(feature = "nats")]
mod nats;
#[cfg(feature = "redis")]
mod redis;
