//! SUMMARY    Errors as SCIM tells them.
//! STANDARDS  RFC 7644 §3.12
//! INVARIANTS A text says what to do next and nothing of other tenants; a failure of ours is logged and told as such.

use super::answer;
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;
use tenants::{Code, Error};

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) status: StatusCode,
    /// The word of RFC 7644 Table 9, where there is one.
    pub(super) scim_type: Option<&'static str>,
    pub(super) detail: String,
    pub(super) retry_after_seconds: Option<i64>,
}

impl Problem {
    pub(super) fn new(status: StatusCode, scim_type: Option<&'static str>, detail: impl Into<String>) -> Problem {
        Problem { status, scim_type, detail: detail.into(), retry_after_seconds: None }
    }

    pub(super) fn bad(scim_type: &'static str, detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, Some(scim_type), detail)
    }

    pub(super) fn filter(detail: impl Into<String>) -> Problem {
        Problem::bad("invalidFilter", detail)
    }

    pub(super) fn value(detail: impl Into<String>) -> Problem {
        Problem::bad("invalidValue", detail)
    }

    pub(super) fn missing() -> Problem {
        Problem::new(StatusCode::NOT_FOUND, None, "There is no such resource")
    }

    pub(super) fn throttled(seconds: i64) -> Problem {
        let detail = format!("Too much at once: try again in {seconds} s");
        Problem { retry_after_seconds: Some(seconds), ..Problem::new(StatusCode::TOO_MANY_REQUESTS, None, detail) }
    }
}

impl From<Error> for Problem {
    fn from(e: Error) -> Problem {
        let told = |status, scim_type| Problem::new(status, scim_type, e.message.clone());
        match e.code {
            // The resource itself; elsewhere something that a value names.
            Code::NotFound if e.field == "mailboxId" => Problem::missing(),
            Code::NotFound if e.field == "members" => Problem::value("members: there is no such user or group"),
            Code::NotFound => Problem::value("userName: the domain is none of this tenant's"),
            Code::Invalid => Problem::value(format!("{}: {}", attribute(e.field), e.message)),
            Code::Taken => told(StatusCode::CONFLICT, Some("uniqueness")),
            Code::StaleObject => told(StatusCode::PRECONDITION_FAILED, None),
            Code::Unauthenticated => told(StatusCode::UNAUTHORIZED, None),
            Code::Internal => {
                tracing::error!(error = %e, "scim: an operation failed");
                Problem::new(StatusCode::SERVICE_UNAVAILABLE, None, "The operation failed; try again")
            }
            Code::Unavailable => told(StatusCode::SERVICE_UNAVAILABLE, None),
            Code::Throttled { seconds } => Problem::throttled(i64::from(seconds)),
            Code::IdempotencyMismatch => told(StatusCode::UNPROCESSABLE_ENTITY, None),
            // A limit, a suspension, something in the way: an administrator has to act.
            Code::LimitReached
            | Code::InUse
            | Code::Held
            | Code::Aborted
            | Code::NotOpen
            | Code::FeatureOff
            | Code::LowContrast
            | Code::Forbidden
            | Code::LastOwner
            | Code::StepUpRequired
            | Code::InvalidCredentials
            | Code::FactorRequired => told(StatusCode::FORBIDDEN, None),
        }
    }
}

/// What SCIM calls a field of ours.
fn attribute(field: &str) -> &str {
    match field {
        "address" => "userName",
        other => other,
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"],
            "status": self.status.as_u16().to_string(),
            "detail": self.detail,
        });
        if let (Some(word), Some(body)) = (self.scim_type, body.as_object_mut()) {
            body.insert("scimType".to_owned(), word.into());
        }
        let mut response = answer(self.status, &body);
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.retry_after_seconds {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
