//! SUMMARY    Files of an export, held against its manifest.
//! INVARIANTS A `Verified` manifest comes from `verify` alone.

use std::ops::Deref;

use super::shape::{Entries, File, FileEntry, Manifest};
use crate::{Content, Contents, Error};

/// What a trusted key has signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified<T>(T);

impl<T> Verified<T> {
    pub(super) fn new(value: T) -> Self {
        Verified(value)
    }
}

impl<T> Deref for Verified<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

impl Verified<Manifest> {
    /// A check of one of its files, by name.
    pub fn check_file(&self, name: &str) -> Result<FileCheck, Error> {
        let file = self.file(name)?;
        Ok(FileCheck::new(Content { bytes: file.bytes, sha256: file.sha256 }))
    }

    /// A check of an entry of one of its archives, where they are listed. Looks through the list: who checks all of a large archive
    /// goes along it with `FileCheck::new`.
    pub fn check_entry(&self, file: &str, entry: &str) -> Result<FileCheck, Error> {
        let entries: &[FileEntry] = match &self.file(file)?.entries {
            Some(Entries::Listed(entries)) => entries,
            Some(Entries::Count(_)) | None => &[],
        };
        let found = entries.iter().find(|e| e.name.as_str() == entry);
        let found = found.ok_or_else(|| Error::Unknown(format!("{file}: {entry}")))?;
        Ok(FileCheck::new(Content { bytes: found.bytes, sha256: found.sha256 }))
    }

    fn file(&self, name: &str) -> Result<&File, Error> {
        self.0.files.iter().find(|f| f.name.as_str() == name).ok_or_else(|| Error::Unknown(name.to_owned()))
    }
}

/// A file whose bytes are coming.
pub struct FileCheck {
    expected: Content,
    content: Contents,
}

impl FileCheck {
    /// A check against what a manifest says of a file, or of an entry of an archive.
    pub fn new(expected: Content) -> Self {
        FileCheck { expected, content: Contents::default() }
    }

    /// Takes bytes of the file. An error as soon as there are too many.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.content.feed(bytes);
        if self.content.bytes() > self.expected.bytes {
            return Err(Error::Changed("the file is longer than its manifest says"));
        }
        Ok(())
    }

    /// Whether those were all of its bytes, and no others.
    pub fn end(self) -> Result<(), Error> {
        let found = self.content.end();
        if found.bytes != self.expected.bytes {
            return Err(Error::Changed("the file is shorter than its manifest says"));
        }
        if found.sha256 != self.expected.sha256 {
            return Err(Error::Changed("the file has other bytes than its manifest says"));
        }
        Ok(())
    }
}
