//! SUMMARY    ID, AUTHENTICATE, LOGIN, ENABLE, COMPRESS.
//! STANDARDS  RFC 2971, RFC 9051 §6.2.2 §6.2.3 §6.3.1, RFC 4959, RFC 4978
//! SECURITY   Credentials leave as `Secret`. Base64 is decoded strictly.
//! LIMITS     SASL_BYTES_MAX IMAP_ID_FIELDS_MAX IMAP_LIST_PATTERNS_MAX

use base::limits::{IMAP_ID_FIELDS_MAX, IMAP_LIST_PATTERNS_MAX, SASL_BYTES_MAX};
use base64::{Engine, engine::general_purpose::STANDARD};

use super::{
    Error,
    cursor::{Cursor, Parsed, utf8},
};
use crate::imap::command::{Command, Secret};

/// RFC 2971 §3.1.
pub(super) fn id(c: &mut Cursor) -> Parsed<Command> {
    let mut fields = Vec::new();
    c.space()?;
    if c.eat_word("NIL") {
        return Ok(Command::Id(fields));
    }
    c.expect(b'(', "Expected a parenthesised list or NIL")?;
    c.spaces();
    while !c.eat(b')') {
        if fields.len() == IMAP_ID_FIELDS_MAX {
            return Err(Error::Bad("Too many ID fields"));
        }
        let name = utf8(c.string()?)?;
        c.space()?;
        fields.push((name, c.nstring_utf8()?));
        c.spaces();
    }
    Ok(Command::Id(fields))
}

/// RFC 9051 §6.2.2 with RFC 4959's initial response.
pub(super) fn authenticate(c: &mut Cursor) -> Parsed<Command> {
    c.space()?;
    let mechanism = c.keyword()?;
    if c.at_end() {
        return Ok(Command::Authenticate { mechanism, initial: None });
    }
    c.space()?;
    let encoded = c.take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'='));
    let initial = match encoded {
        [] => return Err(Error::Bad("Invalid initial response")),
        b"=" => Vec::new(),
        text => STANDARD.decode(text).map_err(|_| Error::Bad("Invalid base64"))?,
    };
    if initial.len() > SASL_BYTES_MAX {
        return Err(Error::Bad("Initial response is too long"));
    }
    Ok(Command::Authenticate { mechanism, initial: Some(Secret(initial)) })
}

/// RFC 9051 §6.2.3.
pub(super) fn login(c: &mut Cursor) -> Parsed<Command> {
    c.space()?;
    let username = c.astring_utf8()?;
    c.space()?;
    // workaround(hand-written scripts): bare passwords with atom-specials but spaces, quotes and braces.
    let password = c.string_or(|b| b > 0x20 && b != 0x7f && !matches!(b, b'"' | b'{'), "Expected a password")?;
    Ok(Command::Login { username, password: Secret(password) })
}

/// RFC 5161 §3.1.
pub(super) fn enable(c: &mut Cursor) -> Parsed<Command> {
    let mut names = Vec::new();
    while !c.at_end() {
        c.space()?;
        if names.len() == IMAP_LIST_PATTERNS_MAX {
            return Err(Error::Bad("Too many capabilities"));
        }
        names.push(c.keyword()?);
    }
    if names.is_empty() {
        return Err(Error::Bad("ENABLE needs a capability"));
    }
    Ok(Command::Enable(names))
}

/// RFC 4978 §3.
pub(super) fn compress(c: &mut Cursor) -> Parsed<Command> {
    c.space()?;
    match c.keyword()?.as_str() {
        "DEFLATE" => Ok(Command::Compress),
        _ => Err(Error::Bad("Unknown compression algorithm")),
    }
}
