//! SUMMARY    Purges go on by themselves: second notices, what is due, and each step of what was ordered.
//! LIMITS     PURGE_PAUSE, PURGE_ROWS_MAX
//! INVARIANTS The point of no return is noted when the data plane has said it. Rows are erased after it, the proof is made last, when
//!            nothing of the tenant is left here or there.

use super::{PURGE_PAUSE, Purge, PurgePhase, damaged, purge_in, rows};
use crate::{
    Actor, Code, Error, Permissions, Result, Service,
    db::query,
    rows::{id, text},
};
use base::{TenantId, Timestamp};
use control::{ControlError, Erasure, ErasureOrder, ErasurePhase};
use serde_json::json;
use std::sync::Arc;
use tokio::sync::watch;

impl Service {
    /// Does what is due until `stop`.
    pub async fn run_purges(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            if let Err(error) = self.purges_due().await {
                tracing::warn!(%error, "purges");
            }
            tokio::select! {
                () = tokio::time::sleep(PURGE_PAUSE) => {}
                _ = stop.changed() => {}
            }
        }
    }

    /// One round: notices, what may be purged by now, what was ordered. Gives how many tenants were gone on with.
    pub async fn purges_due(&self) -> Result<usize> {
        let (mut due, mut ordered) = (Vec::new(), Vec::new());
        let mut connection = self.connection().await?;
        let open = query("SELECT tenant FROM closing WHERE phase IN ('CLOSING', 'PURGING')");
        for row in open.fetch_all(&mut connection).await? {
            let tenant: TenantId = id(&row, "tenant")?;
            let Some(closing) = purge_in(&mut connection, tenant).await? else { continue };
            match closing.phase {
                PurgePhase::Closing => due.push(closing),
                PurgePhase::Purging => ordered.push(tenant),
                PurgePhase::Purged => {}
            }
        }
        let mut candidates: Vec<TenantId> = Vec::new();
        for closing in due {
            if Self::next_notice(&closing).is_some_and(|at| at <= self.now()) {
                let mut txn = self.begin().await?;
                self.tell_closing(&mut txn, closing.tenant).await?;
                txn.commit().await?;
            }
            candidates.push(closing.tenant);
        }
        if let Some(shop) = self.shop.get().cloned() {
            candidates.extend(shop.ended(&mut connection).await?);
        }
        for tenant in candidates {
            if self.purge_refusals(&mut connection, tenant).await?.is_empty() {
                self.order_purge(&self.purger().await?, tenant, None).await?;
                ordered.push(tenant);
            }
        }
        drop(connection);
        for tenant in &ordered {
            if let Err(error) = self.purge_on(*tenant).await {
                tracing::warn!(%tenant, %error, "a purge goes on later");
            }
        }
        Ok(ordered.len())
    }

    /// Who purges what is due.
    async fn purger(&self) -> Result<Actor> {
        Ok(Actor::of(self.provider().await?, Permissions::all(), true, "system".into()))
    }

    /// Goes on with an ordered purge as far as it gets; whether it has ended.
    pub(crate) async fn purge_on(&self, tenant: TenantId) -> Result<bool> {
        let mut connection = self.connection().await?;
        let purge = purge_in(&mut connection, tenant).await?.ok_or_else(|| Error::not_found("tenantId"))?;
        drop(connection);
        match purge.phase {
            PurgePhase::Closing => return Ok(false),
            PurgePhase::Purged => return Ok(true),
            PurgePhase::Purging => {}
        }
        if purge.no_return_at.is_none() {
            self.settle().await;
            let erasure = self.destroy(tenant, &purge).await?;
            self.note_purge(tenant, "no_return_at", erasure.begun_at).await?;
        }
        self.erase_rows(tenant).await?;
        let erasure = self.relay.control.erasure(tenant).await.map_err(unanswered)?;
        match erasure {
            Some(erasure) if erasure.phase == ErasurePhase::Done => self.end_purge(tenant).await.map(|()| true),
            Some(_) => Ok(false),
            None => Err(Error::new(Code::Internal, "", "the data plane knows of no erasure")),
        }
    }

    /// The point of no return. What the data plane refuses is taken back whole.
    async fn destroy(&self, tenant: TenantId, purge: &Purge) -> Result<Erasure> {
        let order = ErasureOrder { tenant, by: purge.ordered_by.clone() };
        match self.relay.control.erase(order).await {
            Ok(erasure) => Ok(erasure),
            Err(ControlError::Invalid(why)) => {
                let mut txn = self.begin().await?;
                for sql in [
                    "DELETE FROM closing WHERE tenant = $1 AND contact = ''",
                    "UPDATE closing SET phase = 'CLOSING', ordered_by = '', ordered_at = NULL WHERE tenant = $1",
                ] {
                    query(sql).bind(tenant.to_string()).execute(&mut txn).await?;
                }
                rows::unshut(&mut txn, tenant).await?;
                let batch = self.entitlements_below(&mut txn, tenant).await?;
                self.tell(&mut txn, &batch).await?;
                txn.commit().await?;
                self.settle().await;
                Err(Error::new(Code::Held, "tenantId", why))
            }
            Err(why) => Err(unanswered(why)),
        }
    }

    async fn note_purge(&self, tenant: TenantId, column: &'static str, at: Timestamp) -> Result<()> {
        let sql = match column {
            "no_return_at" => "UPDATE closing SET no_return_at = $2 WHERE tenant = $1",
            _ => "UPDATE closing SET ended_at = $2, phase = 'PURGED', contact = '' WHERE tenant = $1",
        };
        let mut txn = self.begin().await?;
        query(sql).bind(tenant.to_string()).bind(at.0).execute(&mut txn).await?;
        txn.commit().await
    }

    /// Erases rows until none is left, each part with its count in one transaction.
    async fn erase_rows(&self, tenant: TenantId) -> Result<()> {
        let mut reached = 0;
        loop {
            let mut txn = self.begin().await?;
            // Before the mailboxes: sessions of people are found by them.
            let people = rows::erase_people(&mut txn, tenant).await?;
            let gone = match people {
                0 => rows::erase_some(&mut txn, tenant, &mut reached).await?,
                n => Some(("person", n)),
            };
            let counted = match gone {
                Some(gone) => gone,
                None => ("audit", rows::blank(&mut txn, tenant, self.now()).await?),
            };
            self.count_erased(&mut txn, tenant, counted).await?;
            txn.commit().await?;
            if gone.is_none() {
                return Ok(());
            }
        }
    }

    async fn count_erased(&self, txn: &mut crate::db::Txn, tenant: TenantId, (table, rows): (&str, u64)) -> Result<()> {
        let Some(purge) = purge_in(txn, tenant).await? else { return Ok(()) };
        if rows == 0 {
            return Ok(());
        }
        let mut erased = purge.erased;
        *erased.entry(table.to_owned()).or_default() += rows;
        query("UPDATE closing SET erased = $2 WHERE tenant = $1")
            .bind(tenant.to_string())
            .bind(serde_json::to_string(&erased).map_err(damaged)?)
            .execute(txn)
            .await
            .map(drop)
    }

    /// Files of the database forget, the proof is signed and kept, the tombstone stands.
    async fn end_purge(&self, tenant: TenantId) -> Result<()> {
        self.settle().await;
        self.clear().await?;
        let mut connection = self.connection().await?;
        let purge = purge_in(&mut connection, tenant).await?.ok_or_else(|| Error::not_found("tenantId"))?;
        if !rows::is_told(&mut connection, purge.ordered_at.unwrap_or(purge.closed_at)).await? {
            return Err(Error::new(Code::Internal, "", "something of before the purge is still to be told"));
        }
        drop(connection);
        self.pool().forget(rows::ERASED_TABLES).await?;
        let ended = self.now();
        let statement = json!({
            "tenant": tenant.to_string(),
            "name_sha256": purge.name_hash,
            "closed_at": purge.closed_at,
            "notices": purge.notices,
            "ordered_at": purge.ordered_at,
            "ordered_by": purge.ordered_by,
            "no_return_at": purge.no_return_at,
            "ended_at": ended,
            "control_plane_rows": purge.erased,
            "kept": rows::KEPT,
            "backups": "Copies of before ended_at may hold it until the operator's retention removes them (runbooks/backup.md); what is \
                        sealed in them opens only with the keys that lie in the same copy.",
        });
        let proof = self.relay.control.prove_erasure(tenant, statement.to_string()).await.map_err(unanswered)?;
        let mut txn = self.begin().await?;
        query("UPDATE closing SET proof = $2 WHERE tenant = $1")
            .bind(tenant.to_string())
            .bind(proof)
            .execute(&mut txn)
            .await?;
        txn.commit().await?;
        self.note_purge(tenant, "ended_at", ended).await?;
        self.pool().forget(&["closing"]).await?;
        tracing::warn!(target: "audit", %tenant, "a tenant is purged");
        Ok(())
    }

    /// Tenants that are closed by the operator, being purged, or were.
    pub async fn purges(&self, actor: &Actor) -> Result<Vec<Purge>> {
        super::may_purge(actor)?;
        let mut connection = self.connection().await?;
        let rows = query("SELECT tenant FROM closing WHERE phase IN ('CLOSING', 'PURGING', 'PURGED')")
            .fetch_all(&mut connection)
            .await?;
        let mut found = Vec::with_capacity(rows.len());
        for row in &rows {
            if let Some(purge) =
                purge_in(&mut connection, text(row, "tenant")?.parse().map_err(|_| Error::not_found("tenantId"))?)
                    .await?
            {
                found.push(purge);
            }
        }
        Ok(found)
    }
}

fn unanswered(why: ControlError) -> Error {
    Error::new(Code::Internal, "", format!("the data plane: {why}"))
}
