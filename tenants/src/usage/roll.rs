//! SUMMARY    Old hours become days.
//! LIMITS     USAGE_HOURS_KEPT_DAYS, USAGE_TENANTS_AT_ONCE
//! INVARIANTS The day of a meter is written in the transaction that clears its hours away: the sum is the same before and after it. Hours of
//!            a day that is there already, since the clock was once ahead, are added to it.

use super::{DAY_MS, floor};
use crate::{
    Result, Service,
    db::{Connection, Many, Value, query},
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
            roll(&mut txn, &text(row, "tenant")?, day).await?;
        }
        txn.commit().await?;
        Ok(rows.len())
    }
}

/// Makes a day of a tenant's hours.
async fn roll(txn: &mut Connection, tenant: &str, day: i64) -> Result<()> {
    let end = day.saturating_add(DAY_MS);
    let rows = query(
        "SELECT meter, CAST(SUM(total) AS BIGINT) AS total, MAX(most) AS most FROM (SELECT meter, amount AS total, amount AS most \
         FROM usage_hour WHERE tenant = $1 AND hour >= $2 AND hour < $3 UNION ALL SELECT meter, total, most FROM usage_day \
         WHERE tenant = $1 AND day = $2) u GROUP BY meter",
    )
    .bind(tenant)
    .bind(day)
    .bind(end)
    .fetch_all(&mut *txn)
    .await?;
    query("DELETE FROM usage_day WHERE tenant = $1 AND day = $2").bind(tenant).bind(day).execute(&mut *txn).await?;
    query("DELETE FROM usage_hour WHERE tenant = $1 AND hour >= $2 AND hour < $3")
        .bind(tenant)
        .bind(day)
        .bind(end)
        .execute(&mut *txn)
        .await?;
    let mut days = Many::new("INSERT INTO usage_day (tenant, meter, day, total, most)", "");
    for row in &rows {
        days.row([
            Value::from(tenant.to_owned()),
            Value::from(text(row, "meter")?),
            Value::from(day),
            Value::from(number(row, "total")?),
            Value::from(number(row, "most")?),
        ]);
    }
    days.execute(txn).await.map(drop)
}
