//! SUMMARY    Recognises a report and reads its fields per recipient.
//! STANDARDS  RFC 3464 §2.1; RFC 6522 §2; RFC 6533 §4
//! SECURITY   Hostile bytes; everything is bounded by HEADER_BYTES_MAX and QUEUE_RECIPIENTS_MAX.
//! INVARIANTS It finds the status part by its boundary line and content type; nested reports are not looked into.

use super::Action;
use crate::smtp::Enhanced;
use base::limits::{HEADER_BYTES_MAX, QUEUE_RECIPIENTS_MAX};

/// One field: name as written, value unfolded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    pub name: String,
    pub value: String,
}

/// Fields of one recipient.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Group {
    pub fields: Vec<Field>,
}

impl Group {
    /// Value of the first field of this name, in any case.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|f| f.name.eq_ignore_ascii_case(name)).map(|f| f.value.as_str())
    }

    /// Address of Final-Recipient without its type.
    pub fn final_recipient(&self) -> Option<&str> {
        self.field("Final-Recipient").and_then(|v| v.split_once(';')).map(|(_, address)| address.trim())
    }

    pub fn action(&self) -> Option<Action> {
        self.field("Action").and_then(Action::parse)
    }

    pub fn status(&self) -> Option<Enhanced> {
        Enhanced::parse(self.field("Status")?.split_whitespace().next()?)
    }
}

/// Status part of a report.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    pub message: Group,
    pub recipients: Vec<Group>,
}

/// Reads the status part of a multipart/report message; `None` when it is no delivery report.
pub fn parse(message: &[u8]) -> Option<Status> {
    let (header, body) = split(message);
    let content_type = fields(header).field("Content-Type")?.to_owned();
    let lower = content_type.to_ascii_lowercase();
    if !lower.trim_start().starts_with("multipart/report") || !lower.contains("delivery-status") {
        return None;
    }
    let delimiter = [b"--", parameter(&content_type, "boundary")?.as_bytes()].concat();
    let mut rest = body;
    // Each turn uses up at least a delimiter.
    while let Some(at) = find_line(rest, &delimiter) {
        let part = rest.get(at + delimiter.len()..)?;
        if part.starts_with(b"--") {
            return None;
        }
        let part = part.get(memchr::memchr(b'\n', part)? + 1..)?;
        let end = find_line(part, &delimiter).unwrap_or(part.len());
        let (part_header, part_body) = split(part.get(..end)?);
        let kind = fields(part_header).field("Content-Type").unwrap_or_default().to_ascii_lowercase();
        if kind.starts_with("message/delivery-status") || kind.starts_with("message/global-delivery-status") {
            return groups(part_body);
        }
        rest = part.get(end..)?;
    }
    None
}

/// Where a line begins with this.
fn find_line(bytes: &[u8], start: &[u8]) -> Option<usize> {
    let at_start = |i: &usize| i.checked_sub(1).is_none_or(|before| bytes.get(before) == Some(&b'\n'));
    memchr::memmem::find_iter(bytes, start).find(at_start)
}

/// Header and what follows the empty line.
fn split(bytes: &[u8]) -> (&[u8], &[u8]) {
    let header_end = [&b"\r\n\r\n"[..], b"\n\n"].into_iter().filter_map(|gap| {
        let limited = bytes.get(..HEADER_BYTES_MAX).unwrap_or(bytes);
        memchr::memmem::find(limited, gap).map(|i| (i, i + gap.len()))
    });
    match header_end.min() {
        Some((end, next)) => (bytes.get(..end).unwrap_or_default(), bytes.get(next..).unwrap_or_default()),
        None => (bytes.get(..HEADER_BYTES_MAX).unwrap_or(bytes), &[]),
    }
}

/// Unfolds fields.
fn fields(bytes: &[u8]) -> Group {
    let mut group = Group::default();
    for line in String::from_utf8_lossy(bytes).lines() {
        if line.starts_with([' ', '\t']) {
            if let Some(last) = group.fields.last_mut() {
                last.value.push(' ');
                last.value.push_str(line.trim());
            }
        } else if let Some((name, value)) = line.split_once(':') {
            group.fields.push(Field { name: name.trim().to_owned(), value: value.trim().to_owned() });
        }
    }
    group
}

fn groups(body: &[u8]) -> Option<Status> {
    let body = body.get(..HEADER_BYTES_MAX).unwrap_or(body);
    let text = String::from_utf8_lossy(body).replace("\r\n", "\n");
    let mut blocks = text.split("\n\n").map(|b| fields(b.as_bytes())).filter(|g| !g.fields.is_empty());
    let message = blocks.next()?;
    let recipients: Vec<Group> = blocks.take(QUEUE_RECIPIENTS_MAX).collect();
    if recipients.is_empty() { None } else { Some(Status { message, recipients }) }
}

/// A parameter of Content-Type, quoted or not.
fn parameter(value: &str, name: &str) -> Option<String> {
    let parameters = value.split(';').skip(1).filter_map(|p| p.split_once('='));
    let found = parameters.into_iter().find(|(n, _)| n.trim().eq_ignore_ascii_case(name))?.1.trim();
    let text = found.strip_prefix('"').and_then(|t| t.split('"').next()).unwrap_or(found);
    if text.is_empty() { None } else { Some(text.to_owned()) }
}
