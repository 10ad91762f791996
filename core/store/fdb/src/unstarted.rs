//! SUMMARY    What stands for a transaction where the client gave none: every use of it says why.

use bytes::Bytes;
use futures_util::future::FutureExt;
use store::{CommitError, Durable, KeyRange, KvTxn, Page, PageLimit, Read, ReadError, kv::BoxFuture};

/// The client gave no transaction.
pub(crate) struct Unstarted {
    pub why: String,
    pub wrote: bool,
}

impl KvTxn for Unstarted {
    fn get<'a>(&'a mut self, _key: &[u8], _read: Read) -> BoxFuture<'a, Result<Option<Bytes>, ReadError>> {
        std::future::ready(Err(ReadError::Fatal(self.why.clone()))).boxed()
    }
    fn range<'a>(
        &'a mut self,
        _range: &KeyRange,
        _limit: PageLimit,
        _reverse: bool,
        _read: Read,
    ) -> BoxFuture<'a, Result<Page, ReadError>> {
        std::future::ready(Err(ReadError::Fatal(self.why.clone()))).boxed()
    }
    fn set(&mut self, _key: &[u8], _value: &[u8]) {
        self.wrote = true;
    }
    fn clear(&mut self, _key: &[u8]) {
        self.wrote = true;
    }
    fn clear_range(&mut self, _range: &KeyRange) {
        self.wrote = true;
    }
    fn add(&mut self, _key: &[u8], _delta: i64) {
        self.wrote = true;
    }
    fn set_versionstamped(&mut self, _prefix: &[u8], _suffix: &[u8], _value: &[u8]) {
        self.wrote = true;
    }
    fn must_not_change(&mut self, _range: &KeyRange) {}
    fn is_read_only(&self) -> bool {
        !self.wrote
    }
    fn submit(self: Box<Self>) -> Result<Durable, CommitError> {
        Err(CommitError::Fatal(self.why))
    }
}
