//! SUMMARY    Finds the parts of a message in one pass: header lines are read, bodies are searched for boundary lines only.
//! STANDARDS  RFC 2045 §5, RFC 2046 §5.1, §5.2.1; RFC 6532 (message/global)
//! SECURITY   Missing, repeated or nested equal boundaries, endless nesting and millions of delimiters arrive here.
//! LIMITS     MIME_PARTS_MAX (the rest belongs to the last part), MIME_DEPTH_MAX (deeper parts are leaves), HEADER_BYTES_MAX
//! INVARIANTS Work is linear: bytes times MIME_DEPTH_MAX comparisons at most. A multipart or message part always has a child.

use base::limits::{HEADER_BYTES_MAX, MIME_DEPTH_MAX, MIME_PARTS_MAX};
use memchr::{memchr, memchr_iter, memmem};

use super::header::{Field, Next, field_at};
use super::param::{TypeHead, scan_params, type_head};
use super::structure::{ContentFields, Disposition, EnvelopeFields, Media, Part, Span, Structure, TransferEncoding};

/// Finds the structure of `message`; every input has one. Bytes after 4 GiB are not looked at.
pub fn scan(message: &[u8]) -> Structure {
    let message = message.get(..message.len().min(u32::MAX as usize)).unwrap_or_default();
    let mut scanner = Scanner { message, parts: Vec::with_capacity(4), open: Vec::new(), leaf: None };
    scanner.run();
    Structure { parts: scanner.parts }
}

/// A multipart or message part whose end is not known yet.
struct Open {
    part: usize,
    /// None for a message part, for a multipart without one, and after the closing delimiter.
    boundary: Option<Vec<u8>>,
    digest: bool,
}

struct Scanner<'a> {
    message: &'a [u8],
    parts: Vec<Part>,
    open: Vec<Open>,
    /// The part whose body is running, if it is neither multipart nor message.
    leaf: Option<usize>,
}

/// A delimiter line that was found.
struct Delimiter {
    /// Index into `open`.
    level: usize,
    closing: bool,
    /// Where the part before it ends.
    end: usize,
    /// Where the line after it starts.
    next: usize,
}

