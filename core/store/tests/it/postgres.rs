//! SUMMARY    PostgreSQL as a store conforms, alone and as two nodes, and nothing is lost or doubled when it fails.

use super::{
    blob_world::{noise, space},
    postgres_server::PostgresServer,
};
use base::{Clock, SystemClock, SystemRng, limits::KV_TXN_MS_MAX};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};
use store::{
    BoxFuture, CommitError, Kv, KvSnapshot, KvTxn, Read, ReadError,
    blob::{self, FsObjects, Stager, TenantKey},
    conformance,
    faults::{FaultRates, Faulty},
    postgres::{OpenError, PostgresOptions, open},
};
use tokio::{runtime::Handle, task::block_in_place};

fn node(options: &PostgresOptions) -> Arc<dyn Kv> {
    Arc::new(block_in_place(|| Handle::current().block_on(open(options))).unwrap())
}

/// Two nodes over one store: each transaction begins at the other one.
struct Nodes {
    nodes: [Arc<dyn Kv>; 2],
    turn: AtomicUsize,
}

impl Nodes {
    fn open(options: &PostgresOptions) -> Self {
        Nodes { nodes: [node(options), node(options)], turn: AtomicUsize::new(0) }
    }

    fn next(&self) -> &Arc<dyn Kv> {
        &self.nodes[self.turn.fetch_add(1, Ordering::Relaxed) % 2]
    }
}

