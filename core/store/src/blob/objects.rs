//! SUMMARY    Where pack objects are kept: a trait for immutable named objects, and the file system behind it.
//! SECURITY   Names are checked before they touch a path: lower-case words, no `..`, no absolute path, no hidden file.
//! LIMITS     OBJECT_NAME_BYTES_MAX, OBJECT_LIST_MAX
//! INVARIANTS A name is written once. After `put` returned, the object survives a crash, whole; before, it does not exist.

use crate::{embedded::make_folder, kv::BoxFuture};
use base::{
    Timestamp,
    limits::{OBJECT_LIST_MAX, OBJECT_NAME_BYTES_MAX},
};
use bytes::Bytes;
use std::{
    fmt, fs, io,
    io::Write,
    ops::Range,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    time::{Duration, UNIX_EPOCH},
};

/// An object as `list` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectInfo {
    pub name: String,
    pub bytes: u64,
    pub modified: Timestamp,
}

/// Why an object operation failed.
#[derive(Debug)]
pub enum ObjectsError {
    BadName(String),
    Missing(String),
    /// Shorter than the range that was asked for.
    Short(String),
    /// The objects belong to another store: the names of its mark and of ours.
    Foreign {
        theirs: String,
        ours: String,
    },
    Io {
        name: String,
        source: io::Error,
    },
}

impl fmt::Display for ObjectsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ObjectsError::BadName(name) => write!(f, "bad object name {name:?}"),
            ObjectsError::Missing(name) => write!(f, "no object {name}"),
            ObjectsError::Short(name) => write!(f, "object {name} is too short"),
            ObjectsError::Foreign { theirs, ours } => write!(
                f,
                "the objects here belong to another store (object {theirs}; this store's would be {ours}): give this one a prefix, \
                 bucket or folder of its own, or remove that object if the other store is gone for good"
            ),
            ObjectsError::Io { name, source } => write!(f, "object {name}: {source}"),
        }
    }
}

impl std::error::Error for ObjectsError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ObjectsError::Io { source, .. } => Some(source),
            ObjectsError::BadName(_)
            | ObjectsError::Missing(_)
            | ObjectsError::Short(_)
            | ObjectsError::Foreign { .. } => None,
        }
    }
}

/// Immutable named objects.
pub trait Objects: Send + Sync + 'static {
    /// Whether they are a service: then big blobs are put before their commit. Files beside an embedded store take longer to
    /// make than rows in its log.
    fn is_far(&self) -> bool {
        false
    }
    fn put(&self, name: &str, bytes: Bytes) -> BoxFuture<'_, Result<(), ObjectsError>>;
    /// As `put`, of what will be read soon: a cache keeps it.
    fn put_warm(&self, name: &str, bytes: Bytes) -> BoxFuture<'_, Result<(), ObjectsError>> {
        self.put(name, bytes)
    }
    /// Exactly the bytes of `range`.
    fn get(&self, name: &str, range: Range<u64>) -> BoxFuture<'_, Result<Bytes, ObjectsError>>;
    /// Drops what a cache keeps of an object, for what was read of it is damaged: the next `get` asks for it anew.
    fn forget(&self, _name: &str) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
    /// Deleting what does not exist succeeds.
    fn delete(&self, name: &str) -> BoxFuture<'_, Result<(), ObjectsError>>;
    /// Objects whose names start with `prefix` (which ends with `/`), at most OBJECT_LIST_MAX, in no order.
    fn list(&self, prefix: &str) -> BoxFuture<'_, Result<Vec<ObjectInfo>, ObjectsError>>;
    /// Removes what puts left behind that never ended and are older than `age`; how many. Stores that do so themselves
    /// have nothing to do.
    fn sweep_unfinished(&self, _now: Timestamp, _age: Duration) -> BoxFuture<'_, Result<usize, ObjectsError>> {
        Box::pin(std::future::ready(Ok(0)))
    }
}

