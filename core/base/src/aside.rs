//! SUMMARY    Threads for long computations (password hashes) that give way to everything else of the process.
//! STANDARDS  sched(7): SCHED_IDLE, nice values, EEVDF
//! LIMITS     Threads and what waits, given by who uses it; BEAT, PATIENCE
//! INVARIANTS Who waits is served in the order he came. A computation that gets no core for PATIENCE is begun once more on a thread
//!            that has a share of its own, and the first result counts: a busy machine delays it and starves it never. A thread
//!            that cannot lower its priority works all the same.

use std::{
    num::NonZero,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        mpsc::{Receiver, Sender, channel},
    },
    time::{Duration, Instant},
};
use thread_priority::{
    NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy, set_thread_priority_and_policy, thread_native_id,
};

/// Niceness of the thread for what got no core: an eighth of a core's time beside threads that want all of it.
const LATE_NICE: i32 = 10;
/// How often the beat comes while something is computed. A scheduler that is fair (Linux' EEVDF) lets even the least of all threads
/// have its turn, and a turn lasts until something wakes on that core or until the tick, 4 ms later: whoever was ready to run
/// before waits for it. The beat is what wakes.
const BEAT: Duration = Duration::from_micros(250);
/// How long a computation may take before it is begun once more: ten times what a hash takes on a core of its own.
const PATIENCE: Duration = Duration::from_millis(200);

/// The threads.
pub struct Aside {
    jobs: Mutex<Sender<Job>>,
}

type Job = Arc<dyn Work>;

/// What is computed, by one thread or by two.
trait Work: Send + Sync {
    fn run(&self);
    fn is_done(&self) -> bool;
}

struct Task<F, T> {
    work: F,
    /// Gone when somebody told the result.
    tell: Mutex<Option<T>>,
}

impl<R, F: Fn() -> R + Send + Sync, T: FnOnce(R) + Send> Work for Task<F, T> {
    fn run(&self) {
        if self.is_done() {
            return;
        }
        let result = catch_unwind(AssertUnwindSafe(&self.work));
        // Without a result whatever it was to be told by is dropped.
        if let (Some(tell), Ok(result)) = (held(&self.tell).take(), result) {
            tell(result);
        }
    }

    fn is_done(&self) -> bool {
        held(&self.tell).is_none()
    }
}

/// What is being computed now, for the beat.
#[derive(Default)]
struct Running {
    jobs: Mutex<Vec<(Instant, Job)>>,
    some: Condvar,
}

impl Aside {
    /// Half of the cores, at least one, so that the others have the rest.
    pub fn half_of_the_cores(name: &str) -> Aside {
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        Aside::new(name, cores.div_ceil(2))
    }

    pub fn new(name: &str, threads: usize) -> Aside {
        let (jobs, waiting) = channel::<Job>();
        let (late, too_long) = channel::<Job>();
        let (waiting, running) = (Arc::new(Mutex::new(waiting)), Arc::new(Running::default()));
        // Without a thread nobody takes the job, and who asked is told that it is gone.
        let spawn =
            |work: Box<dyn FnOnce() + Send>| drop(std::thread::Builder::new().name(name.to_owned()).spawn(work));
        for _ in 0..threads.max(1) {
            let (waiting, running) = (waiting.clone(), running.clone());
            spawn(Box::new(move || aside(&waiting, &running)));
        }
        spawn(Box::new(move || beat(&running, &late)));
        spawn(Box::new(move || catch_up(&too_long)));
        Aside { jobs: Mutex::new(jobs) }
    }

    /// Computes something there and tells the result. `work` may run twice at once and gives the same either time. When it panics,
    /// `tell` is dropped.
    pub fn compute<R: 'static>(
        &self,
        work: impl Fn() -> R + Send + Sync + 'static,
        tell: impl FnOnce(R) + Send + 'static,
    ) {
        // Without a thread the job is dropped, and `tell` with it.
        let _ = held(&self.jobs).send(Arc::new(Task { work, tell: Mutex::new(Some(tell)) }));
    }
}

/// Takes jobs, behind everybody else who wants the core.
fn aside(waiting: &Mutex<Receiver<Job>>, running: &Running) {
    let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
    if set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, idle).is_err() {
        let _ = rustix::process::setpriority_process(None, LATE_NICE);
    }
    loop {
        let job = held(waiting).recv();
        let Ok(job) = job else { return };
        held(&running.jobs).push((Instant::now(), job.clone()));
        running.some.notify_one();
        job.run();
        held(&running.jobs).retain(|(_, other)| !Arc::ptr_eq(other, &job));
    }
}

/// Wakes while something is computed; passes on what takes too long.
fn beat(running: &Running, late: &Sender<Job>) {
    let mut jobs = held(&running.jobs);
    // The threads end with the process.
    loop {
        for (since, job) in jobs.iter_mut().filter(|(since, _)| since.elapsed() > PATIENCE) {
            *since = Instant::now();
            if late.send(job.clone()).is_err() {
                return;
            }
        }
        jobs = match jobs.is_empty() {
            true => running.some.wait(jobs).unwrap_or_else(PoisonError::into_inner),
            false => running.some.wait_timeout(jobs, BEAT).unwrap_or_else(PoisonError::into_inner).0,
        };
    }
}

/// Does what got no core elsewhere.
fn catch_up(too_long: &Receiver<Job>) {
    let _ = rustix::process::setpriority_process(None, LATE_NICE);
    while let Ok(job) = too_long.recv() {
        job.run();
    }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::process::getpriority_process;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use thread_priority::thread_schedule_policy;

    /// Where the idle class may not be entered, niceness has to do.
    fn gives_way() -> bool {
        let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
        thread_schedule_policy() == Ok(idle) || getpriority_process(None).is_ok_and(|nice| nice >= LATE_NICE)
    }

    #[test]
    fn jobs_give_way_to_everything_else_and_one_that_panics_stops_none() {
        let aside = Aside::new("aside", 1);
        let job = |n: i32| {
            let (tell, told) = channel();
            let work = move || {
                assert!(n != 1, "one panics");
                (n, gives_way())
            };
            aside.compute(work, move |result| tell.send(result).unwrap());
            told.recv().ok()
        };
        assert_eq!([job(0), job(1), job(2)], [Some((0, true)), None, Some((2, true))]);
    }

    #[test]
    fn what_gets_no_core_is_done_on_a_thread_with_a_share() {
        let aside = Aside::new("aside", 1);
        let (begun, (tell, told)) = (AtomicUsize::new(0), channel());
        let (free, starved) = channel::<()>();
        let starved = Mutex::new(starved);
        let work = move || {
            let first = begun.fetch_add(1, Ordering::Relaxed) == 0;
            // As if it had no core until the test ends.
            if first {
                let _ = held(&starved).recv();
            }
            first
        };
        aside.compute(work, move |result| tell.send(result).unwrap());
        assert!(!told.recv().unwrap(), "the second one told");
        drop(free);
        assert!(told.recv().is_err(), "and nobody tells twice");
    }
}
