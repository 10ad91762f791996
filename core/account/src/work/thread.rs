//! SUMMARY    Conversations: which thread an email joins.
//! STANDARDS  RFC 8621 §3 (a common message id in Message-ID, In-Reply-To, References and the same base subject)
//! LIMITS     THREAD_EMAILS_MAX, REFERENCES_MAX
//! INVARIANTS A thread id of an email never changes. Two threads are never merged: a message that connects them joins the
//!            one of its own or nearest key. A thread without emails is gone, and so are its index keys.

use super::AccountWork;
use crate::{
    Result,
    change::{ChangeKind, ObjectType},
    keys,
    record::ThreadRecord,
};
use base::{
    EmailId, ThreadId,
    limits::{REFERENCES_MAX, THREAD_EMAILS_MAX},
};

impl AccountWork<'_> {
    /// Finds or makes the thread for a new email and records all its keys.
    pub(super) async fn join_thread(&mut self, id: EmailId, hashes: &[u64]) -> Result<ThreadId> {
        let hashes = hashes.get(..hashes.len().min(REFERENCES_MAX)).unwrap_or(hashes);
        let mut found = None;
        let mut missing = Vec::new();
        for hash in hashes {
            match self.thread_of(*hash).await? {
                Some(thread) => found = found.or(Some(thread)),
                None => missing.push(*hash),
            }
        }
        if let Some(thread) = found
            && let Some(mut record) = self.read::<ThreadRecord>(&keys::thread(self.account, thread), "thread").await?
            && record.emails.len() < THREAD_EMAILS_MAX
        {
            record.emails.push(id.0);
            self.index_thread(thread, &mut record, &missing);
            self.note(ObjectType::Thread, thread.0, ChangeKind::Updated, Vec::new());
            return Ok(thread);
        }
        Ok(self.new_thread(id, hashes))
    }

    /// Adds an email to a thread it is known to belong to (a copy of one of its emails).
    pub(super) async fn extend_thread(&mut self, id: EmailId, thread: ThreadId) -> Result<()> {
        let key = keys::thread(self.account, thread);
        let mut record: ThreadRecord = self.read(&key, "thread").await?.unwrap_or_default();
        record.emails.push(id.0);
        self.write(&key, &record);
        self.note(ObjectType::Thread, thread.0, ChangeKind::Updated, Vec::new());
        Ok(())
    }

    /// Takes an email out of its thread; an empty thread is destroyed with its index.
    pub(super) async fn leave_thread(&mut self, id: EmailId, thread: ThreadId) -> Result<()> {
        let key = keys::thread(self.account, thread);
        let Some(mut record) = self.read::<ThreadRecord>(&key, "thread").await? else { return Ok(()) };
        record.emails.retain(|e| *e != id.0);
        if !record.emails.is_empty() {
            self.write(&key, &record);
            self.note(ObjectType::Thread, thread.0, ChangeKind::Updated, Vec::new());
            return Ok(());
        }
        let account = self.account;
        self.tenant_txn().clear(&key);
        for hash in record.index {
            if self.thread_of(hash).await? == Some(thread) {
                self.tenant_txn().clear(&keys::thread_index(account, hash));
            }
        }
        self.note(ObjectType::Thread, thread.0, ChangeKind::Destroyed, Vec::new());
        Ok(())
    }

    fn new_thread(&mut self, id: EmailId, hashes: &[u64]) -> ThreadId {
        let loaded = self.loaded_mut();
        let thread = ThreadId(loaded.state.next_thread);
        loaded.state.next_thread += 1;
        let mut record = ThreadRecord { emails: vec![id.0], index: Vec::new() };
        self.index_thread(thread, &mut record, hashes);
        self.note(ObjectType::Thread, thread.0, ChangeKind::Created, Vec::new());
        thread
    }

    fn index_thread(&mut self, thread: ThreadId, record: &mut ThreadRecord, hashes: &[u64]) {
        let account = self.account;
        for hash in hashes {
            if !record.index.contains(hash) {
                record.index.push(*hash);
            }
            self.tenant_txn().set(&keys::thread_index(account, *hash), &thread.0.to_be_bytes());
        }
        self.write(&keys::thread(account, thread), record);
    }

    async fn thread_of(&mut self, hash: u64) -> Result<Option<ThreadId>> {
        let key = keys::thread_index(self.account, hash);
        let stored = self.tenant_txn().get(&key).await?;
        Ok(stored.and_then(|b| keys::be64(&b, 0)).map(ThreadId))
    }
}
