//! SUMMARY    The customer portal over the API of this process.
//! SECURITY   Each operation goes into the API's own router as a request does that came over HTTP: token, tenant, address and device
//!            are told as they were seen, so rights, turns, costs and limits by address are the same.

use crate::stores::Keys;
use axum::{
    Extension, Router,
    body::{Body, to_bytes},
    extract::ConnectInfo,
    http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header},
    middleware::{self, Next},
};
use base::Clock;
use portal::{Answer, Asked, Client, Graph, Portal, Seal, Servers};
use serde_json::{Value, json};
use std::{future::Future, pin::Pin, sync::Arc};
use tower::ServiceExt;

/// Bytes of an answer: the pages ask for much less.
const ANSWER_BYTES_MAX: usize = 8 << 20;

/// The API's routes.
struct InProcess(Router);

impl Graph for InProcess {
    fn execute<'a>(&'a self, asked: Asked<'a>) -> Pin<Box<dyn Future<Output = Answer> + Send + 'a>> {
        Box::pin(async move {
            let unanswered = || Answer { status: 503, body: Value::Null };
            let Some(request) = request(&asked) else { return unanswered() };
            let router = match asked.client.peer {
                Some(peer) => self.0.clone().layer(Extension(ConnectInfo(peer))),
                None => self.0.clone(),
            };
            let Ok(response) = router.oneshot(request).await;
            let status = response.status().as_u16();
            let Ok(body) = to_bytes(response.into_body(), ANSWER_BYTES_MAX).await else { return unanswered() };
            Answer { status, body: serde_json::from_slice(&body).unwrap_or_default() }
        })
    }

    fn file<'a>(
        &'a self,
        job: &'a str,
        token: &'a str,
        tenant: Option<&'a str>,
        client: &'a Client,
    ) -> Pin<Box<dyn Future<Output = Option<Response<Body>>> + Send + 'a>> {
        Box::pin(async move {
            let mut request = Request::get(format!("/jobs/{job}/file")).body(Body::empty()).ok()?;
            *request.headers_mut() = headers(client, Some(token), tenant)?;
            let router = match client.peer {
                Some(peer) => self.0.clone().layer(Extension(ConnectInfo(peer))),
                None => self.0.clone(),
            };
            let Ok(response) = router.oneshot(request).await;
            response.status().is_success().then_some(response)
        })
    }
}

/// `None`: a token or an id that no header can hold, which is nobody's.
fn request(asked: &Asked<'_>) -> Option<Request<Body>> {
    let body = json!({ "query": asked.query, "variables": asked.variables }).to_string();
    let mut request = Request::post("/graphql").body(Body::from(body)).ok()?;
    *request.headers_mut() = headers(asked.client, asked.token, asked.tenant)?;
    request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Some(request)
}

/// Who asks, from where, for which tenant. `None`: a token or an id that no header can hold.
fn headers(client: &Client, token: Option<&str>, tenant: Option<&str>) -> Option<HeaderMap> {
    let mut headers = client.headers.clone();
    if let Some(token) = token {
        headers.insert(header::AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {token}")).ok()?);
    }
    if let Some(tenant) = tenant {
        headers.insert("posthouse-tenant", HeaderValue::from_str(tenant).ok()?);
    }
    Some(headers)
}

/// Where identity providers send browsers back to, and the page that takes the code.
const CALLBACK: &str = "/auth/oidc/callback";
const TAKES_CODE: &str = "/sign-in/identity";
/// Bytes of the API's answer to a browser that comes back.
const CODE_BYTES_MAX: usize = 64 << 10;

/// A browser that comes back from an identity provider goes on to the page; programs get the API's JSON.
async fn come_back(request: Request<Body>, next: Next) -> Response<Body> {
    let accepts = request.headers().get(header::ACCEPT).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let is_browser = request.uri().path() == CALLBACK && accepts.contains("text/html");
    let response = next.run(request).await;
    if !is_browser {
        return response;
    }
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, CODE_BYTES_MAX).await.unwrap_or_default();
    let said = serde_json::from_slice::<Value>(&body).unwrap_or_default();
    let code = said.get("code").and_then(Value::as_str).filter(|_| parts.status.is_success()).unwrap_or_default();
    let code: String = url::form_urlencoded::byte_serialize(code.as_bytes()).collect();
    let to = if code.is_empty() { TAKES_CODE.to_owned() } else { format!("{TAKES_CODE}?code={code}") };
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    if let Ok(to) = HeaderValue::from_str(&to) {
        response.headers_mut().insert(header::LOCATION, to);
    }
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    for cookie in parts.headers.get_all(header::SET_COOKIE) {
        response.headers_mut().append(header::SET_COOKIE, cookie.clone());
    }
    response
}

/// The API's routes as browsers of the portal use them.
pub fn for_browsers(api: Router) -> Router {
    api.layer(middleware::from_fn(come_back))
}

/// The pages, over the API's routes. Cookies are sealed by a key derived from one of these.
pub fn router(
    api: Router,
    keys: &Keys,
    origin: &str,
    servers: Servers,
    clock: Arc<dyn Clock>,
) -> Result<Router, String> {
    let seal = Seal::new(&keys.sealing()?).ok_or("the portal's key was refused")?;
    let portal = Portal::new(Arc::new(InProcess(api)), seal, origin, servers);
    Ok(portal::router(portal.with_clock(Arc::new(move || clock.now().0))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::get;

    async fn ask(accept: &str, status: u16, body: &'static str) -> Response<Body> {
        let answer = move || async move {
            let mut response = Response::new(Body::from(body));
            *response.status_mut() = StatusCode::from_u16(status).unwrap();
            let gone = HeaderValue::from_static("__Host-posthouse-oidc=; Max-Age=0");
            response.headers_mut().append(header::SET_COOKIE, gone);
            response
        };
        let api = for_browsers(Router::new().route(CALLBACK, get(answer)));
        let request = Request::get(format!("{CALLBACK}?state=x")).header(header::ACCEPT, accept);
        api.oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
    }

    #[tokio::test]
    async fn a_browser_goes_on_to_the_page_and_a_program_gets_the_code() {
        let came = ask("text/html,*/*", 200, "{\"code\":\"a+b/c\"}").await;
        assert_eq!(
            (came.status(), &came.headers()[header::LOCATION]),
            (StatusCode::SEE_OTHER, &HeaderValue::from_static("/sign-in/identity?code=a%2Bb%2Fc"))
        );
        assert!(came.headers()[header::SET_COOKIE].to_str().unwrap().contains("Max-Age=0"));
        for (status, body) in [(403, "{\"code\":\"x\"}"), (200, "no JSON"), (200, "{}")] {
            let came = ask("text/html", status, body).await;
            assert_eq!(came.headers()[header::LOCATION], "/sign-in/identity", "{status} {body}");
        }
        let program = ask("application/json", 200, "{\"code\":\"c\"}").await;
        assert_eq!(program.status(), StatusCode::OK);
        assert_eq!(to_bytes(program.into_body(), 100).await.unwrap(), "{\"code\":\"c\"}");
    }
}
