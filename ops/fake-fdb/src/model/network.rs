//! SUMMARY    The network thread: answers futures in order, some of them later. Set up once, run once, stopped once.
//! INVARIANTS Without it nothing is answered; once it has stopped everything is, with 1026.

use super::{
    code::{self, Code},
    future::{Future, Outcome},
    limit::{API_VERSION_MAX, API_VERSION_MIN},
};
use parking_lot::{Condvar, Mutex};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Instant,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Fresh,
    Chosen,
    SetUp,
    Running,
    Stopping,
    Stopped,
}

pub type Work = Box<dyn FnOnce() + Send>;

enum Job {
    Answer(Arc<Future>, Outcome),
    Do(Work),
}

struct Queue {
    phase: Phase,
    ready: VecDeque<Job>,
    /// By time, and by number where times are equal.
    later: BTreeMap<(Instant, u64), Job>,
    number: u64,
    /// What has to be told that the thread has stopped.
    at_stop: Vec<Work>,
}

impl Queue {
    fn put_off(&mut self, at: Instant, job: Job) {
        self.number += 1;
        self.later.insert((at, self.number), job);
    }
}

static QUEUE: Mutex<Queue> = Mutex::new(Queue {
    phase: Phase::Fresh,
    ready: VecDeque::new(),
    later: BTreeMap::new(),
    number: 0,
    at_stop: Vec::new(),
});
static WORK: Condvar = Condvar::new();

pub fn choose_version(runtime: i32, header: i32) -> Result<(), Code> {
    let mut queue = QUEUE.lock();
    if header > API_VERSION_MAX || runtime < API_VERSION_MIN {
        return Err(code::API_VERSION_NOT_SUPPORTED);
    }
    if runtime > header {
        return Err(code::API_VERSION_INVALID);
    }
    if queue.phase != Phase::Fresh {
        return Err(code::API_VERSION_ALREADY_SET);
    }
    queue.phase = Phase::Chosen;
    Ok(())
}

/// Options come before the network is set up, and after the version was chosen.
pub fn check_option() -> Result<(), Code> {
    match QUEUE.lock().phase {
        Phase::Fresh => Err(code::API_VERSION_UNSET),
        Phase::Chosen => Ok(()),
        Phase::SetUp | Phase::Running | Phase::Stopping | Phase::Stopped => Err(code::NETWORK_ALREADY_SET_UP),
    }
}

pub fn set_up() -> Result<(), Code> {
    check_option()?;
    QUEUE.lock().phase = Phase::SetUp;
    Ok(())
}

/// Databases come after the network is set up.
pub fn check_set_up() -> Result<(), Code> {
    match QUEUE.lock().phase {
        Phase::Fresh => Err(code::API_VERSION_UNSET),
        Phase::Chosen => Err(code::NETWORK_NOT_SET_UP),
        Phase::SetUp | Phase::Running | Phase::Stopping | Phase::Stopped => Ok(()),
    }
}

/// Answers until it is stopped.
pub fn run() -> Result<(), Code> {
    let mut queue = QUEUE.lock();
    match queue.phase {
        Phase::SetUp => queue.phase = Phase::Running,
        // Stopped before it began.
        Phase::Stopping => {}
        Phase::Fresh | Phase::Chosen => return Err(code::NETWORK_NOT_SET_UP),
        Phase::Running | Phase::Stopped => return Err(code::INVALID_OPERATION),
    }
    while queue.phase == Phase::Running {
        let now = Instant::now();
        while let Some(entry) = queue.later.first_entry() {
            if entry.key().0 > now {
                break;
            }
            let due = entry.remove();
            queue.ready.push_back(due);
        }
        if let Some(job) = queue.ready.pop_front() {
            parking_lot::MutexGuard::unlocked(&mut queue, || match job {
                Job::Answer(future, outcome) => future.answer(outcome),
                Job::Do(work) => work(),
            });
        } else if let Some((at, _)) = queue.later.keys().next().copied() {
            WORK.wait_until(&mut queue, at);
        } else {
            WORK.wait(&mut queue);
        }
    }
    queue.phase = Phase::Stopped;
    let ready = std::mem::take(&mut queue.ready);
    let later = std::mem::take(&mut queue.later);
    let at_stop = std::mem::take(&mut queue.at_stop);
    drop(queue);
    at_stop.into_iter().for_each(|work| work());
    for job in ready.into_iter().chain(later.into_values()) {
        match job {
            Job::Answer(future, _) => future.answer(Err(code::NETWORK_STOPPED)),
            // It answers by itself, and then finds that the network has stopped.
            Job::Do(work) => work(),
        }
    }
    Ok(())
}

pub fn stop() -> Result<(), Code> {
    let mut queue = QUEUE.lock();
    match queue.phase {
        Phase::Fresh | Phase::Chosen => Err(code::NETWORK_NOT_SET_UP),
        Phase::SetUp | Phase::Running => {
            queue.phase = Phase::Stopping;
            WORK.notify_all();
            Ok(())
        }
        Phase::Stopping | Phase::Stopped => Ok(()),
    }
}

/// Answers `future` from the network thread, now or at a time.
pub fn answer(future: &Arc<Future>, outcome: Outcome, at: Option<Instant>) {
    let mut queue = QUEUE.lock();
    if queue.phase == Phase::Stopped {
        drop(queue);
        future.answer(Err(code::NETWORK_STOPPED));
        return;
    }
    match at {
        None => queue.ready.push_back(Job::Answer(Arc::clone(future), outcome)),
        Some(at) => queue.put_off(at, Job::Answer(Arc::clone(future), outcome)),
    }
    WORK.notify_all();
}

/// Does something in the network thread, at a time.
pub fn later(at: Instant, work: Work) {
    let mut queue = QUEUE.lock();
    if queue.phase == Phase::Stopped {
        drop(queue);
        work();
        return;
    }
    queue.put_off(at, Job::Do(work));
    WORK.notify_all();
}

/// Does something in the network thread, behind what it has to do already.
pub fn soon(work: Work) {
    let mut queue = QUEUE.lock();
    if queue.phase == Phase::Stopped {
        drop(queue);
        work();
        return;
    }
    queue.ready.push_back(Job::Do(work));
    WORK.notify_all();
}

/// Does something once the thread has stopped.
pub fn at_stop(work: Work) {
    let mut queue = QUEUE.lock();
    if queue.phase == Phase::Stopped {
        drop(queue);
        work();
        return;
    }
    queue.at_stop.push(work);
}

/// A future that the network thread answers soon.
pub fn promise(outcome: Outcome) -> Arc<Future> {
    let future = Arc::new(Future::default());
    answer(&future, outcome, None);
    future
}
