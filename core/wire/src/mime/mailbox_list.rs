//! SUMMARY    The mailboxes of a From or Sender field, read strictly: what two readers could understand in two ways is refused.
//! STANDARDS  RFC 5322 §3.4; of §4.4 white space around dots, dots in a phrase and empty list items; RFC 6854 (groups); RFC 6532
//! SECURITY   Decides whose name a submitted message may carry: every byte must be accounted for by the grammar.
//! LIMITS     HEADER_ADDRESSES_MAX, COMMENT_DEPTH_MAX
//! INVARIANTS Each byte is looked at once. Encoded words are atoms: a separator inside one separates (RFC 2047 §5).

use base::{Address, limits::HEADER_ADDRESSES_MAX};

/// Comments within comments.
const COMMENT_DEPTH_MAX: usize = 20;

/// Why a list is none; to be shown to whoever wrote it.
pub(super) type Refusal = &'static str;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token<'a> {
    Atom(&'a [u8]),
    /// With its quotes and backslashes.
    Quoted(&'a [u8]),
    /// With its brackets.
    Literal(&'a [u8]),
    Special(u8),
}

/// The mailboxes of a field's value, members of groups included; `value` may be folded.
pub(super) fn mailbox_list(value: &[u8]) -> Result<Vec<Address>, Refusal> {
    let tokens = tokens(value)?;
    let mut cursor = Cursor { rest: &tokens };
    let (mut out, mut is_group) = (Vec::new(), false);
    loop {
        while cursor.take(b',') {}
        if is_group && cursor.take(b';') {
            is_group = false;
        } else if cursor.rest.is_empty() {
            return if is_group { Err("a group has no end") } else { Ok(out) };
        } else {
            let words = cursor.words();
            if !is_group && !words.is_empty() && cursor.take(b':') {
                is_group = true;
                continue;
            }
            out.push(cursor.mailbox(words)?);
            if out.len() > HEADER_ADDRESSES_MAX {
                return Err("it has too many addresses (HEADER_ADDRESSES_MAX)");
            }
        }
        if !matches!(cursor.rest.first(), None | Some(Token::Special(b',' | b';'))) {
            return Err("something stands between two addresses");
        }
    }
}

struct Cursor<'a> {
    rest: &'a [Token<'a>],
}

impl<'a> Cursor<'a> {
    fn take(&mut self, special: u8) -> bool {
        match self.rest.split_first() {
            Some((Token::Special(b), after)) if *b == special => {
                self.rest = after;
                true
            }
            _ => false,
        }
    }

    fn split(&mut self, is_part: impl Fn(&Token<'a>) -> bool) -> &'a [Token<'a>] {
        let len = self.rest.iter().position(|t| !is_part(t)).unwrap_or(self.rest.len());
        let (part, after) = self.rest.split_at(len);
        self.rest = after;
        part
    }

    /// A phrase or a local part.
    fn words(&mut self) -> &'a [Token<'a>] {
        self.split(|t| matches!(t, Token::Atom(_) | Token::Quoted(_) | Token::Special(b'.')))
    }

    /// The rest of a mailbox that begins with these words: a display name or a local part.
    fn mailbox(&mut self, words: &[Token<'a>]) -> Result<Address, Refusal> {
        if !self.take(b'<') {
            return self.spec(words);
        }
        let local = self.words();
        let address = self.spec(local)?;
        if self.take(b'>') { Ok(address) } else { Err("an address in angle brackets has no end") }
    }

    /// The rest of an address that begins with this local part.
    fn spec(&mut self, local: &[Token<'a>]) -> Result<Address, Refusal> {
        let malformed = "an address is malformed";
        if !is_dotted(local) || !self.take(b'@') {
            return Err(malformed);
        }
        let domain = self.split(|t| matches!(t, Token::Atom(_) | Token::Literal(_) | Token::Special(b'.')));
        let plain = domain.iter().all(|t| !matches!(t, Token::Literal(_)));
        if !is_dotted(domain) || !(plain || domain.len() == 1) {
            return Err(malformed);
        }
        let text = [joined(local), vec![b'@'], joined(domain)].concat();
        std::str::from_utf8(&text).ok().and_then(|t| Address::parse(t).ok()).ok_or(malformed)
    }
}

/// Whether words and dots take turns, beginning and ending with a word.
fn is_dotted(tokens: &[Token<'_>]) -> bool {
    tokens.len() % 2 == 1 && tokens.iter().enumerate().all(|(n, t)| (n % 2 == 1) == (*t == Token::Special(b'.')))
}

/// A local part of one quoted string stays quoted; of several words, some of them quoted, it is quoted as a whole.
fn joined(tokens: &[Token<'_>]) -> Vec<u8> {
    let mut out = Vec::new();
    for token in tokens {
        match token {
            Token::Quoted(text) if tokens.len() > 1 => out.extend(text.get(1..text.len() - 1).unwrap_or_default()),
            Token::Atom(text) | Token::Quoted(text) | Token::Literal(text) => out.extend_from_slice(text),
            Token::Special(b) => out.push(*b),
        }
    }
    let mixed = tokens.len() > 1 && tokens.iter().any(|t| matches!(t, Token::Quoted(_)));
    if mixed { [&b"\""[..], &out, b"\""].concat() } else { out }
}

/// Cuts a value into tokens; white space and comments are gone.
fn tokens(value: &[u8]) -> Result<Vec<Token<'_>>, Refusal> {
    let mut out = Vec::new();
    let mut rest = value;
    while let Some((first, after)) = rest.split_first() {
        let len = match first {
            b' ' | b'\t' | b'\r' | b'\n' => 1,
            b'(' => comment_len(rest)?,
            b'"' => quoted_len(rest)?,
            b'[' => literal_len(after)?,
            b'.' | b'@' | b'<' | b'>' | b',' | b':' | b';' => 1,
            b if is_atom_text(*b) => 1 + after.iter().position(|b| !is_atom_text(*b)).unwrap_or(after.len()),
            _ => return Err("a character stands where none may (quote the display name)"),
        };
        let (text, after) = rest.split_at(len);
        match first {
            b' ' | b'\t' | b'\r' | b'\n' | b'(' => {}
            b'"' => out.push(Token::Quoted(text)),
            b'[' => out.push(Token::Literal(text)),
            b if is_atom_text(*b) => out.push(Token::Atom(text)),
            b => out.push(Token::Special(*b)),
        }
        rest = after;
    }
    Ok(out)
}

/// RFC 5322 §3.2.3 atext, and UTF-8 (RFC 6532 §3.2).
fn is_atom_text(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b >= 0x80 || b"!#$%&'*+-/=?^_`{|}~".contains(&b)
}

fn is_control(b: u8) -> bool {
    b.is_ascii_control() && !matches!(b, b'\t' | b'\r' | b'\n')
}

/// An IP address in brackets (RFC 5321 §4.1.3): nothing else is anybody's.
fn literal_len(after: &[u8]) -> Result<usize, Refusal> {
    let len = after.iter().position(|b| !(b.is_ascii_alphanumeric() || b".:-".contains(b)));
    match len.filter(|n| after.get(*n) == Some(&b']')) {
        Some(len) => Ok(len + 2),
        None => Err("a domain literal is malformed"),
    }
}

fn quoted_len(text: &[u8]) -> Result<usize, Refusal> {
    let mut escaped = false;
    for (n, b) in text.iter().enumerate().skip(1) {
        match b {
            b if is_control(*b) => return Err("a control character is in it"),
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Ok(n + 1),
            _ => {}
        }
    }
    Err("a quoted string has no end")
}

fn comment_len(text: &[u8]) -> Result<usize, Refusal> {
    let (mut depth, mut escaped) = (0_usize, false);
    for (n, b) in text.iter().enumerate() {
        match b {
            b if is_control(*b) => return Err("a control character is in it"),
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'(' if depth == COMMENT_DEPTH_MAX => return Err("comments are nested too deep (COMMENT_DEPTH_MAX)"),
            b'(' => depth += 1,
            b')' if depth == 1 => return Ok(n + 1),
            b')' => depth -= 1,
            _ => {}
        }
    }
    Err("a comment has no end")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Result<Vec<String>, Refusal> {
        mailbox_list(value.as_bytes()).map(|list| list.iter().map(Address::canonical).collect())
    }

    #[test]
    fn reads_what_mail_programs_write() {
        let cases: &[(&str, &[&str])] = &[
            ("ann@a.example", &["ann@a.example"]),
            (" Ann <Ann@A.example> ", &["ann@a.example"]),
            ("\"Ann, B. \\\"x\\\"\" <ann@a.example>", &["ann@a.example"]),
            ("=?utf-8?Q?J=C3=BCrgen?= =?utf-8?B?w7w=?=\r\n <ann@a.example>", &["ann@a.example"]),
            ("John Q. Public <ann@a.example>", &["ann@a.example"]),
            ("ann@a.example (Ann (at work) \\) <x@y.example>)", &["ann@a.example"]),
            ("Jürgen <jürgen@a.example>", &["jürgen@a.example"]),
            ("<ann@a.example>, Bea <bea@a.example>,", &["ann@a.example", "bea@a.example"]),
            ("Team: ann@a.example, Bea <bea@a.example>;", &["ann@a.example", "bea@a.example"]),
            ("undisclosed:;", &[]),
            ("", &[]),
            ("\"bob@evil.example\" <ann@a.example>", &["ann@a.example"]),
            ("=?utf-8?Q?<bob@evil.example>,?= <ann@a.example>", &["bob@evil.example", "ann@a.example"]),
            ("ann . smith @ a . example", &["ann.smith@a.example"]),
        ];
        for (value, expected) in cases {
            assert_eq!(
                read(value).as_deref(),
                Ok(&expected.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>()[..]),
                "{value}"
            );
        }
    }

    #[test]
    fn refuses_what_could_be_read_in_two_ways() {
        let cases = [
            "bob@evil.example <ann@a.example>",
            "<ann@a.example> <bob@evil.example>",
            "<ann@a.example> bob@evil.example",
            "Ann <ann@a.example",
            "Ann <bob@evil.example,ann@a.example>",
            "<@relay.example:ann@a.example>",
            "\"Ann <ann@a.example>",
            "(bob@evil.example <ann@a.example>",
            "ann@a.example) <bob@evil.example>",
            "Team: ann@a.example",
            "a: b: ann@a.example;;",
            ": ann@a.example;",
            "ann@a.example;",
            "ann@@a.example",
            "ann@a.example@b.example",
            "@a.example",
            "ann",
            "<>",
            "ann@",
            "ann\\@a.example",
            "ann\0@a.example",
            "\"a\0\" <ann@a.example>",
            "[x] <ann@a.example>",
        ];
        for value in cases {
            assert!(read(value).is_err(), "{value}: {:?}", read(value));
        }
    }

    #[test]
    fn comments_and_lists_end() {
        assert!(read(&"(".repeat(100_000)).is_err());
        assert!(read(&"a@b.example,".repeat(HEADER_ADDRESSES_MAX + 1)).is_err());
        assert_eq!(read(&"(x) ".repeat(10_000)), Ok(Vec::new()));
    }

    proptest::proptest! {
        #[test]
        fn never_panics(value: Vec<u8>) {
            let _ = mailbox_list(&value);
        }
    }
}
