//! SUMMARY    How a request ended that did not succeed, by status and code, and what the caller is told.
//! STANDARDS  https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html; RFC 9110 §15.5, §15.6
//! INVARIANTS Temporary or permanent is decided here, once.

use aws_sdk_s3::{
    config::http::HttpResponse,
    error::{DisplayErrorContext, ProvideErrorMetadata, SdkError},
};
use std::{error::Error, fmt, io};
use store::blob::ObjectsError;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    Missing,
    /// The range begins or ends behind the end.
    Short,
    /// Another object has the name.
    Exists,
    /// Too many requests.
    Throttled(String),
    /// The server failed or is not there; it may have done what was asked.
    Away(String),
    /// Too slow; it may have done what was asked.
    Slow(String),
    /// The server was not asked, as it is away.
    NotAsked(String),
    /// Asking again changes nothing.
    Refused(String),
}

impl Fault {
    /// Whether asking again at once may help.
    pub(crate) fn is_temporary(&self) -> bool {
        match self {
            Fault::Throttled(_) | Fault::Away(_) | Fault::Slow(_) => true,
            Fault::Missing | Fault::Short | Fault::Exists | Fault::NotAsked(_) | Fault::Refused(_) => false,
        }
    }

    pub(super) fn name(&self) -> &'static str {
        match self {
            Fault::Missing => "missing",
            Fault::Short => "short",
            Fault::Exists => "exists",
            Fault::Throttled(_) => "throttled",
            Fault::Away(_) => "failed",
            Fault::Slow(_) => "slow",
            Fault::NotAsked(_) => "not_asked",
            Fault::Refused(_) => "refused",
        }
    }

    pub(crate) fn of(self, name: &str) -> ObjectsError {
        let name = name.to_owned();
        let kind = match &self {
            Fault::Missing => return ObjectsError::Missing(name),
            Fault::Short => return ObjectsError::Short(name),
            Fault::Exists => io::ErrorKind::AlreadyExists,
            Fault::Throttled(_) => io::ErrorKind::ResourceBusy,
            Fault::Away(_) => io::ErrorKind::ConnectionAborted,
            Fault::Slow(_) => io::ErrorKind::TimedOut,
            Fault::NotAsked(_) => io::ErrorKind::NotConnected,
            Fault::Refused(_) => io::ErrorKind::Other,
        };
        ObjectsError::Io { name, source: io::Error::new(kind, self) }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Missing => f.write_str("there is none"),
            Fault::Short => f.write_str("it is too short"),
            Fault::Exists => f.write_str("it exists with other bytes"),
            Fault::NotAsked(why) => write!(f, "not asked, as the object store is away: {why}"),
            Fault::Throttled(why) | Fault::Away(why) | Fault::Slow(why) | Fault::Refused(why) => f.write_str(why),
        }
    }
}

impl Error for Fault {}

/// What an error of the client means.
pub(crate) fn fault<E>(error: SdkError<E, HttpResponse>) -> Fault
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    let text = |error: &SdkError<E, HttpResponse>| DisplayErrorContext(error).to_string();
    let status = error.raw_response().map(|response| response.status().as_u16());
    match &error {
        SdkError::ConstructionFailure(_) => Fault::Refused(text(&error)),
        SdkError::TimeoutError(_) => Fault::Slow(text(&error)),
        SdkError::ServiceError(service) => {
            let code = service.err().code().unwrap_or_default();
            let said = service.err().message().unwrap_or_default();
            by_code(status.unwrap_or(500), code, format!("{} {code} {said}", status.unwrap_or_default()))
        }
        // Nothing came, or no answer of S3: a proxy in between, or a body that was cut.
        _ => Fault::Away(text(&error)),
    }
}

fn by_code(status: u16, code: &str, said: String) -> Fault {
    match (status, code) {
        (404, "NoSuchBucket") => Fault::Refused(said),
        (404, _) => Fault::Missing,
        (416, _) => Fault::Short,
        (412, _) => Fault::Exists,
        (429 | 503, _) | (_, "SlowDown" | "Throttling" | "TooManyRequests") => Fault::Throttled(said),
        // Another write of the name is under way (409), the body was damaged or too slow on its way (400).
        (409, "ConditionalRequestConflict" | "OperationAborted") | (400, "RequestTimeout" | "BadDigest") => {
            Fault::Away(said)
        }
        (501, _) => Fault::Refused(said),
        (500.., _) => Fault::Away(said),
        _ => Fault::Refused(said),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes() {
        let check =
            |status, code, name| assert_eq!(by_code(status, code, String::new()).name(), name, "{status} {code}");
        check(404, "NoSuchKey", "missing");
        check(404, "", "missing");
        check(404, "NoSuchBucket", "refused");
        check(416, "InvalidRange", "short");
        check(412, "PreconditionFailed", "exists");
        check(503, "SlowDown", "throttled");
        check(503, "ServiceUnavailable", "throttled");
        check(429, "", "throttled");
        check(400, "RequestTimeout", "failed");
        check(400, "BadDigest", "failed");
        check(400, "InvalidArgument", "refused");
        check(409, "ConditionalRequestConflict", "failed");
        check(500, "InternalError", "failed");
        check(502, "", "failed");
        check(501, "NotImplemented", "refused");
        check(403, "SignatureDoesNotMatch", "refused");
    }
}
