//! SUMMARY    Limits of this store beside those of the contract.

/// Longest prefix of a deployment's directory, bytes; the directory layer gives 2 to 10. With KV_KEY_BYTES_MAX and
/// FDB_STAMP_OFFSET_BYTES it stays below FoundationDB's 10,000.
pub const FDB_PREFIX_BYTES_MAX: usize = 64;
/// Bytes behind a stamped key that tell the cluster where the stamp goes.
pub const FDB_STAMP_OFFSET_BYTES: usize = 4;
/// FoundationDB's longest key, bytes.
pub const FDB_KEY_BYTES_MAX: usize = 10_000;
/// Longest that a transaction waits for the cluster, from its beginning, milliseconds.
pub const FDB_TXN_TIMEOUT_MS: u64 = 2 * base::limits::KV_TXN_MS_MAX;
/// Longest that a look at the cluster's health takes, milliseconds.
pub const FDB_HEALTH_MS_MAX: u64 = 2_000;
/// Attempts to make or open the directory.
pub const FDB_OPEN_ATTEMPTS_MAX: u32 = 64;
/// How often a transaction of reads begins anew before its first answer.
pub const FDB_READS_AGAIN_MAX: u32 = 4;

const _: () = assert!(
    base::limits::KV_KEY_BYTES_MAX + FDB_PREFIX_BYTES_MAX + FDB_STAMP_OFFSET_BYTES <= FDB_KEY_BYTES_MAX,
    "the longest key fits behind the longest prefix"
);
