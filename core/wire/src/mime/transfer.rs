//! SUMMARY    Content transfer decodings, tolerant.
//! STANDARDS  RFC 2045 §6.7, §6.8
//! INVARIANTS Output is never longer than input; bytes outside the alphabet are skipped.

use std::borrow::Cow;

use super::structure::TransferEncoding;

const INVALID: u8 = 0xff;

const BASE64: [u8; 256] = {
    let mut table = [INVALID; 256];
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut i = 0;
    while i < 64 {
        table[alphabet[i] as usize] = i as u8;
        i += 1;
    }
    table
};

/// Value of a base64 digit.
pub(super) fn base64_value(b: u8) -> Option<u8> {
    BASE64.get(usize::from(b)).copied().filter(|v| *v != INVALID)
}

/// Decodes base64; foreign bytes are skipped, padding ends a quantum and more may follow it.
pub fn decode_base64(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3 + 3);
    let (mut bits, mut count) = (0_u32, 0_u32);
    for b in text {
        match base64_value(*b) {
            Some(v) => {
                bits = bits << 6 | u32::from(v);
                count += 1;
                if count == 4 {
                    out.extend_from_slice(bits.to_be_bytes().get(1..).unwrap_or_default());
                    (bits, count) = (0, 0);
                }
            }
            None if *b == b'=' => {
                flush(bits, count, &mut out);
                (bits, count) = (0, 0);
            }
            None => {}
        }
    }
    flush(bits, count, &mut out);
    out
}

fn flush(bits: u32, count: u32, out: &mut Vec<u8>) {
    let bytes = (bits << (6 * (4 - count.min(4)))).to_be_bytes();
    let whole = (count * 6 / 8) as usize;
    out.extend_from_slice(bytes.get(1..1 + whole).unwrap_or_default());
}

/// Decodes quoted-printable; soft line breaks and trailing white space vanish, wrong escapes stay as they are.
pub fn decode_quoted_printable(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for line in text.split_inclusive(|b| *b == b'\n') {
        let end: &[u8] = if line.ends_with(b"\r\n") {
            b"\r\n"
        } else if line.ends_with(b"\n") {
            b"\n"
        } else {
            b""
        };
        let body = line.strip_suffix(end).unwrap_or(line);
        let body = if end.is_empty() { body } else { trim_wsp_end(body) };
        let (body, end) = match body.strip_suffix(b"=") {
            Some(b) => (b, &b""[..]),
            None => (body, end),
        };
        decode_escapes(body, &mut out);
        out.extend_from_slice(end);
    }
    out
}

fn trim_wsp_end(line: &[u8]) -> &[u8] {
    let keep = line.iter().rposition(|b| !matches!(b, b' ' | b'\t')).map_or(0, |n| n + 1);
    line.get(..keep).unwrap_or_default()
}

/// `=XX` escapes of one line.
pub(super) fn decode_escapes(mut text: &[u8], out: &mut Vec<u8>) {
    let hex = |b: &u8| (*b as char).to_digit(16).and_then(|d| u8::try_from(d).ok());
    while let Some(at) = memchr::memchr(b'=', text) {
        out.extend_from_slice(text.get(..at).unwrap_or_default());
        let rest = text.get(at + 1..).unwrap_or_default();
        match (rest.first().and_then(hex), rest.get(1).and_then(hex)) {
            (Some(high), Some(low)) => {
                out.push(high << 4 | low);
                text = rest.get(2..).unwrap_or_default();
            }
            _ => {
                out.push(b'=');
                text = rest;
            }
        }
    }
    out.extend_from_slice(text);
}

/// Decodes a body; None if the encoding is unknown.
pub fn decode_transfer(encoding: TransferEncoding, body: &[u8]) -> Option<Cow<'_, [u8]>> {
    match encoding {
        TransferEncoding::Identity => Some(Cow::Borrowed(body)),
        TransferEncoding::Base64 => Some(Cow::Owned(decode_base64(body))),
        TransferEncoding::QuotedPrintable => Some(Cow::Owned(decode_quoted_printable(body))),
        TransferEncoding::Unknown => None,
    }
}
