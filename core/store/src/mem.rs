//! SUMMARY    The store in memory, for tests and the simulator: a persistent map behind the shared resolver.
//! INVARIANTS Deterministic under an injected clock. A commit is durable at once, so far as memory is.

use crate::{
    draft::Prepared,
    kv::{BoxFuture, CommitError, Durable, KeyRange, Kv, KvSnapshot, KvTxn, Page, PageLimit, ReadError},
    layer::{Layer, Patch, Slice, bounds},
    page::{self, Base, Scan},
    resolver::{KeyHasher, Resolver},
    txn::{Engine, Transaction, View, durable_now},
};
use base::{Clock, SystemClock};
use imbl::OrdMap;
use parking_lot::Mutex;
use std::{future::ready, sync::Arc};

#[derive(Clone, Default)]
struct Rows(OrdMap<Slice, Slice>);

impl Base for Rows {
    fn get(&self, key: &[u8]) -> Result<Option<Slice>, String> {
        Ok(self.0.get(key).cloned())
    }

    fn scan(&self, from: &[u8], to: &[u8], reverse: bool) -> Scan<'_> {
        let rows = self.0.range::<_, [u8]>(bounds(from, to)).map(|(key, value)| Ok((key.clone(), value.clone())));
        if reverse { Box::new(rows.rev()) } else { Box::new(rows) }
    }
}

impl Rows {
    fn apply(&mut self, writes: &Layer) {
        for (from, to) in writes.clears() {
            let gone: Vec<Slice> = self.0.range::<_, [u8]>(bounds(from, to)).map(|(key, _)| key.clone()).collect();
            for key in &gone {
                self.0.remove(key);
            }
        }
        for (key, patch) in writes.patches() {
            match patch {
                Patch::Put(value) => self.0.insert(key.clone(), value.clone()),
                Patch::Gone | Patch::Add(_) => self.0.remove(key),
            };
        }
    }
}

struct State {
    rows: Rows,
    resolver: Resolver,
}

struct Memory {
    state: Mutex<State>,
    hasher: KeyHasher,
    clock: Arc<dyn Clock>,
}

impl Memory {
    fn view(&self) -> Arc<View> {
        let (rows, version) = {
            let state = self.state.lock();
            (state.rows.clone(), state.resolver.version())
        };
        Arc::new(View { base: Arc::new(rows), older: Layer::default(), newer: Layer::default(), version })
    }
}

impl Engine for Memory {
    fn now_ms(&self) -> u64 {
        u64::try_from(self.clock.now().0).unwrap_or(0)
    }

    fn hasher(&self) -> &KeyHasher {
        &self.hasher
    }

    fn commit(&self, txn: Prepared) -> Result<Durable, CommitError> {
        let now_ms = self.now_ms();
        let added = txn.added();
        let mut state = self.state.lock();
        let State { rows, resolver } = &mut *state;
        let (version, writes) = txn.validate(resolver, &self.hasher, &added, now_ms, |key| rows.get(key))?;
        rows.apply(&writes);
        Ok(durable_now(version))
    }

    fn durable(&self, version: u64) -> Durable {
        durable_now(version)
    }
}

/// Holds the rows that were changed or cleared since it was taken, in memory.
struct MemSnapshot(Arc<View>);

impl KvSnapshot for MemSnapshot {
    fn page<'a>(&'a mut self, range: &KeyRange, limit: PageLimit) -> BoxFuture<'a, Result<Page, ReadError>> {
        Box::pin(ready(page::of_base(self.0.base.as_ref(), range, limit).map_err(ReadError::Fatal)))
    }
}

/// A store that lives as long as its last handle.
#[derive(Clone)]
pub struct MemKv(Arc<Memory>);

impl Default for MemKv {
    fn default() -> Self {
        Self::new()
    }
}

impl MemKv {
    pub fn new() -> Self {
        Self::with_clock(Arc::new(SystemClock))
    }

    /// Transactions age by `clock` (KV_TXN_MS_MAX).
    pub fn with_clock(clock: Arc<dyn Clock>) -> Self {
        let state = Mutex::new(State { rows: Rows::default(), resolver: Resolver::new(0) });
        MemKv(Arc::new(Memory { state, hasher: KeyHasher::default(), clock }))
    }
}

impl Kv for MemKv {
    fn begin(&self) -> Box<dyn KvTxn> {
        Box::new(Transaction::new(Arc::clone(&self.0) as Arc<dyn Engine>, self.0.view(), true))
    }
    fn begin_read(&self) -> Box<dyn KvTxn> {
        Box::new(Transaction::new(Arc::clone(&self.0) as Arc<dyn Engine>, self.0.view(), false))
    }
    fn commit_may_be_unknown(&self) -> bool {
        false
    }
    fn name(&self) -> &'static str {
        "memory"
    }
    fn health(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(ready(Ok(())))
    }
    fn snapshot(&self) -> BoxFuture<'_, Result<Box<dyn KvSnapshot>, ReadError>> {
        let snapshot: Box<dyn KvSnapshot> = Box::new(MemSnapshot(self.0.view()));
        Box::pin(ready(Ok(snapshot)))
    }
    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(ready(()))
    }
}
