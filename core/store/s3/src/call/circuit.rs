//! SUMMARY    Whether the server is asked at all: closed, open for a while, or one request tries.
//! LIMITS     S3_CIRCUIT_FAILURES_MAX, S3_CIRCUIT_MS_MIN, S3_CIRCUIT_MS_MAX
//! INVARIANTS While it is open no request waits. A request that tries and is dropped lets the next one try.

use super::Fault;
use crate::limits::{S3_CIRCUIT_MS_MAX, S3_CIRCUIT_MS_MIN};
use parking_lot::Mutex;
use std::time::{Duration, Instant};

enum State {
    Closed { failures: u32 },
    Open { until: Instant, wait_ms: u64, why: String },
    Trying { wait_ms: u64, why: String },
}

pub(super) struct Circuit {
    failures_max: u32,
    state: Mutex<State>,
}

/// Leave to ask the server, which is told how that ended.
pub(super) struct Pass<'a> {
    circuit: &'a Circuit,
    is_trial: bool,
    is_told: bool,
}

impl Circuit {
    pub(super) fn new(failures_max: u32) -> Self {
        Circuit { failures_max, state: Mutex::new(State::Closed { failures: 0 }) }
    }

    pub(super) fn health(&self) -> Result<(), String> {
        match &*self.state.lock() {
            State::Closed { .. } => Ok(()),
            State::Open { why, .. } | State::Trying { why, .. } => Err(format!("the object store is away: {why}")),
        }
    }

    pub(super) fn admit(&self) -> Result<Pass<'_>, Fault> {
        let mut state = self.state.lock();
        let is_trial = match &mut *state {
            State::Closed { .. } => false,
            State::Open { until, wait_ms, why } if *until <= Instant::now() => {
                *state = State::Trying { wait_ms: *wait_ms, why: std::mem::take(why) };
                true
            }
            State::Open { why, .. } | State::Trying { why, .. } => {
                return Err(Fault::NotAsked(why.clone()));
            }
        };
        Ok(Pass { circuit: self, is_trial, is_told: false })
    }

    fn open(&self, wait_ms: u64, why: String) -> State {
        metrics::gauge!("objects_circuit_open").set(1.0);
        State::Open { until: Instant::now() + Duration::from_millis(wait_ms), wait_ms, why }
    }
}

impl Pass<'_> {
    /// The server is there, whatever it said.
    pub(super) fn answered(mut self) {
        self.is_told = true;
        let mut state = self.circuit.state.lock();
        match &mut *state {
            State::Closed { failures } => *failures = 0,
            State::Open { .. } | State::Trying { .. } if self.is_trial => {
                tracing::info!("the object store is back");
                metrics::gauge!("objects_circuit_open").set(0.0);
                *state = State::Closed { failures: 0 };
            }
            // Asked before it opened.
            State::Open { .. } | State::Trying { .. } => {}
        }
    }

    pub(super) fn failed(mut self, fault: &Fault) {
        self.is_told = true;
        let mut state = self.circuit.state.lock();
        match &mut *state {
            State::Closed { failures } => {
                *failures += 1;
                if *failures >= self.circuit.failures_max {
                    tracing::warn!(why = %fault, "the object store is away: S3_CIRCUIT_FAILURES_MAX");
                    *state = self.circuit.open(S3_CIRCUIT_MS_MIN, fault.to_string());
                }
            }
            State::Trying { wait_ms, .. } if self.is_trial => {
                let wait_ms = (*wait_ms * 2).min(S3_CIRCUIT_MS_MAX);
                *state = self.circuit.open(wait_ms, fault.to_string());
            }
            State::Open { .. } | State::Trying { .. } => {}
        }
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if self.is_told || !self.is_trial {
            return;
        }
        let mut state = self.circuit.state.lock();
        if let State::Trying { wait_ms, why } = &mut *state {
            *state = State::Open { until: Instant::now(), wait_ms: *wait_ms, why: std::mem::take(why) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn away() -> Fault {
        Fault::Away("gone".to_owned())
    }

    async fn until_it_tries(circuit: &Circuit) -> Pass<'_> {
        let began = Instant::now();
        loop {
            if let Ok(pass) = circuit.admit() {
                return pass;
            }
            assert!(began.elapsed() < Duration::from_secs(10));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    #[tokio::test]
    async fn it_opens_one_tries_and_it_closes() {
        let circuit = Circuit::new(3);
        circuit.admit().unwrap().failed(&away());
        circuit.admit().unwrap().failed(&away());
        circuit.admit().unwrap().answered();
        let late = circuit.admit().unwrap();
        for _ in 0..3 {
            assert!(circuit.health().is_ok(), "an answer in between begins anew");
            circuit.admit().unwrap().failed(&away());
        }
        assert!(circuit.health().unwrap_err().contains("gone"));
        assert!(matches!(circuit.admit(), Err(Fault::NotAsked(_))));
        late.answered();
        assert!(circuit.admit().is_err(), "who was asked before says nothing about now");
        let trial = until_it_tries(&circuit).await;
        assert!(circuit.admit().is_err(), "only one tries");
        drop(trial);
        let trial = circuit.admit().unwrap();
        let began = Instant::now();
        trial.failed(&away());
        let trial = until_it_tries(&circuit).await;
        assert!(began.elapsed() >= Duration::from_millis(S3_CIRCUIT_MS_MIN * 2), "the wait grows");
        trial.answered();
        assert!(circuit.health().is_ok());
        assert!(circuit.admit().is_ok());
    }
}
