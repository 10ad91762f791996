//! SUMMARY    What a transaction reads: keys, selectors and ranges at its version, its own writes over them.
//! INVARIANTS A read that the transaction's own writes decide is no read of the database, and adds no conflict.

use super::{
    cluster::Snapshot,
    code::{self, Code},
    future::{Answer, Future, Outcome, Row},
    limit::{KEY_BYTES_MAX, REPLY_BYTES_MAX, ROW_OVERHEAD_BYTES},
    mutation::{Rows, between},
    network,
    ranges::after,
    selector::Selector,
    transaction::{END, SYSTEM, Transaction, see},
};
use bytes::Bytes;
use std::sync::Arc;

/// What `fdb_transaction_get_range` is asked.
#[derive(Debug, Clone)]
pub struct RangeRead {
    pub begin: Selector,
    pub end: Selector,
    /// 0 is no limit.
    pub limit: i32,
    pub target_bytes: i32,
    pub mode: i32,
    pub iteration: i32,
    pub snapshot: bool,
    pub reverse: bool,
}

impl Transaction {
    /// The answer to a read: from the network thread, or only when the transaction times out.
    fn promise(&self, outcome: Outcome) -> Arc<Future> {
        let future = Arc::new(Future::default());
        if !self.database.faults.is_silent() {
            let link = self.database.cluster.link.as_ref();
            if !link.is_some_and(|link| link.hold(&future, outcome.clone())) {
                network::answer(&future, outcome, None);
                return future;
            }
        }
        if let Some(deadline) = self.deadline() {
            network::answer(&future, Err(code::TIMED_OUT), Some(deadline));
        }
        future
    }

    fn snapshot(&mut self) -> Result<&Snapshot, Code> {
        self.check()?;
        if self.read.as_ref().is_some_and(|read| self.database.cluster.is_too_old(read.version)) {
            return Err(code::TOO_OLD);
        }
        if self.read.is_none() && self.database.cluster.link.is_some() {
            // Whatever reads has asked for it.
            return Err(code::INVALID_OPERATION);
        }
        Ok(self.read.get_or_insert_with(|| self.database.cluster.snapshot()))
    }

    pub fn set_read_version(&mut self, version: i64) {
        if self.read.is_some() || self.asked.is_some() {
            self.wrong.get_or_insert(code::READ_VERSION_ALREADY_SET);
            return;
        }
        // A copy has got as far as the version once it is told a later one.
        self.ask();
        self.act(move |txn| match txn.database.cluster.snapshot_at(version) {
            Ok(snapshot) => txn.read = Some(snapshot),
            Err(code) => txn.wrong = Some(code),
        });
    }

    pub fn read_version(&mut self) -> Arc<Future> {
        let outcome = self.snapshot().map(|snapshot| Answer::Int(snapshot.version));
        self.promise(outcome)
    }

    /// What reads see: the rows, with own writes unless these are not to be seen.
    pub(super) fn rows(&mut self, snapshot: bool) -> Result<Rows, Code> {
        let base = self.snapshot()?.rows.clone();
        let own = self.options.reads_own_writes && (!snapshot || self.options.snapshots_see_own_writes);
        if !own {
            return Ok(base);
        }
        let mutations = &self.mutations;
        let view = self.view.get_or_insert_with(|| {
            let mut rows = base;
            for mutation in mutations {
                see(mutation, &mut rows);
            }
            rows
        });
        Ok(view.clone())
    }

    pub(super) fn check_read_key(&self, key: &[u8]) -> Result<(), Code> {
        if key.len() > KEY_BYTES_MAX {
            Err(code::KEY_TOO_LARGE)
        } else if key >= END || (key >= SYSTEM && !self.options.reads_system && key != b"\xff/metadataVersion") {
            Err(code::OUTSIDE_LEGAL_RANGE)
        } else {
            Ok(())
        }
    }

