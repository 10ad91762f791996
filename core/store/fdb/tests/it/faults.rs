//! SUMMARY    What the cluster answers when it fails, seen through the client: conflicts, age, unknown results, silence.

use crate::cluster::Cluster;
use base::{Clock, Timestamp, limits::KV_TXN_MS_MAX};
use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};
use store::{CommitError, Kv, KvTxn, Read, ReadError, conformance};
use store_fdb::OpenError;

/// A deployment that was made in good weather, in the weather of `rates`.
async fn in_weather(rates: &str) -> Arc<dyn Kv> {
    let fair = Cluster::new("");
    fair.open("a").await.unwrap();
    fair.failing(rates).open("a").await.unwrap()
}

async fn set(kv: &Arc<dyn Kv>) -> Result<(), CommitError> {
    let mut txn = kv.begin();
    txn.set(b"k", b"v");
    txn.submit()?.await.map(|_| ())
}

async fn get(txn: &mut dyn KvTxn) -> Result<bool, ReadError> {
    txn.get(b"k", Read::Serializable).await.map(|found| found.is_some())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn operations_count_once_on_a_faulty_cluster() {
    for seed in 0..4 {
        let rates = "conflict=100,too_old=20,read_too_old=5,read_behind=5,unknown_applied=50,unknown_lost=50";
        let cluster = Cluster::new(&format!("seed={seed},{rates}"));
        conformance::retried(&cluster.fresh(), 6, 40).await.unwrap_or_else(|why| panic!("seed {seed}: {why}"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn operations_count_once_where_answers_are_lost() {
    let mut cluster = Cluster::new("seed=5,silent=20");
    cluster.timeout_ms = 200;
    let kv = loop {
        match cluster.open("a").await {
            Ok(kv) => break kv as Arc<dyn Kv>,
            Err(OpenError::Cluster(_) | OpenError::Directory(_)) => {}
            Err(why) => panic!("{why}"),
        }
    };
    // A read that nobody answers is an error for its caller, so bodies here only write.
    let mut unknown = 0;
    for _ in 0..200 {
        match set(&kv).await {
            Ok(()) => {}
            Err(CommitError::Unknown) => unknown += 1,
            Err(why) => panic!("{why}"),
        }
    }
    assert!(unknown > 0, "no commit went without an answer");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn serialisable_with_conflicts_thrown_in() {
    let cluster = Cluster::new("seed=3,conflict=200");
    conformance::serialisable(&cluster.fresh(), conformance::Mix::Everything, 6, 60).await.unwrap();
}

/// What a look of a client is: nobody runs it again.
#[tokio::test]
async fn a_transaction_of_reads_begins_anew_before_its_first_answer_and_never_after() {
    let kv = in_weather("seed=9,read_too_old=100,read_behind=100").await;
    let (mut first, mut second) = (0, 0);
    for _ in 0..200 {
        let mut txn = kv.begin_read();
        match get(txn.as_mut()).await {
            Ok(_) => second += usize::from(get(txn.as_mut()).await.is_err()),
            Err(_) => first += 1,
        }
    }
    assert!(first <= 2, "five times a fifth: {first} of 200");
    assert!(second > 10, "two reads of one transaction see one state, or none: {second}");
}

#[tokio::test]
async fn each_failure_of_a_commit_has_its_word() {
    for (rates, want, applied) in [
        ("conflict=1000", CommitError::Conflict, false),
        ("too_old=1000", CommitError::TooOld, false),
        ("unknown_lost=1000", CommitError::Unknown, false),
        ("unknown_applied=1000", CommitError::Unknown, true),
    ] {
        let kv = in_weather(rates).await;
        assert_eq!(set(&kv).await, Err(want), "{rates}");
        assert_eq!(get(kv.begin().as_mut()).await, Ok(applied), "{rates}");
    }
}

#[tokio::test]
async fn a_read_that_another_try_can_do_is_too_old() {
    for rates in ["seed=1,read_too_old=300", "seed=1,read_behind=300"] {
        let kv = in_weather(rates).await;
        let (mut good, mut old) = (0, 0);
        for _ in 0..100 {
            match get(kv.begin().as_mut()).await {
                Ok(false) => good += 1,
                Err(ReadError::TooOld) => old += 1,
                other => panic!("{rates}: {other:?}"),
            }
        }
        assert!(good > 0 && old > 0, "{rates}: {good} {old}");
    }
}

#[tokio::test]
async fn a_silent_cluster_is_not_waited_for_for_ever() {
    let mut cluster = Cluster::new("silent=1000");
    cluster.timeout_ms = 100;
    match cluster.open("a").await {
        Err(OpenError::Cluster(why)) => assert_eq!(why.code(), 1031),
        Err(why) => panic!("{why}"),
        Ok(_) => panic!("opened"),
    }
}

/// A deployment that was opened in good luck, on a cluster that is often silent.
async fn often_silent() -> Arc<dyn Kv> {
    let fair = Cluster::new("");
    fair.open("a").await.unwrap();
    for seed in 0..100 {
        let mut silent = fair.failing(&format!("seed={seed},silent=100"));
        silent.timeout_ms = 100;
        if let Ok(kv) = silent.open("a").await {
            return kv;
        }
    }
    panic!("never opened");
}

#[tokio::test]
async fn a_read_without_an_answer_is_fatal() {
    let kv = often_silent().await;
    for _ in 0..100 {
        if let Err(why) = get(kv.begin_read().as_mut()).await {
            assert!(matches!(&why, ReadError::Fatal(why) if why.contains("timed out (1031)")), "{why}");
            return;
        }
    }
    panic!("every read was answered");
}

#[tokio::test]
async fn a_silent_cluster_is_not_healthy() {
    let kv = often_silent().await;
    for _ in 0..100 {
        if let Err(why) = kv.health().await {
            assert!(why.contains("timed out (1031)"), "{why}");
            return;
        }
    }
    panic!("always healthy");
}

struct Hands(AtomicI64);
impl Clock for Hands {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

#[tokio::test]
async fn an_old_transaction_is_too_old() {
    let clock = Arc::new(Hands(AtomicI64::new(1_000)));
    let mut cluster = Cluster::new("");
    cluster.clock = clock.clone();
    let kv = cluster.open("a").await.unwrap();
    let mut txn = kv.begin();
    txn.set(b"a", b"1");
    clock.0.fetch_add(KV_TXN_MS_MAX as i64, Ordering::SeqCst);
    assert!(txn.get(b"a", Read::Serializable).await.is_ok());
    clock.0.fetch_add(1, Ordering::SeqCst);
    assert_eq!(txn.get(b"a", Read::Serializable).await, Err(ReadError::TooOld));
    assert_eq!(txn.submit().err(), Some(CommitError::TooOld));
}
