//! SUMMARY    Threads for long computations (password hashes) that give way to everything else of the process.
//! LIMITS     Threads and what waits, given by who uses it
//! INVARIANTS Who waits is served in the order he came. A thread that cannot lower its priority works all the same.

use std::{
    num::NonZero,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, Sender, channel},
    },
};

type Job = Box<dyn FnOnce() + Send>;

/// Niceness of the threads: an eighth of a core's time beside threads that want all of it, and behind those that want little.
const NICE: i32 = 10;

/// The threads.
pub struct Aside {
    jobs: Mutex<Sender<Job>>,
}

impl Aside {
    /// Half of the cores, at least one, so that the others have the rest.
    pub fn half_of_the_cores(name: &str) -> Aside {
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        Aside::new(name, cores.div_ceil(2))
    }

    pub fn new(name: &str, threads: usize) -> Aside {
        let (jobs, waiting) = channel::<Job>();
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..threads.max(1) {
            let waiting = waiting.clone();
            // Without a thread nobody takes the job, and who asked is told that it is gone.
            let _ = std::thread::Builder::new().name(name.to_owned()).spawn(move || work(&waiting));
        }
        Aside { jobs: Mutex::new(jobs) }
    }

    /// Computes something there, and blocks until it is done; `None` when it panicked. For threads that may block.
    pub fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let (tell, told) = channel();
        let job: Job = Box::new(move || drop(tell.send(job())));
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner).send(job).ok()?;
        told.recv().ok()
    }
}

fn work(waiting: &Mutex<Receiver<Job>>) {
    let _ = rustix::process::setpriority_process(None, NICE);
    loop {
        let job = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        let _ = catch_unwind(AssertUnwindSafe(job));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::process::getpriority_process;

    #[test]
    fn jobs_give_way_to_everything_else_and_one_that_panics_stops_none() {
        let aside = Aside::new("aside", 1);
        let job = |n: i32| {
            aside.run(move || {
                assert!(n != 1, "one panics");
                n
            })
        };
        assert_eq!([job(0), job(1), job(2)], [Some(0), None, Some(2)]);
        assert!(aside.run(|| getpriority_process(None).unwrap()).unwrap() >= NICE);
    }
}
