//! SUMMARY    The one thread that writes: takes all waiting commits, writes one batch, fsyncs once, publishes, wakes.
//! INVARIANTS There is no timer: the queue fills while the fsync runs. After a failed write nothing is committed any more,
//!            because what the disk then holds is not known.

use super::{
    engine::{Shared, Waiter},
    floor::Floor,
};
use crate::{kv::CommitError, layer::Layer};
use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

/// How often the floor follows the commits.
const FLOOR_INTERVAL: Duration = Duration::from_secs(1);

/// Groups written by all stores of this process.
pub(super) static GROUPS: AtomicU64 = AtomicU64::new(0);

pub(super) fn spawn(shared: Arc<Shared>, floor: Floor) -> io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name("store-committer".to_owned()).spawn(move || {
        let mut committer = Committer { shared, floor, floor_at: Instant::now(), durable: 0 };
        while let Some((group, version)) = committer.next_group() {
            committer.commit(&group, version);
        }
        committer.raise_floor();
        committer.shared.stopped.send_replace(true);
    })
}

struct Committer {
    shared: Arc<Shared>,
    floor: Floor,
    floor_at: Instant,
    durable: u64,
}

impl Committer {
    /// Waits for commits and freezes them; None when the store stops and nothing waits.
    fn next_group(&mut self) -> Option<(Layer, u64)> {
        let mut state = self.shared.state.lock();
        while !state.has_work() {
            if state.stopping {
                return None;
            }
            state.idle = true;
            self.shared.work.wait(&mut state);
            state.idle = false;
        }
        state.older = std::mem::take(&mut state.newer);
        state.in_flight = state.resolver.version();
        let mut waiting = std::mem::take(&mut state.waiting_newer);
        state.waiting_older.append(&mut waiting);
        self.shared.show(&state);
        Some((state.older.clone(), state.in_flight))
    }

    fn commit(&mut self, group: &Layer, version: u64) {
        let began = Instant::now();
        let base = self.shared.published();
        let (waiting, result) = match self.shared.disk.write(group, version, base.base.as_ref()) {
            Ok(published) => {
                let mut state = self.shared.state.lock();
                state.base = Arc::new(published);
                state.older = Layer::default();
                self.shared.show(&state);
                self.shared.show_durable(&state, version);
                self.durable = version;
                (std::mem::take(&mut state.waiting_older), Ok(()))
            }
            Err(why) => (self.fail(why.clone()), Err(CommitError::Fatal(why))),
        };
        GROUPS.fetch_add(1, Ordering::Relaxed);
        metrics::histogram!("store_commit_seconds").record(began.elapsed().as_secs_f64());
        metrics::counter!("store_commit_groups_total").increment(1);
        metrics::counter!("store_commits_total").increment(waiting.len() as u64);
        for waiter in waiting {
            // A caller that went away does not care.
            let _ = waiter.send(result.clone());
        }
        if self.floor_at.elapsed() >= FLOOR_INTERVAL {
            self.raise_floor();
        }
    }

    fn fail(&self, why: String) -> Vec<Waiter> {
        tracing::error!(%why, "the embedded store cannot write; it serves reads of durable rows only");
        let mut state = self.shared.state.lock();
        state.failed = Some(why);
        let mut waiting = std::mem::take(&mut state.waiting_older);
        waiting.append(&mut state.waiting_newer);
        waiting
    }

    fn raise_floor(&mut self) {
        self.floor_at = Instant::now();
        if let Err(why) = self.floor.raise(self.durable) {
            tracing::warn!(%why, "the floor of the embedded store was not raised");
        }
    }
}
