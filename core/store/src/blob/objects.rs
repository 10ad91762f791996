//! SUMMARY    Large immutable objects (packs): the trait, and the file system behind it.
//! SECURITY   Names come from this crate only, and are checked all the same: no separators, no dots in front.
//! INVARIANTS An object is there whole and durable, or not at all: temporary file, fsync, rename, fsync of the folder.

use crate::kv::BoxFuture;
use bytes::Bytes;
use std::{
    fmt, io,
    ops::Range,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

/// Why an object operation failed.
#[derive(Debug)]
pub enum ObjectsError {
    NotFound,
    BadName,
    Io(io::Error),
}

impl fmt::Display for ObjectsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ObjectsError::NotFound => f.write_str("no such object"),
            ObjectsError::BadName => f.write_str("not an object name"),
            ObjectsError::Io(e) => write!(f, "object store: {e}"),
        }
    }
}
impl std::error::Error for ObjectsError {}

impl From<io::Error> for ObjectsError {
    fn from(e: io::Error) -> Self {
        if e.kind() == io::ErrorKind::NotFound { ObjectsError::NotFound } else { ObjectsError::Io(e) }
    }
}

/// Immutable objects by name.
pub trait Objects: Send + Sync + 'static {
    /// Stores an object; durable when it returns.
    fn put<'a>(&'a self, name: &'a str, bytes: Bytes) -> BoxFuture<'a, Result<(), ObjectsError>>;
    /// Reads a range of an object.
    fn get<'a>(&'a self, name: &'a str, range: Range<u64>) -> BoxFuture<'a, Result<Bytes, ObjectsError>>;
    /// Removes an object; one that is not there is no error.
    fn delete<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), ObjectsError>>;
    /// Names and sizes of all objects.
    fn list(&self) -> BoxFuture<'_, Result<Vec<(String, u64)>, ObjectsError>>;
}

/// Objects as files of one folder.
#[derive(Debug)]
pub struct FsObjects {
    folder: PathBuf,
}

impl FsObjects {
    /// Makes the folder if it is missing and removes what a crash left half-written.
    pub fn open(folder: &Path) -> Result<Self, ObjectsError> {
        std::fs::create_dir_all(folder)?;
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().ends_with(".tmp") {
                std::fs::remove_file(entry.path())?;
            }
        }
        Ok(FsObjects { folder: folder.to_owned() })
    }

    fn path(&self, name: &str) -> Result<PathBuf, ObjectsError> {
        let ok = !name.is_empty() && name.len() <= 200 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if ok { Ok(self.folder.join(name)) } else { Err(ObjectsError::BadName) }
    }
}

impl Objects for FsObjects {
    fn put<'a>(&'a self, name: &'a str, bytes: Bytes) -> BoxFuture<'a, Result<(), ObjectsError>> {
        Box::pin(async move {
            let (path, folder) = (self.path(name)?, self.folder.clone());
            blocking(move || {
                let temporary = path.with_extension("tmp");
                let file = std::fs::File::create(&temporary)?;
                file.write_all_at(&bytes, 0)?;
                file.sync_all()?;
                std::fs::rename(&temporary, &path)?;
                std::fs::File::open(folder)?.sync_all()
            })
            .await
        })
    }

    fn get<'a>(&'a self, name: &'a str, range: Range<u64>) -> BoxFuture<'a, Result<Bytes, ObjectsError>> {
        Box::pin(async move {
            let file = std::fs::File::open(self.path(name)?)?;
            let length = usize::try_from(range.end.saturating_sub(range.start)).map_err(|_| ObjectsError::BadName)?;
            let mut out = vec![0u8; length];
            file.read_exact_at(&mut out, range.start)?;
            Ok(Bytes::from(out))
        })
    }

    fn delete<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), ObjectsError>> {
        Box::pin(async move {
            match std::fs::remove_file(self.path(name)?).map_err(ObjectsError::from) {
                Err(ObjectsError::NotFound) => Ok(()),
                other => other,
            }
        })
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<(String, u64)>, ObjectsError>> {
        Box::pin(async move {
            let mut out = Vec::new();
            for entry in std::fs::read_dir(&self.folder)? {
                let entry = entry?;
                let name = entry.file_name().to_string_lossy().into_owned();
                if !name.ends_with(".tmp") {
                    out.push((name, entry.metadata()?.len()));
                }
            }
            out.sort();
            Ok(out)
        })
    }
}

async fn blocking(work: impl FnOnce() -> io::Result<()> + Send + 'static) -> Result<(), ObjectsError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => Ok(result?),
        Err(e) => Err(ObjectsError::Io(io::Error::other(e))),
    }
}
