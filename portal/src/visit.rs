//! SUMMARY    One request of a visitor: who it is, what came with it, what the API is asked for it.
//! LIMITS     TYPED_BYTES_MAX

use crate::{
    Portal,
    brand::{Brand, Host},
    field::Fields,
    form::{Form, Refusal},
    frame::Frame,
    graph::{Asked, Client},
    language::Language,
    page::announcement::Told,
    state::{Signed, State, Typed},
    trouble::Trouble,
};
use askama::Template;
use axum::{
    body::Body,
    http::{Response, StatusCode},
};
use graphql_client::GraphQLQuery;
use serde_json::Value;
use std::sync::Arc;

/// Bytes of a field that are kept while a factor is asked for.
const TYPED_BYTES_MAX: usize = 300;

/// What a page answers.
pub(crate) enum Out {
    Page(StatusCode, String),
    /// Another page is to be read.
    See(String),
    /// A text or picture to be kept, of a media type.
    File {
        name: String,
        kind: &'static str,
        bytes: Vec<u8>,
    },
    /// For a script of ours, as JSON.
    Data(Value),
    /// What the API gives, as it comes.
    Stream(Response<Body>),
}

pub(crate) type Reply = Result<Out, Trouble>;

pub(crate) struct Visit {
    pub(crate) portal: Arc<Portal>,
    pub(crate) client: Client,
    pub(crate) language: Language,
    pub(crate) host: Host,
    /// The one that the visitor sees.
    pub(crate) brand: Option<Arc<Brand>>,
    pub(crate) state: State,
    /// Whether the cookie must be written.
    pub(crate) changed: bool,
    /// Whether a script of ours asks, which takes a part of the page.
    pub(crate) by_script: bool,
    /// What tenants above tell the visitor.
    pub(crate) told: Vec<Told>,
    pub(crate) path: String,
    pub(crate) query: Fields,
    /// Of the form that was sent.
    pub(crate) fields: Fields,
}

impl Visit {
    pub(crate) fn signed(&self) -> Result<&Signed, Trouble> {
        self.state.signed.as_ref().ok_or(Trouble::SignedOut)
    }

    /// Id of the tenant that the visitor acts in. `NotFound`: none.
    pub(crate) fn tenant(&self) -> Result<String, Trouble> {
        let tenant = &self.signed()?.tenant;
        if tenant.is_empty() { Err(Trouble::NotFound) } else { Ok(tenant.clone()) }
    }

    /// Runs an operation with the visitor's rights, where the visitor acts.
    pub(crate) async fn ask<Q: GraphQLQuery>(&self, variables: Q::Variables) -> Result<Q::ResponseData, Trouble> {
        let tenant = Some(self.signed()?.tenant.as_str()).filter(|t| !t.is_empty());
        self.ask_in::<Q>(tenant, variables).await
    }

    /// The same somewhere else.
    pub(crate) async fn ask_in<Q: GraphQLQuery>(
        &self,
        tenant: Option<&str>,
        variables: Q::Variables,
    ) -> Result<Q::ResponseData, Trouble> {
        let body = Q::build_query(variables);
        let variables = serde_json::to_value(&body.variables).map_err(|_| Trouble::Broken)?;
        let token = Some(self.signed()?.access.as_str());
        self.execute::<Q>(Asked { query: body.query, variables, token, tenant, client: &self.client }).await
    }

    /// The same with a variable that the schema tells from a missing one: null.
    pub(crate) async fn ask_with_null<Q: GraphQLQuery>(
        &self,
        variables: Q::Variables,
        null: &str,
    ) -> Result<Q::ResponseData, Trouble> {
        self.ask_with_nulls::<Q>(variables, &[("/input", null)]).await
    }

