//! SUMMARY    What a process keeps things in, opened: store, objects and master key of a data plane, the database of a control plane.
//! INVARIANTS An embedded store has one process at a time: its lock sees to it.

mod keys;
mod shared;

pub use keys::{DOMAINS, Keys, MASTER, SEALING, derive, restored};
#[cfg(feature = "s3")]
pub use shared::s3_objects;

use crate::config::{Config, Sql, storage::KvStore};
use account::{AccountOptions, Accounts, MasterKey};
use base::{Clock, SystemRng};
use control::Control;
use std::{fmt::Display, path::Path, sync::Arc, time::Duration};
use store::{
    Kv,
    blob::{FsObjects, Objects, ObjectsError, OwnedObjects},
    bus::Bus,
    embedded,
    ephemeral::{Ephemeral, MemEphemeral},
    postgres,
};
use tenants::{Database, DomainOptions, PasswordCost, Service, ServiceOptions, SignInOptions};

/// How long a start waits for the objects.
const CLAIM_WAIT: Duration = Duration::from_secs(5);

/// What a data plane keeps things in, opened.
pub struct Stores {
    pub kv: Arc<dyn Kv>,
    pub accounts: Accounts,
    pub secret: [u8; 32],
}

impl Stores {
    /// Opens (or makes) a data folder with everything in it.
    pub async fn open(data: &Path, clock: Arc<dyn Clock>) -> Result<Stores, String> {
        make_folder(data)?;
        let master = Keys::in_folder(data).master()?;
        let (kv, objects) = in_folder(data).await?;
        let cells = || -> Arc<dyn Ephemeral> { Arc::new(MemEphemeral::new(clock.clone())) };
        let (cells, sent) = (cells(), cells());
        let stores = Stores::on(kv, objects, master, clock, (cells, sent), None)?;
        stores.accounts.check_master_key().await.map_err(|e| at(data, e))?;
        Ok(stores)
    }

    /// Opens what a configuration says.
    pub async fn of(config: &Config, clock: Arc<dyn Clock>) -> Result<Stores, String> {
        make_folder(&config.data)?;
        let master = Keys::of(config)?.master()?;
        let (kv, objects) = configured(config, &clock).await?;
        let (cells, bus) = (shared::cells(config, &clock)?, shared::bus(config, &clock)?);
        let stores = Stores::on(kv, objects, master, clock, cells, bus)?;
        stores.accounts.check_master_key().await.map_err(|e| format!("store.master_key: {e}"))?;
        Ok(stores)
    }

    fn on(
        kv: Arc<dyn Kv>,
        objects: Arc<OwnedObjects>,
        master: [u8; 32],
        clock: Arc<dyn Clock>,
        (cells, sent): (Arc<dyn Ephemeral>, Arc<dyn Ephemeral>),
        bus: Option<Arc<dyn Bus>>,
    ) -> Result<Stores, String> {
        let (key, rng) = (MasterKey::new(master), Arc::new(SystemRng::default()));
        let options = AccountOptions { kv: kv.clone(), objects, master: key, clock, rng };
        let accounts = Accounts::with_cells(options, cells, sent);
        if let Some(bus) = bus {
            accounts.hub().share(bus);
        }
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        accounts.set_cores(u32::try_from(cores).unwrap_or(u32::MAX));
        // Derived, so that every node of a deployment shows the same fake salts.
        let secret = keys::derive("scram", &master)?;
        Ok(Stores { kv, accounts, secret })
    }
}

/// Store and objects of a data folder.
pub async fn in_folder(data: &Path) -> Result<(Arc<dyn Kv>, Arc<OwnedObjects>), String> {
    make_folder(data)?;
    let kv = open_embedded(data)?;
    let objects = FsObjects::open(data.join("packs")).map_err(|e| at(data, e))?;
    let objects = owned(&kv, Arc::new(objects)).await?;
    Ok((kv, objects))
}

