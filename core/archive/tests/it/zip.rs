//! Archives are read back by another's reader, are the same each time, and go on where they were cut off.

use std::io::{Cursor, Read};

use archive::zip::{Entry, Length, ZipWriter};
use archive::{Error, Name, Sha256};
use base::Timestamp;
use base::limits::ARCHIVE_ENTRIES_MAX;
use proptest::prelude::*;

const AT: Timestamp = Timestamp::from_secs(1_795_461_813);

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn file(zip: &mut ZipWriter, at: &str, length: Length, bytes: &[u8], out: &mut Vec<u8>) -> Entry {
    zip.begin(&name(at), length, AT, out).unwrap();
    for piece in bytes.chunks(7) {
        zip.write(piece, out).unwrap();
    }
    zip.end(out).unwrap()
}

fn sample() -> (Vec<u8>, Vec<Entry>) {
    let (mut zip, mut out) = (ZipWriter::new(), Vec::new());
    let entries = vec![
        file(&mut zip, "a.mbox", Length::Below4Gib, b"From a\n\nbody\n", &mut out),
        zip.folder(&name("Größe/new"), AT, &mut out).unwrap(),
        file(&mut zip, "Größe/台北.eml", Length::Any, b"PK\x07\x08PK\x01\x02", &mut out),
        file(&mut zip, "empty", Length::Below4Gib, b"", &mut out),
    ];
    let summary = zip.finish(&mut out).unwrap();
    assert_eq!((summary.bytes, summary.entries), (out.len() as u64, 4));
    (out, entries)
}

#[test]
fn another_reader_finds_what_was_written() {
    let (bytes, entries) = sample();
    let mut read = zip::ZipArchive::new(Cursor::new(&bytes)).unwrap();
    assert_eq!(read.len(), entries.len());
    for (n, entry) in entries.iter().enumerate() {
        let mut found = read.by_index(n).unwrap();
        let folder = entry.length == Length::Folder;
        assert_eq!(found.name(), format!("{}{}", entry.name, if folder { "/" } else { "" }));
        assert_eq!((found.is_dir(), found.size(), found.crc32()), (folder, entry.bytes, entry.crc32));
        assert_eq!(found.unix_mode(), Some(if folder { 0o040_755 } else { 0o100_644 }));
        let at = found.last_modified().unwrap();
        assert_eq!((at.year(), at.month(), at.day(), at.hour(), at.minute(), at.second()), (2026, 11, 23, 19, 23, 32));
        let times = found.extra_data_fields().find_map(|f| match f {
            zip::extra_fields::ExtraField::ExtendedTimestamp(t) => t.mod_time(),
            _ => None,
        });
        assert_eq!(times, Some(1_795_461_813));
        let mut content = Vec::new();
        found.read_to_end(&mut content).unwrap();
        assert_eq!(Sha256::of(&content), entry.sha256);
    }
}

/// Any change to the bytes is a change to what exports that are under way go on with: it needs a format version of the job.
#[test]
fn the_bytes_are_those_of_every_release() {
    let (bytes, _) = sample();
    assert_eq!(bytes, sample().0);
    assert_eq!(Sha256::of(&bytes).to_string(), "c4f3f9cce0b77c404602dc5b60078e04c1e3472b39817979cce99ecf0758e84d");
}

#[test]
fn a_writer_that_was_cut_off_goes_on_with_the_same_bytes() {
    let (whole, entries) = sample();
    for done in 0..=entries.len() {
        let stored = entries[..done].iter().map(|e| serde_json::to_string(e).unwrap());
        let mut zip = ZipWriter::resume(stored.map(|e| serde_json::from_str(&e).unwrap())).unwrap();
        let mut out = whole[..usize::try_from(zip.bytes()).unwrap()].to_vec();
        let bodies: [&[u8]; 4] = [b"From a\n\nbody\n", b"", b"PK\x07\x08PK\x01\x02", b""];
        for (entry, body) in entries.iter().zip(bodies).skip(done) {
            assert_eq!(&file(&mut zip, entry.name.as_str(), entry.length, body, &mut out), entry);
        }
        zip.finish(&mut out).unwrap();
        assert!(out == whole, "after {done}");
    }
}

