//! SUMMARY    The suite of every store, on FoundationDB. `live` runs the same on a live cluster.

use crate::cluster::Cluster;
use std::sync::Arc;
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
