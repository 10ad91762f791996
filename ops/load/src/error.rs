//! SUMMARY    What can go wrong while driving a server, told apart by what the driver does about it.

use std::{fmt, io};

/// One failure of a client.
#[derive(Debug)]
pub enum Error {
    /// The connection failed: the outcome of what was under way is unknown.
    Io(io::Error),
    /// The server answered with a refusal (SMTP code, or 0 for IMAP NO/BAD).
    Refused { code: u16, text: String },
    /// The server said something the protocol does not allow.
    Protocol(String),
    /// A check of the run failed, or the run was asked for something impossible.
    Check(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Io(e) => write!(f, "connection: {e}"),
            Error::Refused { code: 0, text } => write!(f, "refused: {text}"),
            Error::Refused { code, text } => write!(f, "refused: {code} {text}"),
            Error::Protocol(text) => write!(f, "protocol: {text}"),
            Error::Check(text) => write!(f, "{text}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Io(e) => Some(e),
            Error::Refused { .. } | Error::Protocol(_) | Error::Check(_) => None,
        }
    }
}

impl From<io::Error> for Error {
    fn from(e: io::Error) -> Self {
        Error::Io(e)
    }
}

impl Error {
    /// How the report counts it.
    pub fn label(&self) -> String {
        match self {
            Error::Io(e) => format!("connection {:?}", e.kind()),
            Error::Refused { code, .. } => format!("{code}"),
            Error::Protocol(_) => "protocol".to_owned(),
            Error::Check(_) => "check".to_owned(),
        }
    }
}

pub type Result<T> = std::result::Result<T, Error>;

pub fn check(text: impl Into<String>) -> Error {
    Error::Check(text.into())
}

pub fn protocol(text: impl Into<String>) -> Error {
    Error::Protocol(text.into())
}
