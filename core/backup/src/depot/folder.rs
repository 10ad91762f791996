//! SUMMARY    A depot that is a folder of files.
//! SECURITY   Files are readable by their owner alone. Links are not followed when it is listed.
//! LIMITS     DEPOT_BYTES_MAX (a file that is bigger is none of ours), DEPOT_DEPTH_MAX
//! INVARIANTS A file is written beside its place, synced and renamed; then every folder above it is synced. A name that begins
//!            with a dot is no name of a depot, so what is unfinished is never listed or read.

use super::{BoxFuture, Depot, DepotError, Found, validate_name, validate_prefix};
use crate::limits::{DEPOT_BYTES_MAX, DEPOT_DEPTH_MAX};
use base::Timestamp;
use bytes::Bytes;
use std::{
    fs, io,
    io::{Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::{Duration, UNIX_EPOCH},
};

/// The folder of files that are being written, inside the depot's, since a rename does not leave a file system.
const UNFINISHED: &str = ".unfinished";

/// Bytes as files under one folder.
#[derive(Debug, Clone)]
pub struct FolderDepot {
    root: PathBuf,
}

impl FolderDepot {
    /// Makes the folder if it does not exist, for its owner alone.
    pub fn open(root: impl Into<PathBuf>) -> io::Result<Self> {
        let root = root.into();
        make_folders(&root)?;
        make_folders(&root.join(UNFINISHED))?;
        sync(&root)?;
        match root.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => sync(parent)?,
            Some(_) | None => {}
        }
        Ok(FolderDepot { root })
    }

    /// Runs file work off the runtime's threads.
    fn work<T: Send + 'static>(
        &self,
        name: &str,
        checked: Result<(), DepotError>,
        work: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, DepotError>> {
        let (root, name) = (self.root.clone(), name.to_owned());
        Box::pin(async move {
            checked?;
            match tokio::task::spawn_blocking(move || work(&root)).await {
                Ok(Ok(value)) => Ok(value),
                Ok(Err(why)) => Err(told(name, why)),
                Err(why) => Err(DepotError::Io { name, source: why.into() }),
            }
        })
    }
}

fn told(name: String, why: io::Error) -> DepotError {
    match why.kind() {
        io::ErrorKind::NotFound => DepotError::Missing(name),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => DepotError::Full(name),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::FileTooLarge => {
            DepotError::Refused { name, source: why.into() }
        }
        _ => DepotError::Io { name, source: why.into() },
    }
}

fn make_folders(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

fn sync(folder: &Path) -> io::Result<()> {
    fs::File::open(folder)?.sync_all()
}

/// A name that no other put has, of this process or another one.
fn unfinished(root: &Path) -> io::Result<PathBuf> {
    let mut random = [0_u8; 16];
    aws_lc_rs::rand::fill(&mut random).map_err(|_| io::Error::other("no randomness"))?;
    Ok(root.join(UNFINISHED).join(format!("{:032x}", u128::from_be_bytes(random))))
}

fn write(root: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let (path, unfinished) = (root.join(name), unfinished(root)?);
    let folder = path.parent().unwrap_or(root);
    make_folders(folder)?;
    let write = || {
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&unfinished, &path)
    };
    if let Err(why) = write() {
        // A disk that is full is not filled further by what was tried; what stays is swept later.
        let _ = fs::remove_file(&unfinished);
        return Err(why);
    }
    folder.ancestors().take_while(|folder| folder.starts_with(root)).try_for_each(sync)
}

fn read(path: &Path) -> io::Result<Bytes> {
    // Opening a pipe waits for whoever writes to it, and links lead out of the depot.
    if !fs::symlink_metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "it is no file"));
    }
    let file = fs::File::open(path)?;
    if file.metadata()?.len() > DEPOT_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "more than DEPOT_BYTES_MAX"));
    }
    let mut bytes = Vec::new();
    file.take(DEPOT_BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(bytes.into())
}

fn remove(root: &Path, name: &str) -> io::Result<()> {
    let path = root.join(name);
    match fs::remove_file(&path) {
        Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(()),
        // What is deleted next may need that this stays so.
        result => result.and_then(|()| sync(path.parent().unwrap_or(root))),
    }
}

fn modified(meta: &fs::Metadata) -> io::Result<Timestamp> {
    let age = meta.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(Timestamp(i64::try_from(age.as_millis()).unwrap_or(i64::MAX)))
}

/// What `list` looks for.
struct Listing<'a> {
    root: &'a Path,
    after: Option<&'a str>,
    limit: usize,
    found: Vec<Found>,
}

impl Listing<'_> {
    /// Names below `folder` (empty, or with a slash behind), in order. A folder counts as its name with the slash, which comes
    /// behind `-` and `.`.
    fn folder(&mut self, folder: &str, depth: usize) -> io::Result<()> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(self.root.join(folder))? {
            let entry = entry?;
            let (Ok(name), kind) = (entry.file_name().into_string(), entry.file_type()?) else { continue };
            let end = if kind.is_dir() { "/" } else { "" };
            if (kind.is_dir() || kind.is_file()) && validate_name(&name).is_ok() {
                entries.push(format!("{folder}{name}{end}"));
            }
        }
        entries.sort_unstable();
        for name in entries {
            if self.found.len() >= self.limit {
                return Ok(());
            }
            let is_passed = |after: &str| name.as_str() <= after && !(name.ends_with('/') && after.starts_with(&name));
            if self.after.is_some_and(is_passed) {
                continue;
            }
            match name.ends_with('/') {
                true if depth >= DEPOT_DEPTH_MAX => return Err(io::Error::other("more than DEPOT_DEPTH_MAX folders")),
                true => self.folder(&name, depth + 1)?,
                false => self.file(name)?,
            }
        }
        Ok(())
    }

    fn file(&mut self, name: String) -> io::Result<()> {
        // A file that went away between the two calls is not there.
        match fs::symlink_metadata(self.root.join(&name)) {
            Err(why) if why.kind() == io::ErrorKind::NotFound => {}
            meta => {
                let meta = meta?;
                self.found.push(Found { bytes: meta.len(), modified: modified(&meta)?, name });
            }
        }
        Ok(())
    }
}

