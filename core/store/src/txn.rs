//! SUMMARY    The transaction both built-in stores share: reads through layers, buffers writes, notes conflicts.
//! LIMITS     KV_KEY_BYTES_MAX, KV_VALUE_BYTES_MAX, KV_TXN_BYTES_MAX, KV_TXN_MS_MAX, KV_KEYS_END
//! INVARIANTS A view never changes under a transaction. Keys are 1..=KV_KEY_BYTES_MAX bytes and below KV_KEYS_END; the rest
//!            is the store's own. Stamped keys are not readable before their commit.

use crate::{
    kv::{BoxFuture, CommitError, Committed, Durable, KeyRange, KvTxn, Page, PageLimit, Read, ReadError, Version},
    layer::{Layer, Patch, Slice, decode_i64, encode_i64},
    page::{self, Base},
    resolver::{KeyHasher, ReadSet, Resolver, Span, WriteSet},
};
use base::limits::{KV_KEY_BYTES_MAX, KV_KEYS_END, KV_TXN_BYTES_MAX, KV_TXN_MS_MAX, KV_VALUE_BYTES_MAX};
use bytes::Bytes;
use std::{future::ready, sync::Arc};

/// Bytes of a commit stamp within a key: version and a zero order, big-endian.
const STAMP_BYTES: usize = 10;

/// What a transaction reads from: durable rows, and the validated writes above them that are not durable yet.
pub(crate) struct View {
    pub base: Arc<dyn Base>,
    /// Writes on their way to the disk.
    pub older: Layer,
    /// Writes that wait for the disk.
    pub newer: Layer,
    /// Last commit that this view holds.
    pub version: u64,
}

/// A write to a key that gets its commit stamp at validation.
pub(crate) struct Stamped {
    pub prefix: Vec<u8>,
    pub suffix: Vec<u8>,
    pub value: Slice,
}

/// A transaction ready for validation.
pub(crate) struct Prepared {
    pub view: Arc<View>,
    pub own: Layer,
    pub stamped: Vec<Stamped>,
    pub reads: ReadSet,
    pub writes: WriteSet,
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
    /// Call under the store's lock; what comes back is what to lay over the newest state.
    pub(crate) fn validate(
        mut self,
        resolver: &mut Resolver,
        hasher: &KeyHasher,
        added: &[(Slice, i64)],
        now_ms: u64,
        mut current: impl FnMut(&Slice) -> Result<Option<Slice>, String>,
    ) -> Result<(u64, Layer), CommitError> {
        resolver.check(self.view.version, &self.reads)?;
        for (key, delta) in added {
            let before = current(key).map_err(CommitError::Fatal)?;
            let sum = before.as_deref().map_or(0, decode_i64).wrapping_add(*delta);
            self.own.put(key.clone(), encode_i64(sum));
        }
        let version = resolver.version() + 1;
        for stamped in self.stamped {
            let mut key = stamped.prefix;
            key.extend_from_slice(&version.to_be_bytes());
            key.extend_from_slice(&0_u16.to_be_bytes());
            key.extend_from_slice(&stamped.suffix);
            let key = Slice::from(key);
            self.writes.points.push(hasher.point(key.clone()));
            self.own.put(key, stamped.value);
        }
        Ok((resolver.commit(self.writes, now_ms), self.own))
    }
}

/// What differs between the stores that use this transaction.
pub(crate) trait Engine: Send + Sync {
    /// Milliseconds that only rise.
    fn now_ms(&self) -> u64;
    fn hasher(&self) -> &KeyHasher;
    fn commit(&self, txn: Prepared) -> Result<Durable, CommitError>;
    /// Resolves when everything up to `version` is durable.
    fn durable(&self, version: u64) -> Durable;
}

pub(crate) fn durable_now(version: u64) -> Durable {
    Box::pin(ready(Ok(Committed { version: Version(version) })))
}

pub(crate) struct Transaction {
    engine: Arc<dyn Engine>,
    view: Arc<View>,
    own: Layer,
    stamped: Vec<Stamped>,
    reads: ReadSet,
    bytes: usize,
    /// First limit that was passed.
    refused: Option<&'static str>,
    writable: bool,
    wrote: bool,
    began_ms: u64,
}

impl Transaction {
    pub(crate) fn new(engine: Arc<dyn Engine>, view: Arc<View>, writable: bool) -> Self {
        let began_ms = engine.now_ms();
        Transaction {
            engine,
            view,
            own: Layer::default(),
            stamped: Vec::new(),
            reads: ReadSet::default(),
            bytes: 0,
            refused: None,
            writable,
            wrote: false,
            began_ms,
        }
    }

    fn is_too_old(&self) -> bool {
        self.engine.now_ms().saturating_sub(self.began_ms) > KV_TXN_MS_MAX
    }

    fn layers(&self) -> [&Layer; 3] {
        [&self.own, &self.view.newer, &self.view.older]
    }

