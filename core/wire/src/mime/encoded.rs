//! SUMMARY    Header text: unfolded, encoded words decoded.
//! STANDARDS  RFC 2047, RFC 2231 §5 (language suffix), RFC 6532 (raw UTF-8)
//! INVARIANTS Never fails and stays linear; words split inside a character are joined where the charset is the same.

use super::charset::decode_charset;
use super::header::unfold;
use super::transfer::{decode_base64, decode_escapes};

/// An encoded word that was recognised at the start of a text.
struct Word<'a> {
    charset: &'a [u8],
    base64: bool,
    text: &'a [u8],
    len: usize,
}

/// Longest charset name, and longest encoded word looked for (real mail goes far beyond the 75 of RFC 2047 §2), bytes.
const CHARSET_BYTES_MAX: usize = 64;
const WORD_BYTES_MAX: usize = 16 * 1024;

/// Decodes a raw header value to text.
pub fn decode_text(value: &[u8]) -> String {
    let value = unfold(value);
    let mut rest: &[u8] = &value;
    let mut out = String::with_capacity(rest.len());
    let mut pending: (Vec<u8>, Vec<u8>) = Default::default();
    let mut barren = usize::MAX;
    while let Some(at) = memchr::memmem::find(rest, b"=?") {
        let (before, from) = rest.split_at(at);
        let Some(word) = word_at(from, &mut barren) else {
            flush(&mut pending, &mut out);
            push_plain(before, &mut out);
            out.push_str("=?");
            rest = from.get(2..).unwrap_or_default();
            continue;
        };
        if !before.iter().all(u8::is_ascii_whitespace) {
            flush(&mut pending, &mut out);
            push_plain(before, &mut out);
        } else if pending.0.is_empty() && !before.is_empty() {
            push_plain(before, &mut out);
        }
        if !pending.0.eq_ignore_ascii_case(word.charset) {
            flush(&mut pending, &mut out);
            pending.0 = word.charset.to_vec();
        }
        if word.base64 {
            pending.1.extend(decode_base64(word.text));
        } else {
            let spaced: Vec<u8> = word.text.iter().map(|b| if *b == b'_' { b' ' } else { *b }).collect();
            decode_escapes(&spaced, &mut pending.1);
        }
        rest = from.get(word.len..).unwrap_or_default();
    }
    flush(&mut pending, &mut out);
    push_plain(rest, &mut out);
    out
}

fn flush(pending: &mut (Vec<u8>, Vec<u8>), out: &mut String) {
    if !pending.0.is_empty() {
        let text = decode_charset(&pending.0, &pending.1);
        out.extend(text.chars().map(|c| if matches!(c, '\r' | '\n' | '\0') { ' ' } else { c }));
        pending.0.clear();
        pending.1.clear();
    }
}

fn push_plain(bytes: &[u8], out: &mut String) {
    match std::str::from_utf8(bytes) {
        Ok(text) => out.push_str(text),
        Err(_) => out.push_str(&decode_charset(b"windows-1252", bytes)),
    }
}

/// `text` starts with `=?`. `barren` remembers how many bytes remain after a stretch without `?=`, so that none is searched twice.
fn word_at<'a>(text: &'a [u8], barren: &mut usize) -> Option<Word<'a>> {
    let inner = text.get(2..)?;
    let head = inner.get(..inner.len().min(CHARSET_BYTES_MAX))?;
    let charset_len = head.iter().position(|b| *b == b'?')?;
    let charset = inner.get(..charset_len)?;
    if charset.is_empty() || !charset.iter().all(u8::is_ascii_graphic) {
        return None;
    }
    let charset = charset.split(|b| *b == b'*').next().filter(|c| !c.is_empty())?;
    let base64 = match inner.get(charset_len + 1..charset_len + 3)? {
        [b'B' | b'b', b'?'] => true,
        [b'Q' | b'q', b'?'] => false,
        _ => return None,
    };
    let body = inner.get(charset_len + 3..)?;
    let window = body.get(..body.len().min(WORD_BYTES_MAX))?;
    let known = body.len().saturating_sub(*barren).saturating_sub(1);
    let Some(len) = window.get(known..).and_then(|w| memchr::memmem::find(w, b"?=")).map(|n| n + known) else {
        *barren = body.len() - window.len();
        return None;
    };
    Some(Word { charset, base64, text: body.get(..len)?, len: 2 + charset_len + 3 + len + 2 })
}
