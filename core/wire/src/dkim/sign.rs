//! SUMMARY    A message that is being signed: its header at once, its body piece by piece, then a field for each key.
//! STANDARDS  RFC 6376 §3.5, §3.7, §5.6
//! INVARIANTS Fields are folded below 80 columns but for names that are longer themselves.

use super::{
    BodyHash, Key,
    header::{self, Signed},
};
use base::{Domain, Timestamp};
use base64::{Engine, engine::general_purpose::STANDARD};
use std::fmt;

const NAME: &str = "DKIM-Signature";
/// Characters of `h=` and `b=` in one line.
const LINE_CHARS: usize = 72;

/// Why a message is not signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignError {
    /// RFC 6376 §5.4: From is always signed.
    NoFrom,
    /// A bare CR or LF or a NUL: hosts would get other bytes.
    NotText,
    /// DKIM_FIELDS_MAX.
    TooManyFields,
    /// An address literal has no keys.
    Domain,
    /// The provider of cryptography failed.
    Failed,
}

impl fmt::Display for SignError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SignError::NoFrom => "the message has no From field",
            SignError::NotText => "the message has bare CR or LF or NUL",
            SignError::TooManyFields => "the message has too many fields to sign (DKIM_FIELDS_MAX)",
            SignError::Domain => "an address literal signs nothing",
            SignError::Failed => "signing failed",
        })
    }
}
impl std::error::Error for SignError {}

/// A message whose header was read.
pub struct Draft {
    signed: Signed,
    body_at: usize,
    body: BodyHash,
}

impl Draft {
    /// Reads the header section of a whole message, and nothing of its body.
    pub fn new(message: &[u8]) -> Result<Draft, SignError> {
        let (fields, body_at) = header::split(message);
        if !header::is_text(message.get(..body_at).unwrap_or_default()) {
            return Err(SignError::NotText);
        }
        Ok(Draft { signed: header::signed(message, &fields)?, body_at, body: BodyHash::default() })
    }

    /// Where the body begins, bytes from the start of the message.
    pub fn body_at(&self) -> usize {
        self.body_at
    }

    /// Takes the next piece of the body.
    pub fn push(&mut self, piece: &[u8]) {
        self.body.push(piece);
    }

    /// The fields for the top of the message, one for each key in their order, each with its line end.
    pub fn finish(self, domain: &Domain, at: Timestamp, keys: &[Key]) -> Result<Vec<u8>, SignError> {
        if domain.is_literal() {
            return Err(SignError::Domain);
        }
        let hash = STANDARD.encode(self.body.finish().ok_or(SignError::NotText)?);
        let names = folded_names(&self.signed.names);
        let mut out = Vec::new();
        for key in keys {
            let (algorithm, selector, secs) = (key.algorithm().name(), key.selector(), at.secs().max(0));
            let value = format!(
                " v=1; a={algorithm}; c=relaxed/relaxed; t={secs};\r\n\td={domain}; s={selector};\r\n\th={names};\r\n\tbh={hash};\r\n\tb="
            );
            let mut data = self.signed.canonical.clone();
            header::relaxed(NAME, value.as_bytes(), &mut data);
            let signature = STANDARD.encode(key.sign(&data).ok_or(SignError::Failed)?);
            out.extend_from_slice(format!("{NAME}:{value}{}\r\n", folded(&signature)).as_bytes());
        }
        Ok(out)
    }
}

/// Names with colons between, in lines.
fn folded_names(names: &[&str]) -> String {
    let (mut out, mut line) = (String::new(), 2);
    for (n, name) in names.iter().enumerate() {
        if n > 0 {
            out.push(':');
            if line + name.len() > LINE_CHARS {
                out.push_str("\r\n\t");
                line = 0;
            }
        }
        out.push_str(name);
        line += name.len() + 1;
    }
    out
}

/// Base64 in lines.
fn folded(text: &str) -> String {
    let mut out = String::new();
    for (n, c) in text.chars().enumerate() {
        if n > 0 && n % LINE_CHARS == 0 {
            out.push_str("\r\n\t");
        }
        out.push(c);
    }
    out
}
