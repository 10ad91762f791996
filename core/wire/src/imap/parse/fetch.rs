//! SUMMARY    FETCH: items, sections, partials, modifiers.
//! STANDARDS  RFC 9051 §6.4.5, RFC 3516 §4, RFC 7162 §3.1.4 §3.2.6, RFC 8474 §5, RFC 8514 §4.3, RFC 8970 §3
//! LIMITS     IMAP_FETCH_ITEMS_MAX MIME_DEPTH_MAX

use base::limits::{IMAP_FETCH_ITEMS_MAX, MIME_DEPTH_MAX};

use super::{
    Error,
    cursor::{Cursor, Parsed, utf8},
    mailbox,
};
use crate::imap::command::{BodySection, Command, Fetch, FetchItem, Partial, Section, SectionText};

/// RFC 9051 §6.4.5.
pub(super) fn fetch(c: &mut Cursor, uid: bool) -> Parsed<Command> {
    c.space()?;
    let set = mailbox::set(c)?;
    c.space()?;
    let mut items = Vec::new();
    if uid {
        items.push(FetchItem::Uid);
    }
    if c.eat(b'(') {
        c.spaces();
        loop {
            item(c, &mut items)?;
            c.spaces();
            if c.eat(b')') {
                break;
            }
        }
    } else {
        item(c, &mut items)?;
    }
    let mut f = Fetch { uid, set, items, changed_since: None, vanished: false };
    if !c.at_end() {
        c.space()?;
        modifiers(c, &mut f)?;
    }
    if f.changed_since.is_some() {
        push(&mut f.items, FetchItem::ModSeq)?;
    }
    Ok(Command::Fetch(f))
}

/// RFC 7162 §3.1.4, §3.2.6.
fn modifiers(c: &mut Cursor, f: &mut Fetch) -> Parsed<()> {
    c.expect(b'(', "Expected FETCH modifiers")?;
    c.spaces();
    while !c.eat(b')') {
        match c.keyword()?.as_str() {
            "CHANGEDSINCE" => {
                c.space()?;
                f.changed_since = Some(c.number64()?);
            }
            "VANISHED" => f.vanished = true,
            _ => return Err(Error::Bad("Unknown FETCH modifier")),
        }
        c.spaces();
    }
    if f.vanished && (f.changed_since.is_none() || !f.uid) {
        return Err(Error::Bad("VANISHED needs UID FETCH with CHANGEDSINCE"));
    }
    Ok(())
}

/// Adds an item once.
fn push(items: &mut Vec<FetchItem>, item: FetchItem) -> Parsed<()> {
    if items.contains(&item) {
        return Ok(());
    }
    if items.len() == IMAP_FETCH_ITEMS_MAX {
        return Err(Error::Bad("Too many items (IMAP_FETCH_ITEMS_MAX)"));
    }
    items.push(item);
    Ok(())
}

/// The macros, without case (RFC 9051 §6.4.5). They may only stand alone; inside a list they are taken too.
fn expand(name: &str) -> &'static [FetchItem] {
    use FetchItem::{Body, Envelope, Flags, InternalDate, Rfc822Size};
    match name {
        "ALL" => &[Flags, InternalDate, Rfc822Size, Envelope],
        "FAST" => &[Flags, InternalDate, Rfc822Size],
        "FULL" => &[Flags, InternalDate, Rfc822Size, Envelope, Body],
        _ => &[],
    }
}

fn item(c: &mut Cursor, items: &mut Vec<FetchItem>) -> Parsed<()> {
    let name = c.take_while(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'-');
    let name = std::str::from_utf8(name).unwrap_or_default().to_ascii_uppercase();
    let item = match name.as_str() {
        "ALL" | "FAST" | "FULL" => {
            return expand(&name).iter().try_for_each(|i| push(items, i.clone()));
        }
        "FLAGS" => FetchItem::Flags,
        "UID" => FetchItem::Uid,
        "INTERNALDATE" => FetchItem::InternalDate,
        "RFC822" => FetchItem::Rfc822,
        "RFC822.HEADER" => FetchItem::Rfc822Header,
        "RFC822.TEXT" => FetchItem::Rfc822Text,
        "RFC822.SIZE" => FetchItem::Rfc822Size,
        "ENVELOPE" => FetchItem::Envelope,
        "BODYSTRUCTURE" => FetchItem::BodyStructure,
        "BODY" if c.peek() != Some(b'[') => FetchItem::Body,
        "BODY" => FetchItem::BodySection(body_section(c, false)?),
        "BODY.PEEK" => FetchItem::BodySection(body_section(c, true)?),
        "BINARY" => binary(c, false)?,
        "BINARY.PEEK" => binary(c, true)?,
        "BINARY.SIZE" => FetchItem::BinarySize(bracketed_part(c)?),
        "MODSEQ" => FetchItem::ModSeq,
        "EMAILID" => FetchItem::EmailId,
        "THREADID" => FetchItem::ThreadId,
        "SAVEDATE" => FetchItem::SaveDate,
        "PREVIEW" => FetchItem::Preview { lazy: lazy(c)? },
        _ => return Err(Error::Bad("Unknown FETCH item")),
    };
    push(items, item)
}

