//! SUMMARY    The records of a ZIP archive as bytes.
//! STANDARDS  APPNOTE 6.3.10 §4.3.7 (local header), §4.3.9 (data descriptor), §4.3.12 (directory), §4.3.14-16 (ends), §4.5.3 (ZIP64)

use base::Timestamp;
use jiff::{civil::DateTime, tz::Offset};
use serde::{Deserialize, Serialize};

use crate::{Name, Sha256};

/// A field that says: look into the ZIP64 extra field.
const SEE_ZIP64_32: u32 = u32::MAX;
const SEE_ZIP64_16: u16 = u16::MAX;
/// Version needed to extract: folders and descriptors, and ZIP64 (§4.4.3.2).
const NEEDS: u16 = 20;
const NEEDS_ZIP64: u16 = 45;
/// Made by: Unix modes in the external attributes, version 6.3 (§4.4.2).
const MADE_BY: u16 = 3 << 8 | 63;
/// General purpose bits (§4.4.4): lengths follow the bytes; the name is UTF-8.
const BIT_DESCRIPTOR: u16 = 1 << 3;
const BIT_UTF8: u16 = 1 << 11;
/// `rw-r--r--` of a file and `rwxr-xr-x` of a folder, above the DOS attributes.
const MODE_FILE: u32 = 0o100_644 << 16;
const MODE_FOLDER: u32 = 0o040_755 << 16 | 0x10;

/// What is known of an entry's length before its bytes: it decides the form of the header in front of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Length {
    /// Surely below 4 GiB - 1: a header that programs without ZIP64 read too. More bytes are an error.
    Below4Gib,
    /// It may be more.
    Any,
    /// A folder: no bytes.
    Folder,
}

/// An entry that is complete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    pub name: Name,
    pub length: Length,
    pub modified: Timestamp,
    pub bytes: u64,
    pub crc32: u32,
    pub sha256: Sha256,
}

/// What stands before an entry's bytes.
pub(super) struct Head<'a> {
    pub name: &'a Name,
    pub length: Length,
    pub modified: Timestamp,
}

impl Entry {
    pub(super) fn head(&self) -> Head<'_> {
        Head { name: &self.name, length: self.length, modified: self.modified }
    }
    /// Bytes of everything that an archive has of this entry before its directory.
    pub(super) fn bytes_in_archive(&self) -> u64 {
        let mut around = Vec::new();
        local_header(&self.head(), &mut around);
        descriptor(self, &mut around);
        around.len() as u64 + self.bytes
    }
}

/// Little-endian fields one after the other.
trait Put {
    fn u16(&mut self, n: u16) -> &mut Self;
    fn u32(&mut self, n: u32) -> &mut Self;
    fn u64(&mut self, n: u64) -> &mut Self;
}
impl Put for Vec<u8> {
    fn u16(&mut self, n: u16) -> &mut Self {
        self.extend_from_slice(&n.to_le_bytes());
        self
    }
    fn u32(&mut self, n: u32) -> &mut Self {
        self.extend_from_slice(&n.to_le_bytes());
        self
    }
    fn u64(&mut self, n: u64) -> &mut Self {
        self.extend_from_slice(&n.to_le_bytes());
        self
    }
}

fn is_folder(length: Length) -> bool {
    matches!(length, Length::Folder)
}

fn bits(length: Length) -> u16 {
    if is_folder(length) { BIT_UTF8 } else { BIT_UTF8 | BIT_DESCRIPTOR }
}

/// §4.3.7. Lengths and check value are zero: they follow the bytes. The ZIP64 field says that they are of 64 bits there (§4.3.9.2).
pub(super) fn local_header(head: &Head<'_>, out: &mut Vec<u8>) {
    let zip64 = matches!(head.length, Length::Any);
    let mut extra = Vec::with_capacity(32);
    if zip64 {
        extra.u16(0x0001).u16(16).u64(0).u64(0);
    }
    timestamp(head.modified, &mut extra);
    let (time, date) = dos_time(head.modified);
    let length = if zip64 { SEE_ZIP64_32 } else { 0 };
    out.u32(0x0403_4b50).u16(if zip64 { NEEDS_ZIP64 } else { NEEDS }).u16(bits(head.length)).u16(0);
    out.u16(time).u16(date).u32(0).u32(length).u32(length);
    out.u16(name_bytes(head)).u16(u16_of(extra.len()));
    name(head, out);
    out.extend_from_slice(&extra);
}

/// §4.3.9, with the signature that is optional and always written.
pub(super) fn descriptor(entry: &Entry, out: &mut Vec<u8>) {
    match entry.length {
        Length::Folder => {}
        Length::Any => {
            out.u32(0x0807_4b50).u32(entry.crc32).u64(entry.bytes).u64(entry.bytes);
        }
        Length::Below4Gib => {
            let bytes = or_zip64(entry.bytes);
            out.u32(0x0807_4b50).u32(entry.crc32).u32(bytes).u32(bytes);
        }
    }
}

