//! SUMMARY    What this provider offers: ServiceProviderConfig, ResourceTypes, Schemas.
//! STANDARDS  RFC 7643 §5, §6, §7, §8.7; RFC 7644 §4
//! INVARIANTS What stands here works; what does not stand here is not offered.

use super::{BASE, Scim, answer, list::PAGE_MAX, problem::Problem, request::Caller};
use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};
use serde_json::{Value, json};

/// Schemas with their attributes, in the words of RFC 7643 §7.
const SCHEMAS: &str = include_str!("schemas.json");

type Answer = Result<Response, Problem>;

pub(super) async fn provider(State(scim): State<Scim>, from: Caller) -> Answer {
    scim.caller(&from, 1).await?;
    let no = json!({ "supported": false });
    let body = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
        "patch": { "supported": true },
        "bulk": { "supported": false, "maxOperations": 0, "maxPayloadSize": 0 },
        "filter": { "supported": true, "maxResults": PAGE_MAX },
        "changePassword": { "supported": true },
        "sort": no,
        "etag": { "supported": true },
        "authenticationSchemes": [{
            "type": "oauthbearertoken",
            "name": "API token",
            "description": "An API token of the tenant, as a bearer token (RFC 6750)",
            "primary": true,
        }],
        "meta": { "resourceType": "ServiceProviderConfig", "location": format!("{BASE}/ServiceProviderConfig") },
    });
    Ok(answer(StatusCode::OK, &body))
}

pub(super) async fn resource_types(State(scim): State<Scim>, from: Caller) -> Answer {
    scim.caller(&from, 1).await?;
    Ok(answer(StatusCode::OK, &all(types())))
}

pub(super) async fn resource_type(State(scim): State<Scim>, Path(id): Path<String>, from: Caller) -> Answer {
    scim.caller(&from, 1).await?;
    one(types(), &id)
}

pub(super) async fn schemas(State(scim): State<Scim>, from: Caller) -> Answer {
    scim.caller(&from, 1).await?;
    Ok(answer(StatusCode::OK, &all(described())))
}

pub(super) async fn schema(State(scim): State<Scim>, Path(id): Path<String>, from: Caller) -> Answer {
    scim.caller(&from, 1).await?;
    one(described(), &id)
}

fn types() -> Vec<Value> {
    vec![
        kind("User", "Users", "A person's mailbox", super::user::SCHEMA, &[]),
        kind("Group", "Groups", "A distribution group", super::group::SCHEMA, &[super::group::EXTENSION]),
    ]
}

fn kind(name: &str, endpoint: &str, description: &str, schema: &str, more: &[&str]) -> Value {
    let extension = |schema: &&str| json!({ "schema": schema, "required": false });
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
        "id": name,
        "name": name,
        "endpoint": format!("/{endpoint}"),
        "description": description,
        "schema": schema,
        "schemaExtensions": more.iter().map(extension).collect::<Vec<_>>(),
        "meta": { "resourceType": "ResourceType", "location": format!("{BASE}/ResourceTypes/{name}") },
    })
}

/// Those of the resources that are offered.
fn described() -> Vec<Value> {
    let all: Vec<Value> = serde_json::from_str(SCHEMAS).unwrap_or_default();
    let meta = |mut schema: Value| {
        let location = format!("{BASE}/Schemas/{}", schema["id"].as_str().unwrap_or_default());
        schema["schemas"] = json!(["urn:ietf:params:scim:schemas:core:2.0:Schema"]);
        schema["meta"] = json!({ "resourceType": "Schema", "location": location });
        schema
    };
    all.into_iter().map(meta).collect()
}

fn all(resources: Vec<Value>) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
        "totalResults": resources.len(),
        "startIndex": 1,
        "itemsPerPage": resources.len(),
        "Resources": resources,
    })
}

fn one(resources: Vec<Value>, id: &str) -> Answer {
    let found = resources.into_iter().find(|r| r.get("id").and_then(Value::as_str) == Some(id));
    Ok(answer(StatusCode::OK, &found.ok_or_else(Problem::missing)?))
}