/// `(LAZY)` after PREVIEW, RFC 8970 §3.1.
fn lazy(c: &mut Cursor) -> Parsed<bool> {
    let mark = c.mark();
    c.spaces();
    let opened = c.eat(b'(');
    c.spaces();
    // `FETCH 1 PREVIEW (CHANGEDSINCE 5)` has FETCH modifiers here.
    if !opened || !c.eat_word("LAZY") {
        c.back_to(mark);
        return Ok(false);
    }
    c.spaces();
    c.expect(b')', "Unknown PREVIEW modifier")?;
    Ok(true)
}

fn body_section(c: &mut Cursor, peek: bool) -> Parsed<BodySection> {
    let section = section(c)?;
    Ok(BodySection { peek, section, partial: partial(c)? })
}

fn binary(c: &mut Cursor, peek: bool) -> Parsed<FetchItem> {
    let part = bracketed_part(c)?;
    Ok(FetchItem::Binary { peek, part, partial: partial(c)? })
}

fn bracketed_part(c: &mut Cursor) -> Parsed<Vec<u32>> {
    let s = section(c)?;
    if s.text.is_some() { Err(Error::Bad("BINARY takes part numbers only")) } else { Ok(s.part) }
}

/// `[1.2.HEADER.FIELDS (A B)]`
pub(crate) fn section(c: &mut Cursor) -> Parsed<Section> {
    c.expect(b'[', "Expected [")?;
    let mut s = Section::default();
    c.spaces();
    while matches!(c.peek(), Some(b'0'..=b'9')) {
        if s.part.len() == MIME_DEPTH_MAX {
            return Err(Error::Bad("Part number is too deep (MIME_DEPTH_MAX)"));
        }
        s.part.push(c.nz_number()?);
        if !c.eat(b'.') {
            c.spaces();
            c.expect(b']', "Expected ]")?;
            return Ok(s);
        }
        if !matches!(c.peek(), Some(b) if b.is_ascii_alphanumeric()) {
            return Err(Error::Bad("Malformed part number"));
        }
    }
    if c.eat(b']') {
        return Ok(s);
    }
    s.text = Some(section_text(c, !s.part.is_empty())?);
    c.spaces();
    c.expect(b']', "Expected ]")?;
    Ok(s)
}

fn section_text(c: &mut Cursor, inside_part: bool) -> Parsed<SectionText> {
    Ok(match c.keyword()?.as_str() {
        "HEADER" => SectionText::Header,
        "TEXT" => SectionText::Text,
        "MIME" if inside_part => SectionText::Mime,
        "HEADER.FIELDS" => SectionText::HeaderFields(header_fields(c)?),
        "HEADER.FIELDS.NOT" => SectionText::HeaderFieldsNot(header_fields(c)?),
        _ => return Err(Error::Bad("Unknown section")),
    })
}

fn header_fields(c: &mut Cursor) -> Parsed<Vec<String>> {
    c.space()?;
    c.expect(b'(', "Expected field names")?;
    let mut names = Vec::new();
    c.spaces();
    while !c.eat(b')') {
        if names.len() == IMAP_FETCH_ITEMS_MAX {
            return Err(Error::Bad("Too many field names (IMAP_FETCH_ITEMS_MAX)"));
        }
        let name = c.astring()?;
        // ftext of RFC 5322 §3.6.8: nothing that could break out of the answer.
        if name.is_empty() || !name.iter().all(|b| matches!(b, 0x21..=0x7e) && *b != b':') {
            return Err(Error::Bad("Invalid field name"));
        }
        names.push(utf8(name)?);
        c.spaces();
    }
    if names.is_empty() {
        return Err(Error::Bad("Expected a field name"));
    }
    Ok(names)
}

/// `<offset.count>`
fn partial(c: &mut Cursor) -> Parsed<Option<Partial>> {
    if !c.eat(b'<') {
        return Ok(None);
    }
    let offset = c.number64()?;
    c.expect(b'.', "Malformed partial")?;
    let count = c.number64()?;
    c.expect(b'>', "Malformed partial")?;
    if count == 0 {
        return Err(Error::Bad("Partial of zero octets"));
    }
    Ok(Some(Partial { offset, count }))
}
