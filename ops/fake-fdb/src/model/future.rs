//! SUMMARY    A promise of an answer: pending, then answered once; one callback, and threads that wait.
//! INVARIANTS An answer never changes and stays where it is until the future ends or its memory is released. Callbacks run
//!            without a lock, once.

use super::code::{self, Code};
use bytes::Bytes;
use parking_lot::{Condvar, Mutex};

pub type Row = (Bytes, Bytes);

/// What a future holds.
#[derive(Debug, Clone, Default)]
pub enum Answer {
    #[default]
    Nothing,
    Int(i64),
    Uint(u64),
    Key(Bytes),
    Value(Option<Bytes>),
    Rows {
        rows: Vec<Row>,
        more: bool,
    },
    Keys(Vec<Bytes>),
    Texts(Vec<std::ffi::CString>),
}

pub type Outcome = Result<Answer, Code>;
pub type Callback = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct State {
    outcome: Option<Outcome>,
    callback: Option<Callback>,
}

#[derive(Default)]
pub struct Future {
    state: Mutex<State>,
    answered: Condvar,
}

impl Future {
    pub fn answered(outcome: Outcome) -> Self {
        let future = Future::default();
        future.answer(outcome);
        future
    }

    /// Gives the answer, if there is none yet.
    pub fn answer(&self, outcome: Outcome) {
        let callback = {
            let mut state = self.state.lock();
            if state.outcome.is_some() {
                return;
            }
            state.outcome = Some(outcome);
            state.callback.take()
        };
        self.answered.notify_all();
        if let Some(callback) = callback {
            callback();
        }
    }

    pub fn cancel(&self) {
        self.answer(Err(code::OPERATION_CANCELLED));
    }

    pub fn is_ready(&self) -> bool {
        self.state.lock().outcome.is_some()
    }

    /// Calls back once there is an answer, at once if there is one.
    pub fn on_answer(&self, callback: Callback) {
        {
            let mut state = self.state.lock();
            if state.outcome.is_none() {
                state.callback = Some(callback);
                return;
            }
        }
        callback();
    }

    pub fn wait(&self) {
        let mut state = self.state.lock();
        while state.outcome.is_none() {
            self.answered.wait(&mut state);
        }
    }

    /// The answer, or why there is none.
    pub fn outcome(&self) -> Outcome {
        self.state.lock().outcome.clone().unwrap_or(Err(code::FUTURE_NOT_SET))
    }
}
