//! SUMMARY    Parameters of Content-Type and Content-Disposition, with continuations and charsets.
//! STANDARDS  RFC 2045 §5.1, RFC 2231, RFC 2183 §2
//! LIMITS     MIME_PARAMS_MAX
//! INVARIANTS Tolerates missing semicolons, unquoted spaces, comments and RFC 2047 words; never fails.

use std::borrow::Cow;

use base::limits::MIME_PARAMS_MAX;

use super::charset::decode_charset;
use super::encoded::decode_text;
use super::header::unfold;
use super::structure::Span;

/// A parameter whose continuations are joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Param {
    /// Lower case, without any `*`.
    pub name: Vec<u8>,
    /// `charset'language'%XX` text if `extended`, else the plain value.
    pub value: Vec<u8>,
    pub extended: bool,
}

impl Param {
    /// The value as text: RFC 2231 charset decoded; RFC 2047 words are tolerated.
    pub fn text(&self) -> String {
        if !self.extended {
            return decode_text(&self.value);
        }
        let mut pieces = self.value.splitn(3, |b| *b == b'\'');
        match (pieces.next(), pieces.next(), pieces.next()) {
            (Some(charset), Some(_), Some(text)) => decode_charset(charset, &percent_decode(text)),
            _ => decode_charset(b"utf-8", &percent_decode(&self.value)),
        }
    }
}

/// Spans of type and subtype, and where parameters start in the value.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct TypeHead {
    pub type_name: Span,
    pub subtype: Span,
    pub params_at: usize,
}

/// Reads `type/subtype`; the spans are empty unless both are there. `at` is the value's offset in the message.
pub(super) fn type_head(value: &[u8], at: usize) -> TypeHead {
    let type_at = skip_cfws(value, 0);
    let type_end = token_end(value, type_at);
    let slash = skip_cfws(value, type_end);
    let params_at = memchr::memchr(b';', value).unwrap_or(value.len());
    let none = TypeHead { params_at, ..TypeHead::default() };
    if value.get(slash) != Some(&b'/') {
        return none;
    }
    let sub_at = skip_cfws(value, slash + 1);
    let sub_end = token_end(value, sub_at);
    if type_end == type_at || sub_end == sub_at {
        return none;
    }
    let params_at = value.get(sub_end..).and_then(|r| memchr::memchr(b';', r)).map_or(value.len(), |n| sub_end + n);
    TypeHead {
        type_name: Span::new(at + type_at, at + type_end),
        subtype: Span::new(at + sub_at, at + sub_end),
        params_at,
    }
}

fn token_end(value: &[u8], at: usize) -> usize {
    let rest = value.get(at..).unwrap_or_default();
    let stop = |b: &u8| !b.is_ascii_graphic() || matches!(b, b'/' | b';' | b'(' | b')' | b'<' | b'>' | b'"' | b',');
    at + rest.iter().position(stop).unwrap_or(rest.len())
}

/// Skips white space and comments (RFC 5322 §3.2.2).
pub(super) fn skip_cfws(text: &[u8], mut at: usize) -> usize {
    let mut depth = 0_usize;
    while let Some(b) = text.get(at) {
        match b {
            b' ' | b'\t' | b'\r' | b'\n' => {}
            b'(' => depth += 1,
            b')' if depth > 0 => depth -= 1,
            b'\\' if depth > 0 => at += 1,
            _ if depth > 0 => {}
            _ => break,
        }
        at += 1;
    }
    at.min(text.len())
}

/// What the scan wants of the parameters.
#[derive(Debug, Default)]
pub(super) struct Noted {
    pub boundary: Option<Vec<u8>>,
    pub named: bool,
}

pub(super) fn scan_params(text: &[u8]) -> Noted {
    let mut noted = Noted::default();
    for raw in RawParams::new(text) {
        let is = |n: &[u8]| raw.name.get(..n.len()).is_some_and(|p| p.eq_ignore_ascii_case(n));
        if is(b"boundary") && noted.boundary.is_none() {
            noted.boundary = if raw.name.len() == 8 {
                Some(raw.value.trim_ascii_end().to_vec())
            } else {
                assemble(RawParams::new(text))
                    .into_iter()
                    .find(|p| p.name == b"boundary")
                    .map(|p| p.text().into_bytes())
            };
        }
        noted.named |= is(b"name") || is(b"filename");
    }
    noted
}

/// Parameters of a raw Content-Type or Content-Disposition value.
pub fn params(value: &[u8]) -> Vec<Param> {
    let at = memchr::memchr(b';', value).unwrap_or(value.len());
    assemble(RawParams::new(value.get(at..).unwrap_or_default()))
}

/// Decoded value of one parameter; the extended form is preferred (RFC 2231 §4).
pub(super) fn param_text(value: &[u8], name: &[u8]) -> Option<String> {
    let all = params(value);
    let of = |extended: bool| all.iter().find(|p| p.name == name && p.extended == extended);
    of(true).or_else(|| of(false)).map(Param::text)
}

struct RawParam<'a> {
    name: &'a [u8],
    value: Cow<'a, [u8]>,
}

/// Iterator over `;name=value` as written.
struct RawParams<'a> {
    text: &'a [u8],
    at: usize,
    left: usize,
}

impl<'a> RawParams<'a> {
    fn new(text: &'a [u8]) -> Self {
        RawParams { text, at: 0, left: MIME_PARAMS_MAX }
    }

