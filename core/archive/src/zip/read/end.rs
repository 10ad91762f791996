//! SUMMARY    Finds an archive's directory by the records at its end.
//! STANDARDS  APPNOTE 6.3.10 §4.3.14 (ZIP64 end), §4.3.15 (its locator), §4.3.16 (end)
//! INVARIANTS The last end record whose comment reaches exactly to the file's end is taken; if there is none, the last that has a
//!            whole comment (bytes were added behind). What is in front of an archive (a program that unpacks it) shifts its places.

use std::ops::Range;

use base::limits::{ARCHIVE_DIRECTORY_BYTES_MAX, ARCHIVE_ENTRIES_MAX, ZIP_TAIL_BYTES_MAX};
use memchr::memmem;

use super::field::Fields;
use crate::Error;

const END: &[u8; 4] = b"PK\x05\x06";
const END_BYTES: usize = 22;
const LOCATOR: &[u8; 4] = b"PK\x06\x07";
const LOCATOR_BYTES: usize = 20;
const END64: &[u8; 4] = b"PK\x06\x06";
const END64_BYTES: u64 = 56;

/// Where an archive's directory is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Directory {
    /// Its first byte in the file.
    pub at: u64,
    pub bytes: u64,
    /// How many entries the archive says it has.
    pub entries: u64,
    /// The number of entries has 64 bits; one of 16 bits is written by some programs without its higher bits.
    pub(super) is_counted: bool,
    /// Bytes in front of the archive.
    pub(super) shift: u64,
}

impl Directory {
    /// The range of the file that `Entries` is fed.
    pub fn range(&self) -> Range<u64> {
        self.at..self.at.saturating_add(self.bytes)
    }
}

/// Looks for the directory: feed it the range that it wants until it says where the directory is.
#[derive(Debug)]
pub struct Opening {
    file_bytes: u64,
    wants: Range<u64>,
    end: Option<End>,
}

/// What the end record and the locator say.
#[derive(Debug, Clone, Copy)]
struct End {
    /// Where the records of the end begin, in the file.
    at: u64,
    entries: u16,
    bytes: u32,
    offset: u32,
    end64_at: Option<u64>,
}

impl Opening {
    /// Of a file of so many bytes.
    pub fn new(file_bytes: u64) -> Self {
        Opening { file_bytes, wants: file_bytes.saturating_sub(ZIP_TAIL_BYTES_MAX)..file_bytes, end: None }
    }

    /// The range of the file that is to be fed next.
    pub fn wants(&self) -> Range<u64> {
        self.wants.clone()
    }

    /// Takes all bytes of the range that it wants. None: it wants another. Errors: this is no archive, or none that can be read.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<Option<Directory>, Error> {
        if bytes.len() as u64 != self.wants.end - self.wants.start {
            return Err(Error::Order("an archive's end was fed another range than was asked for"));
        }
        let Some(end) = self.end else { return self.tail(bytes) };
        let at = self.wants.start;
        directory64(bytes, at, self.file_bytes).unwrap_or_else(|| Err(wrong(&end))).map(Some)
    }

    fn tail(&mut self, tail: &[u8]) -> Result<Option<Directory>, Error> {
        let none = || Error::Format("this is no ZIP archive, or its end is missing".to_owned());
        let at = find_end(tail).ok_or_else(none)?;
        let end = read_end(tail, at, self.wants.start).ok_or_else(none)??;
        let Some(end64_at) = end.end64_at else { return directory32(&end).map(Some) };
        if end64_at.checked_add(END64_BYTES).is_none_or(|after| after > end.at) {
            return Err(wrong(&end));
        }
        let within = end64_at.checked_sub(self.wants.start).and_then(|n| usize::try_from(n).ok());
        if let Some(record) = within.and_then(|n| tail.get(n..)) {
            return directory64(record, end64_at, self.file_bytes).unwrap_or_else(|| Err(wrong(&end))).map(Some);
        }
        self.end = Some(end);
        self.wants = end64_at..end64_at + END64_BYTES;
        Ok(None)
    }
}

