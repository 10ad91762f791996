//! SUMMARY    APPEND: one message or several, whole or in parts.
//! STANDARDS  RFC 9051 §6.3.12, RFC 3502, RFC 4469 §3, RFC 3516 §4.4, RFC 6855 §4
//! LIMITS     IMAP_APPEND_PARTS_MAX

use base::limits::IMAP_APPEND_PARTS_MAX;

use super::{
    Error,
    cursor::{Cursor, Parsed},
    mailbox, store,
};
use crate::imap::{
    command::{Append, AppendData, AppendMessage, CatenatePart, Command},
    date,
};

/// RFC 9051 §6.3.12.
pub(super) fn append(c: &mut Cursor) -> Parsed<Command> {
    let mailbox = mailbox::argument(c)?;
    let mut messages = Vec::new();
    while messages.is_empty() || !c.at_end() {
        if messages.len() == IMAP_APPEND_PARTS_MAX {
            return Err(Error::Bad("Too many messages (IMAP_APPEND_PARTS_MAX)"));
        }
        c.space()?;
        messages.push(message(c)?);
    }
    Ok(Command::Append(Append { mailbox, messages }))
}

fn message(c: &mut Cursor) -> Parsed<AppendMessage> {
    let mut flags = Vec::new();
    if c.peek() == Some(b'(') {
        flags = store::flag_list(c)?;
        c.space()?;
    }
    let mut internal_date = None;
    if c.peek() == Some(b'"') {
        internal_date = Some(date::parse_date_time(&c.string()?).ok_or(Error::Bad("Invalid date-time"))?);
        c.space()?;
    }
    Ok(AppendMessage { flags, internal_date, data: data(c)? })
}

fn data(c: &mut Cursor) -> Parsed<AppendData> {
    if c.eat(b'~') {
        return Ok(AppendData::Binary(c.literal8()?));
    }
    if c.eat_word("UTF8") {
        return utf8_literal(c).map(AppendData::Utf8);
    }
    if c.eat_word("CATENATE") {
        c.space()?;
        return catenate(c);
    }
    Ok(AppendData::Message(c.literal()?))
}

/// ` (~{n} ..)` after UTF8, RFC 6855 §4.
fn utf8_literal(c: &mut Cursor) -> Parsed<Vec<u8>> {
    c.space()?;
    c.expect(b'(', "Expected a literal in parentheses")?;
    c.expect(b'~', "Expected a literal8")?;
    let message = c.literal8()?;
    c.expect(b')', "Expected )")?;
    Ok(message)
}

/// RFC 4469 §3; UTF8 parts are of RFC 6855 §4.
fn catenate(c: &mut Cursor) -> Parsed<AppendData> {
    c.expect(b'(', "Expected CATENATE parts")?;
    let mut parts = Vec::new();
    c.spaces();
    while !c.eat(b')') {
        if parts.len() == IMAP_APPEND_PARTS_MAX {
            return Err(Error::Bad("Too many parts (IMAP_APPEND_PARTS_MAX)"));
        }
        if c.eat_word("TEXT") {
            c.space()?;
            let binary = c.eat(b'~');
            parts.push(CatenatePart::Text(if binary { c.literal8()? } else { c.literal()? }));
        } else if c.eat_word("UTF8") {
            parts.push(CatenatePart::Text(utf8_literal(c)?));
        } else if c.eat_word("URL") {
            c.space()?;
            parts.push(CatenatePart::Url(c.astring_utf8()?));
        } else {
            return Err(Error::Bad("Expected TEXT or URL"));
        }
        c.spaces();
    }
    if parts.is_empty() {
        return Err(Error::Bad("CATENATE needs a part"));
    }
    Ok(AppendData::Catenate(parts))
}