/// Store and objects that a configuration names.
pub async fn configured(config: &Config, clock: &Arc<dyn Clock>) -> Result<(Arc<dyn Kv>, Arc<OwnedObjects>), String> {
    make_folder(&config.data)?;
    let kv: Arc<dyn Kv> = match &config.store.kv {
        KvStore::Embedded => open_embedded(&config.data)?,
        KvStore::Postgres(options) => Arc::new(postgres::open(options).await.map_err(|e| match e {
            postgres::OpenError::Schema(_) => format!("store.postgres_schema: {e}"),
            postgres::OpenError::Invalid(_) | postgres::OpenError::Server(_) | postgres::OpenError::Format(_) => {
                format!("store.postgres_url: {e}")
            }
        })?),
        KvStore::FoundationDb(options) => shared::foundationdb(options, clock).await?,
    };
    let objects = owned(&kv, shared::objects(config, clock)?).await?;
    claim(&objects).await?;
    Ok((kv, objects))
}

/// `objects` as those of the store `kv`.
async fn owned(kv: &Arc<dyn Kv>, objects: Arc<dyn Objects>) -> Result<Arc<OwnedObjects>, String> {
    let store = account::store_id(kv, &SystemRng::default()).await.map_err(|e| e.to_string())?;
    Ok(Arc::new(OwnedObjects::new(objects, &store)))
}

/// Another store's objects are no place to start at. Where they are is asked again before anything is written there, so a bucket that is away
/// keeps no node from starting.
async fn claim(objects: &OwnedObjects) -> Result<(), String> {
    match tokio::time::timeout(CLAIM_WAIT, objects.claim()).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(why @ ObjectsError::Foreign { .. })) => Err(format!("[objects]: {why}")),
        Ok(Err(why)) => {
            tracing::warn!(%why, "the objects are not reached: mail stays in the store until they are");
            Ok(())
        }
        Err(_) => {
            tracing::warn!("the objects do not answer: mail stays in the store until they do");
            Ok(())
        }
    }
}

fn open_embedded(data: &Path) -> Result<Arc<dyn Kv>, String> {
    embedded::open(data.join("kv"), embedded::EmbeddedOptions::default()).map_err(|e| at(data, e))
}

/// The control plane of a data folder, which tells a data plane what changes.
pub async fn service(
    data: &Path,
    keys: &Keys,
    sql: Option<&Sql>,
    control: Arc<dyn Control>,
    domains: DomainOptions,
    sign_in: SignInOptions,
    clock: Arc<dyn Clock>,
) -> Result<Arc<Service>, String> {
    make_folder(data)?;
    // Apart from the database, so that a copy of that alone tells no secret.
    let sign_in = SignInOptions { sealing_key: Some(keys.sealing()?), ..sign_in };
    let password_cost = PasswordCost::default();
    let options = ServiceOptions { control, clock, password_cost, domains };
    match sql {
        Some(sql) => Service::open_with(sql.database()?, options, sign_in).await.map_err(|e| format!("sql.url: {e}")),
        None => {
            let path = data.join("control.sqlite");
            Service::open_with(Database::Sqlite(path.clone()), options, sign_in).await.map_err(|e| at(&path, e))
        }
    }
}

pub fn at(path: &Path, e: impl Display) -> String {
    format!("{}: {e}", path.display())
}

pub fn make_folder(data: &Path) -> Result<(), String> {
    if data.is_dir() {
        return Ok(());
    }
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(data).map_err(|e| at(data, e))?;
    sync_folder(data.parent().unwrap_or(data))
}

/// Makes the names in a folder durable: without its name a file is lost, however well it was written.
fn sync_folder(folder: &Path) -> Result<(), String> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    std::fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(|e| at(folder, e))
}

/// 32 bytes, made at the first start; without it nothing stored can be read.
pub fn secret_key(path: &Path) -> Result<[u8; 32], String> {
    use std::{io::Write, os::unix::fs::OpenOptionsExt};
    if !path.exists() {
        make_folder(path.parent().unwrap_or(path))?;
        let mut key = [0u8; 32];
        aws_lc_rs::rand::fill(&mut key).map_err(|_| "no randomness".to_owned())?;
        let mut file =
            std::fs::OpenOptions::new().create_new(true).write(true).mode(0o600).open(path).map_err(|e| at(path, e))?;
        file.write_all(&key).and_then(|()| file.sync_all()).map_err(|e| at(path, e))?;
        sync_folder(path.parent().unwrap_or(path))?;
    }
    read_key(path)
}

fn read_key(path: &Path) -> Result<[u8; 32], String> {
    let bytes = std::fs::read(path).map_err(|e| at(path, e))?;
    bytes.try_into().map_err(|_| at(path, "a key has 32 bytes"))
}
