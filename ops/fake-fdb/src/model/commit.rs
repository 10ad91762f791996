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
use crate::shared::{
    frame::{Decided, Wanted},
    link::Link,
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
        if (rates.delay_ms > 0 || cluster.link.is_some())
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
    if let Some(link) = &cluster.link {
        return ask(link, sent);
    }
    let mut batch = cluster.batch();
    let verdicts: Vec<Verdict> = sent.iter_mut().map(|sent| sent.decide(&mut batch)).collect();
    drop(batch);
    sent.into_iter().zip(verdicts).for_each(|(sent, verdict)| sent.end(verdict));
}

/// Has them decided where the cluster is.
fn ask(link: &Link, sent: Vec<Sent>) {
    let (mut asked, lost): (Vec<Sent>, Vec<Sent>) = sent.into_iter().partition(|sent| sent.fate.arrives());
    for sent in lost {
        let verdict = if let Fate::Refused(code) = sent.fate { Verdict::Failed(code) } else { Verdict::Silent };
        sent.end(verdict);
    }
    if asked.is_empty() {
        return;
    }
    let wanted = asked.iter_mut().map(Sent::wanted).collect();
    // None is no limit; it is the latest of all.
    let until =
        asked.iter().map(|sent| sent.deadline).collect::<Option<Vec<_>>>().and_then(|all| all.into_iter().max());
    link.commit(
        wanted,
        until,
        Box::new(move |answer| {
            let mut decided = answer.unwrap_or_else(|code| vec![Err(code); asked.len()]).into_iter();
            for sent in asked {
                let verdict = sent.verdict(decided.next().unwrap_or(Err(code::COMMIT_UNKNOWN)));
                sent.end(verdict);
            }
        }),
    );
}

impl Sent {
    fn decide(&mut self, batch: &mut Batch<'_>) -> Verdict {
        let decided = if self.fate.arrives() { self.apply(batch) } else { Err(code::COMMIT_UNKNOWN) };
        self.verdict(decided)
    }

    /// What is told of what was decided.
    fn verdict(&self, decided: Decided) -> Verdict {
        match (self.fate, decided) {
            (Fate::Fair, Ok((version, stamp))) => Verdict::Committed(version, stamp),
            (Fate::Fair, Err(code)) | (Fate::Refused(code), _) => Verdict::Failed(code),
            (Fate::Applied(code), decided) => Verdict::Failed(decided.err().unwrap_or(code)),
            (Fate::Silent { .. }, _) => Verdict::Silent,
        }
    }

    fn end(self, verdict: Verdict) {
        match verdict {
            Verdict::Committed(version, stamp) => {
                *self.progress.lock() = Progress::Committed(version);
                self.succeed(Ok(stamp));
            }
            Verdict::Failed(code) => self.fail(code),
            Verdict::Silent => {
                if let Some(deadline) = self.deadline {
                    network::answer(&self.future, Err(code::TIMED_OUT), Some(deadline));
                }
            }
        }
    }

    fn wanted(&mut self) -> Wanted {
        Wanted {
            mutations: std::mem::take(&mut self.mutations),
            read_version: self.read_version,
            reads: std::mem::take(&mut self.reads),
            writes: std::mem::take(&mut self.writes),
        }
    }

    fn apply(&mut self, batch: &mut Batch<'_>) -> Decided {
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
