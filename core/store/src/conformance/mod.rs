//! SUMMARY    One suite for every store: `run(make_backend)` checks the contract of `kv`, `retried` what holds under faults.
//! INVARIANTS Needs a tokio runtime with several threads to mean much. Every failure names the rule that was broken.

mod bus;
mod contract;
mod ephemeral;
mod limits;
mod retried;
mod serial;
mod snapshot;

use crate::kv::{CommitError, Committed, KeyRange, Kv, KvTxn, Page, PageLimit, Read};
use bytes::Bytes;
use std::sync::Arc;

pub use bus::bus;
pub use ephemeral::ephemeral;
pub use retried::retried;
pub use serial::{Mix, serialisable};

/// Why a store does not conform.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;
pub type Outcome = Result<(), Failure>;

/// Runs every check, each on a fresh and empty store. The store must not answer `Unknown`.
pub async fn run<F>(make: F) -> Outcome
where
    F: Fn() -> Arc<dyn Kv>,
{
    contract::all(&make).await?;
    limits::all(&make).await?;
    snapshot::all(&make).await?;
    for mix in [Mix::Points, Mix::Everything] {
        let kv = make();
        serialisable(&kv, mix, 8, 60).await.map_err(|why| format!("serialisable {mix:?}: {why}"))?;
        kv.close().await;
    }
    Ok(())
}

fn ensure(holds: bool, rule: impl Into<String>) -> Outcome {
    if holds { Ok(()) } else { Err(rule.into().into()) }
}

async fn get(txn: &mut dyn KvTxn, key: &[u8]) -> Result<Option<Bytes>, Failure> {
    Ok(txn.get(key, Read::Serializable).await?)
}

async fn page(txn: &mut dyn KvTxn, range: &KeyRange, limit: PageLimit, reverse: bool) -> Result<Page, Failure> {
    Ok(txn.range(range, limit, reverse, Read::Serializable).await?)
}

async fn commit(txn: Box<dyn KvTxn>) -> Result<Committed, CommitError> {
    txn.submit()?.await
}

/// Commits `rows` in one transaction.
async fn put(kv: &Arc<dyn Kv>, rows: &[(&[u8], &[u8])]) -> Outcome {
    let mut txn = kv.begin();
    for (key, value) in rows {
        txn.set(key, value);
    }
    commit(txn).await?;
    Ok(())
}

fn keys(page: &Page) -> Vec<&[u8]> {
    page.rows.iter().map(|(key, _)| key.as_ref()).collect()
}

fn range(from: &[u8], to: &[u8]) -> KeyRange {
    KeyRange { from: from.to_vec(), to: to.to_vec() }
}
