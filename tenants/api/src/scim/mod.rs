//! SUMMARY    SCIM: a customer's directory (Okta, Entra) keeps its users and groups in step with the tenant's.
//! STANDARDS  RFC 7643 (schema), RFC 7644 (protocol; §3.14: If-Match, If-None-Match), RFC 6750 (bearer tokens)
//! SECURITY   Every request has an API token and stays in the token's tenant, not even below it; what is elsewhere does not
//!            exist. Bodies, filters, operations and pages are bounded; requests take from a leaky bucket.
//! LIMITS     BODY_BYTES_MAX, FILTER_BYTES_MAX, FILTER_DEPTH_MAX, FILTER_TERMS_MAX, OPERATIONS_MAX, PAGE_MAX, SCAN_MAX, MEMBERS_MAX
//! INVARIANTS A request is one transaction. What changes nothing raises no version. Resources that are not offered are not in
//!            ResourceTypes either.

mod discovery;
mod filter;
mod group;
mod groups;
mod list;
mod patch;
mod problem;
mod request;
mod user;
mod users;

use crate::{BODY_WAIT_MAX, cost::Buckets};
use axum::{
    Router,
    extract::Request,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
    routing::{any, get},
};
use ipnet::IpNet;
use problem::Problem;
use serde_json::Value;
use std::sync::Arc;
use tenants::Service;

/// Where everything stands.
const BASE: &str = "/scim/v2";
/// Where users stand.
const USERS: &str = "/scim/v2/Users";
/// Where groups stand.
const GROUPS: &str = "/scim/v2/Groups";

struct Shared {
    service: Arc<Service>,
    buckets: Buckets,
    /// Whose X-Forwarded-For is believed.
    trusted_proxies: Vec<IpNet>,
}

/// What handlers share.
type Scim = Arc<Shared>;

/// The routes below `/scim/v2`.
pub(crate) fn router(service: Arc<Service>, trusted_proxies: Vec<IpNet>) -> Router {
    let shared: Scim = Arc::new(Shared { service, buckets: Buckets::default(), trusted_proxies });
    let routes = Router::new()
        .route("/ServiceProviderConfig", get(discovery::provider))
        .route("/ResourceTypes", get(discovery::resource_types))
        .route("/ResourceTypes/{id}", get(discovery::resource_type))
        .route("/Schemas", get(discovery::schemas))
        .route("/Schemas/{id}", get(discovery::schema))
        .route("/Users", get(users::list).post(users::create))
        .route("/Users/{id}", get(users::show).put(users::replace).patch(users::change).delete(users::delete))
        .route("/Groups", get(groups::list).post(groups::create))
        .route("/Groups/{id}", get(groups::show).put(groups::replace).patch(groups::change).delete(groups::delete))
        // RFC 7644 §3.11 and §3.7: what is not offered says so.
        .route("/Me", any(absent))
        .route("/Bulk", any(absent))
        .method_not_allowed_fallback(not_allowed)
        .fallback(missing)
        .layer(axum::middleware::from_fn(whole))
        .with_state(shared);
    Router::new().nest(BASE, routes)
}

/// Reads the body first, within BODY_BYTES_MAX and BODY_WAIT_MAX.
async fn whole(request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    if [Method::POST, Method::PUT, Method::PATCH].contains(&parts.method) && !is_json(&parts.headers) {
        let detail = "A body is application/scim+json or application/json";
        return Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, None, detail).into_response();
    }
    match tokio::time::timeout(BODY_WAIT_MAX, axum::body::to_bytes(body, request::BODY_BYTES_MAX)).await {
        Ok(Ok(body)) => next.run(Request::from_parts(parts, body.into())).await,
        Ok(Err(_)) => request::too_large().into_response(),
        Err(_) => {
            Problem::new(StatusCode::REQUEST_TIMEOUT, None, "The body took too long (BODY_WAIT_MAX)").into_response()
        }
    }
}

/// Whether a body says that it is JSON (RFC 7644 §8.1, §3.1), or says nothing of itself.
fn is_json(headers: &HeaderMap) -> bool {
    let Some(kind) = headers.get(header::CONTENT_TYPE) else { return true };
    let kind = kind.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    ["application/scim+json", "application/json"].iter().any(|known| kind.eq_ignore_ascii_case(known))
}

async fn absent() -> Problem {
    Problem::new(StatusCode::NOT_IMPLEMENTED, None, "This is not offered: see ServiceProviderConfig")
}

async fn not_allowed() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, None, "This resource does not take this method")
}

async fn missing() -> Problem {
    Problem::missing()
}

/// A response with a body of SCIM.
fn answer(status: StatusCode, body: &Value) -> Response {
    let kind = HeaderValue::from_static("application/scim+json");
    (status, [(header::CONTENT_TYPE, kind)], body.to_string()).into_response()
}

/// A response about a resource of this version.
fn tagged(mut response: Response, version: i64) -> Response {
    if let Ok(tag) = HeaderValue::from_str(&user::tag(version)) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// `invalidSyntax` unless a body is of a schema.
fn expect_schema(body: &Value, schema: &str) -> Result<(), Problem> {
    let named = patch::member(body, "schemas").and_then(Value::as_array);
    let is = |s: &Value| s.as_str().is_some_and(|s| s.eq_ignore_ascii_case(schema));
    match named.is_some_and(|all| all.iter().any(is)) {
        true => Ok(()),
        false => Err(Problem::bad("invalidSyntax", format!("`schemas` names {schema}"))),
    }
}