#[test]
fn many_entries_need_zip64_and_too_many_are_refused() {
    let (mut zip, mut out) = (ZipWriter::new(), Vec::new());
    for n in 0..70_000 {
        file(&mut zip, &format!("{}/{n}", n % 100), Length::Below4Gib, b"x", &mut out);
    }
    zip.finish(&mut out).unwrap();
    let mut read = zip::ZipArchive::new(Cursor::new(&out)).unwrap();
    assert_eq!(read.len(), 70_000);
    assert_eq!(read.by_index(69_999).unwrap().name(), "99/69999");

    let entry = |n: usize| Entry {
        name: name(&n.to_string()),
        length: Length::Below4Gib,
        modified: AT,
        bytes: 0,
        crc32: 0,
        sha256: Sha256::of(b""),
    };
    let mut full = ZipWriter::resume((0..ARCHIVE_ENTRIES_MAX).map(entry)).unwrap();
    let refused = full.begin(&name("one more"), Length::Any, AT, &mut Vec::new());
    assert!(matches!(refused, Err(Error::Limit("ARCHIVE_ENTRIES_MAX"))));
}

#[test]
fn a_directory_that_would_not_fit_in_memory_is_refused() {
    let folders = format!("{}/", "x".repeat(240)).repeat(10);
    let (mut zip, mut out) = (ZipWriter::new(), Vec::new());
    let refused = (0..ARCHIVE_ENTRIES_MAX).find_map(|n| {
        out.clear();
        zip.begin(&name(&format!("{folders}{n}")), Length::Below4Gib, AT, &mut out).unwrap();
        zip.end(&mut out).err()
    });
    assert!(matches!(refused, Some(Error::Limit("ARCHIVE_DIRECTORY_BYTES_MAX"))));
}

/// Nobody writes 5 GiB in a test: the writer is told that it did, and the directory says so.
#[test]
fn places_beyond_4_gib_stand_in_the_directory() {
    let large = Entry {
        name: name("large.mbox"),
        length: Length::Any,
        modified: AT,
        bytes: 5 << 30,
        crc32: 7,
        sha256: Sha256::of(b"not looked at"),
    };
    let mut zip = ZipWriter::resume([large.clone()]).unwrap();
    let before = zip.bytes();
    assert!(before > 5 << 30);
    let mut tail = Vec::new();
    file(&mut zip, "small", Length::Below4Gib, b"x", &mut tail);
    let summary = zip.finish(&mut tail).unwrap();
    assert_eq!(summary.bytes, before + tail.len() as u64);
    let mut read = zip::ZipArchive::new(Sparse { at: 0, before, tail }).unwrap();
    assert_eq!(read.by_index_raw(0).unwrap().size(), 5 << 30);
    assert_eq!(read.by_index_raw(1).unwrap().header_start(), before);
    let too_long = Entry { length: Length::Below4Gib, ..large };
    assert!(matches!(ZipWriter::resume([too_long]), Err(Error::Changed(_))));
}

/// A file of which only the end is kept; before it are the header of one entry and zeros.
struct Sparse {
    at: u64,
    before: u64,
    tail: Vec<u8>,
}

