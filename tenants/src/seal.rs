//! SUMMARY    Secrets of domains at rest: private keys, keys of DNS servers.
//! STANDARDS  NIST SP 800-38D (AES-256-GCM)
//! SECURITY   Sealed under a key that stands outside of the database, and bound to what the secret is of: a copied database
//!            opens nothing, and a sealed text moved to another row does not open.

use crate::{Code, Error, Result, rows::random};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base64::{Engine, engine::general_purpose::STANDARD};

/// A key that seals; kept outside of the database.
#[derive(Clone)]
pub struct SealingKey([u8; 32]);

impl SealingKey {
    pub fn new(key: [u8; 32]) -> SealingKey {
        SealingKey(key)
    }

    fn cipher(&self) -> Result<LessSafeKey> {
        Ok(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &self.0).map_err(|_| broken())?))
    }

    /// Seals a secret of `of`.
    pub(crate) fn seal(&self, of: &str, secret: &[u8]) -> Result<String> {
        let nonce = random::<NONCE_LEN>()?;
        let mut sealed = secret.to_vec();
        let (cipher, once) = (self.cipher()?, Nonce::assume_unique_for_key(nonce));
        cipher.seal_in_place_append_tag(once, Aad::from(of.as_bytes()), &mut sealed).map_err(|_| broken())?;
        Ok(STANDARD.encode([nonce.as_slice(), &sealed].concat()))
    }

    /// Opens what was sealed for the same `of`.
    pub(crate) fn open(&self, of: &str, sealed: &str) -> Result<Vec<u8>> {
        let bytes = STANDARD.decode(sealed).map_err(|_| broken())?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE_LEN).ok_or_else(broken)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| broken())?;
        let mut sealed = sealed.to_vec();
        let cipher = self.cipher()?;
        let secret = cipher.open_in_place(nonce, Aad::from(of.as_bytes()), &mut sealed).map_err(|_| broken())?;
        Ok(secret.to_vec())
    }
}

fn broken() -> Error {
    Error::new(Code::Internal, "", "a stored secret is damaged, or the key that sealed it is another one")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_secret_opens_for_what_it_was_sealed_for_and_under_its_key_only() {
        let key = SealingKey::new([1; 32]);
        let sealed = key.seal("a.example", b"secret").unwrap();
        assert_eq!(key.open("a.example", &sealed).unwrap(), b"secret");
        assert!(!sealed.contains("secret"));
        assert!(key.open("b.example", &sealed).is_err());
        assert!(SealingKey::new([2; 32]).open("a.example", &sealed).is_err());
        assert!(key.open("a.example", "AAAA").is_err());
    }
}
