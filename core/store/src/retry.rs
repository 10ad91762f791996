//! SUMMARY    The only retry loop over transactions, and the back-off it uses.
//! LIMITS     KV_ATTEMPTS_MAX, KV_BACKOFF_MS_MAX
//! INVARIANTS An operation is applied at most once: where a commit can end unknown, `done/<op>` is written with it and looked
//!            for first. Nothing but conflicts, age and unknown results is tried again.

use crate::kv::{BoxFuture, CommitError, Kv, KvTxn, Read, ReadError};
use base::{
    OpId, Rng,
    limits::{KV_ATTEMPTS_MAX, KV_BACKOFF_MS_MAX},
};
use std::{fmt, sync::Arc, time::Duration};

/// Why an operation on the store failed for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    Read(ReadError),
    Commit(CommitError),
    /// KV_ATTEMPTS_MAX attempts, the last of which ended so.
    Exhausted(CommitError),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Read(why) => why.fmt(f),
            Error::Commit(why) => why.fmt(f),
            Error::Exhausted(why) => write!(f, "limit KV_ATTEMPTS_MAX, last: {why}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Read(why) => Some(why),
            Error::Commit(why) | Error::Exhausted(why) => Some(why),
        }
    }
}

impl From<ReadError> for Error {
    fn from(why: ReadError) -> Self {
        Error::Read(why)
    }
}

impl From<CommitError> for Error {
    fn from(why: CommitError) -> Self {
        Error::Commit(why)
    }
}

/// What the body of a transaction may fail with: its own errors, and the store's.
pub trait BodyError: From<Error> + From<ReadError> {
    /// Whether this is the store's `ReadError::TooOld`, after which a fresh transaction can succeed.
    fn is_too_old(&self) -> bool;
}

impl BodyError for Error {
    fn is_too_old(&self) -> bool {
        matches!(self, Error::Read(ReadError::TooOld))
    }
}

/// Whether running the whole transaction again can help.
pub fn is_retryable(why: &CommitError) -> bool {
    match why {
        CommitError::Conflict | CommitError::TooOld | CommitError::Unknown => true,
        CommitError::TooLarge(_) | CommitError::Fatal(_) => false,
    }
}

/// Counts attempts and says how long to wait between them: full jitter under a doubling cap.
pub struct Backoff<'a> {
    rng: &'a dyn Rng,
    attempts: u32,
}

impl<'a> Backoff<'a> {
    pub fn new(rng: &'a dyn Rng) -> Self {
        Backoff { rng, attempts: 0 }
    }

    /// Failed attempts so far.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// Counts a failed attempt; the delay before the next one, or None after KV_ATTEMPTS_MAX.
    pub fn next_delay(&mut self) -> Option<Duration> {
        self.attempts += 1;
        if self.attempts >= KV_ATTEMPTS_MAX {
            return None;
        }
        let cap_us = (250_u64 << self.attempts.min(20)).min(KV_BACKOFF_MS_MAX * 1_000);
        Some(Duration::from_micros(self.rng.below(cap_us)))
    }

    /// Counts the failed attempt and waits, or gives up with an error that names the reason.
    pub async fn after(&mut self, why: CommitError) -> Result<(), Error> {
        if !is_retryable(&why) {
            return Err(Error::Commit(why));
        }
        let delay = self.next_delay().ok_or(Error::Exhausted(why))?;
        // The timer ticks in milliseconds: the first, shortest waits are better spent letting others run.
        if delay < Duration::from_millis(1) {
            tokio::task::yield_now().await;
        } else {
            tokio::time::sleep(delay).await;
        }
        Ok(())
    }
}

/// What the retry loop needs besides the body.
pub struct Retry<'a> {
    pub kv: &'a Arc<dyn Kv>,
    /// Made outside the closure, one for each logical operation.
    pub op: OpId,
    /// Key prefix of the `done/<op>` marks, used only where a commit can end unknown; the caller expires old marks.
    /// None if running the body again after it was applied does no harm.
    pub done_prefix: Option<&'a [u8]>,
    pub rng: &'a dyn Rng,
}

impl Retry<'_> {
    fn done_key(&self) -> Option<Vec<u8>> {
        let prefix = self.done_prefix.filter(|_| self.kv.commit_may_be_unknown())?;
        Some([prefix, &self.op.0.to_be_bytes()].concat())
    }
}

/// Runs `body` in a transaction and commits it, again while that can help. The body's value is returned once durable.
///
/// `run(retry, |txn| Box::pin(body(txn, &what)))`: the body may borrow whatever outlives the call (`'env`).
pub async fn run<'env, T, E, F>(retry: Retry<'_>, mut body: F) -> Result<T, E>
where
    F: for<'t> FnMut(&'t mut (dyn KvTxn + 'env)) -> BoxFuture<'t, Result<T, E>>,
    E: BodyError,
{
    let done_key = retry.done_key();
    let mut backoff = Backoff::new(retry.rng);
    // The value of an attempt whose commit ended unknown.
    let mut unknown: Option<T> = None;
    loop {
        let mut txn = retry.kv.begin();
        match attempt(txn.as_mut(), done_key.as_deref(), unknown.is_some(), &mut body).await {
            Ok(None) => {
                // The mark is seen by this read; nothing it says may be told before it is durable.
                let seen = commit(txn).await;
                match (seen, unknown.take()) {
                    (Ok(()), Some(value)) => return Ok(value),
                    (Ok(()), None) => return Err(E::from(Error::Commit(CommitError::Unknown))),
                    (Err(why), value) => {
                        unknown = value;
                        backoff.after(why).await?;
                    }
                }
            }
            Ok(Some(value)) => match commit(txn).await {
                Ok(()) => return Ok(value),
                Err(why) => {
                    if why == CommitError::Unknown {
                        unknown = Some(value);
                    }
                    backoff.after(why).await?;
                }
            },
            Err(why) if why.is_too_old() => backoff.after(CommitError::TooOld).await?,
            Err(why) => return Err(why),
        }
    }
}

/// One run of the body; None if an earlier attempt turns out to have been applied.
async fn attempt<'env, T, E, F>(
    txn: &mut (dyn KvTxn + 'env),
    done_key: Option<&[u8]>,
    after_unknown: bool,
    body: &mut F,
) -> Result<Option<T>, E>
where
    F: for<'t> FnMut(&'t mut (dyn KvTxn + 'env)) -> BoxFuture<'t, Result<T, E>>,
    E: BodyError,
{
    if let Some(key) = done_key {
        // Read in the first attempt too: the conflict stops an earlier attempt that is still under way.
        let done = txn.get(key, Read::Serializable).await?;
        if after_unknown && done.is_some() {
            return Ok(None);
        }
    }
    let value = body(txn).await?;
    if let Some(key) = done_key
        && !txn.is_read_only()
    {
        txn.set(key, &[]);
    }
    Ok(Some(value))
}

async fn commit(txn: Box<dyn KvTxn>) -> Result<(), CommitError> {
    txn.submit()?.await.map(|_| ())
}
