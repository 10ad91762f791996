//! SUMMARY    What a transaction is about to write and what it read, until it is validated; shared by the stores with our resolver.
//! LIMITS     KV_KEY_BYTES_MAX, KV_VALUE_BYTES_MAX, KV_TXN_BYTES_MAX, KV_KEYS_END
//! INVARIANTS Keys are 1..=KV_KEY_BYTES_MAX bytes and below KV_KEYS_END; the rest is the store's own. Stamped keys are not
//!            readable before their commit.

use crate::{
    kv::{CommitError, Committed, KeyRange, Page, Read, STAMP_BYTES, Version},
    layer::{Layer, Patch, Slice, decode_i64, encode_i64},
    resolver::{KeyHasher, ReadSet, Resolver, Span, WriteSet},
};
use base::limits::{KV_KEY_BYTES_MAX, KV_KEYS_END, KV_TXN_BYTES_MAX, KV_VALUE_BYTES_MAX};

/// A write to a key that gets its commit stamp at validation.
pub(crate) struct Stamped {
    prefix: Vec<u8>,
    suffix: Vec<u8>,
    value: Slice,
}

/// A transaction ready for validation.
pub(crate) struct Prepared {
    /// Last commit that its reads saw.
    pub version: u64,
    /// Size by KV_TXN_BYTES_MAX.
    #[cfg_attr(not(feature = "postgres"), allow(dead_code, reason = "groups of a remote store are bounded by it"))]
    pub bytes: usize,
    pub own: Layer,
    stamped: Vec<Stamped>,
    reads: ReadSet,
    writes: WriteSet,
}

impl Prepared {
    /// The counters this transaction adds to, whose present values validation needs.
    pub(crate) fn added(&self) -> Vec<(Slice, i64)> {
        self.own
            .patches()
            .filter_map(|(key, patch)| match patch {
                Patch::Add(delta) => Some((key.clone(), *delta)),
                Patch::Put(_) | Patch::Gone => None,
            })
            .collect()
    }

    /// Checks against `resolver`, resolves counters through `current`, gives stamps, and enters the commit.
    /// Call under the store's lock; what comes back is what to lay over the newest state. Counters that are not in `added`
    /// stay `Add`.
    pub(crate) fn validate(
        mut self,
        resolver: &mut Resolver,
        hasher: &KeyHasher,
        added: &[(Slice, i64)],
        now_ms: u64,
        mut current: impl FnMut(&Slice) -> Result<Option<Slice>, String>,
    ) -> Result<(u64, Layer), CommitError> {
        resolver.check(self.version, &self.reads)?;
        for (key, delta) in added {
            let before = current(key).map_err(CommitError::Fatal)?;
            let sum = before.as_deref().map_or(0, decode_i64).wrapping_add(*delta);
            self.own.put(key.clone(), encode_i64(sum));
        }
        let stamp = Committed::alone(Version(resolver.version() + 1)).stamp();
        for stamped in self.stamped {
            let mut key = stamped.prefix;
            key.extend_from_slice(&stamp);
            key.extend_from_slice(&stamped.suffix);
            let key = Slice::from(key);
            self.writes.points.push(hasher.point(key.clone()));
            self.own.put(key, stamped.value);
        }
        Ok((resolver.commit(self.writes, now_ms), self.own))
    }
}

/// A transaction under way.
pub(crate) struct Draft {
    pub own: Layer,
    stamped: Vec<Stamped>,
    reads: ReadSet,
    bytes: usize,
    /// First limit that was passed.
    refused: Option<&'static str>,
    writable: bool,
    wrote: bool,
}

impl Draft {
    pub(crate) fn new(writable: bool) -> Self {
        Draft {
            own: Layer::default(),
            stamped: Vec::new(),
            reads: ReadSet::default(),
            bytes: 0,
            refused: None,
            writable,
            wrote: false,
        }
    }

    pub(crate) fn is_writable(&self) -> bool {
        self.writable
    }

    pub(crate) fn is_read_only(&self) -> bool {
        !self.wrote
    }

    /// Notes that `key` was read, where that takes part in conflicts.
    pub(crate) fn note_point(&mut self, hasher: &KeyHasher, key: &[u8], read: Read) {
        if !self.writable || read == Read::Snapshot || matches!(self.own.lookup(key), Some(Patch::Put(_) | Patch::Gone))
        {
            return;
        }
        let point = hasher.point(Slice::from(key));
        if !self.reads.points.iter().rev().take(8).any(|seen| seen.hash == point.hash) {
            self.bytes += key.len();
            self.reads.points.push(point);
        }
    }

