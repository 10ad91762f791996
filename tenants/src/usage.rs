//! SUMMARY    What tenants use over time: an append-only ledger by hour, later by day, and what is read of it.
//! STANDARDS  product.md §3.10; docs/decisions/0053-usage-is-a-ledger.md
//! LIMITS     USAGE_POINTS_MAX
//! INVARIANTS An hour of a meter is written once and never changed. What came after an hour was read counts in the next one.
//!            Times are UTC.

mod pass;
mod roll;

use crate::{
    Actor, Code, Error, Permission, Result, Service,
    db::{Connection, Query, query},
    limits::{TREE_DEPTH_MAX, USAGE_POINTS_MAX},
    rows::number,
};
use base::{TenantId, Timestamp};
use jiff::tz::TimeZone;
use std::collections::BTreeMap;

pub(crate) const HOUR_MS: i64 = 3_600_000;
pub(crate) const DAY_MS: i64 = 24 * HOUR_MS;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UsageMeter {
    /// Stored bytes, at the hour's reading.
    StoredBytes,
    /// Stored messages, at the hour's reading.
    Messages,
    /// Live mailboxes, at the hour's reading.
    Mailboxes,
    /// Recipients with other hosts, that came within the hour.
    OutgoingRecipients,
}

/// What a point stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Resolution {
    Hour,
    Day,
    Month,
}

/// What was used from a moment to the next one: the sum of what came, or the most there was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsagePoint {
    pub at: Timestamp,
    pub value: u64,
}

impl UsageMeter {
    /// Its word in the ledger.
    pub(crate) fn word(self) -> &'static str {
        match self {
            UsageMeter::StoredBytes => "STORED_BYTES",
            UsageMeter::Messages => "MESSAGES",
            UsageMeter::Mailboxes => "MAILBOXES",
            UsageMeter::OutgoingRecipients => "OUTGOING_RECIPIENTS",
        }
    }

    /// Whether it only rises, so that what came is counted, and not what is there.
    fn is_counter(self) -> bool {
        match self {
            UsageMeter::OutgoingRecipients => true,
            UsageMeter::StoredBytes | UsageMeter::Messages | UsageMeter::Mailboxes => false,
        }
    }
}

impl Resolution {
    fn start(self, at: i64) -> Result<i64> {
        match self {
            Resolution::Hour => Ok(floor(at, HOUR_MS)),
            Resolution::Day => Ok(floor(at, DAY_MS)),
            Resolution::Month => {
                let zoned = jiff::Timestamp::from_millisecond(at).map_err(beyond)?.to_zoned_datetime(TimeZone::UTC);
                let first = zoned.first_of_month().map_err(beyond)?;
                Ok(floor(first.timestamp().as_millisecond(), DAY_MS))
            }
        }
    }

    /// The start of the one after that which begins then.
    fn next(self, start: i64) -> Result<i64> {
        match self {
            Resolution::Hour => Ok(start.saturating_add(HOUR_MS)),
            Resolution::Day => Ok(start.saturating_add(DAY_MS)),
            // Every month has more than 27 days and less than 32.
            Resolution::Month => self.start(start.saturating_add(32 * DAY_MS)),
        }
    }
}

impl Service {
    /// What a tenant used of a meter (itself, without those below it), one point for each hour, day or month that is not over before
    /// `from` and has begun before `to`: nothing of a counter that has no reading then, and of a gauge the last one. For who may read all
    /// of its mailboxes, or its billing: of a small tenant it says what the others do. Errors: `Invalid` for more than USAGE_POINTS_MAX.
    pub async fn usage_points(
        &self,
        actor: &Actor,
        tenant: TenantId,
        meter: UsageMeter,
        (from, to): (Timestamp, Timestamp),
        resolution: Resolution,
    ) -> Result<Vec<UsagePoint>> {
        let mut connection = self.reader(actor).await?;
        if self.permit(&mut connection, actor, Permission::BillingRead, tenant).await.is_err() {
            self.permit(&mut connection, actor, Permission::MailboxRead, tenant).await?;
        }
        let starts = starts(from.0, to.0.min(self.now().0), resolution)?;
        let (Some(first), Some(last)) = (starts.first(), starts.last()) else { return Ok(Vec::new()) };
        let end = resolution.next(*last)?;
        let rows = match resolution {
            Resolution::Hour => hours(&mut connection, tenant, meter, *first, end).await?,
            Resolution::Day | Resolution::Month => days(&mut connection, tenant, meter, *first, end).await?,
        };
        let before = match meter.is_counter() {
            true => 0,
            false => last_before(&mut connection, tenant, meter, *first).await?,
        };
        points(&starts, &rows, meter, resolution, before)
    }

