//! SUMMARY    Bytes of a server in pieces of any size to responses, bodies of messages handed out as they come.
//! STANDARDS  RFC 9051 §4 (strings and literals), §7
//! SECURITY   What a server announces costs nothing before it comes; what it sends is bounded by names.
//! LIMITS     IMAP_CLIENT_LINE_BYTES_MAX, IMAP_CLIENT_LITERALS_BYTES_MAX, IMAP_CLIENT_BODY_BYTES_MAX
//! INVARIANTS Responses do not depend on how the bytes were cut. A literal is a body iff it follows BODY[], BODY[]<n>, BINARY[] or RFC822 in a FETCH.

use std::fmt;

use base::limits::{IMAP_CLIENT_BODY_BYTES_MAX, IMAP_CLIENT_LINE_BYTES_MAX, IMAP_CLIENT_LITERALS_BYTES_MAX};

use super::{parse, response::Response};
use crate::imap::{name::Names, parse::cursor::decimal};

/// Stands in a line around the length of a body that was handed out; no line of a server has it.
pub(super) const HANDED_OUT: u8 = 0;

/// A server that cannot be read any further: the connection is of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Broken(pub &'static str);

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Broken {}

/// What was read.
#[derive(Debug, PartialEq, Eq)]
pub enum Event<'b> {
    /// A message of so many bytes begins; whose it is says the `Fetched` behind it.
    Body(u64),
    /// The next bytes of that message.
    Piece(&'b [u8]),
    Response(Response),
}

#[derive(Debug, Clone, Copy)]
enum Expects {
    Line,
    Literal(usize),
    Body(u64),
}

/// Where the reading of a connection stands.
#[derive(Debug)]
pub struct Reader {
    names: Names,
    /// The response so far, with the announcements of its literals.
    line: Vec<u8>,
    literals: Vec<Vec<u8>>,
    literal_bytes: usize,
    expects: Expects,
}

impl Default for Reader {
    fn default() -> Self {
        Reader {
            names: Names::ModifiedUtf7,
            line: Vec::new(),
            literals: Vec::new(),
            literal_bytes: 0,
            expects: Expects::Line,
        }
    }
}

impl Reader {
    /// How names of mailboxes are written from here on (after ENABLE UTF8=ACCEPT).
    pub fn set_names(&mut self, names: Names) {
        self.names = names;
    }

    /// Takes from `input` up to the next event; `None`: all of it was taken.
    pub fn read<'b>(&mut self, input: &mut &'b [u8]) -> Result<Option<Event<'b>>, Broken> {
        loop {
            match self.expects {
                Expects::Body(0) | Expects::Literal(0) => self.expects = Expects::Line,
                _ if input.is_empty() => return Ok(None),
                Expects::Body(left) => {
                    let most = usize::try_from(left).unwrap_or(usize::MAX);
                    let piece = take(input, most);
                    self.expects = Expects::Body(left - piece.len() as u64);
                    return Ok(Some(Event::Piece(piece)));
                }
                Expects::Literal(left) => {
                    let piece = take(input, left);
                    self.expects = Expects::Literal(left - piece.len());
                    if let Some(literal) = self.literals.last_mut() {
                        literal.extend_from_slice(piece);
                    }
                }
                Expects::Line => {
                    let end = memchr::memchr(b'\n', input);
                    let piece = take(input, end.map_or(usize::MAX, |at| at + 1));
                    self.extend(piece)?;
                    if end.is_some()
                        && let Some(event) = self.line_ended()?
                    {
                        return Ok(Some(event));
                    }
                }
            }
        }
    }

    /// Bytes that it holds of a response that has not ended.
    pub fn held_bytes(&self) -> usize {
        self.line.len() + self.literals.iter().map(Vec::len).sum::<usize>()
    }

    /// Room that its literals take.
    #[cfg(test)]
    pub(super) fn literals_capacity(&self) -> usize {
        self.literals.iter().map(Vec::capacity).sum()
    }

    fn extend(&mut self, piece: &[u8]) -> Result<(), Broken> {
        if self.line.len() + piece.len() > IMAP_CLIENT_LINE_BYTES_MAX {
            return Err(Broken("The server's line is too long (IMAP_CLIENT_LINE_BYTES_MAX)"));
        }
        if memchr::memchr(HANDED_OUT, piece).is_some() {
            return Err(Broken("The server sent a NUL outside of a literal"));
        }
        self.line.extend_from_slice(piece);
        Ok(())
    }

    /// A line end was read: a literal follows, or the response is whole.
    fn line_ended(&mut self) -> Result<Option<Event<'static>>, Broken> {
        if let Some(announced) = announced(&self.line) {
            let too_long =
                || Broken("The server announced a literal that is too long (IMAP_CLIENT_LITERALS_BYTES_MAX)");
            let bytes = announced.bytes.ok_or_else(too_long)?;
            if announced.is_body {
                if bytes > IMAP_CLIENT_BODY_BYTES_MAX {
                    return Err(Broken("The server announced a message that is too long (IMAP_CLIENT_BODY_BYTES_MAX)"));
                }
                self.line.truncate(announced.at);
                self.line.push(HANDED_OUT);
                self.line.extend_from_slice(bytes.to_string().as_bytes());
                self.line.push(HANDED_OUT);
                self.expects = Expects::Body(bytes);
                return Ok(Some(Event::Body(bytes)));
            }
            let bytes = usize::try_from(bytes).map_err(|_| too_long())?;
            // A literal costs as much as its announcement at least, so that empty ones are bounded by the line.
            self.literal_bytes = self.literal_bytes.saturating_add(bytes);
            if self.literal_bytes > IMAP_CLIENT_LITERALS_BYTES_MAX {
                return Err(too_long());
            }
            self.literals.push(Vec::new());
            self.expects = Expects::Literal(bytes);
            return Ok(None);
        }
        let (line, mut literals) = (std::mem::take(&mut self.line), std::mem::take(&mut self.literals));
        self.literal_bytes = 0;
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        if text.is_empty() && literals.is_empty() {
            // workaround (some proxies): an empty line between responses.
            return Ok(None);
        }
        Ok(Some(Event::Response(parse::response(text, &mut literals, self.names))))
    }
}

