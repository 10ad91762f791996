//! SUMMARY    The suite of every store, on FoundationDB. `live` runs the same on a live cluster.

use crate::{
    cluster::{Cluster, is_fake},
    turns::Turns,
};
use std::{collections::BTreeSet, sync::Arc};
use store::{
    KeyRange, Kv, PageLimit, Read, conformance,
    faults::{FaultRates, Faulty},
};

/// A deployment whose commits have versions of their own, which the suite asks for.
fn fresh(cluster: &Cluster) -> Arc<dyn Kv> {
    if is_fake() { cluster.fresh() } else { Turns::over(cluster.fresh()) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn conforms() {
    let cluster = Cluster::new("");
    conformance::run(|| fresh(&cluster)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn serialisable() {
    let cluster = Cluster::new("");
    for mix in [conformance::Mix::Points, conformance::Mix::Everything] {
        conformance::serialisable(&fresh(&cluster), mix, 8, 100).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn operations_count_once_behind_the_wrapper_of_faults() {
    let cluster = Cluster::new("");
    for seed in 0..3 {
        let kv: Arc<dyn Kv> = Arc::new(Faulty::new(cluster.fresh(), seed, FaultRates::STORMY));
        conformance::retried(&kv, 6, 40).await.unwrap_or_else(|why| panic!("seed {seed}: {why}"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn operations_count_once_where_commits_arrive_late() {
    let cluster = Cluster::new("");
    let rates = FaultRates { unknown_late: 100, ..FaultRates::default() };
    let kv: Arc<dyn Kv> = Arc::new(Faulty::new(cluster.fresh(), 11, rates));
    conformance::retried(&kv, 6, 40).await.unwrap();
}

/// Transactions that begin between a commit's sending and its deciding do not see it, unless its sender may expect that.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn conforms_where_commits_take_their_time() {
    let cluster = Cluster::new("delay_ms=2");
    conformance::run(|| fresh(&cluster)).await.unwrap();
}

/// As on a live cluster: commits could share a version, but take turns.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn conforms_where_commits_take_turns() {
    let cluster = Cluster::new("delay_ms=2,batch=1");
    conformance::run(|| Turns::over(cluster.fresh())).await.unwrap();
}

/// On a real cluster commits of one moment share a version, and only their stamps tell them apart. What relies on stamps and on
/// conflicts holds; `conformance::serialisable` wants versions that differ, and would fail.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn stamps_differ_where_commits_share_a_version() {
    let cluster = Cluster::new("delay_ms=2,batch=1");
    let kv = cluster.fresh();
    // All of them begin before the first is sent, or they would wait for each other.
    let begun: Vec<_> = (0..50_u8)
        .map(|n| {
            let mut txn = kv.begin();
            txn.set_versionstamped(b"log/", b"", &[n]);
            txn
        })
        .collect();
    let commits: Vec<_> = begun.into_iter().map(|txn| tokio::spawn(txn.submit().unwrap())).collect();
    let mut versions = BTreeSet::new();
    for commit in commits {
        versions.insert(commit.await.unwrap().unwrap().version);
    }
    let log = kv.begin_read().range(&KeyRange::prefix(b"log/"), PageLimit::MAX, false, Read::Snapshot).await.unwrap();
    assert_eq!(log.rows.len(), 50);
    if is_fake() {
        assert!(versions.len() < 50, "{} versions", versions.len());
    }
    conformance::retried(&cluster.fresh(), 6, 40).await.unwrap();
}
