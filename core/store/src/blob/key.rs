//! SUMMARY    A tenant's data key and the keys derived from it.
//! SECURITY   32 secret bytes, zeroed when dropped, never printed. The secret itself is not kept: references and ciphers
//!            have keys derived from it. Each blob has its own cipher key, so a nonce is its block's number and never repeats: the
//!            key also depends on who compressed it, since another zstd may turn the same bytes into others.

use super::BlobRef;
use aws_lc_rs::aead::{AES_256_GCM, LessSafeKey, UnboundKey};
use std::fmt;
use zeroize::{Zeroize, Zeroizing};

/// The one key of a tenant; destroy it and the tenant's blobs are noise.
#[derive(Clone)]
pub struct TenantKey {
    refs: [u8; 32],
    ciphers: [u8; 32],
}

impl fmt::Debug for TenantKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TenantKey(..)")
    }
}

impl Drop for TenantKey {
    fn drop(&mut self) {
        self.refs.zeroize();
        self.ciphers.zeroize();
    }
}

impl TenantKey {
    pub fn new(secret: [u8; 32]) -> Self {
        let secret = Zeroizing::new(secret);
        TenantKey {
            refs: blake3::derive_key("posthouse 2026-11 blob references v1", &*secret),
            ciphers: blake3::derive_key("posthouse 2026-11 blob ciphers v1", &*secret),
        }
    }

    /// Address of `plain` in this tenant.
    pub fn blob_ref(&self, plain: &[u8]) -> BlobRef {
        BlobRef(*blake3::keyed_hash(&self.refs, plain).as_bytes())
    }

    /// Cipher of one blob as sealed by one version of the sealer. None never happens: the key has the cipher's length.
    pub(super) fn cipher(&self, blob: &BlobRef, sealed_by: u32) -> Option<LessSafeKey> {
        let mut hasher = blake3::Hasher::new_keyed(&self.ciphers);
        hasher.update(&blob.0);
        hasher.update(&sealed_by.to_be_bytes());
        let key = Zeroizing::new(*hasher.finalize().as_bytes());
        UnboundKey::new(&AES_256_GCM, key.as_slice()).ok().map(LessSafeKey::new)
    }
}
