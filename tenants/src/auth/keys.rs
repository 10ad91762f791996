//! SUMMARY    Keys of the control plane: what seals secrets at rest, what makes tickets, what signs sessions.
//! STANDARDS  AES-256-GCM (NIST SP 800-38D), HMAC-SHA256 (RFC 2104), HKDF's expand step (RFC 5869 §2.3)
//! SECURITY   Each use has a key of its own, derived from the one key by its name. A sealed text is bound to what it belongs to:
//!            moved to another row it does not open. Tickets compare in constant time.

use crate::{Code, Error, Result};
use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey},
    hmac,
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};

/// Bytes of the nonce in front of a sealed text.
const NONCE_BYTES: usize = 12;

pub(crate) struct Keys {
    seal: RandomizedNonceKey,
    ticket: hmac::Key,
    session: Vec<u8>,
}

impl Keys {
    /// From the key that signs, and the one that seals.
    pub(crate) fn new(signing: &[u8], sealing: &[u8]) -> Result<Keys> {
        let seal = RandomizedNonceKey::new(&AES_256_GCM, derived(sealing, "seal").as_ref());
        Ok(Keys {
            seal: seal.map_err(|_| Error::new(Code::Internal, "", "the sealing key is damaged"))?,
            ticket: hmac::Key::new(hmac::HMAC_SHA256, derived(signing, "ticket").as_ref()),
            session: derived(signing, "session").as_ref().to_vec(),
        })
    }

    /// What signs the access tokens of sessions; not what signs API tokens.
    pub(crate) fn session(&self) -> &[u8] {
        &self.session
    }

    /// Seals a secret of `owner`.
    pub(crate) fn seal(&self, owner: &str, clear: &[u8]) -> Result<String> {
        let mut text = clear.to_vec();
        let sealed = self.seal.seal_in_place_append_tag(Aad::from(owner), &mut text);
        let nonce = sealed.map_err(|_| Error::new(Code::Internal, "", "sealing failed"))?;
        Ok(STANDARD.encode([nonce.as_ref().as_slice(), &text].concat()))
    }

    /// Opens what was sealed for `owner`.
    pub(crate) fn open(&self, owner: &str, sealed: &str) -> Result<Vec<u8>> {
        let damaged =
            || Error::new(Code::Internal, "", "a sealed secret does not open: is this the key it was sealed by?");
        let bytes = STANDARD.decode(sealed).map_err(|_| damaged())?;
        let (nonce, text) = bytes.split_at_checked(NONCE_BYTES).ok_or_else(damaged)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| damaged())?;
        let mut text = text.to_vec();
        let clear = self.seal.open_in_place(nonce, Aad::from(owner), &mut text).map_err(|_| damaged())?;
        Ok(clear.to_vec())
    }

    /// A text that only we could have made of these parts.
    pub(crate) fn ticket(&self, parts: &[&str]) -> String {
        URL_SAFE_NO_PAD.encode(hmac::sign(&self.ticket, &joined(parts)))
    }

    /// Whether it is the ticket of these parts.
    pub(crate) fn is_ticket(&self, parts: &[&str], ticket: &str) -> bool {
        let Ok(tag) = URL_SAFE_NO_PAD.decode(ticket) else { return false };
        hmac::verify(&self.ticket, &joined(parts), &tag).is_ok()
    }
}

fn derived(key: &[u8], usage: &str) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), format!("posthouse {usage} v1").as_bytes())
}

/// Parts with their lengths, so that no two lists read the same.
fn joined(parts: &[&str]) -> Vec<u8> {
    parts.iter().flat_map(|p| [&(p.len() as u64).to_be_bytes(), p.as_bytes()].concat()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_secret_opens_for_its_owner_only() {
        let keys = Keys::new(b"a", b"b").unwrap();
        let sealed = keys.seal("fac_1", b"seed").unwrap();
        assert!(!sealed.contains("seed"));
        assert_eq!(keys.open("fac_1", &sealed).unwrap(), b"seed");
        assert!(keys.open("fac_2", &sealed).is_err());
        assert!(Keys::new(b"a", b"c").unwrap().open("fac_1", &sealed).is_err());
        assert_ne!(sealed, keys.seal("fac_1", b"seed").unwrap());
    }

    #[test]
    fn a_ticket_is_of_its_parts_only() {
        let keys = Keys::new(b"a", b"b").unwrap();
        let ticket = keys.ticket(&["ab", "c"]);
        assert!(keys.is_ticket(&["ab", "c"], &ticket));
        assert!(!keys.is_ticket(&["a", "bc"], &ticket));
        assert!(!keys.is_ticket(&["ab", "c"], ""));
        assert!(!Keys::new(b"x", b"b").unwrap().is_ticket(&["ab", "c"], &ticket));
    }
}