fn sweep(root: &Path, now: Timestamp, age: Duration) -> io::Result<usize> {
    let mut swept = 0;
    for entry in fs::read_dir(root.join(UNFINISHED))? {
        let entry = entry?;
        let meta = entry.metadata()?;
        if meta.is_file() && now.since(modified(&meta)?) >= age {
            fs::remove_file(entry.path())?;
            swept += 1;
        }
    }
    Ok(swept)
}

impl Depot for FolderDepot {
    fn put(&self, name: &str, bytes: Bytes) -> BoxFuture<'_, Result<(), DepotError>> {
        let own = name.to_owned();
        self.work(name, validate_name(name), move |root| write(root, &own, &bytes))
    }

    fn get(&self, name: &str) -> BoxFuture<'_, Result<Bytes, DepotError>> {
        let own = name.to_owned();
        self.work(name, validate_name(name), move |root| read(&root.join(own)))
    }

    fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> BoxFuture<'_, Result<Vec<Found>, DepotError>> {
        let (own, after) = (prefix.to_owned(), after.map(str::to_owned));
        self.work(prefix, validate_prefix(prefix), move |root| {
            let mut listing = Listing { root, after: after.as_deref(), limit, found: Vec::new() };
            match listing.folder(&own, 0) {
                // Nothing was ever put there. A depot that went away as a whole is no empty one.
                Err(why) if why.kind() == io::ErrorKind::NotFound && root.is_dir() => Ok(listing.found),
                result => result.map(|()| listing.found),
            }
        })
    }

    fn delete(&self, name: &str) -> BoxFuture<'_, Result<(), DepotError>> {
        let own = name.to_owned();
        self.work(name, validate_name(name), move |root| remove(root, &own))
    }

    fn describe(&self) -> String {
        format!("folder {}", self.root.display())
    }

    fn sweep_unfinished(&self, now: Timestamp, age: Duration) -> BoxFuture<'_, Result<usize, DepotError>> {
        self.work(UNFINISHED, Ok(()), move |root| sweep(root, now, age))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::{Clock, SystemClock};
    use std::os::unix::fs::PermissionsExt;

    #[tokio::test]
    async fn files_are_listed_in_the_order_of_their_names_page_by_page() {
        let folder = tempfile::tempdir().unwrap();
        let depot = FolderDepot::open(folder.path().join("depot")).unwrap();
        let mut names = ["a", "a-b/c", "a.b", "a0", "b/c/d", "b/c.d", "b/c/e", "c"];
        for name in names {
            let name = if name == "a" { "a/x" } else { name };
            depot.put(name, Bytes::from(name.to_owned())).await.unwrap();
        }
        names[0] = "a/x";
        names.sort_unstable();
        for limit in 1..10 {
            let (mut listed, mut after) = (Vec::new(), None::<String>);
            loop {
                let page = depot.list("", after.as_deref(), limit).await.unwrap();
                let is_last = page.len() < limit;
                listed.extend(page.into_iter().map(|found| found.name));
                after = listed.last().cloned();
                if is_last {
                    break;
                }
            }
            assert_eq!(listed, names, "{limit} at once");
        }
        let below: Vec<String> = depot.list("b/", None, 9).await.unwrap().into_iter().map(|f| f.name).collect();
        assert_eq!(below, ["b/c.d", "b/c/d", "b/c/e"]);
        assert!(depot.list("nothing/", None, 9).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_file_is_replaced_whole_and_its_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let depot = FolderDepot::open(folder.path().join("depot")).unwrap();
        depot.put("a/b", Bytes::from_static(b"one")).await.unwrap();
        depot.put("a/b", Bytes::from_static(b"two")).await.unwrap();
        assert_eq!(depot.get("a/b").await.unwrap().as_ref(), b"two");
        let mode = |name: &str| fs::metadata(folder.path().join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode("depot"), mode("depot/a"), mode("depot/a/b")), (0o700, 0o700, 0o600));
        assert!(matches!(depot.get("a/c").await, Err(DepotError::Missing(_))));
        assert!(matches!(depot.put("../x", Bytes::new()).await, Err(DepotError::BadName(_))));
        depot.delete("a/b").await.unwrap();
        depot.delete("a/b").await.unwrap();
        assert!(depot.list("", None, 9).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn what_was_never_finished_is_not_listed_and_is_swept_when_it_is_old() {
        let folder = tempfile::tempdir().unwrap();
        let depot = FolderDepot::open(folder.path()).unwrap();
        fs::write(folder.path().join(UNFINISHED).join("x"), b"half").unwrap();
        assert!(depot.list("", None, 9).await.unwrap().is_empty());
        let (now, hour) = (SystemClock.now(), Duration::from_secs(3_600));
        assert_eq!(depot.sweep_unfinished(now, hour).await.unwrap(), 0);
        assert_eq!(depot.sweep_unfinished(now.plus(hour * 2), hour).await.unwrap(), 1);
    }

    #[tokio::test]
    async fn a_folder_that_went_away_is_no_empty_depot() {
        let folder = tempfile::tempdir().unwrap();
        let depot = FolderDepot::open(folder.path().join("depot")).unwrap();
        fs::remove_dir_all(folder.path().join("depot")).unwrap();
        assert!(matches!(depot.list("chunk/", None, 9).await, Err(DepotError::Missing(_))));
    }
}
