//! SUMMARY    What several nodes share besides the store: objects in a bucket, a bus, cells.

use super::at;
use crate::config::{
    Config,
    store::{self as config, ObjectStore},
};
use base::Clock;
use std::{path::Path, sync::Arc};
use store::{
    blob::{FsObjects, Objects},
    bus::Bus,
    ephemeral::{Ephemeral, MemEphemeral},
};
use store_bus::{NatsBus, NatsOptions, RedisBus, RedisEphemeral, RedisOptions};
use store_s3::{CacheOptions, CachedObjects, Encryption, Keys, S3Objects, S3Options};

/// Where packs are.
pub(super) fn objects(config: &Config, clock: Arc<dyn Clock>) -> Result<Arc<dyn Objects>, String> {
    let s3 = match &config.store.objects {
        ObjectStore::Files(folder) => {
            let folder = folder.clone().unwrap_or_else(|| config.data.join("packs"));
            return Ok(Arc::new(FsObjects::open(&folder).map_err(|e| at(&folder, e))?));
        }
        ObjectStore::S3(s3) => s3,
    };
    let keys = Keys::new(s3.access_key.as_str(), s3.secret_key.as_str());
    let mut options = S3Options::new(s3.region.as_str(), s3.bucket.as_str(), keys);
    options.endpoint.clone_from(&s3.endpoint);
    options.prefix.clone_from(&s3.prefix);
    options.path_style = s3.path_style;
    options.ca_pem = s3.ca_file.as_deref().map(read).transpose()?;
    options.encryption = match &s3.encryption {
        config::Encryption::Bucket => Encryption::Bucket,
        config::Encryption::Aes256 => Encryption::Aes256,
        config::Encryption::Kms(key_id) => Encryption::Kms { key_id: key_id.clone() },
    };
    let objects = S3Objects::new(options).map_err(|e| format!("[objects]: {e}"))?;
    let folder = s3.cache_folder.clone().unwrap_or_else(|| config.data.join("cache"));
    let mut cache = CacheOptions::new(&folder);
    cache.bytes_max = s3.cache_bytes;
    Ok(Arc::new(CachedObjects::open(objects, cache, clock).map_err(|e| at(&folder, e))?))
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|e| at(path, e))
}

/// Cells for what clients do, and for what was sent.
pub(super) fn cells(
    config: &Config,
    clock: &Arc<dyn Clock>,
) -> Result<(Arc<dyn Ephemeral>, Arc<dyn Ephemeral>), String> {
    let cells = |part: &str| -> Result<Arc<dyn Ephemeral>, String> {
        let Some(url) = &config.store.cells else { return Ok(Arc::new(MemEphemeral::new(clock.clone()))) };
        let options = RedisOptions::new(url.as_str(), format!("posthouse-{part}"));
        Ok(Arc::new(RedisEphemeral::start(&options, clock.clone()).map_err(|e| format!("cells.redis_url: {e}"))?))
    };
    Ok((cells("cells")?, cells("sent")?))
}

/// What other nodes are told by.
pub(super) fn bus(config: &Config) -> Result<Option<Arc<dyn Bus>>, String> {
    let told = |e: String| format!("bus.url: {e}");
    Ok(match &config.store.bus {
        config::Bus::None => None,
        config::Bus::Nats { url, prefix } => {
            let servers = url.split(',').map(|server| server.trim().to_owned());
            Some(Arc::new(NatsBus::start(NatsOptions::new(servers, prefix.as_str())).map_err(told)?))
        }
        config::Bus::Redis { url, prefix } => {
            Some(Arc::new(RedisBus::start(&RedisOptions::new(url.as_str(), prefix.as_str())).map_err(told)?))
        }
    })
}