impl Read for Sparse {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let mut n = 0;
        for to in into {
            let Some(b) = self.byte() else { break };
            (*to, self.at, n) = (b, self.at + 1, n + 1);
        }
        Ok(n)
    }
}
impl Sparse {
    fn byte(&self) -> Option<u8> {
        let header = [&b"PK\x03\x04"[..], &[0; 22], &[10, 0, 0, 0], b"large.mbox"].concat();
        match self.at.checked_sub(self.before) {
            None => Some(header.get(self.at as usize).copied().unwrap_or(0)),
            Some(at) => self.tail.get(at as usize).copied(),
        }
    }
}
impl std::io::Seek for Sparse {
    fn seek(&mut self, to: std::io::SeekFrom) -> std::io::Result<u64> {
        let end = self.before + self.tail.len() as u64;
        self.at = match to {
            std::io::SeekFrom::Start(n) => n,
            std::io::SeekFrom::End(n) => end.saturating_add_signed(n),
            std::io::SeekFrom::Current(n) => self.at.saturating_add_signed(n),
        };
        Ok(self.at)
    }
}

#[test]
fn calls_out_of_order_and_names_that_are_taken_are_refused() {
    let (mut zip, mut out) = (ZipWriter::new(), Vec::new());
    assert!(matches!(zip.write(b"x", &mut out), Err(Error::Order(_))));
    assert!(matches!(zip.end(&mut out), Err(Error::Order(_))));
    zip.begin(&name("a"), Length::Any, AT, &mut out).unwrap();
    assert!(matches!(zip.begin(&name("b"), Length::Any, AT, &mut out), Err(Error::Order(_))));
    zip.end(&mut out).unwrap();
    assert!(matches!(zip.begin(&name("A"), Length::Any, AT, &mut out), Err(Error::Twice(_))));
    assert!(matches!(zip.begin(&name("a/b"), Length::Any, AT, &mut out), Err(Error::Twice(_))));
    zip.begin(&name("c"), Length::Folder, AT, &mut out).unwrap();
    assert!(matches!(zip.write(b"x", &mut out), Err(Error::Order(_))));
    assert!(matches!(zip.finish(&mut out), Err(Error::Order(_))));
}

#[test]
fn times_that_no_field_holds_are_the_nearest() {
    for (secs, year) in [(i64::MIN / 1000, 1980), (-1, 1980), (0, 1980), (4_102_444_800, 2100), (i64::MAX / 1000, 2107)]
    {
        let (mut zip, mut out) = (ZipWriter::new(), Vec::new());
        zip.begin(&name("a"), Length::Any, Timestamp::from_secs(secs), &mut out).unwrap();
        zip.end(&mut out).unwrap();
        zip.finish(&mut out).unwrap();
        let mut read = zip::ZipArchive::new(Cursor::new(&out)).unwrap();
        assert_eq!(read.by_index(0).unwrap().last_modified().unwrap().year(), year, "{secs}");
    }
}

proptest! {
    #[test]
    fn how_bytes_are_cut_does_not_matter(
        files in prop::collection::vec(prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..5), 0..6),
        any_length: bool,
    ) {
        let length = if any_length { Length::Any } else { Length::Below4Gib };
        let (mut pieces, mut whole) = (Vec::new(), Vec::new());
        let (mut a, mut b) = (ZipWriter::new(), ZipWriter::new());
        for (n, file) in files.iter().enumerate() {
            let name = name(&n.to_string());
            a.begin(&name, length, AT, &mut pieces).unwrap();
            file.iter().for_each(|piece| a.write(piece, &mut pieces).unwrap());
            b.begin(&name, length, AT, &mut whole).unwrap();
            b.write(&file.concat(), &mut whole).unwrap();
            prop_assert_eq!(a.end(&mut pieces).unwrap(), b.end(&mut whole).unwrap());
        }
        a.finish(&mut pieces).unwrap();
        b.finish(&mut whole).unwrap();
        prop_assert!(pieces == whole);
        let mut read = zip::ZipArchive::new(Cursor::new(&whole)).unwrap();
        for (n, file) in files.iter().enumerate() {
            let mut content = Vec::new();
            read.by_index(n).unwrap().read_to_end(&mut content).unwrap();
            prop_assert_eq!(content, file.concat());
        }
    }
}
