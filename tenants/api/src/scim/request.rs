//! SUMMARY    Who asks, for which version, in which words: what every SCIM request has.
//! STANDARDS  RFC 6750 §2.1, RFC 7644 §3.14 (versions)
//! LIMITS     BODY_BYTES_MAX

use super::{Scim, Shared, problem::Problem};
use crate::people::visitor;
use axum::{
    body::Bytes,
    extract::{ConnectInfo, FromRequestParts},
    http::{HeaderMap, HeaderName, StatusCode, header, request::Parts},
};
use serde_json::Value;
use std::{
    convert::Infallible,
    net::{IpAddr, SocketAddr},
    ops::Deref,
};
use tenants::{Actor, Presented, Terms};

/// Bytes of a body.
pub(super) const BODY_BYTES_MAX: usize = 256 << 10;
/// As draft-ietf-httpapi-idempotency-key-header has it.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Who sends a request: what it says of itself, and where it comes from.
pub(super) struct Caller {
    headers: HeaderMap,
    peer: Option<IpAddr>,
}

impl Deref for Caller {
    type Target = HeaderMap;
    fn deref(&self) -> &HeaderMap {
        &self.headers
    }
}

impl FromRequestParts<Scim> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, scim: &Scim) -> Result<Caller, Infallible> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
        let peer = visitor::origin(peer, &parts.headers, &scim.trusted_proxies);
        Ok(Caller { headers: parts.headers.clone(), peer })
    }
}

impl Shared {
    /// The caller, who pays for the request.
    pub(super) async fn caller(&self, from: &Caller, cost: usize) -> Result<Actor, Problem> {
        let bearer = from.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok());
        let token = bearer.and_then(crate::bearer_token).unwrap_or_default();
        let actor = self.service.authenticate_as(Presented { token, tenant: None, peer: from.peer }).await?;
        self.buckets.take(&actor, cost, self.service.now()).map_err(Problem::throttled)?;
        Ok(actor)
    }
}

pub(super) fn too_large() -> Problem {
    let detail = format!("A body has at most {BODY_BYTES_MAX} bytes (BODY_BYTES_MAX)");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, None, detail)
}

/// The body of a request.
pub(super) fn body(bytes: &Bytes) -> Result<Value, Problem> {
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(map)) => Ok(Value::Object(map)),
        _ => Err(Problem::bad("invalidSyntax", "The body is a JSON object")),
    }
}

/// The terms of a change: `If-Match` and `Idempotency-Key`.
pub(super) fn terms(headers: &HeaderMap) -> Result<Terms, Problem> {
    let key = headers.get(IDEMPOTENCY_KEY).map(|v| v.to_str().map(str::to_owned));
    let key = key.transpose().map_err(|_| Problem::value("Idempotency-Key is a plain text"))?;
    let expected_version = match headers.get(header::IF_MATCH).map(|v| v.to_str().unwrap_or_default().trim()) {
        None | Some("*") => None,
        // A tag that is none of ours is none that matches.
        Some(tag) => Some(version(tag).unwrap_or(-1)),
    };
    Ok(Terms { dry_run: false, expected_version, idempotency_key: key })
}

/// Whether the caller has this version already.
pub(super) fn is_known(headers: &HeaderMap, current: i64) -> bool {
    let known = headers.get(header::IF_NONE_MATCH).and_then(|v| v.to_str().ok()).unwrap_or_default();
    known.split(',').any(|tag| tag.trim() == "*" || version(tag.trim()) == Some(current))
}

/// The version of an entity tag, weak or not.
fn version(tag: &str) -> Option<i64> {
    tag.strip_prefix("W/").unwrap_or(tag).strip_prefix('"')?.strip_suffix('"')?.parse().ok()
}
