//! SUMMARY    What the portal asks of the world: one GraphQL operation at a time, for one visitor.
//! SECURITY   The answer is that of the visitor's token; where the visitor comes from is told as it was seen, so that limits by
//!            address hold behind the portal as they do before the API.

use axum::{
    body::Body,
    http::{HeaderMap, Response},
};
use serde_json::Value;
use std::{future::Future, net::SocketAddr, pin::Pin};

/// Where a visitor comes from.
#[derive(Debug, Clone, Default)]
pub struct Client {
    pub peer: Option<SocketAddr>,
    /// Of the request, only those that tell where it comes from: `user-agent` and `x-forwarded-for`.
    pub headers: HeaderMap,
}

/// One operation.
#[derive(Debug)]
pub struct Asked<'a> {
    /// The document, with one operation.
    pub query: &'static str,
    /// An object.
    pub variables: Value,
    /// The visitor's access token; without one only what signs somebody in is answered.
    pub token: Option<&'a str>,
    /// Where the visitor acts, for a person who is a member of several tenants.
    pub tenant: Option<&'a str>,
    pub client: &'a Client,
}

/// What the API said.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status that HTTP clients get.
    pub status: u16,
    /// An object with `data` and `errors`.
    pub body: Value,
}

/// The API.
pub trait Graph: Send + Sync + 'static {
    fn execute<'a>(&'a self, asked: Asked<'a>) -> Pin<Box<dyn Future<Output = Answer> + Send + 'a>>;

    /// The file that a job made, part by part, with its type and name; `None` where the API has none for the token.
    fn file<'a>(
        &'a self,
        job: &'a str,
        token: &'a str,
        tenant: Option<&'a str>,
        client: &'a Client,
    ) -> Pin<Box<dyn Future<Output = Option<Response<Body>>> + Send + 'a>>;
}
