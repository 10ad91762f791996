//! SUMMARY    What was done in a tenant, by whom, for whom, from where: a chain of entries for each tenant.
//! SECURITY   The engine refuses to change an entry, and to delete one that retention has not passed. Who can do it all the same
//!            breaks the chain, which `audit_verify` finds.
//! INVARIANTS Entries are only added, in the transaction of what they tell. Whatever writes one writes the event too.

mod chain;
mod export;

pub use chain::{AuditCheck, AuditHead};
pub(crate) use export::{AuditExport, entry_line};

use crate::{
    Actor, Page, Permission, Result, Service,
    db::{Connection, Row, query},
    page::Statements,
    rows::{number, optional, text},
};
use base::TenantId;
use serde::{Deserialize, Serialize};

/// One entry of the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    pub seq: i64,
    /// Its place in the tenant's chain, from 1; `None` for what was written before there was one.
    pub number: Option<i64>,
    pub at_ms: i64,
    pub actor: String,
    /// What let the actor in, where that is not its own: a support grant.
    pub on_behalf_of: String,
    /// Where the request came from; empty when that is not known.
    pub ip: String,
    pub action: String,
    pub object: String,
    pub detail: String,
    /// SHA-256 over the hash before and this entry, hex.
    pub hash: Option<String>,
}

/// Which entries; an empty text is any.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditFilter {
    pub actor: String,
    pub action: String,
    pub object: String,
    /// From this time on, and before that one.
    pub since_ms: Option<i64>,
    pub until_ms: Option<i64>,
}

impl AuditFilter {
    /// `$1` to `$6` of the statements.
    fn scope(&self, tenant: TenantId) -> [String; 6] {
        [
            tenant.to_string(),
            self.actor.clone(),
            self.action.clone(),
            self.object.clone(),
            self.since_ms.unwrap_or(i64::MIN).to_string(),
            self.until_ms.unwrap_or(i64::MAX).to_string(),
        ]
    }
}

/// The entries of a tenant that fit a filter.
macro_rules! filtered {
    ($select:literal, $rest:literal) => {
        concat!(
            "SELECT ",
            $select,
            " FROM audit WHERE tenant = $1 AND ($2 = '' OR actor = $2) AND ($3 = '' OR action = $3) \
             AND ($4 = '' OR object = $4) AND at >= CAST($5 AS BIGINT) AND at < CAST($6 AS BIGINT)",
            $rest
        )
    };
}

impl Service {
    /// Writes what was done, and tells it as an event.
    pub async fn audit(
        &self,
        txn: &mut Connection,
        actor: &Actor,
        tenant: TenantId,
        action: &str,
        object: &str,
        detail: &str,
    ) -> Result<()> {
        self.audit_each(txn, actor, tenant, action, &[(object.to_owned(), detail.to_owned())]).await
    }

    /// The same of many objects, in their order: each with its detail. As many statements as one takes, but for the rows.
    pub(crate) async fn audit_each(
        &self,
        txn: &mut Connection,
        actor: &Actor,
        tenant: TenantId,
        action: &str,
        objects: &[(String, String)],
    ) -> Result<()> {
        if objects.is_empty() {
            return Ok(());
        }
        let on_behalf_of = self.consent_of(txn, actor, tenant).await?;
        let at_ms = self.now().0;
        let entry = |(object, detail): &(String, String)| AuditEntry {
            seq: 0,
            number: None,
            at_ms,
            actor: actor.name.clone(),
            on_behalf_of: on_behalf_of.clone(),
            ip: actor.from.clone(),
            action: action.to_owned(),
            object: object.clone(),
            detail: detail.clone(),
            hash: None,
        };
        let entries: Vec<AuditEntry> = objects.iter().map(entry).collect();
        self.chain(txn, tenant, &entries).await?;
        self.events_of(txn, tenant, &entries).await
    }

    /// Entries of a tenant's audit log that fit a filter, newest first, a page of them; and how many there are.
    pub async fn audit_entries(
        &self,
        actor: &Actor,
        tenant: TenantId,
        filter: &AuditFilter,
        page: &Page,
    ) -> Result<(Vec<AuditEntry>, i64)> {
        let mut connection = self.reader(actor).await?;
        self.permit(&mut connection, actor, Permission::AuditRead, tenant).await?;
        let list = Statements {
            forward: filtered!("*", " AND seq < $7 ORDER BY seq DESC LIMIT $8"),
            backward: filtered!("*", " AND seq > $7 ORDER BY seq LIMIT $8"),
            count: filtered!("COUNT(*) AS n", ""),
        };
        let end = if page.backward { 0 } else { i64::MAX };
        let from = match &page.cursor {
            Some(cursor) => cursor.parse().map_err(|_| page.not_a_cursor())?,
            None => end,
        };
        let (rows, count) = page.rows(&mut connection, &list, &filter.scope(tenant), vec![from.into()]).await?;
        Ok((rows.iter().map(from_row).collect::<Result<_>>()?, count))
    }

    /// Entries that fit a filter behind a seq, oldest first.
    async fn audit_page(
        &self,
        txn: &mut Connection,
        tenant: TenantId,
        filter: &AuditFilter,
        after: i64,
        limit: i64,
    ) -> Result<Vec<AuditEntry>> {
        let mut select = query(filtered!("*", " AND seq > $7 ORDER BY seq LIMIT $8"));
        for value in filter.scope(tenant) {
            select = select.bind(value);
        }
        select.bind(after).bind(limit).fetch_all(txn).await?.iter().map(from_row).collect()
    }
}

pub(crate) fn from_row(row: &Row) -> Result<AuditEntry> {
    Ok(AuditEntry {
        seq: number(row, "seq")?,
        number: optional(row, "number")?,
        at_ms: number(row, "at")?,
        actor: text(row, "actor")?,
        on_behalf_of: text(row, "on_behalf_of")?,
        ip: text(row, "ip")?,
        action: text(row, "action")?,
        object: text(row, "object")?,
        detail: text(row, "detail")?,
        hash: row.text("hash")?,
    })
}
