//! SUMMARY    /Users: mailboxes of people, made, found, changed and deleted by a directory.
//! STANDARDS  RFC 7644 §3.3 to §3.6
//! LIMITS     SCAN_MAX, SCAN_PAGE
//! INVARIANTS A request changes the attributes it names and no others, in one transaction.

use super::{
    Scim, Shared, answer,
    list::{Asked, PAGE_MAX, Parameters},
    patch,
    problem::Problem,
    request::{Caller, body, is_known, terms},
    tagged,
    user::{Draft, render},
};
use crate::cost::MUTATION_COST;
use axum::{
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use base::AccountId;
use serde_json::Value;
use tenants::{Actor, DirectoryKey, DirectoryPatch};

/// Users that one query looks at when its filter names none of `id`, `userName`, `externalId`.
const SCAN_MAX: usize = 50_000;
/// Read at once.
const SCAN_PAGE: u32 = 500;
/// Cost of a query that looks at users one by one.
const SCAN_COST: usize = 200;

type Answer = Result<Response, Problem>;

pub(super) async fn list(State(scim): State<Scim>, from: Caller, parameters: Parameters) -> Answer {
    let asked = Asked::read(parameters)?;
    let scans = asked.filter.as_ref().is_some_and(|_| key(&asked).is_none());
    let actor = scim.caller(&from, if scans { SCAN_COST } else { asked.count.clamp(1, PAGE_MAX) }).await?;
    let (found, total) = scim.find(&actor, &asked).await?;
    Ok(answer(StatusCode::OK, &asked.page(found, total)))
}

pub(super) async fn show(
    State(scim): State<Scim>,
    Path(id): Path<String>,
    from: Caller,
    parameters: Parameters,
) -> Answer {
    let asked = Asked::read(parameters)?;
    let actor = scim.caller(&from, 1).await?;
    let user = scim.service.directory_user(&actor, account(&id)?).await?;
    if is_known(&from, user.mailbox.version) {
        return Ok(tagged(StatusCode::NOT_MODIFIED.into_response(), user.mailbox.version));
    }
    Ok(tagged(answer(StatusCode::OK, &asked.shown(render(&user))), user.mailbox.version))
}

pub(super) async fn create(State(scim): State<Scim>, from: Caller, parameters: Parameters, bytes: Bytes) -> Answer {
    let asked = Asked::read(parameters)?;
    let actor = scim.caller(&from, MUTATION_COST).await?;
    let new = Draft::read(&body(&bytes)?)?.new_user();
    let made = scim.service.directory_create(&actor, &terms(&from)?, &new).await?.object;
    let shown = render(&made);
    let mut response = tagged(answer(StatusCode::CREATED, &asked.shown(shown)), made.mailbox.version);
    let location = HeaderValue::from_str(&format!("{}/{}", super::USERS, made.mailbox.id));
    if let Ok(location) = location {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

pub(super) async fn replace(
    State(scim): State<Scim>,
    Path(id): Path<String>,
    from: Caller,
    parameters: Parameters,
    bytes: Bytes,
) -> Answer {
    let actor = scim.caller(&from, MUTATION_COST).await?;
    let patch = Draft::read(&body(&bytes)?)?.replacement();
    scim.update(&actor, &id, &from, parameters, &patch).await
}

pub(super) async fn change(
    State(scim): State<Scim>,
    Path(id): Path<String>,
    from: Caller,
    parameters: Parameters,
    bytes: Bytes,
) -> Answer {
    let actor = scim.caller(&from, MUTATION_COST).await?;
    let patch = Draft::patched(&patch::steps(&body(&bytes)?)?)?.patch();
    scim.update(&actor, &id, &from, parameters, &patch).await
}

pub(super) async fn delete(State(scim): State<Scim>, Path(id): Path<String>, from: Caller) -> Answer {
    let actor = scim.caller(&from, MUTATION_COST).await?;
    scim.service.directory_delete(&actor, &terms(&from)?, account(&id)?).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

impl Shared {
    async fn update(
        &self,
        actor: &Actor,
        id: &str,
        headers: &HeaderMap,
        parameters: Parameters,
        patch: &DirectoryPatch,
    ) -> Answer {
        let asked = Asked::read(parameters)?;
        let done = self.service.directory_update(actor, &terms(headers)?, account(id)?, patch).await?;
        Ok(tagged(answer(StatusCode::OK, &asked.shown(render(&done.object))), done.object.mailbox.version))
    }

    /// The users of a page, and how many there are.
    async fn find(&self, actor: &Actor, asked: &Asked) -> Result<(Vec<Value>, usize), Problem> {
        let Some(filter) = &asked.filter else {
            let page = self.service.directory_page(actor, asked.start, asked.count).await?;
            return Ok((page.0.iter().map(render).collect(), page.1));
        };
        let mut found = Found::new(asked);
        if let Some(key) = key(asked) {
            for user in self.service.directory_find(actor, &key).await? {
                found.take(render(&user), filter);
            }
            return Ok(found.all());
        }
        let (mut after, mut seen) = (None, 0);
        loop {
            let users = self.service.directory_scan(actor, after, SCAN_PAGE).await?;
            after = users.last().map(|u| u.mailbox.id);
            seen += users.len();
            for user in &users {
                found.take(render(user), filter);
            }
            if users.len() < SCAN_PAGE as usize {
                return Ok(found.all());
            }
            if seen >= SCAN_MAX {
                let detail = format!(
                    "The filter looks at more than {SCAN_MAX} users (SCAN_MAX): name userName, externalId or id"
                );
                return Err(Problem::bad("tooMany", detail));
            }
        }
    }
}

/// The matches so far: how many, and those of the page.
pub(super) struct Found {
    start: usize,
    count: usize,
    total: usize,
    page: Vec<Value>,
}

impl Found {
    pub(super) fn new(asked: &Asked) -> Found {
        Found { start: asked.start, count: asked.count, total: 0, page: Vec::new() }
    }

    pub(super) fn all(self) -> (Vec<Value>, usize) {
        (self.page, self.total)
    }

    pub(super) fn take(&mut self, user: Value, filter: &super::filter::Filter) {
        if !filter.meets(&user) {
            return;
        }
        if self.total >= self.start && self.page.len() < self.count {
            self.page.push(user);
        }
        self.total += 1;
    }
}

/// What an index finds.
fn key(asked: &Asked) -> Option<DirectoryKey> {
    let filter = asked.filter.as_ref()?;
    if let Some(id) = filter.pinned("id") {
        return Some(DirectoryKey::Id(id.to_owned()));
    }
    if let Some(name) = filter.pinned("username").or_else(|| filter.pinned("emails.value")) {
        return Some(DirectoryKey::UserName(name.to_owned()));
    }
    filter.pinned("externalid").map(|id| DirectoryKey::ExternalId(id.to_owned()))
}

fn account(id: &str) -> Result<AccountId, Problem> {
    id.parse().map_err(|_| Problem::missing())
}
