//! SUMMARY    An operation for somebody who is known already: without HTTP and without a token.
//! SECURITY   The caller answers for the actor. Limits and codes are those of the API.

use crate::{coded, schema};
use async_graphql::{Request, Variables};
use billing::Billing;
use serde_json::Value;
use std::sync::Arc;
use tenants::{Actor, Service};

/// Runs an operation; gives what the API answers: `data`, `errors`, `extensions`.
pub async fn answer(
    service: Arc<Service>,
    billing: Option<Arc<Billing>>,
    actor: Actor,
    query: String,
    variables: Value,
) -> Value {
    let request = Request::new(query).variables(Variables::from_json(variables)).data(actor);
    let response = coded(schema(service, billing).execute(request).await);
    serde_json::to_value(&response).unwrap_or_default()
}
