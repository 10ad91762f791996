//! SUMMARY    The key-value store on PostgreSQL, for several nodes: snapshots of PostgreSQL are read, our own resolver validates.
//! STANDARDS  PostgreSQL 14 or newer; READ COMMITTED to write, REPEATABLE READ to read.
//! LIMITS     KV_GROUP_BYTES_MAX, KV_GROUP_COMMITS_MAX, and those of every store
//! INVARIANTS One node commits at a time, under an advisory lock, a group of transactions with one flush to the disk (docs/decisions/0055).
//!            What a node was told is durable is in every snapshot that any node takes afterwards.

mod committer;
mod connect;
mod group;
mod log;
mod snapshot;
mod txn;

use crate::{
    draft::Prepared,
    kv::{BoxFuture, CommitError, KeyRange, Kv, KvSnapshot, KvTxn, ReadError},
    resolver::KeyHasher,
};
use base::limits::{KV_GROUP_BYTES_MAX, KV_GROUP_COMMITS_MAX};
use parking_lot::Mutex;
use sqlx::PgPool;
use std::{
    collections::VecDeque,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::sync::{Notify, oneshot, watch};

pub(crate) type Waiter = oneshot::Sender<Result<u64, CommitError>>;

/// How long `health` waits for an answer.
const HEALTH_WAIT: Duration = Duration::from_secs(2);

/// Where the store is.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresOptions {
    /// `postgres://…`; may hold a password.
    pub url: String,
    /// Schema of its tables, made when it is missing: a lower-case word.
    pub schema: String,
    /// Connections of this node for reading; one more commits.
    pub connections: u32,
    /// Streaming replicas that long reads may go to, as `url`. One that lags behind is not asked.
    pub replicas: Vec<String>,
}

/// Why the store did not open. Shows no password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OpenError {
    /// The URL is none.
    Invalid(String),
    /// The schema's name is none.
    Schema(String),
    /// The server cannot be reached, refuses, or its tables cannot be made.
    Server(String),
    /// Tables of a newer format.
    Format(i32),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OpenError::Invalid(why) | OpenError::Schema(why) => f.write_str(why),
            OpenError::Server(why) => write!(f, "PostgreSQL: {why}"),
            OpenError::Format(found) => write!(f, "PostgreSQL: tables of format {found}: a newer Posthouse made them"),
        }
    }
}

impl std::error::Error for OpenError {}

/// A transaction that waits for its verdict.
pub(crate) struct Waiting {
    pub txn: Prepared,
    pub answer: Waiter,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Waiting>,
    stopping: bool,
}

pub(crate) struct Shared {
    /// For reading.
    pub pool: PgPool,
    pub replicas: Vec<PgPool>,
    connect: connect::Connect,
    pub hasher: KeyHasher,
    queue: Mutex<Queue>,
    work: Notify,
    /// Newest commit this node heard of.
    known: AtomicU64,
    stopped: watch::Sender<bool>,
    pub open: txn::OpenTransactions,
}

impl Shared {
    pub(crate) fn known(&self) -> u64 {
        self.known.load(Ordering::Acquire)
    }

    pub(crate) fn learn(&self, version: u64) {
        self.known.fetch_max(version, Ordering::AcqRel);
    }

    /// Lines a transaction up; the receiver hears its version.
    pub(crate) fn enqueue(&self, txn: Prepared) -> Result<oneshot::Receiver<Result<u64, CommitError>>, CommitError> {
        let (answer, receiver) = oneshot::channel();
        {
            let mut queue = self.queue.lock();
            if queue.stopping {
                return Err(CommitError::Fatal("the store is closed".to_owned()));
            }
            queue.waiting.push_back(Waiting { txn, answer });
        }
        self.work.notify_one();
        Ok(receiver)
    }

    /// What is to be committed next, together; None when the store was closed and nothing waits.
    pub(crate) async fn next_group(&self) -> Option<Vec<Waiting>> {
        loop {
            {
                let mut queue = self.queue.lock();
                let mut group = Vec::new();
                fill(&mut group, &mut queue.waiting);
                if !group.is_empty() {
                    return Some(group);
                }
                if queue.stopping {
                    return None;
                }
            }
            self.work.notified().await;
        }
    }