    /// The same with several: where they stand (a JSON pointer) and their names.
    pub(crate) async fn ask_with_nulls<Q: GraphQLQuery>(
        &self,
        variables: Q::Variables,
        nulls: &[(&str, &str)],
    ) -> Result<Q::ResponseData, Trouble> {
        let body = Q::build_query(variables);
        let mut variables = serde_json::to_value(&body.variables).map_err(|_| Trouble::Broken)?;
        for (place, name) in nulls {
            if let Some(fields) = variables.pointer_mut(place).and_then(Value::as_object_mut) {
                fields.insert((*name).to_owned(), Value::Null);
            }
        }
        let signed = self.signed()?;
        let tenant = Some(signed.tenant.as_str()).filter(|t| !t.is_empty());
        let token = Some(signed.access.as_str());
        self.execute::<Q>(Asked { query: body.query, variables, token, tenant, client: &self.client }).await
    }

    /// Runs an operation whose values may be refused as a whole: in the API's words, which stand beside no field.
    pub(crate) async fn ask_told<Q: GraphQLQuery>(
        &self,
        variables: Q::Variables,
    ) -> Result<Result<Q::ResponseData, Refusal>, Trouble> {
        let body = Q::build_query(variables);
        let variables = serde_json::to_value(&body.variables).map_err(|_| Trouble::Broken)?;
        let signed = self.signed()?;
        let tenant = Some(signed.tenant.as_str()).filter(|t| !t.is_empty());
        let asked = Asked { query: body.query, variables, token: Some(&signed.access), tenant, client: &self.client };
        let mut answer = self.portal.graph.execute(asked).await;
        if answer.body.pointer("/errors/0").is_some() {
            let text = |path: &str| answer.body.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
            return match text("/errors/0/extensions/code").as_str() {
                "INVALID" => Ok(Err(Refusal { message: text("/errors/0/message"), ..Refusal::new("", "INVALID") })),
                _ => Err(Trouble::of(&answer.body)),
            };
        }
        let data = answer.body.get_mut("data").map(Value::take).unwrap_or_default();
        serde_json::from_value(data).map(Ok).map_err(|error| {
            tracing::error!(%error, "portal: an answer does not fit its operation");
            Trouble::Broken
        })
    }

    /// Runs an operation by which somebody signs in or comes back.
    pub(crate) async fn ask_openly<Q: GraphQLQuery>(
        &self,
        variables: Q::Variables,
    ) -> Result<Q::ResponseData, Trouble> {
        let body = Q::build_query(variables);
        let variables = serde_json::to_value(&body.variables).map_err(|_| Trouble::Broken)?;
        self.execute::<Q>(Asked { query: body.query, variables, token: None, tenant: None, client: &self.client }).await
    }

    async fn execute<Q: GraphQLQuery>(&self, asked: Asked<'_>) -> Result<Q::ResponseData, Trouble> {
        let mut answer = self.portal.graph.execute(asked).await;
        let data = answer.body.get_mut("data").map(Value::take).unwrap_or_default();
        if data.is_null() {
            return Err(Trouble::of(&answer.body));
        }
        serde_json::from_value(data).map_err(|error| {
            tracing::error!(%error, "portal: an answer does not fit its operation");
            Trouble::Broken
        })
    }

    /// The frame of a page.
    pub(crate) fn frame(&self, title: &str) -> Frame {
        Frame {
            form: self.state.form.clone(),
            path: self.path.clone(),
            query: self.query.without("lang").without("ok").encoded(),
            signed: self.state.signed.clone(),
            told: self.told.clone(),
            brand: self.brand.clone(),
            done: done(self.query.text("ok")).map(|key| self.language.text(key, None)),
            ..Frame::new(self.language, title)
        }
    }

    /// Whether the visitor came to a brand's host: passkeys are of the portal's own.
    pub(crate) fn is_elsewhere(&self) -> bool {
        self.host != Host::Own
    }

    /// Who sells at the host: the tenant whose brand it is; the provider at the portal's own.
    pub(crate) fn seller(&self) -> Option<String> {
        self.brand.as_ref().filter(|_| self.is_elsewhere()).map(|brand| brand.tenant_id.clone())
    }

    /// What was sent, with what is wrong with it.
    pub(crate) fn refused(&self, refusals: Vec<Refusal>) -> Form {
        Form::of(self.fields.clone(), refusals)
    }

