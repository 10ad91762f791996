//! SUMMARY    An entry of an archive's directory: what it is, where it is, and why it cannot be read.
//! STANDARDS  APPNOTE 6.3.10 §4.3.12, §4.4, §4.5.3

use std::{fmt, ops::Range};

use base::limits::{ZIP_ENTRY_BYTES_MAX, ZIP_RATIO_FREE_BYTES, ZIP_RATIO_MAX};

use super::{end::Directory, field::Fields, name};
use crate::Error;

/// Bytes of a record of the directory before the name.
pub(super) const RECORD_BYTES: usize = 46;
pub(super) const RECORD: &[u8; 4] = b"PK\x01\x02";
/// Bytes of a local header before the name.
const LOCAL_BYTES: u64 = 30;
const LOCAL: &[u8; 4] = b"PK\x03\x04";
/// General purpose bits (§4.4.4): encrypted; a patch; strongly encrypted; the local header is masked.
const BITS_ENCRYPTED: u16 = 1 | 1 << 6 | 1 << 13;
const BIT_PATCH: u16 = 1 << 5;
const BIT_UTF8: u16 = 1 << 11;

/// How an entry's bytes stand in the archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    Stored,
    Deflated,
}

/// An entry that can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Segments with `/` between them, with one at the end if it is a folder. Never absolute, no `..`, no control characters; but not
    /// fit for every file system as a `Name` is.
    pub name: Box<str>,
    pub method: Method,
    /// Of its content, as the directory says.
    pub bytes: u64,
    /// Of what stands in the archive.
    pub packed_bytes: u64,
    pub crc32: u32,
    /// Where its local header begins in the file.
    pub header_at: u64,
    /// Where the directory begins: its bytes end before.
    directory_at: u64,
}

/// Why an entry cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    Encrypted,
    /// One that is neither stored nor deflated, or a patch.
    Method(u16),
    /// It is in another volume.
    Volume,
    /// Its name leads elsewhere, or is none.
    Name(&'static str),
    /// Its place is outside of the archive.
    Place,
    /// Lengths that cannot be.
    Length,
    /// It says that it is longer than its bytes can be (ZIP_RATIO_MAX, ZIP_ENTRY_BYTES_MAX).
    Bomb,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Encrypted => f.write_str("it is encrypted: unpack it with its password first"),
            Fault::Method(n) => write!(f, "it is packed by method {n}, which is not known here: use deflate"),
            Fault::Volume => f.write_str("it is in another volume of the archive"),
            Fault::Name(why) => write!(f, "its name is not safe: {why}"),
            Fault::Place => f.write_str("its place is outside of the archive"),
            Fault::Length => f.write_str("its lengths cannot be true"),
            Fault::Bomb => f.write_str("it would be too long once unpacked (ZIP_RATIO_MAX, ZIP_ENTRY_BYTES_MAX)"),
        }
    }
}

/// What the directory lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listed {
    Entry(Entry),
    /// It cannot be read; the name is for people.
    Refused {
        name: String,
        fault: Fault,
    },
}

impl Entry {
    /// A file that stands by itself, in a folder that is read as an archive is (`intake::Planner`): `header_at` is its number, which the
    /// caller gave it. It has no header.
    pub fn alone(name: &str, number: u64, bytes: u64) -> Self {
        let (name, method) = (name.into(), Method::Stored);
        Entry { name, method, bytes, packed_bytes: bytes, crc32: 0, header_at: number, directory_at: 0 }
    }

    /// It has no bytes, and stands for a folder.
    pub fn is_folder(&self) -> bool {
        self.name.ends_with('/')
    }

    /// The range of the file with its local header, for `data_range`.
    pub fn header_range(&self) -> Range<u64> {
        self.header_at..self.header_at + LOCAL_BYTES
    }

    /// The range of the file with its bytes, for `Decoder`. `header` is what stands in `header_range`.
    pub fn data_range(&self, header: &[u8]) -> Result<Range<u64>, Error> {
        let lies =
            || Error::Format(format!("the ZIP archive has another entry than {:?} where it says that is", self.name));
        let mut fields = Fields(header.strip_prefix(LOCAL).ok_or_else(lies)?);
        let (bits, method) = fields.skip(2).and_then(|()| Some((fields.u16()?, fields.u16()?))).ok_or_else(lies)?;
        let lens = fields.skip(16).and_then(|()| Some((fields.u16()?, fields.u16()?)));
        let (name_len, extra_len) = lens.ok_or_else(lies)?;
        if bits & BITS_ENCRYPTED != 0 || self::method(method) != Some(self.method) {
            return Err(lies());
        }
        let start = self.header_at + LOCAL_BYTES + u64::from(name_len) + u64::from(extra_len);
        let end = start.checked_add(self.packed_bytes).filter(|end| *end <= self.directory_at).ok_or_else(lies)?;
        Ok(start..end)
    }

