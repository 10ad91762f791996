//! SUMMARY    SELECT, EXAMINE, CREATE, RENAME, STATUS, quota commands and the mailbox argument.
//! STANDARDS  RFC 9051 §6.3, RFC 7162 §3.1.8 §3.2.5, RFC 6154 §3, RFC 9208 §4.1

use base::limits::IMAP_LIST_PATTERNS_MAX;

use super::{
    Error,
    cursor::{Cursor, Parsed, is_astring_char},
};
use crate::imap::{
    command::{Command, QResync, Select, SpecialUse, StatusItem},
    name::{DELIMITER, MailboxName, Names},
    set::SequenceSet,
};

/// Name as sent. workaround(clients that forget quotes): `%`, `*`, `(`, `[`, `\` inside a bare name are taken.
fn raw(c: &mut Cursor) -> Parsed<Vec<u8>> {
    if matches!(c.peek(), Some(b'(' | b')')) {
        return Err(Error::Bad("Expected a mailbox name"));
    }
    c.string_or(
        |b| is_astring_char(b) || b >= 0x80 || matches!(b, b'%' | b'*' | b'\\' | b'('),
        "Expected a mailbox name",
    )
}

/// A mailbox name, decoded.
pub(super) fn name(c: &mut Cursor) -> Parsed<MailboxName> {
    let names = if c.utf8 { Names::Utf8 } else { Names::ModifiedUtf7 };
    MailboxName::decode(&raw(c)?, names).map_err(Error::Bad)
}

/// Space and a mailbox name.
pub(super) fn argument(c: &mut Cursor) -> Parsed<MailboxName> {
    c.space()?;
    name(c)
}

pub(super) fn set(c: &mut Cursor) -> Parsed<SequenceSet> {
    let text = c.take_while(|b| b.is_ascii_digit() || matches!(b, b':' | b',' | b'*' | b'$'));
    SequenceSet::parse(text).map_err(|e| Error::Bad(e.text()))
}

/// RFC 9051 §6.3.2.
pub(super) fn select(c: &mut Cursor) -> Parsed<Select> {
    let mut select = Select { mailbox: argument(c)?, condstore: false, qresync: None };
    if c.at_end() {
        return Ok(select);
    }
    c.space()?;
    c.expect(b'(', "Expected select parameters")?;
    loop {
        c.spaces();
        if c.eat(b')') {
            return Ok(select);
        }
        match c.keyword()?.as_str() {
            "CONDSTORE" => select.condstore = true,
            "QRESYNC" if select.qresync.is_none() => select.qresync = Some(qresync(c)?),
            _ => return Err(Error::Bad("Unknown select parameter")),
        }
    }
}

/// RFC 7162 §3.2.5: `(uidvalidity modseq [known-uids] [seq-match])`.
fn qresync(c: &mut Cursor) -> Parsed<QResync> {
    c.space()?;
    c.expect(b'(', "Expected QRESYNC parameters")?;
    let uid_validity = c.nz_number()?;
    c.space()?;
    let modseq = c.number64()?;
    let mut q = QResync { uid_validity, modseq, known_uids: None, seq_match: None };
    c.spaces();
    if matches!(c.peek(), Some(b'0'..=b'9')) {
        q.known_uids = Some(plain_set(c)?);
        c.spaces();
    }
    if c.eat(b'(') {
        let seqs = plain_set(c)?;
        c.space()?;
        let uids = plain_set(c)?;
        c.expect(b')', "Expected )")?;
        q.seq_match = Some((seqs, uids));
        c.spaces();
    }
    c.expect(b')', "Expected )")?;
    Ok(q)
}

/// A set without `*` and `$`.
fn plain_set(c: &mut Cursor) -> Parsed<SequenceSet> {
    let set = set(c)?;
    if set.is_plain() { Ok(set) } else { Err(Error::Bad("Neither * nor $ is allowed here")) }
}

