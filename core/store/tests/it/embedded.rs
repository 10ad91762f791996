//! SUMMARY    The embedded store conforms, keeps what it acknowledged, and refuses folders it must not touch.

use std::{
    fs,
    sync::{Arc, Mutex},
};
use store::{
    CommitError, KeyRange, Kv, PageLimit, Read, conformance,
    embedded::{EmbeddedOptions, OpenError, open},
    faults::{FaultRates, Faulty},
};
use tempfile::TempDir;

fn small() -> EmbeddedOptions {
    EmbeddedOptions { cache_bytes: 1 << 20, memtable_bytes: 1 << 20, workers: 1, ..EmbeddedOptions::default() }
}

async fn put(kv: &Arc<dyn Kv>, key: &[u8], value: &[u8]) {
    let mut txn = kv.begin();
    txn.set(key, value);
    txn.submit().unwrap().await.unwrap();
}

async fn get(kv: &Arc<dyn Kv>, key: &[u8]) -> Option<Vec<u8>> {
    kv.begin_read().get(key, Read::Snapshot).await.unwrap().map(|value| value.to_vec())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn conforms() {
    let folders: Mutex<Vec<TempDir>> = Mutex::default();
    let folder = tempfile::tempdir().unwrap();
    assert!(open(folder.path(), small()).unwrap().snapshot().await.is_ok());
    conformance::run(|| {
        let folder = tempfile::tempdir().unwrap();
        let kv = open(folder.path(), small()).unwrap();
        folders.lock().unwrap().push(folder);
        kv
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn operations_count_once_in_bad_weather() {
    for seed in 0..2 {
        let folder = tempfile::tempdir().unwrap();
        let kv: Arc<dyn Kv> = Arc::new(Faulty::new(open(folder.path(), small()).unwrap(), seed, FaultRates::STORMY));
        conformance::retried(&kv, 6, 30).await.unwrap_or_else(|why| panic!("seed {seed}: {why}"));
    }
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let mut last = store::Version(0);
    for round in 0..5_u8 {
        let kv = open(folder.path(), small()).unwrap();
        for earlier in 0..round {
            assert_eq!(get(&kv, &[b'k', earlier]).await.unwrap(), vec![earlier; 5_000]);
            assert_eq!(get(&kv, &[b'x', earlier]).await, None);
        }
        put(&kv, &[b'k', round], &vec![round; 5_000]).await;
        put(&kv, &[b'x', round], b"gone").await;
        let mut txn = kv.begin();
        txn.clear_range(&KeyRange::prefix(b"x"));
        let version = txn.submit().unwrap().await.unwrap().version;
        assert!(version > last, "versions rise over restarts");
        last = version;
        if round % 2 == 0 {
            kv.close().await;
            assert!(kv.health().await.is_err());
        }
    }
}

#[tokio::test]
async fn a_closed_store_refuses_writes() {
    let folder = tempfile::tempdir().unwrap();
    let kv = open(folder.path(), small()).unwrap();
    let mut txn = kv.begin();
    txn.set(b"a", b"1");
    let durable = txn.submit().unwrap();
    kv.close().await;
    durable.await.unwrap();
    let mut txn = kv.begin();
    txn.set(b"a", b"2");
    assert!(matches!(txn.submit(), Err(CommitError::Fatal(_))));
}

#[tokio::test]
async fn writes_that_are_on_their_way_are_seen_by_writers() {
    let folder = tempfile::tempdir().unwrap();
    let kv = open(folder.path(), small()).unwrap();
    let mut waiting = Vec::new();
    for n in 0..200_u32 {
        let mut txn = kv.begin();
        let before = txn.get(b"n", Read::Serializable).await.unwrap();
        let expect = n.checked_sub(1).map(|n| n.to_be_bytes().to_vec());
        assert_eq!(before.map(|value| value.to_vec()), expect);
        txn.set(b"n", &n.to_be_bytes());
        txn.add(b"sum", 1);
        waiting.push(txn.submit().unwrap());
    }
    let mut last = None;
    for durable in waiting {
        let version = durable.await.unwrap().version;
        assert!(last < Some(version));
        last = Some(version);
    }
    assert_eq!(get(&kv, b"sum").await.unwrap(), 200_i64.to_le_bytes());
}

#[tokio::test]
async fn a_folder_is_opened_once() {
    let folder = tempfile::tempdir().unwrap();
    let kv = open(folder.path(), small()).unwrap();
    assert!(matches!(open(folder.path(), small()), Err(OpenError::InUse(_))));
    drop(kv);
    open(folder.path(), small()).unwrap();
}

#[tokio::test]
async fn a_folder_of_another_format_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path(), small()).unwrap());
    let format = folder.path().join("format");
    fs::write(&format, "posthouse store 2\nfjall 9\n").unwrap();
    assert!(matches!(open(folder.path(), small()), Err(OpenError::Format { .. })));
    fs::remove_file(&format).unwrap();
    assert!(matches!(open(folder.path(), small()), Err(OpenError::Format { .. })));
}

#[tokio::test]
async fn a_journal_that_lost_commits_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let kv = open(folder.path(), small()).unwrap();
    for n in 0..20_u8 {
        put(&kv, &[b'k', n], &[n; 100]).await;
    }
    kv.close().await;
    drop(kv);
    let journal = fs::read_dir(folder.path().join("rows"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|name| name == "jnl"))
        .unwrap();
    let mut bytes = fs::read(&journal).unwrap();
    // Damage one record in the middle: fjall silently drops it and all that follow.
    let at = bytes.windows(100).position(|window| window == [10; 100]).unwrap();
    bytes[at + 50] ^= 1;
    fs::write(&journal, bytes).unwrap();
    match open(folder.path(), small()).err() {
        Some(OpenError::Regressed { found, acknowledged }) => assert!(found < acknowledged),
        Some(OpenError::Damaged(_)) => {}
        other => panic!("opened: {other:?}"),
    }
}

#[tokio::test]
async fn many_rows_survive_tables_and_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let rows = 20_000;
    let kv = open(folder.path(), small()).unwrap();
    for chunk in 0..40_u32 {
        let mut txn = kv.begin();
        for n in chunk * 500..(chunk + 1) * 500 {
            txn.set(&n.to_be_bytes(), &[chunk as u8; 300]);
        }
        txn.submit().unwrap().await.unwrap();
    }
    let mut txn = kv.begin();
    txn.clear_range(&KeyRange { from: 5_000_u32.to_be_bytes().to_vec(), to: 15_000_u32.to_be_bytes().to_vec() });
    txn.submit().unwrap().await.unwrap();
    assert_eq!(count(&kv).await, rows - 10_000);
    drop(kv);
    assert_eq!(count(&open(folder.path(), small()).unwrap()).await, rows - 10_000);
}

async fn count(kv: &Arc<dyn Kv>) -> usize {
    let (mut seen, mut range) = (0, KeyRange::prefix(b""));
    loop {
        let page = kv.begin_read().range(&range, PageLimit::MAX, true, Read::Snapshot).await.unwrap();
        seen += page.rows.len();
        let Some((last, _)) = page.rows.last().filter(|_| page.more) else { return seen };
        range.to = last.to_vec();
    }
}
