//! SUMMARY    What the organisation used over time, and what of it is paid by use.

use super::{shape::known, words};
use crate::{
    chart::{Point, Telling, chart},
    frame::Frame,
    operation::{UsageShown, usage_shown},
    trouble::Trouble,
    visit::{Reply, Visit, page},
};
use askama::Template;
use serde::Deserialize;
use usage_shown::UsageResolution;

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// A time that is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Range {
    Hours,
    Days,
    Months,
}

const RANGES: [Range; 3] = [Range::Hours, Range::Days, Range::Months];

impl Range {
    /// Its word in the address, and its name.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Range::Hours => ("24h", "usage-24h"),
            Range::Days => ("30d", "usage-30d"),
            Range::Months => ("12m", "usage-12m"),
        }
    }

    /// Where the first point is: with the one that is going on they are 24, 30 and 12.
    fn begin_ms(self, now: i64) -> i64 {
        match self {
            Range::Hours => now.saturating_sub(23 * HOUR_MS),
            Range::Days => now.saturating_sub(29 * DAY_MS),
            Range::Months => eleven_months_before(now).unwrap_or(now),
        }
    }

    fn resolution(self) -> UsageResolution {
        match self {
            Range::Hours => UsageResolution::HOUR,
            Range::Days => UsageResolution::DAY,
            Range::Months => UsageResolution::MONTH,
        }
    }

    /// A point's moment, as it is read.
    fn when(self, f: &Frame, at: &str) -> String {
        match self {
            Range::Hours => f.at(at),
            Range::Days => f.day(at),
            Range::Months => f.month(at),
        }
    }
}

#[derive(Deserialize)]
struct Counted {
    at: String,
    value: String,
}

#[derive(Template)]
#[template(path = "usage.html")]
struct Page {
    f: Frame,
    /// Path, text, whether it is shown.
    ranges: Vec<(String, String, bool)>,
    /// Title and facts.
    metered: Vec<(String, Vec<String>)>,
    /// Rendered.
    charts: Vec<String>,
}

pub(super) async fn show(visit: &Visit) -> Reply {
    let range = RANGES.into_iter().find(|range| range.words().0 == visit.query.text("range")).unwrap_or(Range::Days);
    let now = visit.portal.now_ms();
    let variables = usage_shown::Variables {
        tenant: visit.tenant()?,
        from: written(range.begin_ms(now)),
        to: written(now),
        resolution: range.resolution(),
    };
    let data = visit.ask::<UsageShown>(variables).await?;
    if data.billing_subscriptions.is_none() {
        return Err(Trouble::NotFound);
    }
    let f = visit.frame("usage-title");
    let size = |n: u64| f.language.size(n);
    let count = |n: u64| n.to_string();
    let drawn = [
        draw(&f, range, ("stored", "usage-stored", false), &size, known(&data.stored)?)?,
        draw(&f, range, ("recipients", "usage-recipients", true), &count, known(&data.recipients)?)?,
        draw(&f, range, ("messages", "usage-messages", false), &count, known(&data.messages)?)?,
        draw(&f, range, ("mailboxes", "usage-mailboxes", false), &count, known(&data.mailboxes)?)?,
    ];
    let charts = drawn.into_iter().flatten().collect();
    let metered = data.billing_standing.iter().flat_map(|s| &s.metered).map(|m| metered(&f, m)).collect();
    let ranges = RANGES.map(|one| {
        let (word, name) = one.words();
        (format!("/billing/usage?range={word}"), f.t(name), one == range)
    });
    page(false, &Page { ranges: ranges.to_vec(), metered, charts, f })
}

/// A chart of a meter, by its id, the key of its title and whether it adds up; none, where it may not be read.
fn draw(
    f: &Frame,
    range: Range,
    (id, title, is_sum): (&'static str, &str, bool),
    say: &dyn Fn(u64) -> String,
    counted: Option<Vec<Counted>>,
) -> Result<Option<String>, Trouble> {
    let Some(counted) = counted else { return Ok(None) };
    let point = |c: Counted| Point { when: range.when(f, &c.at), value: c.value.parse().unwrap_or(0) };
    let points: Vec<Point> = counted.into_iter().map(point).collect();
    let telling = Telling { id, title: f.t(title), is_sum, say };
    chart(f, &telling, &points).map(Some).map_err(|_| Trouble::Broken)
}

/// What is paid by use: how much so far, and what it comes to.
fn metered(f: &Frame, m: &usage_shown::UsageShownBillingStandingMetered) -> (String, Vec<String>) {
    let (used, included, per) = (m.used.to_string(), m.included.to_string(), m.per.to_string());
    let meter = f.t(words::meter(&super::shape::word(&m.meter)));
    let since = f.day(&m.since);
    let mut facts = vec![
        f.with_all(
            "usage-metered-used",
            &[("used", &used), ("included", &included), ("meter", &meter), ("since", &since)],
        ),
        f.with_two("usage-metered-more", ("price", &f.money(&m.unit)), ("per", &per)),
        f.with_two("usage-metered-cost", ("amount", &f.money(&m.amount)), ("until", &f.day(&m.until))),
    ];
    if super::shape::word(&m.meter) == words::STORAGE {
        facts.push(f.t("meter-storage-about"));
    }
    (words::part(f, &m.title), facts)
}

/// In the month eleven before, of the calendar.
fn eleven_months_before(ms: i64) -> Option<i64> {
    let day = jiff::Timestamp::from_millisecond(ms).ok()?.to_zoned_datetime(jiff::tz::TimeZone::UTC).date();
    let then = day.first_of_month().checked_sub(jiff::Span::new().months(11)).ok()?;
    Some(then.to_zoned_datetime(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_millisecond())
}

/// A moment as the API takes it.
fn written(ms: i64) -> String {
    let time = jiff::Timestamp::from_millisecond(ms).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    format!("{time:.3}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_twelve_months_whatever_the_day() {
        let ms = |text: &str| text.parse::<jiff::Timestamp>().unwrap().as_millisecond();
        for (now, first) in [
            ("2027-01-31T23:59:59Z", "2026-02-01T00:00:00.000Z"),
            ("2027-12-01T00:00:00Z", "2027-01-01T00:00:00.000Z"),
            ("2028-02-29T12:00:00Z", "2027-03-01T00:00:00.000Z"),
        ] {
            assert_eq!(written(Range::Months.begin_ms(ms(now))), first, "{now}");
        }
    }
}
