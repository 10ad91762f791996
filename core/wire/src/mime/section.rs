//! SUMMARY    BODY[section] and BINARY[section] of a message.
//! STANDARDS  RFC 9051 §6.4.5 (section specification, part numbers), RFC 3516 (BINARY)
//! INVARIANTS A message that is no multipart has part 1; numbers below a message part count inside that message.

use std::borrow::Cow;

use super::header::Fields;
use super::structure::{Media, Part, Structure};
use super::transfer::decode_transfer;

/// A section specification. Numbers count from 1; an empty path is the message.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Section {
    pub path: Vec<u32>,
    pub kind: SectionKind,
}

/// What of the part.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum SectionKind {
    /// `[]` or `[1.2]`.
    #[default]
    All,
    Header,
    HeaderFields(Vec<Vec<u8>>),
    HeaderFieldsNot(Vec<Vec<u8>>),
    Text,
    Mime,
}

/// Why BINARY has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BinaryError {
    NoSuchPart,
    /// The transfer encoding is not known (response code UNKNOWN-CTE).
    UnknownEncoding,
}

impl std::fmt::Display for BinaryError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            BinaryError::NoSuchPart => "there is no such part",
            BinaryError::UnknownEncoding => "the transfer encoding of the part is unknown",
        })
    }
}
impl std::error::Error for BinaryError {}

/// The bytes of a section; None if the message has no such part, or the part no such section.
pub fn section<'a>(message: &'a [u8], structure: &Structure, section: &Section) -> Option<Cow<'a, [u8]>> {
    if section.path.is_empty() && section.kind == SectionKind::All {
        return Some(Cow::Borrowed(message));
    }
    let index = part_index(structure, &section.path)?;
    let part = structure.part(index)?;
    if section.kind == SectionKind::All {
        return Some(Cow::Borrowed(part.body.of(message)));
    }
    if section.kind == SectionKind::Mime {
        return (!section.path.is_empty()).then(|| Cow::Borrowed(part.header.of(message)));
    }
    let inner = message_at(structure, index, section.path.is_empty())?;
    Some(match &section.kind {
        SectionKind::Header => Cow::Borrowed(inner.header.of(message)),
        SectionKind::HeaderFields(names) => Cow::Owned(fields(message, inner, |n| listed(names, n))),
        SectionKind::HeaderFieldsNot(names) => Cow::Owned(fields(message, inner, |n| !listed(names, n))),
        SectionKind::Text | SectionKind::All | SectionKind::Mime => Cow::Borrowed(inner.body.of(message)),
    })
}

/// The decoded content of a part (RFC 3516); an empty path is the message as it is.
pub fn binary<'a>(message: &'a [u8], structure: &Structure, path: &[u32]) -> Result<Cow<'a, [u8]>, BinaryError> {
    if path.is_empty() {
        return Ok(Cow::Borrowed(message));
    }
    let part = part_index(structure, path).and_then(|i| structure.part(i)).ok_or(BinaryError::NoSuchPart)?;
    if matches!(part.media, Media::Multipart) {
        return Ok(Cow::Borrowed(part.body.of(message)));
    }
    decode_transfer(part.encoding, part.body.of(message)).ok_or(BinaryError::UnknownEncoding)
}

impl Structure {
    /// Index of the part with that path of numbers.
    pub fn part_at(&self, path: &[u32]) -> Option<usize> {
        part_index(self, path)
    }
}

fn part_index(structure: &Structure, path: &[u32]) -> Option<usize> {
    let mut index = 0;
    let mut as_message = true;
    for number in path {
        let number = usize::try_from(*number).ok()?.checked_sub(1)?;
        if !as_message && structure.part(index)?.media == Media::Message {
            index = structure.children(index).next()?;
            as_message = true;
        }
        if structure.part(index)?.media == Media::Multipart {
            index = structure.children(index).nth(number)?;
        } else if !as_message || number != 0 {
            return None;
        }
        as_message = false;
    }
    Some(index)
}

/// The message of which HEADER and TEXT speak: the whole one, or the one inside the part.
fn message_at(structure: &Structure, index: usize, whole: bool) -> Option<&Part> {
    let part = structure.part(index)?;
    if whole {
        return Some(part);
    }
    (part.media == Media::Message).then(|| structure.children(index).next())?.and_then(|i| structure.part(i))
}

fn listed(names: &[Vec<u8>], name: &[u8]) -> bool {
    names.iter().any(|n| n.eq_ignore_ascii_case(name))
}

/// Whole lines of the chosen fields and the empty line.
fn fields(message: &[u8], part: &Part, chosen: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    let mut out = Vec::new();
    for field in Fields::of(message, part.header) {
        if chosen(field.name) {
            out.extend_from_slice(field.line.of(message));
            if !out.ends_with(b"\n") {
                out.extend_from_slice(b"\r\n");
            }
        }
    }
    out.extend_from_slice(b"\r\n");
    out
}