    /// The least range that it takes of the file.
    pub(super) fn extent(&self) -> (u64, u64) {
        (self.header_at, self.header_at.saturating_add(LOCAL_BYTES).saturating_add(self.packed_bytes))
    }
}

fn method(number: u16) -> Option<Method> {
    match number {
        0 => Some(Method::Stored),
        8 => Some(Method::Deflated),
        _ => None,
    }
}

/// Bytes of the whole record that begins with these RECORD_BYTES. None: this is no record.
pub(super) fn record_bytes(head: &[u8]) -> Option<usize> {
    let mut fields = Fields(head.strip_prefix(RECORD)?);
    fields.skip(24)?;
    let (name, extra, comment) = (fields.u16()?, fields.u16()?, fields.u16()?);
    Some(RECORD_BYTES + usize::from(name) + usize::from(extra) + usize::from(comment))
}

/// Reads a record that is all there.
pub(super) fn read(record: &[u8], directory: &Directory) -> Option<Listed> {
    let mut fields = Fields(record.get(4..)?);
    fields.skip(4)?;
    let (bits, number) = (fields.u16()?, fields.u16()?);
    fields.skip(4)?;
    let (crc32, packed32, bytes32) = (fields.u32()?, fields.u32()?, fields.u32()?);
    let (name_len, extra_len, _comment) = (fields.u16()?, fields.u16()?, fields.u16()?);
    let disk = fields.u16()?;
    fields.skip(6)?;
    let offset32 = fields.u32()?;
    let (raw, extra) = (fields.bytes(usize::from(name_len))?, fields.bytes(usize::from(extra_len))?);
    let name = name::decode(raw, bits & BIT_UTF8 != 0, extra);
    let checked = || {
        let wide = Wide::read(extra, bytes32, packed32, offset32).ok_or(Fault::Length)?;
        if bits & BITS_ENCRYPTED != 0 {
            return Err(Fault::Encrypted);
        }
        let method = method(number).filter(|_| bits & BIT_PATCH == 0).ok_or(Fault::Method(number))?;
        if disk != 0 && (disk != u16::MAX || wide.disk != Some(0)) {
            return Err(Fault::Volume);
        }
        let header_at = wide.offset.checked_add(directory.shift).ok_or(Fault::Place)?;
        let safe = name::tidy(&name).map_err(Fault::Name)?;
        let (bytes, packed_bytes) = (wide.bytes, wide.packed);
        let entry = Entry { name: safe, method, bytes, packed_bytes, crc32, header_at, directory_at: directory.at };
        check(&entry).map(|()| entry)
    };
    Some(match checked() {
        Ok(entry) => Listed::Entry(entry),
        Err(fault) => Listed::Refused { name: name::for_people(&name), fault },
    })
}

fn check(entry: &Entry) -> Result<(), Fault> {
    let after = entry.header_at.checked_add(LOCAL_BYTES).and_then(|at| at.checked_add(entry.packed_bytes));
    if after.is_none_or(|after| after > entry.directory_at) {
        return Err(Fault::Place);
    }
    let same = matches!(entry.method, Method::Stored);
    if (same && entry.bytes != entry.packed_bytes) || (entry.is_folder() && entry.bytes != 0) {
        return Err(Fault::Length);
    }
    let ratio = entry.bytes > ZIP_RATIO_FREE_BYTES && entry.bytes / ZIP_RATIO_MAX > entry.packed_bytes;
    if ratio || entry.bytes > ZIP_ENTRY_BYTES_MAX {
        return Err(Fault::Bomb);
    }
    Ok(())
}

/// Fields that the ZIP64 extra field has where there is no room (§4.5.3).
struct Wide {
    bytes: u64,
    packed: u64,
    offset: u64,
    disk: Option<u32>,
}

impl Wide {
    /// None: a field says that it is there, and it is not.
    fn read(extra: &[u8], bytes32: u32, packed32: u32, offset32: u32) -> Option<Wide> {
        let mut wide = Fields(name::extra_field(extra, 0x0001).unwrap_or_default());
        let mut field = |narrow: u32| if narrow == u32::MAX { wide.u64() } else { Some(u64::from(narrow)) };
        let (bytes, packed, offset) = (field(bytes32)?, field(packed32)?, field(offset32)?);
        Some(Wide { bytes, packed, offset, disk: wide.u32() })
    }
}
