//! SUMMARY    Snapshots of the embedded store stand apart from it: they outlive its writes and its ups and downs, and leave nothing.

use std::{path::Path, sync::Arc};
use store::{
    KeyRange, Kv, KvSnapshot, PageLimit, ReadError,
    embedded::{EmbeddedOptions, open},
};

const MARK: &[u8] = b"a-marker-of-who-has-left";

fn small() -> EmbeddedOptions {
    EmbeddedOptions { cache_bytes: 1 << 20, memtable_bytes: 1 << 20, workers: 1, ..EmbeddedOptions::default() }
}

fn snapshots(folder: &Path) -> usize {
    std::fs::read_dir(folder.join("snapshots")).map_or(0, Iterator::count)
}

async fn put(kv: &Arc<dyn Kv>, n: u32, value: &[u8]) {
    let mut txn = kv.begin();
    txn.set(format!("row/{n:06}").as_bytes(), value);
    txn.submit().unwrap().await.unwrap();
}

async fn rows(snapshot: &mut dyn KvSnapshot) -> Result<usize, ReadError> {
    let (mut rest, mut count) = (KeyRange::prefix(b"row/"), 0);
    loop {
        let page = snapshot.page(&rest, PageLimit::MAX).await?;
        count += page.rows.len();
        let Some((last, _)) = page.rows.last().filter(|_| page.more) else { return Ok(count) };
        rest.from = [last.as_ref(), &[0]].concat();
    }
}

/// More than the journal and the memtables hold, so that tables are written and merged under the snapshot.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_read_whole_though_every_file_it_came_from_was_written_anew_and_it_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let kv = open(folder.path(), small()).unwrap();
    let value = vec![b'v'; 40_000];
    for n in 0..200 {
        put(&kv, n, &value).await;
    }
    let mut first = kv.snapshot().await.unwrap();
    for n in 100..2_500 {
        put(&kv, n, &value[..usize::try_from(n).unwrap()]).await;
    }
    let mut second = kv.snapshot().await.unwrap();
    assert_eq!(snapshots(folder.path()), 2);
    assert_eq!(rows(first.as_mut()).await.unwrap(), 200);
    assert_eq!(rows(second.as_mut()).await.unwrap(), 2_500);
    let page = first.page(&KeyRange::prefix(b"row/000150"), PageLimit::MAX).await.unwrap();
    assert_eq!(page.rows[0].1.len(), 40_000, "as it was, not as it is");
    drop(first);
    assert_eq!(snapshots(folder.path()), 1, "its files went with it");
    kv.close().await;
    drop(kv);
    assert_eq!(rows(second.as_mut()).await.unwrap(), 2_500, "it does not need the store");
    drop(second);
    assert_eq!(snapshots(folder.path()), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_forgotten_is_in_no_snapshot_either() {
    let folder = tempfile::tempdir().unwrap();
    let kv = open(folder.path(), small()).unwrap();
    put(&kv, 1, MARK).await;
    put(&kv, 2, b"stays").await;
    let mut snapshot = kv.snapshot().await.unwrap();
    let gone = KeyRange::prefix(b"row/000001");
    let mut txn = kv.begin();
    txn.clear_range(&gone);
    txn.submit().unwrap().await.unwrap();
    assert_eq!(rows(snapshot.as_mut()).await.unwrap(), 2);
    kv.forget(&gone).await.unwrap();
    assert_eq!(snapshots(folder.path()), 0, "it was ended");
    assert_eq!(rows(snapshot.as_mut()).await, Err(ReadError::TooOld));
    let mut next = kv.snapshot().await.unwrap();
    assert_eq!(rows(next.as_mut()).await.unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_killed_process_left_of_its_snapshots_goes_at_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let kv = open(folder.path(), small()).unwrap();
    put(&kv, 1, b"1").await;
    let snapshot = kv.snapshot().await.unwrap();
    std::mem::forget(snapshot);
    kv.close().await;
    drop(kv);
    assert_eq!(snapshots(folder.path()), 1);
    let kv = open(folder.path(), small()).unwrap();
    assert_eq!(snapshots(folder.path()), 0);
    assert_eq!(rows(kv.snapshot().await.unwrap().as_mut()).await.unwrap(), 1);
    kv.close().await;
    assert!(matches!(kv.snapshot().await, Err(ReadError::Fatal(why)) if why.contains("closed")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn it_is_taken_while_commits_never_cease() {
    let folder = tempfile::tempdir().unwrap();
    let kv = open(folder.path(), small()).unwrap();
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let kv = kv.clone();
            tokio::spawn(async move {
                for n in 0..500 {
                    put(&kv, writer * 1_000 + n, b"1").await;
                }
            })
        })
        .collect();
    let mut last = 0;
    while writers.iter().any(|writer| !writer.is_finished()) {
        let found = rows(kv.snapshot().await.unwrap().as_mut()).await.unwrap();
        assert!(found >= last, "later ones see more");
        last = found;
    }
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(rows(kv.snapshot().await.unwrap().as_mut()).await.unwrap(), 2_000);
}