/// §4.3.12. The ZIP64 field has what does not fit, and nothing else (§4.5.3).
pub(super) fn directory_header(entry: &Entry, offset: u64, out: &mut Vec<u8>) {
    let head = entry.head();
    let (bytes32, offset32) = (or_zip64(entry.bytes), or_zip64(offset));
    let mut large = Vec::with_capacity(24);
    if bytes32 == SEE_ZIP64_32 {
        large.u64(entry.bytes).u64(entry.bytes);
    }
    if offset32 == SEE_ZIP64_32 {
        large.u64(offset);
    }
    let mut extra = Vec::with_capacity(40);
    if !large.is_empty() {
        extra.u16(0x0001).u16(u16_of(large.len()));
        extra.append(&mut large);
    }
    let zip64 = !extra.is_empty() || matches!(entry.length, Length::Any);
    timestamp(entry.modified, &mut extra);
    let (time, date) = dos_time(entry.modified);
    out.u32(0x0201_4b50).u16(MADE_BY).u16(if zip64 { NEEDS_ZIP64 } else { NEEDS }).u16(bits(entry.length)).u16(0);
    out.u16(time).u16(date).u32(entry.crc32).u32(bytes32).u32(bytes32);
    out.u16(name_bytes(&head)).u16(u16_of(extra.len())).u16(0).u16(0).u16(0);
    out.u32(if is_folder(entry.length) { MODE_FOLDER } else { MODE_FILE }).u32(offset32);
    name(&head, out);
    out.extend_from_slice(&extra);
}

/// Where the directory is, and of how many entries.
pub(super) struct Directory {
    pub entries: u64,
    pub bytes: u64,
    pub offset: u64,
}

/// §4.3.14 to §4.3.16: the ends of an archive, those of ZIP64 only where they are needed.
pub(super) fn ends(d: &Directory, out: &mut Vec<u8>) {
    let entries = u16::try_from(d.entries).unwrap_or(SEE_ZIP64_16);
    let (bytes, offset) = (or_zip64(d.bytes), or_zip64(d.offset));
    if entries == SEE_ZIP64_16 || bytes == SEE_ZIP64_32 || offset == SEE_ZIP64_32 {
        out.u32(0x0606_4b50).u64(44).u16(MADE_BY).u16(NEEDS_ZIP64).u32(0).u32(0);
        out.u64(d.entries).u64(d.entries).u64(d.bytes).u64(d.offset);
        out.u32(0x0706_4b50).u32(0).u64(d.offset + d.bytes).u32(1);
    }
    out.u32(0x0605_4b50).u16(0).u16(0).u16(entries).u16(entries).u32(bytes).u32(offset).u16(0);
}

fn or_zip64(n: u64) -> u32 {
    u32::try_from(n).unwrap_or(SEE_ZIP64_32)
}

/// Lengths of names and extra fields are below ARCHIVE_NAME_BYTES_MAX.
fn u16_of(n: usize) -> u16 {
    u16::try_from(n).unwrap_or(u16::MAX)
}

fn name_bytes(head: &Head<'_>) -> u16 {
    u16_of(head.name.as_str().len() + usize::from(is_folder(head.length)))
}

fn name(head: &Head<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(head.name.as_str().as_bytes());
    if is_folder(head.length) {
        out.push(b'/');
    }
}

/// The extended timestamp: when it was modified, seconds. Left out where 32 bits do not hold it.
fn timestamp(modified: Timestamp, extra: &mut Vec<u8>) {
    if let Ok(secs) = i32::try_from(modified.secs()) {
        extra.u16(0x5455).u16(5).push(1);
        extra.extend_from_slice(&secs.to_le_bytes());
    }
}

/// Time and date as DOS had them, in UTC, in steps of two seconds, of the years 1980 to 2107 (§4.4.6).
fn dos_time(at: Timestamp) -> (u16, u16) {
    let first = (0, 1 << 5 | 1);
    let last = (23 << 11 | 59 << 5 | 29, 127 << 9 | 12 << 5 | 31);
    let Ok(stamp) = jiff::Timestamp::from_second(at.secs()) else {
        return if at.secs() < 0 { first } else { last };
    };
    let t: DateTime = Offset::UTC.to_datetime(stamp);
    let part = |n: i8| u16::try_from(n).unwrap_or_default();
    match u16::try_from(t.year() - 1980) {
        Err(_) => first,
        Ok(year @ 0..=127) => (
            part(t.hour()) << 11 | part(t.minute()) << 5 | (part(t.second()) / 2),
            year << 9 | part(t.month()) << 5 | part(t.day()),
        ),
        Ok(_) => last,
    }
}
