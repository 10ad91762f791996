//! SUMMARY    A store whose commits take turns: the next one is sent when the last one is decided.
//! INVARIANTS On a real cluster commits of one moment share a version, which the suite of every store does not know; taken in turns
//!            they do not. Transactions still overlap, and still conflict.

use std::sync::Arc;
use store::{
    Durable, KeyRange, Kv, KvTxn, Page, PageLimit, Read, ReadError,
    kv::{BoxFuture, CommitError},
};
use tokio::sync::Mutex;

pub struct Turns {
    inner: Arc<dyn Kv>,
    turn: Arc<Mutex<()>>,
}

impl Turns {
    pub fn over(inner: Arc<dyn Kv>) -> Arc<dyn Kv> {
        Arc::new(Turns { inner, turn: Arc::default() })
    }

    fn wrap(&self, inner: Box<dyn KvTxn>) -> Box<dyn KvTxn> {
        Box::new(TurnsTxn { inner, turn: Arc::clone(&self.turn) })
    }
}

impl Kv for Turns {
    fn begin(&self) -> Box<dyn KvTxn> {
        self.wrap(self.inner.begin())
    }
    fn begin_read(&self) -> Box<dyn KvTxn> {
        self.inner.begin_read()
    }
    fn commit_may_be_unknown(&self) -> bool {
        self.inner.commit_may_be_unknown()
    }
    fn name(&self) -> &'static str {
        self.inner.name()
    }
    fn health(&self) -> BoxFuture<'_, Result<(), String>> {
        self.inner.health()
    }
    fn close(&self) -> BoxFuture<'_, ()> {
        self.inner.close()
    }
}

struct TurnsTxn {
    inner: Box<dyn KvTxn>,
    turn: Arc<Mutex<()>>,
}

impl KvTxn for TurnsTxn {
    fn get<'a>(&'a mut self, key: &[u8], read: Read) -> BoxFuture<'a, Result<Option<bytes::Bytes>, ReadError>> {
        self.inner.get(key, read)
    }
    fn range<'a>(
        &'a mut self,
        range: &KeyRange,
        limit: PageLimit,
        reverse: bool,
        read: Read,
    ) -> BoxFuture<'a, Result<Page, ReadError>> {
        self.inner.range(range, limit, reverse, read)
    }
    fn set(&mut self, key: &[u8], value: &[u8]) {
        self.inner.set(key, value);
    }
    fn clear(&mut self, key: &[u8]) {
        self.inner.clear(key);
    }
    fn clear_range(&mut self, range: &KeyRange) {
        self.inner.clear_range(range);
    }
    fn add(&mut self, key: &[u8], delta: i64) {
        self.inner.add(key, delta);
    }
    fn set_versionstamped(&mut self, prefix: &[u8], suffix: &[u8], value: &[u8]) {
        self.inner.set_versionstamped(prefix, suffix, value);
    }
    fn must_not_change(&mut self, range: &KeyRange) {
        self.inner.must_not_change(range);
    }
    fn is_read_only(&self) -> bool {
        self.inner.is_read_only()
    }
    fn submit(self: Box<Self>) -> Result<Durable, CommitError> {
        let TurnsTxn { inner, turn } = *self;
        if inner.is_read_only() {
            return inner.submit();
        }
        // At once if it is its turn, so that the next transaction sees it.
        match Arc::clone(&turn).try_lock_owned() {
            Ok(mine) => {
                let durable = inner.submit()?;
                Ok(Box::pin(async move {
                    let verdict = durable.await;
                    drop(mine);
                    verdict
                }))
            }
            Err(_) => Ok(Box::pin(async move {
                let _mine = turn.lock_owned().await;
                inner.submit()?.await
            })),
        }
    }
}
