//! SUMMARY    Which snapshots a policy keeps: a pure function of their times.
//! INVARIANTS Of a day, a week (from Monday) or a month (all UTC) the last snapshot counts. The newest is kept by every policy that
//!            keeps anything.

use crate::SnapshotId;
use base::Timestamp;
use jiff::tz::Offset;
use std::collections::BTreeSet;

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// How many snapshots are kept: the last ones, and the last of each of so many days, weeks and months that have any.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Keep {
    pub last: usize,
    pub daily: usize,
    pub weekly: usize,
    pub monthly: usize,
}

impl Keep {
    /// Those that stay, of ids in any order.
    pub fn kept<'a>(&self, ids: impl IntoIterator<Item = &'a SnapshotId>) -> BTreeSet<SnapshotId> {
        let ids: BTreeSet<&SnapshotId> = ids.into_iter().collect();
        let mut kept: BTreeSet<SnapshotId> = ids.iter().rev().take(self.last).map(|id| (*id).clone()).collect();
        for (count, period) in [(self.daily, day as fn(Timestamp) -> i64), (self.weekly, week), (self.monthly, month)] {
            let (mut left, mut before) = (count, None);
            for id in ids.iter().rev() {
                let own = period(id.started());
                if left > 0 && before != Some(own) {
                    kept.insert((*id).clone());
                    (left, before) = (left - 1, Some(own));
                }
            }
        }
        kept
    }

    /// Whether nothing would stay.
    pub fn is_empty(&self) -> bool {
        *self == Keep::default()
    }
}

fn day(at: Timestamp) -> i64 {
    at.0.div_euclid(DAY_MS)
}

fn week(at: Timestamp) -> i64 {
    // The first day of all was a Thursday.
    (day(at) + 3).div_euclid(7)
}

fn month(at: Timestamp) -> i64 {
    let date = jiff::Timestamp::from_millisecond(at.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    let date = Offset::UTC.to_datetime(date);
    i64::from(date.year()) * 12 + i64::from(date.month())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(day: &str) -> SnapshotId {
        format!("{day}000000z-0123456789abcdef").parse().unwrap()
    }

    /// Of days with hours `YYYYMMDDthhm`, those that stay.
    fn check(keep: [usize; 4], of: &[&str], expected: &[&str]) {
        let [last, daily, weekly, monthly] = keep;
        let ids: Vec<SnapshotId> = of.iter().map(|day| id(day)).collect();
        let kept = Keep { last, daily, weekly, monthly }.kept(&ids);
        let expected: BTreeSet<SnapshotId> = expected.iter().map(|day| id(day)).collect();
        assert_eq!(kept, expected, "{keep:?}");
    }

    #[test]
    fn policies_keep_the_last_of_each_period() {
        // 2026-11-23 is a Monday.
        let all = [
            "20260930t120",
            "20261031t235",
            "20261101t000",
            "20261122t235",
            "20261123t000",
            "20261127t010",
            "20261127t230",
            "20261128t000",
            "20261128t090",
        ];
        check([0, 0, 0, 0], &all, &[]);
        check([1, 0, 0, 0], &all, &["20261128t090"]);
        check([3, 0, 0, 0], &all, &["20261127t230", "20261128t000", "20261128t090"]);
        check([0, 1, 0, 0], &all, &["20261128t090"]);
        check([0, 3, 0, 0], &all, &["20261123t000", "20261127t230", "20261128t090"]);
        check([0, 0, 2, 0], &all, &["20261122t235", "20261128t090"]);
        check([0, 0, 3, 0], &all, &["20261101t000", "20261122t235", "20261128t090"]);
        check([0, 0, 0, 2], &all, &["20261031t235", "20261128t090"]);
        check([0, 0, 0, 9], &all, &["20260930t120", "20261031t235", "20261128t090"]);
        check([2, 2, 1, 3], &all, &["20260930t120", "20261031t235", "20261127t230", "20261128t000", "20261128t090"]);
        check([99, 0, 0, 0], &all, &all);
        check([1, 1, 1, 1], &[], &[]);
    }
}
