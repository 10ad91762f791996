//! SUMMARY    The data folder opened: store, objects and master key of a data plane, the database of a control plane.
//! INVARIANTS One process at a time: the store's lock sees to it.

use crate::config::Sql;
use account::{AccountOptions, Accounts, MasterKey};
use base::{Clock, SystemRng};
use control::Control;
use std::{fmt::Display, path::Path, sync::Arc};
use store::{Kv, blob::FsObjects, embedded};
use tenants::{Database, DomainOptions, PasswordCost, Service, ServiceOptions, SignInOptions};

/// What is kept in the data folder, opened.
pub struct Stores {
    pub kv: Arc<dyn Kv>,
    pub accounts: Accounts,
    pub secret: [u8; 32],
}

impl Stores {
    /// Opens (or makes) the data folder.
    pub async fn open(data: &Path, clock: Arc<dyn Clock>) -> Result<Stores, String> {
        make_folder(data)?;
        let master = secret_key(&data.join("master.key"))?;
        let kv = embedded::open(data.join("kv"), embedded::EmbeddedOptions::default()).map_err(|e| at(data, e))?;
        let objects = FsObjects::open(data.join("packs")).map_err(|e| at(data, e))?;
        let accounts = Accounts::new(AccountOptions {
            kv: kv.clone(),
            objects: Arc::new(objects),
            master: MasterKey::new(master),
            clock,
            rng: Arc::new(SystemRng::default()),
        });
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        accounts.set_cores(u32::try_from(cores).unwrap_or(u32::MAX));
        // Derived, so that every node of a deployment shows the same fake salts.
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &[b"scram".as_slice(), &master].concat());
        let secret = digest.as_ref().try_into().map_err(|_| "digest".to_owned())?;
        Ok(Stores { kv, accounts, secret })
    }
}

/// The control plane of a data folder, which tells a data plane what changes. The key that seals secrets is the folder's.
pub async fn service(
    data: &Path,
    sql: Option<&Sql>,
    control: Arc<dyn Control>,
    domains: DomainOptions,
    sign_in: SignInOptions,
    clock: Arc<dyn Clock>,
) -> Result<Arc<Service>, String> {
    make_folder(data)?;
    // Apart from the database, so that a copy of that alone tells no secret.
    let sign_in = SignInOptions { sealing_key: Some(secret_key(&data.join("sealing.key"))?), ..sign_in };
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

fn make_folder(data: &Path) -> Result<(), String> {
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
    let bytes = std::fs::read(path).map_err(|e| at(path, e))?;
    bytes.try_into().map_err(|_| at(path, "a key has 32 bytes"))
}