    fn quoted(&mut self) -> Cow<'a, [u8]> {
        let start = self.at + 1;
        let rest = self.text.get(start..).unwrap_or_default();
        let mut len = 0;
        let mut plain = true;
        while let Some(b) = rest.get(len) {
            match b {
                b'"' => break,
                b'\\' => {
                    plain = false;
                    len += 1;
                }
                b'\r' | b'\n' => plain = false,
                _ => {}
            }
            len += 1;
        }
        let inner = rest.get(..len.min(rest.len())).unwrap_or_default();
        self.at = (start + len + 1).min(self.text.len());
        if plain { Cow::Borrowed(inner) } else { Cow::Owned(unescape(inner)) }
    }

    fn unquoted(&mut self) -> Cow<'a, [u8]> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let segment = rest.get(..memchr::memchr(b';', rest).unwrap_or(rest.len())).unwrap_or_default();
        let mut end = segment.len();
        for (i, b) in segment.iter().enumerate() {
            if !b.is_ascii_whitespace() {
                continue;
            }
            let after = segment.get(i..).unwrap_or_default().trim_ascii_start();
            let word = after.split(|b| b.is_ascii_whitespace()).next().unwrap_or_default();
            if after.is_empty() || after.starts_with(b"(") || memchr::memchr(b'=', word).is_some_and(|n| n > 0) {
                end = i;
                break;
            }
            if i >= UNQUOTED_SPACES_BYTES_MAX {
                break;
            }
        }
        self.at += end;
        unfold(segment.get(..end).unwrap_or_default())
    }
}

/// Bytes of an unquoted value in which a missing semicolon is looked for; keeps the look-ahead linear.
const UNQUOTED_SPACES_BYTES_MAX: usize = 256;

impl<'a> Iterator for RawParams<'a> {
    type Item = RawParam<'a>;
    fn next(&mut self) -> Option<RawParam<'a>> {
        self.left = self.left.checked_sub(1)?;
        loop {
            self.at = skip_cfws(self.text, self.at);
            match self.text.get(self.at)? {
                b';' => self.at += 1,
                _ => {
                    let rest = self.text.get(self.at..)?;
                    let end = rest.iter().position(|b| matches!(b, b'=' | b';' | b'"'))?;
                    let name = rest.get(..end)?.trim_ascii();
                    self.at += end;
                    if rest.get(end) != Some(&b'=') || name.is_empty() {
                        self.at += usize::from(rest.get(end) != Some(&b';'));
                        continue;
                    }
                    self.at = skip_cfws(self.text, self.at + 1);
                    let quoted = self.text.get(self.at) == Some(&b'"');
                    let value = if quoted { self.quoted() } else { self.unquoted() };
                    return Some(RawParam { name, value });
                }
            }
        }
    }
}

fn unescape(inner: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(inner.len());
    let mut bytes = inner.iter();
    while let Some(b) = bytes.next() {
        match b {
            b'\\' => out.extend(bytes.next()),
            b'\r' | b'\n' => {}
            b => out.push(*b),
        }
    }
    out
}

/// A piece of a continued parameter (RFC 2231 §3).
struct Piece<'a> {
    name: Vec<u8>,
    number: u32,
    extended: bool,
    value: Cow<'a, [u8]>,
}

/// Joins `name*0`, `name*1*`; plain parameters stay as they are.
fn assemble(raw: RawParams<'_>) -> Vec<Param> {
    let mut out = Vec::new();
    let mut pieces: Vec<Piece<'_>> = Vec::new();
    for RawParam { name, value } in raw {
        let extended = name.ends_with(b"*");
        let bare = name.strip_suffix(b"*").unwrap_or(name).to_ascii_lowercase();
        let star = bare.iter().rposition(|b| *b == b'*');
        let number = star.and_then(|s| std::str::from_utf8(bare.get(s + 1..)?).ok()?.parse().ok());
        match (number, star) {
            (Some(number), Some(s)) => {
                pieces.push(Piece { name: bare.get(..s).unwrap_or_default().to_vec(), number, extended, value });
            }
            _ => out.push(Param { name: bare, value: value.into_owned(), extended }),
        }
    }
    pieces.sort_by(|a, b| (&a.name, a.number).cmp(&(&b.name, b.number)));
    for group in pieces.chunk_by(|a, b| a.name == b.name) {
        out.extend(join(group));
    }
    out
}

fn join(group: &[Piece<'_>]) -> Option<Param> {
    let extended = group.iter().any(|p| p.extended);
    let first = group.first()?;
    let mut value = if extended && !first.extended { b"''".to_vec() } else { Vec::new() };
    let mut expected = first.number;
    for piece in group {
        if piece.number != expected {
            break;
        }
        expected = expected.saturating_add(1);
        if extended && !piece.extended {
            percent_encode(&piece.value, &mut value);
        } else {
            value.extend_from_slice(&piece.value);
        }
    }
    Some(Param { name: first.name.clone(), value, extended })
}

fn percent_encode(text: &[u8], out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for b in text {
        if b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_') {
            out.push(*b);
        } else {
            out.push(b'%');
            out.extend([b >> 4, b & 15].iter().filter_map(|n| HEX.get(usize::from(*n))));
        }
    }
}

fn percent_decode(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(b) = text.get(at) {
        let hex = |i: usize| text.get(i).and_then(|b| (*b as char).to_digit(16)).and_then(|d| u8::try_from(d).ok());
        match (b, hex(at + 1), hex(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push(high << 4 | low);
                at += 3;
            }
            _ => {
                out.push(*b);
                at += 1;
            }
        }
    }
    out
}