    /// Ends of ranges may be as far as the end of what may be read.
    pub(super) fn check_read_end(&self, key: &[u8]) -> Result<(), Code> {
        let end = if self.options.reads_system { END } else { SYSTEM };
        if key > end { Err(code::OUTSIDE_LEGAL_RANGE) } else { Ok(()) }
    }

    fn read_end(&self) -> Bytes {
        Bytes::from_static(if self.options.reads_system { END } else { SYSTEM })
    }

    /// Notes that a range was read, but for what the own writes decide.
    pub(super) fn note_read(&mut self, begin: &Bytes, end: &Bytes) {
        if !self.options.reads_own_writes {
            self.reads.add(begin.clone(), end.clone());
            return;
        }
        for (from, to) in self.known.gaps(begin, end) {
            self.reads.add(from, to);
        }
    }

    fn check_readable(&self, begin: &Bytes, end: &Bytes, snapshot: bool) -> Result<(), Code> {
        let sees = self.options.reads_own_writes && (!snapshot || self.options.snapshots_see_own_writes);
        if sees && !self.options.reads_unreadable && self.unreadable.overlaps(begin, end) {
            return Err(code::UNREADABLE);
        }
        Ok(())
    }

    fn get_now(&mut self, key: &Bytes, snapshot: bool) -> Outcome {
        self.check()?;
        self.check_read_key(key)?;
        let rows = self.rows(snapshot)?;
        self.database.faults.read()?;
        self.check_readable(key, &after(key), snapshot)?;
        if !snapshot {
            self.note_read(key, &after(key));
        }
        Ok(Answer::Value(rows.get(key).cloned()))
    }

    pub fn get(&mut self, key: &Bytes, snapshot: bool) -> Arc<Future> {
        let outcome = self.get_now(key, snapshot);
        self.promise(outcome)
    }

    fn key_now(&mut self, selector: &Selector, snapshot: bool) -> Outcome {
        self.check()?;
        self.check_read_end(&selector.key)?;
        let rows = self.rows(snapshot)?;
        self.database.faults.read()?;
        let found = selector.resolve(&rows, &self.read_end());
        let (low, high) = (found.clone().min(selector.key.clone()), found.clone().max(selector.key.clone()));
        self.check_readable(&low, &after(&high), snapshot)?;
        if !snapshot {
            self.note_read(&low, &after(&high));
        }
        Ok(Answer::Key(found))
    }

    pub fn get_key(&mut self, selector: &Selector, snapshot: bool) -> Arc<Future> {
        let outcome = self.key_now(selector, snapshot);
        self.promise(outcome)
    }

    fn range_now(&mut self, read: &RangeRead) -> Outcome {
        self.check()?;
        let bytes_max = target(read)?;
        self.check_read_end(&read.begin.key)?;
        self.check_read_end(&read.end.key)?;
        let rows = self.rows(read.snapshot)?;
        self.database.faults.read()?;
        let all = self.read_end();
        let bound = |selector: &Selector| {
            if selector.is_plain() { selector.key.clone() } else { selector.resolve(&rows, &all) }
        };
        let (begin, end) = (bound(&read.begin), bound(&read.end));
        if begin >= end {
            return Ok(Answer::Rows { rows: Vec::new(), more: false });
        }
        let rows_max = usize::try_from(read.limit).ok().filter(|limit| *limit > 0).unwrap_or(usize::MAX);
        let (found, more) = collect(&rows, &begin, &end, read.reverse, rows_max, bytes_max);
        let last = found.last().map(|(key, _)| key.clone()).filter(|_| more);
        let (from, to) = match (last, read.reverse) {
            (None, _) => (begin, end),
            (Some(last), true) => (last, end),
            (Some(last), false) => (begin, after(&last)),
        };
        self.check_readable(&from, &to, read.snapshot)?;
        if !read.snapshot {
            let from = if read.begin.is_plain() { from } else { from.min(read.begin.key.clone()) };
            let to = if read.end.is_plain() { to } else { to.max(after(&read.end.key)) };
            self.note_read(&from, &to);
        }
        Ok(Answer::Rows { rows: found, more })
    }

