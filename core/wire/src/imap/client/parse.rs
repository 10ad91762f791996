//! SUMMARY    One whole response to its type.
//! STANDARDS  RFC 9051 §7 and §9 (formal syntax), RFC 4731 §3.1, RFC 7162 §3.2.10 (VANISHED)
//! SECURITY   Recursion is bounded by IMAP_CLIENT_NESTING_MAX; everything else is linear in the line.

use base::limits::IMAP_CLIENT_NESTING_MAX;

use super::{
    fetched,
    response::{Code, Found, Listed, MailboxStatus, Namespaces, Prefix, Response, State, Status},
};
use crate::imap::{
    name::{Names, decode_pattern},
    parse::{
        Error,
        cursor::{Cursor, Parsed, decimal, is_astring_char},
    },
    set::Range,
};

/// A response; what is none is `Unread`.
pub(super) fn response(text: &[u8], literals: &mut [Vec<u8>], names: Names) -> Response {
    let mut cursor = Cursor::new(text, literals, names == Names::Utf8);
    match any(text, &mut cursor, names) {
        Ok(response) => response,
        Err(Error::Bad(why) | Error::No(_, why)) => Response::Unread(why),
    }
}

fn any(text: &[u8], cursor: &mut Cursor<'_, '_>, names: Names) -> Parsed<Response> {
    if let Some(rest) = text.strip_prefix(b"+") {
        return Ok(Response::Continue(rest.trim_ascii().to_vec()));
    }
    if !text.starts_with(b"* ") {
        return tagged(cursor);
    }
    cursor.take_while(|b| b == b'*');
    cursor.space()?;
    if cursor.peek().is_some_and(|b| b.is_ascii_digit()) {
        return numbered(cursor, names);
    }
    let word = upper(cursor.take_while(|b| !matches!(b, b' ' | b'(')));
    match word.as_str() {
        "OK" => status(cursor, None, State::Ok),
        "NO" => status(cursor, None, State::No),
        "BAD" => status(cursor, None, State::Bad),
        "BYE" => status(cursor, None, State::Bye),
        "PREAUTH" => status(cursor, None, State::PreAuth),
        "CAPABILITY" => Ok(Response::Capability(words(cursor))),
        "ENABLED" => Ok(Response::Enabled(words(cursor))),
        "LIST" => listed(cursor, names, false),
        "LSUB" => listed(cursor, names, true),
        "STATUS" => mailbox_status(cursor),
        "NAMESPACE" => namespaces(cursor, names),
        "FLAGS" => {
            cursor.space()?;
            Ok(Response::Flags(flags(cursor)?))
        }
        "SEARCH" => search(cursor),
        "ESEARCH" => esearch(cursor),
        "VANISHED" => vanished(cursor),
        _ => Ok(Response::Other(word)),
    }
}

fn tagged(cursor: &mut Cursor<'_, '_>) -> Parsed<Response> {
    let tag = cursor.take_while(|b| is_astring_char(b) && b != b'+');
    let tag = String::from_utf8_lossy(tag).into_owned();
    if tag.is_empty() {
        return Err(Error::Bad("A response without tag"));
    }
    cursor.space()?;
    let state = match upper(cursor.take_while(|b| b != b' ')).as_str() {
        "OK" => State::Ok,
        "NO" => State::No,
        "BAD" => State::Bad,
        _ => return Err(Error::Bad("A tagged response that is no status")),
    };
    status(cursor, Some(tag), state)
}

fn status(cursor: &mut Cursor<'_, '_>, tag: Option<String>, state: State) -> Parsed<Response> {
    cursor.spaces();
    let mut code = None;
    if cursor.eat(b'[') {
        let inner = cursor.take_while(|b| b != b']');
        cursor.eat(b']');
        cursor.spaces();
        code = code_of(inner);
    }
    let text = String::from_utf8_lossy(cursor.take_while(|_| true)).trim().to_owned();
    Ok(Response::Status(Status { tag, state, code, text }))
}

