//! SUMMARY    Integration tests of the objects on S3 and of their cache, one binary. Those of S3 run against a real SeaweedFS that the test
//!            starts, once for all of them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod cache;
mod packs;
mod proxy;
mod s3;
mod tls;
mod weed;
