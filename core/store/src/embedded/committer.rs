//! SUMMARY    The one thread that writes: takes all waiting commits, writes one batch, fsyncs once, publishes, wakes.
//! INVARIANTS There is no timer: the queue fills while the fsync runs. After a failed write nothing is committed until
//!            the store is opened again (revive.rs), because what the disk then holds is not known.

use super::{
    EmbeddedOptions,
    checkpoint::Request,
    disk::{Disk, WriteError},
    engine::{Shared, Waiter},
    floor::Floor,
    revive::Revive,
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

pub(super) fn spawn(
    shared: Arc<Shared>,
    disk: Disk,
    floor: Floor,
    options: EmbeddedOptions,
) -> io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name("store-committer".to_owned()).spawn(move || {
        let revive = Revive::new(options);
        let mut committer = Committer { disk: Some(disk), shared, floor, floor_at: Instant::now(), durable: 0, revive };
        loop {
            match committer.next_step() {
                Step::Commit(group, version) => committer.commit(&group, version),
                Step::Publish => committer.publish(),
                Step::Copy(request) => committer.copy(request),
                Step::Revive => committer.come_back(),
                Step::Stop => break,
            }
        }
        committer.raise_floor();
        committer.shared.stopped.send_replace(true);
    })
}

enum Step {
    Commit(Layer, u64),
    Publish,
    Copy(Request),
    Revive,
    Stop,
}

struct Committer {
    // Dropped before what holds the lock on the folder. None while it cannot be opened again.
    disk: Option<Disk>,
    shared: Arc<Shared>,
    floor: Floor,
    floor_at: Instant,
    durable: u64,
    revive: Revive,
}

impl Committer {
    /// Waits for commits and freezes them, or for the time to come back.
    fn next_step(&mut self) -> Step {
        let mut state = self.shared.state.lock();
        while !state.has_work() || !state.copies.is_empty() {
            // Before what waits: where commits never cease, a copy would never come.
            match state.copies.pop() {
                Some(request) if state.failed.is_none() => return Step::Copy(request),
                // Whoever waits for it hears that nobody answers.
                Some(_) => continue,
                None => {}
            }
            if state.republish && state.failed.is_none() {
                return Step::Publish;
            }
            if state.stopping {
                return Step::Stop;
            }
            state.idle = true;
            if state.failed.is_some() && !state.lost {
                if self.shared.work.wait_for(&mut state, self.revive.interval()).timed_out() && !state.stopping {
                    return Step::Revive;
                }
            } else {
                self.shared.work.wait(&mut state);
            }
            state.idle = false;
        }
        state.older = std::mem::take(&mut state.newer);
        state.in_flight = state.resolver.version();
        let mut waiting = std::mem::take(&mut state.waiting_newer);
        state.waiting_older.append(&mut waiting);
        self.shared.show(&state);
        Step::Commit(state.older.clone(), state.in_flight)
    }

    /// Shows the same rows through a snapshot of now, so that older ones can go.
    fn publish(&self) {
        let version = self.shared.durable_version();
        let published = self.disk.as_ref().map(|disk| disk.publish(version));
        let mut state = self.shared.state.lock();
        state.republish = false;
        if let Some(published) = published {
            state.base = Arc::new(published);
            self.shared.show(&state);
            self.shared.show_durable(&state, version);
        }
    }

    /// Commits wait meanwhile: for the copy of two journals at most, and a name for each table.
    fn copy(&self, request: Request) {
        request.answer(&self.shared.folder.rows(), self.disk.as_ref().map(Disk::handles));
    }

    fn commit(&mut self, group: &Layer, version: u64) {
        let began = Instant::now();
        let base = self.shared.published();
        let written = match &self.disk {
            Some(disk) => disk.write(group, version, base.base.as_ref()),
            None => Err(WriteError::from("the store is not open".to_owned())),
        };
        let (waiting, result) = match written {
            Ok(published) => {
                let mut state = self.shared.state.lock();
                state.base = Arc::new(published);
                state.older = Layer::default();
                self.shared.show(&state);
                self.shared.show_durable(&state, version);
                self.durable = version;
                (std::mem::take(&mut state.waiting_older), Ok(()))
            }
            Err(error) => {
                let told = format!("the result of the commit is unknown: {}", error.why);
                (self.fail(error), Err(CommitError::Fatal(told)))
            }
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

    /// Not `Unknown`, which the retry loops answer with another run: after that came back, it could be applied twice.
    fn fail(&mut self, error: WriteError) -> Vec<Waiter> {
        let WriteError { why, may_pass } = error;
        tracing::error!(%why, may_pass, "the embedded store cannot write; it serves reads of durable rows only");
        metrics::counter!("store_failures_total").increment(1);
        metrics::gauge!("store_serves_writes").set(0.0);
        self.shared.space.ask();
        let mut state = self.shared.state.lock();
        state.failed = Some(why);
        state.lost = !may_pass;
        let mut waiting = std::mem::take(&mut state.waiting_older);
        waiting.append(&mut state.waiting_newer);
        waiting
    }

    fn come_back(&mut self) {
        let acknowledged = self.durable.max(self.floor.version());
        if let Some((disk, found)) = self.revive.attempt(&self.shared, &mut self.disk, acknowledged) {
            self.shared.resume(&disk, found);
            self.disk = Some(disk);
            self.durable = found;
            metrics::counter!("store_revivals_total").increment(1);
            metrics::gauge!("store_serves_writes").set(1.0);
            tracing::info!(found, "the embedded store writes again");
        }
    }

    fn raise_floor(&mut self) {
        self.floor_at = Instant::now();
        if let Err(why) = self.floor.raise(self.durable) {
            tracing::warn!(%why, "the floor of the embedded store was not raised");
        }
    }
}
