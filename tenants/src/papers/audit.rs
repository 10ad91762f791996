//! SUMMARY    The audit history as papers: of a tenant its chain from the oldest entry to the head, of a mailbox the entries about it.
//! LIMITS     AUDIT_PAGE
//! SECURITY   Of a mailbox's entries its user gets what the user did, and what others changed of it. Holds, what was ordered about it (an export for a court), and
//!            where others called from are not told: who reads those has the tenant's whole log.
//! INVARIANTS What is told of a tenant is one run of its chain: the checkpoint before it, each entry, the head as it was at the beginning.

use super::{LinePaper, Owner, Teller, Telling};
use crate::{
    Code, Error, Result, Service,
    audit::{AuditEntry, entry_line},
    db::query,
    limits::AUDIT_PAGE,
    papers::form::AddressLine,
    rows::{json_list, text},
};
use base::{AccountId, TenantId};
use control::DataType;
use serde_json::json;

/// How actions of others begin that a mailbox's own papers tell of.
const TOLD: [&str; 7] = ["mailbox", "alias", "maskedAddress", "appPassword", "delegate", "sendAs", "emailsRecover"];

pub(super) async fn tell(teller: &mut Teller<'_>, owner: Owner) -> Telling<()> {
    let mut out = LinePaper::new(owner, DataType::AuditHistory, "audit");
    match owner {
        Owner::Tenant => chain(teller, &mut out).await?,
        // The tenant's has them all.
        Owner::Mailbox(_) if teller.of.whole => {}
        Owner::Mailbox(mailbox) => about(teller, mailbox, &mut out).await?,
    }
    out.end(teller).await
}

async fn chain(teller: &mut Teller<'_>, out: &mut LinePaper) -> Telling<()> {
    let (service, tenant) = (teller.service, teller.of.tenant);
    let Some((end, head)) = service.audit_end(tenant).await? else { return Ok(()) };
    let (mut after, mut is_first) = (0, true);
    while after < end {
        let entries = service.audit_run(tenant, after, end).await?;
        if std::mem::take(&mut is_first) {
            let before = service.audit_before(tenant, entries.first()).await?;
            out.add(teller, &json!({ "checkpoint": { "number": before.0, "hash": before.1 } })).await?;
        }
        let Some(last) = entries.last() else { break };
        after = last.seq;
        for entry in &entries {
            out.add(teller, &entry_line(tenant, entry)).await?;
        }
    }
    out.add(teller, &json!({ "head": { "number": head.0, "hash": head.1 } })).await
}

async fn about(teller: &mut Teller<'_>, mailbox: AccountId, out: &mut LinePaper) -> Telling<()> {
    let (service, tenant) = (teller.service, teller.of.tenant);
    let Some((end, _)) = service.audit_end(tenant).await? else { return Ok(()) };
    let lines = service.address_lines(tenant, mailbox).await?;
    let mut objects = vec![mailbox.to_string()];
    objects.extend(lines.iter().filter_map(|line| match line {
        AddressLine::Primary { address }
        | AddressLine::Alias { address, shared: false, .. }
        | AddressLine::Masked { address, .. } => Some(address.clone()),
        AddressLine::Alias { .. } | AddressLine::Group { .. } | AddressLine::CatchAll { .. } => None,
    }));
    let mut after = 0;
    loop {
        let entries = service.audit_about(tenant, &objects, after, end).await?;
        let Some(last) = entries.last() else { return Ok(()) };
        after = last.seq;
        for mut entry in entries {
            if entry.actor != mailbox.to_string() {
                if !TOLD.iter().any(|told| entry.action.starts_with(told)) {
                    continue;
                }
                entry.ip.clear();
            }
            // Alone it proves nothing: the chain is the tenant's.
            (entry.number, entry.hash) = (None, None);
            out.add(teller, &entry_line(tenant, &entry)).await?;
        }
    }
}

impl Service {
    /// The seq of the newest entry, with its place and hash; `None`: there is none.
    async fn audit_end(&self, tenant: TenantId) -> Result<Option<(i64, (Option<i64>, Option<String>))>> {
        let row = query("SELECT seq, number, hash FROM audit WHERE tenant = $1 ORDER BY seq DESC LIMIT 1")
            .bind(tenant.to_string())
            .fetch_optional(&mut self.connection().await?)
            .await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some((crate::rows::number(&row, "seq")?, (row.number("number")?, row.text("hash")?))))
    }

    /// Place and hash of the entry before the oldest one that is kept. Errors: `InUse` (entries were cleared away meanwhile: ask again).
    async fn audit_before(&self, tenant: TenantId, first: Option<&AuditEntry>) -> Result<(i64, String)> {
        let row = query("SELECT number, hash FROM audit_checkpoint WHERE tenant = $1")
            .bind(tenant.to_string())
            .fetch_optional(&mut self.connection().await?)
            .await?;
        let before = match &row {
            Some(row) => (row.number("number")?.unwrap_or(0), text(row, "hash")?),
            None => (0, String::new()),
        };
        match first.and_then(|first| first.number) {
            Some(number) if number != before.0 + 1 => {
                Err(Error::new(Code::InUse, "", "entries of the audit log are being cleared away"))
            }
            Some(_) | None => Ok(before),
        }
    }

    /// Entries behind a seq up to another.
    async fn audit_run(&self, tenant: TenantId, after: i64, end: i64) -> Result<Vec<AuditEntry>> {
        let rows = query("SELECT * FROM audit WHERE tenant = $1 AND seq > $2 AND seq <= $3 ORDER BY seq LIMIT $4")
            .bind(tenant.to_string())
            .bind(after)
            .bind(end)
            .bind(AUDIT_PAGE)
            .fetch_all(&mut self.connection().await?)
            .await?;
        rows.iter().map(crate::audit::from_row).collect()
    }

    /// The same of those about some objects.
    async fn audit_about(&self, tenant: TenantId, objects: &[String], after: i64, end: i64) -> Result<Vec<AuditEntry>> {
        let rows = query(
            "SELECT * FROM audit WHERE tenant = $1 AND object IN (SELECT value FROM json_each($2)) AND seq > $3 AND seq <= $4 \
             ORDER BY seq LIMIT $5",
        )
        .bind(tenant.to_string())
        .bind(json_list(objects))
        .bind(after)
        .bind(end)
        .bind(AUDIT_PAGE)
        .fetch_all(&mut self.connection().await?)
        .await?;
        rows.iter().map(crate::audit::from_row).collect()
    }
}
