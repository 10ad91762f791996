//! SUMMARY    The door for webhooks of payment providers: `POST /billing/webhooks/{provider}`.
//! SECURITY   Anybody may knock: nothing is believed but a signature over the body as it came, and nothing is read into it here.
//! LIMITS     WEBHOOK_BYTES_MAX, WEBHOOK_SIGNATURE_BYTES_MAX
//! INVARIANTS 200 only after what came was committed, a repeated one once. Whatever the provider should send again is a 5xx.

use crate::{BODY_WAIT_MAX, Shared, header_text, refused};
use axum::{
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use tenants::Code;

/// Bytes of a webhook's body.
pub(crate) const WEBHOOK_BYTES_MAX: usize = 256 << 10;
/// Bytes of its signature.
const WEBHOOK_SIGNATURE_BYTES_MAX: usize = 4 << 10;
/// Where the signature stands.
const SIGNATURE: &str = "stripe-signature";

/// Takes a webhook. 400 for a forged one (FORGED) and for one that cannot be read (MALFORMED), 404 for a provider that is not set up, 413
/// for one too big, 503 for one that could not be kept.
pub(crate) async fn hear(
    State(shared): State<Shared>,
    Path(provider): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let unknown = || refused(StatusCode::NOT_FOUND, "NOT_FOUND", "No such payment provider is set up here");
    let Some(desk) = shared.options.billing.clone().filter(|desk| desk.has_provider(&provider)) else {
        return unknown();
    };
    let signature = header_text(&headers, SIGNATURE).unwrap_or_default();
    if signature.is_empty() || signature.len() > WEBHOOK_SIGNATURE_BYTES_MAX {
        return refused(StatusCode::BAD_REQUEST, "FORGED", "Not signed by the payment provider");
    }
    let body = match tokio::time::timeout(BODY_WAIT_MAX, axum::body::to_bytes(body, WEBHOOK_BYTES_MAX)).await {
        Ok(Ok(body)) => body,
        Ok(Err(_)) => return refused(StatusCode::PAYLOAD_TOO_LARGE, "LIMIT", "limit WEBHOOK_BYTES_MAX"),
        Err(_) => return refused(StatusCode::REQUEST_TIMEOUT, "LIMIT", "limit BODY_WAIT_MAX"),
    };
    match desk.hear(&provider, &body, signature).await {
        Ok(()) => StatusCode::OK.into_response(),
        Err(e) => match e.code {
            Code::Forbidden => {
                tracing::warn!(%provider, error = %e, "a webhook that is not the provider's");
                refused(StatusCode::BAD_REQUEST, "FORGED", "Not signed by the payment provider")
            }
            // Sent again it is the same: the provider shows it to its account's owner.
            Code::Invalid => {
                tracing::warn!(%provider, error = %e, "a webhook of the provider's that cannot be read");
                refused(StatusCode::BAD_REQUEST, "MALFORMED", "Signed, and no event that can be read")
            }
            Code::NotFound => unknown(),
            _ => refused(StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE", "Try again"),
        },
    }
}
