//! SUMMARY    What was cleared and forgotten is in no file of the embedded store; all else is as it was.

use std::{fs, path::Path, sync::Arc};
use store::{
    CommitError, KeyRange, Kv, Read,
    embedded::{EmbeddedOptions, open},
};

const MARK: &[u8] = b"a-marker-of-who-has-left";

fn small() -> EmbeddedOptions {
    EmbeddedOptions { cache_bytes: 1 << 20, memtable_bytes: 1 << 20, workers: 1, ..EmbeddedOptions::default() }
}

/// Files under a folder that have the marker in them.
fn marked(folder: &Path) -> usize {
    let mut found = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found += marked(&path);
        } else {
            let bytes = fs::read(&path).unwrap_or_default();
            found += usize::from(bytes.windows(MARK.len()).any(|w| w == MARK));
        }
    }
    found
}

async fn put(kv: &Arc<dyn Kv>, rows: &[(String, Vec<u8>)]) {
    let mut txn = kv.begin();
    rows.iter().for_each(|(key, value)| txn.set(key.as_bytes(), value));
    txn.submit().unwrap().await.unwrap();
}

async fn clear(kv: &Arc<dyn Kv>, range: &KeyRange) {
    let mut txn = kv.begin();
    txn.clear_range(range);
    txn.submit().unwrap().await.unwrap();
}

/// Rows of one who leaves, small and big ones, between those of one who stays.
async fn fill(kv: &Arc<dyn Kv>, rounds: usize) {
    for n in 0..rounds {
        let big = [MARK, &vec![b'x'; 4_000]].concat();
        let rows = [
            (format!("leaves/{n}/small"), MARK.to_vec()),
            (format!("leaves/{n}/big"), big),
            (format!("stays/{n}/small"), vec![b's'; 100]),
            (format!("stays/{n}/big"), vec![b'b'; 5_000]),
        ];
        put(kv, &rows).await;
    }
}

async fn all_stay(kv: &Arc<dyn Kv>, rounds: usize) {
    let mut txn = kv.begin_read();
    for n in 0..rounds {
        for (name, value) in [("small", vec![b's'; 100]), ("big", vec![b'b'; 5_000])] {
            let key = format!("stays/{n}/{name}");
            let found = txn.get(key.as_bytes(), Read::Snapshot).await.unwrap();
            assert_eq!(found.as_deref(), Some(&value[..]), "{key}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_cleared_and_forgotten_is_in_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let leaves = KeyRange::prefix(b"leaves/");
    let kv = open(folder.path(), small()).unwrap();
    fill(&kv, 600).await;
    clear(&kv, &leaves).await;
    assert!(marked(folder.path()) > 0, "cleared alone, it is still there");
    kv.forget(&leaves).await.unwrap();
    assert_eq!(marked(folder.path()), 0);
    all_stay(&kv, 600).await;
    kv.close().await;
    drop(kv);
    let kv = open(folder.path(), small()).unwrap();
    assert_eq!(marked(folder.path()), 0);
    all_stay(&kv, 600).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_go_on_while_it_forgets_and_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let leaves = KeyRange::prefix(b"leaves/");
    let kv = open(folder.path(), small()).unwrap();
    fill(&kv, 50).await;
    clear(&kv, &leaves).await;
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let writer = tokio::spawn({
        let kv = kv.clone();
        async move {
            let mut written = 0_u64;
            while !*stopped.borrow() {
                let mut txn = kv.begin();
                let key = format!("stays/{}/big", written % 50);
                let value = txn.get(key.as_bytes(), Read::Serializable).await.unwrap().unwrap();
                txn.set(key.as_bytes(), &value);
                txn.add(b"written", 1);
                match async { txn.submit()?.await }.await {
                    Ok(_) => written += 1,
                    Err(CommitError::Conflict) => {}
                    Err(why) => panic!("{why}"),
                }
            }
            written
        }
    });
    kv.forget(&leaves).await.unwrap();
    stop.send_replace(true);
    let written = writer.await.unwrap();
    assert_eq!(marked(folder.path()), 0);
    all_stay(&kv, 50).await;
    let counted = kv.begin_read().get(b"written", Read::Snapshot).await.unwrap().unwrap();
    assert_eq!(u64::from_le_bytes(counted.as_ref().try_into().unwrap()), written);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_somebody_reads_an_old_version_it_says_so_and_ends_when_asked_again() {
    let folder = tempfile::tempdir().unwrap();
    let leaves = KeyRange::prefix(b"leaves/");
    let kv = open(folder.path(), small()).unwrap();
    fill(&kv, 5).await;
    let reader = kv.begin_read();
    clear(&kv, &leaves).await;
    let why = kv.forget(&leaves).await.unwrap_err();
    assert!(why.contains("old version"), "{why}");
    drop(reader);
    kv.forget(&leaves).await.unwrap();
    assert_eq!(marked(folder.path()), 0);
    all_stay(&kv, 5).await;
}
