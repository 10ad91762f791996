//! SUMMARY    IMAP strings, and how much detail a stored text may have.
//! STANDARDS  RFC 9051 §9 (string, nstring, quoted, literal)
//! LIMITS     FETCH_ITEM_BYTES_MAX, HEADER_ADDRESSES_MAX, MIME_PARTS_MAX
//! INVARIANTS NUL is never written (CHAR8 excludes it): it becomes `?`. Nothing 8-bit stands in quotes, so IMAP4rev1 can read it.

use base::limits::{FETCH_ITEM_BYTES_MAX, HEADER_ADDRESSES_MAX, MIME_PARTS_MAX};

use super::header::unfold;
use super::structure::Span;

/// Longest string written in quotes; longer ones are literals.
const QUOTED_BYTES_MAX: usize = 1_000;

/// What is written, from everything down to the least.
pub(super) struct Detail {
    pub string_bytes_max: usize,
    pub addresses_max: usize,
    pub params_max: usize,
    pub parts_max: usize,
    /// Whether messages inside show their envelope.
    pub inner_envelopes: bool,
}

const DETAILS: [Detail; 5] = [
    Detail {
        string_bytes_max: usize::MAX,
        addresses_max: HEADER_ADDRESSES_MAX,
        params_max: usize::MAX,
        parts_max: usize::MAX,
        inner_envelopes: true,
    },
    Detail {
        string_bytes_max: 1_000,
        addresses_max: 100,
        params_max: 20,
        parts_max: MIME_PARTS_MAX,
        inner_envelopes: true,
    },
    Detail {
        string_bytes_max: 200,
        addresses_max: 5,
        params_max: 4,
        parts_max: MIME_PARTS_MAX,
        inner_envelopes: false,
    },
    Detail { string_bytes_max: 64, addresses_max: 0, params_max: 0, parts_max: 300, inner_envelopes: false },
    Detail { string_bytes_max: 64, addresses_max: 0, params_max: 0, parts_max: 40, inner_envelopes: false },
];

/// Renders with as much detail as FETCH_ITEM_BYTES_MAX allows, else `least`.
pub(super) fn fit(least: &[u8], render: impl Fn(&Detail, &mut Vec<u8>)) -> Vec<u8> {
    for detail in &DETAILS {
        let mut out = Vec::with_capacity(512);
        render(detail, &mut out);
        if out.len() <= FETCH_ITEM_BYTES_MAX {
            return out;
        }
    }
    least.to_vec()
}

pub(super) fn number(n: usize, out: &mut Vec<u8>) {
    let mut digits = [0_u8; 20];
    let (mut at, mut n) = (digits.len(), n);
    for slot in digits.iter_mut().rev() {
        *slot = b'0' + u8::try_from(n % 10).unwrap_or(0);
        n /= 10;
        at -= 1;
        if n == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(at..).unwrap_or_default());
}

/// A string: quoted where that is safe, else a literal.
pub(super) fn string(text: &[u8], bytes_max: usize, out: &mut Vec<u8>) {
    let text = text.get(..text.len().min(bytes_max)).unwrap_or_default();
    let plain = |b: &u8| matches!(b, b' '..=b'~' | b'\t');
    if text.len() > QUOTED_BYTES_MAX || !text.iter().all(plain) {
        out.push(b'{');
        number(text.len(), out);
        out.extend_from_slice(b"}\r\n");
        let start = out.len();
        out.extend_from_slice(text);
        if memchr::memchr(0, text).is_some() {
            out.iter_mut().skip(start).filter(|b| **b == 0).for_each(|b| *b = b'?');
        }
        return;
    }
    out.push(b'"');
    let mut rest = text;
    while let Some(at) = memchr::memchr2(b'"', b'\\', rest) {
        let (before, after) = rest.split_at(at);
        out.extend_from_slice(before);
        out.push(b'\\');
        let (special, after) = after.split_at(1.min(after.len()));
        out.extend_from_slice(special);
        rest = after;
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

/// As [`string`], lower case.
pub(super) fn lower(text: &[u8], bytes_max: usize, out: &mut Vec<u8>) {
    string(&text.to_ascii_lowercase(), bytes_max, out);
}

/// The unfolded value, or NIL if the field is missing.
pub(super) fn field(message: &[u8], span: Option<Span>, bytes_max: usize, out: &mut Vec<u8>) {
    match span {
        Some(span) => string(&unfold(span.of(message)), bytes_max, out),
        None => out.extend_from_slice(b"NIL"),
    }
}
