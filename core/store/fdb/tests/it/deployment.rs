//! SUMMARY    Deployments in one cluster: apart from each other, found again, seen by other tools; and what the store says of itself.

use crate::cluster::Cluster;
use base::limits::KV_KEY_BYTES_MAX;
use std::{path::PathBuf, sync::Arc};
use store::{CommitError, KeyRange, Kv, PageLimit, Read};
use store_fdb::{FdbKv, LoadError, OpenError, Options, limits::FDB_PREFIX_BYTES_MAX};

async fn put(kv: &Arc<FdbKv>, key: &[u8], value: &[u8]) {
    let mut txn = kv.begin();
    txn.set(key, value);
    txn.submit().unwrap().await.unwrap();
}

async fn rows(kv: &Arc<FdbKv>) -> Vec<(Vec<u8>, Vec<u8>)> {
    let page = kv.begin_read().range(&KeyRange::prefix(b""), PageLimit::MAX, false, Read::Snapshot).await.unwrap();
    page.rows.iter().map(|(key, value)| (key.to_vec(), value.to_vec())).collect()
}

#[tokio::test]
async fn deployments_do_not_see_each_other() {
    let cluster = Cluster::new("");
    let (one, two) = (cluster.open("one").await.unwrap(), cluster.open("two").await.unwrap());
    assert_ne!(one.absolute_range(), two.absolute_range());
    put(&one, b"k", b"1").await;
    put(&two, b"k", b"2").await;
    let mut txn = one.begin();
    txn.clear_range(&KeyRange::prefix(b""));
    txn.submit().unwrap().await.unwrap();
    assert_eq!(rows(&one).await, []);
    assert_eq!(rows(&two).await, [(b"k".to_vec(), b"2".to_vec())]);
}

#[tokio::test]
async fn a_deployment_is_found_again() {
    let cluster = Cluster::new("");
    let first = cluster.open("one").await.unwrap();
    put(&first, b"k", b"1").await;
    let again = cluster.open("one").await.unwrap();
    assert_eq!(first.absolute_range(), again.absolute_range());
    assert_eq!(rows(&again).await, [(b"k".to_vec(), b"1".to_vec())]);
    let prefix_bytes = again.absolute_range().from.len();
    assert!((1..=FDB_PREFIX_BYTES_MAX).contains(&prefix_bytes), "{prefix_bytes}");
}

#[tokio::test]
async fn the_longest_keys_are_in_order_with_their_neighbours() {
    let kv = Cluster::new("").open("one").await.unwrap();
    let longest = vec![b'k'; KV_KEY_BYTES_MAX];
    let before = vec![b'k'; KV_KEY_BYTES_MAX - 1];
    for key in [&longest, &before, &b"l".to_vec()] {
        put(&kv, key, b"").await;
    }
    let keys: Vec<Vec<u8>> = rows(&kv).await.into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys, [before, longest, b"l".to_vec()]);
}

#[tokio::test]
async fn a_commit_that_nobody_waits_for_is_seen_by_the_next_transaction() {
    let kv = Cluster::new("").open("one").await.unwrap();
    for n in 0..20_u8 {
        let mut txn = kv.begin();
        txn.set(b"k", &[n]);
        drop(txn.submit().unwrap());
        let seen = kv.begin().get(b"k", Read::Serializable).await.unwrap();
        assert_eq!(seen.as_deref(), Some(&[n][..]));
    }
    kv.close().await;
}

#[tokio::test]
async fn readers_do_not_wait_for_commits_and_writers_only_as_long_as_these_may_take() {
    let fair = Cluster::new("");
    fair.open("one").await.unwrap();
    let mut slow = fair.failing("delay_ms=600000");
    slow.timeout_ms = 1_000;
    let kv = slow.open("one").await.unwrap();
    let mut txn = kv.begin();
    txn.set(b"k", b"1");
    let undecided = txn.submit().unwrap();
    let mut writer = kv.begin();
    assert_eq!(kv.begin_read().get(b"k", Read::Snapshot).await, Ok(None));
    assert_eq!(undecided.await, Err(CommitError::Unknown));
    let seen = writer.get(b"k", Read::Serializable).await;
    assert!(!matches!(seen, Ok(Some(_))), "its own time may be up by now: {seen:?}");
    assert_eq!(kv.begin().get(b"k", Read::Serializable).await, Ok(None));
}

#[tokio::test]
async fn a_guard_set_before_others_are_decided_holds() {
    let kv = Cluster::new("").open("one").await.unwrap();
    let mut other = kv.begin();
    other.set(b"x", b"1");
    let undecided = other.submit().unwrap();
    // Begins while a commit is under way: its version is asked for late, but before its own commit.
    let mut txn = kv.begin();
    txn.must_not_change(&KeyRange::prefix(b"k"));
    txn.set(b"y", b"1");
    undecided.await.unwrap();
    txn.submit().unwrap().await.unwrap();
    assert_eq!(rows(&kv).await.len(), 2);
}

#[tokio::test]
async fn it_says_who_it_is_and_how_it_does() {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().install_recorder().unwrap();
    let kv = Cluster::new("").open("one").await.unwrap();
    assert_eq!(kv.name(), "FoundationDB");
    assert!(kv.commit_may_be_unknown() && kv.has_room() && !kv.is_lost());
    assert_eq!(kv.health().await, Ok(()));
    put(&kv, b"k", b"1").await;
    let mut txn = kv.begin();
    txn.get(b"k", Read::Serializable).await.unwrap();
    txn.set(b"k", b"2");
    put(&kv, b"k", b"3").await;
    assert!(txn.submit().unwrap().await.is_err());
    let told = recorder.render();
    for name in ["store_commits_total", "store_commit_seconds", "store_commit_errors_total{kind=\"conflict\"}"] {
        assert!(told.contains(name), "{name} in {told}");
    }
}

#[tokio::test]
async fn one_library_serves_a_process() {
    let cluster = Cluster::new("");
    cluster.open("one").await.unwrap();
    let other = Some(PathBuf::from("/nowhere/libfdb_c.so"));
    let options = Options { library: other, ..Options::of("one", Arc::clone(&cluster.clock)) };
    assert_eq!(options.directory, ["posthouse", "one"]);
    match FdbKv::open(options).await {
        Err(OpenError::Library(LoadError::Other { .. })) => {}
        Err(why) => panic!("{why}"),
        Ok(_) => panic!("opened"),
    }
}