impl Scanner<'_> {
    fn run(&mut self) {
        let finder = memmem::Finder::new(b"\n--");
        let mut pos = self.open_part(0, None, false);
        while let Some(delimiter) = self.next_delimiter(&finder, pos) {
            if !delimiter.closing && self.parts.len() >= MIME_PARTS_MAX {
                break;
            }
            self.close_above(delimiter.level + 1, delimiter.end);
            pos = delimiter.next;
            let Some(open) = self.open.get_mut(delimiter.level) else { break };
            if delimiter.closing {
                open.boundary = None;
            } else {
                let (parent, digest) = (open.part, open.digest);
                pos = self.open_part(pos, Some(parent), digest);
            }
        }
        self.close_above(0, self.message.len());
    }

    /// Opens the part that starts at `start` and the messages inside it; returns where its body starts (or the line that ends it).
    fn open_part(&mut self, mut start: usize, mut parent: Option<usize>, mut digest: bool) -> usize {
        let mut is_message = parent.is_none();
        loop {
            let head = self.read_header(start, is_message);
            let body = head.header.end as usize;
            let (part, boundary) = describe(self.message, head, parent, digest);
            let index = self.parts.len();
            let (media, encoding) = (part.media, part.encoding);
            let sub_digest = part.subtype.of(self.message).eq_ignore_ascii_case(b"digest");
            self.parts.push(part);
            let room = self.open.len() < MIME_DEPTH_MAX && self.parts.len() < MIME_PARTS_MAX;
            match media {
                Media::Multipart => {
                    let boundary = boundary.filter(|b| room && !b.is_empty());
                    self.open.push(Open { part: index, boundary, digest: sub_digest });
                    self.leaf = None;
                    return body;
                }
                Media::Message if room && encoding == TransferEncoding::Identity => {
                    self.open.push(Open { part: index, boundary: None, digest: false });
                    (start, parent, digest, is_message) = (body, Some(index), false, true);
                }
                Media::Message | Media::Text | Media::Other => {
                    self.leaf = Some(index);
                    return body;
                }
            }
        }
    }

    fn read_header(&self, start: usize, is_message: bool) -> Head {
        let mut head = Head {
            header: Span::new(start, start),
            content: ContentFields::default(),
            envelope: is_message.then(Box::default),
        };
        let mut pos = start;
        loop {
            if self.message.get(pos..).is_some_and(|r| r.starts_with(b"--")) && self.delimiter_at(pos).is_some() {
                break;
            }
            match field_at(self.message, pos) {
                Next::Field(field) => {
                    pos = field.line.end as usize;
                    if pos - start <= HEADER_BYTES_MAX {
                        head.note(&field);
                    }
                }
                Next::Empty(after) => {
                    pos = after;
                    break;
                }
                Next::End => break,
            }
        }
        head.header = Span::new(start, pos);
        head
    }

    fn next_delimiter(&self, finder: &memmem::Finder<'_>, mut pos: usize) -> Option<Delimiter> {
        if self.open.iter().all(|o| o.boundary.is_none()) {
            return None;
        }
        loop {
            let rest = self.message.get(pos..)?;
            if rest.starts_with(b"--")
                && let Some(found) = self.delimiter_at(pos)
            {
                return Some(found);
            }
            pos += finder.find(rest)? + 1;
        }
    }

    /// The delimiter on the line at `pos`, which starts with `--`; the innermost open multipart comes first.
    fn delimiter_at(&self, pos: usize) -> Option<Delimiter> {
        let text = self.message.get(pos + 2..)?;
        let (level, closing) = self.open.iter().enumerate().rev().find_map(|(level, open)| {
            let after = text.strip_prefix(open.boundary.as_deref()?)?;
            match after {
                [b'-', b'-', ..] => Some((level, true)),
                [] | [b'\r' | b'\n' | b' ' | b'\t', ..] => Some((level, false)),
                _ => None,
            }
        })?;
        let next = memchr(b'\n', text).map_or(self.message.len(), |n| pos + 2 + n + 1);
        let before = self.message.get(..pos)?;
        let end = before.strip_suffix(b"\n").map_or(pos, |b| b.strip_suffix(b"\r").unwrap_or(b).len());
        Some(Delimiter { level, closing, end, next })
    }

    /// Ends the running leaf and every open part from `level` up at `end`.
    fn close_above(&mut self, level: usize, end: usize) {
        if let Some(leaf) = self.leaf.take() {
            self.close_part(leaf, end);
        }
        while self.open.len() > level {
            let Some(open) = self.open.pop() else { break };
            self.close_part(open.part, end);
        }
    }

    fn close_part(&mut self, index: usize, end: usize) {
        let count = self.parts.len();
        let Some(part) = self.parts.get_mut(index) else { return };
        let end32 = u32::try_from(end).unwrap_or(u32::MAX);
        part.header = Span { start: part.header.start.min(end32), end: part.header.end.min(end32) };
        part.body = Span { start: part.header.end, end: end32 };
        part.end = u32::try_from(count).unwrap_or(u32::MAX);
        if matches!(part.media, Media::Text | Media::Message) {
            part.lines = count_lines(part.body.of(self.message));
        }
        let childless = matches!(part.media, Media::Multipart | Media::Message) && count == index + 1;
        if childless {
            let (body, lines) = (part.body, count_lines(part.body.of(self.message)));
            let envelope = matches!(part.media, Media::Message).then(Box::default);
            part.end += 1;
            self.parts.push(stand_in(index, body, lines, envelope));
        }
    }
}

fn count_lines(body: &[u8]) -> u32 {
    u32::try_from(memchr_iter(b'\n', body).count()).unwrap_or(u32::MAX)
}

/// The one child of a part in which none was found: its whole body, as text.
fn stand_in(parent: usize, body: Span, lines: u32, envelope: Option<Box<EnvelopeFields>>) -> Part {
    Part {
        parent: u32::try_from(parent).ok(),
        end: u32::try_from(parent + 2).unwrap_or(u32::MAX),
        media: Media::Text,
        encoding: TransferEncoding::Identity,
        disposition: Disposition::None,
        named: false,
        signature: false,
        header: Span { start: body.start, end: body.start },
        body,
        lines,
        type_name: Span::default(),
        subtype: Span::default(),
        fields: ContentFields::default(),
        envelope,
    }
}

struct Head {
    header: Span,
    content: ContentFields,
    envelope: Option<Box<EnvelopeFields>>,
}

impl Head {
    fn note(&mut self, field: &Field<'_>) {
        let name = field.name;
        let slot = if name.len() > 8 && name.get(..8).is_some_and(|p| p.eq_ignore_ascii_case(b"content-")) {
            content_slot(&mut self.content, name.get(8..).unwrap_or_default())
        } else {
            self.envelope.as_deref_mut().and_then(|e| envelope_slot(e, name))
        };
        if let Some(slot) = slot {
            slot.get_or_insert(field.value);
        }
    }
}

fn content_slot<'a>(fields: &'a mut ContentFields, name: &[u8]) -> Option<&'a mut Option<Span>> {
    let is = |n: &[u8]| name.eq_ignore_ascii_case(n);
    match name.len() {
        4 if is(b"type") => Some(&mut fields.content_type),
        17 if is(b"transfer-encoding") => Some(&mut fields.encoding),
        11 if is(b"disposition") => Some(&mut fields.disposition),
        11 if is(b"description") => Some(&mut fields.description),
        2 if is(b"id") => Some(&mut fields.id),
        3 if is(b"md5") => Some(&mut fields.md5),
        8 if is(b"language") => Some(&mut fields.language),
        8 if is(b"location") => Some(&mut fields.location),
        _ => None,
    }
}

