//! SUMMARY    The hourly pass over all tenants: what the data plane says they use is written into the ledger.
//! LIMITS     USAGE_TENANTS_AT_ONCE, USAGE_LEASE, USAGE_PAUSE
//! INVARIANTS One process at a time has the pass, page by page; a page is asked for outside of a transaction and written in one, with how
//!            far the pass is. An hour that is there is not written again: a page that was written, or half asked for, counts once. The
//!            hour of a row is that of its transaction, so nothing comes into an hour that is over, unless the clock was set back: then
//!            what came is in the hour that the clock says, where that has no row yet, and nothing is lost or counted twice.

use super::{DAY_MS, HOUR_MS, UsageMeter, floor};
use crate::{
    Result, Service,
    db::{Connection, Many, Value, query},
    limits::{USAGE_LEASE, USAGE_PAUSE, USAGE_TENANTS_AT_ONCE},
    rows::{id, number, text},
};
use base::TenantId;
use control::Usage;
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};
use tokio::sync::watch;

/// The pass that this process has.
struct Lease {
    hour: i64,
    /// The tenant it begins behind.
    after: String,
    until: i64,
}

/// What is known of a tenant's meters: the last reading with its hour, by tenant and meter.
type Known = HashMap<(String, String), (i64, i64)>;

impl Service {
    /// Reads a page of tenants where the hour asks for it: how many were. 0: this hour is done, or another process is at it.
    pub async fn usage_due(&self) -> Result<usize> {
        let Some(lease) = self.usage_lease().await? else { return Ok(0) };
        let mut connection = self.connection().await?;
        let rows = query("SELECT id FROM tenant WHERE id > $1 ORDER BY id LIMIT $2")
            .bind(&lease.after)
            .bind(USAGE_TENANTS_AT_ONCE)
            .fetch_all(&mut connection)
            .await?;
        drop(connection);
        let tenants: Vec<TenantId> = rows.iter().map(|row| id(row, "id")).collect::<Result<_>>()?;
        // A plane that does not answer is asked again when the lease is over.
        let usages = self.relay.control.usages(tenants.clone()).await.map_err(crate::lookup::unknown)?;
        self.write_usage(&lease, &tenants, &usages).await?;
        Ok(tenants.len())
    }

    /// Takes the pass over this hour where it is not done and nobody has it.
    async fn usage_lease(&self) -> Result<Option<Lease>> {
        let now = self.now();
        let hour = floor(now.0, HOUR_MS);
        let mut txn = self.begin().await?;
        query("INSERT INTO usage_pass (name, hour, after, done, leased_until) VALUES ('hour', 0, '', 0, 0) ON CONFLICT (name) DO NOTHING")
            .execute(&mut txn)
            .await?;
        let row = query("SELECT * FROM usage_pass WHERE name = 'hour'").fetch_one(&mut txn).await?;
        // Another hour, also an earlier one: a clock that was ahead and is right again is no reason to wait for what it had said.
        let is_new = number(&row, "hour")? != hour;
        let leased_until = number(&row, "leased_until")?;
        let is_leased = leased_until > now.0 && leased_until <= now.plus(USAGE_LEASE).0.saturating_add(1);
        if is_leased || (!is_new && number(&row, "done")? != 0) {
            return Ok(None);
        }
        let after = if is_new { String::new() } else { text(&row, "after")? };
        // No two leases end at the same moment.
        let until = now.plus(USAGE_LEASE).0;
        let until = if until == leased_until { until.saturating_add(1) } else { until };
        query("UPDATE usage_pass SET hour = $1, after = $2, done = 0, leased_until = $3 WHERE name = 'hour'")
            .bind(hour)
            .bind(&after)
            .bind(until)
            .execute(&mut txn)
            .await?;
        txn.commit().await?;
        Ok(Some(Lease { hour, after, until }))
    }

    /// Writes a page with how far the pass is; nothing, where the lease or the hour was over meanwhile.
    async fn write_usage(&self, lease: &Lease, tenants: &[TenantId], usages: &[Usage]) -> Result<()> {
        let mut txn = self.begin().await?;
        let row = query("SELECT leased_until FROM usage_pass WHERE name = 'hour'").fetch_one(&mut txn).await?;
        if number(&row, "leased_until")? != lease.until || floor(self.now().0, HOUR_MS) != lease.hour {
            return Ok(());
        }
        let last = tenants.last().map(ToString::to_string).unwrap_or_default();
        let known = known(&mut txn, &lease.after, &last).await?;
        let there = there(&mut txn, lease, &last).await?;
        let mailboxes = mailboxes(&mut txn, &lease.after, &last).await?;
        let mut hours = Many::new(
            "INSERT INTO usage_hour (tenant, meter, hour, amount)",
            "ON CONFLICT (tenant, meter, hour) DO NOTHING",
        );
        let mut readings = Many::new(
            "INSERT INTO usage_reading (tenant, meter, reading, hour)",
            "ON CONFLICT (tenant, meter) DO UPDATE SET reading = excluded.reading, hour = excluded.hour",
        );
        let mut written = 0;
        for (tenant, usage) in tenants.iter().zip(usages) {
            let name = tenant.to_string();
            for (meter, reading) in readings_of(usage, mailboxes.get(&name).copied().unwrap_or(0)) {
                let key = (name.clone(), meter.word().to_owned());
                if there.contains(&key) {
                    continue;
                }
                let Some(amount) = amount(meter, reading, known.get(&key).copied(), lease.hour) else { continue };
                let values = |n: i64| -> [Value; 2] { [Value::from(n), Value::from(lease.hour)] };
                let [amount, hour] = values(amount);
                hours.row([Value::from(name.clone()), Value::from(meter.word()), hour, amount]);
                let [reading, hour] = values(reading);
                readings.row([Value::from(name.clone()), Value::from(meter.word()), reading, hour]);
                written += 1;
            }
        }
        hours.execute(&mut txn).await?;
        readings.execute(&mut txn).await?;
        let is_done = i64::try_from(tenants.len()).unwrap_or(i64::MAX) < USAGE_TENANTS_AT_ONCE;
        query("UPDATE usage_pass SET after = $1, done = $2, leased_until = 0 WHERE name = 'hour'")
            .bind(&last)
            .bind(i64::from(is_done))
            .execute(&mut txn)
            .await?;
        txn.commit().await?;
        tracing::debug!(written, tenants = tenants.len(), "what tenants use was written down");
        Ok(())
    }