    /// Recipients with other hosts of a tenant and all below it, from one midnight to another. For what is charged.
    pub async fn recipients_below(
        &self,
        txn: &mut Connection,
        tenant: TenantId,
        since: Timestamp,
        until: Timestamp,
    ) -> Result<u64> {
        // One statement: what becomes a day meanwhile is counted once.
        let sql = "WITH RECURSIVE below (id, depth) AS (SELECT $1, 0 UNION ALL SELECT t.id, below.depth + 1 FROM tenant t \
            JOIN below ON t.parent = below.id WHERE below.depth < $2) SELECT CAST(COALESCE(SUM(n), 0) AS BIGINT) AS n FROM (\
            SELECT u.amount AS n FROM below JOIN usage_hour u ON u.tenant = below.id AND u.meter = 'OUTGOING_RECIPIENTS' \
            AND u.hour >= $3 AND u.hour < $4 UNION ALL SELECT u.total AS n FROM below JOIN usage_day u ON u.tenant = below.id \
            AND u.meter = 'OUTGOING_RECIPIENTS' AND u.day >= $3 AND u.day < $4) counted";
        sum_below(txn, query(sql), tenant, (since, until)).await
    }

    /// GiB begun, of the highest hour of each day, of a tenant and each below it, from one midnight to another. For what is charged.
    pub async fn gib_days_below(
        &self,
        txn: &mut Connection,
        tenant: TenantId,
        since: Timestamp,
        until: Timestamp,
    ) -> Result<u64> {
        let sql = "WITH RECURSIVE below (id, depth) AS (SELECT $1, 0 UNION ALL SELECT t.id, below.depth + 1 FROM tenant t \
            JOIN below ON t.parent = below.id WHERE below.depth < $2) SELECT CAST(COALESCE(SUM((most + 1073741823) / 1073741824), 0) AS BIGINT) \
            AS n FROM (SELECT tenant, day, MAX(most) AS most FROM (\
            SELECT u.tenant, u.hour / 86400000 AS day, u.amount AS most FROM below JOIN usage_hour u ON u.tenant = below.id \
            AND u.meter = 'STORED_BYTES' AND u.hour >= $3 AND u.hour < $4 UNION ALL SELECT u.tenant, u.day / 86400000 AS day, u.most FROM below \
            JOIN usage_day u ON u.tenant = below.id AND u.meter = 'STORED_BYTES' AND u.day >= $3 AND u.day < $4) kept GROUP BY tenant, day) counted";
        sum_below(txn, query(sql), tenant, (since, until)).await
    }
}

async fn sum_below(
    txn: &mut Connection,
    sum: Query,
    tenant: TenantId,
    (since, until): (Timestamp, Timestamp),
) -> Result<u64> {
    let row = sum
        .bind(tenant.to_string())
        .bind(i64::try_from(TREE_DEPTH_MAX).unwrap_or(i64::MAX))
        .bind(since.0)
        .bind(until.0)
        .fetch_one(txn)
        .await?;
    Ok(u64::try_from(number(&row, "n")?).unwrap_or(0))
}

/// A row of the ledger: when, what came or was there at first, the most.
type Reading = (i64, i64, i64);

/// What a gauge was before a moment: rows are written where it changed.
async fn last_before(connection: &mut Connection, tenant: TenantId, meter: UsageMeter, at: i64) -> Result<i64> {
    let last = [
        "SELECT amount AS n FROM usage_hour WHERE tenant = $1 AND meter = $2 AND hour < $3 ORDER BY hour DESC LIMIT 1",
        "SELECT most AS n FROM usage_day WHERE tenant = $1 AND meter = $2 AND day < $3 ORDER BY day DESC LIMIT 1",
    ];
    for sql in last {
        let row =
            query(sql).bind(tenant.to_string()).bind(meter.word()).bind(at).fetch_optional(&mut *connection).await?;
        if let Some(row) = row {
            return number(&row, "n");
        }
    }
    Ok(0)
}

/// Hours from `from` to `to`.
async fn hours(
    connection: &mut Connection,
    tenant: TenantId,
    meter: UsageMeter,
    from: i64,
    to: i64,
) -> Result<Vec<Reading>> {
    let rows = query(
        "SELECT hour, amount FROM usage_hour WHERE tenant = $1 AND meter = $2 AND hour >= $3 AND hour < $4 ORDER BY hour",
    )
    .bind(tenant.to_string())
    .bind(meter.word())
    .bind(from)
    .bind(to)
    .fetch_all(connection)
    .await?;
    rows.iter()
        .map(|row| {
            let amount = number(row, "amount")?;
            Ok((number(row, "hour")?, amount, amount))
        })
        .collect()
}

