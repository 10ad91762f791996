//! SUMMARY    One request: attempts within time limits, a budget of repetitions that all share, a circuit that opens, figures.
//! LIMITS     S3_ATTEMPTS_MAX, S3_BACKOFF_MS_MIN, S3_BACKOFF_MS_MAX
//! INVARIANTS Every attempt is counted by what it asked and how it ended. Only what may succeed later is repeated.

mod budget;
mod circuit;
mod fault;

pub(crate) use fault::{Fault, fault};

use crate::limits::{S3_ATTEMPTS_MAX, S3_BACKOFF_MS_MAX, S3_BACKOFF_MS_MIN, S3_CIRCUIT_FAILURES_MAX};
use base::{Rng, SystemRng};
use budget::Budget;
use circuit::Circuit;
use std::{
    future::Future,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};
use tokio::time::{sleep, timeout};

/// What is asked of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    Put,
    CreateUpload,
    PutPart,
    CompleteUpload,
    AbortUpload,
    ListUploads,
    Get,
    Head,
    Delete,
    List,
}

impl Op {
    fn name(self) -> &'static str {
        match self {
            Op::Put => "put",
            Op::CreateUpload => "create_upload",
            Op::PutPart => "put_part",
            Op::CompleteUpload => "complete_upload",
            Op::AbortUpload => "abort_upload",
            Op::ListUploads => "list_uploads",
            Op::Get => "get",
            Op::Head => "head",
            Op::Delete => "delete",
            Op::List => "list",
        }
    }

    /// Billed as a PUT while objects are written.
    fn is_put(self) -> bool {
        match self {
            Op::Put | Op::CreateUpload | Op::PutPart | Op::CompleteUpload => true,
            Op::AbortUpload | Op::ListUploads | Op::Get | Op::Head | Op::Delete | Op::List => false,
        }
    }
}

/// What a client did since it started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Attempts that went to the server.
    pub requests: u64,
    /// Those that are billed as PUT.
    pub puts: u64,
    /// Repetitions.
    pub retries: u64,
    pub bytes_sent: u64,
    pub bytes_received: u64,
}

#[derive(Default)]
struct Counters {
    requests: AtomicU64,
    puts: AtomicU64,
    retries: AtomicU64,
    sent: AtomicU64,
    received: AtomicU64,
}

pub(crate) struct Calls {
    attempt_max: Duration,
    request_max: Duration,
    budget: Budget,
    circuit: Circuit,
    counters: Counters,
    rng: SystemRng,
}

impl Calls {
    pub(crate) fn new(attempt_max: Duration, request_max: Duration) -> Self {
        Calls {
            attempt_max,
            request_max,
            budget: Budget::full(),
            circuit: Circuit::new(S3_CIRCUIT_FAILURES_MAX),
            counters: Counters::default(),
            rng: SystemRng::default(),
        }
    }

    /// Err while requests are refused without asking the server: why.
    pub(crate) fn health(&self) -> Result<(), String> {
        self.circuit.health()
    }

    pub(crate) fn counts(&self) -> Counts {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            requests: of(&self.counters.requests),
            puts: of(&self.counters.puts),
            retries: of(&self.counters.retries),
            bytes_sent: of(&self.counters.sent),
            bytes_received: of(&self.counters.received),
        }
    }

    pub(crate) fn sent(&self, bytes: usize) {
        self.counters.sent.fetch_add(bytes as u64, Ordering::Relaxed);
        metrics::counter!("objects_bytes_total", "way" => "sent").increment(bytes as u64);
    }

    pub(crate) fn received(&self, bytes: usize) {
        self.counters.received.fetch_add(bytes as u64, Ordering::Relaxed);
        metrics::counter!("objects_bytes_total", "way" => "received").increment(bytes as u64);
    }

    /// Attempts until one ends for good, the budget is used up, or the time is over.
    pub(crate) async fn run<T, F>(&self, op: Op, attempt: impl Fn() -> F) -> Result<T, Fault>
    where
        F: Future<Output = Result<T, Fault>>,
    {
        let mut last = None;
        let all = async {
            for n in 1..=S3_ATTEMPTS_MAX {
                match self.attempt(op, attempt()).await {
                    Err(why) if why.is_temporary() && n < S3_ATTEMPTS_MAX && self.budget.take() => last = Some(why),
                    result => return result,
                }
                self.counters.retries.fetch_add(1, Ordering::Relaxed);
                metrics::counter!("objects_retries_total", "op" => op.name()).increment(1);
                let most_ms = (S3_BACKOFF_MS_MIN << n.min(16)).min(S3_BACKOFF_MS_MAX);
                sleep(Duration::from_millis(most_ms - self.rng.below(most_ms / 2))).await;
            }
            Err(Fault::Away("S3_ATTEMPTS_MAX".to_owned()))
        };
        let ended = timeout(self.request_max, all).await;
        ended.unwrap_or_else(|_| Err(last.unwrap_or_else(|| Fault::Slow("S3_REQUEST_MS_MAX".to_owned()))))
    }

    async fn attempt<T>(&self, op: Op, work: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
        let outcome = |name: &'static str| {
            metrics::counter!("objects_requests_total", "op" => op.name(), "outcome" => name).increment(1);
        };
        let pass = self.circuit.admit().inspect_err(|why| outcome(why.name()))?;
        self.counters.requests.fetch_add(1, Ordering::Relaxed);
        if op.is_put() {
            self.counters.puts.fetch_add(1, Ordering::Relaxed);
            metrics::counter!("objects_puts_total").increment(1);
        }
        let result = timeout(self.attempt_max, work).await;
        let result = result.unwrap_or_else(|_| Err(Fault::Slow("no answer within S3_ATTEMPT_MS_MAX".to_owned())));
        match &result {
            Ok(_) => {
                outcome("ok");
                self.budget.give();
                pass.answered();
            }
            Err(why) => {
                outcome(why.name());
                if why.is_temporary() { pass.failed(why) } else { pass.answered() }
            }
        }
        result
    }
}
