//! SUMMARY    Threads for long computations (password hashes) that give way to everything else of the process.
//! STANDARDS  sched(7): SCHED_IDLE, nice values, EEVDF
//! LIMITS     Threads and what waits, given by who uses it; BEAT, PATIENCE
//! INVARIANTS Networks take turns, one computation each; who waits within one is served in the order he came. What nobody waits for any
//!            more is not begun. A computation that gets no core for PATIENCE is begun once more on a thread
//!            that has a share of its own, and the first result counts: a busy machine delays it and starves it never. A thread
//!            that cannot lower its priority works all the same.

use std::{
    collections::{HashMap, VecDeque},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    num::NonZero,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
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
    waiting: Arc<Waiting>,
    running: Arc<Running>,
    /// Without one nothing is computed.
    has_threads: bool,
}

/// How a result reaches who waits for it.
pub struct Answer<S, R> {
    pub to: S,
    /// Whether nobody waits any more.
    pub is_gone: fn(&S) -> bool,
    pub tell: fn(S, R),
}

type Job = Arc<dyn Work>;

/// What is computed, by one thread or by two.
trait Work: Send + Sync {
    fn run(&self);
    fn is_done(&self) -> bool;
    fn is_wanted(&self) -> bool;
}

struct Task<F, S, R> {
    work: F,
    /// Gone when somebody told the result.
    answer: Mutex<Option<Answer<S, R>>>,
}

impl<R, F: Fn() -> R + Send + Sync, S: Send> Work for Task<F, S, R> {
    fn run(&self) {
        if self.is_done() {
            return;
        }
        let result = catch_unwind(AssertUnwindSafe(&self.work));
        // Without a result whatever it was to be told by is dropped.
        if let (Some(answer), Ok(result)) = (held(&self.answer).take(), result) {
            (answer.tell)(answer.to, result);
        }
    }

    fn is_done(&self) -> bool {
        held(&self.answer).is_none()
    }

    fn is_wanted(&self) -> bool {
        held(&self.answer).as_ref().is_some_and(|answer| !(answer.is_gone)(&answer.to))
    }
}

/// Those that wait, by network, and whose turn it is.
#[derive(Default)]
struct Lanes {
    jobs: HashMap<Option<IpAddr>, VecDeque<Job>>,
    turns: VecDeque<Option<IpAddr>>,
    /// Nobody asks any more.
    ended: bool,
}

impl Lanes {
    fn push(&mut self, lane: Option<IpAddr>, job: Job) {
        let jobs = self.jobs.entry(lane).or_default();
        if jobs.is_empty() {
            self.turns.push_back(lane);
        }
        jobs.push_back(job);
    }

    /// The next one that somebody waits for.
    fn next(&mut self) -> Option<Job> {
        while let Some(lane) = self.turns.pop_front() {
            let Some(jobs) = self.jobs.get_mut(&lane) else { continue };
            let next = std::iter::from_fn(|| jobs.pop_front()).find(|job| job.is_wanted());
            if jobs.is_empty() {
                self.jobs.remove(&lane);
            } else {
                self.turns.push_back(lane);
            }
            if next.is_some() {
                return next;
            }
        }
        None
    }
}

#[derive(Default)]
struct Waiting {
    lanes: Mutex<Lanes>,
    some: Condvar,
}

impl Waiting {
    /// Waits for the next one; `None` at the end.
    fn take(&self) -> Option<Job> {
        let mut lanes = held(&self.lanes);
        loop {
            match lanes.next() {
                Some(job) => return Some(job),
                None if lanes.ended => return None,
                None => lanes = self.some.wait(lanes).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        held(&self.waiting.lanes).ended = true;
        self.waiting.some.notify_all();
        // Under the lock, so that who looks at it is either before this or waits already.
        let _jobs = held(&self.running.jobs);
        self.running.ended.store(true, Ordering::Release);
        self.running.some.notify_all();
    }
}

/// The network that an address takes turns for: a /24, of IPv6 a /56.
fn network(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() & !0xff)),
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 72 << 72)),
    }
}

/// What is being computed now, for the beat.
#[derive(Default)]
struct Running {
    /// Each with when it was begun; `None` when it was begun once more already.
    jobs: Mutex<Vec<(Option<Instant>, Job)>>,
    some: Condvar,
    /// Nobody asks any more.
    ended: AtomicBool,
}

impl Aside {
    /// Half of the cores, at least one, so that the others have the rest, and `max` at most.
    pub fn half_of_the_cores(name: &str, max: usize) -> Aside {
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        Aside::new(name, cores.div_ceil(2).min(max))
    }

    pub fn new(name: &str, threads: usize) -> Aside {
        let (late, too_long) = channel::<Job>();
        let (waiting, running) = (Arc::new(Waiting::default()), Arc::new(Running::default()));
        let spawn =
            |work: Box<dyn FnOnce() + Send>| std::thread::Builder::new().name(name.to_owned()).spawn(work).is_ok();
        let mut has_threads = false;
        for _ in 0..threads.max(1) {
            let (waiting, running) = (waiting.clone(), running.clone());
            has_threads |= spawn(Box::new(move || aside(&waiting, &running)));
        }
        let beaten = running.clone();
        spawn(Box::new(move || beat(&beaten, &late)));
        spawn(Box::new(move || catch_up(&too_long)));
        Aside { waiting, running, has_threads }
    }

