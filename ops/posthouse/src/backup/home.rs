//! SUMMARY    Where a server's backups are and what opens them: by its configuration, or as a command says.
//! SECURITY   The key is in a file that only the server's user reads; it is made once, and never written over.

use super::file;
use crate::{
    config::{Config, Loaded, backup},
    stores::{Keys, at},
};
use ::backup::{Depot, DepotError, FolderDepot, Keep, Repository, RepositoryKey};
use base::{AccountId, Clock};
use parking_lot::Mutex;
use std::{
    collections::HashSet,
    fs::{File, OpenOptions},
    io::{ErrorKind, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Component, Path, PathBuf},
    sync::Arc,
};
use zeroize::Zeroizing;

/// Of a key's file, bytes.
const KEY_FILE_BYTES_MAX: u64 = 1_024;
/// The key in the data folder.
const KEY_FILE: &str = "backup.key";

/// What backups of a server are made of and where they go.
#[derive(Clone)]
pub struct Home {
    data: PathBuf,
    master_key: Option<PathBuf>,
    config: backup::Backup,
    /// Mailboxes that a restore is bringing mail into.
    restored: Arc<Mutex<HashSet<AccountId>>>,
}

/// A mailbox that one restore alone brings mail into, for as long as this is held.
pub struct Alone(Arc<Mutex<HashSet<AccountId>>>, AccountId);

impl Drop for Alone {
    fn drop(&mut self) {
        self.0.lock().remove(&self.1);
    }
}

/// Where a command says that a repository is; what it does not say the configuration does.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Named {
    /// A folder, or `s3://BUCKET/PREFIX`.
    pub to: Option<String>,
    pub key_file: Option<PathBuf>,
}

impl Home {
    pub fn of(config: &Config) -> Home {
        let (data, master_key) = (config.data.clone(), config.store.master_key.clone());
        Home { data, master_key, config: config.backup.clone(), restored: Arc::default() }
    }

    /// Of a data folder without a configuration.
    pub fn in_folder(data: &Path) -> Result<Home, String> {
        let config = backup::backup(&Loaded::defaults())?;
        Ok(Home { data: data.to_owned(), master_key: None, config, restored: Arc::default() })
    }

    /// Takes a mailbox for one restore: two at once would each see what the other has not brought yet, and bring it twice.
    pub fn alone(&self, account: AccountId) -> Result<Alone, String> {
        match self.restored.lock().insert(account) {
            true => Ok(Alone(self.restored.clone(), account)),
            false => Err(format!(
                "{account}: another restore brings mail into it, also when its command is gone; wait for it"
            )),
        }
    }

    pub fn data(&self) -> &Path {
        &self.data
    }

    pub fn config(&self) -> &backup::Backup {
        &self.config
    }

    /// Which backups stay, by the configuration.
    pub fn keep(&self) -> Keep {
        let backup::Keep { last, daily, weekly, monthly } = self.config.keep;
        let count = |count: u32| usize::try_from(count).unwrap_or(usize::MAX);
        Keep { last: count(last), daily: count(daily), weekly: count(weekly), monthly: count(monthly) }
    }

    /// Files of the data folder that belong into a backup.
    pub(super) fn files(&self) -> Result<Vec<file::Kept>, String> {
        let keys = match &self.master_key {
            Some(path) => Keys::configured(path, &self.data)?,
            None => Keys::in_folder(&self.data),
        };
        file::read(&self.data, &keys)
    }

    /// Puts them back, and the repository's key to the others where it belongs there.
    pub(super) fn put_files(&self, files: &[(String, Zeroizing<Vec<u8>>)], named: &Named) -> Result<(), String> {
        file::write(&self.data, self.master_key.as_deref(), files)?;
        let own = self.key_file(&Named::default());
        if own.exists() {
            return Ok(());
        }
        let key = read_key(&self.key_file(named))?;
        file::put(&own, format!("{}\n", *key.to_text()).as_bytes())
    }

    /// Opens the repository.
    pub async fn repository(&self, named: &Named) -> Result<Repository, String> {
        let depot = self.depot(named, false)?;
        let path = self.key_file(named);
        let key = read_key(&path)?;
        Repository::open(depot, &key).await.map_err(|why| match why {
            ::backup::Error::WrongKey => at(&path, "this key is another repository's"),
            why => why.to_string(),
        })
    }

    /// Makes a repository, and its key where there is none. Gives both, where the key is, and whether it was made now.
    pub async fn create(&self, named: &Named, clock: &dyn Clock) -> Result<(Repository, PathBuf, bool), String> {
        let path = self.key_file(named);
        if named.key_file.is_none() && self.config.key_file.is_none() && !self.data.is_dir() {
            return Err(at(
                &self.data,
                "no such data folder: the key would lie where no server finds it (--data, --key-file)",
            ));
        }
        let depot = self.depot(named, true)?;
        // Before a key is made that would open nothing.
        match depot.get("repository.json").await {
            Ok(_) => return Err(format!("{} has a repository already", depot.describe())),
            Err(DepotError::Missing(_)) => {}
            Err(why) => return Err(format!("{}: {why}", depot.describe())),
        }
        let (key, is_new) = match path.exists() {
            true => (read_key(&path)?, false),
            false => (make_key(&path)?, true),
        };
        let repository = Repository::create(depot, &key, clock).await.map_err(|why| why.to_string())?;
        Ok((repository, path, is_new))
    }

    fn key_file(&self, named: &Named) -> PathBuf {
        let of_config = || self.config.key_file.clone().unwrap_or_else(|| self.data.join(KEY_FILE));
        named.key_file.clone().unwrap_or_else(of_config)
    }

