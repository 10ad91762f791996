//! SUMMARY    Exports end to end: over a store in memory, with mail that comes and goes meanwhile.

mod cut;
mod export;
mod world;
