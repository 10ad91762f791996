//! SUMMARY    Repositories of backups end to end: over a depot in memory that dies, and over bytes that were changed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

mod cut;
mod damage;
mod format;
mod locks;
mod objects;
mod prune;
mod repository;
mod rows;
mod world;
