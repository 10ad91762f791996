//! SUMMARY    Where a repository is kept: a trait for named bytes, a folder and memory behind it.
//! SECURITY   Names are checked before they touch a path: lower-case words, no `..`, no absolute path, no hidden file.
//! LIMITS     DEPOT_NAME_BYTES_MAX, DEPOT_BYTES_MAX, DEPOT_DEPTH_MAX
//! INVARIANTS After `put` returned, the bytes survive a crash, whole; before, the name has what it had. A depot knows nothing
//!            of what it keeps.

mod folder;
mod memory;

pub use folder::FolderDepot;
pub use memory::MemoryDepot;

use crate::limits::DEPOT_NAME_BYTES_MAX;
use base::{Kind, Timestamp};
use bytes::Bytes;
use std::{error::Error as StdError, fmt, future::Future, pin::Pin, time::Duration};

/// A future that is told apart by nothing but its result.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A name of a depot as `list` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub name: String,
    pub bytes: u64,
    pub modified: Timestamp,
}

/// Why an operation of a depot failed.
#[derive(Debug)]
pub enum DepotError {
    Missing(String),
    BadName(String),
    /// There is no room for more.
    Full(String),
    /// Something that trying again does not change: rights, a bucket that is not there, more bytes than may be.
    Refused {
        name: String,
        source: Box<dyn StdError + Send + Sync>,
    },
    /// Something that may pass: a device, a network, a server.
    Io {
        name: String,
        source: Box<dyn StdError + Send + Sync>,
    },
}

impl DepotError {
    /// What it means to a caller.
    pub fn kind(&self) -> Kind {
        match self {
            DepotError::Missing(_) => Kind::NotFound,
            DepotError::BadName(_) => Kind::Invalid,
            DepotError::Full(_) => Kind::StorageFull,
            DepotError::Refused { .. } => Kind::Forbidden,
            DepotError::Io { .. } => Kind::Unavailable,
        }
    }

    /// Whether the same operation can succeed later.
    pub fn is_temporary(&self) -> bool {
        self.kind().is_temporary()
    }
}

impl fmt::Display for DepotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DepotError::Missing(name) => write!(f, "the depot has no {name}"),
            DepotError::BadName(name) => write!(f, "{name:?} is no name for a depot"),
            DepotError::Full(name) => write!(f, "the depot has no room for {name}"),
            DepotError::Refused { name, source } => write!(f, "the depot refuses {name}: {source}"),
            DepotError::Io { name, source } => write!(f, "{name} of the depot: {source}"),
        }
    }
}

impl StdError for DepotError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            DepotError::Refused { source, .. } | DepotError::Io { source, .. } => Some(source.as_ref()),
            DepotError::Missing(_) | DepotError::BadName(_) | DepotError::Full(_) => None,
        }
    }
}

/// Named bytes: all that a repository asks of what it is kept in.
pub trait Depot: Send + Sync + 'static {
    /// Whole or not at all, and durable when it returned. The same name again is replaced.
    fn put(&self, name: &str, bytes: Bytes) -> BoxFuture<'_, Result<(), DepotError>>;
    /// All bytes of a name; of more than DEPOT_BYTES_MAX, which is none of ours, `Refused`.
    fn get(&self, name: &str) -> BoxFuture<'_, Result<Bytes, DepotError>>;
    /// The first `limit` names that begin with `prefix` (empty, or ends with `/`) and come behind `after`, sorted by their bytes.
    /// Fewer than `limit`: there are no more.
    fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> BoxFuture<'_, Result<Vec<Found>, DepotError>>;
    /// Durable when it returned: what is deleted first stays deleted, whatever comes next. What does not exist is deleted.
    fn delete(&self, name: &str) -> BoxFuture<'_, Result<(), DepotError>>;
    /// Where it is, for people.
    fn describe(&self) -> String;
    /// Removes what puts left behind that never ended and are older than `age`; how many. Depots that do so themselves have
    /// nothing to do.
    fn sweep_unfinished(&self, _now: Timestamp, _age: Duration) -> BoxFuture<'_, Result<usize, DepotError>> {
        Box::pin(std::future::ready(Ok(0)))
    }
}

/// Words of lower-case letters, digits, `-`, `_` and inner dots, joined by single slashes: for every depot to ask.
pub fn validate_name(name: &str) -> Result<(), DepotError> {
    let is_word = |word: &str| {
        !word.is_empty()
            && !word.starts_with('.')
            && !word.ends_with('.')
            && word.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.'))
    };
    match name.len() <= DEPOT_NAME_BYTES_MAX && name.split('/').all(is_word) {
        true => Ok(()),
        false => Err(DepotError::BadName(name.to_owned())),
    }
}

/// A prefix of `list`: nothing, or names of folders with a slash behind each.
pub fn validate_prefix(prefix: &str) -> Result<(), DepotError> {
    match prefix.strip_suffix('/') {
        Some(folder) => validate_name(folder).map_err(|_| DepotError::BadName(prefix.to_owned())),
        None if prefix.is_empty() => Ok(()),
        None => Err(DepotError::BadName(prefix.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn memory_and_folders_keep_the_promise_of_a_depot() {
        crate::conformance::check(&MemoryDepot::default()).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        crate::conformance::check(&FolderDepot::open(folder.path()).unwrap()).await.unwrap();
    }

    #[test]
    fn names_are_words_that_no_path_is_hurt_by() {
        for name in ["a", "chunk/0f/0f3c", "object/packs/a-b_c.pack"] {
            assert!(validate_name(name).is_ok(), "{name}");
        }
        for name in ["", "/a", "a/", "a//b", "..", "a/../b", ".a", "a.", "A", "a b", "a\\b", "a\0", &"a".repeat(600)] {
            assert!(validate_name(name).is_err(), "{name}");
        }
        assert!(validate_prefix("").is_ok() && validate_prefix("chunk/00/").is_ok());
        for prefix in ["chunk", "/", "../", "a//"] {
            assert!(validate_prefix(prefix).is_err(), "{prefix}");
        }
    }
}
