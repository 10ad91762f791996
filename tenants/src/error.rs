//! SUMMARY    Errors of the control plane: a stable code for programs, a text for people.

use std::fmt;

pub type Result<T> = std::result::Result<T, Error>;

/// Stable codes, shown in `userErrors`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum Code {
    NotFound,
    Invalid,
    /// The address or domain has an owner.
    Taken,
    /// A limit of the tenant is reached.
    LimitReached,
    /// It still has parts that must go first.
    InUse,
    /// A hold keeps it.
    Held,
    /// `expectedVersion` is not the object's version.
    StaleObject,
    /// The idempotency key was used with another input.
    IdempotencyMismatch,
    /// Another item of the bulk was refused, and all or nothing was asked for.
    Aborted,
    /// The token is missing, wrong, expired or revoked.
    Unauthenticated,
    /// The token may not do this.
    Forbidden,
    /// The tenant would be left without an owner.
    LastOwner,
    /// Too often; it is possible again after so many seconds.
    Throttled {
        seconds: u32,
    },
    /// A factor must be verified again first. The message says which ones can be.
    StepUpRequired,
    /// What was given to sign in is wrong, whatever of it.
    InvalidCredentials,
    /// The password is right; a second factor is needed too.
    FactorRequired,
    /// Colours that cannot be told from what stands beside them. The message has the ratio and a colour that can.
    LowContrast,
    /// Nobody signs up here, or not without an invite code.
    NotOpen,
    /// The operator has switched it off for the tenant.
    FeatureOff,
    /// The data plane does not answer.
    Unavailable,
    /// The database failed.
    Internal,
}

impl Code {
    /// As answers in files spell it.
    pub fn name(self) -> &'static str {
        match self {
            Code::NotFound => "NOT_FOUND",
            Code::Invalid => "INVALID",
            Code::Taken => "TAKEN",
            Code::LimitReached => "LIMIT_REACHED",
            Code::InUse => "IN_USE",
            Code::Held => "HELD",
            Code::StaleObject => "STALE_OBJECT",
            Code::IdempotencyMismatch => "IDEMPOTENCY_MISMATCH",
            Code::Aborted => "ABORTED",
            Code::Unauthenticated => "UNAUTHENTICATED",
            Code::Forbidden => "FORBIDDEN",
            Code::LastOwner => "LAST_OWNER",
            Code::Throttled { .. } => "THROTTLED",
            Code::StepUpRequired => "STEP_UP_REQUIRED",
            Code::InvalidCredentials => "INVALID_CREDENTIALS",
            Code::FactorRequired => "FACTOR_REQUIRED",
            Code::LowContrast => "LOW_CONTRAST",
            Code::NotOpen => "NOT_OPEN",
            Code::FeatureOff => "FEATURE_OFF",
            Code::Unavailable => "UNAVAILABLE",
            Code::Internal => "INTERNAL",
        }
    }
}

/// A refused operation.
#[derive(Debug, Clone)]
pub struct Error {
    pub code: Code,
    /// Argument it is about; empty when about the whole.
    pub field: &'static str,
    pub message: String,
}

impl Error {
    pub fn new(code: Code, field: &'static str, message: impl Into<String>) -> Self {
        Error { code, field, message: message.into() }
    }
    /// The same about another argument, when it does not exist.
    pub fn missing(self, field: &'static str) -> Self {
        if self.code == Code::NotFound { Error::not_found(field) } else { self }
    }
    /// The same of a domain by name that was asked for by an address.
    pub(crate) fn of_address(self) -> Self {
        if self.field == "name" { Error { field: "address", ..self } } else { self }
    }
    pub fn not_found(field: &'static str) -> Self {
        Error::new(Code::NotFound, field, "It does not exist")
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.code, self.message)
    }
}
impl std::error::Error for Error {}

/// What is wrong with the database is for the log.
pub(crate) fn failed(why: impl fmt::Display) -> Error {
    tracing::error!(error = %why, "sql");
    Error::new(Code::Internal, "", "The database failed, try again")
}

/// The database is taken by others for too long.
pub(crate) fn busy() -> Error {
    Error::new(Code::Internal, "", "The database is busy, try again")
}

impl From<rusqlite::Error> for Error {
    fn from(e: rusqlite::Error) -> Self {
        failed(e)
    }
}

impl From<sqlx::Error> for Error {
    fn from(e: sqlx::Error) -> Self {
        failed(e)
    }
}
