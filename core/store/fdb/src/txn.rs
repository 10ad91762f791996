//! SUMMARY    A transaction on the cluster: the client keeps its own writes over what it reads, and notes what conflicts.
//! LIMITS     KV_KEY_BYTES_MAX, KV_VALUE_BYTES_MAX, KV_TXN_BYTES_MAX, KV_TXN_MS_MAX, KV_KEYS_END, FDB_READS_AGAIN_MAX
//! INVARIANTS The read version is asked for at the beginning and waited for at the first read. Stamped keys are handed over at the
//!            end: the client would not read around them. What is refused here was never sent.

use crate::{
    commit::{commit, measure, of_read},
    failure::{commit_error, read_error, told},
    kv::Deployment,
    limits::{FDB_READS_AGAIN_MAX, FDB_STAMP_OFFSET_BYTES},
    page,
    unseen::Commit,
    unstarted::Unstarted,
};
use base::limits::{KV_KEY_BYTES_MAX, KV_KEYS_END, KV_TXN_BYTES_MAX, KV_TXN_MS_MAX, KV_VALUE_BYTES_MAX};
use bytes::Bytes;
use foundationdb::{
    FdbError, FdbResult, Transaction,
    options::{ConflictRangeType, MutationType},
};
use futures_util::future::FutureExt;
use std::{sync::Arc, time::Instant};
use store::{
    CommitError, Committed, Durable, KeyRange, KvTxn, Page, PageLimit, Read, ReadError, Version,
    kv::{BoxFuture, STAMP_BYTES},
};

/// From here on a value keeps the client's memory instead of a copy.
const SHARED_VALUE_BYTES_MIN: usize = 4_096;

/// How far the read version is.
enum Start {
    /// Asked for, or to be asked for once other commits are decided.
    Waiting {
        version: BoxFuture<'static, FdbResult<i64>>,
        /// Whether the cluster has not been asked yet.
        late: bool,
    },
    Known(i64),
    Failed(FdbError),
}

/// A key that gets its stamp at the commit, and its value.
struct Stamped {
    key: Vec<u8>,
    value: Vec<u8>,
}

pub(crate) struct FdbTxn {
    deployment: Arc<Deployment>,
    txn: Arc<Transaction>,
    start: Start,
    stamped: Vec<Stamped>,
    bytes: usize,
    /// First limit that was passed.
    refused: Option<&'static str>,
    /// First thing that the client refused.
    failed: Option<FdbError>,
    writable: bool,
    wrote: bool,
    /// Whether the client has a write of it: a cleared range may be empty.
    changed: bool,
    began_ms: i64,
    /// Whether a read was answered.
    told: bool,
    /// How often it began anew.
    begun_again: u32,
}

/// A transaction, or one that says why there is none.
pub(crate) fn begin(deployment: Arc<Deployment>, writable: bool) -> Box<dyn KvTxn> {
    match deployment.database.create_trx() {
        Ok(txn) => Box::new(FdbTxn::new(deployment, txn, writable)),
        Err(why) => Box::new(Unstarted { why: told(why), wrote: false }),
    }
}

impl FdbTxn {
    fn new(deployment: Arc<Deployment>, txn: Transaction, writable: bool) -> Self {
        let txn = Arc::new(txn);
        // A transaction of reads alone sees what is durable, and need not wait.
        let undecided = if writable { deployment.unseen.decided() } else { None };
        let start = match undecided {
            None => Start::Waiting { version: txn.get_read_version().boxed(), late: false },
            Some(decided) => {
                let txn = Arc::clone(&txn);
                let version = async move {
                    decided.await;
                    txn.get_read_version().await
                };
                Start::Waiting { version: version.boxed(), late: true }
            }
        };
        FdbTxn {
            began_ms: deployment.clock.now().0,
            deployment,
            txn,
            start,
            stamped: Vec::new(),
            bytes: 0,
            refused: None,
            failed: None,
            writable,
            wrote: false,
            changed: false,
            told: false,
            begun_again: 0,
        }
    }

    /// Begins anew if nobody can tell: of reads alone, with none answered yet, and failed in a way that the client calls retryable. The cluster
    /// answers so to any read when it is behind, recovers or was away.
    fn begins_again(&mut self, why: FdbError) -> bool {
        if self.writable || self.told || self.begun_again >= FDB_READS_AGAIN_MAX || !why.is_retryable() {
            return false;
        }
        let Ok(txn) = self.deployment.database.create_trx() else { return false };
        self.txn = Arc::new(txn);
        self.start = Start::Waiting { version: self.txn.get_read_version().boxed(), late: false };
        self.begun_again += 1;
        true
    }