    /// Adds to a group what has come since it was taken: the more nodes commit, the longer each waits for its turn, and the larger its groups are.
    pub(crate) fn join(&self, group: &mut Vec<Waiting>) {
        fill(group, &mut self.queue.lock().waiting);
    }
}

/// As many as fit into a group, at least one.
fn fill(group: &mut Vec<Waiting>, waiting: &mut VecDeque<Waiting>) {
    let mut bytes: usize = group.iter().map(|waiting| waiting.txn.bytes).sum();
    while let Some(next) = waiting.front() {
        bytes += next.txn.bytes;
        if !group.is_empty() && (bytes > KV_GROUP_BYTES_MAX || group.len() >= KV_GROUP_COMMITS_MAX) {
            break;
        }
        group.extend(waiting.pop_front());
    }
}

/// A store in one schema of a PostgreSQL database.
#[derive(Clone)]
pub struct PostgresKv(Arc<Shared>);

/// Makes the tables when they are missing, and begins to serve.
pub async fn open(options: &PostgresOptions) -> Result<PostgresKv, OpenError> {
    let connect = connect::Connect::new(options)?;
    connect.make_tables().await?;
    let shared = Arc::new(Shared {
        pool: connect.pool(),
        replicas: connect.replicas(),
        connect: connect.clone(),
        hasher: KeyHasher::default(),
        queue: Mutex::default(),
        work: Notify::new(),
        known: AtomicU64::new(0),
        stopped: watch::Sender::new(false),
        open: txn::OpenTransactions::default(),
    });
    let committer = committer::Committer::new(shared.clone(), connect).await?;
    tokio::spawn(committer.run());
    tokio::spawn(txn::end_old(Arc::downgrade(&shared)));
    Ok(PostgresKv(shared))
}

impl Kv for PostgresKv {
    fn begin(&self) -> Box<dyn KvTxn> {
        Box::new(txn::PostgresTxn::new(self.0.clone(), true))
    }
    fn begin_read(&self) -> Box<dyn KvTxn> {
        Box::new(txn::PostgresTxn::new(self.0.clone(), false))
    }
    fn commit_may_be_unknown(&self) -> bool {
        true
    }
    fn validates_at_submit(&self) -> bool {
        false
    }
    fn name(&self) -> &'static str {
        "PostgreSQL"
    }
    fn health(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async {
            match tokio::time::timeout(HEALTH_WAIT, sqlx::query("SELECT 1").execute(&self.0.pool)).await {
                Ok(Ok(_)) => Ok(()),
                Ok(Err(why)) => Err(format!("PostgreSQL: {why}")),
                Err(_) => Err("PostgreSQL does not answer".to_owned()),
            }
        })
    }
    fn forget(&self, _range: &KeyRange) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async {
            // Rows that are gone leave their pages; a page's free bytes keep what they were until something is written there.
            for table in ["VACUUM kv", "VACUUM kv_long", "VACUUM kv_log"] {
                let done = sqlx::raw_sql(table).execute(&self.0.pool).await;
                done.map_err(|why| format!("PostgreSQL: {table}: {why}"))?;
            }
            Ok(())
        })
    }
    /// It keeps the server from cleaning up, and ends with its connection.
    fn snapshot(&self) -> BoxFuture<'_, Result<Box<dyn KvSnapshot>, ReadError>> {
        Box::pin(snapshot::take(&self.0))
    }
    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            self.0.queue.lock().stopping = true;
            self.0.work.notify_one();
            let mut stopped = self.0.stopped.subscribe();
            // The sender lives as long as self, so this ends with the committer.
            let _ = stopped.wait_for(|stopped| *stopped).await;
            self.0.pool.close().await;
            for replica in &self.0.replicas {
                replica.close().await;
            }
        })
    }
}
