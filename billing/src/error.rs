//! SUMMARY    Errors of billing: a kind for programs, a text for people.

use std::fmt;

pub type Result<T> = std::result::Result<T, Error>;

/// What is wrong, independent of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The input cannot be right.
    Invalid,
    /// Two amounts of different currencies in one sum.
    Currency,
    /// An amount beyond MINOR_MAX.
    Overflow,
    /// It would break a law of the books: an entry that does not balance, a refund of more than was paid.
    Unlawful,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    pub kind: Kind,
    /// The part of the input that is wrong; empty when it is none of its parts.
    pub field: String,
    pub message: String,
}

impl Error {
    pub fn new(kind: Kind, field: impl Into<String>, message: impl Into<String>) -> Error {
        Error { kind, field: field.into(), message: message.into() }
    }

    pub(crate) fn invalid(field: impl Into<String>, message: impl Into<String>) -> Error {
        Error::new(Kind::Invalid, field, message)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.field.is_empty() { f.write_str(&self.message) } else { write!(f, "{}: {}", self.field, self.message) }
    }
}

impl std::error::Error for Error {}