/// Words of lower-case letters, digits, `-`, `_` and inner dots, joined by single slashes.
pub fn validate_name(name: &str) -> Result<(), ObjectsError> {
    let is_word = |word: &str| {
        !word.is_empty()
            && !word.starts_with('.')
            && !word.ends_with('.')
            && word.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.'))
    };
    if name.len() <= OBJECT_NAME_BYTES_MAX && name.split('/').all(is_word) {
        Ok(())
    } else {
        Err(ObjectsError::BadName(name.to_owned()))
    }
}

/// Ending of a file that is being written.
const UNFINISHED: &str = "pack.unfinished.";

/// Objects as files under one folder.
#[derive(Debug, Clone)]
pub struct FsObjects {
    root: PathBuf,
}

impl FsObjects {
    /// Makes the folder if it does not exist.
    pub fn open(root: impl Into<PathBuf>) -> io::Result<Self> {
        let root = root.into();
        make_folder(&root)?;
        Ok(FsObjects { root })
    }

    /// Runs file work for a checked `name` off the runtime's threads.
    fn work<T: Send + 'static>(
        &self,
        name: &str,
        work: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, ObjectsError>> {
        let (path, name) = (self.root.join(name.trim_end_matches('/')), name.to_owned());
        Box::pin(async move {
            validate_name(name.trim_end_matches('/'))?;
            match tokio::task::spawn_blocking(move || work(&path)).await {
                Ok(Ok(value)) => Ok(value),
                Ok(Err(why)) if why.kind() == io::ErrorKind::NotFound => Err(ObjectsError::Missing(name)),
                Ok(Err(why)) if why.kind() == io::ErrorKind::UnexpectedEof => Err(ObjectsError::Short(name)),
                Ok(Err(source)) => Err(ObjectsError::Io { name, source }),
                Err(why) => Err(ObjectsError::Io { name, source: io::Error::other(why) }),
            }
        })
    }
}

fn write(root: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(root);
    fs::create_dir_all(folder)?;
    // A dot makes it no valid name, so an unfinished file is never listed or read.
    let unfinished = path.with_extension(UNFINISHED);
    let mut file = fs::File::create(&unfinished)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&unfinished, path)?;
    for folder in folder.ancestors().take_while(|folder| folder.starts_with(root)) {
        fs::File::open(folder)?.sync_all()?;
    }
    Ok(())
}

/// Every file under `folder`, with its time.
fn walk(folder: &Path, mut each: impl FnMut(PathBuf, u64, Timestamp) -> io::Result<()>) -> io::Result<()> {
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            // A file that went away between the two calls is not there.
            let meta = match entry.metadata() {
                Err(why) if why.kind() == io::ErrorKind::NotFound => continue,
                meta => meta?,
            };
            if meta.is_dir() {
                folders.push(entry.path());
                continue;
            }
            let age = meta.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
            let modified = Timestamp(i64::try_from(age.as_millis()).unwrap_or(i64::MAX));
            each(entry.path(), meta.len(), modified)?;
        }
    }
    Ok(())
}

fn list(root: &Path, folder: &Path, found: &mut Vec<ObjectInfo>) -> io::Result<()> {
    walk(folder, |path, bytes, modified| {
        let Some(name) = path.strip_prefix(root).ok().and_then(Path::to_str) else { return Ok(()) };
        if validate_name(name).is_ok() && found.len() < OBJECT_LIST_MAX {
            found.push(ObjectInfo { name: name.to_owned(), bytes, modified });
        }
        Ok(())
    })
}

fn sweep_unfinished(root: &Path, now: Timestamp, age: Duration) -> io::Result<usize> {
    let mut swept = 0;
    walk(root, |path, _, modified| {
        let unfinished = path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.ends_with(UNFINISHED));
        if unfinished && now.since(modified) >= age {
            fs::remove_file(path)?;
            swept += 1;
        }
        Ok(())
    })?;
    Ok(swept)
}

