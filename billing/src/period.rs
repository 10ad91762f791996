//! SUMMARY    Periods that are paid for: calendar months and years from an anchor, in UTC.
//! INVARIANTS Periods of an anchor follow on one another without a gap. The 31st becomes the last day of a shorter month and is the 31st
//!            again in the next one.

use crate::{Error, Interval, Result};
use base::Timestamp;
use jiff::{Span, tz::TimeZone};
use serde::{Deserialize, Serialize};

/// From `start` (in it) to `end` (the next one's).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Period {
    pub start: Timestamp,
    pub end: Timestamp,
}

impl Period {
    /// Period `n` (from 0) of what began at `anchor`. Errors: `Invalid` beyond the years that a calendar has.
    pub fn of(anchor: Timestamp, interval: Interval, n: u32) -> Result<Period> {
        let next = n.checked_add(1).ok_or_else(beyond)?;
        Ok(Period { start: later(anchor, interval, n)?, end: later(anchor, interval, next)? })
    }

    pub fn has(self, at: Timestamp) -> bool {
        self.start <= at && at < self.end
    }

    pub fn ms(self) -> u64 {
        u64::try_from(self.end.0.saturating_sub(self.start.0)).unwrap_or(0)
    }

    /// Milliseconds of it that are left at a moment.
    pub fn left_ms(self, at: Timestamp) -> u64 {
        Period { start: at.max(self.start), ..self }.ms()
    }
}

fn later(anchor: Timestamp, interval: Interval, n: u32) -> Result<Timestamp> {
    let months = match interval {
        Interval::Month => i64::from(n),
        Interval::Year => i64::from(n) * 12,
    };
    let zoned = jiff::Timestamp::from_millisecond(anchor.0).map_err(|_| beyond())?.to_zoned_datetime(TimeZone::UTC);
    let span = Span::new().try_months(months).map_err(|_| beyond())?;
    Ok(Timestamp(zoned.checked_add(span).map_err(|_| beyond())?.timestamp().as_millisecond()))
}

fn beyond() -> Error {
    Error::invalid("", "a period beyond the calendar")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> Timestamp {
        Timestamp(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
    }

    #[test]
    fn the_last_day_of_a_month_stays_the_last() {
        let anchor = at("2028-01-31T10:00:00Z");
        let ends = ["2028-02-29T10:00:00Z", "2028-03-31T10:00:00Z", "2028-04-30T10:00:00Z"];
        for (n, end) in (0..).zip(ends) {
            assert_eq!(Period::of(anchor, Interval::Month, n).unwrap().end, at(end));
        }
        assert_eq!(Period::of(at("2028-02-29T00:00:00Z"), Interval::Year, 0).unwrap().end, at("2029-02-28T00:00:00Z"));
        assert!(Period::of(anchor, Interval::Year, u32::MAX).is_err());
    }

    proptest! {
        #[test]
        fn periods_follow_without_a_gap(anchor in 0i64..4_000_000_000_000, n in 0u32..600) {
            for interval in [Interval::Month, Interval::Year] {
                let (this, next) = (Period::of(Timestamp(anchor), interval, n)?, Period::of(Timestamp(anchor), interval, n + 1)?);
                prop_assert_eq!(this.end, next.start);
                prop_assert!(this.has(this.start) && !this.has(this.end) && this.ms() > 27 * 86_400_000);
            }
        }
    }
}
