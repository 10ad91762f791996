//! SUMMARY    Decides whether a transaction may commit: its reads against the writes of a window of recent commits.
//! STANDARDS  Backward validation, as FoundationDB's resolvers do it.
//! LIMITS     KV_TXN_MS_MAX (the window), KV_RESOLVER_KEYS_MAX
//! INVARIANTS Commit versions have no gaps here, so the version of a record follows from its place in the log.
//!            Keys are compared by a keyed 64-bit hash where points meet points: a collision is a needless conflict, no more.

use crate::{kv::CommitError, layer::Slice};
use base::limits::{KV_RESOLVER_KEYS_MAX, KV_TXN_MS_MAX};
use std::{
    collections::{HashMap, VecDeque},
    hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState},
};

/// Passes an already hashed key through.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }
    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

/// A key with its hash.
#[derive(Debug, Clone)]
pub(crate) struct Point {
    pub hash: u64,
    pub key: Slice,
}

/// Half-open range.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span {
    pub from: Slice,
    pub to: Slice,
}

impl Span {
    fn contains(&self, key: &[u8]) -> bool {
        self.from.as_ref() <= key && key < self.to.as_ref()
    }
    fn overlaps(&self, other: &Span) -> bool {
        self.from < other.to && other.from < self.to
    }
}

/// What a transaction read, for validation.
#[derive(Debug, Default)]
pub(crate) struct ReadSet {
    pub points: Vec<Point>,
    pub ranges: Vec<Span>,
}

impl ReadSet {
    /// Sorts and joins the ranges, so that a key meets at most one of them. Call before validation, outside any lock.
    pub(crate) fn normalise(&mut self) {
        if self.ranges.len() < 2 {
            return;
        }
        self.ranges.sort_unstable();
        let mut joined: Vec<Span> = Vec::with_capacity(self.ranges.len());
        for span in self.ranges.drain(..) {
            match joined.last_mut() {
                Some(last) if span.from <= last.to => {
                    if span.to > last.to {
                        last.to = span.to;
                    }
                }
                _ => joined.push(span),
            }
        }
        self.ranges = joined;
    }

    fn range_holds(&self, key: &[u8]) -> bool {
        let after = self.ranges.partition_point(|span| span.from.as_ref() <= key);
        after.checked_sub(1).and_then(|i| self.ranges.get(i)).is_some_and(|span| span.contains(key))
    }

    fn range_overlaps(&self, clear: &Span) -> bool {
        let after = self.ranges.partition_point(|span| span.from < clear.to);
        after.checked_sub(1).and_then(|i| self.ranges.get(i)).is_some_and(|span| span.overlaps(clear))
    }
}

/// What one commit wrote.
#[derive(Debug)]
pub(crate) struct WriteSet {
    pub points: Vec<Point>,
    pub clears: Vec<Span>,
}

#[derive(Debug)]
struct Record {
    at_ms: u64,
    writes: WriteSet,
}

/// Hashes keys; shared by all transactions of a store.
#[derive(Debug, Clone, Default)]
pub(crate) struct KeyHasher(RandomState);

impl KeyHasher {
    pub(crate) fn point(&self, key: Slice) -> Point {
        Point { hash: self.0.hash_one(key.as_ref()), key }
    }
}

/// The window of recent commits.
#[derive(Debug)]
pub(crate) struct Resolver {
    /// Version of the last validated commit.
    version: u64,
    /// Commits `version - log.len() + 1 ..= version`.
    log: VecDeque<Record>,
    /// Key hash -> version of the last commit in the log that wrote it.
    last: HashMap<u64, u64, BuildHasherDefault<Hashed>>,
    keys: usize,
}

impl Resolver {
    /// Starts after `version`; older transactions do not exist.
    pub(crate) fn new(version: u64) -> Self {
        Resolver { version, log: VecDeque::new(), last: HashMap::default(), keys: 0 }
    }

    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// Whether nothing that was read at version `at` has changed since.
    pub(crate) fn check(&self, at: u64, reads: &ReadSet) -> Result<(), CommitError> {
        if reads.points.is_empty() && reads.ranges.is_empty() {
            return Ok(());
        }
        let floor = self.version.saturating_sub(self.log.len() as u64);
        if at < floor {
            return Err(CommitError::TooOld);
        }
        if reads.points.iter().any(|point| self.last.get(&point.hash).is_some_and(|version| *version > at)) {
            return Err(CommitError::Conflict);
        }
        let skip = usize::try_from(at - floor).unwrap_or(usize::MAX);
        let hit =
            |record: &Record| {
                let writes = &record.writes;
                writes.clears.iter().any(|clear| {
                    reads.range_overlaps(clear) || reads.points.iter().any(|point| clear.contains(&point.key))
                }) || (!reads.ranges.is_empty() && writes.points.iter().any(|point| reads.range_holds(&point.key)))
            };
        if self.log.iter().skip(skip).any(hit) { Err(CommitError::Conflict) } else { Ok(()) }
    }

