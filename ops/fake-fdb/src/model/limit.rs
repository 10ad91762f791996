//! SUMMARY    FoundationDB's own limits, as its client and its cluster enforce them.

/// Versions that a second has.
pub const VERSIONS_PER_SECOND: i64 = 1_000_000;
/// Age, in versions, at which reads and commits end with 1007.
pub const LIFE_VERSIONS_MAX: i64 = 5 * VERSIONS_PER_SECOND;
/// Longest key, bytes.
pub const KEY_BYTES_MAX: usize = 10_000;
/// Longest value, bytes.
pub const VALUE_BYTES_MAX: usize = 100_000;
/// Largest transaction, bytes of mutations and conflict ranges.
pub const TRANSACTION_BYTES_MAX: usize = 10_000_000;
/// What each mutation or conflict range counts beside its keys and value.
pub const ROW_OVERHEAD_BYTES: usize = 24;
/// Bytes of one answer of a storage server.
pub const REPLY_BYTES_MAX: usize = 80_000;
/// Watches of one database.
pub const WATCHES_MAX: usize = 10_000;
/// First and longest wait of `on_error`, milliseconds.
pub const BACKOFF_MS_MIN: u64 = 1;
pub const BACKOFF_MS_MAX: u64 = 1_000;
/// The newest API version that is spoken, and the oldest.
pub const API_VERSION_MAX: i32 = 730;
pub const API_VERSION_MIN: i32 = 700;
/// Longest frame between a client and the server of a shared cluster, bytes: a transaction, and what batches with it.
pub const FRAME_BYTES_MAX: usize = 256_000_000;
/// What the server keeps for a client that does not read; then it is cut off.
pub const BACKLOG_BYTES_MAX: usize = 1_000_000_000;
