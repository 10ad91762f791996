//! SUMMARY    One page of a range: as many answers of the cluster as it takes, cut where the contract cuts.
//! LIMITS     KV_PAGE_ROWS_MAX, KV_PAGE_BYTES_MAX
//! INVARIANTS `more` is exact: the client says "maybe" for a full answer, so one row more is asked for and left out. Each answer
//!            brings at least one row or is the last.

use base::limits::{KV_PAGE_BYTES_MAX, KV_PAGE_ROWS_MAX};
use bytes::Bytes;
use foundationdb::{FdbResult, KeySelector, RangeOption, Transaction, options::StreamingMode};
use std::ops::Range;
use store::{Page, PageLimit};

/// What the cluster counts for a row beside key and value, and a key that was not cut yet: asked for on top, so that a page is
/// mostly one answer.
const ROW_OVERHEAD_BYTES: usize = 32;

/// Collects rows up to the limits, all in one buffer.
struct Builder {
    limit: PageLimit,
    buffer: Vec<u8>,
    rows: Vec<(Range<usize>, Range<usize>)>,
}

impl Builder {
    fn new(limit: PageLimit) -> Self {
        let limit =
            PageLimit { rows: limit.rows.clamp(1, KV_PAGE_ROWS_MAX), bytes: limit.bytes.clamp(1, KV_PAGE_BYTES_MAX) };
        Builder { limit, buffer: Vec::new(), rows: Vec::new() }
    }

    fn is_full(&self) -> bool {
        self.rows.len() >= self.limit.rows || self.buffer.len() >= self.limit.bytes
    }

    fn push(&mut self, key: &[u8], value: &[u8]) {
        let start = self.buffer.len();
        self.buffer.extend_from_slice(key);
        let middle = self.buffer.len();
        self.buffer.extend_from_slice(value);
        self.rows.push((start..middle, middle..self.buffer.len()));
    }

    /// Rows to ask for, one more than there is room for.
    fn rows_wanted(&self) -> usize {
        self.limit.rows.saturating_sub(self.rows.len()) + 1
    }

    /// Bytes to ask for; at least one row comes whatever they are.
    fn bytes_wanted(&self, prefix_bytes: usize) -> usize {
        let rows = self.rows_wanted();
        self.limit.bytes.saturating_sub(self.buffer.len()) + rows * (ROW_OVERHEAD_BYTES + prefix_bytes)
    }

    fn finish(self, more: bool) -> Page {
        let buffer = Bytes::from(self.buffer);
        let rows = self.rows.into_iter().map(|(key, value)| (buffer.slice(key), buffer.slice(value))).collect();
        Page { rows, more }
    }
}

/// Rows of `[from, to)`, absolute keys; what comes out has `prefix_bytes` less. Adds no conflict.
pub(crate) async fn read(
    txn: &Transaction,
    from: Vec<u8>,
    to: Vec<u8>,
    limit: PageLimit,
    reverse: bool,
    prefix_bytes: usize,
) -> FdbResult<Page> {
    let mut page = Builder::new(limit);
    let mut ask = RangeOption {
        begin: KeySelector::first_greater_or_equal(from),
        end: KeySelector::first_greater_or_equal(to),
        mode: StreamingMode::Exact,
        reverse,
        ..RangeOption::default()
    };
    loop {
        ask.limit = Some(if page.is_full() { 1 } else { page.rows_wanted() });
        ask.target_bytes = page.bytes_wanted(prefix_bytes);
        let rows = txn.get_range(&ask, 1, true).await?;
        for row in &rows {
            if page.is_full() {
                return Ok(page.finish(true));
            }
            page.push(row.key().get(prefix_bytes..).unwrap_or_default(), row.value());
        }
        // The rows are counted by now, and `next_range` would count them again.
        ask.limit = None;
        match ask.next_range(&rows) {
            Some(next) => ask = next,
            None => return Ok(page.finish(false)),
        }
    }
}
