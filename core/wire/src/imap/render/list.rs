//! SUMMARY    Answers about mailboxes and the server: LIST, LSUB, STATUS, NAMESPACE, QUOTA, ID, CAPABILITY, ENABLED.
//! STANDARDS  RFC 9051 §7.2-7.3, RFC 5258, RFC 6154, RFC 2342, RFC 9208, RFC 2971, RFC 5161

use super::{number, string, utf8_string};
use crate::imap::{
    command::StatusItem,
    name::{DELIMITER, Names, encode_utf7},
};

/// Attributes of a LIST line, by their wire names.
pub type ListAttributes<'a> = &'a [&'a str];

fn mailbox(out: &mut Vec<u8>, path: &str, names: Names) {
    match names {
        Names::Utf8 => utf8_string(out, path),
        Names::ModifiedUtf7 => string(out, encode_utf7(path).as_bytes()),
    }
}

fn line(out: &mut Vec<u8>, word: &str, attributes: ListAttributes<'_>, path: Option<&str>, names: Names) {
    out.extend_from_slice(b"* ");
    out.extend_from_slice(word.as_bytes());
    out.push(b' ');
    super::list_of(out, attributes.iter().copied());
    out.extend_from_slice(b" \"");
    out.push(DELIMITER as u8);
    out.extend_from_slice(b"\" ");
    match path {
        Some(path) => mailbox(out, path, names),
        None => out.extend_from_slice(b"\"\""),
    }
}

/// A LIST line; `path: None` answers the delimiter alone; `child_info` adds CHILDINFO (RFC 5258 §3.5).
pub fn list(out: &mut Vec<u8>, attributes: ListAttributes<'_>, path: Option<&str>, names: Names, child_info: bool) {
    line(out, "LIST", attributes, path, names);
    if child_info {
        out.extend_from_slice(b" (\"CHILDINFO\" (\"SUBSCRIBED\"))");
    }
    out.extend_from_slice(b"\r\n");
}

pub fn lsub(out: &mut Vec<u8>, attributes: ListAttributes<'_>, path: &str, names: Names) {
    line(out, "LSUB", attributes, Some(path), names);
    out.extend_from_slice(b"\r\n");
}

/// `* STATUS name (ITEM value ..)`; MAILBOXID values are texts in parentheses.
pub fn status(out: &mut Vec<u8>, path: &str, names: Names, items: &[(StatusItem, u64)], mailbox_id: Option<&str>) {
    out.extend_from_slice(b"* STATUS ");
    mailbox(out, path, names);
    out.extend_from_slice(b" (");
    for (i, (item, value)) in items.iter().enumerate() {
        if i > 0 {
            out.push(b' ');
        }
        out.extend_from_slice(item.as_str().as_bytes());
        out.push(b' ');
        number(out, *value);
    }
    if let Some(id) = mailbox_id {
        if !items.is_empty() {
            out.push(b' ');
        }
        out.extend_from_slice(b"MAILBOXID (");
        out.extend_from_slice(id.as_bytes());
        out.push(b')');
    }
    out.extend_from_slice(b")\r\n");
}

/// One personal namespace, with our delimiter.
pub fn namespace(out: &mut Vec<u8>) {
    out.extend_from_slice(b"* NAMESPACE ((\"\" \"");
    out.push(DELIMITER as u8);
    out.extend_from_slice(b"\")) NIL NIL\r\n");
}

/// `* QUOTA root (STORAGE used limit)` in units of 1024 octets; without a limit the list is empty.
pub fn quota(out: &mut Vec<u8>, root: &str, used_kib: u64, limit_kib: Option<u64>) {
    out.extend_from_slice(b"* QUOTA ");
    string(out, root.as_bytes());
    out.extend_from_slice(b" (");
    if let Some(limit) = limit_kib {
        out.extend_from_slice(b"STORAGE ");
        number(out, used_kib);
        out.push(b' ');
        number(out, limit);
    }
    out.extend_from_slice(b")\r\n");
}

pub fn quota_root(out: &mut Vec<u8>, path: &str, names: Names, roots: &[&str]) {
    out.extend_from_slice(b"* QUOTAROOT ");
    mailbox(out, path, names);
    for root in roots {
        out.push(b' ');
        string(out, root.as_bytes());
    }
    out.extend_from_slice(b"\r\n");
}

/// `* ID (..)`.
pub fn id(out: &mut Vec<u8>, fields: &[(&str, &str)]) {
    out.extend_from_slice(b"* ID (");
    for (i, (name, value)) in fields.iter().enumerate() {
        if i > 0 {
            out.push(b' ');
        }
        string(out, name.as_bytes());
        out.push(b' ');
        string(out, value.as_bytes());
    }
    out.extend_from_slice(b")\r\n");
}

pub fn capability(out: &mut Vec<u8>, names: &[&str]) {
    words(out, "CAPABILITY", names);
}

pub fn enabled(out: &mut Vec<u8>, names: &[&str]) {
    words(out, "ENABLED", names);
}

fn words(out: &mut Vec<u8>, first: &str, rest: &[&str]) {
    out.extend_from_slice(b"* ");
    out.extend_from_slice(first.as_bytes());
    for word in rest {
        out.push(b' ');
        out.extend_from_slice(word.as_bytes());
    }
    out.extend_from_slice(b"\r\n");
}
