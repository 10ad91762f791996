//! SUMMARY    The BODYSTRUCTURE and BODY texts of a message.
//! STANDARDS  RFC 9051 §7.5.2 and §9 (body), RFC 2231, RFC 3282 (Content-Language), RFC 2557 (Content-Location)
//! LIMITS     FETCH_ITEM_BYTES_MAX, MIME_PARTS_MAX, MIME_DEPTH_MAX
//! INVARIANTS Valid grammar for every structure; text parts always have a charset (RFC 2046 §4.1.2: us-ascii).

use super::envelope::{EMPTY, envelope};
use super::header::unfold;
use super::imap_text::{Detail, field, fit, lower, number, string};
use super::param::params;
use super::scan::first_token;
use super::structure::{Media, Part, Span, Structure};

const LEAST: &[u8] = b"(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 0 0 NIL NIL NIL NIL)";
const LEAST_BODY: &[u8] = b"(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 0 0)";

/// The extensible form, at most FETCH_ITEM_BYTES_MAX bytes.
pub fn render_bodystructure(structure: &Structure, message: &[u8]) -> Vec<u8> {
    fit(LEAST, |detail, out| {
        Renderer { structure, message, detail, extended: true, left: detail.parts_max }.body(0, out)
    })
}

/// The form without extension data, at most FETCH_ITEM_BYTES_MAX bytes.
pub fn render_body(structure: &Structure, message: &[u8]) -> Vec<u8> {
    fit(LEAST_BODY, |detail, out| {
        Renderer { structure, message, detail, extended: false, left: detail.parts_max }.body(0, out);
    })
}

struct Renderer<'a> {
    structure: &'a Structure,
    message: &'a [u8],
    detail: &'a Detail,
    extended: bool,
    /// Parts that may still be shown beyond the first child of each.
    left: usize,
}

impl Renderer<'_> {
    /// Depth is bounded by the scan (MIME_DEPTH_MAX).
    fn body(&mut self, index: usize, out: &mut Vec<u8>) {
        let Some(part) = self.structure.part(index) else {
            out.extend_from_slice(if self.extended { LEAST } else { LEAST_BODY });
            return;
        };
        self.left = self.left.saturating_sub(1);
        out.push(b'(');
        if part.media == Media::Multipart {
            self.multipart(index, part, out);
        } else {
            self.single(index, part, out);
        }
        out.push(b')');
    }

    fn multipart(&mut self, index: usize, part: &Part, out: &mut Vec<u8>) {
        for (n, child) in self.structure.children(index).enumerate() {
            if n == 0 || self.left > 0 {
                self.body(child, out);
            }
        }
        out.push(b' ');
        lower(part.subtype.of(self.message), self.detail.string_bytes_max, out);
        if self.extended {
            out.push(b' ');
            self.params(part.fields.content_type, false, out);
            self.tail(part, out);
        }
    }

    fn single(&mut self, index: usize, part: &Part, out: &mut Vec<u8>) {
        let max = self.detail.string_bytes_max;
        let (type_name, subtype) = part.media_type(self.message);
        lower(type_name, max, out);
        out.push(b' ');
        lower(subtype, max, out);
        out.push(b' ');
        self.params(part.fields.content_type, part.media == Media::Text, out);
        out.push(b' ');
        field(self.message, part.fields.id, max, out);
        out.push(b' ');
        field(self.message, part.fields.description, max, out);
        out.push(b' ');
        match part.fields.encoding.map(|s| first_token(s.of(self.message))).filter(|t| !t.is_empty()) {
            Some(token) => lower(token, max, out),
            None => out.extend_from_slice(b"\"7bit\""),
        }
        out.push(b' ');
        number(part.body.len(), out);
        if part.media == Media::Message {
            out.push(b' ');
            self.inner(index, out);
        }
        if matches!(part.media, Media::Text | Media::Message) {
            out.push(b' ');
            number(part.lines as usize, out);
        }
        if self.extended {
            out.push(b' ');
            field(self.message, part.fields.md5, max, out);
            self.tail(part, out);
        }
    }

    /// Envelope and body of the message inside.
    fn inner(&mut self, index: usize, out: &mut Vec<u8>) {
        let child = self.structure.children(index).next().unwrap_or(usize::MAX);
        let fields = self.structure.part(child).and_then(|p| p.envelope.as_deref());
        match fields.filter(|_| self.detail.inner_envelopes) {
            Some(fields) => envelope(fields, self.message, self.detail, out),
            None => out.extend_from_slice(EMPTY),
        }
        out.push(b' ');
        self.body(child, out);
    }

    /// `(name value ...)` or NIL.
    fn params(&self, span: Option<Span>, text: bool, out: &mut Vec<u8>) {
        let all = span.map(|s| params(s.of(self.message))).unwrap_or_default();
        let max = self.detail.string_bytes_max;
        let start = out.len();
        out.push(b'(');
        for param in all.iter().take(self.detail.params_max) {
            if out.len() > start + 1 {
                out.push(b' ');
            }
            let mut name = param.name.clone();
            if param.extended {
                name.push(b'*');
            }
            string(&name, max, out);
            out.push(b' ');
            string(&param.value, max, out);
        }
        if text && !all.iter().any(|p| p.name == b"charset") {
            if out.len() > start + 1 {
                out.push(b' ');
            }
            out.extend_from_slice(b"\"charset\" \"us-ascii\"");
        }
        if out.len() == start + 1 {
            out.truncate(start);
            out.extend_from_slice(b"NIL");
        } else {
            out.push(b')');
        }
    }

    /// Disposition, language, location.
    fn tail(&self, part: &Part, out: &mut Vec<u8>) {
        let max = self.detail.string_bytes_max;
        out.push(b' ');
        match part.fields.disposition.map(|s| first_token(s.of(self.message))).filter(|t| !t.is_empty()) {
            Some(token) => {
                out.push(b'(');
                lower(token, max, out);
                out.push(b' ');
                self.params(part.fields.disposition, false, out);
                out.push(b')');
            }
            None => out.extend_from_slice(b"NIL"),
        }
        out.push(b' ');
        self.language(part, out);
        out.push(b' ');
        field(self.message, part.fields.location, max, out);
    }

    fn language(&self, part: &Part, out: &mut Vec<u8>) {
        let value = part.fields.language.map(|s| unfold(s.of(self.message))).unwrap_or_default();
        let tags = || value.split(|b| *b == b',').map(<[u8]>::trim_ascii).filter(|t| !t.is_empty());
        match tags().take(2).count() {
            0 => out.extend_from_slice(b"NIL"),
            1 => tags().for_each(|t| string(t, self.detail.string_bytes_max, out)),
            _ => {
                out.push(b'(');
                for (n, tag) in tags().take(self.detail.params_max.max(1)).enumerate() {
                    if n > 0 {
                        out.push(b' ');
                    }
                    string(tag, self.detail.string_bytes_max, out);
                }
                out.push(b')');
            }
        }
    }
}