fn take<'b>(input: &mut &'b [u8], most: usize) -> &'b [u8] {
    let (piece, rest) = input.split_at_checked(most).unwrap_or((input, &[]));
    *input = rest;
    piece
}

struct Announced {
    /// Where the announcement begins.
    at: usize,
    /// `None`: more than any number here.
    bytes: Option<u64>,
    is_body: bool,
}

/// The literal that a line announces at its end. Texts of status responses may end like one, and announce none.
fn announced(line: &[u8]) -> Option<Announced> {
    let text = line.strip_suffix(b"\n")?;
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    let inner = text.strip_suffix(b"}")?;
    let inner = inner.strip_suffix(b"+").unwrap_or(inner);
    let digits = inner.iter().rev().take_while(|b| b.is_ascii_digit()).count();
    let before = inner.get(..inner.len() - digits)?.strip_suffix(b"{")?;
    let number = inner.get(inner.len() - digits..).filter(|digits| !digits.is_empty())?;
    let before = before.strip_suffix(b"~").unwrap_or(before);
    if !may_have_literals(line) {
        return None;
    }
    Some(Announced { at: before.len(), bytes: decimal(number), is_body: is_fetch(line) && names_a_body(before) })
}

fn may_have_literals(line: &[u8]) -> bool {
    let Some(rest) = line.strip_prefix(b"* ") else { return false };
    let word = rest.split(|b| matches!(b, b' ' | b'\r' | b'\n')).next().unwrap_or_default();
    ![&b"OK"[..], b"NO", b"BAD", b"BYE", b"PREAUTH"].iter().any(|status| word.eq_ignore_ascii_case(status))
}

fn is_fetch(line: &[u8]) -> bool {
    let mut words = line.splitn(4, |b| *b == b' ').skip(1);
    words.next().is_some_and(|number| decimal(number).is_some())
        && words.next().is_some_and(|word| word.eq_ignore_ascii_case(b"FETCH"))
}

/// Whether what was read last is the name of an item that is a whole message.
fn names_a_body(before: &[u8]) -> bool {
    let Some(text) = before.strip_suffix(b" ") else { return false };
    let start = text.iter().rposition(|b| matches!(b, b' ' | b'(')).map_or(0, |at| at + 1);
    let item = text.get(start..).unwrap_or_default();
    let item = match item.iter().position(|b| *b == b'<') {
        Some(at) => item.get(..at).unwrap_or_default(),
        None => item,
    };
    [&b"BODY[]"[..], b"BINARY[]", b"RFC822"].iter().any(|name| item.eq_ignore_ascii_case(name))
}
