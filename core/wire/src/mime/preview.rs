//! SUMMARY    The first readable words of a message.
//! STANDARDS  RFC 8970 §3, RFC 8621 §4.1.4 (preview)
//! LIMITS     PREVIEW_CHARS_MAX, PREVIEW_SOURCE_BYTES_MAX
//! INVARIANTS Decodes only as much as the preview needs. White space is single, invisible fillers and controls are gone.

use std::borrow::Cow;

use base::limits::{PREVIEW_CHARS_MAX, PREVIEW_SOURCE_BYTES_MAX};

use super::charset::decode_prefix;
use super::html::html_text;
use super::structure::{Disposition, Media, Part, Structure};
use super::transfer::decode_transfer;

/// Bytes of a body that are decoded first; where they do not fill a preview, more are.
const FIRST_BYTES: usize = 1_500;

/// At most PREVIEW_CHARS_MAX characters; empty if the message has no text.
pub fn preview(message: &[u8], structure: &Structure) -> String {
    let mut best = String::new();
    for html in [false, true] {
        for part in text_parts(structure).filter(|p| is_html(p, message) == html).take(TEXT_PARTS_MAX) {
            best = of_part(part, message, html);
            if !best.is_empty() {
                return best;
            }
        }
    }
    best
}

/// Text parts that are tried for each kind.
const TEXT_PARTS_MAX: usize = 3;

fn text_parts(structure: &Structure) -> impl Iterator<Item = &Part> {
    structure.parts.iter().filter(|p| p.media == Media::Text && p.disposition != Disposition::Attachment)
}

fn is_html(part: &Part, message: &[u8]) -> bool {
    part.is_type(message, b"text", b"html")
}

fn of_part(part: &Part, message: &[u8], html: bool) -> String {
    let body = part.body.of(message);
    let charset = part.charset(message).unwrap_or_else(|| "us-ascii".to_owned());
    let mut take = FIRST_BYTES;
    loop {
        let raw = body.get(..body.len().min(take)).unwrap_or_default();
        let whole = raw.len() == body.len();
        let bytes = decode_transfer(part.encoding, raw).unwrap_or(Cow::Borrowed(raw));
        let text = decode_prefix(charset.as_bytes(), &bytes, whole);
        let text = if html { html_text(&text) } else { text };
        let found = condensed(&text, !html);
        if whole || take >= PREVIEW_SOURCE_BYTES_MAX || found.chars().count() >= PREVIEW_CHARS_MAX {
            return found;
        }
        take = take.saturating_mul(8);
    }
}

/// Quoted lines are left out where anything else remains.
fn condensed(text: &str, quotes: bool) -> String {
    let own = if quotes { collapse(text.lines().filter(|l| !l.starts_with('>'))) } else { String::new() };
    if own.is_empty() { collapse(text.lines()) } else { own }
}

fn collapse<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    let mut out = String::new();
    let mut count = 0;
    for word in lines.flat_map(str::split_whitespace) {
        let mut first = true;
        for c in word.chars().filter(|c| !is_filler(*c)) {
            if first && count > 0 && count + 1 < PREVIEW_CHARS_MAX {
                out.push(' ');
                count += 1;
            }
            if count >= PREVIEW_CHARS_MAX || first && count + 1 >= PREVIEW_CHARS_MAX && count > 0 && !out.ends_with(' ')
            {
                return out;
            }
            first = false;
            out.push(c);
            count += 1;
        }
    }
    out
}

/// Characters that newsletters pad their previews with, and controls.
fn is_filler(c: char) -> bool {
    c.is_control() || matches!(c, '\u{ad}' | '\u{34f}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' | '\u{fffd}')
}
