//! SUMMARY    SEARCH: return options, charset, keys.
//! STANDARDS  RFC 9051 §6.4.4, RFC 3501 §6.4.4, RFC 4731, RFC 5032, RFC 5182, RFC 7162 §3.1.5, RFC 8474 §5, RFC 8514 §4.2
//! LIMITS     IMAP_SEARCH_DEPTH_MAX IMAP_SEARCH_KEYS_MAX
//! INVARIANTS Text leaves as UTF-8, whatever charset the client named.

use base::limits::{IMAP_SEARCH_DEPTH_MAX, IMAP_SEARCH_KEYS_MAX};
use encoding_rs::Encoding;

use super::{
    Error,
    cursor::{Cursor, Parsed, utf8},
    mailbox, store,
};
use crate::imap::{
    command::{Command, Flag, ObjectId, Search, SearchKey, SearchReturn},
    date::Date,
    render::Code,
};

/// What BADCHARSET offers.
const CHARSETS: &[&str] = &["UTF-8", "US-ASCII"];

struct Reader<'c, 'a, 'l> {
    c: &'c mut Cursor<'a, 'l>,
    charset: Option<&'static Encoding>,
    keys: usize,
}

/// RFC 9051 §6.4.4.
pub(super) fn search(c: &mut Cursor, uid: bool) -> Parsed<Command> {
    c.space()?;
    let mut returns = None;
    if c.eat_word("RETURN") {
        c.space()?;
        returns = Some(return_options(c)?);
        c.space()?;
    }
    let mut charset = None;
    if c.eat_word("CHARSET") {
        c.space()?;
        charset = self::charset(&c.astring()?)?;
        c.space()?;
    }
    let mut reader = Reader { c, charset, keys: 0 };
    let key = reader.sequence(0, None)?;
    Ok(Command::Search(Search { uid, returns, key }))
}

/// RFC 4731 §3.1.
fn return_options(c: &mut Cursor) -> Parsed<SearchReturn> {
    c.expect(b'(', "Expected return options")?;
    let mut r = SearchReturn::default();
    c.spaces();
    while !c.eat(b')') {
        match c.keyword()?.as_str() {
            "MIN" => r.min = true,
            "MAX" => r.max = true,
            "ALL" => r.all = true,
            "COUNT" => r.count = true,
            "SAVE" => r.save = true,
            _ => return Err(Error::Bad("Unknown return option")),
        }
        c.spaces();
    }
    if r == SearchReturn::default() {
        r.all = true;
    }
    Ok(r)
}

/// `None` is UTF-8.
fn charset(label: &[u8]) -> Parsed<Option<&'static Encoding>> {
    match Encoding::for_label(label) {
        Some(e) if e == encoding_rs::UTF_8 || label.eq_ignore_ascii_case(b"US-ASCII") => Ok(None),
        // RFC 9051 §6.4.4: UTF-16 and the replacement encoding are nothing to search in.
        Some(e) if e.is_ascii_compatible() && e != encoding_rs::REPLACEMENT => Ok(Some(e)),
        _ => Err(Error::No(Code::BadCharset(CHARSETS), "Charset is not known")),
    }
}

