//! SUMMARY    Cleared rows leave the files: what the engine has written so far is written anew without them, and the old files go.
//! LIMITS     KV_TXN_MS_MAX, KV_ATTEMPTS_MAX
//! INVARIANTS It ends well only when every journal, table and file of values that stood at its beginning is gone. Commits go on
//!            meanwhile; of other rows not one is changed. It may be cut off anywhere: what is left is whole, and it begins anew.

use super::{
    checkpoint,
    disk::{Handles, SEPARATE_BYTES_MIN},
    engine::Shared,
};
use crate::{
    kv::{CommitError, Kv, Read},
    layer::Slice,
};
use base::limits::{KV_ATTEMPTS_MAX, KV_KEYS_END, KV_TXN_MS_MAX};
use std::{
    collections::BTreeSet,
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

/// Bytes of big values that are written anew in one transaction.
const REWRITE_BYTES: usize = 4 << 20;
/// Between two looks whether the last reader of old versions is gone, or an old file.
const POLL: Duration = Duration::from_millis(20);
/// How often files are merged until the old ones are gone: what the first round drops frees what the next one deletes.
const ROUNDS: usize = 3;

/// Makes the files forget what was cleared before this call.
pub(super) async fn forget(kv: &dyn Kv, shared: &Arc<Shared>) -> Result<(), String> {
    let old = files(&shared.folder.rows()).map_err(|why| format!("looking at the store's files: {why}"))?;
    rewrite_big_values(kv, shared).await?;
    let shared = Arc::clone(shared);
    let work = move || drop_files(&shared, &old);
    tokio::task::spawn_blocking(work).await.map_err(|why| format!("forgetting ended: {why}"))?
}

/// Files with rows: journals, tables, and values that are kept apart.
fn files(rows: &Path) -> io::Result<BTreeSet<PathBuf>> {
    let mut found = BTreeSet::new();
    let mut folders = vec![rows.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let path = entry?.path();
            let within = |name: &str| path.parent().and_then(Path::file_name).is_some_and(|of| of == name);
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "jnl") || within("tables") || within("blobs") {
                found.insert(path);
            }
        }
    }
    // The engine's own list of keyspaces never held a row of ours.
    let own = rows.join("keyspaces").join("0");
    found.retain(|path| !path.starts_with(&own));
    Ok(found)
}

/// Big values lie in files of their own, which go only as a whole: those that live are written again, behind the others.
async fn rewrite_big_values(kv: &dyn Kv, shared: &Arc<Shared>) -> Result<(), String> {
    let mut from: Option<Slice> = Some(Slice::from(vec![0]));
    while let Some(next) = from.take() {
        let shared = Arc::clone(shared);
        let found = tokio::task::spawn_blocking(move || some_big(&shared, &next));
        let (keys, more) = found.await.map_err(|why| format!("reading big values: {why}"))??;
        if !keys.is_empty() {
            rewrite(kv, &keys).await?;
        }
        from = more;
    }
    Ok(())
}

/// Keys of big values from a key on, and where to go on.
fn some_big(shared: &Shared, from: &[u8]) -> Result<(Vec<Slice>, Option<Slice>), String> {
    let view = shared.published();
    let (mut keys, mut bytes) = (Vec::new(), 0);
    for row in view.base.scan(from, KV_KEYS_END, false) {
        let (key, value) = row?;
        if bytes >= REWRITE_BYTES {
            return Ok((keys, Some(key)));
        }
        if value.len() >= SEPARATE_BYTES_MIN as usize {
            bytes += value.len() + key.len();
            keys.push(key);
        }
    }
    Ok((keys, None))
}

/// Writes values as they are; one that changes meanwhile is written by who changes it, so the attempt is made again.
async fn rewrite(kv: &dyn Kv, keys: &[Slice]) -> Result<(), String> {
    for _ in 0..KV_ATTEMPTS_MAX {
        let mut txn = kv.begin();
        let mut is_old = false;
        for key in keys {
            match txn.get(key, Read::Serializable).await {
                Ok(Some(value)) => txn.set(key, &value),
                Ok(None) => {}
                Err(crate::kv::ReadError::TooOld) => is_old = true,
                Err(why) => return Err(why.to_string()),
            }
        }
        let ended = if is_old { Err(CommitError::TooOld) } else { commit(txn).await };
        match ended {
            Ok(()) => return Ok(()),
            Err(CommitError::Conflict | CommitError::TooOld) => {}
            Err(why) => return Err(why.to_string()),
        }
    }
    Err("limit KV_ATTEMPTS_MAX".to_owned())
}

async fn commit(txn: Box<dyn crate::kv::KvTxn>) -> Result<(), CommitError> {
    txn.submit()?.await.map(|_| ())
}

/// Seals the journal, writes what is in memory as tables, merges all of them, until none of the `old` files is left.
fn drop_files(shared: &Shared, old: &BTreeSet<PathBuf>) -> Result<(), String> {
    for _ in 0..ROUNDS {
        let handles = shared.handles().ok_or_else(|| "the store is not open".to_owned())?;
        handles.fill_journal()?;
        newest_only(shared, &handles)?;
        handles.merge()?;
        // What was merged is let go of with the versions that knew it.
        handles.touch()?;
        newest_only(shared, &handles)?;
        handles.flush()?;
        if are_gone(old) {
            // What a snapshot was copied from may have been among them.
            return checkpoint::end_all(shared);
        }
    }
    let left = old.iter().filter(|path| path.exists()).count();
    Err(format!("{left} files with old rows are still there"))
}

/// Waits until nobody reads what was published before now: as long as a transaction may live, twice.
fn newest_only(shared: &Shared, handles: &Handles) -> Result<(), String> {
    let before = handles.newest_snapshot();
    shared.publish_again();
    let until = Instant::now() + Duration::from_millis(2 * KV_TXN_MS_MAX);
    while !shared.is_published() || handles.oldest_snapshot().is_some_and(|oldest| oldest <= before) {
        shared.health()?;
        if Instant::now() >= until {
            return Err("somebody still reads an old version of the store".to_owned());
        }
        std::thread::park_timeout(POLL);
    }
    handles.tidy();
    Ok(())
}

/// Whether the files are gone; the engine deletes them on a thread of its own.
fn are_gone(old: &BTreeSet<PathBuf>) -> bool {
    let until = Instant::now() + Duration::from_millis(KV_TXN_MS_MAX);
    while old.iter().any(|path| path.exists()) {
        if Instant::now() >= until {
            return false;
        }
        std::thread::park_timeout(POLL);
    }
    true
}