    /// Notes what of `[from, to)` was read by a page.
    pub(crate) fn note_page(&mut self, from: &[u8], to: &[u8], page: &Page, reverse: bool, read: Read) {
        if !self.writable || read == Read::Snapshot || from >= to {
            return;
        }
        let end = page.rows.last().map(|(key, _)| key).filter(|_| page.more);
        match (end, reverse) {
            (None, _) => self.note_range(from, to),
            (Some(last), true) => self.note_range(last, to),
            (Some(last), false) => {
                let mut behind = last.to_vec();
                behind.push(0);
                self.note_range(from, &behind);
            }
        }
    }

    fn note_range(&mut self, from: &[u8], to: &[u8]) {
        self.bytes += from.len() + to.len();
        self.reads.ranges.push(Span { from: Slice::from(from), to: Slice::from(to) });
    }

    /// Counts a write and says whether it may be buffered.
    fn admit(&mut self, key_bytes: usize, reserved: bool, value_bytes: usize) -> bool {
        self.wrote = true;
        self.bytes += key_bytes + value_bytes;
        let limit = if key_bytes > KV_KEY_BYTES_MAX {
            "KV_KEY_BYTES_MAX"
        } else if key_bytes == 0 || reserved {
            "KV_KEYS_END"
        } else if value_bytes > KV_VALUE_BYTES_MAX {
            "KV_VALUE_BYTES_MAX"
        } else if self.bytes > KV_TXN_BYTES_MAX {
            "KV_TXN_BYTES_MAX"
        } else {
            return true;
        };
        self.refused.get_or_insert(limit);
        false
    }

    fn admit_key(&mut self, key: &[u8], value_bytes: usize) -> bool {
        self.admit(key.len(), key >= KV_KEYS_END, value_bytes)
    }

    pub(crate) fn set(&mut self, key: &[u8], value: &[u8]) {
        if self.admit_key(key, value.len()) {
            self.own.put(Slice::from(key), Slice::from(value));
        }
    }

    pub(crate) fn clear(&mut self, key: &[u8]) {
        if self.admit_key(key, 0) {
            self.own.clear(Slice::from(key));
        }
    }

    pub(crate) fn clear_range(&mut self, range: &KeyRange) {
        let to = range.to.as_slice().min(KV_KEYS_END);
        self.wrote = true;
        self.bytes += range.from.len() + to.len();
        self.own.clear_range(&range.from, to);
    }

    pub(crate) fn add(&mut self, key: &[u8], delta: i64) {
        if self.admit_key(key, size_of::<i64>()) {
            self.own.add(Slice::from(key), delta);
        }
    }

    pub(crate) fn set_versionstamped(&mut self, prefix: &[u8], suffix: &[u8], value: &[u8]) {
        if self.admit(prefix.len() + STAMP_BYTES + suffix.len(), prefix >= KV_KEYS_END, value.len()) {
            let (prefix, suffix, value) = (prefix.to_vec(), suffix.to_vec(), Slice::from(value));
            self.stamped.push(Stamped { prefix, suffix, value });
        }
    }

    pub(crate) fn must_not_change(&mut self, range: &KeyRange) {
        if self.writable && !range.is_empty() {
            self.note_range(&range.from, &range.to);
        }
    }

    /// Whether it may be submitted.
    pub(crate) fn check(&self, is_too_old: bool) -> Result<(), CommitError> {
        if let Some(limit) = self.refused {
            return Err(CommitError::TooLarge(limit));
        }
        if self.bytes > KV_TXN_BYTES_MAX {
            return Err(CommitError::TooLarge("KV_TXN_BYTES_MAX"));
        }
        if self.wrote && !self.writable {
            return Err(CommitError::Fatal("a transaction from begin_read cannot write".into()));
        }
        if is_too_old {
            return Err(CommitError::TooOld);
        }
        Ok(())
    }

    /// For validation; its reads were made at `version`.
    pub(crate) fn prepare(mut self, hasher: &KeyHasher, version: u64) -> Prepared {
        let points = self.own.patches().map(|(key, _)| hasher.point(key.clone())).collect();
        let clears = self.own.clears().map(|(from, to)| Span { from: from.clone(), to: to.clone() }).collect();
        self.reads.normalise();
        Prepared {
            version,
            bytes: self.bytes,
            writes: WriteSet { points, clears },
            own: self.own,
            stamped: self.stamped,
            reads: self.reads,
        }
    }
}
