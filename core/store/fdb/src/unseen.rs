//! SUMMARY    Commits that were submitted and that nobody has waited for yet.
//! INVARIANTS Whoever holds such a commit may begin a transaction that must see it; whoever waits for it cannot. So a transaction
//!            waits for these before it takes its read version, and for no others. They are few and short-lived.

use futures_util::future::{BoxFuture, FutureExt, Shared, join_all};
use parking_lot::Mutex;
use store::{CommitError, Committed};

pub(crate) type Commit = Shared<BoxFuture<'static, Result<Committed, CommitError>>>;

#[derive(Default)]
pub(crate) struct Unseen(Mutex<Commits>);

#[derive(Default)]
struct Commits {
    number: u64,
    open: Vec<(u64, Commit)>,
}

impl Unseen {
    /// Notes a commit; the number to take it off with at the first look.
    pub(crate) fn note(&self, commit: Commit) -> u64 {
        let mut commits = self.0.lock();
        commits.number += 1;
        let number = commits.number;
        commits.open.push((number, commit));
        number
    }

    pub(crate) fn seen(&self, number: u64) {
        self.0.lock().open.retain(|(other, _)| *other != number);
    }

    /// Resolves when all of this moment are decided; None if there are none.
    pub(crate) fn decided(&self) -> Option<BoxFuture<'static, ()>> {
        let mut commits = self.0.lock();
        commits.open.retain(|(_, commit)| commit.peek().is_none());
        if commits.open.is_empty() {
            return None;
        }
        let open: Vec<Commit> = commits.open.iter().map(|(_, commit)| commit.clone()).collect();
        Some(join_all(open).map(|_| ()).boxed())
    }
}
