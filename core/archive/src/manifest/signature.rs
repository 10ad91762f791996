//! SUMMARY    A manifest's signature, in a file of its own.
//! STANDARDS  RFC 8032 §5.1 (Ed25519 over the manifest's bytes as they are), RFC 4648 §4
//! SECURITY   A key signs manifests and nothing else, as what is signed does not say what it is. A key's id is made from the key: one
//!            that names another key finds none.

use std::{fmt, str::FromStr};

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base::limits::MANIFEST_SIGNATURE_BYTES_MAX;
use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};

use super::{canonical, check::Verified};
use crate::{Error, Manifest, Sha256, text};

/// Bytes of the hash of a public key that are its id.
const KEY_ID_BYTES: usize = 16;

/// Which key: the first half of the SHA-256 of its public part, shown as 32 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId([u8; KEY_ID_BYTES]);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        text::write_hex(&self.0, f)
    }
}
impl FromStr for KeyId {
    type Err = Error;
    fn from_str(id: &str) -> Result<Self, Error> {
        let wrong = || Error::Format("the id of a key has 32 lower-case hexadecimal digits".to_owned());
        text::from_hex(id).map(KeyId).ok_or_else(wrong)
    }
}
text::as_text!(KeyId);

/// The public half of a key, 32 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PublicKey(pub [u8; 32]);

impl PublicKey {
    pub fn id(&self) -> KeyId {
        let Sha256(hash) = Sha256::of(&self.0);
        KeyId(hash.first_chunk().copied().unwrap_or_default())
    }
}

/// A key that signs manifests.
#[derive(Debug)]
pub struct SigningKey(Ed25519KeyPair);

impl SigningKey {
    /// From a seed of 32 bytes: secret, and random when it was made.
    pub fn from_seed(seed: &[u8; 32]) -> Result<Self, Error> {
        let key = Ed25519KeyPair::from_seed_unchecked(seed);
        Ok(SigningKey(key.map_err(|_| Error::Signature("the seed makes no key"))?))
    }

    pub fn public(&self) -> Result<PublicKey, Error> {
        let bytes = self.0.public_key().as_ref().try_into();
        bytes.map(PublicKey).map_err(|_| Error::Signature("the key has no public half of 32 bytes"))
    }

    /// Signs a manifest's bytes; returns the file that goes beside it.
    pub fn sign(&self, manifest: &[u8]) -> Result<Vec<u8>, Error> {
        let signature = STANDARD.encode(self.0.sign(manifest).as_ref());
        let shape = Shape { algorithm: ALGORITHM.to_owned(), key: self.public()?.id(), signature };
        Ok(serde_json::to_vec(&shape)?)
    }
}

const ALGORITHM: &str = "Ed25519";

#[derive(Serialize, Deserialize)]
struct Shape {
    algorithm: String,
    key: KeyId,
    signature: String,
}

/// Reads a manifest whose signature is by one of `keys`: those that the caller trusts.
pub fn verify(manifest: &[u8], signature: &[u8], keys: &[PublicKey]) -> Result<Verified<Manifest>, Error> {
    if signature.len() > MANIFEST_SIGNATURE_BYTES_MAX {
        return Err(Error::Limit("MANIFEST_SIGNATURE_BYTES_MAX"));
    }
    let shape: Shape = serde_json::from_slice(signature)?;
    if shape.algorithm != ALGORITHM {
        return Err(Error::Signature("the signature is of an algorithm that this release does not know"));
    }
    let key = keys.iter().find(|key| key.id() == shape.key);
    let key = key.ok_or(Error::Signature("the manifest is signed by a key that is not trusted here"))?;
    let wrong = || Error::Signature("the signature is not of this manifest: one of the two was changed");
    let bytes = STANDARD.decode(&shape.signature).map_err(|_| wrong())?;
    UnparsedPublicKey::new(&ED25519, &key.0).verify(manifest, &bytes).map_err(|_| wrong())?;
    Ok(Verified::new(canonical::read(manifest)?))
}
