//! SUMMARY    A transaction's commit: what it weighs, what becomes of it, and who is told.

use super::{
    cluster::Request,
    code::{self, Code},
    fault::Fate,
    future::{Answer, Future},
    limit::ROW_OVERHEAD_BYTES,
    mutation::STAMP_BYTES,
    network,
    transaction::Transaction,
};
use bytes::Bytes;
use std::sync::Arc;

impl Transaction {
    /// Bytes of mutations and conflict ranges.
    pub fn size_bytes(&self) -> usize {
        let mutations: usize = self.mutations.iter().map(|mutation| mutation.size_bytes() + ROW_OVERHEAD_BYTES).sum();
        mutations + self.reads.size_bytes(ROW_OVERHEAD_BYTES) + self.writes.size_bytes(ROW_OVERHEAD_BYTES)
    }

    /// Commits, and answers from the network thread. The transaction can be used anew afterwards.
    pub fn commit(&mut self) -> Arc<Future> {
        let checked = self.check().and_then(|()| {
            let fits = self.size_bytes() <= self.options.size_bytes_max;
            if fits { Ok(()) } else { Err(code::TRANSACTION_TOO_LARGE) }
        });
        if let Err(code) = checked {
            return self.fail(code);
        }
        if self.mutations.is_empty() && self.writes.is_empty() {
            self.committed = None;
            self.tell(Err(code::NO_COMMIT_VERSION));
            self.clear_work();
            return network::promise(Ok(Answer::Nothing));
        }
        match self.database.faults.commit() {
            Fate::Fair => match self.apply() {
                Ok(stamp) => {
                    self.tell(Ok(stamp));
                    self.clear_work();
                    network::promise(Ok(Answer::Nothing))
                }
                Err(code) => self.fail(code),
            },
            Fate::Refused(code) => self.fail(code),
            Fate::Applied(code) => {
                let code = self.apply().err().unwrap_or(code);
                self.fail(code)
            }
            Fate::Silent { applied } => {
                if applied {
                    self.apply().ok();
                }
                let future = Arc::new(Future::default());
                if let Some(deadline) = self.deadline() {
                    network::answer(&future, Err(code::TIMED_OUT), Some(deadline));
                }
                future
            }
        }
    }

    fn apply(&mut self) -> Result<[u8; STAMP_BYTES], Code> {
        let request = Request {
            mutations: &self.mutations,
            read_version: self.read.as_ref().map(|read| read.version),
            reads: &self.reads,
            writes: std::mem::take(&mut self.writes),
        };
        let (version, stamp) = self.database.cluster.commit(request)?;
        self.committed = Some(version);
        Ok(stamp)
    }

    fn fail(&mut self, code: Code) -> Arc<Future> {
        self.committed = None;
        for future in self.stamps.drain(..).chain(self.watches.drain(..).map(|watched| watched.future)) {
            network::answer(&future, Err(code), None);
        }
        network::promise(Err(code))
    }

    /// Gives the stamp to those who asked for it, and begins the watches.
    fn tell(&mut self, stamp: Result<[u8; STAMP_BYTES], Code>) {
        for future in self.stamps.drain(..) {
            let outcome = stamp.map(|stamp| Answer::Key(Bytes::copy_from_slice(&stamp)));
            network::answer(&future, outcome, None);
        }
        for watched in self.watches.drain(..) {
            self.database.cluster.watch(watched.key, watched.seen, watched.future);
        }
    }
}