impl Objects for FsObjects {
    fn put(&self, name: &str, bytes: Bytes) -> BoxFuture<'_, Result<(), ObjectsError>> {
        let root = self.root.clone();
        self.work(name, move |path| write(&root, path, &bytes))
    }

    fn get(&self, name: &str, range: Range<u64>) -> BoxFuture<'_, Result<Bytes, ObjectsError>> {
        self.work(name, move |path| {
            let file = fs::File::open(path)?;
            let bytes = range.end.saturating_sub(range.start);
            if range.end > file.metadata()?.len() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let mut read = vec![0; usize::try_from(bytes).map_err(io::Error::other)?];
            file.read_exact_at(&mut read, range.start)?;
            Ok(Bytes::from(read))
        })
    }

    fn delete(&self, name: &str) -> BoxFuture<'_, Result<(), ObjectsError>> {
        self.work(name, |path| match fs::remove_file(path) {
            Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(()),
            result => result,
        })
    }

    fn list(&self, prefix: &str) -> BoxFuture<'_, Result<Vec<ObjectInfo>, ObjectsError>> {
        let root = self.root.clone();
        self.work(prefix, move |folder| {
            let mut found = Vec::new();
            match list(&root, folder, &mut found) {
                Err(why) if why.kind() != io::ErrorKind::NotFound => Err(why),
                _ => Ok(found),
            }
        })
    }

    fn sweep_unfinished(&self, now: Timestamp, age: Duration) -> BoxFuture<'_, Result<usize, ObjectsError>> {
        let root = self.root.clone();
        Box::pin(async move {
            let io = |source| ObjectsError::Io { name: "unfinished objects".to_owned(), source };
            let sweep = tokio::task::spawn_blocking(move || sweep_unfinished(&root, now, age));
            sweep.await.map_err(|why| io(io::Error::other(why)))?.map_err(io)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::{Clock, SystemClock};

    #[test]
    fn names() {
        for name in ["a", "packs/ten_1/0f.pack", "a-b_c/d.e.f"] {
            assert!(validate_name(name).is_ok(), "{name}");
        }
        for name in
            ["", "/a", "a/", "a//b", "..", "a/../b", ".a", "a.", "A", "a b", "a\\b", "a\0", "ä", &"a".repeat(2_000)]
        {
            assert!(validate_name(name).is_err(), "{name}");
        }
    }

    #[tokio::test]
    async fn files_as_objects() {
        let folder = tempfile::tempdir().unwrap();
        let objects = FsObjects::open(folder.path().join("o")).unwrap();
        assert!(objects.list("packs/").await.unwrap().is_empty());
        objects.put("packs/a.pack", Bytes::from_static(b"0123456789")).await.unwrap();
        assert_eq!(objects.get("packs/a.pack", 2..5).await.unwrap().as_ref(), b"234");
        assert!(matches!(objects.get("packs/a.pack", 2..50).await, Err(ObjectsError::Short(_))));
        assert!(matches!(objects.get("packs/b.pack", 0..1).await, Err(ObjectsError::Missing(_))));
        assert!(matches!(objects.get("../o/packs/a.pack", 0..1).await, Err(ObjectsError::BadName(_))));
        assert!(matches!(objects.put("../x", Bytes::new()).await, Err(ObjectsError::BadName(_))));
        fs::write(folder.path().join("o/packs/c.pack.unfinished."), b"x").unwrap();
        let listed = objects.list("packs/").await.unwrap();
        assert_eq!(
            listed.iter().map(|info| (info.name.as_str(), info.bytes)).collect::<Vec<_>>(),
            [("packs/a.pack", 10)]
        );
        let (now, hour) = (SystemClock.now(), Duration::from_secs(3_600));
        assert_eq!(objects.sweep_unfinished(now, hour).await.unwrap(), 0);
        assert_eq!(objects.sweep_unfinished(now.plus(hour * 2), hour).await.unwrap(), 1);
        assert!(!folder.path().join("o/packs/c.pack.unfinished.").exists());
        objects.delete("packs/a.pack").await.unwrap();
        objects.delete("packs/a.pack").await.unwrap();
        assert!(objects.list("packs/").await.unwrap().is_empty());
    }
}
