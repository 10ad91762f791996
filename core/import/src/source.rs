//! SUMMARY    Where the bytes of an import come from: files that are read by ranges.
//! LIMITS     IMPORT_INPUTS_MAX

use std::{
    fs::File,
    future::Future,
    io,
    ops::Range,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    pin::Pin,
    sync::{Arc, OnceLock},
};

use base::{Kind, limits::IMPORT_INPUTS_MAX};
use bytes::Bytes;
use mail::{Error, Result};

use crate::folder::Folder;

/// Bytes under way.
pub type Reading<'a> = Pin<Box<dyn Future<Output = io::Result<Bytes>> + Send + 'a>>;

/// A file that is read by ranges.
pub trait Source: Send + Sync {
    /// How long it is.
    fn bytes(&self) -> u64;
    /// All bytes of a range that is in it.
    fn read(&self, range: Range<u64>) -> Reading<'_>;
}

/// What is brought in.
pub enum Input {
    /// An archive, an mbox file, a message; its name, which may say a mailbox.
    File { name: String, source: Arc<dyn Source> },
    /// Files below a folder: a Maildir, mbox and EML files, an archive that was unpacked.
    Folder(Folder),
}

impl Input {
    pub(crate) fn name(&self) -> &str {
        match self {
            Input::File { name, .. } => name,
            Input::Folder(folder) => folder.name(),
        }
    }
}

/// A file of this machine.
pub struct LocalFile {
    path: PathBuf,
    bytes: u64,
    /// Opened when it is first read: a folder has more files than may be open.
    file: Arc<OnceLock<File>>,
}

impl LocalFile {
    /// Of so many bytes.
    pub fn new(path: PathBuf, bytes: u64) -> Self {
        LocalFile { path, bytes, file: Arc::default() }
    }
}

impl Source for LocalFile {
    fn bytes(&self) -> u64 {
        self.bytes
    }

    fn read(&self, range: Range<u64>) -> Reading<'_> {
        let (path, file) = (self.path.clone(), self.file.clone());
        let read = tokio::task::spawn_blocking(move || {
            let file = match file.get() {
                Some(file) => file,
                None => {
                    let opened = File::open(&path)?;
                    file.get_or_init(|| opened)
                }
            };
            let len = range.end.saturating_sub(range.start);
            let mut bytes = vec![0; usize::try_from(len).map_err(io::Error::other)?];
            file.read_exact_at(&mut bytes, range.start)?;
            Ok(Bytes::from(bytes))
        });
        Box::pin(async move { read.await.map_err(io::Error::other)? })
    }
}

/// Opens what a path of this machine leads to: a file, the archives `export-*.zip` of a folder, or all that is below it. Errors: `Invalid`.
pub async fn open(path: &Path) -> Result<Vec<Input>> {
    let asked = path.to_owned();
    let found = tokio::task::spawn_blocking(move || found(&asked)).await;
    found.map_err(|e| Error::new(Kind::Unavailable, e.to_string()))?
}

fn found(path: &Path) -> Result<Vec<Input>> {
    let wrong = |why: io::Error| Error::new(Kind::Invalid, format!("{}: {why}", path.display()));
    let known = std::fs::metadata(path).map_err(wrong)?;
    if known.is_dir() {
        let archives = exports(path).map_err(wrong)?;
        if archives.len() > IMPORT_INPUTS_MAX {
            return Err(too_many(path, "archives (IMPORT_INPUTS_MAX)"));
        }
        if archives.is_empty() {
            return Ok(vec![Input::Folder(Folder::below(path)?)]);
        }
        return archives.iter().map(|path| file(path).map_err(wrong)).collect();
    }
    Ok(vec![file(path).map_err(wrong)?])
}

/// A folder has more than is taken of these.
pub(crate) fn too_many(folder: &Path, what: &str) -> Error {
    Error::new(Kind::LimitExceeded, format!("{}: too many {what}: bring it in in parts", folder.display()))
}

fn file(path: &Path) -> io::Result<Input> {
    let known = std::fs::metadata(path)?;
    if !known.is_file() {
        return Err(io::Error::other("this is neither a file nor a folder"));
    }
    // Whoever may not read it is told now.
    File::open(path)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(Input::File { name, source: Arc::new(LocalFile::new(path.to_owned(), known.len())) })
}

/// The archives of an export that was fetched into a folder, in order of their numbers.
fn exports(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let number =
            name.to_str().and_then(|name| name.strip_prefix("export-")?.strip_suffix(".zip")?.parse::<u32>().ok());
        if let Some(number) = number
            && entry.path().is_file()
        {
            found.push((number, entry.path()));
        }
    }
    found.sort();
    Ok(found.into_iter().map(|(_, path)| path).collect())
}
