//! SUMMARY    How large an archive and its files get, reckoned from what is listed: where they are cut is decided by this alone.
//! LIMITS     ARCHIVE_ENTRIES_MAX, ARCHIVE_DIRECTORY_BYTES_MAX
//! INVARIANTS Entries, names and directory are never more than was reckoned. Bytes are more by what has to be quoted in an mbox, and by
//!            problems.

use base::limits::{ARCHIVE_DIRECTORY_BYTES_MAX, ARCHIVE_ENTRIES_MAX};

use crate::{Name, zip::Length};

/// Bytes around an entry that are not its name: of its header with what follows its bytes, and again of its line in the directory.
const ENTRY_BYTES: u64 = 84;
/// Bytes around a message in an mbox file: its `From ` line, and what ends it.
const MESSAGE_BYTES: u64 = 40;
/// Bytes of a line of metadata without path, mailboxes and keywords.
const LINE_BYTES: u64 = 380;
/// Of it for each mailbox, and for each keyword beside its name.
const LINE_MAILBOX_BYTES: u64 = 60;
const LINE_KEYWORD_BYTES: u64 = 8;
/// The length from which an entry needs ZIP64.
const ZIP64_BYTES_MIN: u64 = u32::MAX as u64;

/// What an archive has, or what is about to come into it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Plan {
    bytes: u64,
    entries: u64,
    directory_bytes: u64,
    /// Of entries, and of folders that only their files name.
    names: u64,
}

impl Plan {
    /// One entry. `fresh_folders`: as many of the folders above it may be none's yet.
    pub fn entry(name: &Name, fresh_folders: usize, bytes: u64) -> Plan {
        Plan::entry_of(name.as_str().len(), fresh_folders, bytes)
    }

    /// The same of an entry whose name has so many bytes.
    pub fn entry_of(name_bytes: usize, fresh_folders: usize, bytes: u64) -> Plan {
        let around = ENTRY_BYTES + name_bytes as u64;
        let bytes = bytes.saturating_add(2 * around);
        Plan { bytes, entries: 1, directory_bytes: around, names: 1 + fresh_folders as u64 }
    }

    /// Bytes of an entry that was reckoned already.
    pub fn bytes(bytes: u64) -> Plan {
        Plan { bytes, ..Plan::default() }
    }

    #[must_use]
    pub fn with(self, other: Plan) -> Plan {
        Plan {
            bytes: self.bytes.saturating_add(other.bytes),
            entries: self.entries + other.entries,
            directory_bytes: self.directory_bytes + other.directory_bytes,
            names: self.names + other.names,
        }
    }

    /// Whether it is too much for one archive.
    pub fn exceeds(&self, bytes_max: u64) -> bool {
        self.bytes > bytes_max
            || self.entries > ARCHIVE_ENTRIES_MAX as u64
            || self.names > 2 * ARCHIVE_ENTRIES_MAX as u64
            || self.directory_bytes > ARCHIVE_DIRECTORY_BYTES_MAX as u64
    }
}

/// Bytes of a message in an mbox file, but for those that quoting adds.
pub(super) fn message_bytes(size: u64) -> u64 {
    size.saturating_add(MESSAGE_BYTES)
}

/// Bytes of a line of metadata, some more than it will have.
pub(super) fn line_bytes<'a>(path_bytes: usize, mailboxes: usize, keywords: impl Iterator<Item = &'a str>) -> u64 {
    let keywords: u64 = keywords.map(|k| k.len() as u64 + LINE_KEYWORD_BYTES).sum();
    LINE_BYTES + path_bytes as u64 + LINE_MAILBOX_BYTES * mailboxes as u64 + keywords
}

/// What is known of the length of an mbox file before its first message, which is of `first` bytes: of `From ` lines, the shortest has
/// five bytes and gets one more.
pub(super) fn mbox_length(first: u64, file_bytes_max: u64) -> Length {
    let plain = message_bytes(first).max(file_bytes_max);
    entry_length(plain.saturating_add(plain / 5))
}

/// What is known of the length of an entry of at most so many bytes.
pub(super) fn entry_length(bytes_max: u64) -> Length {
    if bytes_max < ZIP64_BYTES_MIN { Length::Below4Gib } else { Length::Any }
}

#[cfg(test)]
mod tests {
    use base::Timestamp;
    use proptest::prelude::*;

    use super::*;
    use crate::mbox::{EndsScan, MessageWriter};

    #[test]
    fn a_file_that_may_reach_4_gib_is_said_to() {
        let check = |first: u64, max: u64, length: Length| assert_eq!(mbox_length(first, max), length, "{first} {max}");
        check(1, 1 << 30, Length::Below4Gib);
        check(50 << 20, 3 << 30, Length::Below4Gib);
        check(1, 4 << 30, Length::Any);
        check(1, 3_579_139_412, Length::Below4Gib);
        check(1, 3_579_139_413, Length::Any);
        check(u64::MAX, 1, Length::Any);
    }

    #[test]
    fn more_than_an_archive_holds_exceeds() {
        let name = Name::new("a/b/c").unwrap();
        let one = Plan::entry(&name, 2, 100);
        assert_eq!(one, Plan { bytes: 100 + 2 * 89, entries: 1, directory_bytes: 89, names: 3 });
        assert!(!one.exceeds(278) && one.exceeds(277));
        let many = |n: u64| Plan { entries: n, ..one };
        assert!(!many(ARCHIVE_ENTRIES_MAX as u64).exceeds(300) && many(ARCHIVE_ENTRIES_MAX as u64 + 1).exceeds(300));
    }

    proptest! {
        #[test]
        fn a_message_is_no_longer_in_a_file_than_was_reckoned(
            message in prop::collection::vec(prop::sample::select(vec!["From ", "\n", "\r\n", "x", ">", "\r", ""]), 0..40),
        ) {
            let (message, mut out) = (message.concat(), Vec::new());
            let ends = EndsScan::of(message.as_bytes());
            let mut writer = MessageWriter::begin("-", Timestamp(0), ends, &mut out);
            writer.write(message.as_bytes(), &mut out);
            writer.end(&mut out).unwrap();
            let plain = message_bytes(message.len() as u64);
            prop_assert!(out.len() as u64 <= plain + plain / 5);
        }
    }
}
