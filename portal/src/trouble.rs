//! SUMMARY    Why there is no page as asked for.

use serde_json::Value;

/// What stands between a visitor and a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Nobody is signed in, or the session has ended.
    SignedOut,
    /// Signed in, and not let in; says why.
    Forbidden(String),
    /// A factor must be verified again first.
    StepUp,
    /// Too many requests.
    Throttled,
    /// The mail server does not answer the API.
    Away,
    /// There is no such thing, or it is somebody else's.
    NotFound,
    /// The form is not one of ours.
    Foreign,
    /// The API does not answer as it should; said in the log.
    Broken,
}

impl Trouble {
    /// Of an answer without data.
    pub(crate) fn of(body: &Value) -> Trouble {
        let error = body.pointer("/errors/0");
        let text = |path: &str| error.and_then(|e| e.pointer(path)).and_then(Value::as_str).unwrap_or_default();
        match text("/extensions/code") {
            "UNAUTHENTICATED" => Trouble::SignedOut,
            "FORBIDDEN" => Trouble::Forbidden(text("/message").to_owned()),
            "STEP_UP_REQUIRED" => Trouble::StepUp,
            "THROTTLED" => Trouble::Throttled,
            "UNAVAILABLE" => Trouble::Away,
            // An id or a place in a list that is none.
            "INVALID" => Trouble::NotFound,
            code => {
                tracing::error!(code, message = text("/message"), "portal: an operation has no answer");
                Trouble::Broken
            }
        }
    }
}