    fn is_too_old(&self) -> bool {
        let age_ms = self.deployment.clock.now().0.saturating_sub(self.began_ms);
        u64::try_from(age_ms).is_ok_and(|age_ms| age_ms > KV_TXN_MS_MAX)
    }

    fn absolute(&self, key: &[u8]) -> Vec<u8> {
        [&self.deployment.prefix, key].concat()
    }

    /// The read version, waited for once.
    async fn version(&mut self) -> FdbResult<i64> {
        let answer = match &mut self.start {
            Start::Waiting { version, .. } => version.await,
            Start::Known(version) => return Ok(*version),
            Start::Failed(why) => return Err(*why),
        };
        self.start = match answer {
            Ok(version) => Start::Known(version),
            Err(why) => Start::Failed(why),
        };
        answer
    }

    async fn read_point(&mut self, key: Vec<u8>, read: Read) -> Result<Option<Bytes>, ReadError> {
        if key.len() > KV_KEY_BYTES_MAX {
            return Err(ReadError::KeyTooLarge);
        }
        if self.is_too_old() {
            return Err(ReadError::TooOld);
        }
        if key.is_empty() || key.as_slice() >= KV_KEYS_END {
            return Ok(None);
        }
        let conflicts = self.writable && read == Read::Serializable;
        if conflicts {
            self.bytes += key.len();
        }
        let key = self.absolute(&key);
        let found = loop {
            let found = match self.version().await {
                Ok(_) => self.txn.get(&key, !conflicts).await,
                Err(why) => Err(why),
            };
            match found {
                Err(why) if self.begins_again(why) => {}
                found => break found.map_err(read_error)?,
            }
        };
        self.told = true;
        Ok(found.map(|value| {
            if value.len() >= SHARED_VALUE_BYTES_MIN {
                Bytes::from_owner(value)
            } else {
                Bytes::copy_from_slice(&value)
            }
        }))
    }

    async fn read_page(
        &mut self,
        range: KeyRange,
        limit: PageLimit,
        reverse: bool,
        read: Read,
    ) -> Result<Page, ReadError> {
        if self.is_too_old() {
            return Err(ReadError::TooOld);
        }
        let (from, to) = (range.from.as_slice(), range.to.as_slice().min(KV_KEYS_END));
        if from >= to {
            return Ok(Page::default());
        }
        let page = loop {
            let (first, end) = (self.absolute(from), self.absolute(to));
            let page = match self.version().await {
                Ok(_) => page::read(&self.txn, first, end, limit, reverse, self.deployment.prefix.len()).await,
                Err(why) => Err(why),
            };
            match page {
                Err(why) if self.begins_again(why) => {}
                page => break page.map_err(read_error)?,
            }
        };
        self.told = true;
        if self.writable && read == Read::Serializable {
            let last = page.rows.last().map(|(key, _)| key).filter(|_| page.more);
            match (last, reverse) {
                (None, _) => self.note_range(from, to),
                (Some(last), true) => self.note_range(last, to),
                (Some(last), false) => self.note_range(from, &[last, &[0][..]].concat()),
            }
        }
        Ok(page)
    }

    /// A read conflict on `[from, to)`, but for keys whose values this transaction decides itself.
    fn note_range(&mut self, from: &[u8], to: &[u8]) {
        self.bytes += from.len() + to.len();
        let (from, to) = (self.absolute(from), self.absolute(to));
        if let Err(why) = self.txn.add_conflict_range(&from, &to, ConflictRangeType::Read) {
            self.failed.get_or_insert(why);
        }
    }