    fn read_point(&mut self, key: &[u8], read: Read) -> Result<Option<Bytes>, ReadError> {
        if key.len() > KV_KEY_BYTES_MAX {
            return Err(ReadError::KeyTooLarge);
        }
        if self.is_too_old() {
            return Err(ReadError::TooOld);
        }
        if key.is_empty() || key >= KV_KEYS_END {
            return Ok(None);
        }
        if self.writable
            && read == Read::Serializable
            && !matches!(self.own.lookup(key), Some(Patch::Put(_) | Patch::Gone))
        {
            let point = self.engine.hasher().point(Slice::from(key));
            if !self.reads.points.iter().rev().take(8).any(|seen| seen.hash == point.hash) {
                self.bytes += key.len();
                self.reads.points.push(point);
            }
        }
        let found = page::lookup(key, &self.layers(), self.view.base.as_ref()).map_err(ReadError::Fatal)?;
        Ok(found.map(page::to_bytes))
    }

    fn read_page(&mut self, range: &KeyRange, limit: PageLimit, reverse: bool, read: Read) -> Result<Page, ReadError> {
        if self.is_too_old() {
            return Err(ReadError::TooOld);
        }
        let (from, to) = (range.from.as_slice(), range.to.as_slice().min(KV_KEYS_END));
        let page =
            page::build(from, to, limit, reverse, &self.layers(), self.view.base.as_ref()).map_err(ReadError::Fatal)?;
        if self.writable && read == Read::Serializable && from < to {
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
        Ok(page)
    }

    fn note_range(&mut self, from: &[u8], to: &[u8]) {
        self.bytes += from.len() + to.len();
        self.reads.ranges.push(Span { from: Slice::from(from), to: Slice::from(to) });
    }

    fn refuse(&mut self, limit: &'static str) {
        self.refused.get_or_insert(limit);
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
        self.refuse(limit);
        false
    }

    fn admit_key(&mut self, key: &[u8], value_bytes: usize) -> bool {
        self.admit(key.len(), key >= KV_KEYS_END, value_bytes)
    }

    fn check_submit(&self) -> Result<(), CommitError> {
        if let Some(limit) = self.refused {
            return Err(CommitError::TooLarge(limit));
        }
        if self.bytes > KV_TXN_BYTES_MAX {
            return Err(CommitError::TooLarge("KV_TXN_BYTES_MAX"));
        }
        if self.wrote && !self.writable {
            return Err(CommitError::Fatal("a transaction from begin_read cannot write".into()));
        }
        if self.is_too_old() {
            return Err(CommitError::TooOld);
        }
        Ok(())
    }

    fn prepare(mut self) -> Prepared {
        let hasher = self.engine.hasher();
        let points = self.own.patches().map(|(key, _)| hasher.point(key.clone())).collect();
        let clears = self.own.clears().map(|(from, to)| Span { from: from.clone(), to: to.clone() }).collect();
        self.reads.normalise();
        Prepared {
            writes: WriteSet { points, clears },
            view: self.view,
            own: self.own,
            stamped: self.stamped,
            reads: self.reads,
        }
    }
}

impl KvTxn for Transaction {
    fn get<'a>(&'a mut self, key: &[u8], read: Read) -> BoxFuture<'a, Result<Option<Bytes>, ReadError>> {
        Box::pin(ready(self.read_point(key, read)))
    }

    fn range<'a>(
        &'a mut self,
        range: &KeyRange,
        limit: PageLimit,
        reverse: bool,
        read: Read,
    ) -> BoxFuture<'a, Result<Page, ReadError>> {
        Box::pin(ready(self.read_page(range, limit, reverse, read)))
    }

    fn set(&mut self, key: &[u8], value: &[u8]) {
        if self.admit_key(key, value.len()) {
            self.own.put(Slice::from(key), Slice::from(value));
        }
    }

    fn clear(&mut self, key: &[u8]) {
        if self.admit_key(key, 0) {
            self.own.clear(Slice::from(key));
        }
    }

    fn clear_range(&mut self, range: &KeyRange) {
        let to = range.to.as_slice().min(KV_KEYS_END);
        self.wrote = true;
        self.bytes += range.from.len() + to.len();
        self.own.clear_range(&range.from, to);
    }

    fn add(&mut self, key: &[u8], delta: i64) {
        if self.admit_key(key, size_of::<i64>()) {
            self.own.add(Slice::from(key), delta);
        }
    }

    fn set_versionstamped(&mut self, prefix: &[u8], suffix: &[u8], value: &[u8]) {
        if self.admit(prefix.len() + STAMP_BYTES + suffix.len(), prefix >= KV_KEYS_END, value.len()) {
            let (prefix, suffix, value) = (prefix.to_vec(), suffix.to_vec(), Slice::from(value));
            self.stamped.push(Stamped { prefix, suffix, value });
        }
    }

    fn must_not_change(&mut self, range: &KeyRange) {
        if self.writable && !range.is_empty() {
            self.note_range(&range.from, &range.to);
        }
    }

    fn is_read_only(&self) -> bool {
        !self.wrote
    }

    fn submit(self: Box<Self>) -> Result<Durable, CommitError> {
        self.check_submit()?;
        if !self.wrote {
            let version = self.view.version;
            return Ok(if self.writable { self.engine.durable(version) } else { durable_now(version) });
        }
        let engine = Arc::clone(&self.engine);
        engine.commit(self.prepare())
    }
}
