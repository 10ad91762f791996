//! SUMMARY    One archive of an export: a ZIP with the hash of its bytes, what was reckoned of it, and the list of its entries.

use base::Timestamp;

use super::plan::Plan;
use crate::{
    Contents, Error, Name,
    manifest::{Entries, File, FileEntry},
    zip::{Entry, Length, ZipWriter},
};

/// An archive being written.
pub(super) struct Archive {
    zip: ZipWriter,
    content: Contents,
    modified: Timestamp,
    /// None: there are more than the manifest has room for.
    listed: Option<Vec<FileEntry>>,
    room: usize,
    pub plan: Plan,
}

impl Archive {
    /// Its entries are listed if they are no more than `room`.
    pub fn new(modified: Timestamp, room: usize) -> Self {
        let (zip, content, plan) = (ZipWriter::new(), Contents::default(), Plan::default());
        Archive { zip, content, modified, listed: Some(Vec::new()), room, plan }
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.plan == Plan::default()
    }

    /// Begins an entry.
    pub fn begin(&mut self, name: &Name, length: Length, out: &mut Vec<u8>) -> Result<(), Error> {
        let from = out.len();
        self.zip.begin(name, length, self.modified, out)?;
        self.hash(from, out);
        Ok(())
    }

    /// Writes bytes of the entry that was begun.
    pub fn write(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        let from = out.len();
        out.extend_from_slice(bytes);
        self.wrote(from, out)
    }

    /// Bytes of the entry that was begun are behind `from` in `out`.
    pub fn wrote(&mut self, from: usize, out: &[u8]) -> Result<(), Error> {
        self.zip.wrote(out.get(from..).unwrap_or_default())?;
        self.hash(from, out);
        Ok(())
    }

    /// Ends the entry that was begun.
    pub fn end(&mut self, out: &mut Vec<u8>) -> Result<Entry, Error> {
        let from = out.len();
        let entry = self.zip.end(out)?;
        self.hash(from, out);
        if self.listed.as_ref().is_some_and(|listed| listed.len() >= self.room) {
            self.listed = None;
        }
        if let Some(listed) = &mut self.listed {
            listed.push(FileEntry::from(&entry));
        }
        Ok(entry)
    }

    /// Writes an entry that is all there.
    pub fn entry(&mut self, name: &Name, length: Length, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        self.begin(name, length, out)?;
        self.write(bytes, out)?;
        self.end(out).map(|_| ())
    }

    /// Writes the directory. The archive is the file of this name.
    pub fn finish(mut self, name: Name, out: &mut Vec<u8>) -> Result<File, Error> {
        let from = out.len();
        let summary = self.zip.finish(out)?;
        self.content.feed(out.get(from..).unwrap_or_default());
        let content = self.content.end();
        let entries = self.listed.map_or(Entries::Count(summary.entries), Entries::Listed);
        Ok(File { name, bytes: content.bytes, sha256: content.sha256, entries: Some(entries) })
    }

    fn hash(&mut self, from: usize, out: &[u8]) {
        self.content.feed(out.get(from..).unwrap_or_default());
    }
}
