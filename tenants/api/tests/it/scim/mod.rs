//! SUMMARY    SCIM as Okta and Entra speak it, by the request sequences of their public documentation.

mod bounds;
mod directories;
mod groups;

use crate::plane::Desk;
use axum::{
    body::Body,
    http::{Request, header},
};
use serde_json::{Value, json};

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// A directory with its token.
struct Directory {
    desk: Desk,
    tenant: String,
    token: String,
    /// The mailbox that was there before.
    ann: String,
}

/// What was answered.
struct Answer {
    status: u16,
    headers: axum::http::HeaderMap,
    body: Value,
}

impl Answer {
    fn header(&self, name: header::HeaderName) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }

    fn id(&self) -> String {
        self.body["id"].as_str().unwrap_or_else(|| panic!("{} {}", self.status, self.body)).to_owned()
    }

    /// Status and word of an error.
    fn problem(&self) -> (u16, &str) {
        assert_eq!(self.body["schemas"][0], "urn:ietf:params:scim:api:messages:2.0:Error", "{}", self.body);
        assert_eq!(self.body["status"], self.status.to_string());
        (self.status, self.body["scimType"].as_str().unwrap_or_default())
    }
}

impl Directory {
    async fn new() -> Directory {
        let desk = Desk::new().await;
        let (tenant, token, ann) = desk.customer("alpha").await;
        Directory { desk, tenant, token, ann }
    }

    async fn ask(&self, method: &str, path: &str, body: Value) -> Answer {
        self.send(&self.token, method, path, &[], body.to_string()).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(&self.token, "GET", path, &[], String::new()).await
    }

    async fn send(&self, token: &str, method: &str, path: &str, headers: &[(&str, &str)], body: String) -> Answer {
        let uri = format!("/scim/v2{}", path.replace(' ', "%20").replace('"', "%22"));
        let mut request = Request::builder().method(method).uri(uri).header("authorization", format!("Bearer {token}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, body) = self.desk.http(request.body(Body::from(body)).unwrap()).await;
        if parts.status != 204 && parts.status != 304 {
            assert_eq!(parts.headers[header::CONTENT_TYPE], "application/scim+json", "{path}");
        }
        Answer { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    async fn patch(&self, id: &str, operations: Value) -> Answer {
        self.ask("PATCH", &format!("/Users/{id}"), json!({ "schemas": [PATCH], "Operations": operations })).await
    }

    async fn make(&self, name: &str) -> Answer {
        self.ask("POST", "/Users", json!({ "schemas": [USER], "userName": name })).await
    }

    /// Actions of the audit log, newest first.
    async fn audit(&self) -> Vec<String> {
        let query = format!("{{ r: auditEntries(tenantId: \"{}\", first: 50) {{ nodes {{ action }} }} }}", self.tenant);
        let answer = self.desk.ask(&self.token, &query).await;
        let nodes = answer["data"]["r"]["nodes"].as_array().unwrap().clone();
        nodes.iter().map(|n| n["action"].as_str().unwrap().to_owned()).collect()
    }

    /// The newest that the data plane knows of a mailbox.
    fn account(&self, id: &str) -> control::AccountSnapshot {
        let told = self.desk.plane.told.lock().unwrap();
        let of = told.iter().filter_map(|c| match c {
            control::Change::Account(a) if a.id.to_string() == id => Some(a.clone()),
            _ => None,
        });
        of.max_by_key(|a| a.version).unwrap()
    }
}
