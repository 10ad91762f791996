//! SUMMARY    Items of a FETCH response.
//! STANDARDS  RFC 9051 §7.5.2, RFC 7162 §3.1.4 (MODSEQ), Gmail's X-GM-LABELS and X-GM-MSGID
//! INVARIANTS An item that is not needed is stepped over, whatever its shape. A date that cannot be read loses no message.

use super::{
    parse::{decoded, flags, skip, upper},
    reader::HANDED_OUT,
    response::{Body, Fetched},
};
use crate::imap::{
    date::parse_date_time,
    name::Names,
    parse::{
        Error,
        cursor::{Cursor, Parsed},
    },
};

/// `(UID 7 FLAGS () …)`.
pub(super) fn items(cursor: &mut Cursor<'_, '_>, sequence: u32, names: Names) -> Parsed<Fetched> {
    let mut fetched = Fetched { sequence, ..Fetched::default() };
    cursor.expect(b'(', "Expected a list")?;
    loop {
        cursor.spaces();
        if cursor.eat(b')') {
            return Ok(fetched);
        }
        let name = upper(cursor.take_while(|b| !matches!(b, b' ' | b'(' | b')' | b'[' | b'"' | b'<')));
        if name.is_empty() {
            return Err(Error::Bad("Expected an item of FETCH"));
        }
        let section = section(cursor)?;
        cursor.space()?;
        match name.as_str() {
            "UID" => fetched.uid = Some(cursor.nz_number()?),
            "FLAGS" => fetched.flags = Some(flags(cursor)?),
            "INTERNALDATE" => {
                let date = cursor.nstring_utf8()?.unwrap_or_default();
                fetched.internal_date = parse_date_time(date.as_bytes());
            }
            "RFC822.SIZE" => fetched.size = Some(cursor.number64()?),
            "MODSEQ" => {
                cursor.expect(b'(', "Expected a list")?;
                fetched.modseq = Some(cursor.number64()?);
                cursor.expect(b')', "Expected the end of a list")?;
            }
            "X-GM-LABELS" => fetched.labels = Some(labels(cursor, names)?),
            "X-GM-MSGID" => fetched.message_id = Some(cursor.number64()?),
            "RFC822" => fetched.body = Some(body(cursor)?),
            "BODY" | "BINARY" if section.as_deref() == Some(b"") => fetched.body = Some(body(cursor)?),
            _ => skip(cursor, 0)?,
        }
    }
}

/// What stands in `[…]` behind the name, with the origin that may follow it.
fn section<'a>(cursor: &mut Cursor<'a, '_>) -> Parsed<Option<Vec<u8>>> {
    if !cursor.eat(b'[') {
        return Ok(None);
    }
    let mut inner = cursor.take_while(|b| !matches!(b, b']' | b'"')).to_vec();
    while cursor.peek() == Some(b'"') {
        inner.extend(cursor.string()?);
        inner.extend_from_slice(cursor.take_while(|b| !matches!(b, b']' | b'"')));
    }
    cursor.expect(b']', "Expected the end of a section")?;
    if cursor.eat(b'<') {
        cursor.number64()?;
        cursor.expect(b'>', "Expected the end of an origin")?;
    }
    Ok(Some(inner))
}

fn body(cursor: &mut Cursor<'_, '_>) -> Parsed<Body> {
    if cursor.eat(HANDED_OUT) {
        let bytes = cursor.number64()?;
        cursor.expect(HANDED_OUT, "Expected the end of a body")?;
        return Ok(Body::Pieces(bytes));
    }
    if cursor.eat_word("NIL") {
        return Ok(Body::Missing);
    }
    Ok(Body::Inline(cursor.string()?))
}

/// Gmail's labels: quoted strings, literals, atoms, and `\Inbox` with or without quotes.
fn labels(cursor: &mut Cursor<'_, '_>, names: Names) -> Parsed<Vec<String>> {
    cursor.expect(b'(', "Expected a list")?;
    let mut found = Vec::new();
    loop {
        cursor.spaces();
        if cursor.eat(b')') {
            return Ok(found);
        }
        let raw = cursor.string_or(|b| !matches!(b, b' ' | b'(' | b')') && b > 0x20, "Expected a label")?;
        found.push(decoded(&raw, names));
    }
}
