//! SUMMARY    The suite of every store, on FoundationDB. `live` runs the same on a live cluster.

use crate::cluster::{Cluster, is_fake};
use std::{collections::BTreeSet, sync::Arc};
use store::{
    Kv, conformance,
    faults::{FaultRates, Faulty},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn conforms() {
    let cluster = Cluster::new("");
    conformance::run(|| cluster.fresh()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_snapshot_is_refused_with_the_name_of_what_makes_backups() {
    let kv = Cluster::new("").fresh();
    let why = kv.snapshot().await.err().unwrap().to_string();
    assert!(why.contains("FoundationDB is backed up by its own means (fdbbackup)"), "{why}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn serialisable() {
    let cluster = Cluster::new("");
    for mix in [conformance::Mix::Points, conformance::Mix::Everything] {
        conformance::serialisable(&cluster.fresh(), mix, 8, 100).await.unwrap();
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
    conformance::run(|| cluster.fresh()).await.unwrap();
}

/// As on a live cluster: commits of one moment share a version.
const BATCHED: &str = "delay_ms=2,batch=1";

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn conforms_where_commits_share_a_version() {
    let cluster = Cluster::new(BATCHED);
    conformance::run(|| cluster.fresh()).await.unwrap();
    conformance::serialisable(&cluster.fresh(), conformance::Mix::Everything, 16, 60).await.unwrap();
    conformance::retried(&cluster.fresh(), 6, 40).await.unwrap();
}

/// What the test above is worth: there, commits do share versions, and their order tells them apart.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn commits_of_one_moment_differ_in_their_order() {
    let kv = Cluster::new(BATCHED).fresh();
    // All of them begin before the first is sent, or they would wait for each other.
    let begun: Vec<_> = (0..50_u8)
        .map(|n| {
            let mut txn = kv.begin();
            txn.set(&[n], b"");
            txn
        })
        .collect();
    let sent: Vec<_> = begun.into_iter().map(|txn| tokio::spawn(txn.submit().unwrap())).collect();
    let (mut versions, mut commits) = (BTreeSet::new(), BTreeSet::new());
    for commit in sent {
        let done = commit.await.unwrap().unwrap();
        versions.insert(done.version);
        commits.insert(done);
    }
    assert_eq!(commits.len(), 50);
    let seen = kv.begin_read().submit().unwrap().await.unwrap();
    assert!(commits.last().is_some_and(|last| *last < seen), "what only reads is behind what it reads: {seen:?}");
    if is_fake() {
        assert!(versions.len() < 50, "{} versions", versions.len());
    }
}
