//! SUMMARY    /Groups: distribution groups, made, found, changed and deleted by a directory.
//! STANDARDS  RFC 7644 §3.3 to §3.6
//! LIMITS     SCAN_MAX, SCAN_PAGE
//! INVARIANTS A request changes the attributes it names and no others, in one transaction.

use super::{
    Scim, Shared, answer,
    group::{Draft, patched, render},
    list::{Asked, PAGE_MAX, Parameters},
    patch,
    problem::Problem,
    request::{Caller, body, is_known, terms},
    tagged,
    users::Found,
};
use crate::cost::MUTATION_COST;
use axum::{
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::Value;
use tenants::{Actor, DirectoryGroupPatch};

/// Groups that one query with a filter looks at.
const SCAN_MAX: usize = 10_000;
/// Read at once.
const SCAN_PAGE: u32 = 200;
/// Cost of a query that looks at groups one by one.
const SCAN_COST: usize = 200;

type Answer = Result<Response, Problem>;

pub(super) async fn list(State(scim): State<Scim>, from: Caller, parameters: Parameters) -> Answer {
    let asked = Asked::read(parameters)?;
    let scans = asked.filter.as_ref().is_some_and(|f| f.pinned("id").or(f.pinned("externalid")).is_none());
    let actor = scim.caller(&from, if scans { SCAN_COST } else { asked.count.clamp(1, PAGE_MAX) }).await?;
    let (found, total) = scim.find_groups(&actor, &asked).await?;
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
    let group = scim.service.directory_group(&actor, &id).await?;
    if is_known(&from, group.group.version) {
        return Ok(tagged(StatusCode::NOT_MODIFIED.into_response(), group.group.version));
    }
    Ok(tagged(answer(StatusCode::OK, &asked.shown(render(&group))), group.group.version))
}

pub(super) async fn create(State(scim): State<Scim>, from: Caller, parameters: Parameters, bytes: Bytes) -> Answer {
    let asked = Asked::read(parameters)?;
    let actor = scim.caller(&from, MUTATION_COST).await?;
    let new = Draft::read(&body(&bytes)?)?.new_group();
    let made = scim.service.directory_group_create(&actor, &terms(&from)?, &new).await?.object;
    let mut response = tagged(answer(StatusCode::CREATED, &asked.shown(render(&made))), made.group.version);
    if let Ok(location) = HeaderValue::from_str(&format!("{}/{}", super::GROUPS, made.group.address)) {
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
    let patch = Draft::read(&body(&bytes)?)?.replacement(&id)?;
    scim.update_group(&actor, &id, &from, parameters, &patch).await
}

pub(super) async fn change(
    State(scim): State<Scim>,
    Path(id): Path<String>,
    from: Caller,
    parameters: Parameters,
    bytes: Bytes,
) -> Answer {
    let actor = scim.caller(&from, MUTATION_COST).await?;
    let patch = patched(&patch::steps(&body(&bytes)?)?)?;
    scim.update_group(&actor, &id, &from, parameters, &patch).await
}

pub(super) async fn delete(State(scim): State<Scim>, Path(id): Path<String>, from: Caller) -> Answer {
    let actor = scim.caller(&from, MUTATION_COST).await?;
    scim.service.directory_group_delete(&actor, &terms(&from)?, &id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

impl Shared {
    async fn update_group(
        &self,
        actor: &Actor,
        id: &str,
        headers: &HeaderMap,
        parameters: Parameters,
        patch: &DirectoryGroupPatch,
    ) -> Answer {
        let asked = Asked::read(parameters)?;
        let done = self.service.directory_group_update(actor, &terms(headers)?, id, patch).await?.object;
        Ok(tagged(answer(StatusCode::OK, &asked.shown(render(&done))), done.group.version))
    }

    /// The groups of a page, and how many there are.
    async fn find_groups(&self, actor: &Actor, asked: &Asked) -> Result<(Vec<Value>, usize), Problem> {
        let Some(filter) = &asked.filter else {
            let page = self.service.directory_groups(actor, asked.start, asked.count).await?;
            return Ok((page.0.iter().map(render).collect(), page.1));
        };
        let mut found = Found::new(asked);
        if let Some(id) = filter.pinned("id") {
            if let Ok(group) = self.service.directory_group(actor, id).await {
                found.take(render(&group), filter);
            }
            return Ok(found.all());
        }
        if let Some(id) = filter.pinned("externalid") {
            for group in self.service.directory_group_find(actor, id).await? {
                found.take(render(&group), filter);
            }
            return Ok(found.all());
        }
        let (mut after, mut seen) = (None, 0);
        loop {
            let groups = self.service.directory_group_scan(actor, after.as_deref(), SCAN_PAGE).await?;
            after = groups.last().map(|g| g.group.address.clone());
            seen += groups.len();
            for group in &groups {
                found.take(render(group), filter);
            }
            if groups.len() < SCAN_PAGE as usize {
                return Ok(found.all());
            }
            if seen >= SCAN_MAX {
                let detail =
                    format!("The filter looks at more than {SCAN_MAX} groups (SCAN_MAX): name id or externalId");
                return Err(Problem::bad("tooMany", detail));
            }
        }
    }
}