    /// Enters a commit that was checked; returns its version.
    pub(crate) fn commit(&mut self, writes: WriteSet, now_ms: u64) -> u64 {
        self.version += 1;
        for point in &writes.points {
            self.last.insert(point.hash, self.version);
        }
        self.keys += writes.points.len() + writes.clears.len();
        self.log.push_back(Record { at_ms: now_ms, writes });
        self.evict(now_ms);
        self.version
    }

    fn evict(&mut self, now_ms: u64) {
        while let Some(oldest) = self.log.front() {
            let expired = now_ms.saturating_sub(oldest.at_ms) > KV_TXN_MS_MAX;
            if !expired && (self.keys <= KV_RESOLVER_KEYS_MAX || self.log.len() == 1) {
                return;
            }
            let version = self.version + 1 - self.log.len() as u64;
            let Some(record) = self.log.pop_front() else { return };
            self.keys -= record.writes.points.len() + record.writes.clears.len();
            for point in &record.writes.points {
                if self.last.get(&point.hash) == Some(&version) {
                    self.last.remove(&point.hash);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(from: &[u8], to: &[u8]) -> Span {
        Span { from: Slice::from(from), to: Slice::from(to) }
    }

    fn writes(hasher: &KeyHasher, keys: &[&[u8]], clears: &[(&[u8], &[u8])]) -> WriteSet {
        WriteSet {
            points: keys.iter().map(|key| hasher.point(Slice::from(*key))).collect(),
            clears: clears.iter().map(|(from, to)| span(from, to)).collect(),
        }
    }

    #[test]
    fn reads_meet_later_writes_only() {
        let hasher = KeyHasher::default();
        let mut resolver = Resolver::new(10);
        assert_eq!(resolver.commit(writes(&hasher, &[b"a", b"m"], &[]), 0), 11);
        assert_eq!(resolver.commit(writes(&hasher, &[], &[(b"p", b"q")]), 0), 12);
        let point = |key: &[u8]| ReadSet { points: vec![hasher.point(Slice::from(key))], ranges: vec![] };
        let range = |from: &[u8], to: &[u8]| ReadSet { points: vec![], ranges: vec![span(from, to)] };
        assert_eq!(resolver.check(10, &point(b"a")), Err(CommitError::Conflict));
        assert_eq!(resolver.check(11, &point(b"a")), Ok(()));
        assert_eq!(resolver.check(11, &point(b"p")), Err(CommitError::Conflict));
        assert_eq!(resolver.check(12, &point(b"p")), Ok(()));
        assert_eq!(resolver.check(10, &range(b"b", b"n")), Err(CommitError::Conflict));
        assert_eq!(resolver.check(11, &range(b"b", b"n")), Ok(()));
        assert_eq!(resolver.check(11, &range(b"pp", b"z")), Err(CommitError::Conflict));
        assert_eq!(resolver.check(11, &range(b"q", b"z")), Ok(()));
        assert_eq!(resolver.check(9, &point(b"x")), Err(CommitError::TooOld));
    }

    #[test]
    fn the_window_forgets_by_age() {
        let hasher = KeyHasher::default();
        let mut resolver = Resolver::new(0);
        resolver.commit(writes(&hasher, &[b"a"], &[]), 0);
        resolver.commit(writes(&hasher, &[b"b"], &[]), KV_TXN_MS_MAX + 1);
        let read = ReadSet { points: vec![hasher.point(Slice::from(b"c"))], ranges: vec![] };
        assert_eq!(resolver.check(0, &read), Err(CommitError::TooOld));
        assert_eq!(resolver.check(1, &read), Ok(()));
        assert_eq!(resolver.last.len(), 1);
    }

    #[test]
    fn joined_ranges_hold_the_same_keys() {
        let mut reads = ReadSet {
            points: vec![],
            ranges: vec![span(b"m", b"p"), span(b"a", b"z"), span(b"zz", b"zzz"), span(b"b", b"c")],
        };
        reads.normalise();
        assert_eq!(reads.ranges, [span(b"a", b"z"), span(b"zz", b"zzz")]);
        assert!(reads.range_holds(b"q") && !reads.range_holds(b"z") && reads.range_holds(b"zz"));
        assert!(reads.range_overlaps(&span(b"z", b"zzz")) && !reads.range_overlaps(&span(b"z", b"zz")));
    }
}
