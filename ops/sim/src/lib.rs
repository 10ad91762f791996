//! SUMMARY    Simulation: seeded worlds of several tenants and nodes over one failing store, checked against what clients were told.
//! LIMITS     tap::TXN_CALLS_MAX
//! INVARIANTS A seed replays over a store in memory: no socket, no thread, no wall clock. Over FoundationDB its client has them. Rules are checked over what is stored, read by a process that
//!            has just begun; the model knows only what clients were told.

mod act;
mod choose;
mod client;
mod clock;
pub mod cost;
mod expect;
mod model;
pub mod money;
mod post;
mod run;
pub mod scale;
mod scan;
mod stores;
mod tap;
mod world;

pub use run::{Failure, Report, run};
pub use stores::{Backend, Library};
pub use world::{Options, Spoil};

/// Seeds that once failed, each with what it found; they run with every test.
pub const PINNED: &[(u64, &str)] = &[
    (45, "an alias whose targets were all over quota was acknowledged, and nobody had the message"),
    (1471, "an older copy of a message was removed beside its second delivery, and the model missed one"),
];
