//! SUMMARY    `[store]`, `[objects]`, `[bus]` and `[cells]`: what a node keeps mail in, and what it shares with others.
//! INVARIANTS Nodes that share a store share its key and its packs too: what one node alone could read is refused.

use super::load::Loaded;
use std::path::PathBuf;
use store::postgres::PostgresOptions;

/// Where everything is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct Store {
    pub kv: KvStore,
    /// Key that wraps every tenant's key; None: `master.key` in the data folder.
    pub master_key: Option<PathBuf>,
    pub objects: ObjectStore,
    pub bus: Bus,
    /// Redis for rates; None: each node counts for itself.
    pub cells: Option<String>,
}

/// The key-value store.
#[derive(Clone, PartialEq, Eq)]
pub enum KvStore {
    /// In the data folder, for one process.
    Embedded,
    Postgres(PostgresOptions),
    FoundationDb(FoundationDb),
}

/// A FoundationDB cluster.
#[derive(Clone, PartialEq, Eq)]
pub struct FoundationDb {
    /// None: where FoundationDB's own tools look.
    pub cluster_file: Option<PathBuf>,
    /// The client library; None: where the system has it.
    pub library: Option<PathBuf>,
    /// Last name of the directory that all keys are in.
    pub name: String,
}

/// Where packs are.
#[derive(Clone, PartialEq, Eq)]
pub enum ObjectStore {
    /// None: `packs` in the data folder.
    Files(Option<PathBuf>),
    S3(Box<S3>),
}

#[derive(Clone, PartialEq, Eq)]
pub struct S3 {
    pub endpoint: Option<String>,
    pub region: String,
    pub bucket: String,
    pub prefix: String,
    /// Access key and secret key. None: they are found where the tools of Amazon look for them.
    pub keys: Option<(String, String)>,
    pub path_style: bool,
    pub encryption: Encryption,
    pub ca_file: Option<PathBuf>,
    /// Read cache: its folder (None: `cache` in the data folder) and its size, bytes.
    pub cache_folder: Option<PathBuf>,
    pub cache_bytes: u64,
}

/// Encryption by the server of the objects, besides ours.
#[derive(Clone, PartialEq, Eq)]
pub enum Encryption {
    Bucket,
    Aes256,
    Kms(String),
}

/// What nodes tell each other of changes by.
#[derive(Clone, PartialEq, Eq)]
pub enum Bus {
    None,
    Nats {
        url: String,
        prefix: String,
    },
    Redis {
        url: String,
        prefix: String,
    },
    /// Peers: where this node listens, and where others do, each as `tcp/host:port`.
    Zenoh {
        listen: Vec<String>,
        connect: Vec<String>,
        prefix: String,
    },
    /// Brokers, and the topic.
    Kafka {
        brokers: Vec<String>,
        topic: String,
    },
}

impl Store {
    /// Whether other processes have it open, too.
    pub fn is_shared(&self) -> bool {
        match self.kv {
            KvStore::Embedded => false,
            KvStore::Postgres(_) | KvStore::FoundationDb(_) => true,
        }
    }
}

pub(super) fn store(from: &Loaded) -> Result<Store, String> {
    let store = Store {
        kv: kv(from)?,
        master_key: from.path("store.master_key"),
        objects: objects(from)?,
        bus: bus(from)?,
        cells: from.text("cells.redis_url"),
    };
    if let Some(url) = &store.cells {
        check_scheme("cells.redis_url", url, &["redis://", "rediss://"])?;
    }
    if !store.is_shared() {
        return match store.bus {
            Bus::None => Ok(store),
            Bus::Nats { .. } | Bus::Redis { .. } | Bus::Zenoh { .. } | Bus::Kafka { .. } => {
                Err("bus.kind: with store.kind = \"embedded\" there is no other node to tell".to_owned())
            }
        };
    }
    if store.master_key.is_none() {
        return Err(
            "store.master_key: it is needed with a shared store: a file of 32 bytes, the same on every node".to_owned()
        );
    }
    if store.objects == ObjectStore::Files(None) {
        return Err("objects.kind: with a shared store packs are shared too: s3, or files with an objects.folder that every node mounts".to_owned());
    }
    Ok(store)
}

fn check_scheme(path: &str, url: &str, schemes: &[&str]) -> Result<(), String> {
    match schemes.iter().any(|scheme| url.starts_with(scheme)) {
        true => Ok(()),
        // Not the URL: it may hold a password.
        false => Err(format!("{path}: it begins with {}", schemes.join(" or "))),
    }
}

/// Values between commas.
fn list(text: Option<String>) -> Vec<String> {
    text.iter().flat_map(|t| t.split(',')).map(str::trim).filter(|t| !t.is_empty()).map(str::to_owned).collect()
}

pub(super) fn set_in_vain(from: &Loaded, section: &str, but: &[&str], why: &str) -> Result<(), String> {
    let keys = super::key::KEYS.iter().map(|key| key.path);
    let set = |path: &&str| path.starts_with(section) && !but.contains(path) && from.is_set(path);
    match keys.into_iter().find(set) {
        Some(path) => Err(format!("{path}: it is of no use unless {why}")),
        None => Ok(()),
    }
}

