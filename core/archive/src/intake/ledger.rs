//! SUMMARY    Which lines of metadata are about which file of an archive.
//! LIMITS     INTAKE_RUNS_MAX, ARCHIVE_LINE_BYTES_MAX, MAILBOX_DEPTH_MAX (folders that may be at the beginning of a name)
//! INVARIANTS Lines themselves are not kept: 72 bytes for each stretch of lines in a row that name the same file. Names are kept as 128
//!            bits of their SHA-256.
//!
//! A line names its file in the first of its `copies`. Each line is in one run: those that name none, or cannot be read, are in the run
//! before them, or in one that no file claims.

use std::collections::HashSet;
use std::ops::Range;

use base::limits::{INTAKE_RUNS_MAX, MAILBOX_DEPTH_MAX};
use serde::Deserialize;

use super::{Item, Origin};
use crate::metadata::MessageCopy;
use crate::{Error, Line, Lines, Sha256};

/// Of no file.
const NONE: [u8; 16] = [0; 16];

/// Lines in a row about one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    key: [u8; 16],
    /// Which file of metadata: the number that `Survey::begin` was given.
    pub file: usize,
    /// Its bytes in that file.
    pub range: Range<u64>,
    /// Number of its first line, from 1: for `EmailLines::new`.
    pub first_line: u64,
}

/// Of a line, only what is needed here.
#[derive(Deserialize)]
struct Named {
    copies: Vec<MessageCopy>,
}

/// Goes over all files of metadata once.
#[derive(Debug, Default)]
pub struct Survey {
    runs: Vec<Run>,
    file: usize,
    lines: Lines,
    /// Bytes of this file up to the end of the last line.
    at: u64,
    /// Bytes of this file after that.
    since: u64,
}

impl Survey {
    pub fn new() -> Self {
        Survey::default()
    }

    /// Begins a file. Its number is the caller's: its place in `Plan::emails`, counted on over several archives of one export, each of
    /// which may have lines about files of another.
    pub fn begin(&mut self, file: usize) {
        (self.file, self.lines, self.at, self.since) = (file, Lines::new(), 0, 0);
    }

    /// Takes a piece of the file. An error, INTAKE_RUNS_MAX: what follows is not surveyed, what was stands.
    pub fn feed(&mut self, mut piece: &[u8]) -> Result<(), Error> {
        let mut left = piece.len();
        while let Some(line) = self.lines.next(&mut piece) {
            let (key, number) = (key_of(&line), line.number);
            self.since += (left - piece.len()) as u64;
            left = piece.len();
            self.add(key, number)?;
        }
        self.since += left as u64;
        Ok(())
    }

    /// The file is at its end.
    pub fn end(&mut self) -> Result<(), Error> {
        match self.lines.finish() {
            Some(line) => {
                let (key, number) = (key_of(&line), line.number);
                self.add(key, number)
            }
            None => Ok(()),
        }
    }

    /// All files were surveyed.
    pub fn finish(mut self) -> Ledger {
        self.runs.sort_unstable_by_key(|run| (run.key, run.file, run.range.start));
        Ledger { runs: self.runs }
    }

    fn add(&mut self, key: [u8; 16], number: u64) -> Result<(), Error> {
        let start = self.at;
        self.at += std::mem::take(&mut self.since);
        let is_full = self.runs.len() >= INTAKE_RUNS_MAX;
        match self.runs.last_mut() {
            Some(run) if run.file == self.file && run.range.end == start && (run.key == key || key == NONE) => {
                run.range.end = self.at;
            }
            _ if is_full => return Err(Error::Limit("INTAKE_RUNS_MAX")),
            _ => self.runs.push(Run { key, file: self.file, range: start..self.at, first_line: number }),
        }
        Ok(())
    }
}

/// Which lines are about which file.
#[derive(Debug, Default)]
pub struct Ledger {
    /// By key, then in the order in which they stand.
    runs: Vec<Run>,
}

impl Ledger {
    /// The runs about an item, in order. None for what is not ours.
    pub fn runs(&self, item: &Item) -> &[Run] {
        let mut found = keys(item).map(|key| self.of(key));
        found.find(|runs| !runs.is_empty()).unwrap_or_default()
    }

    /// Runs that none of the items is about: lines without a message.
    pub fn unclaimed<'a>(&self, items: impl IntoIterator<Item = &'a Item>) -> Vec<&Run> {
        let claimed: HashSet<[u8; 16]> =
            items.into_iter().filter_map(|i| self.runs(i).first()).map(|r| r.key).collect();
        self.runs.iter().filter(|run| !claimed.contains(&run.key)).collect()
    }

    fn of(&self, key: [u8; 16]) -> &[Run] {
        let (start, end) = (self.runs.partition_point(|r| r.key < key), self.runs.partition_point(|r| r.key <= key));
        self.runs.get(start..end).unwrap_or_default()
    }
}

/// Its name in the archive, and that without folders at its beginning: somebody may have packed the archive anew, into a folder.
fn keys(item: &Item) -> impl Iterator<Item = [u8; 16]> {
    let starts = match &item.origin {
        Origin::Ours(_) => MAILBOX_DEPTH_MAX,
        Origin::Takeout | Origin::Anybody => 0,
    };
    suffixes(item.name()).take(starts).map(key)
}

/// A name, and what follows each of its folders.
pub(super) fn suffixes(name: &str) -> impl Iterator<Item = &str> {
    let inner = name.match_indices('/').map(|(at, _)| at + 1);
    [0].into_iter().chain(inner).filter_map(|at| name.get(at..))
}

fn key(name: &str) -> [u8; 16] {
    let Sha256(hash) = Sha256::of(name.as_bytes());
    hash.first_chunk().copied().unwrap_or(NONE)
}

fn key_of(line: &Line<'_>) -> [u8; 16] {
    let named = line.read::<Named>().ok();
    named.and_then(|named| named.copies.first().map(|copy| key(copy.path.as_str()))).unwrap_or(NONE)
}