fn code_of(inner: &[u8]) -> Option<Code> {
    let mut parts = inner.splitn(2, |b| *b == b' ');
    let name = upper(parts.next().unwrap_or_default());
    let rest = parts.next().unwrap_or_default().trim_ascii();
    let number32 = || decimal(rest).and_then(|n| u32::try_from(n).ok());
    let code = match name.as_str() {
        "" => return None,
        "UIDVALIDITY" => number32().map(Code::UidValidity),
        "UIDNEXT" => number32().map(Code::UidNext),
        "HIGHESTMODSEQ" => decimal(rest).map(Code::HighestModSeq),
        "CAPABILITY" => {
            let words = rest.split(|b| *b == b' ').filter(|word| !word.is_empty());
            Some(Code::Capability(words.map(upper).collect()))
        }
        _ => None,
    };
    Some(code.unwrap_or(Code::Other(name)))
}

fn numbered(cursor: &mut Cursor<'_, '_>, names: Names) -> Parsed<Response> {
    let number = cursor.number()?;
    cursor.space()?;
    let word = upper(cursor.take_while(|b| !matches!(b, b' ' | b'(')));
    match word.as_str() {
        "EXISTS" => Ok(Response::Exists(number)),
        "EXPUNGE" => Ok(Response::Expunged(number)),
        "FETCH" => {
            cursor.spaces();
            let fetched = fetched::items(cursor, number, names)?;
            Ok(Response::Fetched(Box::new(fetched)))
        }
        _ => Ok(Response::Other(word)),
    }
}

fn listed(cursor: &mut Cursor<'_, '_>, names: Names, is_subscribed: bool) -> Parsed<Response> {
    cursor.space()?;
    let attributes = flags(cursor)?;
    cursor.space()?;
    let delimiter = match cursor.nstring_utf8()? {
        Some(text) => Some(text.chars().next().ok_or(Error::Bad("An empty delimiter"))?),
        None => None,
    };
    cursor.space()?;
    // What follows, extended items, is not needed.
    let raw = name(cursor)?;
    Ok(Response::Listed(Listed { is_subscribed, attributes, delimiter, name: decoded(&raw, names), raw }))
}

/// A mailbox name: servers leave quotes away where they should not.
fn name(cursor: &mut Cursor<'_, '_>) -> Parsed<Vec<u8>> {
    cursor.string_or(|b| b > b' ', "Expected a mailbox name")
}

pub(super) fn decoded(raw: &[u8], names: Names) -> String {
    decode_pattern(raw, names).unwrap_or_else(|_| String::from_utf8_lossy(raw).into_owned())
}

fn mailbox_status(cursor: &mut Cursor<'_, '_>) -> Parsed<Response> {
    cursor.space()?;
    let mut status = MailboxStatus { raw: name(cursor)?, ..MailboxStatus::default() };
    cursor.space()?;
    cursor.expect(b'(', "Expected a list")?;
    loop {
        cursor.spaces();
        if cursor.eat(b')') {
            return Ok(Response::MailboxStatus(status));
        }
        let item = cursor.keyword()?;
        cursor.space()?;
        match item.as_str() {
            "MESSAGES" => status.messages = Some(cursor.number()?),
            "UIDNEXT" => status.uid_next = Some(cursor.number()?),
            "UIDVALIDITY" => status.uid_validity = Some(cursor.number()?),
            "HIGHESTMODSEQ" => status.highest_modseq = Some(cursor.number64()?),
            "SIZE" => status.size = Some(cursor.number64()?),
            _ => skip(cursor, 0)?,
        }
    }
}

fn namespaces(cursor: &mut Cursor<'_, '_>, names: Names) -> Parsed<Response> {
    let mut all = Namespaces::default();
    for kind in [&mut all.personal, &mut all.others, &mut all.shared] {
        cursor.space()?;
        if cursor.eat_word("NIL") {
            continue;
        }
        cursor.expect(b'(', "Expected a list")?;
        loop {
            cursor.spaces();
            if cursor.eat(b')') {
                break;
            }
            cursor.expect(b'(', "Expected a namespace")?;
            let name = decoded(&cursor.string()?, names);
            cursor.space()?;
            let delimiter = cursor.nstring_utf8()?.and_then(|text| text.chars().next());
            // Extensions that may follow.
            loop {
                cursor.spaces();
                if cursor.eat(b')') {
                    break;
                }
                skip(cursor, 0)?;
            }
            kind.push(Prefix { name, delimiter });
        }
    }
    Ok(Response::Namespaces(all))
}

