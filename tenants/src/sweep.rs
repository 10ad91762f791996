//! SUMMARY    Clears away what has had its time: old audit entries behind their checkpoint, events, deliveries, jobs, files, keys,
//!            forgotten passwords that nobody mailed, days of usage, signups that ended and proofs of work that were used,
//!            announcements that are over.
//! LIMITS     ANNOUNCEMENT_KEPT, AUDIT_KEPT, EVENT_KEPT, DELIVERY_KEPT, JOB_KEPT, PASSWORD_RESET_LIFE, SIGNUP_KEPT, USAGE_DAYS_KEPT,
//!            SWEEP_MAX, SWEEP_PAUSE
//! INVARIANTS A bounded number of rows in one transaction. The last event of an object stays, so that its numbers go on rising; an
//!            event goes only when every webhook has had it.

use crate::{
    Result, Service,
    db::query,
    limits::{
        ANNOUNCEMENT_KEPT, DELIVERY_KEPT, EVENT_KEPT, JOB_KEPT, PASSWORD_RESET_LIFE, SIGNUP_KEPT, SWEEP_MAX,
        SWEEP_PAUSE, USAGE_DAYS_KEPT,
    },
};
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;

/// What is swept: the statement takes a time ($1) and a number of rows ($2); how long the rows are kept.
const SWEPT: &[(&str, &str, Duration)] = &[
    (
        "idempotency keys",
        "DELETE FROM idempotency WHERE (tenant, key) IN (SELECT tenant, key FROM idempotency WHERE expires_at <= $1 LIMIT $2)",
        Duration::ZERO,
    ),
    (
        "files of jobs",
        "DELETE FROM job_file WHERE (job, part) IN (SELECT job, part FROM job_file WHERE expires_at <= $1 LIMIT $2)",
        Duration::ZERO,
    ),
    (
        "forgotten passwords",
        "DELETE FROM password_request WHERE email_key IN (SELECT email_key FROM password_request WHERE asked_at <= $1 LIMIT $2)",
        PASSWORD_RESET_LIFE,
    ),
    (
        "proofs of work",
        "DELETE FROM signup_spent WHERE hash IN (SELECT hash FROM signup_spent WHERE expires_at <= $1 LIMIT $2)",
        Duration::ZERO,
    ),
    (
        "signups",
        "DELETE FROM signup WHERE id IN (SELECT id FROM signup WHERE open = 0 AND due_at <= $1 \
         AND review <> 'PENDING' LIMIT $2)",
        SIGNUP_KEPT,
    ),
    (
        "announcements",
        "DELETE FROM announcement WHERE id IN (SELECT id FROM announcement WHERE ends_at <= $1 LIMIT $2)",
        ANNOUNCEMENT_KEPT,
    ),
    ("jobs", "DELETE FROM job WHERE id IN (SELECT id FROM job WHERE ended_at <= $1 LIMIT $2)", JOB_KEPT),
    (
        "deliveries",
        "DELETE FROM webhook_delivery WHERE seq IN (SELECT seq FROM webhook_delivery WHERE created_at <= $1 \
         AND state <> 'PENDING' LIMIT $2)",
        DELIVERY_KEPT,
    ),
    (
        "days of usage",
        "DELETE FROM usage_day WHERE (tenant, meter, day) IN (SELECT tenant, meter, day FROM usage_day WHERE day <= $1 LIMIT $2)",
        USAGE_DAYS_KEPT,
    ),
    (
        "events",
        "DELETE FROM event WHERE seq IN (SELECT e.seq FROM event e WHERE e.at <= $1 AND EXISTS (SELECT 1 FROM event later \
         WHERE later.tenant = e.tenant AND later.object = e.object AND later.object_number > e.object_number) \
         AND e.seq <= COALESCE((SELECT CAST(value AS BIGINT) FROM setting WHERE name = 'webhook_events'), 0) LIMIT $2)",
        EVENT_KEPT,
    ),
];

impl Service {
    /// Clears away once what has had its time; how many rows went.
    pub async fn sweep(&self) -> Result<u64> {
        let mut gone = 0;
        for (what, sql, kept) in SWEPT {
            let before = self.now().0 - i64::try_from(kept.as_millis()).unwrap_or(i64::MAX);
            loop {
                let mut txn = self.begin().await?;
                let rows = query(sql).bind(before).bind(SWEEP_MAX).execute(&mut txn).await?;
                txn.commit().await?;
                gone += rows;
                if rows < u64::try_from(SWEEP_MAX).unwrap_or(u64::MAX) {
                    break;
                }
                tracing::debug!(what, rows, "swept");
            }
        }
        loop {
            match self.audit_sweep().await? {
                0 => return Ok(gone),
                rows => gone += rows,
            }
        }
    }

    /// Clears away every SWEEP_PAUSE until `stop`.
    pub async fn run_sweep(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            tokio::select! {
                () = tokio::time::sleep(SWEEP_PAUSE) => {}
                changed = stop.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    continue;
                }
            }
            match self.sweep().await {
                Ok(rows) => tracing::debug!(rows, "swept"),
                Err(error) => tracing::warn!(%error, "sweep"),
            }
        }
    }
}
