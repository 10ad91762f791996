//! SUMMARY    Integration tests of the formats, one binary; `harness` holds what the fuzz targets run as well.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests fail by panicking")]

mod intake;
mod layout;
mod manifest;
mod mbox;
mod metadata;
mod round_trip;
mod zip;
mod zip_read;
