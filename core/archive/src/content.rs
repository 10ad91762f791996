//! SUMMARY    What bytes are: their number and their SHA-256, taken while they pass.
//! STANDARDS  FIPS 180-4 (SHA-256)

use std::{fmt, str::FromStr};

use aws_lc_rs::digest;

use crate::{Error, text};

/// A SHA-256, shown and stored as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sha256(pub [u8; 32]);

impl Sha256 {
    /// Of bytes that are all there.
    pub fn of(bytes: &[u8]) -> Self {
        Sha256::from_digest(&digest::digest(&digest::SHA256, bytes))
    }
    fn from_digest(digest: &digest::Digest) -> Self {
        let mut out = [0; 32];
        for (to, from) in out.iter_mut().zip(digest.as_ref()) {
            *to = *from;
        }
        Sha256(out)
    }
    /// The first 32 bits, as eight digits: enough to tell names of one folder apart.
    pub(crate) fn short(self) -> String {
        self.to_string().chars().take(8).collect()
    }
}

impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        text::write_hex(&self.0, f)
    }
}
impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
impl FromStr for Sha256 {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = || Error::Format("a SHA-256 has 64 lower-case hexadecimal digits".to_owned());
        text::from_hex(text).map(Sha256).ok_or_else(wrong)
    }
}
text::as_text!(Sha256);

/// What bytes were: the same number and hash mean the same bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Content {
    pub bytes: u64,
    pub sha256: Sha256,
}

/// Bytes on their way.
pub struct Contents {
    bytes: u64,
    hash: digest::Context,
}

impl fmt::Debug for Contents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Contents").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}
impl Default for Contents {
    fn default() -> Self {
        Contents { bytes: 0, hash: digest::Context::new(&digest::SHA256) }
    }
}

impl Contents {
    pub fn feed(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        self.hash.update(bytes);
    }
    /// How many came so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
    pub fn end(self) -> Content {
        Content { bytes: self.bytes, sha256: Sha256::from_digest(&self.hash.finish()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_text_and_back() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(Contents::default().end(), Content { bytes: 0, sha256: empty.parse().unwrap() });
        assert_eq!(Sha256::of(b"").to_string(), empty);
        for wrong in ["", "e3", &empty[1..], &empty.to_uppercase(), &format!("{empty}00")] {
            assert!(wrong.parse::<Sha256>().is_err(), "{wrong}");
        }
    }
}
