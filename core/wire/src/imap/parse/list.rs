//! SUMMARY    LIST with its extensions, LSUB.
//! STANDARDS  RFC 9051 §6.3.9, RFC 5258, RFC 5819, RFC 6154 §2; RFC 3501 §6.3.9
//! LIMITS     IMAP_LIST_PATTERNS_MAX

use base::limits::IMAP_LIST_PATTERNS_MAX;

use super::{
    Error,
    cursor::{Cursor, Parsed, is_astring_char},
    mailbox,
};
use crate::imap::{
    command::{Command, List, ListReturn, ListSelection},
    name::{self, Names},
};

/// Reference or pattern: decoded leniently, as it names nothing.
fn pattern(c: &mut Cursor) -> Parsed<String> {
    let bare = |b| is_astring_char(b) || b >= 0x80 || matches!(b, b'%' | b'*' | b'\\');
    let raw = c.string_or(bare, "Expected a mailbox pattern")?;
    let names = if c.utf8 { Names::Utf8 } else { Names::ModifiedUtf7 };
    name::decode_pattern(&raw, names).map_err(Error::Bad)
}

/// RFC 9051 §6.3.9.
pub(super) fn list(c: &mut Cursor) -> Parsed<Command> {
    c.space()?;
    let mut list = List {
        selection: ListSelection::default(),
        reference: String::new(),
        patterns: Vec::new(),
        returns: ListReturn::default(),
        extended: false,
    };
    if c.eat(b'(') {
        list.selection = selection(c)?;
        list.extended = true;
        c.space()?;
    }
    list.reference = pattern(c)?;
    c.space()?;
    if c.eat(b'(') {
        list.extended = true;
        c.spaces();
        while !c.eat(b')') {
            if list.patterns.len() == IMAP_LIST_PATTERNS_MAX {
                return Err(Error::Bad("Too many patterns"));
            }
            list.patterns.push(pattern(c)?);
            c.spaces();
        }
        if list.patterns.is_empty() {
            return Err(Error::Bad("Expected a mailbox pattern"));
        }
    } else {
        list.patterns.push(pattern(c)?);
    }
    if !c.at_end() {
        c.space()?;
        if !c.eat_word("RETURN") {
            return Err(Error::Bad("Expected RETURN"));
        }
        c.space()?;
        c.expect(b'(', "Expected return options")?;
        list.returns = returns(c)?;
        list.extended = true;
    }
    // RFC 5258 §3.1: SUBSCRIBED as selection implies it as return option.
    list.returns.subscribed |= list.selection.subscribed;
    Ok(Command::List(list))
}

/// RFC 5258 §3.1, after the opening parenthesis.
fn selection(c: &mut Cursor) -> Parsed<ListSelection> {
    let mut s = ListSelection::default();
    c.spaces();
    while !c.eat(b')') {
        match c.keyword()?.as_str() {
            "SUBSCRIBED" => s.subscribed = true,
            "REMOTE" => s.remote = true,
            "RECURSIVEMATCH" => s.recursive_match = true,
            "SPECIAL-USE" => s.special_use = true,
            _ => return Err(Error::Bad("Unknown selection option")),
        }
        c.spaces();
    }
    if s.recursive_match && !s.subscribed && !s.special_use {
        return Err(Error::Bad("RECURSIVEMATCH needs another selection option"));
    }
    Ok(s)
}

/// RFC 5258 §3.2, after the opening parenthesis.
fn returns(c: &mut Cursor) -> Parsed<ListReturn> {
    let mut r = ListReturn::default();
    c.spaces();
    while !c.eat(b')') {
        match c.keyword()?.as_str() {
            "SUBSCRIBED" => r.subscribed = true,
            "CHILDREN" => r.children = true,
            "SPECIAL-USE" => r.special_use = true,
            "STATUS" => {
                c.space()?;
                r.status = mailbox::status_items(c)?;
            }
            _ => return Err(Error::Bad("Unknown return option")),
        }
        c.spaces();
    }
    Ok(r)
}

/// RFC 3501 §6.3.9.
pub(super) fn lsub(c: &mut Cursor) -> Parsed<Command> {
    c.space()?;
    let reference = pattern(c)?;
    c.space()?;
    Ok(Command::Lsub { reference, pattern: pattern(c)? })
}