    /// Keeps what was typed while a factor is asked for: fields that are no secrets, as far as they fit in a cookie.
    pub(crate) fn keep_typed(&mut self, names: &[&str]) {
        let fields = names.iter().map(|name| ((*name).to_owned(), self.fields.text(name).to_owned()));
        let fields: Vec<(String, String)> = fields.filter(|(_, value)| value.len() <= TYPED_BYTES_MAX).collect();
        (self.state.typed, self.changed) = (Some(Typed { path: self.path.clone(), fields }), true);
    }

    /// What was typed into a form of this page before, once.
    pub(crate) fn typed_again(&mut self) -> Fields {
        match self.state.typed.take_if(|typed| typed.path == self.path) {
            Some(typed) => {
                self.changed = true;
                Fields::of(typed.fields)
            }
            None => Fields::default(),
        }
    }

    /// Makes a form that is sent twice count once: the key that its page gave it.
    pub(crate) fn once(&self) -> String {
        self.fields.text("once").to_owned()
    }
}

/// Renders a page; one whose form was refused says so by its status as well.
pub(crate) fn page(is_refused: bool, template: &impl Template) -> Reply {
    let status = match is_refused {
        true => StatusCode::UNPROCESSABLE_ENTITY,
        false => StatusCode::OK,
    };
    let html = template.render().map_err(|error| {
        tracing::error!(%error, "portal: a page cannot be rendered");
        Trouble::Broken
    })?;
    Ok(Out::Page(status, html))
}

pub(crate) fn see(path: impl Into<String>) -> Reply {
    Ok(Out::See(path.into()))
}

/// The text of what an address says was done; nothing for what nobody here wrote.
fn done(ok: &str) -> Option<&'static str> {
    Some(match ok {
        "saved" => "done-saved",
        "recovered" => "done-recovered",
        "export-asked" => "done-export-asked",
        "export-paused" => "done-export-paused",
        "export-resumed" => "done-export-resumed",
        "export-cancelled" => "done-export-cancelled",
        "export-link" => "done-export-link",
        "move-started" => "done-move-started",
        "move-many" => "done-move-many",
        "move-paused" => "done-move-paused",
        "move-resumed" => "done-move-resumed",
        "move-ended" => "done-move-ended",
        "claimed" => "done-claimed",
        "checked" => "done-checked",
        "given-up" => "done-given-up",
        "deleted" => "done-deleted",
        "restored" => "done-restored",
        "suspended" => "done-suspended",
        "resumed" => "done-resumed",
        "alias" => "done-alias",
        "alias-deleted" => "done-alias-deleted",
        "ended" => "done-ended",
        "password" => "done-password",
        "factor" => "done-factor",
        "factor-removed" => "done-factor-removed",
        "signed-out" => "done-signed-out",
        "person-deleted" => "done-person-deleted",
        "signed-in-again" => "done-session-over",
        "accepted" => "done-accepted",
        "confirmed" => "done-confirmed",
        "passkey" => "done-passkey",
        "app-password" => "done-token",
        "none-ticked" => "done-none-ticked",
        "purged" => "done-purged",
        "invited" => "done-invited",
        "revoked" => "done-revoked",
        "removed" | "member-removed" => "done-factor-removed",
        "token" => "done-token",
        "retried" => "done-retried",
        "support" => "done-support",
        "bought" => "done-bought",
        "changed" => "done-changed",
        "paid" => "done-paid",
        "card" => "done-card",
        "not-paid" => "done-not-paid",
        "cancelled" => "done-cancelled",
        "plan-ended" => "done-plan-ended",
        "kept" => "done-kept",
        "closed" => "done-closed",
        "reopened" => "done-reopened",
        "given" => "done-given",
        "refunded" => "done-refunded",
        "received" => "done-received",
        "compared" => "done-compared",
        "approved" => "done-approved",
        "refused" => "done-refused",
        "announced" => "done-announced",
        "held" => "done-held",
        "released" => "done-released",
        "switched" => "done-switched",
        _ => return None,
    })
}
