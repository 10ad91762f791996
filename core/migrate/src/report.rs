//! SUMMARY    What a migration has done, what it could not do, and how far it is.
//! LIMITS     MIGRATE_TOLD_MAX

use std::fmt;

use base::limits::MIGRATE_TOLD_MAX;

use crate::Error;

/// How far a pass is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// Messages that were brought in this run, and those that are known to be missing before them.
    pub messages: u64,
    pub messages_total: u64,
    pub bytes: u64,
    /// Of this run: stored, found here already, and what could not be brought or kept.
    pub stored: u64,
    pub found: u64,
    pub told: u64,
    /// As the source tells their sizes.
    pub bytes_total: u64,
    /// Folders that were gone through, and all.
    pub folders: usize,
    pub folders_total: usize,
    /// The one under way.
    pub folder: String,
}

/// What is told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// A message that could not be brought; the next pass tries again.
    Message,
    /// A folder that could not be opened or read to its end.
    Folder,
    /// A folder that is passed over: it shows messages of other folders, or cannot be opened.
    PassedOver,
    /// A name, a keyword or a uid that cannot be kept as it is.
    NotKept,
    /// A folder, or all messages of one, that the source had before and has no longer: nothing was changed here.
    Gone,
}

/// One item for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    pub what: What,
    /// Its name at the source, decoded.
    pub folder: String,
    pub uid: Option<u32>,
    pub why: String,
}

/// A folder as it was counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    pub folder: String,
    /// Its path here.
    pub mailbox: String,
    /// At the source.
    pub messages: u64,
    pub bytes: u64,
    /// Messages of it that were brought before.
    pub brought: u64,
}

/// What was done; of a dry run: `folders` alone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    pub folders: Vec<Counted>,
    /// Messages that were stored, and their bytes.
    pub stored: u64,
    pub bytes: u64,
    /// Messages whose bytes were here already.
    pub found: u64,
    /// Emails whose flags followed the source.
    pub flagged: u64,
    /// Emails whose flags were changed here since, and were left alone.
    pub flags_kept: u64,
    pub removed: u64,
    /// Messages that are gone at the source and stand here.
    pub left_behind: u64,
    pub mailboxes_made: u64,
    /// Messages and folders that could not be brought.
    pub failed: u64,
    /// Connections that were lost and made anew.
    pub reconnects: u64,
    /// The first MIGRATE_TOLD_MAX, and how many there were.
    pub told: Vec<Told>,
    pub told_total: u64,
}

/// Characters of a source's words that are kept and told.
const TOLD_CHARS_MAX: usize = 300;

/// A source's words, as many as are told.
pub(crate) fn cut(text: &str) -> String {
    text.chars().take(TOLD_CHARS_MAX).collect()
}

impl Report {
    pub(crate) fn tell(&mut self, mut told: Told) {
        (told.why, told.folder) = (cut(&told.why), cut(&told.folder));
        self.told_total += 1;
        if matches!(told.what, What::Message | What::Folder) {
            self.failed += 1;
        }
        if self.told.len() < MIGRATE_TOLD_MAX {
            self.told.push(told);
        }
    }
}

/// A migration that ended before its end: what it had done stays, and the same again goes on.
#[derive(Debug)]
pub struct Failed {
    pub why: Error,
    pub report: Report,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.why)?;
        let Report { stored, found, bytes, .. } = &self.report;
        if stored + found > 0 {
            write!(
                f,
                "; {stored} messages ({bytes} bytes) were brought before that, {found} were here: the same again goes on"
            )?;
        }
        Ok(())
    }
}

impl std::error::Error for Failed {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.why)
    }
}
