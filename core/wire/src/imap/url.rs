//! SUMMARY    IMAP URLs of a message or a part of one in the session's own mailboxes, as CATENATE takes them.
//! STANDARDS  RFC 5092 §11 (grammar), §7.2 (absolute paths); RFC 4469 §3
//! SECURITY   Text of a client. Only a path without a server is read: nothing here can make the server connect to another one.
//! LIMITS     MIME_DEPTH_MAX, IMAP_FETCH_ITEMS_MAX (through the section); the length is that of a command line
//! INVARIANTS Absent: URLAUTH (RFC 4467), URLs of other servers and users, URLs relative to the selected mailbox.

use super::{
    command::Section,
    name::{MailboxName, Names},
    parse::{cursor::Cursor, fetch},
};

/// Why a text is not a URL that is taken here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadUrl;

/// `/mailbox;UIDVALIDITY=n/;UID=n/;SECTION=s/;PARTIAL=o.n`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageUrl {
    pub mailbox: MailboxName,
    pub uid_validity: Option<u32>,
    pub uid: u32,
    /// As `BODY.PEEK[section]`; empty for the whole message.
    pub section: Section,
    /// First octet, and how many; `None`: to the end.
    pub partial: Option<(u64, Option<u64>)>,
}

impl MessageUrl {
    pub fn parse(text: &str) -> Result<MessageUrl, BadUrl> {
        // Two slashes would name a server (RFC 3986 §4.2).
        let path = text.strip_prefix('/').filter(|p| !p.starts_with('/')).ok_or(BadUrl)?;
        let mut pieces = path.split("/;");
        let (mailbox, uid_validity) = place(pieces.next().ok_or(BadUrl)?)?;
        let uid = number(value(pieces.next().ok_or(BadUrl)?, "UID=")?)?;
        let mut url = MessageUrl { mailbox, uid_validity, uid, section: Section::default(), partial: None };
        let mut piece = pieces.next();
        if let Some(encoded) = piece.and_then(|p| value(p, "SECTION=").ok()) {
            url.section = section(&decode(encoded)?)?;
            piece = pieces.next();
        }
        if let Some(range) = piece.and_then(|p| value(p, "PARTIAL=").ok()) {
            url.partial = Some(partial(range)?);
            piece = pieces.next();
        }
        if piece.is_none() { Ok(url) } else { Err(BadUrl) }
    }
}

/// `mailbox` or `mailbox;UIDVALIDITY=n`.
fn place(text: &str) -> Result<(MailboxName, Option<u32>), BadUrl> {
    let (name, validity) = match text.split_once(';') {
        Some((name, rest)) => (name, Some(number(value(rest, "UIDVALIDITY=")?)?)),
        None => (text, None),
    };
    let name = decode(name)?;
    if name.is_empty() {
        return Err(BadUrl);
    }
    Ok((MailboxName::decode(&name, Names::Utf8).map_err(|_| BadUrl)?, validity))
}

/// What follows `key`, which is written in any case.
fn value<'a>(text: &'a str, key: &str) -> Result<&'a str, BadUrl> {
    let head = text.get(..key.len()).ok_or(BadUrl)?;
    if head.eq_ignore_ascii_case(key) { text.get(key.len()..).ok_or(BadUrl) } else { Err(BadUrl) }
}

/// nz-number.
fn number(text: &str) -> Result<u32, BadUrl> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|n| *n > 0 && digits).ok_or(BadUrl)
}

/// `offset` or `offset.count`, RFC 5092 §11 (partial-range).
fn partial(text: &str) -> Result<(u64, Option<u64>), BadUrl> {
    let long = |t: &str| t.parse().ok().filter(|_| t.bytes().all(|b| b.is_ascii_digit())).ok_or(BadUrl);
    match text.split_once('.') {
        Some((offset, count)) => Ok((long(offset)?, Some(long(count).ok().filter(|n| *n > 0).ok_or(BadUrl)?))),
        None => Ok((long(text)?, None)),
    }
}

