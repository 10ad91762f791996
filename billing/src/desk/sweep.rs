//! SUMMARY    Customers that were not compared for long, and the drift that it finds.
//! STANDARDS  product rules 3.3, S1
//! LIMITS     SWEEP_SOON, SWEEP_LATE, SWEEP_AT_ONCE

use super::{Billing, Drift};
use base::{TenantId, Timestamp};
use std::time::Duration;
use tenants::{
    Actor, Page, Permission, Result,
    sql::{Row, id, number, query, text},
};

/// After so long those with something live or owed are compared again.
const SWEEP_SOON: Duration = Duration::from_secs(3600);
/// After so long all are.
const SWEEP_LATE: Duration = Duration::from_secs(24 * 3600);
/// Customers of one round.
const SWEEP_AT_ONCE: i64 = 20;

impl Billing {
    /// Differences that were found, the newest first. For the operator.
    pub async fn drift(&self, actor: &Actor, page: &Page) -> Result<(Vec<Drift>, i64)> {
        let mut connection = self.service.connection().await?;
        self.may_operate(&mut connection, actor, Permission::BillingRead).await?;
        let from = match &page.cursor {
            Some(cursor) => cursor.parse::<i64>().map_err(|_| super::page::not_a_cursor(page))?,
            None if page.backward => i64::MIN,
            None => i64::MAX,
        };
        let select = match page.backward {
            false => query("SELECT * FROM billing_drift WHERE seq < $1 ORDER BY seq DESC LIMIT $2"),
            true => query("SELECT * FROM billing_drift WHERE seq > $1 ORDER BY seq LIMIT $2"),
        };
        let mut rows = select.bind(from).bind(i64::from(page.limit)).fetch_all(&mut connection).await?;
        if page.backward {
            rows.reverse();
        }
        let count = match page.counted {
            true => number(
                &query("SELECT COUNT(*) AS n FROM billing_drift WHERE seq >= 0").fetch_one(&mut connection).await?,
                "n",
            )?,
            false => 0,
        };
        Ok((rows.iter().map(drift_row).collect::<Result<_>>()?, count))
    }

    /// Compares customers that nothing was heard of for long: how many were.
    pub(crate) async fn sweep(&self) -> Result<usize> {
        let mut connection = self.service.connection().await?;
        let now = self.service.now().0;
        let before = |age: Duration| now.saturating_sub(i64::try_from(age.as_millis()).unwrap_or(i64::MAX));
        let rows = query(
            "SELECT c.tenant FROM customer c WHERE c.synced_at <= $1 AND c.sync_at IS NULL AND c.provider_id IS NOT NULL \
             AND (c.synced_at <= $2 OR EXISTS (SELECT 1 FROM subscription s WHERE s.tenant = c.tenant AND s.live = 1) \
             OR EXISTS (SELECT 1 FROM invoice i WHERE i.tenant = c.tenant AND i.state IN ('OPEN', 'UNCOLLECTIBLE', 'DRAFT'))) \
             ORDER BY c.synced_at LIMIT $3",
        )
        .bind(before(SWEEP_SOON))
        .bind(before(SWEEP_LATE))
        .bind(SWEEP_AT_ONCE)
        .fetch_all(&mut connection)
        .await?;
        drop(connection);
        for row in &rows {
            let tenant: TenantId = id(row, "tenant")?;
            if let Err(error) = self.sync(tenant).await {
                tracing::debug!(%error, %tenant, "a sweep goes on later");
            }
        }
        Ok(rows.len())
    }
}

fn drift_row(row: &Row) -> Result<Drift> {
    Ok(Drift {
        seq: number(row, "seq")?,
        tenant: id(row, "tenant")?,
        at: Timestamp(number(row, "at")?),
        what: text(row, "what")?,
    })
}
