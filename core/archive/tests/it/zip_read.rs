//! Archives of others and of our own are read, and those of strangers who lie are refused, entry by entry where that is enough.

use std::io::{Cursor, Write};

use archive::zip::read::{Fault, Listed, Method};
use archive::zip::{Length, ZipWriter};
use archive::{Error, Name};
use base::Timestamp;
use base::limits::ARCHIVE_ENTRIES_MAX;
use proptest::prelude::*;
use zip::CompressionMethod;
use zip::write::SimpleFileOptions;

#[path = "harness/zip_read.rs"]
pub mod harness;
use harness::{content, list, open};

/// An archive of the `zip` crate.
pub fn zipped(files: &[(&str, &[u8])], method: CompressionMethod, zip64: bool) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(method).large_file(zip64);
    for (name, bytes) in files {
        zip.start_file(*name, options).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// An entry as somebody writes it who may lie.
#[derive(Clone)]
struct Raw {
    name: Vec<u8>,
    bits: u16,
    method: u16,
    data: Vec<u8>,
    crc32: u32,
    bytes: u32,
    disk: u16,
    /// Where the directory says that it is.
    offset: Option<u32>,
}

fn raw(name: &[u8], data: &[u8]) -> Raw {
    let (crc32, bytes) = (crc32fast::hash(data), u32::try_from(data.len()).unwrap());
    Raw { name: name.to_vec(), bits: 0, method: 0, data: data.to_vec(), crc32, bytes, disk: 0, offset: None }
}

fn deflated(name: &[u8], plain: &[u8]) -> Raw {
    let mut packed = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(plain).unwrap();
    let data = packed.finish().unwrap();
    Raw { method: 8, bytes: u32::try_from(plain.len()).unwrap(), crc32: crc32fast::hash(plain), data, ..raw(name, b"") }
}

fn written(entries: &[Raw]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for e in entries {
        let at = e.offset.unwrap_or(u32::try_from(out.len()).unwrap());
        let packed = u32::try_from(e.data.len()).unwrap();
        let name_len = u16::try_from(e.name.len()).unwrap().to_le_bytes();
        let fields =
            [&20u16.to_le_bytes()[..], &e.bits.to_le_bytes(), &e.method.to_le_bytes(), &[0; 4], &e.crc32.to_le_bytes()]
                .concat();
        let sizes = [packed.to_le_bytes(), e.bytes.to_le_bytes()].concat();
        out.extend([b"PK\x03\x04", &fields[..], &sizes, &name_len, &[0, 0], &e.name, &e.data].concat());
        let after = [&[0; 4][..], &e.disk.to_le_bytes(), &[0; 6], &at.to_le_bytes(), &e.name].concat();
        directory.extend([b"PK\x01\x02\x14\x03", &fields[..], &sizes, &name_len, &after].concat());
    }
    let (at, bytes) = (u32::try_from(out.len()).unwrap(), u32::try_from(directory.len()).unwrap());
    let count = u16::try_from(entries.len()).unwrap().to_le_bytes();
    out.extend(directory);
    out.extend([b"PK\x05\x06\0\0\0\0", &count[..], &count, &bytes.to_le_bytes(), &at.to_le_bytes(), &[0, 0]].concat());
    out
}

/// Its name and content, or why there is none.
type Read = (String, Result<Vec<u8>, String>);

/// All entries of an archive.
fn all(file: &[u8]) -> Result<Vec<Read>, Error> {
    harness::run(file);
    let (listed, end) = list(file, usize::MAX);
    let read = |listed| match listed {
        Listed::Entry(entry) => (entry.name.to_string(), content(file, &entry, usize::MAX).map_err(|e| e.to_string())),
        Listed::Refused { name, fault } => (name, Err(format!("{fault:?}"))),
    };
    end.map(|_| listed.into_iter().map(read).collect())
}

fn fault(entry: Raw) -> Fault {
    let (listed, end) = list(&written(&[entry]), usize::MAX);
    end.unwrap();
    let [Listed::Refused { fault, .. }] = listed.as_slice() else { panic!("{listed:?}") };
    *fault
}

#[test]
fn archives_of_others_are_read() {
    let text = b"Subject: a\r\n\r\nbody\r\n".repeat(5_000);
    let files: [(&str, &[u8]); 4] = [("a/mail.mbox", &text), ("leer", b""), ("Größe/台北.eml", b"x"), ("f/", b"")];
    for method in [CompressionMethod::Stored, CompressionMethod::Deflated] {
        for zip64 in [false, true] {
            let file = zipped(&files, method, zip64);
            let found = all(&file).unwrap();
            let expect: Vec<_> = files.iter().map(|(name, bytes)| ((*name).to_owned(), Ok(bytes.to_vec()))).collect();
            assert!(found == expect, "{method} {zip64}");
        }
    }
    let (listed, _) = list(&zipped(&files, CompressionMethod::Deflated, false), 7);
    let Some(Listed::Entry(first)) = listed.first() else { panic!("{listed:?}") };
    assert_eq!((first.method, first.bytes), (Method::Deflated, text.len() as u64));
    assert!(first.packed_bytes < 5_000);
    assert!(matches!(listed.last(), Some(Listed::Entry(folder)) if folder.is_folder()));
}

#[test]
fn archives_of_our_own_are_read() {
    for length in [Length::Any, Length::Below4Gib] {
        let (mut zip, mut out) = (ZipWriter::new(), Vec::new());
        for (name, bytes) in [("a.mbox", &b"one"[..]), ("b/c:2,S", b"")] {
            zip.begin(&Name::new(name).unwrap(), length, Timestamp::from_secs(7), &mut out).unwrap();
            zip.write(bytes, &mut out).unwrap();
            zip.end(&mut out).unwrap();
        }
        zip.folder(&Name::new("empty").unwrap(), Timestamp::from_secs(7), &mut out).unwrap();
        zip.finish(&mut out).unwrap();
        let expect = [("a.mbox", &b"one"[..]), ("b/c:2,S", b""), ("empty/", b"")];
        let expect: Vec<_> = expect.iter().map(|(name, bytes)| ((*name).to_owned(), Ok(bytes.to_vec()))).collect();
        assert_eq!(all(&out).unwrap(), expect);
    }
}

#[test]
fn the_end_is_found_behind_and_before_other_bytes() {
    let plain = written(&[raw(b"a", b"1"), deflated(b"b", b"22222222")]);
    let expect = all(&plain).unwrap();
    let check = |file: &[u8]| assert_eq!(all(file).unwrap(), expect);
    let with_comment = |comment: &[u8]| {
        let mut file = plain[..plain.len() - 2].to_vec();
        file.extend(u16::try_from(comment.len()).unwrap().to_le_bytes());
        file.extend(comment);
        file
    };
    check(&with_comment(b"a comment"));
    check(&with_comment(&[b'x'; 65_535]));
    check(&with_comment(b"PK\x05\x06 is no end"));
    check(&[&plain, &b"bytes that somebody added"[..]].concat());
    check(&[&b"#!/bin/sh\nexit\n"[..], &plain].concat());
}

#[test]
fn no_entries_and_seventy_thousand() {
    assert_eq!(all(&written(&[])).unwrap(), []);
    assert_eq!(all(&zipped(&[], CompressionMethod::Stored, false)).unwrap(), []);
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for n in 0..70_000 {
        zip.start_file(format!("{n}.eml"), options).unwrap();
    }
    let file = zip.finish().unwrap().into_inner();
    let (listed, end) = list(&file, 10_000);
    assert_eq!((listed.len(), end.unwrap()), (70_000, 70_000));
    assert!(matches!(&listed[69_999], Listed::Entry(entry) if &*entry.name == "69999.eml"));
}

#[test]
fn entries_that_cannot_be_read_are_refused_alone() {
    let good = raw(b"good", b"x");
    assert_eq!(fault(Raw { bits: 1, ..good.clone() }), Fault::Encrypted);
    assert_eq!(fault(Raw { bits: 1 << 6 | 1, ..good.clone() }), Fault::Encrypted);
    assert_eq!(fault(Raw { method: 99, ..good.clone() }), Fault::Method(99));
    assert_eq!(fault(Raw { disk: 3, ..good.clone() }), Fault::Volume);
    assert_eq!(fault(Raw { offset: Some(5_000), ..good.clone() }), Fault::Place);
    assert_eq!(fault(Raw { offset: Some(u32::MAX), ..good.clone() }), Fault::Length);
    assert_eq!(fault(Raw { bytes: 2, ..good.clone() }), Fault::Length);
    assert_eq!(fault(Raw { bytes: 1 << 30, ..deflated(b"bomb", b"x") }), Fault::Bomb);
    for bad in [&b"../x"[..], b"/x", b"a/../../x", b"a\0b", b"C:\\x", b"..\\x", b""] {
        assert!(matches!(fault(raw(bad, b"x")), Fault::Name(_)), "{}", bad.escape_ascii());
    }
    let beside = all(&written(&[Raw { method: 14, ..good.clone() }, raw(b"other", b"y")])).unwrap();
    assert_eq!(beside[1], ("other".to_owned(), Ok(b"y".to_vec())));
    let old = all(&written(&[raw(b"Gr\x94\xe1e.eml", b"x")])).unwrap();
    assert_eq!(old[0].0, "Größe.eml");
    let twice = all(&written(&[good.clone(), raw(b"good", b"y")])).unwrap();
    assert_eq!(twice.len(), 2, "names are not judged here");
}

#[test]
fn contents_that_are_other_than_was_said_are_told_of() {
    let wrong = |entry: Raw| all(&written(&[entry])).unwrap().remove(0).1.unwrap_err();
    let zeros = vec![0; 1 << 20];
    assert!(wrong(Raw { crc32: 7, ..raw(b"a", b"x") }).contains("check value"));
    assert!(wrong(Raw { crc32: 7, ..deflated(b"a", b"x") }).contains("check value"));
    assert!(wrong(Raw { bytes: 10, ..deflated(b"a", &zeros) }).contains("longer"));
    assert!(wrong(Raw { bytes: 2 << 20, ..deflated(b"a", &zeros) }).contains("damaged or cut off"));
    assert!(wrong(Raw { data: vec![0xff; 9], ..deflated(b"a", b"x") }).contains("damaged"));
    let mut cut = deflated(b"a", &[7; 3_000]);
    cut.data.pop();
    assert!(wrong(cut).contains("damaged"));
    let mut more = deflated(b"a", b"x");
    more.data.push(0);
    assert!(wrong(more).contains("damaged"));
    let shifted = all(&written(&[raw(b"a", b"x"), Raw { offset: Some(3), ..raw(b"b", b"") }]));
    assert!(shifted.unwrap_err().to_string().contains("over each other"));
    let elsewhere = Raw { offset: Some(4), ..raw(b"elsewhere", b"xyz") };
    assert!(wrong(elsewhere).contains("another entry"));
}

#[test]
fn archives_that_lie_are_refused() {
    let why = |file: &[u8]| match open(file).and_then(|_| all(file).map(|_| ())) {
        Ok(()) => panic!("was read"),
        Err(e) => e.to_string(),
    };
    assert!(why(b"").contains("no ZIP archive"));
    assert!(why(b"PK\x05\x06").contains("no ZIP archive"));
    let plain = written(&[raw(b"a", b"1"), raw(b"b", b"2")]);
    let end = plain.len() - 22;
    let with = |at: usize, bytes: &[u8]| {
        let mut file = plain.clone();
        file[end + at..end + at + bytes.len()].copy_from_slice(bytes);
        file
    };
    assert!(why(&with(4, &[1])).contains("several volumes"));
    assert!(why(&with(8, &[3, 0, 3, 0])).contains("says 3 entries"));
    assert!(why(&with(8, &[1, 0, 1, 0])).contains("says 1 entries"));
    assert!(why(&with(12, &[1])).contains("cut off"));
    assert!(why(&with(12, &[2 * 47 - 1])).contains("directory is none"));
    assert!(why(&with(12, &u32::MAX.to_le_bytes())).contains("not there"));
    assert!(why(&with(16, &[0xff, 0xff])).contains("not there"));
    let same = written(&[raw(b"a", b"1"), Raw { offset: Some(0), ..raw(b"b", b"1") }]);
    assert!(why(&same).contains("over each other"));
    for len in 0..plain.len() {
        harness::run(&plain[..len]);
        assert!(all(&plain[..len]).is_err(), "cut off after {len}");
    }
    let zip64 = |entries: u64, bytes: u64, at: u64, record: u64| {
        let n = entries.to_le_bytes();
        let mut file =
            [b"PK\x06\x06", &44u64.to_le_bytes()[..], &[0; 12], &n, &n, &bytes.to_le_bytes(), &at.to_le_bytes()]
                .concat();
        file.extend([b"PK\x06\x07", &[0; 4][..], &record.to_le_bytes(), &[1, 0, 0, 0]].concat());
        file.extend([b"PK\x05\x06", &[0xff; 16][..], &[0, 0]].concat());
        file
    };
    assert_eq!(all(&zip64(0, 0, 0, 0)).unwrap(), []);
    assert!(matches!(all(&zip64(ARCHIVE_ENTRIES_MAX as u64 + 1, 0, 0, 0)), Err(Error::Limit("ARCHIVE_ENTRIES_MAX"))));
    for (bytes, at, record) in [(1, 0, 0), (0, 1, 0), (u64::MAX, 2, 0), (0, 0, 7), (0, 0, u64::MAX), (0, 0, 40)] {
        assert!(why(&zip64(0, bytes, at, record)).contains("not there"), "{bytes} {at} {record}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_bytes_are_an_archive_or_none(data in prop::collection::vec(any::<u8>(), 0..200)) {
        harness::run(&data);
        harness::run(&[&data, &b"PK\x05\x06"[..], &data].concat());
    }

    #[test]
    fn a_damaged_archive_never_gives_more_than_it_says(
        at in 0_usize..4_000, with in prop::collection::vec(any::<u8>(), 1..5), own: bool,
    ) {
        let files: [(&str, &[u8]); 3] = [("a.mbox", b"From a"), ("b/c.eml", &[b'x'; 300]), ("d", b"")];
        let mut file = if own {
            written(&[deflated(b"a", &[b'x'; 300]), raw(b"b", b"1234"), deflated(b"c", b"")])
        } else {
            zipped(&files, CompressionMethod::Deflated, true)
        };
        let at = at % file.len();
        let end = file.len().min(at + with.len());
        file[at..end].copy_from_slice(&with[..end - at]);
        harness::run(&file);
    }
}
