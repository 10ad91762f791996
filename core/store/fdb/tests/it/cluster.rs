//! SUMMARY    Where the tests run: a cluster of fake-fdb in this process, or the live one in a process that `live` starts.

use base::{Clock, SystemClock};
use std::{
    io::Write,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use store::Kv;
use store_fdb::{FdbKv, OpenError, Options, limits::FDB_TXN_TIMEOUT_MS};
use tempfile::NamedTempFile;

/// Set in a process that runs on the live cluster.
pub const LIVE: &str = "STORE_FDB_LIVE";

/// Whether this process runs on our own library.
pub fn is_fake() -> bool {
    std::env::var_os(LIVE).is_none()
}

static NUMBER: AtomicU64 = AtomicU64::new(0);

/// The library that cargo built beside this test.
fn fake() -> PathBuf {
    let folder = std::env::current_exe().unwrap().parent().unwrap().to_owned();
    let library = folder.join("libfake_fdb.so");
    assert!(library.exists(), "{} is built with the tests", library.display());
    library
}

pub struct Cluster {
    /// None is the one that the client finds by itself.
    file: Option<NamedTempFile>,
    library: Option<PathBuf>,
    name: String,
    pub clock: Arc<dyn Clock>,
    pub timeout_ms: u64,
}

impl Cluster {
    /// A cluster that fails at the `rates` of fake-fdb; on the live one there are none.
    pub fn new(rates: &str) -> Self {
        let number = NUMBER.fetch_add(1, Ordering::SeqCst);
        let name = format!("t{}_{number}", std::process::id());
        Cluster::named(name, rates)
    }

    fn named(name: String, rates: &str) -> Self {
        let (clock, timeout_ms) = (Arc::new(SystemClock), FDB_TXN_TIMEOUT_MS);
        if !is_fake() {
            return Cluster { file: None, library: None, name, clock, timeout_ms };
        }
        let mut file = NamedTempFile::new().unwrap();
        writeln!(file, "# fake-fdb: {rates}\n{name}:test@127.0.0.1:4500").unwrap();
        Cluster { file: Some(file), library: Some(fake()), name, clock, timeout_ms }
    }

    /// The same cluster, failing otherwise.
    pub fn failing(&self, rates: &str) -> Self {
        Cluster {
            timeout_ms: self.timeout_ms,
            clock: Arc::clone(&self.clock),
            ..Cluster::named(self.name.clone(), rates)
        }
    }

    /// The deployment of a name in this cluster.
    pub async fn open(&self, deployment: &str) -> Result<Arc<FdbKv>, OpenError> {
        let options = Options {
            library: self.library.clone(),
            cluster_file: self.file.as_ref().map(|file| file.path().to_owned()),
            directory: vec!["posthouse-test".to_owned(), self.name.clone(), deployment.to_owned()],
            clock: Arc::clone(&self.clock),
            timeout_ms: self.timeout_ms,
        };
        let kv = FdbKv::open(options).await?;
        let library = kv.library();
        if library.version.contains("fake-fdb") {
            println!("store-fdb: ran on fake-fdb");
        } else {
            println!("store-fdb: ran on libfdb_c {} at {}", library.version, library.path.display());
        }
        Ok(kv)
    }

    /// A deployment that nobody has used, where nothing can wait. Needs a runtime of several threads.
    pub fn fresh(&self) -> Arc<dyn Kv> {
        let deployment = NUMBER.fetch_add(1, Ordering::SeqCst).to_string();
        let open = self.open(&deployment);
        tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(open)).unwrap()
    }
}
