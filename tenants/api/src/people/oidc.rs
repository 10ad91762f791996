//! SUMMARY    A browser's way to an identity provider and back: `/auth/oidc/start` and `/auth/oidc/callback`.
//! STANDARDS  OpenID Connect Core 1.0 §3.1, RFC 6265
//! SECURITY   The cookie binds the way back to the browser that left; scripts do not see it and other sites do not make it be sent
//!            with a form. What comes back gives a code of ours and no session: it is shown to `sessionCreate` or `identityLink`.

use super::visitor;
use crate::{Shared, json, refused};
use axum::{
    Extension,
    extract::{ConnectInfo, Query, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use std::net::SocketAddr;
use tenants::{Code, OidcBack, Seen};

const COOKIE: &str = "__Host-posthouse-oidc";

#[derive(Deserialize)]
pub(crate) struct Start {
    provider: String,
}

#[derive(Deserialize)]
pub(crate) struct Back {
    #[serde(default)]
    state: String,
    #[serde(default)]
    code: String,
    #[serde(rename = "iss")]
    issuer: Option<String>,
    error: Option<String>,
}

fn seen(shared: &Shared, peer: Option<Extension<ConnectInfo<SocketAddr>>>, headers: &HeaderMap) -> Seen {
    let peer = peer.map(|Extension(ConnectInfo(address))| address.ip());
    visitor::seen(visitor::origin(peer, headers, &shared.options.trusted_proxies), headers)
}

fn failed(e: &tenants::Error) -> Response {
    match e.code {
        Code::NotFound => refused(StatusCode::NOT_FOUND, "NOT_FOUND", &e.message),
        Code::Throttled { seconds } => {
            let body = refused(StatusCode::TOO_MANY_REQUESTS, "THROTTLED", &e.message);
            ([(header::RETRY_AFTER, seconds.to_string())], body).into_response()
        }
        Code::InvalidCredentials => refused(StatusCode::FORBIDDEN, "INVALID_CREDENTIALS", &e.message),
        Code::Internal => refused(StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE", "Try again"),
        _ => refused(StatusCode::BAD_REQUEST, "INVALID", &e.message),
    }
}

/// Sends the browser to the provider that `?provider=` names.
pub(crate) async fn start(
    State(shared): State<Shared>,
    peer: Option<Extension<ConnectInfo<SocketAddr>>>,
    Query(start): Query<Start>,
    headers: HeaderMap,
) -> Response {
    match shared.service.oidc_start(&start.provider, &seen(&shared, peer, &headers)).await {
        Ok(begun) => {
            let cookie = format!("{COOKIE}={}; Path=/; Max-Age=600; Secure; HttpOnly; SameSite=Lax", begun.cookie);
            let go = [(header::LOCATION, begun.url), (header::SET_COOKIE, cookie)];
            (StatusCode::SEE_OTHER, go, [(header::CACHE_CONTROL, "no-store")]).into_response()
        }
        Err(e) => failed(&e),
    }
}

/// Takes the browser back: `{"code": "…"}`.
pub(crate) async fn callback(
    State(shared): State<Shared>,
    peer: Option<Extension<ConnectInfo<SocketAddr>>>,
    Query(back): Query<Back>,
    headers: HeaderMap,
) -> Response {
    let seen = seen(&shared, peer, &headers);
    let cookie = cookie(&headers).unwrap_or_default().to_owned();
    let Back { state, code, issuer, error } = back;
    let back = OidcBack { state, code, issuer, error, cookie };
    match shared.service.oidc_callback(&back, &seen).await {
        Ok(code) => {
            let mut answer = json(StatusCode::OK, serde_json::json!({ "code": code }).to_string());
            let gone = format!("{COOKIE}=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax");
            let head = answer.headers_mut();
            head.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
            if let Ok(gone) = HeaderValue::from_str(&gone) {
                head.insert(header::SET_COOKIE, gone);
            }
            answer
        }
        Err(e) => failed(&e),
    }
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|v| v.to_str().ok());
    let mut pairs = cookies.flat_map(|v| v.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == COOKIE).map(|(_, value)| value)
}