impl Reader<'_, '_, '_> {
    /// Keys up to `close`, or to the end of the command.
    fn sequence(&mut self, depth: usize, close: Option<u8>) -> Parsed<SearchKey> {
        let mut keys = Vec::new();
        loop {
            self.c.spaces();
            let first = keys.is_empty();
            let ends = match close {
                Some(b) => self.c.eat(b),
                None => self.c.at_end(),
            };
            if ends && !first {
                let only = if keys.len() == 1 { keys.pop() } else { None };
                return Ok(only.unwrap_or(SearchKey::And(keys)));
            }
            keys.push(self.key(depth)?);
        }
    }

    fn key(&mut self, depth: usize) -> Parsed<SearchKey> {
        if depth > IMAP_SEARCH_DEPTH_MAX {
            return Err(Error::No(Code::Limit, "Search is nested too deep (IMAP_SEARCH_DEPTH_MAX)"));
        }
        self.keys += 1;
        if self.keys > IMAP_SEARCH_KEYS_MAX {
            return Err(Error::No(Code::Limit, "Search has too many keys (IMAP_SEARCH_KEYS_MAX)"));
        }
        if self.c.eat(b'(') {
            return self.sequence(depth + 1, Some(b')'));
        }
        if matches!(self.c.peek(), Some(b'0'..=b'9' | b'*' | b'$')) {
            return Ok(SearchKey::Sequence(mailbox::set(self.c)?));
        }
        let name = self.c.keyword()?;
        if let Some(key) = flag_key(&name) {
            return Ok(key);
        }
        match name.as_str() {
            "OR" => {
                self.c.space()?;
                let a = self.key(depth + 1)?;
                self.c.space()?;
                Ok(SearchKey::Or(Box::new(a), Box::new(self.key(depth + 1)?)))
            }
            "NOT" => {
                self.c.space()?;
                Ok(SearchKey::Not(Box::new(self.key(depth + 1)?)))
            }
            _ => {
                self.c.space()?;
                self.with_argument(&name)
            }
        }
    }

    fn with_argument(&mut self, name: &str) -> Parsed<SearchKey> {
        Ok(match name {
            "BCC" => SearchKey::Bcc(self.text()?),
            "CC" => SearchKey::Cc(self.text()?),
            "FROM" => SearchKey::From(self.text()?),
            "TO" => SearchKey::To(self.text()?),
            "SUBJECT" => SearchKey::Subject(self.text()?),
            "BODY" => SearchKey::Body(self.text()?),
            "TEXT" => SearchKey::Text(self.text()?),
            "HEADER" => {
                let name = self.c.astring_utf8()?;
                self.c.space()?;
                SearchKey::Header { name, value: self.text()? }
            }
            "KEYWORD" => SearchKey::Flag(Flag::Keyword(store::keyword(self.c)?)),
            "UNKEYWORD" => not(SearchKey::Flag(Flag::Keyword(store::keyword(self.c)?))),
            "BEFORE" => SearchKey::Before(self.date()?),
            "ON" => SearchKey::On(self.date()?),
            "SINCE" => SearchKey::Since(self.date()?),
            "SENTBEFORE" => SearchKey::SentBefore(self.date()?),
            "SENTON" => SearchKey::SentOn(self.date()?),
            "SENTSINCE" => SearchKey::SentSince(self.date()?),
            "SAVEDBEFORE" => SearchKey::SavedBefore(self.date()?),
            "SAVEDON" => SearchKey::SavedOn(self.date()?),
            "SAVEDSINCE" => SearchKey::SavedSince(self.date()?),
            "LARGER" => SearchKey::Larger(self.c.number64()?),
            "SMALLER" => SearchKey::Smaller(self.c.number64()?),
            "OLDER" => SearchKey::Older(self.c.nz_number()?),
            "YOUNGER" => SearchKey::Younger(self.c.nz_number()?),
            "UID" => SearchKey::Uid(mailbox::set(self.c)?),
            "MODSEQ" => self.modseq()?,
            "EMAILID" => SearchKey::EmailId(self.object_id()?),
            "THREADID" => SearchKey::ThreadId(self.object_id()?),
            _ => return Err(Error::Bad("Unknown search key")),
        })
    }

    /// astring in the command's charset.
    fn text(&mut self) -> Parsed<String> {
        let raw = self.c.astring()?;
        match self.charset {
            None => utf8(raw),
            Some(encoding) => {
                let (text, _, malformed) = encoding.decode(&raw);
                if malformed { Err(Error::Bad("Text does not fit the charset")) } else { Ok(text.into_owned()) }
            }
        }
    }

    /// `1-Feb-1994`, quoted or not.
    fn date(&mut self) -> Parsed<Date> {
        let raw = self.c.astring()?;
        Date::parse(&raw).ok_or(Error::Bad("Invalid date"))
    }

    /// RFC 7162 §3.1.5: an entry name and type may stand before the number; they are read and change nothing.
    fn modseq(&mut self) -> Parsed<SearchKey> {
        if self.c.peek() == Some(b'"') {
            self.c.string()?;
            self.c.space()?;
            match self.c.keyword()?.as_str() {
                "PRIV" | "SHARED" | "ALL" => self.c.space()?,
                _ => return Err(Error::Bad("Unknown entry type")),
            }
        }
        Ok(SearchKey::ModSeq(self.c.number64()?))
    }

    /// RFC 8474 §7: 1 to 255 letters, digits, `-`, `_`.
    fn object_id(&mut self) -> Parsed<ObjectId> {
        let raw = self.c.astring_utf8()?;
        let fits = raw.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if fits && (1..=255).contains(&raw.len()) { Ok(ObjectId(raw)) } else { Err(Error::Bad("Invalid object id")) }
    }
}

fn not(key: SearchKey) -> SearchKey {
    SearchKey::Not(Box::new(key))
}

/// Keys without argument.
fn flag_key(name: &str) -> Option<SearchKey> {
    Some(match name {
        "ALL" => SearchKey::All,
        "ANSWERED" => SearchKey::Flag(Flag::Answered),
        "DELETED" => SearchKey::Flag(Flag::Deleted),
        "DRAFT" => SearchKey::Flag(Flag::Draft),
        "FLAGGED" => SearchKey::Flag(Flag::Flagged),
        "SEEN" => SearchKey::Flag(Flag::Seen),
        "UNANSWERED" => not(SearchKey::Flag(Flag::Answered)),
        "UNDELETED" => not(SearchKey::Flag(Flag::Deleted)),
        "UNDRAFT" => not(SearchKey::Flag(Flag::Draft)),
        "UNFLAGGED" => not(SearchKey::Flag(Flag::Flagged)),
        "UNSEEN" => not(SearchKey::Flag(Flag::Seen)),
        "NEW" => SearchKey::New,
        "OLD" => SearchKey::Old,
        "RECENT" => SearchKey::Recent,
        "SAVEDATESUPPORTED" => SearchKey::SaveDateSupported,
        _ => return None,
    })
}
