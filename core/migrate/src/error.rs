//! SUMMARY    Why a migration, or a part of it, does not go on.

use std::fmt;

/// By what can be done.
#[derive(Debug)]
pub enum Error {
    /// The connection is gone or of no use: another one may do better.
    Lost(String),
    /// What it sends is no IMAP, or more than anybody needs: another connection will hardly do better.
    Garbled(String),
    /// The source refuses this user, or cannot be trusted: somebody has to look at it.
    Refused(String),
    /// The source does not do one thing that was asked; the connection is fine.
    Denied(String),
    /// The account here: its quota, its limits, the store.
    Here(mail::Error),
}

pub type Result<T> = std::result::Result<T, Error>;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Lost(why) => write!(f, "the connection to the source: {why}"),
            Error::Garbled(why) => write!(f, "the source cannot be understood: {why}"),
            Error::Refused(why) => write!(f, "the source refuses: {why}"),
            Error::Denied(why) => write!(f, "the source answers: {why}"),
            Error::Here(why) => write!(f, "{}", why.context),
        }
    }
}

impl std::error::Error for Error {}

impl From<mail::Error> for Error {
    fn from(why: mail::Error) -> Self {
        Error::Here(why)
    }
}