fn kv(from: &Loaded) -> Result<KvStore, String> {
    let kind = from.text("store.kind").unwrap_or_default();
    for of in ["postgres", "foundationdb"].into_iter().filter(|of| *of != kind) {
        set_in_vain(from, &format!("store.{of}_"), &[], &format!("store.kind is \"{of}\""))?;
    }
    match kind.as_str() {
        "postgres" => postgres(from).map(KvStore::Postgres),
        "foundationdb" => Ok(KvStore::FoundationDb(FoundationDb {
            cluster_file: from.path("store.foundationdb_cluster"),
            library: from.path("store.foundationdb_library"),
            name: from.text("store.foundationdb_name").unwrap_or_default(),
        })),
        _ => Ok(KvStore::Embedded),
    }
}

fn postgres(from: &Loaded) -> Result<PostgresOptions, String> {
    let url =
        from.text("store.postgres_url").ok_or("store.postgres_url: it is needed, as \"postgres://user@host/db\"")?;
    let schemes = ["postgres://", "postgresql://"];
    check_scheme("store.postgres_url", &url, &schemes)?;
    let replicas = list(from.text("store.postgres_replicas"));
    replicas.iter().try_for_each(|url| check_scheme("store.postgres_replicas", url, &schemes))?;
    Ok(PostgresOptions {
        url,
        schema: from.text("store.postgres_schema").unwrap_or_default(),
        connections: u32::try_from(from.count("store.postgres_connections")?).unwrap_or(u32::MAX),
        replicas,
    })
}

fn objects(from: &Loaded) -> Result<ObjectStore, String> {
    if from.text("objects.kind").as_deref() != Some("s3") {
        set_in_vain(from, "objects.", &["objects.kind", "objects.folder"], "objects.kind is \"s3\"")?;
        return Ok(ObjectStore::Files(from.path("objects.folder")));
    }
    if from.is_set("objects.folder") {
        return Err("objects.folder: it is of no use unless objects.kind is \"files\"".to_owned());
    }
    let need = |path: &str| from.text(path).ok_or(format!("{path}: it is needed with objects.kind = \"s3\""));
    let endpoint = from.text("objects.endpoint");
    if let Some(url) = &endpoint {
        check_scheme("objects.endpoint", url, &["http://", "https://"])?;
    }
    let encryption = match (from.text("objects.encryption").as_deref(), from.text("objects.kms_key")) {
        (Some("kms"), Some(key)) => Encryption::Kms(key),
        (Some("kms"), None) => return Err("objects.kms_key: it is needed with objects.encryption = \"kms\"".to_owned()),
        (_, Some(_)) => return Err("objects.kms_key: it is of no use unless objects.encryption is \"kms\"".to_owned()),
        (Some("aes256"), None) => Encryption::Aes256,
        (_, None) => Encryption::Bucket,
    };
    let keys = match (from.text("objects.access_key"), from.text("objects.secret_key")) {
        (Some(access), Some(secret)) => Some((access, secret)),
        (Some(_), None) => return Err("objects.secret_key: it is needed with objects.access_key".to_owned()),
        (None, Some(_)) => return Err("objects.access_key: it is needed with objects.secret_key".to_owned()),
        (None, None) => None,
    };
    Ok(ObjectStore::S3(Box::new(S3 {
        endpoint,
        region: from.text("objects.region").unwrap_or_default(),
        bucket: need("objects.bucket")?,
        prefix: from.text("objects.prefix").unwrap_or_default(),
        keys,
        path_style: from.flag("objects.path_style"),
        encryption,
        ca_file: from.path("objects.ca_file"),
        cache_folder: from.path("objects.cache_folder"),
        cache_bytes: from.number("objects.cache").unwrap_or_default(),
    })))
}

fn bus(from: &Loaded) -> Result<Bus, String> {
    let prefix = from.text("bus.prefix").unwrap_or_default();
    let url = |schemes: &[&str]| {
        let url = from
            .text("bus.url")
            .ok_or(format!("bus.url: it is needed, as \"{}host\"", schemes.first().unwrap_or(&"")))?;
        list(Some(url.clone())).iter().try_for_each(|url| check_scheme("bus.url", url, schemes))?;
        Ok::<_, String>(url)
    };
    let kind = from.text("bus.kind");
    if kind.as_deref() != Some("zenoh") && from.is_set("bus.listen") {
        return Err("bus.listen: it is of no use unless bus.kind is \"zenoh\"".to_owned());
    }
    match kind.as_deref() {
        Some("nats") => Ok(Bus::Nats { url: url(&["nats://", "tls://"])?, prefix }),
        Some("redis") => Ok(Bus::Redis { url: url(&["redis://", "rediss://"])?, prefix }),
        Some("kafka") => {
            let brokers = list(Some(url(&["kafka://"])?)).into_iter();
            let brokers = brokers.map(|broker| broker.trim_start_matches("kafka://").to_owned()).collect();
            Ok(Bus::Kafka { brokers, topic: prefix })
        }
        Some("zenoh") => {
            let connect = if from.is_set("bus.url") { list(Some(url(&["tcp/"])?)) } else { Vec::new() };
            let listen = list(from.text("bus.listen"));
            listen.iter().try_for_each(|at| check_scheme("bus.listen", at, &["tcp/"]))?;
            if listen.is_empty() {
                return Err("bus.listen: it is needed with bus.kind = \"zenoh\", as \"tcp/10.0.0.1:7447\"".to_owned());
            }
            Ok(Bus::Zenoh { listen, connect, prefix })
        }
        _ => set_in_vain(from, "bus.", &["bus.kind"], "bus.kind says what kind of bus it is").map(|()| Bus::None),
    }
}
