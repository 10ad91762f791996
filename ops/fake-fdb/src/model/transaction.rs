//! SUMMARY    A transaction: reads at one version with its own writes over it, and notes what it read and wrote.
//! INVARIANTS What a call without an answer gets wrong (a set of a key that is too long) is told by the next one that has one.
//!            A read that its own writes decide is no read of the database.

use super::{
    cluster::{Database, Snapshot},
    code::{self, Code},
    commit::Progress,
    future::{Answer, Future, Outcome, Row},
    limit::{BACKOFF_MS_MIN, KEY_BYTES_MAX, REPLY_BYTES_MAX, VALUE_BYTES_MAX},
    mutation::{Kind, Mutation, Rows, STAMP_BYTES, between, stamp_place},
    network,
    option::Options,
    ranges::{Ranges, after},
    selector::Selector,
};
use bytes::Bytes;
use parking_lot::Mutex;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// Keys from here on are the system's.
const SYSTEM: &[u8] = &[0xff];
/// No key is here or behind.
const END: &[u8] = &[0xff, 0xff];

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

pub struct Watched {
    pub key: Bytes,
    pub seen: Option<Bytes>,
    pub future: Arc<Future>,
}

pub struct Transaction {
    pub(super) database: Arc<Database>,
    pub(super) options: Options,
    pub(super) began: Instant,
    pub(super) read: Option<Snapshot>,
    /// The snapshot with the own writes, once something was read.
    view: Option<Rows>,
    pub(super) mutations: Vec<Mutation>,
    pub(super) reads: Ranges,
    pub(super) writes: Ranges,
    /// Keys whose values the own writes decide.
    known: Ranges,
    /// Keys that get a stamp.
    unreadable: Ranges,
    /// What went wrong in a call that could not tell.
    pub(super) wrong: Option<Code>,
    pub(super) stamps: Vec<Arc<Future>>,
    pub(super) watches: Vec<Watched>,
    pub(super) progress: Arc<Mutex<Progress>>,
    retries: u64,
    /// What came after a cancellation.
    cancelled: bool,
}

impl Transaction {
    pub fn new(database: Arc<Database>) -> Self {
        let options = *database.options.lock();
        Transaction {
            database,
            options,
            began: Instant::now(),
            read: None,
            view: None,
            mutations: Vec::new(),
            reads: Ranges::default(),
            writes: Ranges::default(),
            known: Ranges::default(),
            unreadable: Ranges::default(),
            wrong: None,
            stamps: Vec::new(),
            watches: Vec::new(),
            progress: Arc::default(),
            retries: 0,
            cancelled: false,
        }
    }

    pub fn set_option(&mut self, option: i32, value: &[u8]) -> Result<(), Code> {
        if option == 51 && (self.view.is_some() || !self.mutations.is_empty()) {
            return Err(code::INVALID_OPERATION);
        }
        self.options.set(option, value)
    }

    /// As new.
    pub fn reset(&mut self) {
        *self = Transaction::new(Arc::clone(&self.database));
    }

    /// After a commit: nothing is read or written, options stay.
    pub(super) fn clear_work(&mut self) {
        let (options, progress, retries) = (self.options, Arc::clone(&self.progress), self.retries);
        *self = Transaction::new(Arc::clone(&self.database));
        (self.options, self.progress, self.retries) = (options, progress, retries);
    }

    pub fn cancel(&mut self) {
        self.cancelled = true;
        for future in self.stamps.drain(..).chain(self.watches.drain(..).map(|watched| watched.future)) {
            network::answer(&future, Err(code::CANCELLED), None);
        }
    }

    /// When the transaction times out, if ever.
    pub(super) fn deadline(&self) -> Option<Instant> {
        (self.options.timeout_ms > 0).then(|| self.began + Duration::from_millis(self.options.timeout_ms))
    }

    pub(super) fn check(&self) -> Result<(), Code> {
        if self.cancelled {
            Err(code::CANCELLED)
        } else if *self.progress.lock() == Progress::UnderWay {
            Err(code::USED_DURING_COMMIT)
        } else if let Some(wrong) = self.wrong {
            Err(wrong)
        } else if self.deadline().is_some_and(|deadline| deadline <= Instant::now()) {
            Err(code::TIMED_OUT)
        } else {
            Ok(())
        }
    }

    /// The answer to a read: from the network thread, or only when the transaction times out.
    fn promise(&self, outcome: Outcome) -> Arc<Future> {
        if !self.database.faults.is_silent() {
            return network::promise(outcome);
        }
        let future = Arc::new(Future::default());
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
        Ok(self.read.get_or_insert_with(|| self.database.cluster.snapshot()))
    }

