//! SUMMARY    Every limit of a repository of backups.

use std::time::Duration;

/// Bytes of encoded rows below which no chunk is cut. Cutting decides what is stored once: with other numbers the same rows
/// make other chunks, and everything is stored anew.
pub const CHUNK_BYTES_MIN: usize = 256 * 1024;
/// Bytes of encoded rows that a chunk has on average.
pub const CHUNK_BYTES_AVERAGE: usize = 1024 * 1024;
/// Bytes of encoded rows of a chunk of several rows. A row that is bigger has a chunk of its own.
pub const CHUNK_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Key and value of one row, bytes.
pub const ROW_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Key of one row, bytes: a list names two of each chunk.
pub const ROW_KEY_BYTES_MAX: usize = 16 * 1024;
/// As CHUNK_BYTES_MIN, of a page of a list.
pub const LIST_BYTES_MIN: usize = 16 * 1024;
/// As CHUNK_BYTES_AVERAGE, of a page of a list.
pub const LIST_BYTES_AVERAGE: usize = 64 * 1024;
/// As CHUNK_BYTES_MAX, of a page of a list. It holds at least LIST_ROWS_MIN of the longest entries.
pub const LIST_BYTES_MAX: usize = 512 * 1024;
/// Entries of every page of a list but the last of its level, so that each level has fewer pages than the one below.
pub const LIST_ROWS_MIN: u64 = 4;
/// Levels of lists above the rows: more than LIST_ROWS_MIN to that power are never written.
pub const LIST_LEVELS_MAX: u32 = 32;
/// Chunks (and objects) that one backup seals and puts, one reader fetches or one verification reads at once.
pub const CHUNKS_IN_FLIGHT_MAX: usize = 4;
/// Bytes of one object that is stored as it is.
pub const OBJECT_BYTES_MAX: u64 = 512 * 1024 * 1024;
/// Bytes of a name in a depot.
pub const DEPOT_NAME_BYTES_MAX: usize = 512;
/// Bytes of what a depot gives back at once: an object, or a row in its seal.
pub const DEPOT_BYTES_MAX: u64 = 576 * 1024 * 1024;
/// Names that are asked for at once when a depot is listed.
pub const DEPOT_PAGE: usize = 10_000;
/// Levels of folders in a depot.
pub const DEPOT_DEPTH_MAX: usize = 32;
/// Chunks, pages of lists and objects of one repository: what a backup, a verification or a prune holds the names of.
pub const REPOSITORY_NAMES_MAX: usize = 64 * 1024 * 1024;
/// Streams of one snapshot: their names and places stand in memory until it is finished.
pub const STREAMS_MAX: usize = 1024 * 1024;
/// Objects of one snapshot: as STREAMS_MAX.
pub const OBJECTS_MAX: usize = 1024 * 1024;
/// Bytes of the name or the kind of a stream.
pub const STREAM_NAME_BYTES_MAX: usize = 1024;
/// Bytes of all facts of a snapshot, names and values.
pub const FACTS_BYTES_MAX: usize = 64 * 1024;
/// Bytes of `repository.json`, a manifest or a lock.
pub const MANIFEST_BYTES_MAX: usize = 1024 * 1024;
/// Snapshots of a repository.
pub const SNAPSHOTS_MAX: usize = 100_000;
/// Locks of a repository, those left behind included.
pub const LOCKS_MAX: usize = 10_000;
/// Streams or objects that are listed at once.
pub const LISTED_MAX: usize = 10_000;
/// Problems that a verification tells in words; it counts them all.
pub const PROBLEMS_MAX: usize = 1_000;
/// After how many milliseconds without a word from it a lock counts for nothing, and its holder gives up: 1 hour.
pub const LOCK_STALE_MS: u64 = 60 * 60 * 1_000;
/// How often a lock is refreshed, milliseconds: often enough that a few failures do not make it stale.
pub const LOCK_REFRESH_MS: u64 = 10 * 60 * 1_000;

/// LOCK_STALE_MS as a duration.
pub const LOCK_STALE: Duration = Duration::from_millis(LOCK_STALE_MS);
/// LOCK_REFRESH_MS as a duration.
pub const LOCK_REFRESH: Duration = Duration::from_millis(LOCK_REFRESH_MS);
