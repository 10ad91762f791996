//! SUMMARY    Mailbox names on the wire: modified UTF-7 or UTF-8, INBOX, and the patterns of LIST.
//! STANDARDS  RFC 3501 §5.1.3 (modified UTF-7), RFC 9051 §5.1 (INBOX, UTF-8), §6.3.9 (wildcards)
//! SECURITY   Patterns match in time of pattern times name: no backtracking explosion.
//! INVARIANTS A `MailboxName` is decoded UTF-8; a first level INBOX is in capitals.

use base64::{
    Engine,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

/// Level separator.
pub const DELIMITER: char = '/';

/// Modified base64: `,` for `/`, no padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::IMAP_MUTF7,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(true),
);

/// How names are written on this connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Names {
    ModifiedUtf7,
    /// After ENABLE UTF8=ACCEPT or IMAP4rev2.
    Utf8,
}

/// A decoded mailbox path.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MailboxName(String);

impl MailboxName {
    /// Decodes a name as sent. Clients that send raw UTF-8 without having enabled it are understood.
    pub fn decode(raw: &[u8], names: Names) -> Result<Self, &'static str> {
        Ok(MailboxName(inbox_in_capitals(decode_pattern(raw, names)?)))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `a/b/` names `a/b` where a mailbox is made or renamed (RFC 9051 §6.3.4).
    pub(super) fn without_trailing_delimiter(self) -> Self {
        match self.0.strip_suffix(DELIMITER) {
            Some(name) => MailboxName(name.to_owned()),
            None => self,
        }
    }
}

fn inbox_in_capitals(name: String) -> String {
    let is_inbox = name.get(..5).is_some_and(|p| p.eq_ignore_ascii_case("INBOX"));
    match name.get(5..) {
        Some("") if is_inbox => "INBOX".to_owned(),
        Some(rest) if is_inbox && rest.starts_with(DELIMITER) => format!("INBOX{rest}"),
        _ => name,
    }
}

/// Decodes a name or pattern without touching INBOX.
pub(super) fn decode_pattern(raw: &[u8], names: Names) -> Result<String, &'static str> {
    let text = std::str::from_utf8(raw).map_err(|_| "A mailbox name is UTF-8 or modified UTF-7")?;
    if text.contains('\0') {
        return Err("A mailbox name has no NUL");
    }
    if names == Names::Utf8 || !text.is_ascii() {
        return Ok(text.to_owned());
    }
    decode_utf7(text).ok_or("A mailbox name is modified UTF-7")
}

fn decode_utf7(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((plain, shifted)) = rest.split_once('&') {
        out.push_str(plain);
        let (encoded, after) = shifted.split_once('-')?;
        if encoded.is_empty() {
            out.push('&');
        } else {
            let bytes = BASE64.decode(encoded).ok()?;
            let units = bytes.chunks_exact(2).map(|pair| pair.try_into().map_or(0xd800, u16::from_be_bytes));
            for c in char::decode_utf16(units) {
                out.push(c.ok()?);
            }
        }
        rest = after;
    }
    out.push_str(rest);
    Some(out)
}

/// Encodes a name in modified UTF-7.
pub fn encode_utf7(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut units: Vec<u8> = Vec::new();
    let flush = |units: &mut Vec<u8>, out: &mut String| {
        if !units.is_empty() {
            out.push('&');
            out.push_str(&BASE64.encode(&*units));
            out.push('-');
            units.clear();
        }
    };
    for c in name.chars() {
        match c {
            ' '..='~' => {
                flush(&mut units, &mut out);
                out.push(c);
                if c == '&' {
                    out.push('-');
                }
            }
            _ => c.encode_utf16(&mut [0; 2]).iter().for_each(|u| units.extend_from_slice(&u.to_be_bytes())),
        }
    }
    flush(&mut units, &mut out);
    out
}

/// A LIST pattern with its reference in front.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(Vec<char>);

impl Pattern {
    pub fn new(reference: &str, pattern: &str) -> Self {
        Pattern(inbox_in_capitals(format!("{reference}{pattern}")).chars().collect())
    }

    /// Whether a path matches: `*` takes anything, `%` anything but the delimiter.
    pub fn matches(&self, path: &str) -> bool {
        // Set of pattern positions reached; advanced by one character of the path at a time.
        let mut reached = vec![false; self.0.len() + 1];
        if let Some(first) = reached.first_mut() {
            *first = true;
        }
        self.skip_empty(&mut reached);
        for c in path.chars() {
            let mut next = vec![false; reached.len()];
            for (i, p) in self.0.iter().enumerate() {
                if !reached.get(i).copied().unwrap_or_default() {
                    continue;
                }
                let to = match p {
                    '*' => Some(i),
                    '%' if c != DELIMITER => Some(i),
                    '%' => None,
                    p if *p == c => Some(i + 1),
                    _ => None,
                };
                if let Some(slot) = to.and_then(|to| next.get_mut(to)) {
                    *slot = true;
                }
            }
            self.skip_empty(&mut next);
            reached = next;
        }
        reached.last().copied().unwrap_or_default()
    }

    /// Wildcards may take nothing.
    fn skip_empty(&self, reached: &mut [bool]) {
        for (i, p) in self.0.iter().enumerate() {
            if matches!(p, '*' | '%')
                && reached.get(i).copied().unwrap_or_default()
                && let Some(slot) = reached.get_mut(i + 1)
            {
                *slot = true;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_in_both_forms() {
        let check = |raw: &str, expect: &str| {
            assert_eq!(MailboxName::decode(raw.as_bytes(), Names::ModifiedUtf7).unwrap().as_str(), expect);
        };
        check("inbox", "INBOX");
        check("iNbOx/a", "INBOX/a");
        check("Inboxes", "Inboxes");
        check("~peter/mail/&U,BTFw-/&ZeVnLIqe-", "~peter/mail/台北/日本語");
        check("a&-b", "a&b");
        assert!(MailboxName::decode(b"a&b", Names::ModifiedUtf7).is_err());
        assert!(MailboxName::decode(b"&2AA-", Names::ModifiedUtf7).is_err());
        assert_eq!(MailboxName::decode("a&b".as_bytes(), Names::Utf8).unwrap().as_str(), "a&b");
    }

    #[test]
    fn patterns() {
        let check =
            |p: &str, path: &str, expect: bool| assert_eq!(Pattern::new("", p).matches(path), expect, "{p} {path}");
        check("*", "a/b", true);
        check("%", "a", true);
        check("%", "a/b", false);
        check("a/%", "a/b", true);
        check("a/%/c", "a/b/c", true);
        check("inbox", "INBOX", true);
        check("*a*b*c", "xaybzc", true);
        check("*a*b*c", "xaybz", false);
        check("", "", true);
        check(&"*a".repeat(200), &"a".repeat(5000), true);
    }

    proptest! {
        #[test]
        fn utf7_round_trips(name in "\\PC{0,40}") {
            prop_assert_eq!(decode_utf7(&encode_utf7(&name)), Some(name));
        }
    }
}
