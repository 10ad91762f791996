//! SUMMARY    Exports that begin: the data plane is told; and what it tells of them.
//! LIMITS     EXPORT_POLL, EXPORT_ORDER_PAUSE, EXPORTS_ORDERED_AT_ONCE
//! INVARIANTS A row says that the data plane may have an export before it is told. Telling it twice is harmless: the id is the same. What is told of an
//!            export is in its tenant's audit log in the transaction that takes it over.

use super::{Export, ExportAsked, from_row};
use crate::{
    Actor, Code, Error, PapersError, PapersOf, Permissions, Result, Service, StandardRole,
    db::{Connection, query},
    limits::{EXPORT_ORDER_PAUSE, EXPORT_POLL, EXPORTS_ORDERED_AT_ONCE},
    rows::json_list,
};
use base::{JobId, TenantId};
use control::{ControlError, EventKind, ExportOrder};
use std::sync::Arc;
use tokio::sync::watch;

impl Service {
    /// Has exports made whose time has come, until `stop`. Any number of processes may.
    pub async fn run_exports(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            if let Err(error) = self.order_exports().await {
                tracing::warn!(%error, "exports wait to be ordered");
            }
            tokio::select! {
                () = tokio::time::sleep(EXPORT_POLL) => {}
                changed = stop.changed() => if changed.is_err() { return },
            }
        }
    }

    /// Tells the data plane of exports whose time has come; how many it took.
    pub async fn order_exports(&self) -> Result<usize> {
        let now = self.now();
        let due = "SELECT 1 AS n FROM export WHERE state IN ('WAITING', 'ORDERING') AND due_at <= $1 LIMIT 1";
        if query(due).bind(now.0).fetch_optional(&mut self.connection().await?).await?.is_none() {
            return Ok(0);
        }
        let mut txn = self.begin().await?;
        let rows = query(
            "UPDATE export SET state = 'ORDERING', due_at = $2, version = version + 1 WHERE id IN (SELECT id FROM export \
             WHERE state IN ('WAITING', 'ORDERING') AND due_at <= $1 ORDER BY due_at LIMIT $3) RETURNING *, NULL AS address",
        )
        .bind(now.0)
        .bind(now.plus(EXPORT_ORDER_PAUSE).0)
        .bind(EXPORTS_ORDERED_AT_ONCE)
        .fetch_all(&mut txn)
        .await?;
        let exports = rows.iter().map(from_row).collect::<Result<Vec<Export>>>()?;
        let mut going = Vec::with_capacity(exports.len());
        for export in exports {
            match self.stands_in_the_way(&mut txn, &export).await? {
                None => going.push(export),
                Some(why) => self.refuse_export(&mut txn, &export, why).await?,
            }
        }
        txn.commit().await?;
        let mut taken = 0;
        for export in &going {
            taken += usize::from(self.order_export(export).await?);
        }
        Ok(taken)
    }

    /// Why an export that waited is not made: who asked is gone, a hold forbids it by now, or a person does not own the tenant any more of
    /// which it asked for all.
    async fn stands_in_the_way(&self, txn: &mut Connection, export: &Export) -> Result<Option<&'static str>> {
        if export.starts_at <= export.created_at {
            return Ok(None);
        }
        if !self.is_still_there(txn, export.tenant, &export.asked_by).await? {
            return Ok(Some("Who asked for it is gone"));
        }
        if let Err(e) = self.is_still_allowed(txn, export).await {
            return if e.code == Code::Forbidden { Ok(Some("A hold keeps it from being exported")) } else { Err(e) };
        }
        let is_whole = export.mailboxes.is_empty() || export.left_out > 0;
        if !is_whole || !export.asked_by.starts_with("per_") {
            return Ok(None);
        }
        let line = self.line(txn, export.tenant).await?;
        let owns = query("SELECT 1 AS n FROM membership WHERE person = $1 AND role = $2 AND tenant IN (SELECT value FROM json_each($3))")
            .bind(&export.asked_by)
            .bind(StandardRole::Owner.name())
            .bind(json_list(&line))
            .fetch_optional(txn)
            .await?;
        Ok(owns.is_none().then_some("Who asked for it does not own the organisation any more"))
    }

    async fn refuse_export(&self, txn: &mut Connection, export: &Export, why: &str) -> Result<()> {
        let refuse = "UPDATE export SET state = 'REFUSED', why = $2, version = version + 1 WHERE id = $1 AND state IN ('WAITING', 'ORDERING')";
        let refused = query(refuse).bind(export.id.to_string()).bind(why).execute(&mut *txn).await?;
        if refused == 0 {
            // It was cancelled while its papers were told.
            return Ok(());
        }
        self.audit(txn, &plane(export.tenant), export.tenant, "exportRefuse", &export.id.to_string(), why).await
    }

    /// Tells what goes with it beside the mail; the data plane begins then.
    async fn papers_told(&self, export: &Export) -> std::result::Result<(), ControlError> {
        let is_all = export.mailboxes.is_empty();
        let of = PapersOf {
            tenant: export.tenant,
            job: export.id,
            mailboxes: (!is_all).then(|| export.mailboxes.clone()),
            whole: is_all || export.left_out > 0,
        };
        match self.tell_papers(&of).await {
            Ok(()) => Ok(()),
            Err(PapersError::Told(why)) => Err(why),
            Err(PapersError::Read(why)) => Err(ControlError::Unavailable(why.to_string())),
        }
    }

    async fn order_export(&self, export: &Export) -> Result<bool> {
        let order = ExportOrder {
            tenant: export.tenant,
            job: export.id,
            accounts: export.mailboxes.clone(),
            shape: export.shape,
            keep_days: export.keep_days,
            asked_by: export.asked_by.clone(),
            reason: export.reason.clone(),
            papers: true,
        };
        let told = match self.relay.control.export(order).await {
            Ok(()) => self.papers_told(export).await,
            refused => refused,
        };
        let mut txn = self.begin().await?;
        let mut taken = false;
        match told {
            Ok(()) => {
                // Unless it is already further, or was cancelled meanwhile.
                query("UPDATE export SET state = 'TAKEN' WHERE id = $1 AND state = 'ORDERING'")
                    .bind(export.id.to_string())
                    .execute(&mut txn)
                    .await?;
                taken = true;
            }
            // What is being destroyed makes room in a moment.
            Err(ControlError::Invalid(why)) if why.contains("EXPORT_JOBS_MAX") => {
                tracing::info!(export = %export.id, "an export waits for room (EXPORT_JOBS_MAX)");
            }
            Err(ControlError::Invalid(why)) => self.refuse_export(&mut txn, export, &why).await?,
            // Told again after EXPORT_ORDER_PAUSE.
            Err(ControlError::Unavailable(why)) => tracing::warn!(%why, export = %export.id, "an export waits"),
        }
        txn.commit().await?;
        self.events.committed();
        Ok(taken)
    }

    /// Takes over what the data plane tells of an export; whether it was about one. An operator's export has no row here: the audit log has it
    /// all the same.
    pub(crate) async fn export_told(&self, txn: &mut Connection, tenant: TenantId, told: &EventKind) -> Result<bool> {
        let (job, action, detail) = match told {
            EventKind::ExportReady { job, emails, file_bytes, problems, .. } => {
                (*job, "exportReady", format!("{emails} emails, {file_bytes} bytes, {problems} problems"))
            }
            EventKind::ExportFailed { job, why } => (*job, "exportFailed", why.clone()),
            EventKind::ExportDestroyed { job } => (*job, "exportDestroyed", String::new()),
            EventKind::QuotaReached { .. }
            | EventKind::QuotaRelieved { .. }
            | EventKind::SendLimitReached { .. }
            | EventKind::MigrationFailed { .. }
            | EventKind::MigrationEnded { .. } => {
                return Ok(false);
            }
        };
        self.audit(txn, &plane(tenant), tenant, action, &job.to_string(), &detail).await?;
        match self.export_row(txn, job).await {
            // Another tenant's would be a data plane that lies.
            Ok(export) if export.tenant == tenant => self.export_moves(txn, &export, told).await?,
            Ok(_) => {}
            Err(e) if e.code == Code::NotFound => {}
            Err(e) => return Err(e),
        }
        Ok(true)
    }

    async fn export_moves(&self, txn: &mut Connection, export: &Export, told: &EventKind) -> Result<()> {
        let key = export.id.to_string();
        match told {
            EventKind::ExportReady { emails, file_bytes, expires_at, .. } => {
                let updated = query(
                    "UPDATE export SET state = 'READY', emails = $2, file_bytes = $3, ready_at = $4, expires_at = $5, \
                     version = version + 1 WHERE id = $1 AND state IN ('ORDERING', 'TAKEN')",
                )
                .bind(&key)
                .bind(i64::try_from(*emails).unwrap_or(i64::MAX))
                .bind(i64::try_from(*file_bytes).unwrap_or(i64::MAX))
                .bind(self.now().0)
                .bind(expires_at.0)
                .execute(&mut *txn)
                .await?;
                match updated {
                    // It was cancelled before this was heard.
                    0 => Ok(()),
                    _ => self.mail_of_export(txn, export, "export-ready", Some(*expires_at)).await,
                }
            }
            EventKind::ExportFailed { .. } => self.mail_of_export(txn, export, "export-failed", None).await,
            EventKind::ExportDestroyed { .. } => {
                let was_ready = matches!(export.asked, ExportAsked::Ready | ExportAsked::Ended);
                let ended = if was_ready { ExportAsked::Ended } else { ExportAsked::Cancelled };
                query("UPDATE export SET state = $2, version = version + 1 WHERE id = $1")
                    .bind(&key)
                    .bind(ended.name())
                    .execute(txn)
                    .await?;
                Ok(())
            }
            EventKind::QuotaReached { .. }
            | EventKind::QuotaRelieved { .. }
            | EventKind::SendLimitReached { .. }
            | EventKind::MigrationFailed { .. }
            | EventKind::MigrationEnded { .. } => Ok(()),
        }
    }

    /// The export of an id that the data plane may have.
    pub(super) fn not_there_yet(job: JobId) -> Error {
        Error::new(Code::InUse, "exportId", format!("{job} is just being begun: ask again in a moment"))
    }
}

/// Who does what nobody asked for.
fn plane(tenant: TenantId) -> Actor {
    Actor::of(tenant, Permissions::NONE, false, "data-plane".to_owned())
}
