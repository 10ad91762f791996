//! SUMMARY    Events: the feed of what changed in a tenant.

use crate::{
    connection::{Paging, connection},
    cost::page_cost,
    failure::found,
    scalar::DateTime,
    types::{actor, service},
};
use async_graphql::{Context, ID, Json, Object, Result, SimpleObject};

/// Something that happened. Kinds may be added.
#[derive(SimpleObject, Clone)]
pub struct Event {
    /// The cursor of the feed; rises in the order in which changes were committed.
    pub id: ID,
    pub tenant_id: ID,
    /// Rises by one within the tenant.
    pub number: i64,
    /// `mailbox.created`, `tenant.suspended`, `quota.reached`, …
    pub kind: String,
    /// What it is about.
    pub object: ID,
    /// Rises by one within the object.
    pub object_number: i64,
    pub actor: String,
    pub at: DateTime,
    pub data: Json<serde_json::Value>,
}

impl From<tenants::Event> for Event {
    fn from(e: tenants::Event) -> Self {
        Event {
            id: ID(e.seq.to_string()),
            tenant_id: ID(e.tenant.to_string()),
            number: e.number,
            kind: e.kind,
            object: ID(e.object),
            object_number: e.object_number,
            actor: e.actor,
            at: DateTime(e.at_ms),
            data: Json(serde_json::from_str(&e.data).unwrap_or_default()),
        }
    }
}

impl Event {
    /// Of one page.
    pub(crate) fn together(rows: Vec<tenants::Event>) -> Vec<Self> {
        rows.into_iter().map(Self::from).collect()
    }
}
connection!(EventConnection, EventEdge, Event);

#[derive(Default)]
pub struct EventQuery;

#[Object]
impl EventQuery {
    /// What happened in a tenant, and in those below it when `below`, oldest first: go on `after` the last one you know.
    #[allow(clippy::too_many_arguments, reason = "the arguments of a connection")]
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    async fn events(
        &self,
        ctx: &Context<'_>,
        tenant_id: ID,
        #[graphql(default)] below: bool,
        first: Option<u32>,
        after: Option<ID>,
        last: Option<u32>,
        before: Option<ID>,
    ) -> Result<Option<EventConnection>> {
        let paging = Paging::new(ctx, first, after, last, before)?;
        let Ok(tenant) = tenant_id.parse() else { return Ok(None) };
        let rows = found(service(ctx).events(actor(ctx), tenant, below, &paging.page()).await)?;
        Ok(rows.map(|rows| EventConnection::new(&paging, rows)))
    }
}
