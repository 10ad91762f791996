//! SUMMARY    The errors of this crate, and what each means to a caller.

use crate::{depot::DepotError, lock::LockKind};
use base::{Kind, Timestamp};
use std::{error::Error as StdError, fmt};

/// What an operation of a repository gives.
pub type Result<T> = std::result::Result<T, Error>;

/// Why an operation of a repository failed.
#[derive(Debug)]
pub enum Error {
    Depot(DepotError),
    /// The depot has no repository; where it is.
    NoRepository(String),
    /// The depot has a repository, or something else; where it is, and what was found.
    Occupied {
        depot: String,
        found: String,
    },
    /// The repository is whole and has another key.
    WrongKey,
    /// Written by a program that is newer than this one: the version that was found.
    NewerFormat(u32),
    /// What is stored under a name is not what was put.
    Damaged {
        name: String,
        why: &'static str,
    },
    /// Somebody else is at work.
    Locked {
        kind: LockKind,
        /// When its holder said last that it lives.
        refreshed: Timestamp,
        since: Timestamp,
    },
    /// Our own lock was removed, or not refreshed for LOCK_STALE_MS: what was put may be gone.
    LockLost,
    NoSnapshot(String),
    NoStream(String),
    NoObject(String),
    /// A row's key is not behind the one before.
    Order(String),
    /// The limit that was reached, by its name.
    Limit(&'static str),
    /// An object is immutable, and has other bytes than it had in an earlier snapshot.
    Changed(String),
    /// Whoever was asked for the bytes of an object did not give them.
    Source {
        name: String,
        source: Box<dyn StdError + Send + Sync>,
    },
    /// What was asked for cannot be right.
    Invalid(String),
    /// The machine has no randomness, or a thread died.
    Machine(String),
}

impl Error {
    /// What it means to a caller.
    pub fn kind(&self) -> Kind {
        match self {
            Error::Depot(why) => why.kind(),
            Error::NoRepository(_) | Error::NoSnapshot(_) | Error::NoStream(_) | Error::NoObject(_) => Kind::NotFound,
            Error::Occupied { .. } => Kind::AlreadyExists,
            Error::WrongKey => Kind::Forbidden,
            Error::NewerFormat(_) | Error::Order(_) | Error::Invalid(_) => Kind::Invalid,
            Error::Damaged { .. } | Error::Changed(_) => Kind::Corrupt,
            Error::Locked { .. } | Error::LockLost | Error::Source { .. } | Error::Machine(_) => Kind::Unavailable,
            Error::Limit(_) => Kind::LimitExceeded,
        }
    }

    pub(crate) fn damaged(name: impl Into<String>, why: &'static str) -> Error {
        Error::Damaged { name: name.into(), why }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Depot(why) => why.fmt(f),
            Error::NoRepository(depot) => write!(f, "there is no repository of backups in {depot}"),
            Error::Occupied { depot, found } => {
                write!(f, "{depot} is not empty: it has {found}; a repository is created where there is nothing")
            }
            Error::WrongKey => f.write_str("the key is not the one of this repository"),
            Error::NewerFormat(found) => {
                write!(f, "the repository has format {found}, which a newer version of this program reads")
            }
            Error::Damaged { name, why } => write!(f, "{name} of the repository is damaged: {why}"),
            Error::Locked { kind, refreshed, since } => write!(
                f,
                "a {kind} is at work in the repository since {}, and said so last at {}; if it is none, because its process \
                 died, remove its lock (--unlock) or wait an hour",
                Utc(*since),
                Utc(*refreshed)
            ),
            Error::LockLost => f.write_str(
                "the lock in the repository was removed, or its holder was away for an hour: begin again, what was stored is used",
            ),
            Error::NoSnapshot(id) => write!(f, "the repository has no snapshot {id}"),
            Error::NoStream(name) => write!(f, "the snapshot has no stream {name:?}"),
            Error::NoObject(name) => write!(f, "the snapshot has no object {name:?}"),
            Error::Order(stream) => write!(f, "the rows of stream {stream:?} do not come in the order of their keys"),
            Error::Limit(name) => write!(f, "the limit {name} is reached"),
            Error::Changed(name) => write!(f, "object {name:?} has other bytes than in an earlier snapshot"),
            Error::Source { name, source } => write!(f, "object {name:?} could not be read: {source}"),
            Error::Invalid(why) => f.write_str(why),
            Error::Machine(why) => f.write_str(why),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Error::Depot(why) => Some(why),
            Error::Source { source, .. } => Some(source.as_ref()),
            Error::NoRepository(_)
            | Error::Occupied { .. }
            | Error::WrongKey
            | Error::NewerFormat(_)
            | Error::Damaged { .. }
            | Error::Locked { .. }
            | Error::LockLost
            | Error::NoSnapshot(_)
            | Error::NoStream(_)
            | Error::NoObject(_)
            | Error::Order(_)
            | Error::Limit(_)
            | Error::Changed(_)
            | Error::Invalid(_)
            | Error::Machine(_) => None,
        }
    }
}

impl From<DepotError> for Error {
    fn from(why: DepotError) -> Self {
        Error::Depot(why)
    }
}

/// A time as people read it.
struct Utc(Timestamp);

impl fmt::Display for Utc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_second(self.0.secs()) {
            Ok(at) => at.fmt(f),
            Err(_) => write!(f, "{} ms", self.0.0),
        }
    }
}

/// Runs what takes milliseconds where nobody waits behind it.
pub(crate) async fn apart<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|why| Error::Machine(why.to_string()))?
}