/// Days from `from` to `to`, those that are kept by hour too.
async fn days(
    connection: &mut Connection,
    tenant: TenantId,
    meter: UsageMeter,
    from: i64,
    to: i64,
) -> Result<Vec<Reading>> {
    let rows = query(
        "SELECT hour / 86400000 AS day, CAST(SUM(amount) AS BIGINT) AS total, MAX(amount) AS most FROM usage_hour \
         WHERE tenant = $1 AND meter = $2 AND hour >= $3 AND hour < $4 GROUP BY hour / 86400000 UNION ALL \
         SELECT day / 86400000 AS day, total, most FROM usage_day WHERE tenant = $1 AND meter = $2 AND day >= $3 AND day < $4 \
         ORDER BY 1",
    )
    .bind(tenant.to_string())
    .bind(meter.word())
    .bind(from)
    .bind(to)
    .fetch_all(connection)
    .await?;
    rows.iter().map(|row| Ok((number(row, "day")? * DAY_MS, number(row, "total")?, number(row, "most")?))).collect()
}

/// The starts of the points of a range.
fn starts(from: i64, to: i64, resolution: Resolution) -> Result<Vec<i64>> {
    let mut starts = Vec::new();
    let mut at = resolution.start(from)?;
    while at < to {
        if starts.len() == USAGE_POINTS_MAX {
            let message = format!(
                "At most {USAGE_POINTS_MAX} points (USAGE_POINTS_MAX): ask for less time, or a coarser resolution"
            );
            return Err(Error::new(Code::Invalid, "from", message));
        }
        starts.push(at);
        at = resolution.next(at)?;
    }
    Ok(starts)
}

/// Rows as points. A gauge stays as it was until it changed.
fn points(
    starts: &[i64],
    rows: &[Reading],
    meter: UsageMeter,
    resolution: Resolution,
    mut before: i64,
) -> Result<Vec<UsagePoint>> {
    let mut by_start: BTreeMap<i64, i64> = BTreeMap::new();
    for (at, total, most) in rows {
        let known = by_start.entry(resolution.start(*at)?).or_default();
        *known = if meter.is_counter() { known.saturating_add(*total) } else { (*known).max(*most) };
    }
    let mut points = Vec::with_capacity(starts.len());
    for start in starts {
        let value = match by_start.get(start) {
            Some(found) => *found,
            None if meter.is_counter() => 0,
            None => before,
        };
        before = value;
        points.push(UsagePoint { at: Timestamp(*start), value: u64::try_from(value).unwrap_or(0) });
    }
    Ok(points)
}

pub(crate) fn floor(at: i64, step: i64) -> i64 {
    at.saturating_sub(at.rem_euclid(step))
}

fn beyond(_: jiff::Error) -> Error {
    Error::new(Code::Invalid, "from", "a date beyond the calendar")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_are_those_of_the_calendar() {
        let at = |text: &str| text.parse::<jiff::Timestamp>().unwrap().as_millisecond();
        let found = starts(at("2027-12-31T23:59:00Z"), at("2028-03-01T00:00:01Z"), Resolution::Month).unwrap();
        let wanted = ["2027-12-01T00:00:00Z", "2028-01-01T00:00:00Z", "2028-02-01T00:00:00Z", "2028-03-01T00:00:00Z"];
        assert_eq!(found, wanted.map(at));
    }

    #[test]
    fn no_more_points_than_the_limit_are_made() {
        let hours = |n: usize| starts(0, i64::try_from(n).unwrap() * HOUR_MS, Resolution::Hour);
        assert_eq!(hours(USAGE_POINTS_MAX).unwrap().len(), USAGE_POINTS_MAX);
        assert_eq!(hours(USAGE_POINTS_MAX + 1).unwrap_err().code, Code::Invalid);
        assert!(hours(0).unwrap().is_empty());
    }

    #[test]
    fn a_gauge_stays_until_it_changes_and_a_counter_does_not() {
        let starts = [2 * HOUR_MS, 3 * HOUR_MS, 4 * HOUR_MS];
        let rows = [(3 * HOUR_MS, 9, 9)];
        let of = |meter, before| {
            let points = points(&starts, &rows, meter, Resolution::Hour, before).unwrap();
            points.iter().map(|p| p.value).collect::<Vec<_>>()
        };
        assert_eq!(of(UsageMeter::StoredBytes, 5), [5, 9, 9]);
        assert_eq!(of(UsageMeter::OutgoingRecipients, 0), [0, 9, 0]);
    }
}