    pub fn get_range(&mut self, read: &RangeRead) -> Arc<Future> {
        let outcome = self.range_now(read);
        self.promise(outcome)
    }

    /// Bytes of the rows of a range.
    pub fn size_of(&mut self, begin: &Bytes, end: &Bytes) -> Outcome {
        let rows = self.rows(true)?;
        if begin > end {
            return Err(code::INVERTED_RANGE);
        }
        let bytes: usize = between(&rows, begin, end).map(|(key, value)| key.len() + value.len()).sum();
        Ok(Answer::Int(i64::try_from(bytes).unwrap_or(i64::MAX)))
    }

    /// Keys that cut a range into chunks of about so many bytes, with its ends.
    pub fn split_points(&mut self, begin: &Bytes, end: &Bytes, chunk_bytes: i64) -> Outcome {
        let rows = self.rows(true)?;
        if begin > end {
            return Err(code::INVERTED_RANGE);
        }
        let chunk = usize::try_from(chunk_bytes).ok().filter(|chunk| *chunk > 0).ok_or(code::INVALID_OPERATION)?;
        let (mut keys, mut bytes) = (vec![begin.clone()], 0);
        for (key, value) in between(&rows, begin, end) {
            if bytes >= chunk {
                keys.push(key.clone());
                bytes = 0;
            }
            bytes += key.len() + value.len();
        }
        keys.push(end.clone());
        Ok(Answer::Keys(keys))
    }
}

/// Bytes after which an answer stops, by streaming mode, iteration and the wish of the caller.
fn target(read: &RangeRead) -> Result<usize, Code> {
    const ITERATIONS: [usize; 11] =
        [4_096, 80_000, 6_144, 9_216, 13_824, 20_736, 31_104, 46_656, 69_984, 80_000, 120_000];
    if read.limit < 0 || read.target_bytes < 0 {
        return Err(code::RANGE_LIMITS_INVALID);
    }
    let of_mode = match read.mode {
        -1 => {
            let step = usize::try_from(read.iteration).ok().filter(|step| *step > 0).ok_or(code::INVALID_OPERATION)?;
            Some(ITERATIONS.get(step - 1).copied().unwrap_or(120_000))
        }
        0 if read.limit == 0 && read.target_bytes == 0 => return Err(code::EXACT_MODE_WITHOUT_LIMITS),
        0 => None,
        1 => Some(256),
        2 => Some(1_000),
        3 => Some(4_096),
        -2 | 4 => Some(REPLY_BYTES_MAX),
        _ => return Err(code::INVALID_OPERATION),
    };
    let wished = usize::try_from(read.target_bytes).ok().filter(|bytes| *bytes > 0);
    Ok(match (of_mode, wished) {
        (Some(mode), Some(wish)) => mode.min(wish),
        (Some(bytes), None) | (None, Some(bytes)) => bytes,
        (None, None) => usize::MAX,
    })
}

/// Rows until a limit, and whether there may be more: a full answer always says so, as the real client does.
fn collect(
    rows: &Rows,
    begin: &Bytes,
    end: &Bytes,
    reverse: bool,
    rows_max: usize,
    bytes_max: usize,
) -> (Vec<Row>, bool) {
    let forward = between(rows, begin, end);
    let walk: Box<dyn Iterator<Item = (&Bytes, &Bytes)>> =
        if reverse { Box::new(forward.rev()) } else { Box::new(forward) };
    let (mut found, mut bytes) = (Vec::new(), 0);
    for (key, value) in walk {
        found.push((key.clone(), value.clone()));
        bytes += key.len() + value.len() + ROW_OVERHEAD_BYTES;
        if found.len() >= rows_max || bytes >= bytes_max {
            return (found, true);
        }
    }
    (found, false)
}
