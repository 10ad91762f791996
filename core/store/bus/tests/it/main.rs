//! SUMMARY    Integration tests of the buses and the shared cells, one binary, against real servers that the tests start.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
#![cfg_attr(
    not(all(feature = "nats", feature = "redis", feature = "kafka")),
    allow(dead_code, reason = "what the tests of one bus need is there for all")
)]

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
#[cfg(feature = "zenoh")]
mod zenoh;
