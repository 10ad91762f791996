//! SUMMARY    A transaction's commit: what it weighs, when it is decided, and who is told.
//! INVARIANTS While a commit is under way its transaction answers 2017. A commit that takes its time is decided when its time has
//!            come, against what was committed meanwhile.

use super::{
    cluster::{Batch, Cluster, Request},
    code::{self, Code},
    fault::Fate,
    future::{Answer, Future},
    limit::ROW_OVERHEAD_BYTES,
    mutation::{Mutation, STAMP_BYTES},
    network,
    ranges::Ranges,
    transaction::{Transaction, Watched},
};
use bytes::Bytes;
use parking_lot::Mutex;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// How far the last commit of a transaction is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Progress {
    /// None, or it failed, or it wrote nothing.
    #[default]
    Nothing,
    UnderWay,
    Committed(i64),
}

/// A commit on its way, apart from its transaction.
pub struct Sent {
    cluster: Arc<Cluster>,
    mutations: Vec<Mutation>,
    read_version: Option<i64>,
    reads: Ranges,
    writes: Ranges,
    stamps: Vec<Arc<Future>>,
    watches: Vec<Watched>,
    fate: Fate,
    deadline: Option<Instant>,
    progress: Arc<Mutex<Progress>>,
    future: Arc<Future>,
}

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
        let future = Arc::new(Future::default());
        let only_read = self.mutations.is_empty() && self.writes.is_empty();
        let sent = Sent {
            cluster: Arc::clone(&self.database.cluster),
            mutations: std::mem::take(&mut self.mutations),
            read_version: self.read.as_ref().map(|read| read.version),
            reads: std::mem::take(&mut self.reads),
            writes: std::mem::take(&mut self.writes),
            stamps: std::mem::take(&mut self.stamps),
            watches: std::mem::take(&mut self.watches),
            fate: if only_read { Fate::Fair } else { self.database.faults.commit() },
            deadline: self.deadline(),
            progress: Arc::clone(&self.progress),
            future: Arc::clone(&future),
        };
        *self.progress.lock() = Progress::Nothing;
        if let Err(code) = checked {
            sent.fail(code);
            return future;
        }
        self.clear_work();
        if only_read {
            sent.succeed(Err(code::NO_COMMIT_VERSION));
            return future;
        }
        *self.progress.lock() = Progress::UnderWay;
        let cluster = Arc::clone(&self.database.cluster);
        let rates = self.database.faults.rates();
        let at = Instant::now() + Duration::from_millis(rates.delay_ms);
        if rates.delay_ms > 0
            && let Some(deadline) = self.deadline()
        {
            network::answer(&future, Err(code::TIMED_OUT), Some(deadline));
        }
        if rates.delay_ms == 0 {
            decide(&cluster, vec![sent]);
        } else if rates.batch == 0 {
            network::later(at, Box::new(move || decide(&cluster, vec![sent])));
        } else if cluster.join(sent) == 1 {
            network::later(at, Box::new(move || decide(&cluster, std::mem::take(&mut *cluster.waiting.lock()))));
        }
        future
    }
}

impl Cluster {
    /// Waits for its batch; how many do.
    fn join(&self, sent: Sent) -> usize {
        let mut waiting = self.waiting.lock();
        waiting.push(sent);
        waiting.len()
    }
}

/// What is decided of a commit.
enum Verdict {
    Committed(i64, [u8; STAMP_BYTES]),
    Failed(Code),
    /// Nobody will be told.
    Silent,
}

/// Decides commits together: at one version, one after the other.
fn decide(cluster: &Cluster, mut sent: Vec<Sent>) {
    let mut batch = cluster.batch();
    let verdicts: Vec<Verdict> = sent.iter_mut().map(|sent| sent.decide(&mut batch)).collect();
    drop(batch);
    for (sent, verdict) in sent.into_iter().zip(verdicts) {
        match verdict {
            Verdict::Committed(version, stamp) => {
                *sent.progress.lock() = Progress::Committed(version);
                sent.succeed(Ok(stamp));
            }
            Verdict::Failed(code) => sent.fail(code),
            Verdict::Silent => {
                if let Some(deadline) = sent.deadline {
                    network::answer(&sent.future, Err(code::TIMED_OUT), Some(deadline));
                }
            }
        }
    }
}

impl Sent {
    fn decide(&mut self, batch: &mut Batch<'_>) -> Verdict {
        match self.fate {
            Fate::Fair => match self.apply(batch) {
                Ok((version, stamp)) => Verdict::Committed(version, stamp),
                Err(code) => Verdict::Failed(code),
            },
            Fate::Refused(code) => Verdict::Failed(code),
            Fate::Applied(code) => Verdict::Failed(self.apply(batch).err().unwrap_or(code)),
            Fate::Silent { applied } => {
                if applied {
                    self.apply(batch).ok();
                }
                Verdict::Silent
            }
        }
    }

    fn apply(&mut self, batch: &mut Batch<'_>) -> Result<(i64, [u8; STAMP_BYTES]), Code> {
        batch.commit(Request {
            mutations: &self.mutations,
            read_version: self.read_version,
            reads: &self.reads,
            writes: std::mem::take(&mut self.writes),
        })
    }

    fn fail(self, code: Code) {
        *self.progress.lock() = Progress::Nothing;
        for future in self.stamps.iter().chain(self.watches.iter().map(|watched| &watched.future)) {
            network::answer(future, Err(code), None);
        }
        network::answer(&self.future, Err(code), None);
    }

    /// Gives the stamp to those who asked for it, and begins the watches.
    fn succeed(self, stamp: Result<[u8; STAMP_BYTES], Code>) {
        for future in &self.stamps {
            network::answer(future, stamp.map(|stamp| Answer::Key(Bytes::copy_from_slice(&stamp))), None);
        }
        for Watched { key, seen, future } in self.watches {
            self.cluster.watch(key, seen, future);
        }
        network::answer(&self.future, Ok(Answer::Nothing), None);
    }
}
