//! SUMMARY    The store: a database, the prefix of a deployment, and what its transactions share.

use crate::{
    directory,
    failure::{OpenError, told},
    limits::{FDB_HEALTH_MS_MAX, FDB_TXN_TIMEOUT_MS},
    network, txn,
    unseen::Unseen,
};
use base::Clock;
use fdb_link::Library;
use foundationdb::{
    Database,
    options::{DatabaseOption, TransactionOption},
};
use futures_util::future::FutureExt;
use std::{path::PathBuf, sync::Arc, time::Duration};
use store::{
    Kv, KvTxn, ReadError,
    kv::{BoxFuture, KeyRange, KvSnapshot, OWN_MEANS},
};

/// What a client gets on top of its own time to say that it gives up.
const HEALTH_GRACE_MS: u64 = 500;

/// Where a deployment's data is.
#[derive(Clone)]
pub struct Options {
    /// The client library (libfdb_c.so); None looks where the system's loader looks.
    pub library: Option<PathBuf>,
    /// None is FDB_CLUSTER_FILE, then /etc/foundationdb/fdb.cluster, as with every program of FoundationDB.
    pub cluster_file: Option<PathBuf>,
    /// Path in the directory layer, such as `["posthouse", name]`; one deployment each.
    pub directory: Vec<String>,
    /// Transactions age by it (KV_TXN_MS_MAX).
    pub clock: Arc<dyn Clock>,
    /// Longest that a transaction waits for the cluster; FDB_TXN_TIMEOUT_MS, but for tests.
    pub timeout_ms: u64,
}

impl Options {
    /// The deployment of a name, with the library and the cluster that the system has.
    pub fn of(name: &str, clock: Arc<dyn Clock>) -> Self {
        Options {
            library: None,
            cluster_file: None,
            directory: vec!["posthouse".to_owned(), name.to_owned()],
            clock,
            timeout_ms: FDB_TXN_TIMEOUT_MS,
        }
    }
}

/// What a store's transactions share.
pub(crate) struct Deployment {
    pub database: Database,
    pub prefix: Vec<u8>,
    pub clock: Arc<dyn Clock>,
    pub unseen: Unseen,
}

/// One deployment's keys in a FoundationDB cluster.
#[derive(Clone)]
pub struct FdbKv {
    deployment: Arc<Deployment>,
    library: Library,
    /// FDB_HEALTH_MS_MAX, or what a transaction waits at most.
    health_ms: u64,
}

impl FdbKv {
    /// Loads the library, starts its thread, and finds or makes the directory.
    pub async fn open(options: Options) -> Result<Arc<Self>, OpenError> {
        let library = network::start(options.library.as_deref())?;
        let path = match &options.cluster_file {
            Some(path) => Some(path.to_str().filter(|path| !path.contains('\0')).ok_or(OpenError::Path)?),
            None => None,
        };
        let database = Database::new(path).map_err(OpenError::Cluster)?;
        let timeout_ms = i32::try_from(options.timeout_ms).unwrap_or(i32::MAX);
        database.set_option(DatabaseOption::TransactionTimeout(timeout_ms)).map_err(OpenError::Cluster)?;
        let prefix = directory::prefix(&database, &options.directory).await?;
        let deployment = Deployment { database, prefix, clock: options.clock, unseen: Unseen::default() };
        let health_ms = options.timeout_ms.min(FDB_HEALTH_MS_MAX);
        Ok(Arc::new(FdbKv { deployment: Arc::new(deployment), library, health_ms }))
    }

    /// The client library that serves this process.
    pub fn library(&self) -> &Library {
        &self.library
    }

    /// All of this deployment's keys, as other programs on the cluster see them.
    pub fn absolute_range(&self) -> KeyRange {
        KeyRange::prefix(&self.deployment.prefix)
    }

    async fn ask_version(&self) -> Result<i64, String> {
        let txn = self.deployment.database.create_trx().map_err(told)?;
        let timeout_ms = i32::try_from(self.health_ms).unwrap_or(i32::MAX);
        txn.set_option(TransactionOption::Timeout(timeout_ms)).map_err(told)?;
        txn.get_read_version().await.map_err(told)
    }
}

impl Kv for FdbKv {
    fn begin(&self) -> Box<dyn KvTxn> {
        txn::begin(Arc::clone(&self.deployment), true)
    }

    fn begin_read(&self) -> Box<dyn KvTxn> {
        txn::begin(Arc::clone(&self.deployment), false)
    }

    fn commit_may_be_unknown(&self) -> bool {
        true
    }

    fn validates_at_submit(&self) -> bool {
        false
    }

    fn name(&self) -> &'static str {
        "FoundationDB"
    }

    /// Whether the cluster gives out read versions.
    fn health(&self) -> BoxFuture<'_, Result<(), String>> {
        if network::has_ended() {
            return std::future::ready(Err("FoundationDB's client has ended".to_owned())).boxed();
        }
        // The client gives up first; this is for a client that does not run.
        let limit = Duration::from_millis(self.health_ms + HEALTH_GRACE_MS);
        async move {
            match tokio::time::timeout(limit, self.ask_version()).await {
                Ok(version) => version.map(|_| ()),
                Err(_) => Err("limit FDB_HEALTH_MS_MAX".to_owned()),
            }
        }
        .boxed()
    }

    /// A read version lives five seconds there, and the cluster's own backup reads one version of all keys without any load here.
    fn snapshot(&self) -> BoxFuture<'_, Result<Box<dyn KvSnapshot>, ReadError>> {
        let why = format!("{} {OWN_MEANS} (fdbbackup)", self.name());
        std::future::ready(Err(ReadError::Fatal(why))).boxed()
    }

    fn is_lost(&self) -> bool {
        network::has_ended()
    }

    /// What was acknowledged is durable already; waits for commits that nobody has waited for.
    fn close(&self) -> BoxFuture<'_, ()> {
        self.deployment.unseen.decided().unwrap_or_else(|| std::future::ready(()).boxed())
    }
}
