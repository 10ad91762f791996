//! SUMMARY    Integration tests of the codecs, one binary; `harness` holds what the fuzz targets run as well.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests fail by panicking")]

mod imap;
mod mime;
mod sasl;
mod smtp;
