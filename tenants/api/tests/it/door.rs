//! SUMMARY    What HTTP itself asks of the API's doors.
//! STANDARDS  RFC 9110 §11.1 (the scheme of credentials is in any case)

use crate::plane::Desk;
use axum::{body::Body, http::Request};
use serde_json::json;

async fn status(desk: &Desk, path: &str, authorization: &str) -> u16 {
    let request = match path {
        "/graphql" => Request::post(path).header("content-type", "application/json"),
        _ => Request::get(path),
    };
    let body = if path == "/graphql" { json!({ "query": "{ viewer { id } }" }).to_string() } else { String::new() };
    let request = request.header("authorization", authorization).body(Body::from(body)).unwrap();
    desk.http(request).await.0.status.as_u16()
}

#[tokio::test]
async fn the_scheme_of_a_token_is_in_any_case() {
    let desk = Desk::new().await;
    let (_, token, _) = desk.customer("alpha").await;
    for scheme in ["Bearer", "bearer", "BEARER"] {
        assert_eq!(status(&desk, "/jobs/job_x/file", &format!("{scheme} {token}")).await, 404, "{scheme}");
        assert_eq!(status(&desk, "/graphql", &format!("{scheme} {token}")).await, 200, "{scheme}");
    }
    assert_eq!(status(&desk, "/jobs/job_x/file", &format!("Basic {token}")).await, 401);
}

#[tokio::test]
async fn a_job_whose_name_cannot_be_is_not_found() {
    let desk = Desk::new().await;
    for path in ["/jobs/%00/file", "/jobs/job_%00x/file", "/jobs/x/file"] {
        assert_eq!(status(&desk, path, &format!("Bearer {}", desk.operator)).await, 404, "{path}");
    }
}
