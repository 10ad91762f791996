//! SUMMARY    Refusals and failures: what goes into `userErrors`, what is an error of the whole request.
//! INVARIANTS Top-level errors are for authentication, throttling, malformed queries and our own failures; each has
//!            `extensions.code`. A refusal of what a mutation asks for is a user error with a code of that mutation.

use async_graphql::{Error, ErrorExtensions};
use tenants::Code;

/// An error of the request with its code.
pub(crate) fn top_level(code: &'static str, message: impl Into<String>) -> Error {
    Error::new(message).extend_with(|_, extensions| extensions.set("code", code))
}

/// A failure of ours, or of who asks; `None` when it is a refusal.
pub(crate) fn failure(e: &tenants::Error) -> Option<Error> {
    match e.code {
        Code::Internal => {
            tracing::error!(error = %e, "operation failed");
            Some(top_level("INTERNAL", "The operation failed; try again"))
        }
        Code::Unavailable => Some(top_level("UNAVAILABLE", &e.message)),
        Code::Unauthenticated => Some(top_level("UNAUTHENTICATED", &e.message)),
        Code::Throttled { seconds } => {
            let error = top_level("THROTTLED", &e.message);
            Some(error.extend_with(|_, extensions| extensions.set("retryAfterSeconds", seconds)))
        }
        Code::StepUpRequired => {
            let error = top_level("STEP_UP_REQUIRED", &e.message);
            Some(error.extend_with(|_, extensions| {
                extensions.set("how", "sessionStepUp");
                extensions.set("factors", "me { factors }");
            }))
        }
        Code::NotFound
        | Code::LastOwner
        | Code::InvalidCredentials
        | Code::FactorRequired
        | Code::Invalid
        | Code::Taken
        | Code::LimitReached
        | Code::InUse
        | Code::Held
        | Code::StaleObject
        | Code::IdempotencyMismatch
        | Code::Aborted
        | Code::NotOpen
        | Code::FeatureOff
        | Code::LowContrast
        | Code::Forbidden => None,
    }
}

/// A missing object is null; anything else is an error of the query.
pub(crate) fn found<T>(result: tenants::Result<T>) -> async_graphql::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(e) if e.code == Code::NotFound => Ok(None),
        Err(e) => Err(read_failed(&e)),
    }
}

/// Why a query has no answer.
pub(crate) fn read_failed(e: &tenants::Error) -> Error {
    let code = if e.code == Code::Forbidden { "FORBIDDEN" } else { "INVALID" };
    failure(e).unwrap_or_else(|| top_level(code, &e.message))
}
