//! SUMMARY    Seals what a cookie keeps.
//! STANDARDS  AES-256-GCM (NIST SP 800-38D), HMAC-SHA256 as HKDF's expand step (RFC 5869 §2.3)
//! SECURITY   The key is derived from the server's sealing key by a name of its own. What was made by somebody else, changed, or
//!            sealed for another use does not open.

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey},
    hmac, rand,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

/// Bytes of the nonce in front of a sealed text.
const NONCE_BYTES: usize = 12;
/// Longest cookie that is looked at; browsers keep 4,096 bytes with name and attributes.
const SEALED_BYTES_MAX: usize = 4_096;

/// Seals and opens.
pub struct Seal(RandomizedNonceKey);

impl Seal {
    /// From the server's sealing key. `None`: the library refuses the key.
    pub fn new(sealing_key: &[u8; 32]) -> Option<Seal> {
        let key = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, sealing_key), b"posthouse portal v1");
        RandomizedNonceKey::new(&AES_256_GCM, key.as_ref()).ok().map(Seal)
    }

    /// A text of letters, digits, `-` and `_`.
    pub(crate) fn seal(&self, usage: &str, clear: &[u8]) -> Option<String> {
        let mut text = clear.to_vec();
        let nonce = self.0.seal_in_place_append_tag(Aad::from(usage), &mut text).ok()?;
        Some(URL_SAFE_NO_PAD.encode([nonce.as_ref().as_slice(), &text].concat()))
    }

    pub(crate) fn open(&self, usage: &str, sealed: &str) -> Option<Vec<u8>> {
        if sealed.len() > SEALED_BYTES_MAX {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(sealed).ok()?;
        let (nonce, text) = bytes.split_at_checked(NONCE_BYTES)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut text = text.to_vec();
        self.0.open_in_place(nonce, Aad::from(usage), &mut text).ok().map(|clear| clear.to_vec())
    }
}

/// 128 random bits as text; empty if the kernel gives none, which no form's token equals.
pub(crate) fn nonce() -> String {
    let mut bytes = [0u8; 16];
    rand::fill(&mut bytes).map_or(String::new(), |()| URL_SAFE_NO_PAD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_text_opens_for_its_use_and_under_its_key_only() {
        let seal = Seal::new(&[1; 32]).unwrap();
        let sealed = seal.seal("session", b"token").unwrap();
        assert_eq!(seal.open("session", &sealed).unwrap(), b"token");
        assert!(seal.open("other", &sealed).is_none());
        assert!(Seal::new(&[2; 32]).unwrap().open("session", &sealed).is_none());
        for (at, _) in sealed.char_indices() {
            let mut changed = sealed.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            // The last letter carries bits that base64 does not use.
            assert!(at + 1 == sealed.len() || seal.open("session", &changed).is_none(), "{at}");
        }
        assert!(seal.open("session", "").is_none());
        assert!(seal.open("session", &"A".repeat(SEALED_BYTES_MAX + 1)).is_none());
    }
}