fn envelope_slot<'a>(fields: &'a mut EnvelopeFields, name: &[u8]) -> Option<&'a mut Option<Span>> {
    let is = |n: &[u8]| name.eq_ignore_ascii_case(n);
    match name.len() {
        2 if is(b"to") => Some(&mut fields.to),
        2 if is(b"cc") => Some(&mut fields.cc),
        3 if is(b"bcc") => Some(&mut fields.bcc),
        4 if is(b"date") => Some(&mut fields.date),
        4 if is(b"from") => Some(&mut fields.from),
        6 if is(b"sender") => Some(&mut fields.sender),
        7 if is(b"subject") => Some(&mut fields.subject),
        8 if is(b"reply-to") => Some(&mut fields.reply_to),
        10 if is(b"message-id") => Some(&mut fields.message_id),
        10 if is(b"references") => Some(&mut fields.references),
        11 if is(b"in-reply-to") => Some(&mut fields.in_reply_to),
        _ => None,
    }
}

/// Makes the part of a header; the boundary, too, if it is a multipart.
fn describe(message: &[u8], head: Head, parent: Option<usize>, digest: bool) -> (Part, Option<Vec<u8>>) {
    let of = |span: Option<Span>| span.map(|s| (s.start as usize, s.of(message)));
    let content_type = of(head.content.content_type);
    let TypeHead { type_name, subtype, params_at } = content_type.map(|(at, v)| type_head(v, at)).unwrap_or_default();
    let media = media_of(type_name.of(message), subtype.of(message), digest && type_name.is_empty());
    let noted = content_type.map(|(_, v)| scan_params(v.get(params_at..).unwrap_or_default())).unwrap_or_default();
    let (disposition, file) =
        of(head.content.disposition).map_or((Disposition::None, false), |(_, v)| disposition_of(v));
    let part = Part {
        parent: parent.and_then(|p| u32::try_from(p).ok()),
        end: 0,
        media,
        encoding: of(head.content.encoding).map_or(TransferEncoding::Identity, |(_, v)| encoding_of(v)),
        disposition,
        named: noted.named || file,
        signature: media == Media::Other && subtype.of(message).to_ascii_lowercase().ends_with(b"-signature"),
        header: head.header,
        body: Span { start: head.header.end, end: head.header.end },
        lines: 0,
        type_name,
        subtype,
        fields: head.content,
        envelope: head.envelope,
    };
    (part, noted.boundary)
}

fn media_of(type_name: &[u8], subtype: &[u8], digest: bool) -> Media {
    let nested = || subtype.eq_ignore_ascii_case(b"rfc822") || subtype.eq_ignore_ascii_case(b"global");
    match type_name.len() {
        0 if digest => Media::Message,
        0 => Media::Text,
        4 if type_name.eq_ignore_ascii_case(b"text") => Media::Text,
        9 if type_name.eq_ignore_ascii_case(b"multipart") => Media::Multipart,
        7 if type_name.eq_ignore_ascii_case(b"message") && nested() => Media::Message,
        _ => Media::Other,
    }
}

fn encoding_of(value: &[u8]) -> TransferEncoding {
    let token = first_token(value);
    let is = |n: &[u8]| token.eq_ignore_ascii_case(n);
    if token.is_empty() || is(b"7bit") || is(b"8bit") || is(b"binary") {
        TransferEncoding::Identity
    } else if is(b"quoted-printable") {
        TransferEncoding::QuotedPrintable
    } else if is(b"base64") {
        TransferEncoding::Base64
    } else {
        TransferEncoding::Unknown
    }
}

/// The first word of a value, without quotes some writers put around it.
pub(super) fn first_token(value: &[u8]) -> &[u8] {
    let value = value.trim_ascii_start();
    let value = value.strip_prefix(b"\"").unwrap_or(value);
    let end =
        value.iter().position(|b| b.is_ascii_whitespace() || matches!(b, b';' | b'"' | b'(')).unwrap_or(value.len());
    value.get(..end).unwrap_or_default()
}

fn disposition_of(value: &[u8]) -> (Disposition, bool) {
    let token = first_token(value);
    let disposition = if token.eq_ignore_ascii_case(b"inline") {
        Disposition::Inline
    } else if token.eq_ignore_ascii_case(b"attachment") {
        Disposition::Attachment
    } else if token.is_empty() {
        Disposition::None
    } else {
        Disposition::Other
    };
    let params = memchr(b';', value).and_then(|at| value.get(at..)).unwrap_or_default();
    (disposition, scan_params(params).named)
}