    pub fn set_read_version(&mut self, version: i64) {
        if self.read.is_some() {
            self.wrong.get_or_insert(code::READ_VERSION_ALREADY_SET);
            return;
        }
        match self.database.cluster.snapshot_at(version) {
            Ok(snapshot) => self.read = Some(snapshot),
            Err(code) => self.wrong = Some(code),
        }
    }

    pub fn read_version(&mut self) -> Arc<Future> {
        let outcome = self.snapshot().map(|snapshot| Answer::Int(snapshot.version));
        self.promise(outcome)
    }

    /// What reads see: the rows, with own writes unless these are not to be seen.
    fn rows(&mut self, snapshot: bool) -> Result<Rows, Code> {
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

    fn check_read_key(&self, key: &[u8]) -> Result<(), Code> {
        if key.len() > KEY_BYTES_MAX {
            Err(code::KEY_TOO_LARGE)
        } else if key >= END || (key >= SYSTEM && !self.options.reads_system && key != b"\xff/metadataVersion") {
            Err(code::OUTSIDE_LEGAL_RANGE)
        } else {
            Ok(())
        }
    }

    /// Ends of ranges may be as far as the end of what may be read.
    fn check_read_end(&self, key: &[u8]) -> Result<(), Code> {
        let end = if self.options.reads_system { END } else { SYSTEM };
        if key > end { Err(code::OUTSIDE_LEGAL_RANGE) } else { Ok(()) }
    }

    fn read_end(&self) -> Bytes {
        Bytes::from_static(if self.options.reads_system { END } else { SYSTEM })
    }

    /// Notes that a range was read, but for what the own writes decide.
    fn note_read(&mut self, begin: &Bytes, end: &Bytes) {
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

    fn check_write_key(&self, key: &[u8]) -> Result<(), Code> {
        if key.len() > KEY_BYTES_MAX {
            Err(code::KEY_TOO_LARGE)
        } else if key >= END || (key >= SYSTEM && !self.options.writes_system) {
            Err(code::OUTSIDE_LEGAL_RANGE)
        } else {
            Ok(())
        }
    }

    /// Buffers a write of `[begin, end)`, or remembers why it is wrong.
    fn write(&mut self, mutation: Mutation, begin: Bytes, end: Bytes, checked: Result<(), Code>) {
        let free = std::mem::take(&mut self.options.next_write_is_free);
        if let Err(code) = checked.and(self.check()) {
            self.wrong.get_or_insert(code);
            return;
        }
        if !free {
            self.writes.add(begin.clone(), end.clone());
        }
        let decides = match &mutation {
            Mutation::Set(..) | Mutation::Clear(..) => true,
            Mutation::Atomic(..) | Mutation::StampedKey(..) | Mutation::StampedValue(..) => false,
        };
        if decides {
            self.known.add(begin, end);
        }
        if let Some(view) = &mut self.view {
            see(&mutation, view);
        }
        self.mutations.push(mutation);
    }

    pub fn set(&mut self, key: Bytes, value: Bytes) {
        let checked = self.check_write_key(&key).and(check_value(&value));
        let end = after(&key);
        self.write(Mutation::Set(key.clone(), value), key, end, checked);
    }

    pub fn clear(&mut self, key: &Bytes) {
        let checked = self.check_write_key(key);
        let end = after(key);
        self.write(Mutation::Clear(key.clone(), end.clone()), key.clone(), end, checked);
    }

    pub fn clear_range(&mut self, begin: Bytes, end: Bytes) {
        let limit = if self.options.writes_system { END } else { SYSTEM };
        let checked = if begin > end {
            Err(code::INVERTED_RANGE)
        } else if &end[..] > limit {
            Err(code::OUTSIDE_LEGAL_RANGE)
        } else {
            Ok(())
        };
        self.write(Mutation::Clear(begin.clone(), end.clone()), begin, end, checked);
    }

    pub fn atomic(&mut self, key: Bytes, operand: Bytes, kind: i32) {
        let kind = match Kind::of(kind) {
            Ok(kind) => kind,
            Err(code) => {
                self.wrong.get_or_insert(code);
                return;
            }
        };
        let checked = self.check_write_key(&key).and(check_value(&operand));
        let end = after(&key);
        match kind {
            Kind::Atomic(atomic) => self.write(Mutation::Atomic(atomic, key.clone(), operand), key, end, checked),
            Kind::StampedValue => {
                let checked = checked.and(stamp_place(&operand).map(|_| ()).ok_or(code::INVALID_OPERATION));
                self.unreadable.add_key(&key);
                self.write(Mutation::StampedValue(key.clone(), operand), key, end, checked);
            }
            Kind::StampedKey => match stamp_place(&key) {
                Some((plain, offset)) => self.stamped_key(key, &plain, offset, operand, checked),
                None => {
                    self.wrong.get_or_insert(code::INVALID_OPERATION);
                }
            },
        }
    }

    fn stamped_key(&mut self, key: Bytes, plain: &Bytes, offset: usize, value: Bytes, checked: Result<(), Code>) {
        let mut ends = [plain.to_vec(), plain.to_vec()];
        for (end, fill) in ends.iter_mut().zip([0, 0xff]) {
            if let Some(place) = end.get_mut(offset..offset + STAMP_BYTES) {
                place.fill(fill);
            }
        }
        let [low, high] = ends.map(Bytes::from);
        self.unreadable.add(low, after(&high));
        // The cluster adds the write conflict, for the key that it makes.
        let nowhere = Bytes::new();
        self.write(Mutation::StampedKey(key, value), nowhere.clone(), nowhere, checked);
    }

    /// Conflict ranges by hand: 0 of reads, 1 of writes.
    pub fn add_conflict(&mut self, begin: &Bytes, end: &Bytes, kind: i32) -> Result<(), Code> {
        if begin > end {
            return Err(code::INVERTED_RANGE);
        }
        match kind {
            0 => {
                self.check_read_end(end)?;
                self.note_read(begin, end);
            }
            1 => {
                let limit = if self.options.writes_system { END } else { SYSTEM };
                if &end[..] > limit {
                    return Err(code::OUTSIDE_LEGAL_RANGE);
                }
                self.writes.add(begin.clone(), end.clone());
            }
            _ => return Err(code::INVALID_OPERATION),
        }
        Ok(())
    }

    /// Answered when the value is another one than this transaction sees, once it is committed.
    pub fn watch(&mut self, key: &Bytes) -> Arc<Future> {
        let future = Arc::new(Future::default());
        if !self.options.reads_own_writes {
            network::answer(&future, Err(code::UNSUPPORTED), None);
            return future;
        }
        let seen = self.check_read_key(key).and_then(|()| self.rows(false)).map(|rows| rows.get(key).cloned());
        match seen {
            Ok(seen) => {
                self.note_read(key, &after(key));
                self.watches.push(Watched { key: key.clone(), seen, future: Arc::clone(&future) });
            }
            Err(code) => network::answer(&future, Err(code), None),
        }
        future
    }

    pub fn versionstamp(&mut self) -> Arc<Future> {
        let future = Arc::new(Future::default());
        match self.check() {
            Ok(()) => self.stamps.push(Arc::clone(&future)),
            Err(code) => network::answer(&future, Err(code), None),
        }
        future
    }

    /// -1 before a commit that wrote.
    pub fn committed_version(&self) -> i64 {
        match *self.progress.lock() {
            Progress::Committed(version) => version,
            Progress::Nothing | Progress::UnderWay => -1,
        }
    }

    /// Waits and begins again where that can help, else says the same error.
    pub fn on_error(&mut self, error: Code) -> Arc<Future> {
        let spent = self.options.retries_max.is_some_and(|most| self.retries >= most);
        if self.cancelled || !code::is_retryable(error) || spent {
            let code = if self.cancelled { code::CANCELLED } else { error };
            return network::promise(Err(code));
        }
        if self.deadline().is_some_and(|deadline| deadline <= Instant::now()) {
            return network::promise(Err(code::TIMED_OUT));
        }
        let (kept, began, retries) = (self.options, self.began, self.retries + 1);
        let wait = (BACKOFF_MS_MIN << retries.min(10)).min(self.options.backoff_ms_max);
        self.reset();
        (self.options, self.began, self.retries) = (kept.kept(self.options), began, retries);
        let future = Arc::new(Future::default());
        network::answer(&future, Ok(Answer::Nothing), Some(Instant::now() + Duration::from_millis(wait)));
        future
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        for future in self.stamps.iter().chain(self.watches.iter().map(|watched| &watched.future)) {
            network::answer(future, Err(code::CANCELLED), None);
        }
    }
}

fn check_value(value: &[u8]) -> Result<(), Code> {
    if value.len() > VALUE_BYTES_MAX { Err(code::VALUE_TOO_LARGE) } else { Ok(()) }
}

/// Applies a write to what the transaction itself sees; what will be stamped is not seen.
fn see(mutation: &Mutation, rows: &mut Rows) {
    match mutation {
        Mutation::Set(..) | Mutation::Clear(..) | Mutation::Atomic(..) => {
            mutation.apply(rows, [0; STAMP_BYTES]);
        }
        Mutation::StampedKey(..) | Mutation::StampedValue(..) => {}
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
        bytes += key.len() + value.len() + super::limit::ROW_OVERHEAD_BYTES;
        if found.len() >= rows_max || bytes >= bytes_max {
            return (found, true);
        }
    }
    (found, false)
}