    /// Computes something there, in a turn of the network it is `from` (`None`: of those that came from none), and tells the result.
    /// `work` may run twice at once and gives the same either time. When it panics, or nobody waits any more, `answer` is dropped.
    pub fn compute<R: 'static, S: Send + 'static>(
        &self,
        from: Option<IpAddr>,
        work: impl Fn() -> R + Send + Sync + 'static,
        answer: Answer<S, R>,
    ) {
        // Who asked is told that it is gone.
        if !self.has_threads {
            return;
        }
        let job = Arc::new(Task { work, answer: Mutex::new(Some(answer)) });
        held(&self.waiting.lanes).push(from.map(network), job);
        self.waiting.some.notify_one();
    }
}

/// Takes jobs, behind everybody else who wants the core.
fn aside(waiting: &Waiting, running: &Running) {
    let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
    if set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, idle).is_err() {
        let _ = rustix::process::setpriority_process(None, LATE_NICE);
    }
    while let Some(job) = waiting.take() {
        held(&running.jobs).push((Some(Instant::now()), job.clone()));
        running.some.notify_one();
        job.run();
        held(&running.jobs).retain(|(_, other)| !Arc::ptr_eq(other, &job));
    }
}

/// Wakes while something is computed; passes on what takes too long.
fn beat(running: &Running, late: &Sender<Job>) {
    let mut jobs = held(&running.jobs);
    loop {
        if jobs.is_empty() && running.ended.load(Ordering::Acquire) {
            // The channel ends with it, and the thread at its other end.
            return;
        }
        for (since, job) in jobs.iter_mut().filter(|(since, _)| since.is_some_and(|s| s.elapsed() > PATIENCE)) {
            *since = None;
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
    use std::sync::atomic::AtomicUsize;
    use thread_priority::thread_schedule_policy;

    fn answer<R: 'static>(to: Sender<R>) -> Answer<Sender<R>, R> {
        Answer { to, is_gone: |_| false, tell: |to, result| to.send(result).unwrap() }
    }

    /// Threads, one of which is busy until what is given with them is dropped.
    fn busy() -> (Aside, Sender<()>) {
        let (aside, (free, until)) = (Aside::new("aside", 1), channel::<()>());
        let (until, (begun, begins)) = (Mutex::new(until), channel());
        let begun = Mutex::new(Some(begun));
        let work = move || {
            // Begun once more after a while, it waits for nobody.
            if let Some(begun) = held(&begun).take() {
                begun.send(()).unwrap();
                let _ = held(&until).recv();
            }
        };
        aside.compute(None, work, Answer { to: (), is_gone: |()| false, tell: |(), ()| () });
        begins.recv().unwrap();
        (aside, free)
    }

    #[test]
    fn one_network_waits_for_one_of_each_other_and_not_for_all_of_them() {
        let (aside, free) = busy();
        let (tell, told) = channel();
        for n in 0..5 {
            for network in ["198.51.100", "203.0.113"] {
                let from = format!("{network}.{n}").parse().unwrap();
                aside.compute(Some(from), move || from, answer(tell.clone()));
            }
        }
        let quiet: IpAddr = "2001:db8::1".parse().unwrap();
        aside.compute(Some(quiet), move || quiet, answer(tell));
        drop(free);
        let order: Vec<IpAddr> = told.iter().collect();
        assert_eq!((order.len(), order.iter().position(|from| *from == quiet)), (11, Some(2)), "{order:?}");
        let first: Vec<&IpAddr> = order.iter().filter(|from| from.to_string().starts_with("198.")).collect();
        assert!(first.is_sorted(), "in the order they came: {first:?}");
    }

    #[test]
    fn what_nobody_waits_for_any_more_is_not_computed() {
        let (aside, free) = busy();
        let computed = Arc::new(AtomicUsize::new(0));
        let (tell, told) = channel();
        for n in 0..6 {
            let computed = computed.clone();
            let work = move || computed.fetch_add(1, Ordering::Relaxed);
            let is_gone: fn(&Sender<usize>) -> bool = if n % 2 == 0 { |_| true } else { |_| false };
            aside.compute(None, work, Answer { is_gone, ..answer(tell.clone()) });
        }
        drop((tell, free));
        assert_eq!((told.iter().count(), computed.load(Ordering::Relaxed)), (3, 3));
    }

    #[test]
    fn a_network_is_what_one_customer_has() {
        let same = |one: &str, other: &str| network(one.parse().unwrap()) == network(other.parse().unwrap());
        assert!(same("192.0.2.1", "192.0.2.254") && same("192.0.2.1", "::ffff:192.0.2.9"));
        assert!(!same("192.0.2.1", "192.0.3.1"));
        assert!(same("2001:db8:0:ff00::1", "2001:db8:0:ffff::1") && !same("2001:db8:0:fe00::1", "2001:db8:0:ff00::1"));
    }

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
            aside.compute(None, work, answer(tell));
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
        aside.compute(None, work, answer(tell));
        assert!(!told.recv().unwrap(), "the second one told");
        drop(free);
        assert!(told.recv().is_err(), "and nobody tells twice");
    }

    #[test]
    fn threads_end_with_their_owner() {
        let count = || std::fs::read_dir("/proc/self/task").unwrap().count();
        let before = count();
        let all: Vec<Aside> = (0..20).map(|_| Aside::new("aside", 2)).collect();
        assert!(count() >= before + 60, "{} of {before}", count());
        drop(all);
        let (_never, silence) = channel::<()>();
        let ended = (0..500).any(|_| {
            let _ = silence.recv_timeout(Duration::from_millis(10));
            count() < before + 20
        });
        assert!(ended, "{} threads, {before} before", count());
    }
}
