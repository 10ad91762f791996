//! SUMMARY    STORE, COPY, MOVE, UID EXPUNGE and flag lists.
//! STANDARDS  RFC 9051 §6.4.6 §6.4.7 §6.4.8, RFC 7162 §3.1.3, RFC 4315 §2.1
//! LIMITS     KEYWORDS_MAX KEYWORD_BYTES_MAX

use base::limits::{KEYWORD_BYTES_MAX, KEYWORDS_MAX};

use super::{
    Error,
    cursor::{Cursor, Parsed, is_atom_char},
    mailbox,
};
use crate::imap::command::{Command, Flag, Store, StoreAction, Transfer};

/// RFC 9051 §6.4.6.
pub(super) fn store(c: &mut Cursor, uid: bool) -> Parsed<Command> {
    c.space()?;
    let set = mailbox::set(c)?;
    c.space()?;
    let unchanged_since = if c.eat(b'(') { Some(unchanged_since(c)?) } else { None };
    let action = if c.eat(b'+') {
        StoreAction::Add
    } else if c.eat(b'-') {
        StoreAction::Remove
    } else {
        StoreAction::Replace
    };
    let silent = match c.keyword()?.as_str() {
        "FLAGS" => false,
        "FLAGS.SILENT" => true,
        _ => return Err(Error::Bad("Unknown STORE item")),
    };
    c.space()?;
    let flags = if c.peek() == Some(b'(') { flag_list(c)? } else { bare_flags(c)? };
    Ok(Command::Store(Store { uid, set, action, silent, flags, unchanged_since }))
}

/// RFC 7162 §3.1.3, after the opening parenthesis.
fn unchanged_since(c: &mut Cursor) -> Parsed<u64> {
    c.spaces();
    if !c.eat_word("UNCHANGEDSINCE") {
        return Err(Error::Bad("Unknown STORE modifier"));
    }
    c.space()?;
    let modseq = c.number64()?;
    c.spaces();
    c.expect(b')', "Unknown STORE modifier")?;
    c.space()?;
    Ok(modseq)
}

/// Parenthesised flags; may be empty.
pub(super) fn flag_list(c: &mut Cursor) -> Parsed<Vec<Flag>> {
    c.expect(b'(', "Expected flags")?;
    let mut flags = Vec::new();
    c.spaces();
    while !c.eat(b')') {
        push_flag(&mut flags, c)?;
        c.spaces();
    }
    Ok(flags)
}

fn bare_flags(c: &mut Cursor) -> Parsed<Vec<Flag>> {
    let mut flags = Vec::new();
    push_flag(&mut flags, c)?;
    while !c.at_end() {
        c.space()?;
        push_flag(&mut flags, c)?;
    }
    Ok(flags)
}

/// Reads one flag; doubles (without case) and `\Recent` are dropped.
fn push_flag(flags: &mut Vec<Flag>, c: &mut Cursor) -> Parsed<()> {
    let Some(flag) = flag(c)? else { return Ok(()) };
    if flags.iter().any(|f| f.as_str().eq_ignore_ascii_case(flag.as_str())) {
        return Ok(());
    }
    // The five system flags come on top.
    if flags.len() == KEYWORDS_MAX + 5 {
        return Err(Error::Bad("Too many flags (KEYWORDS_MAX)"));
    }
    flags.push(flag);
    Ok(())
}

fn flag(c: &mut Cursor) -> Parsed<Option<Flag>> {
    if c.eat(b'\\') {
        return Ok(match c.keyword()?.as_str() {
            "ANSWERED" => Some(Flag::Answered),
            "DELETED" => Some(Flag::Deleted),
            "DRAFT" => Some(Flag::Draft),
            "FLAGGED" => Some(Flag::Flagged),
            "SEEN" => Some(Flag::Seen),
            "RECENT" => None,
            _ => return Err(Error::Bad("Unknown system flag")),
        });
    }
    keyword(c).map(|k| Some(Flag::Keyword(k)))
}

/// A keyword. workaround(clients that copy Gmail labels): `]` is taken.
pub(super) fn keyword(c: &mut Cursor) -> Parsed<String> {
    let run = c.take_while(|b| is_atom_char(b) || b == b']');
    match std::str::from_utf8(run) {
        Ok("") | Err(_) => Err(Error::Bad("Expected a flag")),
        Ok(k) if k.len() > KEYWORD_BYTES_MAX => Err(Error::Bad("Keyword is too long (KEYWORD_BYTES_MAX)")),
        Ok(k) => Ok(k.to_owned()),
    }
}

/// COPY and MOVE, RFC 9051 §6.4.7 §6.4.8.
pub(super) fn transfer(c: &mut Cursor, uid: bool) -> Parsed<Transfer> {
    c.space()?;
    let set = mailbox::set(c)?;
    Ok(Transfer { uid, set, mailbox: mailbox::argument(c)? })
}

/// RFC 4315 §2.1.
pub(super) fn uid_expunge(c: &mut Cursor) -> Parsed<Command> {
    c.space()?;
    Ok(Command::UidExpunge(mailbox::set(c)?))
}
