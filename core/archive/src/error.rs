//! SUMMARY    What can be wrong with an archive, by kind.

use std::fmt;

use base::Kind;

/// Why something was not written or not read.
#[derive(Debug)]
pub enum Error {
    /// A named limit was reached.
    Limit(&'static str),
    /// A name that cannot stand in an archive, and why.
    Name { name: String, why: &'static str },
    /// Two entries whose names some file system takes for the same.
    Twice(String),
    /// Calls in an order that makes no archive: an error of the caller.
    Order(&'static str),
    /// Bytes other than those that were announced.
    Changed(&'static str),
    /// What was read is not of its format.
    Format(String),
    /// A manifest of a version that this release does not know.
    Version { major: u32, known: u32 },
    /// A signature that is none of the keys', or none at all.
    Signature(&'static str),
    /// The manifest knows no such file.
    Unknown(String),
}

impl Error {
    /// What it means to a caller.
    pub fn kind(&self) -> Kind {
        match self {
            Error::Limit(_) => Kind::LimitExceeded,
            Error::Name { .. } | Error::Format(_) | Error::Version { .. } => Kind::Invalid,
            Error::Twice(_) => Kind::AlreadyExists,
            Error::Order(_) => Kind::Invalid,
            Error::Changed(_) => Kind::Corrupt,
            Error::Signature(_) => Kind::Forbidden,
            Error::Unknown(_) => Kind::NotFound,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Limit(name) => write!(f, "the limit {name} was reached"),
            Error::Name { name, why } => write!(f, "{name:?} cannot be a name in an archive: {why}"),
            Error::Twice(name) => write!(f, "{name:?} stands in the archive already, perhaps in other letters"),
            Error::Order(why) | Error::Changed(why) | Error::Signature(why) => f.write_str(why),
            Error::Format(why) => f.write_str(why),
            Error::Version { major, known } => write!(
                f,
                "the manifest has format version {major}, and this release knows versions up to {known}: use a newer release"
            ),
            Error::Unknown(name) => write!(f, "the manifest has no file {name:?}"),
        }
    }
}
impl std::error::Error for Error {}

impl From<serde_json::Error> for Error {
    fn from(e: serde_json::Error) -> Self {
        Error::Format(e.to_string())
    }
}
