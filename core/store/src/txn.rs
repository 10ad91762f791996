//! SUMMARY    The transaction both built-in stores share: reads through layers over a view of this process.
//! LIMITS     KV_KEY_BYTES_MAX, KV_TXN_MS_MAX, KV_KEYS_END
//! INVARIANTS A view never changes under a transaction.

use crate::{
    draft::{Draft, Prepared},
    kv::{BoxFuture, CommitError, Committed, Durable, KeyRange, KvTxn, Page, PageLimit, Read, ReadError, Version},
    layer::Layer,
    page::{self, Base},
    resolver::KeyHasher,
};
use base::limits::{KV_KEY_BYTES_MAX, KV_KEYS_END, KV_TXN_MS_MAX};
use bytes::Bytes;
use std::{future::ready, sync::Arc};

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
    Box::pin(ready(Ok(Committed::alone(Version(version)))))
}

pub(crate) struct Transaction {
    engine: Arc<dyn Engine>,
    view: Arc<View>,
    draft: Draft,
    began_ms: u64,
}

impl Transaction {
    pub(crate) fn new(engine: Arc<dyn Engine>, view: Arc<View>, writable: bool) -> Self {
        let began_ms = engine.now_ms();
        Transaction { engine, view, draft: Draft::new(writable), began_ms }
    }

    fn is_too_old(&self) -> bool {
        self.engine.now_ms().saturating_sub(self.began_ms) > KV_TXN_MS_MAX
    }

    fn layers(&self) -> [&Layer; 3] {
        [&self.draft.own, &self.view.newer, &self.view.older]
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
        self.draft.note_point(self.engine.hasher(), key, read);
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
        self.draft.note_page(from, to, &page, reverse, read);
        Ok(page)
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
        self.draft.set(key, value);
    }

    fn clear(&mut self, key: &[u8]) {
        self.draft.clear(key);
    }

    fn clear_range(&mut self, range: &KeyRange) {
        self.draft.clear_range(range);
    }

    fn add(&mut self, key: &[u8], delta: i64) {
        self.draft.add(key, delta);
    }

    fn set_versionstamped(&mut self, prefix: &[u8], suffix: &[u8], value: &[u8]) {
        self.draft.set_versionstamped(prefix, suffix, value);
    }

    fn must_not_change(&mut self, range: &KeyRange) {
        self.draft.must_not_change(range);
    }

    fn is_read_only(&self) -> bool {
        self.draft.is_read_only()
    }

    fn submit(self: Box<Self>) -> Result<Durable, CommitError> {
        self.draft.check(self.is_too_old())?;
        let version = self.view.version;
        if self.draft.is_read_only() {
            return Ok(if self.draft.is_writable() { self.engine.durable(version) } else { durable_now(version) });
        }
        let prepared = self.draft.prepare(self.engine.hasher(), version);
        self.engine.commit(prepared)
    }
}
