//! SUMMARY    JSON Lines: one value a line, written and read.
//! SECURITY   A stranger's file is read: a line that is too long is told of and skipped, and no more than one is kept.
//! LIMITS     ARCHIVE_LINE_BYTES_MAX
//! INVARIANTS The lines do not depend on how the file was cut.

use base::limits::ARCHIVE_LINE_BYTES_MAX;
use memchr::memchr;
use serde::{Serialize, de::DeserializeOwned};

use crate::Error;

/// Writes a value as a line. An error leaves `out` as it was.
pub fn write_line<T: Serialize>(value: &T, out: &mut Vec<u8>) -> Result<(), Error> {
    let before = out.len();
    let written = serde_json::to_writer(&mut *out, value).map_err(Error::from);
    let too_long = out.len() - before > ARCHIVE_LINE_BYTES_MAX;
    let written = written.and(if too_long { Err(Error::Limit("ARCHIVE_LINE_BYTES_MAX")) } else { Ok(()) });
    match written {
        Ok(()) => out.push(b'\n'),
        Err(_) => out.truncate(before),
    }
    written
}

/// A line of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line<'a> {
    /// From 1.
    pub number: u64,
    /// Without its end; None if it is longer than ARCHIVE_LINE_BYTES_MAX.
    pub text: Option<&'a [u8]>,
}

impl Line<'_> {
    /// The value on it. Values of later releases may have members that are not known.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, Error> {
        let text = self.text.ok_or(Error::Limit("ARCHIVE_LINE_BYTES_MAX"))?;
        serde_json::from_slice(text).map_err(|e| Error::Format(format!("line {}: {e}", self.number)))
    }
}

/// Reads a file line by line; empty lines are passed over. Feed it by calling `next` until it says None, for each piece, then `finish`.
#[derive(Debug, Default)]
pub struct Lines {
    number: u64,
    /// The beginning of a line whose end did not come yet.
    kept: Vec<u8>,
    too_long: bool,
    given: bool,
}

impl Lines {
    pub fn new() -> Self {
        Lines::default()
    }

    /// Bytes that are kept.
    pub fn kept_bytes(&self) -> usize {
        self.kept.len()
    }

    /// The next line, taken from the front of `input`. None: all of `input` was taken.
    pub fn next<'a, 'i: 'a>(&'a mut self, input: &mut &'i [u8]) -> Option<Line<'a>> {
        loop {
            self.forget();
            let Some(end) = memchr(b'\n', input) else {
                self.keep(std::mem::take(input));
                return None;
            };
            let (text, rest) = input.split_at(end);
            *input = rest.get(1..).unwrap_or_default();
            self.number += 1;
            self.given = true;
            let whole = self.kept.is_empty() && !self.too_long;
            if whole && text.len() <= ARCHIVE_LINE_BYTES_MAX {
                let text = text.trim_ascii();
                if text.is_empty() {
                    continue;
                }
                return Some(Line { number: self.number, text: Some(text) });
            }
            self.keep(text);
            if self.too_long || !self.kept.trim_ascii().is_empty() {
                break;
            }
        }
        Some(self.line())
    }

    /// The file is at its end: its last line, if that has no end.
    pub fn finish(&mut self) -> Option<Line<'_>> {
        self.forget();
        let left = self.too_long || !self.kept.trim_ascii().is_empty();
        self.given = true;
        self.number += u64::from(left);
        left.then(|| self.line())
    }

    fn line(&self) -> Line<'_> {
        Line { number: self.number, text: (!self.too_long).then(|| self.kept.trim_ascii()) }
    }

    fn forget(&mut self) {
        if std::mem::take(&mut self.given) {
            self.kept.clear();
            self.too_long = false;
        }
    }

    fn keep(&mut self, text: &[u8]) {
        if self.too_long || self.kept.len() + text.len() > ARCHIVE_LINE_BYTES_MAX {
            self.too_long = true;
            self.kept = Vec::new();
        } else {
            self.kept.extend_from_slice(text);
        }
    }
}
