//! SUMMARY    A private key that signs, and what its selector may be.
//! STANDARDS  RFC 6376 §3.1, §3.3; RFC 8301 §3.2 (2048 bits); RFC 8463 §3
//! SECURITY   Nothing of the key is shown.

use aws_lc_rs::{
    digest::{SHA256, digest},
    rsa::KeyPair as RsaKeyPair,
    signature::{Ed25519KeyPair, RSA_PKCS1_SHA256},
};
use std::fmt;

/// RFC 8301 §3.2: signers use at least 2048 bits.
const RSA_BYTES_MIN: usize = 256;
/// A selector is part of a domain name.
const SELECTOR_BYTES_MAX: usize = 200;

/// The `a=` of a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    RsaSha256,
    Ed25519Sha256,
}

impl Algorithm {
    pub(super) fn name(self) -> &'static str {
        match self {
            Algorithm::RsaSha256 => "rsa-sha256",
            Algorithm::Ed25519Sha256 => "ed25519-sha256",
        }
    }
}

/// Why a key signs nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyError {
    /// Not labels of letters, digits, `-` and `_`, with dots between.
    Selector,
    /// No PKCS#8 of that algorithm.
    Malformed,
    /// RSA below 2048 bits.
    Short,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            KeyError::Selector => "the selector is none",
            KeyError::Malformed => "the key is not PKCS#8 of its algorithm",
            KeyError::Short => "the RSA key is shorter than 2048 bits",
        })
    }
}
impl std::error::Error for KeyError {}

enum Pair {
    Rsa(RsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

/// A key with its selector.
pub struct Key {
    selector: String,
    pair: Pair,
}

/// Without the key.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({} {:?})", self.selector, self.algorithm())
    }
}

impl Key {
    /// Reads a private key (PKCS#8, DER).
    pub fn from_pkcs8(selector: &str, algorithm: Algorithm, der: &[u8]) -> Result<Key, KeyError> {
        let label = |l: &str| !l.is_empty() && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if selector.len() > SELECTOR_BYTES_MAX || !selector.split('.').all(label) {
            return Err(KeyError::Selector);
        }
        let pair = match algorithm {
            Algorithm::RsaSha256 => {
                let pair = RsaKeyPair::from_pkcs8(der).map_err(|_| KeyError::Malformed)?;
                if pair.public_modulus_len() < RSA_BYTES_MIN {
                    return Err(KeyError::Short);
                }
                Pair::Rsa(pair)
            }
            Algorithm::Ed25519Sha256 => {
                Pair::Ed25519(Ed25519KeyPair::from_pkcs8(der).map_err(|_| KeyError::Malformed)?)
            }
        };
        Ok(Key { selector: selector.to_owned(), pair })
    }

    pub fn selector(&self) -> &str {
        &self.selector
    }

    pub fn algorithm(&self) -> Algorithm {
        match self.pair {
            Pair::Rsa(_) => Algorithm::RsaSha256,
            Pair::Ed25519(_) => Algorithm::Ed25519Sha256,
        }
    }

    /// The signature (`b=`) of the SHA-256 hash of `data`; `None` when the provider of cryptography fails.
    pub(super) fn sign(&self, data: &[u8]) -> Option<Vec<u8>> {
        let hash = digest(&SHA256, data);
        match &self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign_digest(&RSA_PKCS1_SHA256, &hash, &mut signature).ok()?;
                Some(signature)
            }
            Pair::Ed25519(pair) => Some(pair.sign(hash.as_ref()).as_ref().to_vec()),
        }
    }
}
