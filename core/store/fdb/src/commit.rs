//! SUMMARY    A commit on its way, what its answer means, and how long it took.
//! INVARIANTS It is sent when the function is called, not when its future is first looked at.

use crate::failure::{commit_error, kind};
use foundationdb::{FdbError, Transaction};
use futures_util::future::FutureExt;
use std::{sync::Arc, time::Instant};
use store::{CommitError, Committed, ReadError, Version, kv::BoxFuture};

/// The commit of a transaction that nobody else holds.
pub(crate) fn commit(txn: Arc<Transaction>) -> BoxFuture<'static, Result<Committed, CommitError>> {
    let Ok(txn) = Arc::try_unwrap(txn) else {
        return std::future::ready(Err(CommitError::Fatal("a read is under way".into()))).boxed();
    };
    // Sent here, not at the first poll.
    let sent = txn.commit();
    async move {
        let done = sent.await.map_err(|why| commit_error(FdbError::from(why)))?;
        // Before this the client said that it was committed: without a number nobody may rely on it.
        let version = done.committed_version().map_err(|_| CommitError::Unknown)?;
        Ok(Committed { version: Version(u64::try_from(version).unwrap_or_default()) })
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
