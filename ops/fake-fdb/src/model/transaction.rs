//! SUMMARY    A transaction: what it holds, how it begins, is cancelled, times out and is tried again. `read`, `write`, `commit` and
//!            `wait` have the rest.
//! INVARIANTS Its version is taken at the first read and stays. Dropped, it answers whoever waits for what will not come.

use super::{
    cluster::{Database, Snapshot},
    code::{self, Code},
    commit::Progress,
    future::{Answer, Future},
    limit::BACKOFF_MS_MIN,
    mutation::{Mutation, Rows, STAMP_BYTES},
    network,
    option::Options,
    ranges::{Ranges, after},
    wait::Asked,
};
use bytes::Bytes;
use parking_lot::Mutex;
use std::{
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

/// Keys from here on are the system's.
pub(super) const SYSTEM: &[u8] = &[0xff];
/// No key is here or behind.
pub(super) const END: &[u8] = &[0xff, 0xff];

pub struct Watched {
    pub key: Bytes,
    pub seen: Option<Bytes>,
    pub future: Arc<Future>,
}

pub struct Transaction {
    pub(super) database: Arc<Database>,
    /// Itself, for what comes later.
    pub(super) me: Weak<Mutex<Transaction>>,
    /// Some while a shared cluster is asked for the version.
    pub(super) asked: Option<Asked>,
    pub(super) options: Options,
    pub(super) began: Instant,
    pub(super) read: Option<Snapshot>,
    /// The snapshot with the own writes, once something was read.
    pub(super) view: Option<Rows>,
    pub(super) mutations: Vec<Mutation>,
    pub(super) reads: Ranges,
    pub(super) writes: Ranges,
    /// Keys whose values the own writes decide.
    pub(super) known: Ranges,
    /// Keys that get a stamp.
    pub(super) unreadable: Ranges,
    /// What went wrong in a call that could not tell.
    pub(super) wrong: Option<Code>,
    pub(super) stamps: Vec<Arc<Future>>,
    pub(super) watches: Vec<Watched>,
    pub(super) progress: Arc<Mutex<Progress>>,
    retries: u64,
    /// What came after a cancellation.
    cancelled: bool,
}

impl Transaction {
    pub fn open(database: Arc<Database>) -> Arc<Mutex<Self>> {
        Arc::new_cyclic(|me| Mutex::new(Transaction::new(database, Weak::clone(me))))
    }

    fn new(database: Arc<Database>, me: Weak<Mutex<Self>>) -> Self {
        let options = *database.options.lock();
        Transaction {
            database,
            me,
            asked: None,
            options,
            began: Instant::now(),
            read: None,
            view: None,
            mutations: Vec::new(),
            reads: Ranges::default(),
            writes: Ranges::default(),
            known: Ranges::default(),
            unreadable: Ranges::default(),
            wrong: None,
            stamps: Vec::new(),
            watches: Vec::new(),
            progress: Arc::default(),
            retries: 0,
            cancelled: false,
        }
    }

    pub fn set_option(&mut self, option: i32, value: &[u8]) -> Result<(), Code> {
        if option == 51 && (self.view.is_some() || !self.mutations.is_empty()) {
            return Err(code::INVALID_OPERATION);
        }
        let mut options = self.options;
        options.set(option, value)?;
        let value = Bytes::copy_from_slice(value);
        self.act(move |txn| {
            if let Err(code) = txn.options.set(option, &value) {
                txn.wrong.get_or_insert(code);
            }
        });
        Ok(())
    }

    /// As new.
    pub fn reset(&mut self) {
        *self = Transaction::new(Arc::clone(&self.database), Weak::clone(&self.me));
    }

    /// After a commit: nothing is read or written, options stay.
    pub(super) fn clear_work(&mut self) {
        let (options, progress, retries) = (self.options, Arc::clone(&self.progress), self.retries);
        *self = Transaction::new(Arc::clone(&self.database), Weak::clone(&self.me));
        (self.options, self.progress, self.retries) = (options, progress, retries);
    }

    pub fn cancel(&mut self) {
        self.cancelled = true;
        self.forget();
        for future in self.stamps.drain(..).chain(self.watches.drain(..).map(|watched| watched.future)) {
            network::answer(&future, Err(code::CANCELLED), None);
        }
    }

    /// When the transaction times out, if ever.
    pub(super) fn deadline(&self) -> Option<Instant> {
        (self.options.timeout_ms > 0).then(|| self.began + Duration::from_millis(self.options.timeout_ms))
    }

    pub(super) fn check(&self) -> Result<(), Code> {
        if self.cancelled {
            Err(code::CANCELLED)
        } else if *self.progress.lock() == Progress::UnderWay {
            Err(code::USED_DURING_COMMIT)
        } else if let Some(wrong) = self.wrong {
            Err(wrong)
        } else if self.deadline().is_some_and(|deadline| deadline <= Instant::now()) {
            Err(code::TIMED_OUT)
        } else {
            Ok(())
        }
    }

    /// Answered when the value is another one than this transaction sees, once it is committed.
    pub fn watch(&mut self, key: &Bytes) -> Arc<Future> {
        let future = Arc::new(Future::default());
        if !self.options.reads_own_writes {
            network::answer(&future, Err(code::UNSUPPORTED), None);
            return future;
        }
        let seen = self.check_read_key(key).and_then(|()| self.rows(false)).map(|rows| rows.get(key).cloned());
        match seen {
            Ok(seen) => {
                self.note_read(key, &after(key));
                self.watches.push(Watched { key: key.clone(), seen, future: Arc::clone(&future) });
            }
            Err(code) => network::answer(&future, Err(code), None),
        }
        future
    }

    pub fn versionstamp(&mut self) -> Arc<Future> {
        let future = Arc::new(Future::default());
        match self.check() {
            Ok(()) => self.stamps.push(Arc::clone(&future)),
            Err(code) => network::answer(&future, Err(code), None),
        }
        future
    }

    /// -1 before a commit that wrote.
    pub fn committed_version(&self) -> i64 {
        match *self.progress.lock() {
            Progress::Committed(version) => version,
            Progress::Nothing | Progress::UnderWay => -1,
        }
    }

    /// Waits and begins again where that can help, else says the same error.
    pub fn on_error(&mut self, error: Code) -> Arc<Future> {
        let spent = self.options.retries_max.is_some_and(|most| self.retries >= most);
        if self.cancelled || !code::is_retryable(error) || spent {
            let code = if self.cancelled { code::CANCELLED } else { error };
            return network::promise(Err(code));
        }
        if self.deadline().is_some_and(|deadline| deadline <= Instant::now()) {
            return network::promise(Err(code::TIMED_OUT));
        }
        let (kept, began, retries) = (self.options, self.began, self.retries + 1);
        let wait = (BACKOFF_MS_MIN << retries.min(10)).min(self.options.backoff_ms_max);
        self.reset();
        (self.options, self.began, self.retries) = (kept.kept(self.options), began, retries);
        let future = Arc::new(Future::default());
        network::answer(&future, Ok(Answer::Nothing), Some(Instant::now() + Duration::from_millis(wait)));
        future
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        self.forget();
        for future in self.stamps.iter().chain(self.watches.iter().map(|watched| &watched.future)) {
            network::answer(future, Err(code::CANCELLED), None);
        }
    }
}

/// Applies a write to what the transaction itself sees; what will be stamped is not seen.
pub(super) fn see(mutation: &Mutation, rows: &mut Rows) {
    match mutation {
        Mutation::Set(..) | Mutation::Clear(..) | Mutation::Atomic(..) => {
            mutation.apply(rows, [0; STAMP_BYTES]);
        }
        Mutation::StampedKey(..) | Mutation::StampedValue(..) => {}
    }
}