    /// Keeps the ledger until `stop`.
    pub async fn run_usage(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            let done = match self.usage_due().await {
                Ok(0) => self.usage_roll().await,
                read => read,
            };
            match done {
                Ok(n) if n > 0 => continue,
                Ok(_) => {}
                Err(error) => tracing::warn!(%error, "what tenants use was not written down"),
            }
            tokio::select! {
                () = tokio::time::sleep(USAGE_PAUSE) => {}
                changed = stop.changed() => if changed.is_err() { return },
            }
        }
    }
}

fn readings_of(usage: &Usage, mailboxes: i64) -> [(UsageMeter, i64); 4] {
    [
        (UsageMeter::StoredBytes, usage.used_bytes.max(0)),
        (UsageMeter::Messages, usage.emails.max(0)),
        (UsageMeter::Mailboxes, mailboxes),
        (UsageMeter::OutgoingRecipients, usage.recipients_out.max(0)),
    ]
}

/// What is to be written of a reading; none: nothing new. A counter that is below what it was comes from a restored store, and goes on
/// from there.
fn amount(meter: UsageMeter, reading: i64, before: Option<(i64, i64)>, hour: i64) -> Option<i64> {
    let (was, when) = before.unwrap_or((0, i64::MIN));
    match meter {
        UsageMeter::OutgoingRecipients if reading == was => None,
        UsageMeter::OutgoingRecipients => Some(reading.saturating_sub(was).max(0)),
        UsageMeter::StoredBytes | UsageMeter::Messages | UsageMeter::Mailboxes => {
            let is_same_day = when != i64::MIN && floor(when, DAY_MS) == floor(hour, DAY_MS);
            (reading != was || !is_same_day).then_some(reading)
        }
    }
}

async fn known(txn: &mut Connection, after: &str, last: &str) -> Result<Known> {
    let rows = query("SELECT * FROM usage_reading WHERE tenant > $1 AND tenant <= $2")
        .bind(after)
        .bind(last)
        .fetch_all(txn)
        .await?;
    let known = rows
        .iter()
        .map(|row| Ok(((text(row, "tenant")?, text(row, "meter")?), (number(row, "reading")?, number(row, "hour")?))));
    known.collect()
}

/// Tenants and meters of a page that have a row for the hour.
async fn there(txn: &mut Connection, lease: &Lease, last: &str) -> Result<HashSet<(String, String)>> {
    let rows = query("SELECT tenant, meter FROM usage_hour WHERE hour = $1 AND tenant > $2 AND tenant <= $3")
        .bind(lease.hour)
        .bind(&lease.after)
        .bind(last)
        .fetch_all(txn)
        .await?;
    rows.iter().map(|row| Ok((text(row, "tenant")?, text(row, "meter")?))).collect()
}

async fn mailboxes(txn: &mut Connection, after: &str, last: &str) -> Result<HashMap<String, i64>> {
    let rows = query(
        "SELECT tenant, COUNT(*) AS n FROM mailbox WHERE live = 1 AND tenant > $1 AND tenant <= $2 GROUP BY tenant",
    )
    .bind(after)
    .bind(last)
    .fetch_all(txn)
    .await?;
    rows.iter().map(|row| Ok((text(row, "tenant")?, number(row, "n")?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_counts_what_came_and_goes_on_after_a_restored_store() {
        let of = |reading, before| amount(UsageMeter::OutgoingRecipients, reading, before, 10 * HOUR_MS);
        assert_eq!(of(7, None), Some(7));
        assert_eq!(of(9, Some((7, 0))), Some(2));
        assert_eq!(of(7, Some((7, 0))), None, "nothing came");
        assert_eq!(of(3, Some((7, 0))), Some(0), "the store was restored");
        assert_eq!(of(9, Some((7, 99 * HOUR_MS))), Some(2), "the clock was set back");
    }

    #[test]
    fn a_gauge_is_written_where_it_changed_and_once_a_day() {
        let of = |reading, before, hour| amount(UsageMeter::StoredBytes, reading, before, hour);
        assert_eq!(of(0, None, 10 * HOUR_MS), Some(0));
        assert_eq!(of(5, Some((5, 9 * HOUR_MS)), 10 * HOUR_MS), None);
        assert_eq!(of(6, Some((5, 9 * HOUR_MS)), 10 * HOUR_MS), Some(6));
        assert_eq!(of(5, Some((5, 9 * HOUR_MS)), DAY_MS), Some(5));
    }
}