impl Kv for Nodes {
    fn begin(&self) -> Box<dyn KvTxn> {
        self.next().begin()
    }
    fn begin_read(&self) -> Box<dyn KvTxn> {
        self.next().begin_read()
    }
    fn commit_may_be_unknown(&self) -> bool {
        true
    }
    fn validates_at_submit(&self) -> bool {
        false
    }
    fn name(&self) -> &'static str {
        "two nodes"
    }
    fn health(&self) -> BoxFuture<'_, Result<(), String>> {
        self.nodes[0].health()
    }
    fn snapshot(&self) -> BoxFuture<'_, Result<Box<dyn KvSnapshot>, ReadError>> {
        let node = self.next().clone();
        Box::pin(async move { node.snapshot().await })
    }
    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            for node in &self.nodes {
                node.close().await;
            }
        })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn conforms() {
    let server = PostgresServer::start();
    assert!(node(&server.fresh()).snapshot().await.is_ok());
    conformance::run(|| node(&server.fresh())).await.unwrap();
    conformance::run(|| Arc::new(Nodes::open(&server.fresh()))).await.unwrap();
    for seed in 0..2 {
        let kv: Arc<dyn Kv> = Arc::new(Faulty::new(node(&server.fresh()), seed, FaultRates::STORMY));
        conformance::retried(&kv, 6, 30).await.unwrap_or_else(|why| panic!("seed {seed}: {why}"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn operations_count_once_while_connections_and_the_server_die() {
    let server = Arc::new(PostgresServer::start());
    let kv: Arc<dyn Kv> = Arc::new(Nodes::open(&server.fresh()));
    let done = Arc::new(AtomicBool::new(false));
    let (killer, stop) = (server.clone(), done.clone());
    let kills = tokio::spawn(async move {
        let mut kills = 0;
        while !stop.load(Ordering::Relaxed) {
            if kills % 6 == 5 {
                block_in_place(|| killer.down());
                tokio::time::sleep(Duration::from_millis(300)).await;
                block_in_place(|| killer.up());
            } else {
                let mine = "application_name = 'posthouse' AND pid <> pg_backend_pid()";
                let kill = format!("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE {mine}");
                block_in_place(|| killer.ask(&kill));
            }
            kills += 1;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        kills
    });
    let outcome = conformance::retried(&kv, 8, 25).await;
    done.store(true, Ordering::Relaxed);
    let kills = kills.await.unwrap();
    outcome.unwrap();
    assert!(kills > 6, "the server died at least once: {kills}");
    kv.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_transaction_gives_its_connection_back_and_the_log_is_cut() {
    let server = PostgresServer::start();
    let options = server.fresh();
    let kv = node(&options);
    let put = async |key: &[u8]| {
        let mut txn = kv.begin();
        txn.set(key, b"1");
        txn.submit()?.await
    };
    put(b"a").await.unwrap();
    let rows = |table: &str| server.ask(&format!("SELECT count(*) FROM {}.{table}", options.schema));
    // Beyond what an index row holds, in the order of all keys.
    let long = [b"m".as_slice(), &vec![b'x'; 5_000]].concat();
    put(&long).await.unwrap();
    put(b"z").await.unwrap();
    assert_eq!((rows("kv"), rows("kv_long"), rows("kv_log")), ("2".to_owned(), "1".to_owned(), "3".to_owned()));
    let mut txn = kv.begin();
    assert!(txn.get(b"a", Read::Serializable).await.unwrap().is_some());
    tokio::time::sleep(Duration::from_millis(KV_TXN_MS_MAX + 1_500)).await;
    let idle = "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction'";
    assert_eq!(server.ask(idle), "0", "its snapshot does not stand in the way of a vacuum");
    assert_eq!(txn.get(b"a", Read::Serializable).await, Err(ReadError::TooOld));
    txn.set(b"a", b"2");
    assert_eq!(txn.submit().err(), Some(CommitError::TooOld));
    tokio::time::sleep(Duration::from_millis(2 * KV_TXN_MS_MAX)).await;
    put(b"b").await.unwrap();
    assert_eq!(rows("kv_log"), "1");
    // A node that has never seen what was cut off goes on from there.
    let other = node(&options);
    assert!(other.begin_read().get(&long, Read::Snapshot).await.unwrap().is_some());
    let mut txn = other.begin();
    assert!(txn.get(b"b", Read::Serializable).await.unwrap().is_some());
    txn.set(b"c", b"1");
    assert!(txn.submit().unwrap().await.unwrap().version.0 == 5);
    kv.close().await;
    assert!(kv.health().await.is_err());
}

/// A big blob is in a pack before its commit, wherever packs are: megabytes in a shared store cost everybody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_big_blob_passes_by_the_store() {
    let (server, folder) = (PostgresServer::start(), tempfile::tempdir().unwrap());
    let options = server.fresh();
    let kv = node(&options);
    let objects = Arc::new(FsObjects::open(folder.path()).unwrap());
    let (key, plain, space) = (TenantKey::new([1; 32]), noise(3, 20_000_000), space("1"));
    let sealed = key.seal(&plain);
    let stager = Stager::new(kv.clone(), objects.clone(), Arc::new(SystemRng::default()));
    stager.stage(&space, &sealed, SystemClock.now()).await.unwrap();
    let mut txn = kv.begin();
    blob::put(txn.as_mut(), &space, &sealed, SystemClock.now()).await.unwrap();
    blob::link(txn.as_mut(), &space, &sealed.blob(), b"o");
    txn.submit().unwrap().await.unwrap();
    let bytes = |what: &str, table: &str| {
        server.ask(&format!("SELECT sum(length({what})) FROM {}.{table}", options.schema)).parse::<u64>().unwrap()
    };
    assert!(bytes("value", "kv") < 10_000 && bytes("writes", "kv_log") < 10_000);
    let mut txn = kv.begin_read();
    let read = blob::get(txn.as_mut(), &*objects, &space, &key, &sealed.blob(), None).await.unwrap();
    assert!(read == plain);
    kv.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_is_told() {
    let server = PostgresServer::start();
    let at = |url: &str, schema: &str| PostgresOptions {
        url: url.to_owned(),
        schema: schema.to_owned(),
        connections: 2,
        replicas: Vec::new(),
    };
    assert!(matches!(open(&at("mysql://x", "kv")).await, Err(OpenError::Invalid(_))));
    for schema in ["", "Kv", "1kv", "a b", "a;b", "a\"b", &"a".repeat(64)] {
        assert!(matches!(open(&at(&server.url(), schema)).await, Err(OpenError::Schema(_))), "{schema}");
    }
    let closed = server.url().replace(|c: char| c.is_ascii_digit(), "1").replace("111.1.1.1", "127.0.0.1");
    assert!(matches!(open(&at(&closed, "kv")).await, Err(OpenError::Server(_))));
    node(&at(&server.url(), "kv")).close().await;
    server.ask("UPDATE kv.kv_format SET format = 2");
    assert!(matches!(open(&at(&server.url(), "kv")).await, Err(OpenError::Format(2))));
}
