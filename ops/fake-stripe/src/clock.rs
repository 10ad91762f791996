//! SUMMARY    What happens when time goes on: trials end, subscriptions renew, payments are tried again, pages end.
//! LIMITS     STEPS_MAX
//! INVARIANTS Everything happens at the moment it is due, in order, however far the clock is put forward at once.

use crate::model::Model;
use jiff::{Span, Timestamp, tz::TimeZone};

/// Things that happen in one advance: a century of a hundred subscriptions.
const STEPS_MAX: usize = 1_000_000;

enum Due {
    Subscription(String),
    Finalize(String),
    Retry(String),
    Session(String),
}

/// `n` periods of so many months later, in UTC; the 31st becomes the last day of a shorter month.
pub fn later(anchor: i64, months: u32, n: u32) -> i64 {
    let at = || {
        let zoned = Timestamp::from_second(anchor).ok()?.to_zoned_datetime(TimeZone::UTC);
        let span = Span::new().try_months(i64::from(months) * i64::from(n)).ok()?;
        Some(zoned.checked_add(span).ok()?.timestamp().as_second())
    };
    at().unwrap_or(i64::MAX)
}

/// The period of an anchor that begins where another one ended.
pub fn next_period(anchor: i64, months: u32, start: i64) -> (i64, i64) {
    let ends = (1u32..).map(|n| later(anchor, months, n));
    let end = ends.take(STEPS_MAX).find(|end| *end > start).unwrap_or(i64::MAX);
    (start, end)
}

impl Model {
    /// Puts the clock forward; it never goes back.
    pub fn advance(&mut self, to: i64) {
        for _ in 0..STEPS_MAX {
            let Some((at, due)) = self.first_due().filter(|(at, _)| *at <= to) else { break };
            self.now = self.now.max(at);
            match due {
                Due::Subscription(id) => self.go_on(&id),
                Due::Finalize(id) => {
                    self.finalize(&id);
                    self.collect(&id);
                }
                Due::Retry(id) => self.collect(&id),
                Due::Session(id) => self.session_is_over(&id),
            }
        }
        self.now = self.now.max(to);
    }

    fn first_due(&self) -> Option<(i64, Due)> {
        let subscriptions =
            self.subscriptions.values().filter_map(|s| Some((self.next_of(s)?, Due::Subscription(s.id.clone()))));
        let drafts = self.invoices.values().filter(|i| i.status == "draft");
        let drafts = drafts.filter_map(|i| Some((i.finalizes_at?, Due::Finalize(i.id.clone()))));
        let retries = self.invoices.values().filter(|i| i.status == "open");
        let retries = retries.filter_map(|i| Some((i.next_attempt?, Due::Retry(i.id.clone()))));
        let sessions = self.sessions.values().filter(|s| s.status == "open");
        let sessions = sessions.map(|s| (s.expires_at, Due::Session(s.id.clone())));
        subscriptions.chain(drafts).chain(retries).chain(sessions).min_by_key(|(at, _)| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_day_of_a_month_stays_the_last() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap().as_second();
        let anchor = at("2028-01-31T10:00:00Z");
        let mut period = next_period(anchor, 1, anchor);
        for end in ["2028-02-29T10:00:00Z", "2028-03-31T10:00:00Z", "2028-04-30T10:00:00Z"] {
            assert_eq!(period.1, at(end));
            period = next_period(anchor, 1, period.1);
        }
        assert_eq!(
            next_period(at("2028-02-29T00:00:00Z"), 12, at("2028-02-29T00:00:00Z")).1,
            at("2029-02-28T00:00:00Z")
        );
    }
}
