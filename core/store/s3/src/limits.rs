//! SUMMARY    Every limit of the object store and of its cache by its name. Report the name when one is hit.

/// Largest object that is put in one request, bytes: a usual pack, which is closed by the message that brings it to 16 MiB, is one PUT, and so
/// is the pack of one message of 25 MB.
pub const S3_PUT_BYTES_MAX: usize = 32 << 20;
/// Bytes of a part of a larger one (the last one may be smaller). S3 takes 5 MiB and more.
pub const S3_PART_BYTES: usize = 16 << 20;
/// Parts of one object on their way at a time.
pub const S3_PARTS_AT_ONCE_MAX: usize = 2;
/// Parts of one object (S3's own limit).
pub const S3_PARTS_MAX: usize = 10_000;
/// Keys or uploads of one page of a listing (S3's own limit).
pub const S3_PAGE_MAX: i32 = 1_000;
/// Longest wait for a connection, milliseconds.
pub const S3_CONNECT_MS_MAX: u64 = 3_000;
/// Longest attempt with its body, milliseconds.
pub const S3_ATTEMPT_MS_MAX: u64 = 30_000;
/// Longest request with all its attempts, milliseconds.
pub const S3_REQUEST_MS_MAX: u64 = 90_000;
/// Attempts of one request.
pub const S3_ATTEMPTS_MAX: u32 = 5;
/// Shortest and longest wait between two attempts, milliseconds; jitter takes up to half of it away.
pub const S3_BACKOFF_MS_MIN: u64 = 50;
pub const S3_BACKOFF_MS_MAX: u64 = 5_000;
/// Tokens that all requests of a client share: a repetition costs some, a success gives one back.
pub const S3_RETRY_TOKENS_MAX: u32 = 100;
/// Tokens of one repetition.
pub const S3_RETRY_COST: u32 = 5;
/// Failures in a row from which requests are refused without asking the server.
pub const S3_CIRCUIT_FAILURES_MAX: u32 = 10;
/// Shortest and longest time until one request tries again whether the server is back, milliseconds.
pub const S3_CIRCUIT_MS_MIN: u64 = 500;
pub const S3_CIRCUIT_MS_MAX: u64 = 15_000;

/// Aligned piece of an object that the cache keeps, bytes.
pub const CACHE_CHUNK_BYTES: usize = 256 << 10;
/// Longest range that goes through the cache, bytes; a longer one is read past it, so that a compaction does not empty it.
pub const CACHE_RANGE_BYTES_MAX: u64 = 4 << 20;
/// Chunks of one range that are fetched at a time.
pub const CACHE_FETCHES_MAX: usize = 4;
/// Bytes of the cache on disk unless its options say otherwise.
pub const CACHE_BYTES_MAX: u64 = 10 << 30;
/// Part of the cache that one object may take when it is written: one in so many. A larger one is not kept.
pub const CACHE_WARM_SHARE_MAX: u64 = 8;
/// What a file takes on disk at least, bytes.
pub const CACHE_FILE_BYTES_MIN: u64 = 4_096;
/// Free bytes of the disk below which the cache writes nothing.
pub const CACHE_FREE_BYTES_MIN: u64 = 1 << 30;
/// Time for which nothing is written after the disk refused, milliseconds.
pub const CACHE_PAUSE_MS: u64 = 10_000;
/// How often a chunk that is used is marked so on disk, for the order after a restart, milliseconds.
pub const CACHE_MARK_MS: u64 = 3_600_000;
