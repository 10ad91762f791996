//! SUMMARY    What is done to a transaction while a shared cluster is asked for its version: it waits, in order.
//! INVARIANTS Of a cluster in this process nothing ever waits. What waits is answered: done, timed out, or cancelled with its
//!            transaction.

use super::{
    cluster::Snapshot,
    code::{self, Code},
    future::Future,
    network,
    transaction::Transaction,
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

type Act = Box<dyn FnOnce(&mut Transaction) + Send>;

/// Tells the answer to an older question from that to the last one.
static NUMBER: AtomicU64 = AtomicU64::new(0);

/// A version that was asked for, and what waits for it.
pub struct Asked {
    number: u64,
    acts: Vec<Act>,
    futures: Vec<Arc<Future>>,
}

impl Transaction {
    /// Asks a shared cluster for the version, unless there is one.
    pub(super) fn ask(&mut self) {
        if self.read.is_some() || self.asked.is_some() || self.check().is_err() {
            return;
        }
        let Some(link) = self.database.cluster.link.clone() else { return };
        // What was asked is answered though nobody holds the transaction any more.
        let Some(me) = self.me.upgrade() else { return };
        let number = NUMBER.fetch_add(1, Ordering::SeqCst);
        self.asked = Some(Asked { number, acts: Vec::new(), futures: Vec::new() });
        let asks = link.version(Box::new(move |answer| me.lock().begin(number, answer)));
        if !asks {
            self.asked = None;
            self.wrong.get_or_insert(code::NETWORK_STOPPED);
        }
    }

    /// The version is here.
    fn begin(&mut self, number: u64, answer: Result<Snapshot, Code>) {
        let Some(asked) = self.asked.take_if(|asked| asked.number == number) else { return };
        match answer {
            Ok(snapshot) => self.read = Some(snapshot),
            Err(code) => drop(self.wrong.get_or_insert(code)),
        }
        asked.acts.into_iter().for_each(|act| act(self));
    }

    /// Nothing waits any more.
    pub(super) fn forget(&mut self) {
        for future in self.asked.take().into_iter().flat_map(|asked| asked.futures) {
            network::answer(&future, Err(code::CANCELLED), None);
        }
    }

    /// Does something, once what was asked before it was done.
    pub fn act(&mut self, act: impl FnOnce(&mut Transaction) + Send + 'static) {
        match &mut self.asked {
            Some(asked) => asked.acts.push(Box::new(act)),
            None => act(self),
        }
    }

    /// Does something that has an answer, once what was asked before it was done.
    pub fn answer(&mut self, act: impl FnOnce(&mut Transaction) -> Arc<Future> + Send + 'static) -> Arc<Future> {
        let deadline = self.deadline();
        let Some(asked) = &mut self.asked else { return act(self) };
        let future = Arc::new(Future::default());
        if let Some(deadline) = deadline {
            network::answer(&future, Err(code::TIMED_OUT), Some(deadline.max(Instant::now())));
        }
        asked.futures.push(Arc::clone(&future));
        let told = Arc::clone(&future);
        asked.acts.push(Box::new(move |txn| {
            let done = act(txn);
            let answer = Arc::clone(&done);
            done.on_answer(Box::new(move || told.answer(answer.outcome())));
        }));
        future
    }

    /// The same for what reads: it needs the version.
    pub fn read(&mut self, act: impl FnOnce(&mut Transaction) -> Arc<Future> + Send + 'static) -> Arc<Future> {
        self.ask();
        self.answer(act)
    }
}