fn wrong(end: &End) -> Error {
    Error::Format(format!("the end of the ZIP archive, at {}, names places that are not there", end.at))
}

fn volumes() -> Error {
    Error::Format("the ZIP archive is one of several volumes: join them into one file".to_owned())
}

/// The end record: the last whose comment ends where the file does, else the last whose comment is there.
fn find_end(tail: &[u8]) -> Option<usize> {
    let comment_end = |at: usize| {
        let len = Fields(tail.get(at + END_BYTES - 2..)?).u16()?;
        Some(at + END_BYTES + usize::from(len)).filter(|end| *end <= tail.len())
    };
    let found = || memmem::rfind_iter(tail, END);
    let exact = found().find(|at| comment_end(*at) == Some(tail.len()));
    exact.or_else(|| found().find(|at| comment_end(*at).is_some()))
}

/// Reads the end record at `at` of the tail, which begins at `tail_at` of the file.
fn read_end(tail: &[u8], at: usize, tail_at: u64) -> Option<Result<End, Error>> {
    let mut fields = Fields(tail.get(at + 4..)?);
    let (disk, directory_disk, on_disk, entries) = (fields.u16()?, fields.u16()?, fields.u16()?, fields.u16()?);
    let (bytes, offset) = (fields.u32()?, fields.u32()?);
    let mut end = End { at: tail_at + at as u64, entries, bytes, offset, end64_at: None };
    let saturated = entries == u16::MAX || bytes == u32::MAX || offset == u32::MAX;
    let locator = at.checked_sub(LOCATOR_BYTES).and_then(|n| tail.get(n..at));
    if let Some(mut locator) = locator.filter(|l| saturated && l.starts_with(LOCATOR)).map(Fields) {
        locator.skip(4)?;
        let (disk, end64_at, disks) = (locator.u32()?, locator.u64()?, locator.u32()?);
        if disk != 0 || disks > 1 {
            return Some(Err(volumes()));
        }
        end.at -= LOCATOR_BYTES as u64;
        end.end64_at = Some(end64_at);
    } else if disk != 0 || directory_disk != 0 || on_disk != entries {
        return Some(Err(volumes()));
    }
    Some(Ok(end))
}

fn directory32(end: &End) -> Result<Directory, Error> {
    let (bytes, offset) = (u64::from(end.bytes), u64::from(end.offset));
    let shift = end.at.checked_sub(offset + bytes).ok_or_else(|| wrong(end))?;
    let entries = u64::from(end.entries);
    bounded(Directory { at: offset + shift, bytes, entries, is_counted: false, shift })
}

/// None: the record is none, or lies.
fn directory64(record: &[u8], record_at: u64, file_bytes: u64) -> Option<Result<Directory, Error>> {
    let mut fields = Fields(record.strip_prefix(END64)?);
    fields.skip(8 + 2 + 2)?;
    let (disk, directory_disk) = (fields.u32()?, fields.u32()?);
    let (on_disk, entries, bytes, at) = (fields.u64()?, fields.u64()?, fields.u64()?, fields.u64()?);
    if disk != 0 || directory_disk != 0 || on_disk != entries {
        return Some(Err(volumes()));
    }
    let after = at.checked_add(bytes)?;
    (after <= record_at && record_at < file_bytes).then_some(())?;
    Some(bounded(Directory { at, bytes, entries, is_counted: true, shift: 0 }))
}

fn bounded(directory: Directory) -> Result<Directory, Error> {
    if directory.entries > ARCHIVE_ENTRIES_MAX as u64 {
        return Err(Error::Limit("ARCHIVE_ENTRIES_MAX"));
    }
    if directory.bytes > ARCHIVE_DIRECTORY_BYTES_MAX as u64 {
        return Err(Error::Limit("ARCHIVE_DIRECTORY_BYTES_MAX"));
    }
    Ok(directory)
}
