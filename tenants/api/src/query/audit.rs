//! SUMMARY    The audit log: filtered pages, its chain verified, its head.

use crate::{
    connection::{Paging, connection},
    cost::page_cost,
    failure::{found, top_level},
    scalar::DateTime,
    types::{actor, service},
};
use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};

/// Entries that one verification costs as many as.
const VERIFY_COST: usize = 500;

/// One mutation, as it was recorded.
#[derive(SimpleObject)]
pub struct AuditEntry {
    pub id: ID,
    /// Its place in the tenant's chain, from 1; null for what was written before there was one.
    pub number: Option<i64>,
    pub at: DateTime,
    /// The token or person that acted.
    pub actor: String,
    /// What let the actor in, where that is not its own; empty otherwise.
    pub on_behalf_of: String,
    /// Where the request came from; empty when that is not known.
    pub ip: String,
    pub action: String,
    pub object: String,
    pub detail: String,
    /// SHA-256, hex, of the hash before, a line feed, and the JSON array [tenant, number, at in ms, actor, onBehalfOf, ip, action,
    /// object, detail].
    pub hash: Option<String>,
}

impl From<tenants::AuditEntry> for AuditEntry {
    fn from(e: tenants::AuditEntry) -> Self {
        AuditEntry {
            id: ID(e.seq.to_string()),
            number: e.number,
            at: DateTime(e.at_ms),
            actor: e.actor,
            on_behalf_of: e.on_behalf_of,
            ip: e.ip,
            action: e.action,
            object: e.object,
            detail: e.detail,
            hash: e.hash,
        }
    }
}

impl AuditEntry {
    /// Of one page.
    pub(crate) fn together(rows: Vec<tenants::AuditEntry>) -> Vec<Self> {
        rows.into_iter().map(Self::from).collect()
    }
}
connection!(AuditEntryConnection, AuditEntryEdge, AuditEntry);

/// Which entries; what is left out is any.
#[derive(InputObject, Default)]
pub struct AuditFilterInput {
    pub actor: Option<String>,
    pub action: Option<String>,
    pub object: Option<String>,
    /// From this time on.
    pub since: Option<DateTime>,
    /// Before this time.
    pub until: Option<DateTime>,
}

impl From<AuditFilterInput> for tenants::AuditFilter {
    fn from(f: AuditFilterInput) -> Self {
        tenants::AuditFilter {
            actor: f.actor.unwrap_or_default(),
            action: f.action.unwrap_or_default(),
            object: f.object.unwrap_or_default(),
            since_ms: f.since.map(|t| t.0),
            until_ms: f.until.map(|t| t.0),
        }
    }
}

/// A place in a chain and its hash.
#[derive(SimpleObject)]
pub struct AuditHead {
    pub number: i64,
    pub hash: String,
}

/// What verifying the chain found.
#[derive(SimpleObject)]
pub struct AuditVerification {
    /// Entries that were verified now.
    pub verified: i64,
    /// Place of the first entry that is missing or was changed; null when there is none.
    pub broken_number: Option<i64>,
    pub broken_reason: Option<String>,
    /// Ask again `after` this one; null when the head was reached.
    pub next_number: Option<i64>,
    /// The end of the chain. Kept elsewhere, it shows later that nothing before it was changed.
    pub head: AuditHead,
    /// Up to here entries were cleared away by retention.
    pub checkpoint: AuditHead,
}

#[derive(Default)]
pub struct AuditQuery;

#[Object]
impl AuditQuery {
    /// The audit log of a tenant, newest first.
    #[allow(clippy::too_many_arguments, reason = "the arguments of a connection, and a filter")]
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    async fn audit_entries(
        &self,
        ctx: &Context<'_>,
        tenant_id: ID,
        filter: Option<AuditFilterInput>,
        first: Option<u32>,
        after: Option<ID>,
        last: Option<u32>,
        before: Option<ID>,
    ) -> Result<Option<AuditEntryConnection>> {
        let paging = Paging::new(ctx, first, after, last, before)?;
        let Ok(tenant) = tenant_id.parse() else { return Ok(None) };
        let filter = filter.unwrap_or_default().into();
        let rows = found(service(ctx).audit_entries(actor(ctx), tenant, &filter, &paging.page()).await)?;
        Ok(rows.map(|rows| AuditEntryConnection::new(&paging, rows)))
    }

    /// Verifies the chain of a tenant's audit log behind the entry `after`, a bounded number of entries.
    #[graphql(complexity = "VERIFY_COST + child_complexity")]
    async fn audit_verify(
        &self,
        ctx: &Context<'_>,
        tenant_id: ID,
        #[graphql(default)] after: i64,
    ) -> Result<Option<AuditVerification>> {
        if after < 0 {
            return Err(top_level("INVALID", "`after` is 0 or the number of an entry"));
        }
        let Ok(tenant) = tenant_id.parse() else { return Ok(None) };
        let check = found(service(ctx).audit_verify(actor(ctx), tenant, after).await)?;
        let head = |h: tenants::AuditHead| AuditHead { number: h.number, hash: h.hash };
        Ok(check.map(|c| {
            let (broken_number, broken_reason) = c.broken.unzip();
            AuditVerification {
                verified: c.verified,
                broken_number,
                broken_reason,
                next_number: c.next,
                head: head(c.head),
                checkpoint: head(c.checkpoint),
            }
        }))
    }
}
