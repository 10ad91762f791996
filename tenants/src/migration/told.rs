//! SUMMARY    What the data plane tells of migrations, and whether it has taken those that it was told of.
//! LIMITS     MIGRATION_POLL, MIGRATIONS_LOOKED_AT
//! INVARIANTS What is told is in the tenant's audit log in the transaction that takes it over.

use super::{Migration, from_row};
use crate::{
    Actor, Code, Permissions, Result, Service,
    db::{Connection, query},
};
use base::{JobId, TenantId};
use control::EventKind;
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;

/// Pause between two looks for migrations that the data plane may not have taken.
const MIGRATION_POLL: Duration = Duration::from_secs(60);
/// Migrations that one look asks for.
const MIGRATIONS_LOOKED_AT: i64 = 200;

impl Service {
    /// Settles what became of migrations whose order got no answer, until `stop`. Any number of processes may.
    pub async fn run_migrations(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            if let Err(error) = self.settle_migrations().await {
                tracing::warn!(%error, "migrations wait to be settled");
            }
            tokio::select! {
                () = tokio::time::sleep(MIGRATION_POLL) => {}
                changed = stop.changed() => if changed.is_err() { return },
            }
        }
    }

    /// Looks once whether the data plane has what it was told of; how many were settled.
    pub async fn settle_migrations(&self) -> Result<usize> {
        let sql = "SELECT *, NULL AS address FROM migration WHERE state = 'ORDERING' AND due_at <= $1 ORDER BY due_at LIMIT $2";
        let rows =
            query(sql).bind(self.now().0).bind(MIGRATIONS_LOOKED_AT).fetch_all(&mut self.connection().await?).await?;
        let all = rows.iter().map(from_row).collect::<Result<Vec<Migration>>>()?;
        if all.is_empty() {
            return Ok(0);
        }
        let asked = all.iter().map(|migration| (migration.tenant, migration.id)).collect();
        let told = self.relay.control.migrations(asked).await.map_err(super::away)?;
        for (migration, standing) in all.iter().zip(told) {
            match standing {
                Some(_) => self.migration_taken(migration.id).await?,
                None => {
                    let why = "The mail server did not answer when it was begun: begin it again";
                    self.refuse_migration(migration, why).await?;
                }
            }
        }
        Ok(all.len())
    }

    pub(super) async fn migration_taken(&self, job: JobId) -> Result<()> {
        // Unless it has ended meanwhile.
        let sql = "UPDATE migration SET state = 'TAKEN', version = version + 1 WHERE id = $1 AND state = 'ORDERING'";
        query(sql).bind(job.to_string()).execute(&mut self.connection().await?).await?;
        Ok(())
    }

    pub(super) async fn refuse_migration(&self, migration: &Migration, why: &str) -> Result<()> {
        let mut txn = self.begin().await?;
        let sql = "UPDATE migration SET state = 'REFUSED', why = $2, ended_at = $3, version = version + 1 \
                   WHERE id = $1 AND state = 'ORDERING'";
        let refused = query(sql).bind(migration.id.to_string()).bind(why).bind(self.now().0).execute(&mut txn).await?;
        if refused > 0 {
            let (tenant, key) = (migration.tenant, migration.id.to_string());
            self.audit(&mut txn, &plane(tenant), tenant, "migrationRefuse", &key, why).await?;
        }
        txn.commit().await?;
        self.events.committed();
        Ok(())
    }

    /// Takes over what the data plane tells of a migration; whether it was about one.
    pub(crate) async fn migration_told(
        &self,
        txn: &mut Connection,
        tenant: TenantId,
        told: &EventKind,
    ) -> Result<bool> {
        let (job, action, detail) = match told {
            EventKind::MigrationFailed { job, why } => (*job, "migrationFailed", why.clone()),
            EventKind::MigrationEnded { job, brought, bytes, problems, why } => {
                let why = if why.is_empty() { String::new() } else { format!(": {why}") };
                (*job, "migrationDone", format!("{brought} emails, {bytes} bytes, {problems} problems{why}"))
            }
            EventKind::QuotaReached { .. }
            | EventKind::QuotaRelieved { .. }
            | EventKind::SendLimitReached { .. }
            | EventKind::ExportReady { .. }
            | EventKind::ExportFailed { .. }
            | EventKind::ExportDestroyed { .. } => return Ok(false),
        };
        self.audit(txn, &plane(tenant), tenant, action, &job.to_string(), &detail).await?;
        match self.migration_row(txn, job).await {
            // Another tenant's would be a data plane that lies.
            Ok(migration) if migration.tenant == tenant => self.migration_moves(txn, &migration, told).await?,
            Ok(_) => {}
            Err(e) if e.code == Code::NotFound => {}
            Err(e) => return Err(e),
        }
        Ok(true)
    }

    async fn migration_moves(&self, txn: &mut Connection, migration: &Migration, told: &EventKind) -> Result<()> {
        let EventKind::MigrationEnded { brought, bytes, problems, why, .. } = told else { return Ok(()) };
        let signed = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        let key = migration.id.to_string();
        query(
            "UPDATE migration SET state = 'ENDED', why = $2, brought = $3, bytes = $4, problems = $5, \
             ended_at = COALESCE(ended_at, $6), version = version + 1 WHERE id = $1",
        )
        .bind(&key)
        .bind(why)
        .bind(signed(*brought))
        .bind(signed(*bytes))
        .bind(signed(*problems))
        .bind(self.now().0)
        .execute(&mut *txn)
        .await?;
        // With a mailbox that is purged goes where its mail was before.
        query(
            "DELETE FROM migration WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM mailbox m WHERE m.id = migration.mailbox \
             AND (m.live = 1 OR m.purge_at IS NOT NULL))",
        )
        .bind(&key)
        .execute(txn)
        .await?;
        Ok(())
    }
}

/// Who does what nobody asked for.
fn plane(tenant: TenantId) -> Actor {
    Actor::of(tenant, Permissions::NONE, false, "data-plane".to_owned())
}