    /// `makes`: a folder that is not there is made.
    fn depot(&self, named: &Named, makes: bool) -> Result<Arc<dyn Depot>, String> {
        let place = match &named.to {
            Some(to) => self.config.place(to)?,
            None => self
                .config
                .to
                .clone()
                .ok_or("where are the backups? Say --to (or --from) with a folder or s3://BUCKET/PREFIX, or set backup.to and say --config")?,
        };
        match place {
            backup::Place::Folder(folder) => {
                if !makes && !folder.is_dir() {
                    return Err(at(
                        &folder,
                        "no such folder: mistyped, or not mounted? (`ctl backup init` makes a new repository)",
                    ));
                }
                if self.data.join("kv").exists() && real(&folder)?.starts_with(real(&self.data)?) {
                    return Err(at(
                        &folder,
                        "this is in the data folder, and would be lost with it: name another place",
                    ));
                }
                Ok(Arc::new(FolderDepot::open(&folder).map_err(|why| at(&folder, why))?))
            }
            backup::Place::S3(s3) => bucket(&s3),
        }
    }
}

/// A path without links and dots; what is not there yet stands behind what is.
fn real(path: &Path) -> Result<PathBuf, String> {
    let path = std::path::absolute(path).map_err(|e| at(path, e))?;
    if path.components().any(|part| part == Component::ParentDir) {
        return Err(at(&path, "say it without .."));
    }
    for above in path.ancestors() {
        match above.canonicalize() {
            Ok(found) => return Ok(path.strip_prefix(above).map_or(found.clone(), |rest| found.join(rest))),
            Err(e) if e.kind() == ErrorKind::NotFound => {}
            Err(e) => return Err(at(above, e)),
        }
    }
    Ok(path)
}

#[cfg(feature = "s3")]
fn bucket(s3: &crate::config::storage::S3) -> Result<Arc<dyn Depot>, String> {
    let told = format!("s3://{}/{}", s3.bucket, s3.prefix);
    let objects = crate::stores::s3_objects(s3).map_err(|why| format!("{told}: {why}"))?;
    Ok(Arc::new(super::bucket::BucketDepot::new(objects, told)))
}

#[cfg(not(feature = "s3"))]
fn bucket(_: &crate::config::storage::S3) -> Result<Arc<dyn Depot>, String> {
    Err("backup.to: this posthouse was built without S3 (feature s3)".to_owned())
}

fn read_key(path: &Path) -> Result<RepositoryKey, String> {
    let file = File::open(path).map_err(|e| match e.kind() {
        ErrorKind::NotFound => at(path, "no such key; the repository's own is asked for with --key-file"),
        _ => at(path, e),
    })?;
    let mut text = Zeroizing::new(String::new());
    file.take(KEY_FILE_BYTES_MAX).read_to_string(&mut text).map_err(|e| at(path, e))?;
    RepositoryKey::parse(text.trim()).map_err(|why| at(path, why))
}

fn make_key(path: &Path) -> Result<RepositoryKey, String> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        crate::stores::make_folder(folder)?;
    }
    let key = RepositoryKey::generate().map_err(|why| why.to_string())?;
    let file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(path);
    let mut file = file.map_err(|e| at(path, e))?;
    let written = file.write_all(key.to_text().as_bytes()).and_then(|()| file.write_all(b"\n"));
    written.and_then(|()| file.sync_all()).map_err(|e| at(path, e))?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::SystemClock;

    fn named(to: &Path) -> Named {
        Named { to: Some(to.to_string_lossy().into_owned()), key_file: None }
    }

    #[tokio::test]
    async fn a_repository_is_made_once_with_a_key_that_is_kept() {
        let (data, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (home, place) = (Home::in_folder(data.path()).unwrap(), named(&to.path().join("r")));
        assert!(home.repository(&place).await.is_err_and(|why| why.contains("init")));
        let (made, key, is_new) = home.create(&place, &SystemClock).await.unwrap();
        assert!(is_new && key == data.path().join("backup.key"));
        assert_eq!(home.repository(&place).await.unwrap().id(), made.id());
        assert!(home.create(&place, &SystemClock).await.is_err_and(|why| why.contains("already")));
        // Another repository may have the same key; another key opens neither.
        let (_, _, is_new) = home.create(&named(&to.path().join("two")), &SystemClock).await.unwrap();
        assert!(!is_new);
        let other = Named { key_file: Some(to.path().join("other.key")), ..place.clone() };
        assert!(home.repository(&other).await.is_err_and(|why| why.contains("no such key")));
        make_key(&to.path().join("other.key")).unwrap();
        assert!(home.repository(&other).await.is_err_and(|why| why.contains("another repository's")));
        std::fs::write(&key, "posthouse-backup-key-1:nonsense\n").unwrap();
        assert!(home.repository(&place).await.is_err_and(|why| why.contains("backup.key")));
    }

    #[tokio::test]
    async fn backups_do_not_go_where_the_data_is() {
        let data = tempfile::tempdir().unwrap();
        std::fs::create_dir(data.path().join("kv")).unwrap();
        let home = Home::in_folder(data.path()).unwrap();
        let inside = home.create(&named(&data.path().join("backups")), &SystemClock).await;
        assert!(inside.is_err_and(|why| why.contains("in the data folder")));
        let elsewhere = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(data.path(), elsewhere.path().join("link")).unwrap();
        let inside = home.create(&named(&elsewhere.path().join("link/backups")), &SystemClock).await;
        assert!(inside.is_err_and(|why| why.contains("in the data folder")), "by a link");
        assert!(home.create(&Named::default(), &SystemClock).await.is_err_and(|why| why.contains("backup.to")));
    }
}
