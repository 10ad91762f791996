//! SUMMARY    The items of a FETCH response.
//! STANDARDS  RFC 9051 §7.5.2, RFC 3516 (BINARY), RFC 7162 (MODSEQ), RFC 8474 (EMAILID, THREADID), RFC 8970 (PREVIEW), RFC 8514

use super::{literal, number, string};
use crate::imap::{
    command::{BodySection, Partial, Section, SectionText},
    date,
};
use base::Timestamp;

/// One `* n FETCH (..)` line under construction.
pub struct FetchLine<'o> {
    out: &'o mut Vec<u8>,
    first: bool,
}

impl<'o> FetchLine<'o> {
    #[inline]
    pub fn begin(out: &'o mut Vec<u8>, seq: u32) -> Self {
        out.extend_from_slice(b"* ");
        number(out, u64::from(seq));
        out.extend_from_slice(b" FETCH (");
        FetchLine { out, first: true }
    }

    /// The buffer, positioned for the next item.
    #[inline]
    pub fn item(&mut self) -> &mut Vec<u8> {
        if !self.first {
            self.out.push(b' ');
        }
        self.first = false;
        self.out
    }

    #[inline]
    pub fn end(self) {
        self.out.extend_from_slice(b")\r\n");
    }
}

#[inline]
pub fn uid(out: &mut Vec<u8>, n: u32) {
    out.extend_from_slice(b"UID ");
    number(out, u64::from(n));
}

pub fn flags<'a>(out: &mut Vec<u8>, names: impl Iterator<Item = &'a str>) {
    out.extend_from_slice(b"FLAGS ");
    super::list_of(out, names);
}

#[inline]
pub fn size(out: &mut Vec<u8>, bytes: u32) {
    out.extend_from_slice(b"RFC822.SIZE ");
    number(out, u64::from(bytes));
}

#[inline]
pub fn mod_seq(out: &mut Vec<u8>, n: u64) {
    out.extend_from_slice(b"MODSEQ (");
    number(out, n);
    out.push(b')');
}

pub fn internal_date(out: &mut Vec<u8>, at: Timestamp) {
    out.extend_from_slice(b"INTERNALDATE ");
    date::render_date_time(out, at);
}

pub fn save_date(out: &mut Vec<u8>, at: Timestamp) {
    out.extend_from_slice(b"SAVEDATE ");
    date::render_date_time(out, at);
}

pub fn email_id(out: &mut Vec<u8>, id: &str) {
    object(out, "EMAILID (", id);
}

pub fn thread_id(out: &mut Vec<u8>, id: &str) {
    object(out, "THREADID (", id);
}

fn object(out: &mut Vec<u8>, name: &str, id: &str) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(id.as_bytes());
    out.push(b')');
}

pub fn preview(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(b"PREVIEW ");
    string(out, text.as_bytes());
}

/// An item whose value is rendered already: ENVELOPE, BODY, BODYSTRUCTURE.
#[inline]
pub fn plain_item(out: &mut Vec<u8>, name: &str, rendered: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    out.push(b' ');
    out.extend_from_slice(rendered);
}

/// An item with bytes of the message: RFC822, RFC822.HEADER, RFC822.TEXT. `None` = NIL.
pub fn literal_item(out: &mut Vec<u8>, name: &str, bytes: Option<&[u8]>) {
    out.extend_from_slice(name.as_bytes());
    out.push(b' ');
    match bytes {
        Some(bytes) => literal(out, bytes),
        None => out.extend_from_slice(b"NIL"),
    }
}

/// `BODY[section]<origin> literal`.
pub fn body_section(out: &mut Vec<u8>, item: &BodySection, bytes: Option<&[u8]>) {
    out.extend_from_slice(b"BODY[");
    section(out, &item.section);
    out.push(b']');
    origin(out, item.partial);
    literal_item(out, "", bytes);
}

fn origin(out: &mut Vec<u8>, partial: Option<Partial>) {
    if let Some(partial) = partial {
        out.push(b'<');
        number(out, partial.offset);
        out.push(b'>');
    }
}

fn path(out: &mut Vec<u8>, part: &[u32]) {
    for (i, n) in part.iter().enumerate() {
        if i > 0 {
            out.push(b'.');
        }
        number(out, u64::from(*n));
    }
}

fn section(out: &mut Vec<u8>, section: &Section) {
    path(out, &section.part);
    let Some(text) = &section.text else { return };
    if !section.part.is_empty() {
        out.push(b'.');
    }
    let mut fields = |name: &str, names: &[String]| {
        out.extend_from_slice(name.as_bytes());
        for (i, name) in names.iter().enumerate() {
            out.push(if i == 0 { b'(' } else { b' ' });
            string(out, name.as_bytes());
        }
        out.push(b')');
    };
    match text {
        SectionText::Header => out.extend_from_slice(b"HEADER"),
        SectionText::Text => out.extend_from_slice(b"TEXT"),
        SectionText::Mime => out.extend_from_slice(b"MIME"),
        SectionText::HeaderFields(names) => fields("HEADER.FIELDS ", names),
        SectionText::HeaderFieldsNot(names) => fields("HEADER.FIELDS.NOT ", names),
    }
}

/// `BINARY[part]<origin>`; decoded bytes with NUL need a literal8.
pub fn binary(out: &mut Vec<u8>, part: &[u32], partial: Option<Partial>, bytes: Option<&[u8]>) {
    out.extend_from_slice(b"BINARY[");
    path(out, part);
    out.push(b']');
    origin(out, partial);
    match bytes {
        Some(bytes) if bytes.contains(&0) => {
            out.extend_from_slice(b" ~");
            literal(out, bytes);
        }
        bytes => literal_item(out, "", bytes),
    }
}

pub fn binary_size(out: &mut Vec<u8>, part: &[u32], bytes: u64) {
    out.extend_from_slice(b"BINARY.SIZE[");
    path(out, part);
    out.extend_from_slice(b"] ");
    number(out, bytes);
}
