//! SUMMARY    What several nodes share besides the store: objects in a bucket, a bus, cells; as far as this build has them.
//! INVARIANTS What is configured and not built in is an error that says which feature it takes.

use super::at;
use crate::config::{
    Config,
    storage::{self as config, ObjectStore},
};
use base::Clock;
use std::sync::Arc;
use store::{
    Kv,
    blob::{FsObjects, Objects},
    bus::Bus,
    ephemeral::{Ephemeral, MemEphemeral},
};

/// Cells for what clients do, and for what was sent.
pub(super) type Cells = (Arc<dyn Ephemeral>, Arc<dyn Ephemeral>);

#[cfg(feature = "fdb")]
pub(super) async fn foundationdb(config: &config::FoundationDb, clock: &Arc<dyn Clock>) -> Result<Arc<dyn Kv>, String> {
    let mut options = store_fdb::Options::of(&config.name, clock.clone());
    options.library.clone_from(&config.library);
    options.cluster_file.clone_from(&config.cluster_file);
    Ok(store_fdb::FdbKv::open(options).await.map_err(|e| format!("store.foundationdb_cluster: {e}"))?)
}

#[cfg(not(feature = "fdb"))]
pub(super) async fn foundationdb(_: &config::FoundationDb, _: &Arc<dyn Clock>) -> Result<Arc<dyn Kv>, String> {
    Err("store.kind: this posthouse was built without FoundationDB (feature fdb)".to_owned())
}

/// Where packs are.
pub(super) fn objects(config: &Config, clock: &Arc<dyn Clock>) -> Result<Arc<dyn Objects>, String> {
    match &config.store.objects {
        ObjectStore::Files(folder) => {
            let folder = folder.clone().unwrap_or_else(|| config.data.join("packs"));
            Ok(Arc::new(FsObjects::open(&folder).map_err(|e| at(&folder, e))?))
        }
        ObjectStore::S3(s3) => bucket(config, s3, clock),
    }
}

#[cfg(feature = "s3")]
fn bucket(config: &Config, s3: &config::S3, clock: &Arc<dyn Clock>) -> Result<Arc<dyn Objects>, String> {
    use store_s3::{CacheOptions, CachedObjects};
    let objects = s3_objects(s3).map_err(|e| format!("[objects]: {e}"))?;
    let folder = s3.cache_folder.clone().unwrap_or_else(|| config.data.join("cache"));
    let mut cache = CacheOptions::new(&folder);
    cache.bytes_max = s3.cache_bytes;
    Ok(Arc::new(CachedObjects::open(objects, cache, clock.clone()).map_err(|e| at(&folder, e))?))
}

/// Objects of a bucket, without a cache before them.
#[cfg(feature = "s3")]
pub fn s3_objects(s3: &config::S3) -> Result<store_s3::S3Objects, String> {
    use store_s3::{Credentials, Encryption, Keys, S3Objects, S3Options};
    let credentials = match &s3.keys {
        Some((access, secret)) => Keys::new(access.as_str(), secret.as_str()).into(),
        None => Credentials::Found,
    };
    let mut options = S3Options::new(s3.region.as_str(), s3.bucket.as_str(), credentials);
    options.endpoint.clone_from(&s3.endpoint);
    options.prefix.clone_from(&s3.prefix);
    options.path_style = s3.path_style;
    options.ca_pem = s3.ca_file.as_deref().map(|path| std::fs::read(path).map_err(|e| at(path, e))).transpose()?;
    options.encryption = match &s3.encryption {
        config::Encryption::Bucket => Encryption::Bucket,
        config::Encryption::Aes256 => Encryption::Aes256,
        config::Encryption::Kms(key_id) => Encryption::Kms { key_id: key_id.clone() },
    };
    S3Objects::new(options)
}

#[cfg(not(feature = "s3"))]
fn bucket(_: &Config, _: &config::S3, _: &Arc<dyn Clock>) -> Result<Arc<dyn Objects>, String> {
    Err("objects.kind: this posthouse was built without S3 (feature s3)".to_owned())
}

