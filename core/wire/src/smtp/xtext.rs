//! SUMMARY    xtext and the utf-8 address forms of ORCPT.
//! STANDARDS  RFC 3461 §4 (xtext); RFC 6533 §3 (utf-8-addr-xtext, utf-8-addr-unitext)
//! INVARIANTS Decoded text has no control characters: it is copied into header fields of reports.

use std::fmt::Write;

/// Decodes `xtext`; `None` if it is not xtext, or decodes to anything but printable ASCII and space.
pub fn decode(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(b) = bytes.next() {
        let value = match b {
            b'+' => hex(bytes.next()?)? << 4 | hex(bytes.next()?)?,
            b'=' => return None,
            b'!'..=b'~' => b,
            _ => return None,
        };
        if !(b' '..=b'~').contains(&value) {
            return None;
        }
        out.push(char::from(value));
    }
    Some(out)
}

/// RFC 3461 §4 asks for upper-case digits; lower case is common and harmless.
fn hex(b: u8) -> Option<u8> {
    char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok())
}

/// Encodes printable ASCII; other characters become `?` (the utf-8 forms are for those).
pub fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '+' | '=' | ' ' => {
                let _ = write!(out, "+{:02X}", c as u32);
            }
            '!'..='~' => out.push(c),
            _ => out.push('?'),
        }
    }
    out
}

/// Decodes a `utf-8` ORCPT address: `\x{HEX}` and raw UTF-8 (RFC 6533 §3); `+HH` is tolerated as xtext.
pub fn decode_utf8(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let (decoded, after) = if let Some(escaped) = rest.strip_prefix("\\x{") {
            let (digits, after) = escaped.split_once('}')?;
            if digits.is_empty() || digits.len() > 6 {
                return None;
            }
            (u32::from_str_radix(digits, 16).ok().and_then(char::from_u32)?, after)
        } else if let Some(escaped) = rest.strip_prefix('+') {
            let digits = escaped.get(..2)?;
            (char::from(u8::from_str_radix(digits, 16).ok().filter(u8::is_ascii)?), escaped.get(2..)?)
        } else if matches!(c, '=' | '\\' | ' ') {
            return None;
        } else {
            (c, rest.get(c.len_utf8()..)?)
        };
        if decoded.is_control() {
            return None;
        }
        out.push(decoded);
        rest = after;
    }
    Some(out)
}

/// Encodes for ORCPT=utf-8; with `ascii` every non-ASCII character is escaped (needed without SMTPUTF8).
pub fn encode_utf8(text: &str, ascii: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '+' | '=' | '\\' | ' ' => {
                let _ = write!(out, "\\x{{{:X}}}", c as u32);
            }
            '!'..='~' => out.push(c),
            c if !c.is_ascii() && !ascii => out.push(c),
            c => {
                let _ = write!(out, "\\x{{{:X}}}", c as u32);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn xtext_decodes_and_refuses_controls() {
        assert_eq!(decode("a+2Bb+3Dc").as_deref(), Some("a+b=c"));
        assert_eq!(decode("QQ+20x").as_deref(), Some("QQ x"));
        for bad in ["a+", "a+2", "a+0D", "a+0a", "+7F", "+FF", "a=b", "a b", "ü"] {
            assert_eq!(decode(bad), None, "{bad}");
        }
        assert_eq!(decode_utf8("\\x{7528}\\x{2B}a@x").as_deref(), Some("用+a@x"));
        assert_eq!(decode_utf8("用@x").as_deref(), Some("用@x"));
        for bad in ["\\x{", "\\x{}", "\\x{D800}", "\\x{A}", "\\n", "+0", "+é", "\\x{1234567}"] {
            assert_eq!(decode_utf8(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn round_trips(text in "[ -~]{0,60}", wide in "\\PC{0,40}") {
            prop_assert_eq!(decode(&encode(&text)), Some(text));
            prop_assert_eq!(decode_utf8(&encode_utf8(&wide, true)), Some(wide.clone()));
            prop_assert_eq!(decode_utf8(&encode_utf8(&wide, false)), Some(wide));
        }
    }
}
