//! SUMMARY    The memory store conforms, by itself and behind faults.

use base::{Clock, Timestamp, limits::KV_TXN_MS_MAX};
use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};
use store::{
    CommitError, Kv, MemKv, Read, ReadError, conformance,
    faults::{FaultRates, Faulty},
};

fn make() -> Arc<dyn Kv> {
    Arc::new(MemKv::new())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn conforms() {
    assert!(make().snapshot().await.is_ok());
    conformance::run(make).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn conforms_behind_a_wrapper_without_faults() {
    conformance::run(|| Arc::new(Faulty::new(make(), 1, FaultRates::default()))).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn operations_count_once_in_bad_weather() {
    for seed in 0..5 {
        let kv: Arc<dyn Kv> = Arc::new(Faulty::new(make(), seed, FaultRates::STORMY));
        conformance::retried(&kv, 6, 40).await.unwrap_or_else(|why| panic!("seed {seed}: {why}"));
    }
}

#[tokio::test]
async fn serialisable_with_conflicts_thrown_in() {
    let rates = FaultRates { conflict: 200, ..FaultRates::default() };
    let kv: Arc<dyn Kv> = Arc::new(Faulty::new(make(), 3, rates));
    conformance::serialisable(&kv, conformance::Mix::Everything, 6, 60).await.unwrap();
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
    let kv = MemKv::with_clock(clock.clone());
    let mut txn = kv.begin();
    txn.set(b"a", b"1");
    clock.0.fetch_add(KV_TXN_MS_MAX as i64, Ordering::SeqCst);
    assert!(txn.get(b"a", Read::Serializable).await.is_ok());
    clock.0.fetch_add(1, Ordering::SeqCst);
    assert_eq!(txn.get(b"a", Read::Serializable).await, Err(ReadError::TooOld));
    assert_eq!(txn.submit().err(), Some(CommitError::TooOld));
}

#[tokio::test]
async fn a_crash_fails_everything_until_the_restart() {
    let faulty = Faulty::new(make(), 9, FaultRates::default());
    faulty.crash_after(3);
    let mut acknowledged = 0;
    for n in 0..10_u8 {
        let mut txn = faulty.begin();
        txn.set(&[b'k', n], b"1");
        let Ok(durable) = txn.submit() else { break };
        if durable.await.is_ok() {
            acknowledged += 1;
        }
    }
    assert_eq!(acknowledged, 3);
    assert!(faulty.is_crashed() && faulty.health().await.is_err());
    assert!(faulty.begin().get(b"k", Read::Snapshot).await.is_err());
    faulty.restart();
    for n in 0..3 {
        assert!(faulty.begin().get(&[b'k', n], Read::Snapshot).await.unwrap().is_some());
    }
}
