//! SUMMARY    Bytes of a named charset to text.
//! STANDARDS  WHATWG Encoding labels through encoding_rs; RFC 2152 (UTF-7)
//! INVARIANTS Never fails: what is unknown is read as UTF-8 if it is valid, else as windows-1252.

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};

/// Decodes `bytes` of the charset `label`; malformed sequences become U+FFFD.
pub fn decode_charset(label: &[u8], bytes: &[u8]) -> String {
    decode_prefix(label, bytes, true)
}

/// As [`decode_charset`]; with `last` false a cut character at the end is dropped.
pub(super) fn decode_prefix(label: &[u8], bytes: &[u8], last: bool) -> String {
    if is_utf7(label) {
        return decode_utf7(bytes);
    }
    let encoding = encoding_of(label, bytes);
    let mut decoder = encoding.new_decoder_without_bom_handling();
    let room = decoder.max_utf8_buffer_length(bytes.len()).unwrap_or(bytes.len().saturating_mul(3));
    let mut out = String::with_capacity(room.min(bytes.len().saturating_mul(3).saturating_add(16)));
    let mut rest = bytes;
    loop {
        let (result, read, _) = decoder.decode_to_string(rest, &mut out, last);
        rest = rest.get(read..).unwrap_or_default();
        match result {
            encoding_rs::CoderResult::InputEmpty => return out,
            encoding_rs::CoderResult::OutputFull => out.reserve(rest.len().saturating_mul(3).saturating_add(16)),
        }
    }
}

/// Whether ASCII bytes of this charset always mean ASCII characters.
pub(super) fn is_ascii_compatible(label: &[u8]) -> bool {
    if is_utf7(label) {
        return false;
    }
    Encoding::for_label(label).is_none_or(|e| e.is_ascii_compatible() && e != encoding_rs::REPLACEMENT)
}

fn encoding_of(label: &[u8], bytes: &[u8]) -> &'static Encoding {
    let known = Encoding::for_label(label).filter(|e| *e != encoding_rs::REPLACEMENT);
    match known {
        Some(e) if e != WINDOWS_1252 || !label.eq_ignore_ascii_case(b"us-ascii") => e,
        _ if likely_utf8(bytes) => UTF_8,
        _ => WINDOWS_1252,
    }
}

/// Valid UTF-8, a cut last character tolerated.
fn likely_utf8(bytes: &[u8]) -> bool {
    match std::str::from_utf8(bytes) {
        Ok(_) => true,
        Err(e) => e.error_len().is_none(),
    }
}

fn is_utf7(label: &[u8]) -> bool {
    let label = label.trim_ascii();
    [&b"utf-7"[..], b"utf7", b"unicode-1-1-utf-7"].iter().any(|l| label.eq_ignore_ascii_case(l))
}

/// RFC 2152: runs of `+base64-` are UTF-16; everything else is ASCII.
fn decode_utf7(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(b) = bytes.get(at) {
        at += 1;
        if *b != b'+' {
            out.push(if b.is_ascii() { *b as char } else { char::REPLACEMENT_CHARACTER });
            continue;
        }
        let rest = bytes.get(at..).unwrap_or_default();
        let len = rest.iter().position(|b| super::transfer::base64_value(*b).is_none()).unwrap_or(rest.len());
        let run = rest.get(..len).unwrap_or_default();
        at += len + usize::from(rest.get(len) == Some(&b'-'));
        if run.is_empty() {
            out.push('+');
            continue;
        }
        let units = super::transfer::decode_base64(run);
        let units = units.chunks_exact(2).filter_map(|c| <[u8; 2]>::try_from(c).ok().map(u16::from_be_bytes));
        out.extend(char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)));
    }
    out
}
