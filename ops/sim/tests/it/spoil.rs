//! SUMMARY    Stores that break one rule each: the checkers must find every one of them.

use bytes::Bytes;
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};
use store::{
    Kv,
    kv::{BoxFuture, CommitError, Committed, Durable, KeyRange, KvTxn, Page, PageLimit, Read, ReadError},
};

/// How a store is spoiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// Some commits are told and not made.
    LosesCommits,
    /// Whether an operation was applied is forgotten.
    ForgetsOperations,
    /// Expunged uids are not remembered.
    ForgetsVanished,
    /// The change log has holes.
    ForgetsChanges,
    /// Pages of transactions that write show a row of somebody else.
    ShowsForeign,
    /// Items for other hosts are not written.
    LosesQueue,
    /// Values of rows are sometimes not written.
    LosesRows,
    /// What the shards of a storage pool have leased is not written.
    LosesLeases,
}

struct Spoiled {
    inner: Arc<dyn Kv>,
    how: How,
    commits: Arc<AtomicU64>,
}

pub fn spoil(inner: Arc<dyn Kv>, how: How) -> Arc<dyn Kv> {
    Arc::new(Spoiled { inner, how, commits: Arc::default() })
}

impl Spoiled {
    fn wrap(&self, inner: Box<dyn KvTxn>, writes: bool) -> Box<dyn KvTxn> {
        Box::new(SpoiledTxn { inner, how: self.how, writes, commits: self.commits.clone() })
    }
}

impl Kv for Spoiled {
    fn begin(&self) -> Box<dyn KvTxn> {
        self.wrap(self.inner.begin(), true)
    }
    fn begin_read(&self) -> Box<dyn KvTxn> {
        self.wrap(self.inner.begin_read(), false)
    }
    fn commit_may_be_unknown(&self) -> bool {
        self.inner.commit_may_be_unknown()
    }
    fn name(&self) -> &'static str {
        "spoiled"
    }
    fn health(&self) -> BoxFuture<'_, Result<(), String>> {
        self.inner.health()
    }
    fn close(&self) -> BoxFuture<'_, ()> {
        self.inner.close()
    }
}

struct SpoiledTxn {
    inner: Box<dyn KvTxn>,
    how: How,
    writes: bool,
    commits: Arc<AtomicU64>,
}

impl SpoiledTxn {
    /// `T tenant a account <tag>`, and what follows it.
    fn loses(&self, key: &[u8]) -> bool {
        let tag = |at: usize| key.get(at).copied();
        let in_account = key.first() == Some(&b'T') && tag(9) == Some(b'a');
        let in_mailbox = in_account && tag(18) == Some(b'm');
        match self.how {
            How::ForgetsOperations => key.starts_with(b"So"),
            How::ForgetsVanished => in_mailbox && tag(23) == Some(b'x'),
            How::ForgetsChanges => in_account && tag(18) == Some(b'c') && tag(19) == Some(b'M'),
            How::LosesQueue => key.starts_with(b"Sq") || key.first() == Some(&b'T') && tag(9) == Some(b'q'),
            How::LosesRows => in_mailbox && tag(23) == Some(b'u') && key.last().is_some_and(|b| b % 8 == 7),
            How::LosesLeases => key.first() == Some(&b'T') && tag(9) == Some(b'p') && key.len() > 10,
            How::LosesCommits | How::ShowsForeign => false,
        }
    }
}

impl KvTxn for SpoiledTxn {
    fn get<'a>(&'a mut self, key: &[u8], read: Read) -> BoxFuture<'a, Result<Option<Bytes>, ReadError>> {
        self.inner.get(key, read)
    }
    fn range<'a>(
        &'a mut self,
        range: &KeyRange,
        limit: PageLimit,
        reverse: bool,
        read: Read,
    ) -> BoxFuture<'a, Result<Page, ReadError>> {
        let foreign = self.how == How::ShowsForeign && self.writes && range.from.first() == Some(&b'T');
        let page = self.inner.range(range, limit, reverse, read);
        Box::pin(async move {
            let mut page = page.await?;
            if let Some((key, value)) = page.rows.last().filter(|_| foreign) {
                let mut other = key.to_vec();
                other[8] = other[8].wrapping_add(1);
                page.rows.push((other.into(), value.clone()));
            }
            Ok(page)
        })
    }
    fn set(&mut self, key: &[u8], value: &[u8]) {
        if !self.loses(key) {
            self.inner.set(key, value);
        }
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
        let lost = self.how == How::LosesCommits
            && !self.inner.is_read_only()
            && self.commits.fetch_add(1, Ordering::Relaxed) % 40 == 39;
        if lost {
            return Ok(Box::pin(std::future::ready(Ok(Committed::default()))));
        }
        self.inner.submit()
    }
}
