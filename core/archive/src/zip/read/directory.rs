//! SUMMARY    The directory of an archive, record by record.
//! STANDARDS  APPNOTE 6.3.10 §4.3.12
//! LIMITS     ARCHIVE_ENTRIES_MAX
//! INVARIANTS Kept are one record, at most 46 bytes and three times 64 KiB, and 16 bytes for each entry: whether entries lie over each
//!            other is only known at the end.

use base::limits::ARCHIVE_ENTRIES_MAX;

use super::end::Directory;
use super::entry::{self, Listed, RECORD_BYTES};
use crate::Error;

/// Reads a directory. Feed it the range of the directory by calling `next` until it says None, for each piece, then `finish`.
#[derive(Debug)]
pub struct Entries {
    directory: Directory,
    /// Bytes of the directory that did not come yet.
    left: u64,
    kept: Vec<u8>,
    found: u64,
    /// Where entries begin and end at least.
    extents: Vec<(u64, u64)>,
    is_broken: bool,
}

impl Entries {
    pub fn new(directory: Directory) -> Self {
        let (left, kept, extents) = (directory.bytes, Vec::new(), Vec::new());
        Entries { directory, left, kept, found: 0, extents, is_broken: false }
    }

    /// The next entry, taken from the front of `input`. None: all of `input` was taken. After an error there are no more; those that
    /// came before it are entries none the less.
    pub fn next(&mut self, input: &mut &[u8]) -> Option<Result<Listed, Error>> {
        if self.is_broken {
            *input = &[];
            return None;
        }
        match self.step(input) {
            Ok(listed) => listed.map(Ok),
            Err(e) => {
                self.is_broken = true;
                Some(Err(e))
            }
        }
    }

    fn step(&mut self, input: &mut &[u8]) -> Result<Option<Listed>, Error> {
        let mut whole = RECORD_BYTES;
        loop {
            self.take(whole, input)?;
            if self.kept.len() < whole {
                return Ok(None);
            }
            let broken = || Error::Format(format!("record {} of the ZIP archive's directory is none", self.found + 1));
            let bytes = entry::record_bytes(&self.kept).ok_or_else(broken)?;
            if self.kept.len() < bytes {
                whole = bytes;
                continue;
            }
            if self.found >= ARCHIVE_ENTRIES_MAX as u64 {
                return Err(Error::Limit("ARCHIVE_ENTRIES_MAX"));
            }
            let listed = entry::read(&self.kept, &self.directory).ok_or_else(broken)?;
            self.found += 1;
            self.kept.clear();
            if let Listed::Entry(entry) = &listed {
                self.extents.push(entry.extent());
            }
            return Ok(Some(listed));
        }
    }

    /// Keeps input until there are `whole` bytes, or all of it was taken.
    fn take(&mut self, whole: usize, input: &mut &[u8]) -> Result<(), Error> {
        let missing = whole.saturating_sub(self.kept.len());
        let (taken, rest) = input.split_at_checked(missing).unwrap_or((*input, &[]));
        let more =
            Error::Order("the directory of an archive was fed more than its range, or its last record is cut off");
        self.left = self.left.checked_sub(taken.len() as u64).ok_or(more)?;
        self.kept.extend_from_slice(taken);
        *input = rest;
        Ok(())
    }

    /// The directory is at its end. Errors: it is not; its number of entries is another than the archive says; two entries lie over
    /// each other, which only a bomb or a broken archive has: nothing of it is to be read.
    pub fn finish(mut self) -> Result<u64, Error> {
        if self.is_broken || self.left != 0 || !self.kept.is_empty() {
            return Err(Error::Format("the directory of the ZIP archive is cut off".to_owned()));
        }
        let said = self.directory.entries;
        let same = if self.directory.is_counted { said == self.found } else { said & 0xffff == self.found & 0xffff };
        if !same {
            return Err(Error::Format(format!("the ZIP archive says {said} entries and has {}", self.found)));
        }
        self.extents.sort_unstable();
        let over = self.extents.windows(2).any(|pair| matches!(pair, [(_, end), (start, _)] if start < end));
        if over {
            return Err(Error::Format("entries of the ZIP archive lie over each other".to_owned()));
        }
        Ok(self.found)
    }
}
