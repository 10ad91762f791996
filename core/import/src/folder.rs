//! SUMMARY    A folder of this machine that is read as an archive is: its files with their names.
//! SECURITY   Links are not followed: nothing outside of the folder is read.
//! LIMITS     IMPORT_FILES_MAX, IMPORT_DEPTH_MAX
//! INVARIANTS Files come in order of their names: an import that is begun again reads them as the first did.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use archive::zip::read::{Entry, Fault, Listed};
use base::{
    Kind,
    limits::{IMPORT_DEPTH_MAX, IMPORT_FILES_MAX},
};
use mail::{Error, Result};

use crate::source::{LocalFile, too_many};

/// Files below a folder.
pub struct Folder {
    name: String,
    root: PathBuf,
    /// Below it, with their bytes.
    files: Vec<(PathBuf, u64)>,
    /// What is neither file nor folder, or too deep.
    passed: Vec<String>,
}

impl Folder {
    /// All files below a folder. It reads folders, and waits for them. Errors: `Invalid`, `LimitExceeded`.
    pub fn below(root: &Path) -> Result<Folder> {
        let name = root.display().to_string();
        let mut folder = Folder { name, root: root.to_owned(), files: Vec::new(), passed: Vec::new() };
        folder.walk(PathBuf::new(), 0)?;
        Ok(folder)
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn list(&self) -> impl Iterator<Item = Listed> {
        let files = self.files.iter().zip(0_u64..).map(|((path, bytes), number)| match path.to_str() {
            Some(name) => Listed::Entry(Entry::alone(name, number, *bytes)),
            // Names of a Maildir are ASCII; others are read under a name that is shown.
            None => Listed::Entry(Entry::alone(&path.to_string_lossy(), number, *bytes)),
        });
        let passed = self.passed.iter().map(|name| Listed::Refused { name: name.clone(), fault: Fault::Place });
        files.chain(passed)
    }

    /// The file of an entry of this folder.
    pub(crate) fn file(&self, entry: &Entry) -> Option<LocalFile> {
        let (path, bytes) = self.files.get(usize::try_from(entry.header_at).ok()?)?;
        Some(LocalFile::new(self.root.join(path), *bytes))
    }

    fn walk(&mut self, at: PathBuf, depth: usize) -> Result<()> {
        let here = self.root.join(&at);
        let wrong = |why: io::Error| Error::new(Kind::Invalid, format!("{}: {why}", here.display()));
        let mut entries = fs::read_dir(&here).map_err(wrong)?.collect::<io::Result<Vec<_>>>().map_err(wrong)?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            if self.files.len() + self.passed.len() >= IMPORT_FILES_MAX {
                return Err(too_many(&self.root, "files (IMPORT_FILES_MAX)"));
            }
            let (path, known) = (at.join(entry.file_name()), entry.metadata().map_err(wrong)?);
            if known.is_dir() && depth < IMPORT_DEPTH_MAX {
                self.walk(path, depth + 1)?;
            } else if known.is_file() {
                self.files.push((path, known.len()));
            } else {
                self.passed.push(format!("{}.", path.display()));
            }
        }
        Ok(())
    }
}