    /// Counts a write and says whether it may be handed over.
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
            self.changed = true;
            return true;
        };
        self.refused.get_or_insert(limit);
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
        match self.failed {
            Some(why) => Err(commit_error(why)),
            None => Ok(()),
        }
    }

    /// Hands over the keys that get a stamp. What would be no write for the client is made one, by a conflict on a key that
    /// nobody reads: it has to be validated, and to get a version, as any other.
    fn complete(&mut self) {
        if !self.changed {
            let (from, to) = (self.absolute(KV_KEYS_END), self.absolute(&[KV_KEYS_END, &[0][..]].concat()));
            if let Err(why) = self.txn.add_conflict_range(&from, &to, ConflictRangeType::Write) {
                self.failed.get_or_insert(why);
            }
        }
        for Stamped { key, value } in std::mem::take(&mut self.stamped) {
            self.txn.atomic_op(&key, &value, MutationType::SetVersionstampedKey);
        }
    }

    /// Sends the commit; at once, unless it has to wait for others.
    fn send(self) -> Commit {
        let began = Instant::now();
        let decided = match self.start {
            Start::Waiting { version, late: true } => Some(version),
            Start::Waiting { late: false, .. } | Start::Known(_) | Start::Failed(_) => None,
        };
        let txn = self.txn;
        let verdict = match decided {
            None => commit(txn),
            Some(version) => async move {
                version.await.map_err(commit_error)?;
                commit(txn).await
            }
            .boxed(),
        };
        verdict.inspect(move |verdict| measure(began, verdict)).boxed().shared()
    }
}

impl KvTxn for FdbTxn {
    fn get<'a>(&'a mut self, key: &[u8], read: Read) -> BoxFuture<'a, Result<Option<Bytes>, ReadError>> {
        self.read_point(key.to_vec(), read).boxed()
    }

    fn range<'a>(
        &'a mut self,
        range: &KeyRange,
        limit: PageLimit,
        reverse: bool,
        read: Read,
    ) -> BoxFuture<'a, Result<Page, ReadError>> {
        self.read_page(range.clone(), limit, reverse, read).boxed()
    }

    fn set(&mut self, key: &[u8], value: &[u8]) {
        if self.admit_key(key, value.len()) {
            self.txn.set(&self.absolute(key), value);
        }
    }

    fn clear(&mut self, key: &[u8]) {
        if self.admit_key(key, 0) {
            self.txn.clear(&self.absolute(key));
        }
    }

    fn clear_range(&mut self, range: &KeyRange) {
        let (from, to) = (range.from.as_slice(), range.to.as_slice().min(KV_KEYS_END));
        self.wrote = true;
        self.bytes += from.len() + to.len();
        if from < to {
            self.txn.clear_range(&self.absolute(from), &self.absolute(to));
            self.changed = true;
        }
    }

    fn add(&mut self, key: &[u8], delta: i64) {
        if self.admit_key(key, size_of::<i64>()) {
            self.txn.atomic_op(&self.absolute(key), &delta.to_le_bytes(), MutationType::Add);
        }
    }

    fn set_versionstamped(&mut self, prefix: &[u8], suffix: &[u8], value: &[u8]) {
        if self.admit(prefix.len() + STAMP_BYTES + suffix.len(), prefix >= KV_KEYS_END, value.len()) {
            let mut key = self.absolute(prefix);
            let offset = u32::try_from(key.len()).unwrap_or(u32::MAX).to_le_bytes();
            key.extend_from_slice(&[0; STAMP_BYTES]);
            key.extend_from_slice(suffix);
            let offset: [u8; FDB_STAMP_OFFSET_BYTES] = offset;
            key.extend_from_slice(&offset);
            self.stamped.push(Stamped { key, value: value.to_vec() });
        }
    }

    fn must_not_change(&mut self, range: &KeyRange) {
        let to = range.to.as_slice().min(KV_KEYS_END);
        if self.writable && range.from.as_slice() < to {
            self.note_range(&range.from, to);
        }
    }

    fn is_read_only(&self) -> bool {
        !self.wrote
    }

    fn submit(mut self: Box<Self>) -> Result<Durable, CommitError> {
        if self.wrote {
            self.complete();
        }
        self.check_submit()?;
        if !self.wrote {
            return Ok(async move {
                let version = self.version().await.map_err(|why| of_read(read_error(why)))?;
                // What it read is the end of its version: there is no stamp, and every commit of the version is before it.
                Ok(Committed { version: Version(u64::try_from(version).unwrap_or_default()), order: u16::MAX })
            }
            .boxed());
        }
        let deployment = Arc::clone(&self.deployment);
        let commit = self.send();
        let number = deployment.unseen.note(commit.clone());
        Ok(async move {
            deployment.unseen.seen(number);
            commit.await
        }
        .boxed())
    }
}
