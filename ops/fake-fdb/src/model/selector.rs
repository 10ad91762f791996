//! SUMMARY    Key selectors: the last key before (or at) another one, and so many keys on.

use super::{mutation::Rows, ranges::after};
use bytes::Bytes;
use std::ops::Bound::{Excluded, Included, Unbounded};

/// The last key before `key`, and `offset` keys on.
#[derive(Debug, Clone)]
pub struct Selector {
    pub key: Bytes,
    pub offset: i32,
}

impl Selector {
    /// Also the key itself, if `or_equal`: that is before the key behind it.
    pub fn new(key: Bytes, or_equal: bool, offset: i32) -> Self {
        let key = if or_equal { after(&key) } else { key };
        Selector { key, offset }
    }

    /// Whether it names its own key or the first behind it: as the bound of a range its key is as good as what it finds.
    pub fn is_plain(&self) -> bool {
        self.offset == 1
    }

    /// The key it names among `rows` below `end`: empty before the first key, `end` behind the last one.
    pub fn resolve(&self, rows: &Rows, end: &Bytes) -> Bytes {
        if self.offset > 0 {
            let behind = rows.range::<_, Bytes>((Included(&self.key), Unbounded));
            let steps = usize::try_from(self.offset - 1).unwrap_or(0);
            let found = behind.take_while(|(key, _)| *key < end).nth(steps);
            found.map_or_else(|| end.clone(), |(key, _)| key.clone())
        } else {
            let ahead = rows.range::<_, Bytes>((Unbounded, Excluded(&self.key))).rev();
            let steps = usize::try_from(i64::from(self.offset).unsigned_abs()).unwrap_or(usize::MAX);
            let found = ahead.skip_while(|(key, _)| *key >= end).nth(steps);
            found.map_or_else(Bytes::new, |(key, _)| key.clone())
        }
    }
}
