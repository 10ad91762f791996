//! SUMMARY    Fuzz harness: any bytes are a ZIP archive or an error, the same however they are cut; what comes out is what was said.

use archive::Error;
use archive::zip::read::{Decoder, Directory, Entries, Entry, Listed, Opening};
use base::limits::ZIP_STEP_BYTES_MAX;

fn range(file: &[u8], range: std::ops::Range<u64>) -> &[u8] {
    let at = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    file.get(at(range.start)..at(range.end)).expect("a range that is asked for is in the file")
}

/// Finds the directory.
pub fn open(file: &[u8]) -> Result<Directory, Error> {
    let mut opening = Opening::new(file.len() as u64);
    for _ in 0..3 {
        if let Some(directory) = opening.feed(range(file, opening.wants()))? {
            return Ok(directory);
        }
    }
    panic!("it asks for two ranges at most");
}

/// Lists it, fed in pieces of `cut` bytes. What was listed before an error is there as well.
pub fn list(file: &[u8], cut: usize) -> (Vec<Listed>, Result<u64, Error>) {
    let directory = match open(file) {
        Ok(directory) => directory,
        Err(e) => return (Vec::new(), Err(e)),
    };
    let (mut entries, mut out) = (Entries::new(directory), Vec::new());
    for mut piece in range(file, directory.range()).chunks(cut.max(1)) {
        while let Some(listed) = entries.next(&mut piece) {
            match listed {
                Ok(listed) => out.push(listed),
                Err(e) => return (out, Err(e)),
            }
        }
        assert!(piece.is_empty());
    }
    (out, entries.finish())
}

/// The content of an entry, fed in pieces of `cut` bytes.
pub fn content(file: &[u8], entry: &Entry, cut: usize) -> Result<Vec<u8>, Error> {
    let data = entry.data_range(range(file, entry.header_range()))?;
    let (mut decoder, mut out) = (Decoder::new(entry), Vec::new());
    for mut piece in range(file, data).chunks(cut.max(1)) {
        while let Some(bytes) = decoder.next(&mut piece)? {
            assert!(!bytes.is_empty() && bytes.len() <= ZIP_STEP_BYTES_MAX);
            out.extend_from_slice(bytes);
            assert!(out.len() as u64 <= entry.bytes, "more than was said");
        }
        assert!(piece.is_empty());
    }
    decoder.finish().map(|()| out)
}

pub fn run(data: &[u8]) {
    let (whole, end) = list(data, usize::MAX);
    let size = usize::from(data.first().copied().unwrap_or(0)) % 13 + 2;
    for cut in [1, size] {
        let (again, other) = list(data, cut);
        assert!(whole == again && format!("{end:?}") == format!("{other:?}"), "in pieces of {cut}");
    }
    for listed in &whole {
        let Listed::Entry(entry) = listed else { continue };
        assert!(!entry.name.starts_with('/') && !entry.name.contains('\0') && entry.name.split('/').all(|s| s != ".."));
        let once = content(data, entry, usize::MAX);
        assert!(once.as_ref().is_ok_and(|out| out.len() as u64 == entry.bytes) || once.is_err());
        for cut in [1, size] {
            let again = content(data, entry, cut);
            assert!(once.as_ref().ok() == again.as_ref().ok(), "in pieces of {cut}");
        }
    }
}
