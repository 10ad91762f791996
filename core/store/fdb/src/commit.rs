//! SUMMARY    A commit on its way, what its answer means, and how long it took.
//! INVARIANTS It is sent when the function is called, not when its future is first looked at.

use crate::failure::{commit_error, kind};
use foundationdb::{FdbError, Transaction};
use futures_util::future::FutureExt;
use std::{sync::Arc, time::Instant};
use store::{
    CommitError, Committed, ReadError,
    kv::{BoxFuture, STAMP_BYTES},
};

/// The commit of a transaction that nobody else holds.
pub(crate) fn commit(txn: Arc<Transaction>) -> BoxFuture<'static, Result<Committed, CommitError>> {
    let Ok(txn) = Arc::try_unwrap(txn) else {
        return std::future::ready(Err(CommitError::Fatal("a read is under way".into()))).boxed();
    };
    // Asked for before the commit is sent, answered with it: the version alone does not tell the commits of a batch apart.
    let stamp = txn.get_versionstamp();
    // Sent here, not at the first poll.
    let sent = txn.commit();
    async move {
        let _done = sent.await.map_err(|why| commit_error(FdbError::from(why)))?;
        // Before this the client said that it was committed: without its stamp nobody may rely on it.
        let stamp = stamp.await.map_err(|_| CommitError::Unknown)?;
        <[u8; STAMP_BYTES]>::try_from(&*stamp).map(Committed::of_stamp).map_err(|_| CommitError::Unknown)
    }
    .boxed()
}

/// Why a transaction that only read could not be finished: nothing of it can be unknown.
pub(crate) fn of_read(why: ReadError) -> CommitError {
    match why {
        ReadError::TooOld => CommitError::TooOld,
        ReadError::KeyTooLarge => CommitError::TooLarge("KV_KEY_BYTES_MAX"),
        ReadError::Fatal(why) => CommitError::Fatal(why),
    }
}

pub(crate) fn measure(began: Instant, verdict: &Result<Committed, CommitError>) {
    metrics::histogram!("store_commit_seconds").record(began.elapsed().as_secs_f64());
    match verdict {
        Ok(_) => metrics::counter!("store_commits_total").increment(1),
        Err(why) => metrics::counter!("store_commit_errors_total", "kind" => kind(why)).increment(1),
    }
}
