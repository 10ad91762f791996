//! SUMMARY    The GraphQL provisioning API over the control plane.
//! STANDARDS  GraphQL (October 2021), Relay connections, RFC 6750 (bearer tokens)
//! SECURITY   Every field asks for the actor; ids of foreign tenants do not exist. Depth, cost, aliases, recursion and
//!            directives of a query are bounded; tokens and tenants are throttled by cost.
//! LIMITS     REQUEST_BYTES_MAX, UPLOAD_BYTES_MAX, THROTTLED_PAUSE, those of cost.rs and turn.rs
//! INVARIANTS Refusals come as `userErrors` with a code; top-level errors are for authentication, throttling, queries that do
//!            not fit the schema, and failures of ours; each has `extensions.code`.

mod brand;
mod claim;
mod connection;
mod console;
mod cost;
mod download;
mod failure;
mod file;
mod graphiql;
mod input;
mod mates;
mod mutation;
mod payload;
mod people;
mod query;
mod sale;
mod scalar;
mod scim;
mod shape;
mod signup;
mod stream;
mod subscription;
mod turn;
mod types;
mod variables;

use async_graphql::Schema;
use axum::{
    Extension, Router,
    body::Body,
    extract::{ConnectInfo, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use billing::Billing;
use cost::{Buckets, CostCounter, QUERY_DIRECTIVES_MAX, QUERY_RECURSION_MAX};
use download::Downloads;
use ipnet::IpNet;
use people::{oidc, visitor};
use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};
use stream::Stop;
use subscription::{Streams, Subscription, Ticket};
use tenants::{Actor, Code, Presented, Service};
use tokio::sync::watch;
use turn::Turns;
use variables::Defaults;

pub use console::answer;
pub use mutation::Mutation;
pub use query::Query;

/// Bytes of one request without a token.
const REQUEST_BYTES_MAX: usize = 1 << 20;
/// Bytes of one request with a token that is good: a file of mailboxes as JSON (tenants' IMPORT_BYTES_MAX).
const UPLOAD_BYTES_MAX: usize = 6 << 20;
/// How long an answer that says "later" is held back: who does not wait by himself takes no time from others.
const THROTTLED_PAUSE: Duration = Duration::from_millis(200);

/// How long a request's body may take.
const BODY_WAIT_MAX: Duration = Duration::from_secs(60);

pub type ApiSchema = Schema<Query, Mutation, Subscription>;

/// How the API is offered.
#[derive(Clone, Default)]
pub struct ApiOptions {
    /// Whether GET /graphql shows GraphiQL.
    pub graphiql: bool,
    /// Proxies whose X-Forwarded-For is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Turns true when the server ends: streams end then.
    pub stop: Option<watch::Receiver<bool>>,
    /// The billing desk; without one its fields answer BILLING_OFF, and no webhook is taken.
    pub billing: Option<Arc<Billing>>,
}

/// The schema on a service, and on the billing desk where there is one.
pub fn schema(service: Arc<Service>, billing: Option<Arc<Billing>>) -> ApiSchema {
    let builder = Schema::build(Query::default(), Mutation::default(), Subscription)
        .data(service)
        .data(Buckets::default())
        .data(Streams::default());
    limited(match billing {
        Some(billing) => builder.data(billing),
        None => builder,
    })
}

/// The schema's text, as committed in `tenants/api/schema.graphql`.
pub fn sdl() -> String {
    limited(Schema::build(Query::default(), Mutation::default(), Subscription)).sdl()
}

fn limited(builder: async_graphql::SchemaBuilder<Query, Mutation, Subscription>) -> ApiSchema {
    builder
        .extension(CostCounter)
        .extension(Defaults)
        .limit_recursive_depth(QUERY_RECURSION_MAX)
        .limit_directives(QUERY_DIRECTIVES_MAX)
        .finish()
}

#[derive(Clone)]
struct Shared {
    schema: ApiSchema,
    service: Arc<Service>,
    options: ApiOptions,
    turns: Turns,
    stop: Stop,
    downloads: Downloads,
}

/// `POST /graphql`, and GraphiQL at `GET /graphql` where it is on; subscriptions, files of jobs and of exports; webhooks of payment providers; SCIM
/// below `/scim/v2`.
pub fn router(service: Arc<Service>, options: ApiOptions) -> Router {
    let scim = scim::router(service.clone(), options.trusted_proxies.clone());
    let stop = Stop(options.stop.clone());
    let turns = Turns::new();
    let (schema, downloads) = (schema(service.clone(), options.billing.clone()), Downloads::default());
    let shared = Shared { schema, service, options, turns, stop, downloads };
    Router::new()
        .route("/graphql", post(execute).get(graphical))
        .route("/graphql/ws", get(stream::socket))
        .route("/jobs/{id}/file", get(file::file))
        .route("/download/{secret}/{file}", get(download::file))
        .route("/download/{secret}", get(download::nothing))
        .route("/download/{secret}/", get(download::nothing))
        .route("/download/{secret}/{file}/{*rest}", get(download::nothing))
        .route("/auth/oidc/start", get(oidc::start))
        .route("/billing/webhooks/{provider}", post(sale::hook::hear))
        .route("/auth/oidc/callback", get(oidc::callback))
        .with_state(shared)
        .merge(scim)
}

async fn graphical(State(shared): State<Shared>) -> Response {
    if !shared.options.graphiql {
        return StatusCode::NOT_FOUND.into_response();
    }
    graphiql::page()
}

async fn execute(
    State(shared): State<Shared>,
    peer: Option<Extension<ConnectInfo<SocketAddr>>>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let peer = peer.map(|Extension(ConnectInfo(address))| address.ip());
    let peer = visitor::origin(peer, &headers, &shared.options.trusted_proxies);
    // Who is told first: nobody sends much before.
    let somebody = match bearer(&shared, peer, &headers).await {
        Ok(somebody) => somebody,
        Err(refusal) => return refusal,
    };
    let (max, limit) = match somebody {
        Some(_) => (UPLOAD_BYTES_MAX, "limit UPLOAD_BYTES_MAX"),
        None => (REQUEST_BYTES_MAX, "limit REQUEST_BYTES_MAX"),
    };
    let body = match tokio::time::timeout(BODY_WAIT_MAX, axum::body::to_bytes(body, max)).await {
        Ok(Ok(body)) => body,
        Ok(Err(_)) => return refused(StatusCode::PAYLOAD_TOO_LARGE, "LIMIT", limit),
        Err(_) => return refused(StatusCode::REQUEST_TIMEOUT, "LIMIT", "limit BODY_WAIT_MAX"),
    };
    let Ok(request) = serde_json::from_slice::<async_graphql::Request>(&body) else {
        return refused(StatusCode::BAD_REQUEST, "INVALID", "The body is a JSON object with `query` and `variables`");
    };
    let actor = match somebody {
        Some(actor) => actor,
        None if visitor::is_open(&request.query) => {
            Actor::nobody(peer.map_or("nobody".to_owned(), |p| format!("nobody at {p}")))
        }
        None => return refused(StatusCode::UNAUTHORIZED, "UNAUTHENTICATED", "A bearer token is needed"),
    };
    let seen = visitor::seen(peer, &headers);
    let Some(turn) = shared.turns.take(&actor).await else {
        return refused(StatusCode::TOO_MANY_REQUESTS, "THROTTLED", "limit TENANT_REQUESTS_WAITING");
    };
    let accepts = header_text(&headers, header::ACCEPT.as_str()).unwrap_or_default();
    let streams = accepts.contains("text/event-stream") && stream::subscribes(&request).unwrap_or(false);
    let request = request.data(actor.seen_at(peer)).data(seen);
    if streams {
        return stream::events(&shared.schema, request.data(Ticket::new(&headers, peer)), shared.stop);
    }
    let response = coded(shared.schema.execute(request).await);
    drop(turn);
    let throttled = response.errors.iter().filter_map(|e| e.extensions.as_ref()?.get("retryAfterSeconds")).next();
    let wait = throttled.map(ToString::to_string);
    let body = serde_json::to_string(&response).unwrap_or_default();
    match wait {
        None => json(StatusCode::OK, body),
        Some(seconds) => {
            tokio::time::sleep(THROTTLED_PAUSE).await;
            ([(header::RETRY_AFTER, seconds)], json(StatusCode::TOO_MANY_REQUESTS, body)).into_response()
        }
    }
}

/// Whose token it is; `None` without one.
async fn bearer(shared: &Shared, peer: Option<IpAddr>, headers: &HeaderMap) -> Result<Option<Actor>, Response> {
    let Some(bearer) = headers.get(header::AUTHORIZATION) else { return Ok(None) };
    let token = bearer.to_str().ok().and_then(bearer_token).unwrap_or_default();
    let tenant = header_text(headers, visitor::TENANT_HEADER);
    let known = shared.service.authenticate_as(Presented { token, tenant, peer }).await;
    known.map(Some).map_err(|e| match e.code {
        Code::Unauthenticated => refused(StatusCode::UNAUTHORIZED, "UNAUTHENTICATED", &e.message),
        Code::Forbidden => refused(StatusCode::FORBIDDEN, "FORBIDDEN", &e.message),
        _ => refused(StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE", &e.message),
    })
}

/// With a code at every error: what has none yet is a query that does not fit the schema.
fn coded(mut response: async_graphql::Response) -> async_graphql::Response {
    for error in &mut response.errors {
        let extensions = error.extensions.get_or_insert_default();
        if extensions.get("code").is_none() {
            extensions.set("code", "INVALID");
        }
    }
    response
}

/// The token of an Authorization header, whose scheme may be in any case (RFC 9110 §11.1).
fn bearer_token(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("Bearer").then(|| token.trim_start())
}

fn header_text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name).and_then(|v| v.to_str().ok())
}

fn refused(status: StatusCode, code: &str, message: &str) -> Response {
    let body = serde_json::json!({ "data": null, "errors": [{ "message": message, "extensions": { "code": code } }] });
    json(status, body.to_string())
}

fn json(status: StatusCode, body: String) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}
