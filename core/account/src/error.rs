//! SUMMARY    One error for the room: a kind that decides, a context for the log, the limit that was hit.

use base::Kind;
use std::fmt;

pub type Result<T> = std::result::Result<T, Error>;

/// A failed operation on the tenant keyspace.
#[derive(Debug)]
pub struct Error {
    pub kind: Kind,
    /// What was being done, or the name of the limit; for people and logs, never matched on.
    pub context: String,
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    pub fn new(kind: Kind, context: impl Into<String>) -> Self {
        Error { kind, context: context.into(), source: None }
    }
    /// A named limit of `base::limits` was reached.
    pub fn limit(name: &'static str) -> Self {
        Error::new(Kind::LimitExceeded, name)
    }
    pub fn not_found(what: &'static str) -> Self {
        Error::new(Kind::NotFound, what)
    }
    /// Stored data breaks an invariant.
    pub fn corrupt(what: impl Into<String>) -> Self {
        Error::new(Kind::Corrupt, what)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.kind, self.context)?;
        if let Some(source) = &self.source {
            write!(f, ": {source}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|e| e as _)
    }
}

impl From<store::kv::ReadError> for Error {
    fn from(e: store::kv::ReadError) -> Self {
        let kind = match e {
            store::kv::ReadError::TooOld => Kind::Unavailable,
            store::kv::ReadError::KeyTooLarge => Kind::LimitExceeded,
            store::kv::ReadError::Fatal(_) => Kind::Unavailable,
        };
        Error { kind, context: "read".into(), source: Some(Box::new(e)) }
    }
}

impl From<store::kv::CommitError> for Error {
    fn from(e: store::kv::CommitError) -> Self {
        use store::kv::CommitError as C;
        let kind = match e {
            C::Conflict | C::TooOld | C::Unknown | C::Fatal(_) => Kind::Unavailable,
            C::TooLarge(_) => Kind::LimitExceeded,
        };
        Error { kind, context: "commit".into(), source: Some(Box::new(e)) }
    }
}

impl From<store::blob::BlobError> for Error {
    fn from(e: store::blob::BlobError) -> Self {
        use store::blob::BlobError as B;
        match e {
            B::Read(e) => e.into(),
            B::Commit(e) => e.into(),
            B::NotFound => Error::not_found("blob"),
            B::Corrupt(_) => Error { kind: Kind::Corrupt, context: "blob".into(), source: Some(Box::new(e)) },
            B::Objects(_) | B::NotStaged => {
                Error { kind: Kind::Unavailable, context: "blob".into(), source: Some(Box::new(e)) }
            }
        }
    }
}