/// RFC 9051 §6.3.4, RFC 6154 §3.
pub(super) fn create(c: &mut Cursor) -> Parsed<Command> {
    let mailbox = argument(c)?.without_trailing_delimiter();
    let mut special_use = Vec::new();
    if !c.at_end() {
        c.space()?;
        c.expect(b'(', "Expected create parameters")?;
        c.spaces();
        if !c.eat_word("USE") {
            return Err(Error::Bad("Unknown create parameter"));
        }
        c.space()?;
        c.expect(b'(', "Expected special-use attributes")?;
        c.spaces();
        while !c.eat(b')') {
            special_use.push(special_use_attribute(c)?);
            c.spaces();
        }
        c.spaces();
        c.expect(b')', "Unknown create parameter")?;
    }
    if mailbox.as_str().is_empty() || mailbox.as_str().starts_with(DELIMITER) {
        return Err(Error::Bad("Invalid mailbox name"));
    }
    Ok(Command::Create { mailbox, special_use })
}

fn special_use_attribute(c: &mut Cursor) -> Parsed<SpecialUse> {
    c.expect(b'\\', "Expected a special-use attribute")?;
    let name = c.atom()?;
    let known = [
        SpecialUse::All,
        SpecialUse::Archive,
        SpecialUse::Drafts,
        SpecialUse::Flagged,
        SpecialUse::Important,
        SpecialUse::Junk,
        SpecialUse::Sent,
        SpecialUse::Trash,
    ];
    let hit = known.into_iter().find(|u| u.as_str().get(1..).is_some_and(|n| n.eq_ignore_ascii_case(name)));
    Ok(hit.unwrap_or_else(|| SpecialUse::Other(format!("\\{name}"))))
}

/// RFC 9051 §6.3.6.
pub(super) fn rename(c: &mut Cursor) -> Parsed<Command> {
    let from = argument(c)?;
    let to = argument(c)?.without_trailing_delimiter();
    Ok(Command::Rename { from, to })
}

/// RFC 9051 §6.3.11.
pub(super) fn status(c: &mut Cursor) -> Parsed<Command> {
    let mailbox = argument(c)?;
    c.space()?;
    Ok(Command::Status { mailbox, items: status_items(c)? })
}

/// Parenthesised STATUS items, without doubles.
pub(super) fn status_items(c: &mut Cursor) -> Parsed<Vec<StatusItem>> {
    c.expect(b'(', "Expected status items")?;
    let mut items = Vec::new();
    c.spaces();
    while !c.eat(b')') {
        let item = match c.keyword()?.as_str() {
            "MESSAGES" => StatusItem::Messages,
            "RECENT" => StatusItem::Recent,
            "UIDNEXT" => StatusItem::UidNext,
            "UIDVALIDITY" => StatusItem::UidValidity,
            "UNSEEN" => StatusItem::Unseen,
            "DELETED" => StatusItem::Deleted,
            "SIZE" => StatusItem::Size,
            "HIGHESTMODSEQ" => StatusItem::HighestModSeq,
            "MAILBOXID" => StatusItem::MailboxId,
            "APPENDLIMIT" => StatusItem::AppendLimit,
            "DELETED-STORAGE" => StatusItem::DeletedStorage,
            _ => return Err(Error::Bad("Unknown status item")),
        };
        if !items.contains(&item) {
            items.push(item);
        }
        c.spaces();
    }
    if items.is_empty() {
        return Err(Error::Bad("STATUS needs an item"));
    }
    Ok(items)
}

/// RFC 9208 §4.1.1.
pub(super) fn get_quota(c: &mut Cursor) -> Parsed<Command> {
    c.space()?;
    Ok(Command::GetQuota(c.astring_utf8()?))
}

/// RFC 9208 §4.1.3.
pub(super) fn set_quota(c: &mut Cursor) -> Parsed<Command> {
    c.space()?;
    let root = c.astring_utf8()?;
    c.space()?;
    c.expect(b'(', "Expected resource limits")?;
    let mut limits = Vec::new();
    c.spaces();
    while !c.eat(b')') {
        if limits.len() == IMAP_LIST_PATTERNS_MAX {
            return Err(Error::Bad("Too many resource limits"));
        }
        let resource = c.keyword()?;
        c.space()?;
        limits.push((resource, c.number64()?));
        c.spaces();
    }
    Ok(Command::SetQuota { root, limits })
}