pub(super) fn cells(config: &Config, clock: &Arc<dyn Clock>) -> Result<Cells, String> {
    let Some(url) = &config.store.cells else {
        let own = || Arc::new(MemEphemeral::new(clock.clone()));
        return Ok((own(), own()));
    };
    Ok((redis_cells(url, "posthouse-cells", clock)?, redis_cells(url, "posthouse-sent", clock)?))
}

#[cfg(feature = "redis")]
fn redis_cells(url: &str, prefix: &str, clock: &Arc<dyn Clock>) -> Result<Arc<dyn Ephemeral>, String> {
    let options = store_bus::RedisOptions::new(url, prefix);
    let cells = store_bus::RedisEphemeral::start(&options, clock.clone());
    Ok(Arc::new(cells.map_err(|e| format!("cells.redis_url: {e}"))?))
}

#[cfg(not(feature = "redis"))]
fn redis_cells(_: &str, _: &str, _: &Arc<dyn Clock>) -> Result<Arc<dyn Ephemeral>, String> {
    Err("cells.redis_url: this posthouse was built without Redis (feature redis)".to_owned())
}

/// What other nodes are told by.
pub(super) fn bus(config: &Config, clock: &Arc<dyn Clock>) -> Result<Option<Arc<dyn Bus>>, String> {
    let bus = match &config.store.bus {
        config::Bus::None => return Ok(None),
        config::Bus::Nats { url, prefix } => nats(url, prefix),
        config::Bus::Redis { url, prefix } => redis(url, prefix),
        config::Bus::Zenoh { listen, connect, prefix } => zenoh(listen, connect, prefix),
        config::Bus::Kafka { brokers, topic } => kafka(brokers, topic, clock),
    };
    bus.map(Some).map_err(|e| format!("bus.url: {e}"))
}

#[cfg(feature = "nats")]
fn nats(url: &str, prefix: &str) -> Result<Arc<dyn Bus>, String> {
    let servers = url.split(',').map(|server| server.trim().to_owned());
    Ok(Arc::new(store_bus::NatsBus::start(store_bus::NatsOptions::new(servers, prefix))?))
}

#[cfg(not(feature = "nats"))]
fn nats(_: &str, _: &str) -> Result<Arc<dyn Bus>, String> {
    Err("this posthouse was built without NATS (feature nats)".to_owned())
}

#[cfg(feature = "redis")]
fn redis(url: &str, prefix: &str) -> Result<Arc<dyn Bus>, String> {
    Ok(Arc::new(store_bus::RedisBus::start(&store_bus::RedisOptions::new(url, prefix))?))
}

#[cfg(not(feature = "redis"))]
fn redis(_: &str, _: &str) -> Result<Arc<dyn Bus>, String> {
    Err("this posthouse was built without Redis (feature redis)".to_owned())
}

#[cfg(feature = "kafka")]
fn kafka(brokers: &[String], topic: &str, clock: &Arc<dyn Clock>) -> Result<Arc<dyn Bus>, String> {
    let mut options = store_bus::KafkaOptions::new(brokers.iter().cloned(), topic);
    // Hints need not survive a broker.
    options.creates = Some(1);
    Ok(Arc::new(store_bus::KafkaBus::start(options, clock.clone())?))
}

#[cfg(not(feature = "kafka"))]
fn kafka(_: &[String], _: &str, _: &Arc<dyn Clock>) -> Result<Arc<dyn Bus>, String> {
    Err("this posthouse was built without Kafka (feature kafka)".to_owned())
}

#[cfg(feature = "zenoh")]
fn zenoh(listen: &[String], connect: &[String], prefix: &str) -> Result<Arc<dyn Bus>, String> {
    let (listen, connect, prefix) = (listen.to_vec(), connect.to_vec(), prefix.to_owned());
    Ok(Arc::new(store_bus::ZenohBus::start(store_bus::ZenohOptions { listen, connect, prefix })?))
}

#[cfg(not(feature = "zenoh"))]
fn zenoh(_: &[String], _: &[String], _: &str) -> Result<Arc<dyn Bus>, String> {
    Err("this posthouse was built without Zenoh (feature zenoh)".to_owned())
}
