//! SUMMARY    The folder of an embedded store: its lock, its format note, and where the engine and the floor live.
//! INVARIANTS Two processes never open one folder. A folder that is not a store of this format is left untouched.

use super::{OpenError, floor::Floor};
use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write},
    path::{Path, PathBuf},
};

/// What this code writes and reads. Line 1 is ours: raise it with a migration. Line 2 says which engine wrote the rows.
const FORMAT: &str = "posthouse store 1\nfjall 3.1\n";

pub(super) struct Folder {
    path: PathBuf,
    /// Held as long as the folder is open.
    _lock: File,
}

impl Folder {
    pub(super) fn open(path: &Path) -> Result<Self, OpenError> {
        let io = |source| OpenError::Io { path: path.to_path_buf(), source };
        make_folder(path).map_err(io)?;
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(path.join("lock")).map_err(io)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(OpenError::InUse(path.to_path_buf())),
            Err(TryLockError::Error(source)) => return Err(io(source)),
        }
        let folder = Folder { path: path.to_path_buf(), _lock: lock };
        folder.check_format()?;
        Ok(folder)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Where the engine keeps its files.
    pub(super) fn rows(&self) -> PathBuf {
        self.path.join("rows")
    }

    pub(super) fn floor(&self) -> Result<Floor, OpenError> {
        let path = self.path.join("floor");
        Floor::open(&path).map_err(|source| OpenError::Io { path, source })
    }

    /// Makes the names durable that the engine and the floor gave themselves when they were made, which neither does: the
    /// engine syncs what is in its folders, but not its folders' own names.
    pub(super) fn sync_names(&self) -> Result<(), OpenError> {
        let mut folders = vec![self.path.clone(), self.rows(), self.rows().join("keyspaces")];
        let io = |path: &Path| {
            let path = path.to_path_buf();
            move |source| OpenError::Io { path, source }
        };
        let keyspaces = folders.last().cloned().unwrap_or_default();
        for entry in fs::read_dir(&keyspaces).map_err(io(&keyspaces))? {
            folders.push(entry.map_err(io(&keyspaces))?.path());
        }
        folders.iter().filter(|folder| folder.is_dir()).try_for_each(|folder| sync_folder(folder).map_err(io(folder)))
    }

    fn check_format(&self) -> Result<(), OpenError> {
        let path = self.path.join("format");
        match fs::read_to_string(&path) {
            Ok(text) if text == FORMAT => Ok(()),
            Ok(text) => {
                let why = format!("written as {:?}, this program reads {:?}", text.trim(), FORMAT.trim());
                Err(OpenError::Format { path, why })
            }
            Err(why) if why.kind() == io::ErrorKind::NotFound && self.rows().exists() => Err(OpenError::Format {
                path,
                why: "missing, but there are rows: not a store of this program".to_owned(),
            }),
            Err(why) if why.kind() == io::ErrorKind::NotFound => {
                write_whole(&path, FORMAT.as_bytes()).map_err(|source| OpenError::Io { path, source })
            }
            Err(source) => Err(OpenError::Io { path, source }),
        }
    }
}

/// Writes a file so that after a crash it is whole or absent.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let unfinished = path.with_extension("tmp");
    let mut file = File::create(&unfinished)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&unfinished, path)?;
    path.parent().map_or(Ok(()), sync_folder)
}

/// Makes a folder whose name survives a power loss.
pub(crate) fn make_folder(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(path)?;
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => sync_folder(parent),
        Some(_) | None => Ok(()),
    }
}

/// Makes the names in `folder` durable.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
