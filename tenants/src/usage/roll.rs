//! SUMMARY    Old hours become days.
//! LIMITS     USAGE_HOURS_KEPT_DAYS, USAGE_TENANTS_AT_ONCE
//! INVARIANTS The day of a meter is written in the transaction that clears its hours away: the sum is the same before and after it.

use super::{DAY_MS, floor};
use crate::{
    Result, Service,
    db::query,
    limits::{USAGE_HOURS_KEPT_DAYS, USAGE_TENANTS_AT_ONCE},
    rows::{number, text},
};

impl Service {
    /// Rolls the oldest day that is kept by hour up, of some tenants, where it has had its time: how many tenants.
    pub async fn usage_roll(&self) -> Result<usize> {
        let before = floor(self.now().0, DAY_MS).saturating_sub(USAGE_HOURS_KEPT_DAYS * DAY_MS);
        let mut txn = self.begin().await?;
        let oldest = query("SELECT hour FROM usage_hour WHERE hour < $1 ORDER BY hour LIMIT 1")
            .bind(before)
            .fetch_optional(&mut txn)
            .await?;
        let Some(oldest) = oldest else { return Ok(0) };
        let day = floor(number(&oldest, "hour")?, DAY_MS);
        let rows =
            query("SELECT DISTINCT tenant FROM usage_hour WHERE hour >= $1 AND hour < $2 ORDER BY tenant LIMIT $3")
                .bind(day)
                .bind(day.saturating_add(DAY_MS))
                .bind(USAGE_TENANTS_AT_ONCE)
                .fetch_all(&mut txn)
                .await?;
        for row in &rows {
            let tenant = text(row, "tenant")?;
            query(
                "INSERT INTO usage_day (tenant, meter, day, total, most) SELECT tenant, meter, CAST($2 AS BIGINT), CAST(SUM(amount) AS BIGINT), \
                 MAX(amount) FROM usage_hour WHERE tenant = $1 AND hour >= $2 AND hour < $3 GROUP BY tenant, meter \
                 ON CONFLICT (tenant, meter, day) DO NOTHING",
            )
            .bind(&tenant)
            .bind(day)
            .bind(day.saturating_add(DAY_MS))
            .execute(&mut txn)
            .await?;
            query("DELETE FROM usage_hour WHERE tenant = $1 AND hour >= $2 AND hour < $3")
                .bind(&tenant)
                .bind(day)
                .bind(day.saturating_add(DAY_MS))
                .execute(&mut txn)
                .await?;
        }
        txn.commit().await?;
        Ok(rows.len())
    }
}
