//! SUMMARY    Writes a ZIP archive entry by entry.
//! LIMITS     ARCHIVE_ENTRIES_MAX, ARCHIVE_DIRECTORY_BYTES_MAX
//! INVARIANTS After an error the archive can only be thrown away, or resumed after its last complete entry.

use base::Timestamp;
use base::limits::{ARCHIVE_DIRECTORY_BYTES_MAX, ARCHIVE_ENTRIES_MAX};

use super::record::{self, Directory, Entry, Head, Length};
use crate::{Contents, Error, Name, name::Names};

/// Bytes from which a length is one of ZIP64: all bits set says so.
const ZIP64_BYTES_MIN: u64 = u32::MAX as u64;

/// An archive being written. Memory is the directory (some 150 bytes an entry) and 24 bytes for each name.
#[derive(Default)]
pub struct ZipWriter {
    names: Names,
    directory: Vec<u8>,
    entries: u64,
    /// Bytes of all complete entries.
    offset: u64,
    open: Option<Open>,
}

/// The entry whose bytes are coming.
struct Open {
    name: Name,
    length: Length,
    modified: Timestamp,
    crc32: crc32fast::Hasher,
    content: Contents,
}

/// An archive that was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    pub bytes: u64,
    pub entries: u64,
}

impl ZipWriter {
    pub fn new() -> Self {
        ZipWriter::default()
    }

    /// Goes on after `entries`, all that were complete, in their order. What was written after the last of them is cut off by the
    /// caller: `bytes` says where.
    pub fn resume(entries: impl IntoIterator<Item = Entry>) -> Result<Self, Error> {
        let mut zip = ZipWriter::new();
        for entry in entries {
            zip.names.add(&entry.name, matches!(entry.length, Length::Folder))?;
            zip.complete(&entry)?;
        }
        Ok(zip)
    }

    /// Bytes of all complete entries.
    pub fn bytes(&self) -> u64 {
        self.offset
    }

    /// Begins a file. `length` is what is known of its length, and must be the same each time the archive is made. Errors: the name is
    /// taken, the archive is full, another file is open.
    pub fn begin(&mut self, name: &Name, length: Length, modified: Timestamp, out: &mut Vec<u8>) -> Result<(), Error> {
        if self.open.is_some() {
            return Err(Error::Order("an entry of the archive is still open"));
        }
        if self.entries >= ARCHIVE_ENTRIES_MAX as u64 {
            return Err(Error::Limit("ARCHIVE_ENTRIES_MAX"));
        }
        self.names.add(name, matches!(length, Length::Folder))?;
        record::local_header(&Head { name, length, modified }, out);
        let (crc32, content) = (crc32fast::Hasher::new(), Contents::default());
        self.open = Some(Open { name: name.clone(), length, modified, crc32, content });
        Ok(())
    }

    /// Writes bytes of the file that was begun. An error if there are more than its `Length` allows.
    pub fn write(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        self.wrote(bytes)?;
        out.extend_from_slice(bytes);
        Ok(())
    }

    /// The same of bytes that the caller has written himself.
    pub fn wrote(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let open = self.open.as_mut().ok_or(Error::Order("no entry of the archive is open"))?;
        let after = open.content.bytes() + bytes.len() as u64;
        match open.length {
            Length::Any => {}
            Length::Below4Gib if after < ZIP64_BYTES_MIN => {}
            Length::Below4Gib => return Err(Error::Changed("an entry is longer than was said before")),
            Length::Folder if bytes.is_empty() => {}
            Length::Folder => return Err(Error::Order("a folder has no bytes")),
        }
        open.crc32.update(bytes);
        open.content.feed(bytes);
        Ok(())
    }

    /// Ends the file that was begun.
    pub fn end(&mut self, out: &mut Vec<u8>) -> Result<Entry, Error> {
        let open = self.open.take().ok_or(Error::Order("no entry of the archive is open"))?;
        let content = open.content.end();
        let entry = Entry {
            name: open.name,
            length: open.length,
            modified: open.modified,
            bytes: content.bytes,
            crc32: open.crc32.finalize(),
            sha256: content.sha256,
        };
        record::descriptor(&entry, out);
        self.complete(&entry)?;
        Ok(entry)
    }

    /// A folder of its own: only one that would have no file needs it.
    pub fn folder(&mut self, name: &Name, modified: Timestamp, out: &mut Vec<u8>) -> Result<Entry, Error> {
        self.begin(name, Length::Folder, modified, out)?;
        self.end(out)
    }

    /// Writes the directory: the archive is complete. At most ARCHIVE_DIRECTORY_BYTES_MAX are added to `out`, and little more.
    pub fn finish(self, out: &mut Vec<u8>) -> Result<Summary, Error> {
        if self.open.is_some() {
            return Err(Error::Order("an entry of the archive is still open"));
        }
        let before = out.len();
        let bytes = self.directory.len() as u64;
        out.extend_from_slice(&self.directory);
        record::ends(&Directory { entries: self.entries, bytes, offset: self.offset }, out);
        Ok(Summary { bytes: self.offset + (out.len() - before) as u64, entries: self.entries })
    }

    fn complete(&mut self, entry: &Entry) -> Result<(), Error> {
        if self.entries >= ARCHIVE_ENTRIES_MAX as u64 {
            return Err(Error::Limit("ARCHIVE_ENTRIES_MAX"));
        }
        if matches!(entry.length, Length::Below4Gib) && entry.bytes >= ZIP64_BYTES_MIN {
            return Err(Error::Changed("an entry is longer than was said before"));
        }
        record::directory_header(entry, self.offset, &mut self.directory);
        if self.directory.len() > ARCHIVE_DIRECTORY_BYTES_MAX {
            return Err(Error::Limit("ARCHIVE_DIRECTORY_BYTES_MAX"));
        }
        self.offset = self.offset.saturating_add(entry.bytes_in_archive());
        self.entries += 1;
        Ok(())
    }
}
