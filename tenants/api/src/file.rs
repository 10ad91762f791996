//! SUMMARY    Files that jobs make: `GET /jobs/{id}/file`.
//! SECURITY   The same token as the API's; it must still permit what the file tells. A file that is gone, of another tenant, or not
//!            done is 404.
//! INVARIANTS Part by part: a file of any size takes the memory of one.

use crate::{Shared, people::visitor, refused, subscription::Ticket};
use axum::{
    Extension,
    body::{Body, Bytes},
    extract::{ConnectInfo, Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures_util::{StreamExt, stream};
use std::net::SocketAddr;
use tenants::Code;

pub(crate) async fn file(
    State(shared): State<Shared>,
    peer: Option<Extension<ConnectInfo<SocketAddr>>>,
    Path(job): Path<String>,
    headers: HeaderMap,
) -> Response {
    let peer = peer.map(|Extension(ConnectInfo(address))| address.ip());
    let peer = visitor::origin(peer, &headers, &shared.options.trusted_proxies);
    let actor = match Ticket::new(&headers, peer).actor(&shared.service).await {
        Ok(actor) => actor,
        Err(e) => return failed(&e),
    };
    // No row has a zero byte, and no statement is asked for one.
    if job.contains('\0') {
        return failed(&tenants::Error::not_found("id"));
    }
    let first = match shared.service.job_file(&actor, &job, 0).await {
        Ok(part) => part.unwrap_or_default(),
        Err(e) => return failed(&e),
    };
    let name = format!("attachment; filename=\"{job}.jsonl\"");
    let service = shared.service;
    let rest = stream::try_unfold(1, move |part| {
        let (service, actor, job) = (service.clone(), actor.clone(), job.clone());
        async move {
            let body = service.job_file(&actor, &job, part).await?;
            Ok::<_, tenants::Error>(body.map(|body| (Bytes::from(body), part + 1)))
        }
    });
    let first = stream::once(async { Ok(Bytes::from(first)) });
    let body = Body::from_stream(first.chain(rest));
    ([(header::CONTENT_TYPE, "application/jsonl".to_owned()), (header::CONTENT_DISPOSITION, name)], body)
        .into_response()
}

fn failed(e: &tenants::Error) -> Response {
    match e.code {
        Code::Unauthenticated => refused(StatusCode::UNAUTHORIZED, "UNAUTHENTICATED", &e.message),
        Code::Forbidden => refused(StatusCode::FORBIDDEN, "FORBIDDEN", &e.message),
        Code::NotFound => refused(StatusCode::NOT_FOUND, "NOT_FOUND", &e.message),
        _ => refused(StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE", "Try again"),
    }
}
