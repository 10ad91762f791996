//! SUMMARY    Events, and where they are sent.

use crate::{
    list::{PAGING, page},
    model::Model,
    params::Params,
    problem::Problem,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[derive(Serialize, Deserialize)]
pub struct Event {
    pub id: String,
    pub kind: String,
    pub created: i64,
    pub object: Value,
}

#[derive(Serialize, Deserialize)]
pub struct Endpoint {
    pub id: String,
    pub url: String,
    pub secret: String,
    /// `*`: all.
    pub kinds: Vec<String>,
}

/// The version whose shapes are given.
pub const API_VERSION: &str = "2026-09-30.endive";

impl Event {
    pub fn json(&self) -> Value {
        json!({
            "id": self.id, "object": "event", "api_version": API_VERSION, "created": self.created, "type": self.kind,
            "livemode": false, "pending_webhooks": 0, "request": { "id": null, "idempotency_key": null },
            "data": { "object": self.object },
        })
    }
}

impl Endpoint {
    fn json(&self) -> Value {
        json!({
            "id": self.id, "object": "webhook_endpoint", "url": self.url, "enabled_events": self.kinds,
            "status": "enabled", "livemode": false,
        })
    }
}

/// Whether it is `http://` of this machine.
pub fn is_here(url: &str) -> bool {
    let host = url.strip_prefix("http://").and_then(|rest| rest.split('/').next());
    let host = host.map(|host| host.rsplit_once(':').map_or(host, |(name, _)| name));
    host.is_some_and(|host| ["127.0.0.1", "[::1]", "localhost"].contains(&host))
}

impl Model {
    pub(crate) fn emit(&mut self, kind: &str, object: Value) {
        let id = self.id("evt");
        for endpoint in self.endpoints.values() {
            if endpoint.kinds.iter().any(|wanted| wanted == "*" || wanted == kind) {
                self.outbox.push((id.clone(), endpoint.id.clone()));
            }
        }
        self.events.insert(id.clone(), Event { id, kind: kind.into(), created: self.now, object });
    }

    pub(crate) fn event(&self, id: &str) -> Result<&Event, Problem> {
        self.events.get(id).ok_or_else(|| Problem::gone("event", id))
    }

    pub(crate) fn list_events(&self, p: &Params) -> Result<Value, Problem> {
        p.only(&[&PAGING[..], &["type"]].concat())?;
        let wanted = |event: &&Event| p.text("type").is_none_or(|kind| event.kind == kind);
        page("/v1/events", p, self.events.values().filter(wanted).map(Event::json).collect())
    }

    /// Where events go from now on: to another place under a secret that is known, else beside the others. Errors: another machine.
    pub(crate) fn have_endpoint(&mut self, url: &str, secret: &str) -> Result<(), Problem> {
        if let Some(known) = self.endpoints.values_mut().find(|known| known.secret == secret && is_here(url)) {
            url.clone_into(&mut known.url);
            return Ok(());
        }
        self.add_endpoint(url, secret, vec!["*".to_owned()]).map(drop)
    }

    /// Adds where events go. Errors: another machine.
    pub fn add_endpoint(&mut self, url: &str, secret: &str, kinds: Vec<String>) -> Result<String, Problem> {
        if !is_here(url) {
            return Err(Problem::invalid("url", "This Stripe sends to http:// of its own machine only"));
        }
        let id = self.id("we");
        let endpoint = Endpoint { id: id.clone(), url: url.into(), secret: secret.into(), kinds };
        self.endpoints.insert(id.clone(), endpoint);
        Ok(id)
    }

    pub(crate) fn create_endpoint(&mut self, p: &Params) -> Result<Value, Problem> {
        p.only(&["url", "enabled_events", "api_version", "description", "metadata"])?;
        let kinds = p.list("enabled_events");
        if kinds.is_empty() {
            return Err(Problem::missing("enabled_events"));
        }
        let secret = format!("whsec_fake{}", self.next + 1);
        let id = self.add_endpoint(p.need("url")?, &secret, kinds.into_iter().map(str::to_owned).collect())?;
        let mut made = self.endpoints.get(&id).map(Endpoint::json).unwrap_or_default();
        if let Some(map) = made.as_object_mut() {
            map.insert("secret".into(), secret.into());
        }
        Ok(made)
    }

    pub(crate) fn list_endpoints(&self, p: &Params) -> Result<Value, Problem> {
        p.only(&PAGING)?;
        page("/v1/webhook_endpoints", p, self.endpoints.values().map(Endpoint::json).collect())
    }

    pub(crate) fn delete_endpoint(&mut self, id: &str) -> Result<Value, Problem> {
        self.endpoints.remove(id).ok_or_else(|| Problem::gone("webhook endpoint", id))?;
        Ok(json!({ "id": id, "object": "webhook_endpoint", "deleted": true }))
    }
}