/// `(…)` of flags and attributes, whatever they are made of.
pub(super) fn flags(cursor: &mut Cursor<'_, '_>) -> Parsed<Vec<String>> {
    cursor.expect(b'(', "Expected a list")?;
    let mut found = Vec::new();
    loop {
        cursor.spaces();
        if cursor.eat(b')') {
            return Ok(found);
        }
        match cursor.take_while(|b| !matches!(b, b' ' | b'(' | b')' | b'"' | b'{')) {
            [] => return Err(Error::Bad("Expected a flag")),
            flag => found.push(String::from_utf8_lossy(flag).into_owned()),
        }
    }
}

fn search(cursor: &mut Cursor<'_, '_>) -> Parsed<Response> {
    let mut found = Found::default();
    loop {
        cursor.spaces();
        if cursor.at_end() {
            found.count = u32::try_from(found.ranges.len()).ok();
            return Ok(Response::Found(found));
        }
        if cursor.eat(b'(') {
            if cursor.eat_word("MODSEQ") {
                cursor.space()?;
                found.modseq = Some(cursor.number64()?);
            }
            cursor.expect(b')', "Expected the end of a list")?;
            continue;
        }
        let n = cursor.nz_number()?;
        found.ranges.push(Range { first: n, last: n });
    }
}

fn esearch(cursor: &mut Cursor<'_, '_>) -> Parsed<Response> {
    let mut found = Found::default();
    cursor.spaces();
    if cursor.peek() == Some(b'(') {
        skip(cursor, 0)?;
    }
    loop {
        cursor.spaces();
        if cursor.at_end() {
            return Ok(Response::Found(found));
        }
        let item = cursor.keyword()?;
        if item == "UID" {
            continue;
        }
        cursor.space()?;
        match item.as_str() {
            "ALL" => found.ranges = ranges(cursor)?,
            "COUNT" => found.count = Some(cursor.number()?),
            "MODSEQ" => found.modseq = Some(cursor.number64()?),
            _ => skip(cursor, 0)?,
        }
    }
}

fn vanished(cursor: &mut Cursor<'_, '_>) -> Parsed<Response> {
    cursor.space()?;
    let mut earlier = false;
    if cursor.eat(b'(') {
        earlier = upper(cursor.take_while(|b| b != b')')) == "EARLIER";
        cursor.expect(b')', "Expected the end of a list")?;
        cursor.space()?;
    }
    Ok(Response::Vanished { earlier, uids: ranges(cursor)? })
}

/// `1:5,7`, in any order; as many as the line has.
fn ranges(cursor: &mut Cursor<'_, '_>) -> Parsed<Vec<Range>> {
    let mut found = Vec::new();
    loop {
        let a = cursor.nz_number()?;
        let b = if cursor.eat(b':') { cursor.nz_number()? } else { a };
        found.push(Range { first: a.min(b), last: a.max(b) });
        if !cursor.eat(b',') {
            return Ok(found);
        }
    }
}

/// Steps over one value: a string, an atom, NIL or a list of them.
pub(super) fn skip(cursor: &mut Cursor<'_, '_>, depth: usize) -> Parsed<()> {
    if depth > IMAP_CLIENT_NESTING_MAX {
        return Err(Error::Bad("Lists are nested too deeply (IMAP_CLIENT_NESTING_MAX)"));
    }
    if cursor.eat(b'(') {
        loop {
            cursor.spaces();
            if cursor.eat(b')') {
                return Ok(());
            }
            skip(cursor, depth + 1)?;
        }
    }
    match cursor.peek() {
        Some(b'"') => drop(cursor.string()?),
        Some(b'{') => drop(cursor.literal8()?),
        Some(b'~') => {
            cursor.eat(b'~');
            cursor.literal8()?;
        }
        _ => {
            if cursor.take_while(|b| !matches!(b, b' ' | b'(' | b')' | b'"' | b'{')).is_empty() {
                return Err(Error::Bad("Expected a value"));
            }
        }
    }
    Ok(())
}

fn words(cursor: &mut Cursor<'_, '_>) -> Vec<String> {
    let rest = cursor.take_while(|_| true);
    rest.split(|b| *b == b' ').filter(|word| !word.is_empty()).map(upper).collect()
}

pub(super) fn upper(word: &[u8]) -> String {
    String::from_utf8_lossy(word).to_ascii_uppercase()
}