/// Makes the BODY text of a stored BODYSTRUCTURE text by leaving out the extension data; None if it is not one of ours.
pub fn body_from_bodystructure(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let end = strip(text, 0, 0, &mut out)?;
    (end == text.len()).then_some(out)
}

/// Deepest nesting read back: every level of the scan is a multipart or a message.
const NESTING_MAX: usize = base::limits::MIME_DEPTH_MAX * 2 + 4;

fn strip(text: &[u8], at: usize, depth: usize, out: &mut Vec<u8>) -> Option<usize> {
    if depth > NESTING_MAX || text.get(at) != Some(&b'(') {
        return None;
    }
    out.push(b'(');
    let mut at = at + 1;
    if text.get(at) == Some(&b'(') {
        while text.get(at) == Some(&b'(') {
            at = strip(text, at, depth + 1, out)?;
        }
        at = copy_items(text, at, 1, out)?;
    } else {
        let start = at;
        at = copy_items(text, at, 0, out)?;
        let is_text = text.get(start..at)?.eq_ignore_ascii_case(b"\"text\"");
        let is_message = text.get(start..at)?.eq_ignore_ascii_case(b"\"message\"");
        let subtype_at = at + 1;
        at = copy_items(text, at, 1, out)?;
        let subtype = text.get(subtype_at..at)?;
        at = copy_items(text, at, 5, out)?;
        if is_message && (subtype.eq_ignore_ascii_case(b"\"rfc822\"") || subtype.eq_ignore_ascii_case(b"\"global\"")) {
            at = copy_items(text, at, 1, out)?;
            out.push(*text.get(at)?);
            at = strip(text, at + 1, depth + 1, out)?;
            at = copy_items(text, at, 1, out)?;
        } else if is_text {
            at = copy_items(text, at, 1, out)?;
        }
    }
    while text.get(at) == Some(&b' ') {
        at = item_end(text, at + 1)?;
    }
    out.push(b')');
    (text.get(at) == Some(&b')')).then_some(at + 1)
}

/// Copies `count` items with the space before each; 0 copies one item without a space.
fn copy_items(text: &[u8], at: usize, count: usize, out: &mut Vec<u8>) -> Option<usize> {
    let mut end = at;
    for _ in 0..count {
        if text.get(end) != Some(&b' ') {
            return None;
        }
        end = item_end(text, end + 1)?;
    }
    if count == 0 {
        end = item_end(text, at)?;
    }
    out.extend_from_slice(text.get(at..end)?);
    Some(end)
}

/// End of the string, number, NIL or parenthesised list at `at`.
fn item_end(text: &[u8], mut at: usize) -> Option<usize> {
    let mut depth = 0_usize;
    loop {
        match text.get(at)? {
            b'(' => {
                depth += 1;
                at += 1;
            }
            b')' => {
                depth = depth.checked_sub(1)?;
                at += 1;
            }
            b' ' if depth > 0 => {
                at += 1;
                continue;
            }
            b'"' => at = quoted_end(text, at + 1)?,
            b'{' => at = literal_end(text, at + 1)?,
            b if b.is_ascii_alphanumeric() => {
                at += text.get(at..)?.iter().take_while(|b| b.is_ascii_alphanumeric()).count();
            }
            _ => return None,
        }
        if depth == 0 {
            return Some(at);
        }
    }
}

fn quoted_end(text: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match text.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

fn literal_end(text: &[u8], at: usize) -> Option<usize> {
    let rest = text.get(at..)?;
    let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
    let count: usize = std::str::from_utf8(rest.get(..digits)?).ok()?.parse().ok()?;
    let start = at + digits + 3;
    text.get(at + digits..start).filter(|t| *t == b"}\r\n")?;
    let end = start.checked_add(count)?;
    (end <= text.len()).then_some(end)
}
