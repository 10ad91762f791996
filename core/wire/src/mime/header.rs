//! SUMMARY    Header fields as offsets, in order, folded as they came.
//! STANDARDS  RFC 5322 §2.2, §3.6.8; RFC 9051 §6.4.5
//! INVARIANTS A header section ends at the first empty line; lines without a name belong to it with an empty name.

use std::borrow::Cow;

use memchr::memchr;

use super::structure::Span;

/// One header field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field<'a> {
    /// Name as spelled; empty for a line that is no field.
    pub name: &'a [u8],
    /// Raw value: after the colon, without the final line end, folded.
    pub value: Span,
    /// Everything, with the final line end.
    pub line: Span,
}

/// What stands at a position of a header section.
pub(super) enum Next<'a> {
    Field(Field<'a>),
    /// The empty line; ends before this offset.
    Empty(usize),
    End,
}

/// Reads the field that starts at `pos`.
pub(super) fn field_at(text: &[u8], pos: usize) -> Next<'_> {
    let Some(rest) = text.get(pos..).filter(|r| !r.is_empty()) else { return Next::End };
    match rest {
        [b'\n', ..] => return Next::Empty(pos + 1),
        [b'\r', b'\n', ..] => return Next::Empty(pos + 2),
        _ => {}
    }
    let mut len = 0;
    loop {
        let Some(after) = rest.get(len..).and_then(|r| memchr(b'\n', r)) else {
            len = rest.len();
            break;
        };
        len += after + 1;
        if !matches!(rest.get(len), Some(b' ' | b'\t')) {
            break;
        }
    }
    let line = rest.get(..len).unwrap_or_default();
    let body = line.strip_suffix(b"\n").map_or(line, |l| l.strip_suffix(b"\r").unwrap_or(l));
    let (name, value_at) = match memchr(b':', body.get(..body.len().min(NAME_BYTES_MAX)).unwrap_or_default()) {
        Some(colon) => (body.get(..colon).unwrap_or_default().trim_ascii_end(), colon + 1),
        None => (&b""[..], 0),
    };
    let name = if name.iter().all(|b| b.is_ascii_graphic()) { name } else { &b""[..] };
    let value_at = if name.is_empty() { 0 } else { value_at };
    let value = Span::new(pos + value_at, pos + body.len());
    Next::Field(Field { name, value, line: Span::new(pos, pos + len) })
}

/// A colon later in the line does not end a name (RFC 5322 §2.1.1 line length).
const NAME_BYTES_MAX: usize = 998;

/// Iterator over the fields of a header section.
#[derive(Debug, Clone)]
pub struct Fields<'a> {
    text: &'a [u8],
    pos: usize,
}

impl<'a> Fields<'a> {
    /// Fields of the section at `span`; offsets are those of the message.
    pub fn of(message: &'a [u8], span: Span) -> Self {
        Fields { text: message.get(..span.end as usize).unwrap_or_default(), pos: span.start as usize }
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Field<'a>;
    fn next(&mut self) -> Option<Field<'a>> {
        match field_at(self.text, self.pos) {
            Next::Field(field) => {
                self.pos = field.line.end as usize;
                Some(field)
            }
            Next::Empty(_) | Next::End => None,
        }
    }
}

/// The fields of a message's header section.
pub fn headers(message: &[u8]) -> Fields<'_> {
    Fields { text: message, pos: 0 }
}

/// Raw value of the first field of that name (any case).
pub fn first<'a>(message: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    headers(message).find(|f| f.name.eq_ignore_ascii_case(name)).map(|f| f.value.of(message))
}

/// Value without line ends and without white space around it (RFC 5322 §2.2.3).
pub fn unfold(value: &[u8]) -> Cow<'_, [u8]> {
    let value = value.trim_ascii();
    if memchr(b'\n', value).is_none() && memchr(b'\r', value).is_none() {
        return Cow::Borrowed(value);
    }
    Cow::Owned(value.iter().copied().filter(|b| !matches!(b, b'\r' | b'\n')).collect())
}
