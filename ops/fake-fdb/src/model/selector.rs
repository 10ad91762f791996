//! SUMMARY    Key selectors: the last key before (or at) another one, and so many keys on.

use super::mutation::Rows;
use bytes::Bytes;
use std::ops::Bound::{Excluded, Included, Unbounded};

#[derive(Debug, Clone)]
pub struct Selector {
    pub key: Bytes,
    pub or_equal: bool,
    pub offset: i32,
}

impl Selector {
    /// Whether it names its own key or the first behind it, which needs no look at the rows to bound a range.
    pub fn is_plain(&self) -> bool {
        !self.or_equal && self.offset == 1
    }

    /// The key it names among `rows` below `end`: empty before the first key, `end` behind the last one.
    pub fn resolve(&self, rows: &Rows, end: &Bytes) -> Bytes {
        let (before, from) = if self.or_equal {
            (Included(&self.key), Excluded(&self.key))
        } else {
            (Excluded(&self.key), Included(&self.key))
        };
        if self.offset > 0 {
            let mut behind = rows.range::<_, Bytes>((from, Unbounded)).take_while(|(key, _)| *key < end);
            let steps = usize::try_from(self.offset - 1).unwrap_or(0);
            behind.nth(steps).map_or_else(|| end.clone(), |(key, _)| key.clone())
        } else {
            let mut ahead = rows.range::<_, Bytes>((Unbounded, before)).rev().skip_while(|(key, _)| *key >= end);
            let steps = usize::try_from(i64::from(self.offset).unsigned_abs()).unwrap_or(usize::MAX);
            ahead.nth(steps).map_or_else(Bytes::new, |(key, _)| key.clone())
        }
    }
}
