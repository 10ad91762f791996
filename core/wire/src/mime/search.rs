//! SUMMARY    Whether a message contains a text: header fields and decoded text bodies, any case.
//! STANDARDS  RFC 9051 §6.4.4 (HEADER, BODY, TEXT), RFC 5051 (i;unicode-casemap, approximated by lower case)
//! INVARIANTS A needle is prepared once and used for many messages. Bodies that are plain ASCII text are searched in place.

use std::borrow::Cow;

use super::charset::{decode_charset, is_ascii_compatible};
use super::encoded::decode_text;
use super::header::{Fields, headers};
use super::html::html_text;
use super::structure::{Media, Part, Structure};
use super::transfer::decode_transfer;

/// What [`text_contains`] looks through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SearchScope {
    /// Text parts, and the headers of messages inside (SEARCH BODY).
    BodyOnly,
    /// The header section as well (SEARCH TEXT).
    Whole,
}

/// A text to look for, prepared.
#[derive(Debug, Clone)]
pub struct Needle {
    folded: String,
}

impl Needle {
    pub fn new(text: &str) -> Self {
        Needle { folded: text.to_lowercase() }
    }

    /// Whether `text` contains it, any case. The empty needle is everywhere.
    pub fn is_in(&self, text: &str) -> bool {
        if text.is_ascii() {
            return self.is_in_ascii(text.as_bytes());
        }
        memchr::memmem::find(text.to_lowercase().as_bytes(), self.folded.as_bytes()).is_some()
    }

    /// Any-case search in place; only right where needle or text is ASCII.
    fn is_in_ascii(&self, text: &[u8]) -> bool {
        let needle = self.folded.as_bytes();
        let Some(first) = needle.first() else { return true };
        let mut rest = text;
        while let Some(at) = memchr::memchr2(*first, first.to_ascii_uppercase(), rest) {
            let Some(window) = rest.get(at..at + needle.len()) else { return false };
            if window.eq_ignore_ascii_case(needle) {
                return true;
            }
            rest = rest.get(at + 1..).unwrap_or_default();
        }
        false
    }
}

/// Whether a field of that name exists that contains the needle (SEARCH HEADER).
pub fn header_contains(message: &[u8], name: &[u8], needle: &Needle) -> bool {
    let named = headers(message).filter(|f| f.name.eq_ignore_ascii_case(name));
    named.into_iter().any(|f| needle.is_in(&decode_text(f.value.of(message))))
}

/// Whether the message contains the needle (SEARCH BODY, SEARCH TEXT).
pub fn text_contains(message: &[u8], structure: &Structure, needle: &Needle, scope: SearchScope) -> bool {
    structure.parts.iter().enumerate().any(|(index, part)| {
        let header = part.envelope.is_some() && (index > 0 || scope == SearchScope::Whole);
        header && fields_contain(message, part, needle)
            || part.media == Media::Text && body_contains(message, part, needle)
    })
}

fn fields_contain(message: &[u8], part: &Part, needle: &Needle) -> bool {
    Fields::of(message, part.header).any(|f| {
        let line = f.line.of(message);
        if line.is_ascii() && memchr::memmem::find(line, b"=?").is_none() && !line.trim_ascii_end().contains(&b'\n') {
            return needle.is_in_ascii(line.trim_ascii_end());
        }
        needle.is_in(&decode_text(line))
    })
}

fn body_contains(message: &[u8], part: &Part, needle: &Needle) -> bool {
    let body = part.body.of(message);
    let bytes = decode_transfer(part.encoding, body).unwrap_or(Cow::Borrowed(body));
    let html = part.is_type(message, b"text", b"html");
    let charset = part.charset(message).unwrap_or_else(|| "us-ascii".to_owned());
    if !html && needle.folded.is_ascii() && is_ascii_compatible(charset.as_bytes()) {
        return needle.is_in_ascii(&bytes);
    }
    let text = decode_charset(charset.as_bytes(), &bytes);
    needle.is_in(&if html { html_text(&text) } else { text })
}