fn section(text: &[u8]) -> Result<Section, BadUrl> {
    let bracketed = [b"[", text, b"]"].concat();
    let mut cursor = Cursor::new(&bracketed, &mut [], true);
    let section = fetch::section(&mut cursor).map_err(|_| BadUrl)?;
    if text.is_empty() || !cursor.at_end() { Err(BadUrl) } else { Ok(section) }
}

/// Percent-decoding; characters that RFC 5092 would have encoded are taken as they are, apart from those that end the URL.
fn decode(text: &str) -> Result<Vec<u8>, BadUrl> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(b) = bytes.next() {
        match b {
            b'%' => {
                let mut hex = || bytes.next().and_then(|d| char::from(d).to_digit(16)).ok_or(BadUrl);
                let (high, low) = (hex()?, hex()?);
                out.push(u8::try_from(high * 16 + low).map_err(|_| BadUrl)?);
            }
            b'?' | b'#' => return Err(BadUrl),
            b => out.push(b),
        }
    }
    if out.iter().any(u8::is_ascii_control) { Err(BadUrl) } else { Ok(out) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imap::SectionText;
    use proptest::prelude::*;

    type Parts<'a> = (&'a str, Option<u32>, u32, Section, Option<(u64, Option<u64>)>);

    fn check(text: &str, expect: Option<Parts<'_>>) {
        let got = MessageUrl::parse(text).ok();
        let got = got.as_ref().map(|u| (u.mailbox.as_str(), u.uid_validity, u.uid, u.section.clone(), u.partial));
        assert_eq!(got, expect, "{text}");
    }

    fn at(part: &[u32], text: Option<SectionText>) -> Section {
        Section { part: part.to_vec(), text }
    }

    #[test]
    fn urls() {
        let whole = || at(&[], None);
        check("/INBOX;UIDVALIDITY=3/;UID=7", Some(("INBOX", Some(3), 7, whole(), None)));
        check("/inbox/;uid=7", Some(("INBOX", None, 7, whole(), None)));
        check("/A/B%20C;UIDVALIDITY=3/;UID=7/;SECTION=1.2", Some(("A/B C", Some(3), 7, at(&[1, 2], None), None)));
        check("/%C3%A4/;UID=7/;SECTION=1.MIME", Some(("ä", None, 7, at(&[1], Some(SectionText::Mime)), None)));
        let header = at(&[], Some(SectionText::Header));
        check("/x/;UID=7/;section=HEADER/;PARTIAL=0.9", Some(("x", None, 7, header, Some((0, Some(9))))));
        let fields = at(&[], Some(SectionText::HeaderFields(vec!["To".into(), "Cc".into()])));
        check("/x/;UID=7/;SECTION=HEADER.FIELDS%20(To%20Cc)", Some(("x", None, 7, fields, None)));
        check("/x/;UID=7/;PARTIAL=5", Some(("x", None, 7, whole(), Some((5, None)))));
        for bad in [
            "",
            "/",
            "/x",
            "x/;UID=7",
            "/;UID=7",
            "imap://ann@host/x/;UID=7",
            "//host/x/;UID=7",
            "/x/;UID=0",
            "/x/;UID=+7",
            "/x/;UID=99999999999",
            "/x;UIDVALIDITY=0/;UID=7",
            "/x;TYPE=LIST/;UID=7",
            "/x/;UID=7/;SECTION=",
            "/x/;UID=7/;SECTION=NOPE",
            "/x/;UID=7/;SECTION=1]%20BODY[",
            "/x/;UID=7/;PARTIAL=1.0",
            "/x/;UID=7/;PARTIAL=.1",
            "/x/;UID=7/;PARTIAL=1/;SECTION=1",
            "/x/;UID=7;URLAUTH=anonymous:internal:0",
            "/x/;UID=7/;URLAUTH=anonymous",
            "/%zz/;UID=7",
            "/%00/;UID=7",
            "/x?SUBJECT/;UID=7",
        ] {
            check(bad, None);
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in "\\PC{0,60}", tail in "[/;=.%0-9A-Za-z ()\\[\\]]{0,40}") {
            let _ = MessageUrl::parse(&text);
            let _ = MessageUrl::parse(&format!("/x/;UID=1/;SECTION={tail}"));
            let _ = MessageUrl::parse(&format!("/{tail}/;UID=1"));
        }
    }
}
