//! SUMMARY    When a domain is looked at by itself, and the worker that does.
//! STANDARDS  product.md §4 (scheduled re-checks)
//! LIMITS     CHECKS_AT_ONCE, CHECK_LEASE
//! INVARIANTS Tenants take turns: one with a thousand claims does not delay one with a single. What is being looked at is
//!            leased by its due time: a worker that dies leaves it to the next one.

use crate::{
    DomainState, Result, Service,
    db::query,
    limits::{CHECK_LEASE, CHECK_PAUSE, CHECKS_AT_ONCE},
    rows::{id, random, text},
};
use base::TenantId;
use futures_util::future::join_all;
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;

/// First wait after a change, by what it has come to; it doubles with every look that finds nothing new, up to the second.
fn waits(state: DomainState) -> (Duration, Duration) {
    const MINUTE: Duration = Duration::from_secs(60);
    const HOUR: Duration = Duration::from_secs(3600);
    match state {
        DomainState::Claimed => (MINUTE, 6 * HOUR),
        DomainState::Contested | DomainState::Owned | DomainState::Degraded => (10 * MINUTE, 6 * HOUR),
        DomainState::Live | DomainState::Lost | DomainState::Released => (24 * HOUR, 24 * HOUR),
    }
}

impl Service {
    /// When the next look is due (milliseconds), a tenth earlier or later, so that domains do not gather on one minute.
    pub(super) fn next_due(&self, state: DomainState, quiet_checks: i64) -> Result<i64> {
        let (first, last) = waits(state);
        let doublings = u32::try_from(quiet_checks).unwrap_or(0).min(16);
        let wait = first.saturating_mul(1 << doublings).min(last);
        let parts = u32::from(u16::from_be_bytes(random::<2>()?)) % 200;
        Ok(self.now().plus(wait * (900 + parts) / 1000).0)
    }

    /// Looks at what is due, some at once; gives how many that were.
    pub async fn check_due(&self) -> Result<usize> {
        let rows = query(
            "WITH due AS MATERIALIZED (SELECT name, tenant, due_at FROM claim WHERE due_at <= $1 AND live = 1) SELECT name, tenant \
             FROM (SELECT name, tenant, due_at, ROW_NUMBER() OVER (PARTITION BY tenant ORDER BY due_at) AS turn FROM due) AS turns \
             ORDER BY turn, due_at LIMIT $2",
        )
        .bind(self.now().0)
        .bind(CHECKS_AT_ONCE)
        .fetch_all(&mut self.pool().acquire().await?)
        .await?;
        if rows.is_empty() {
            return Ok(0);
        }
        let mut leased: Vec<(String, TenantId)> = Vec::new();
        let mut txn = self.begin().await?;
        for row in &rows {
            let (name, tenant) = (text(row, "name")?, id(row, "tenant")?);
            let taken = query("UPDATE claim SET due_at = $3 WHERE name = $1 AND tenant = $2 AND due_at <= $4")
                .bind(&name)
                .bind(text(row, "tenant")?)
                .bind(self.now().plus(CHECK_LEASE).0)
                .bind(self.now().0)
                .execute(&mut txn)
                .await?;
            if taken > 0 {
                leased.push((name, tenant));
            }
        }
        txn.commit().await?;
        let looks = leased.iter().map(|(name, tenant)| async move {
            if let Err(e) = self.check_claim(name, *tenant).await {
                tracing::warn!(domain = name, error = %e, "a domain was not looked at");
            }
        });
        join_all(looks).await;
        Ok(leased.len())
    }

    /// Looks at domains when they are due, until `stop`.
    pub async fn run_checks(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            let found = tokio::select! {
                found = self.check_due() => found,
                _ = stop.changed() => return,
            };
            let busy = match found {
                Ok(n) => n > 0,
                Err(e) => {
                    tracing::warn!(error = %e, "domains were not looked at");
                    false
                }
            };
            if !busy {
                tokio::select! {
                    () = tokio::time::sleep(CHECK_PAUSE) => {}
                    _ = stop.changed() => {}
                }
            }
        }
    }
}
