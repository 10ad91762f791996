//! SUMMARY    Names of entries: relative paths that every file system can hold and no program takes for another place.
//! STANDARDS  APPNOTE 6.3.10 §4.4.17 (relative, `/` between segments)
//! SECURITY   A name never leaves the folder it is unpacked into, nor names a device or a drive.
//! LIMITS     ARCHIVE_NAME_BYTES_MAX, ARCHIVE_SEGMENT_BYTES_MAX
//! INVARIANTS A `Name` is valid: there is no other way to one than `Name::new`.

mod account;
mod mailbox;
mod segment;
mod unique;

use std::{fmt, str::FromStr};

use base::limits::{ARCHIVE_NAME_BYTES_MAX, ARCHIVE_SEGMENT_BYTES_MAX};

use crate::{Error, text};

pub use account::AccountFolders;
pub use mailbox::mailbox_folders;
pub(crate) use segment::fold;
pub(crate) use unique::Names;

/// A valid name of an entry: segments with `/` between them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(Box<str>);

impl Name {
    /// Checks a name. A colon is allowed but in the first segment (a drive): names of Maildir files have one.
    pub fn new(name: &str) -> Result<Self, Error> {
        match fault(name) {
            None => Ok(Name(name.into())),
            Some(why) => Err(Error::Name { name: name.chars().take(200).collect(), why }),
        }
    }
    pub fn as_str(&self) -> &str {
        &self.0
    }
    /// The name of something in this folder.
    pub fn join(&self, inside: &str) -> Result<Self, Error> {
        Name::new(&format!("{}/{inside}", self.0))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl FromStr for Name {
    type Err = Error;
    fn from_str(name: &str) -> Result<Self, Error> {
        Name::new(name)
    }
}
text::as_text!(Name);

fn fault(name: &str) -> Option<&'static str> {
    if name.len() > ARCHIVE_NAME_BYTES_MAX {
        return Some("longer than ARCHIVE_NAME_BYTES_MAX");
    }
    for (n, segment) in name.split('/').enumerate() {
        if segment.is_empty() {
            return Some("an empty segment");
        }
        if segment.len() > ARCHIVE_SEGMENT_BYTES_MAX {
            return Some("a segment longer than ARCHIVE_SEGMENT_BYTES_MAX");
        }
        if segment.ends_with(['.', ' ']) {
            return Some("a segment that ends with a dot or a space");
        }
        if segment.starts_with(' ') {
            return Some("a segment that begins with a space");
        }
        if segment.contains(|c| segment::is_unsafe(c) && (c != ':' || n == 0)) {
            return Some("a character that a name must not have");
        }
        if segment::is_device(segment) {
            return Some("the name of a device");
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_where_they_are_unpacked() {
        for good in ["a", "a/b.mbox", ".Sent/cur/17.M0P1.h,S=3:2,FS", "Größe/台北.eml", "..a/b", "concert/com10"] {
            assert_eq!(Name::new(good).unwrap().as_str(), good);
        }
        let long = "x".repeat(ARCHIVE_SEGMENT_BYTES_MAX + 1);
        let deep = "x/".repeat(ARCHIVE_NAME_BYTES_MAX);
        let bad = [
            "",
            "/",
            "/a",
            "a/",
            "a//b",
            ".",
            "..",
            "a/..",
            "../a",
            "a/./b",
            "a.",
            "a ",
            " a",
            "C:/a",
            "c:a",
            "a\\b",
            "a\0",
            "a\nb",
            "a\u{7f}",
            "a\u{85}",
            "a\u{202e}b",
            "a?",
            "a*",
            "<a",
            "a>",
            "a|b",
            "a\"",
            "NUL",
            "con.txt",
            "a/Lpt1",
            "COM¹",
            "aux .x",
            "\u{feff}a",
            &long,
            &deep,
        ];
        for bad in bad {
            assert!(Name::new(bad).is_err(), "{bad:?}");
        }
    }
}
