//! SUMMARY    Buses between the nodes of a cluster (NATS, Redis, Kafka, Zenoh) and rate cells that nodes share (Redis), behind the
//!            traits of `store`.
//! SECURITY   Whoever may write to the bus can make nodes re-read, and nothing else: messages carry no authority. Names of topics and
//!            cells come from hostile traffic: they are hashed or written as hexadecimal digits before they leave the process.
//! INVARIANTS No mail waits for a bus or a cache, and none is refused because one is away.

#![cfg_attr(
    not(any(feature = "kafka", feature = "nats", feature = "redis", feature = "zenoh")),
    allow(dead_code, reason = "no bus is switched on")
)]

mod frame;
pub mod limits;
mod remote;

#[cfg(feature = "kafka")]
mod kafka;
#[cfg(feature = "nats")]
mod nats;
#[cfg(feature = "redis")]
mod redis;
#[cfg(feature = "zenoh")]
mod zenoh;

#[cfg(feature = "kafka")]
pub use kafka::{KafkaBus, KafkaLogin, KafkaOptions};
#[cfg(feature = "nats")]
pub use nats::{NatsBus, NatsLogin, NatsOptions};
#[cfg(feature = "redis")]
pub use redis::{RedisBus, RedisEphemeral, RedisOptions};
#[cfg(feature = "zenoh")]
pub use zenoh::{ZenohBus, ZenohOptions};
