//! SUMMARY    The customer portal over the API of this process.
//! SECURITY   Each operation goes into the API's own router as a request does that came over HTTP: token, tenant, address and device
//!            are told as they were seen, so rights, turns, costs and limits by address are the same.

use crate::stores;
use axum::{
    Extension, Router,
    body::{Body, to_bytes},
    extract::ConnectInfo,
    http::{HeaderValue, Request, header},
};
use portal::{Answer, Asked, Graph, Portal, Seal};
use serde_json::{Value, json};
use std::{future::Future, path::Path, pin::Pin, sync::Arc};
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
}

/// `None`: a token or an id that no header can hold, which is nobody's.
fn request(asked: &Asked<'_>) -> Option<Request<Body>> {
    let body = json!({ "query": asked.query, "variables": asked.variables }).to_string();
    let mut request = Request::post("/graphql").body(Body::from(body)).ok()?;
    let headers = request.headers_mut();
    headers.clone_from(&asked.client.headers);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(token) = asked.token {
        headers.insert(header::AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {token}")).ok()?);
    }
    if let Some(tenant) = asked.tenant {
        headers.insert("posthouse-tenant", HeaderValue::from_str(tenant).ok()?);
    }
    Some(request)
}

/// The pages, over the API's routes. Cookies are sealed by a key derived from the folder's.
pub fn router(api: Router, data: &Path, origin: &str) -> Result<Router, String> {
    let key = stores::secret_key(&data.join("sealing.key"))?;
    let seal = Seal::new(&key).ok_or("the portal's key was refused")?;
    Ok(portal::router(Portal::new(Arc::new(InProcess(api)), seal, origin)))
}
