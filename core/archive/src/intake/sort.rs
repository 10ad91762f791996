//! SUMMARY    What a file is, by its first bytes.
//! INVARIANTS A file's name says nothing: people rename files.

use std::fmt;

use base::limits::INTAKE_FIRST_BYTES;
use wire::mime::headers;

/// A file that can be read in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    Zip,
    Mbox,
    /// One message.
    Eml,
}

/// A file that cannot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unknown {
    /// It has no bytes.
    Empty,
    /// It is one of these, which are not read here: unpack it, or save it as another.
    Format(&'static str),
    /// It does not look like mail.
    NoMail,
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unknown::Empty => f.write_str("the file is empty"),
            Unknown::Format(name) => {
                write!(f, "the file is {name}, which is not read here: make it a ZIP archive with mbox or EML files")
            }
            Unknown::NoMail => {
                f.write_str("the file is no mail: a ZIP archive, an mbox file or an EML file can be read in")
            }
        }
    }
}

/// How other formats begin.
const OTHERS: [(&[u8], &str); 10] = [
    (b"\x1f\x8b", "packed with gzip"),
    (b"BZh", "packed with bzip2"),
    (b"\xfd7zXZ\0", "packed with xz"),
    (b"\x28\xb5\x2f\xfd", "packed with zstd"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"!BDN", "a PST file of Outlook"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an MSG file of Outlook"),
    (b"%PDF-", "a PDF"),
    (b"PK\x07\x08", "one of several volumes of a ZIP archive"),
];

/// Fields of which a message has one.
const FIELDS: [&str; 14] = [
    "from",
    "to",
    "cc",
    "subject",
    "date",
    "received",
    "return-path",
    "message-id",
    "mime-version",
    "content-type",
    "delivered-to",
    "x-gm-thrid",
    "sender",
    "reply-to",
];

const BOM: &[u8] = b"\xef\xbb\xbf";

impl Sort {
    /// Of the first INTAKE_FIRST_BYTES of a file, or all of it if it is shorter.
    pub fn of(first: &[u8]) -> Result<Sort, Unknown> {
        let first = first.get(..INTAKE_FIRST_BYTES).unwrap_or(first);
        if first.is_empty() {
            return Err(Unknown::Empty);
        }
        if first.starts_with(b"PK\x03\x04") || first.starts_with(b"PK\x05\x06") {
            return Ok(Sort::Zip);
        }
        if let Some((_, name)) = OTHERS.iter().find(|(magic, _)| first.starts_with(magic)) {
            return Err(Unknown::Format(name));
        }
        if first.get(257..262) == Some(b"ustar") {
            return Err(Unknown::Format("a tar archive"));
        }
        let text = first.strip_prefix(BOM).unwrap_or(first);
        let lines = text.trim_ascii_start();
        if lines.starts_with(b"From ") {
            return Ok(Sort::Mbox);
        }
        let known = |name: &[u8]| FIELDS.iter().any(|field| field.as_bytes().eq_ignore_ascii_case(name));
        let mut fields = headers(text);
        let first_is_field = fields.clone().next().is_some_and(|field| !field.name.is_empty());
        if first_is_field && fields.any(|field| known(field.name)) { Ok(Sort::Eml) } else { Err(Unknown::NoMail) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_what_they_begin_with() {
        let check = |first: &[u8], expect: Result<Sort, Unknown>| assert_eq!(Sort::of(first), expect, "{first:?}");
        check(b"PK\x03\x04...", Ok(Sort::Zip));
        check(b"PK\x05\x06", Ok(Sort::Zip));
        check(b"\xef\xbb\xbfFrom - Mon Nov 23 19:23:32 2026\n", Ok(Sort::Mbox));
        check(b"\nFrom x", Ok(Sort::Mbox));
        check(b"X-Mozilla-Status: 0001\r\nFROM : a@b\r\n\r\n", Ok(Sort::Eml));
        check(b"\xef\xbb\xbfSubject: x\n", Ok(Sort::Eml));
        check(b"", Err(Unknown::Empty));
        check(b"\x1f\x8b\x08", Err(Unknown::Format("packed with gzip")));
        check(b"<html>\nDate: x", Err(Unknown::NoMail));
        check(b"{\"from\": 1}", Err(Unknown::NoMail));
        check(b"# Title: x\n\nDate: x", Err(Unknown::NoMail));
        let mut tar = vec![b'x'; 512];
        tar[257..262].copy_from_slice(b"ustar");
        check(&tar, Err(Unknown::Format("a tar archive")));
    }
}
