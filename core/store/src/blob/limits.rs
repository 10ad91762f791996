//! SUMMARY    Limits of the blob tier beside those of `base`.

/// Longest that a big blob's way to the objects may hold up its delivery, milliseconds; after that it goes into the Kv. A client waits
/// ten minutes for the answer to its message (RFC 5321 §4.5.3.2.6).
pub const BLOB_AHEAD_MS_MAX: u64 = 15_000;
/// Time for which big blobs go into the Kv after the objects did not take one, milliseconds.
pub const BLOB_AHEAD_PAUSE_MS: u64 = 30_000;
