//! SUMMARY    Each limit of the contract is refused by its name, and what is just below it passes.

use super::{Outcome, commit, contract::checks, ensure, get};
use crate::kv::{CommitError, KeyRange, Kv, PageLimit, Read, ReadError};
use base::limits::{
    KV_KEY_BYTES_MAX, KV_KEYS_END, KV_PAGE_BYTES_MAX, KV_PAGE_ROWS_MAX, KV_TXN_BYTES_MAX, KV_VALUE_BYTES_MAX,
};
use std::sync::Arc;

pub(super) async fn all<F: Fn() -> Arc<dyn Kv>>(make: &F) -> Outcome {
    checks!(make, keys_and_values, transactions, page_limits);
    Ok(())
}

async fn keys_and_values(kv: &Arc<dyn Kv>) -> Outcome {
    let refused = |limit| Err(CommitError::TooLarge(limit));
    let (key, value) = (vec![b'k'; KV_KEY_BYTES_MAX], vec![b'v'; KV_VALUE_BYTES_MAX]);
    let (long_key, long_value) = (vec![b'k'; KV_KEY_BYTES_MAX + 1], vec![b'v'; KV_VALUE_BYTES_MAX + 1]);
    let mut txn = kv.begin();
    txn.set(&key, &value);
    ensure(commit(txn).await.is_ok(), "the longest key and value pass")?;
    let mut txn = kv.begin();
    ensure(get(txn.as_mut(), &key).await?.is_some_and(|got| got == value), "and are read back")?;
    let read = txn.get(&long_key, Read::Serializable).await;
    ensure(read == Err(ReadError::KeyTooLarge), "get of a longer key is refused")?;
    txn.set(&long_key, b"");
    ensure(commit(txn).await == refused("KV_KEY_BYTES_MAX"), "set of a longer key")?;
    let mut txn = kv.begin();
    txn.set(b"innocent", b"1");
    txn.set(b"k", &long_value);
    ensure(commit(txn).await == refused("KV_VALUE_BYTES_MAX"), "a longer value")?;
    let mut txn = kv.begin();
    ensure(get(txn.as_mut(), b"innocent").await?.is_none(), "a refused transaction wrote nothing")?;
    txn.set_versionstamped(&key, b"", b"");
    ensure(commit(txn).await == refused("KV_KEY_BYTES_MAX"), "a longer stamped key")?;
    for key in [&b""[..], KV_KEYS_END, &[0xff, 0xff, 0xff]] {
        let mut txn = kv.begin();
        ensure(get(txn.as_mut(), key).await?.is_none(), "the store's own keys are not shown")?;
        txn.set(key, b"1");
        ensure(commit(txn).await == refused("KV_KEYS_END"), "the store's own keys are not written")?;
    }
    Ok(())
}

async fn transactions(kv: &Arc<dyn Kv>) -> Outcome {
    let value = vec![b'v'; KV_VALUE_BYTES_MAX];
    let fit = KV_TXN_BYTES_MAX / KV_VALUE_BYTES_MAX - 1;
    for (rows, passes) in [(fit, true), (fit + 1, false)] {
        let mut txn = kv.begin();
        for n in 0..rows {
            txn.set(&n.to_be_bytes(), &value);
        }
        let result = commit(txn).await;
        let want = if passes { result.is_ok() } else { result == Err(CommitError::TooLarge("KV_TXN_BYTES_MAX")) };
        ensure(want, format!("{rows} values: {result:?}"))?;
    }
    let mut txn = kv.begin();
    for n in 0..KV_TXN_BYTES_MAX / KV_KEY_BYTES_MAX {
        let mut from = vec![b'k'; KV_KEY_BYTES_MAX - 8];
        from.extend_from_slice(&n.to_be_bytes());
        txn.must_not_change(&KeyRange::prefix(&from));
    }
    txn.set(b"a", b"1");
    ensure(commit(txn).await == Err(CommitError::TooLarge("KV_TXN_BYTES_MAX")), "conflict ranges count")
}

async fn page_limits(kv: &Arc<dyn Kv>) -> Outcome {
    for part in 0..2 {
        let mut txn = kv.begin();
        for n in 0..KV_PAGE_ROWS_MAX {
            txn.set(format!("r{part}{n:06}").as_bytes(), b"");
        }
        commit(txn).await?;
    }
    let mut txn = kv.begin();
    for n in 0..40_u8 {
        txn.set(&[b's', n], &vec![0; KV_VALUE_BYTES_MAX / 2]);
    }
    commit(txn).await?;
    let mut txn = kv.begin_read();
    let limit = PageLimit { rows: usize::MAX, bytes: usize::MAX };
    let rows = super::page(txn.as_mut(), &KeyRange::prefix(b"r"), limit, false).await?;
    ensure(rows.rows.len() <= KV_PAGE_ROWS_MAX && rows.more, "KV_PAGE_ROWS_MAX caps any page")?;
    let rows = super::page(txn.as_mut(), &KeyRange::prefix(b"s"), limit, true).await?;
    let bytes: usize = rows.rows.iter().map(|(key, value)| key.len() + value.len()).sum();
    ensure(bytes <= KV_PAGE_BYTES_MAX + KV_VALUE_BYTES_MAX && rows.more, "KV_PAGE_BYTES_MAX caps any page")
}
