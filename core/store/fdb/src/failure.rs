//! SUMMARY    Why a store could not be opened, and FoundationDB's error codes in the words of the contract.
//! INVARIANTS What may have been applied is `Unknown`, also where the client only gave up waiting. What the client calls
//!            retryable is retried; what it does not is fatal.

use fdb_link::LoadError;
use foundationdb::{FdbError, directory::DirectoryError};
use std::{error::Error, fmt};
use store::{CommitError, ReadError};

const TRANSACTION_TOO_OLD: i32 = 1007;
const NOT_COMMITTED: i32 = 1020;
const TRANSACTION_CANCELLED: i32 = 1025;
const TRANSACTION_TIMED_OUT: i32 = 1031;
const OPERATION_CANCELLED: i32 = 1101;
const TRANSACTION_TOO_LARGE: i32 = 2101;
const KEY_TOO_LARGE: i32 = 2102;
const VALUE_TOO_LARGE: i32 = 2103;

/// Why a store could not be opened.
#[derive(Debug)]
pub enum OpenError {
    /// There is no client library, or not the right one.
    Library(LoadError),
    /// The client library did not start; only a new process can try again.
    Network(String),
    /// The cluster file is not to be used, or the cluster did not answer.
    Cluster(FdbError),
    /// The directory of the deployment is not to be used.
    Directory(DirectoryError),
    /// The cluster file's path is not to be handed to C.
    Path,
    /// The directory was in the way of others FDB_OPEN_ATTEMPTS_MAX times.
    Attempts,
    /// The directory's prefix is longer than FDB_PREFIX_BYTES_MAX.
    Prefix,
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OpenError::Library(why) => why.fmt(f),
            OpenError::Network(why) => write!(f, "FoundationDB's client did not start: {why}"),
            OpenError::Cluster(why) => write!(f, "FoundationDB: {}", told(*why)),
            OpenError::Directory(why) => write!(f, "directory in FoundationDB: {why:?}"),
            OpenError::Path => f.write_str("the path of the cluster file is not UTF-8 without zero bytes"),
            OpenError::Attempts => f.write_str("limit FDB_OPEN_ATTEMPTS_MAX"),
            OpenError::Prefix => f.write_str("limit FDB_PREFIX_BYTES_MAX"),
        }
    }
}

impl Error for OpenError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            OpenError::Library(why) => Some(why),
            OpenError::Cluster(why) => Some(why),
            OpenError::Network(_)
            | OpenError::Directory(_)
            | OpenError::Path
            | OpenError::Attempts
            | OpenError::Prefix => None,
        }
    }
}

/// The client's sentence with its code.
pub(crate) fn told(why: FdbError) -> String {
    format!("{} ({})", why.message(), why.code())
}

pub(crate) fn read_error(why: FdbError) -> ReadError {
    match why.code() {
        TRANSACTION_TOO_OLD => ReadError::TooOld,
        KEY_TOO_LARGE => ReadError::KeyTooLarge,
        // A fresh transaction may read what this one could not; older than the contract allows is the nearest that it can say.
        _ if why.is_retryable() => ReadError::TooOld,
        _ => ReadError::Fatal(told(why)),
    }
}

pub(crate) fn commit_error(why: FdbError) -> CommitError {
    match why.code() {
        NOT_COMMITTED => CommitError::Conflict,
        TRANSACTION_TOO_OLD => CommitError::TooOld,
        TRANSACTION_TOO_LARGE => CommitError::TooLarge("KV_TXN_BYTES_MAX"),
        KEY_TOO_LARGE => CommitError::TooLarge("KV_KEY_BYTES_MAX"),
        VALUE_TOO_LARGE => CommitError::TooLarge("KV_VALUE_BYTES_MAX"),
        // Nobody waits any longer, but the commit may be on its way.
        TRANSACTION_TIMED_OUT | TRANSACTION_CANCELLED | OPERATION_CANCELLED => CommitError::Unknown,
        _ if why.is_maybe_committed() => CommitError::Unknown,
        _ if why.is_retryable_not_committed() => CommitError::Conflict,
        _ => CommitError::Fatal(told(why)),
    }
}

/// A word of `store_commit_errors_total`.
pub(crate) fn kind(why: &CommitError) -> &'static str {
    match why {
        CommitError::Conflict => "conflict",
        CommitError::TooOld => "too_old",
        CommitError::TooLarge(_) => "too_large",
        CommitError::Unknown => "unknown",
        CommitError::Fatal(_) => "fatal",
    }
}
