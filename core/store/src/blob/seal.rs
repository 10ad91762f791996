//! SUMMARY    Sealing: hash, compress and encrypt a blob in independent blocks.
//! STANDARDS  BLAKE3 keyed hash; RFC 8878 (zstd); NIST SP 800-38D (AES-256-GCM)
//! SECURITY   The nonce is the block number under a key derived for this blob alone, and the blob's bytes are fixed by its
//!            reference: a nonce is never used for two plaintexts. Tampering and swapping of blocks is found on opening.
//! INVARIANTS The same bytes under the same tenant key always seal to the same reference.

use super::BlobError;
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, MAX_TAG_LEN, NONCE_LEN, Nonce, UnboundKey};
use bytes::BytesMut;
use std::cell::RefCell;
use zeroize::Zeroizing;

/// Plain bytes of a block.
pub(crate) const BLOCK_BYTES: usize = base::limits::BLOB_CHUNK_BYTES_MAX;
/// zstd level: fast enough to stay below the cost of the disk write.
const ZSTD_LEVEL: i32 = 1;
/// First byte of a plain block: stored as is.
const RAW: u8 = 0;
/// First byte of a plain block: zstd frame.
const ZSTD: u8 = 1;

thread_local! {
    static COMPRESSOR: RefCell<Option<zstd::bulk::Compressor<'static>>> = const { RefCell::new(None) };
    static DECOMPRESSOR: RefCell<Option<zstd::bulk::Decompressor<'static>>> = const { RefCell::new(None) };
}

/// Name of a blob within its tenant: keyed hash of its plain bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BlobRef(pub [u8; 32]);

/// A blob ready to be stored.
#[derive(Debug)]
pub struct Sealed {
    blob: BlobRef,
    size: u64,
    blocks: Vec<Vec<u8>>,
}

impl Sealed {
    pub fn blob(&self) -> BlobRef {
        self.blob
    }
    /// Plain size, bytes.
    pub fn size(&self) -> u64 {
        self.size
    }
    /// Stored size, bytes.
    pub fn stored_bytes(&self) -> usize {
        self.blocks.iter().map(Vec::len).sum()
    }
    pub fn blocks(&self) -> impl Iterator<Item = &[u8]> {
        self.blocks.iter().map(Vec::as_slice)
    }
}

/// A tenant's data key: everything of its blobs is derived from it. Destroying it destroys them.
pub struct TenantKey {
    name: Zeroizing<[u8; 32]>,
    seal: Zeroizing<[u8; 32]>,
}

impl TenantKey {
    pub fn new(secret: [u8; 32]) -> Self {
        let secret = Zeroizing::new(secret);
        TenantKey {
            name: Zeroizing::new(blake3::derive_key("posthouse 2026 blob name", &*secret)),
            seal: Zeroizing::new(blake3::derive_key("posthouse 2026 blob seal", &*secret)),
        }
    }

    /// Reference of these bytes in this tenant.
    pub fn name(&self, plain: &[u8]) -> BlobRef {
        BlobRef(*blake3::keyed_hash(&self.name, plain).as_bytes())
    }

    /// Compresses and encrypts. CPU only: about 1 us per kB.
    pub fn seal(&self, plain: &[u8]) -> Sealed {
        let blob = self.name(plain);
        let key = self.blob_key(&blob);
        let mut blocks: Vec<Vec<u8>> = plain.chunks(BLOCK_BYTES).map(compress).collect();
        for (n, block) in (0u32..).zip(&mut blocks) {
            if let Some(key) = &key {
                // Cannot fail: the block is far below the cipher's limit.
                let _ = key.seal_in_place_append_tag(nonce(n), Aad::empty(), block);
            }
        }
        Sealed { blob, size: plain.len() as u64, blocks }
    }

    /// Opens one block and appends its plain bytes.
    pub(crate) fn open_block(
        &self,
        blob: &BlobRef,
        n: u32,
        sealed: &[u8],
        out: &mut BytesMut,
    ) -> Result<(), BlobError> {
        let key = self.blob_key(blob).ok_or(BlobError::Corrupt("blob key"))?;
        if sealed.len() <= MAX_TAG_LEN {
            return Err(BlobError::Corrupt("short block"));
        }
        let mut buffer = sealed.to_vec();
        let plain =
            key.open_in_place(nonce(n), Aad::empty(), &mut buffer).map_err(|_| BlobError::Corrupt("block seal"))?;
        match plain.split_first() {
            Some((&RAW, body)) => out.extend_from_slice(body),
            Some((&ZSTD, body)) => decompress(body, out)?,
            _ => return Err(BlobError::Corrupt("block form")),
        }
        Ok(())
    }

    /// `None` never happens: the derived key has the cipher's length.
    fn blob_key(&self, blob: &BlobRef) -> Option<LessSafeKey> {
        let key = Zeroizing::new(*blake3::keyed_hash(&self.seal, &blob.0).as_bytes());
        UnboundKey::new(&AES_256_GCM, &*key).ok().map(LessSafeKey::new)
    }
}

fn nonce(n: u32) -> Nonce {
    let mut bytes = [0u8; NONCE_LEN];
    for (to, from) in bytes.iter_mut().zip(n.to_be_bytes()) {
        *to = from;
    }
    Nonce::assume_unique_for_key(bytes)
}

fn compress(plain: &[u8]) -> Vec<u8> {
    let mut out = vec![0u8; zstd::zstd_safe::compress_bound(plain.len()) + 1 + MAX_TAG_LEN];
    let written = COMPRESSOR.with_borrow_mut(|slot| {
        if slot.is_none() {
            *slot = zstd::bulk::Compressor::new(ZSTD_LEVEL).ok();
        }
        let (compressor, target) = (slot.as_mut()?, out.get_mut(1..)?);
        compressor.compress_to_buffer(plain, target).ok()
    });
    match written {
        Some(n) if n < plain.len() => {
            out.truncate(n + 1);
            if let Some(form) = out.first_mut() {
                *form = ZSTD;
            }
            // Without the slack of the compression bound; room for the tag.
            let mut fit = Vec::with_capacity(out.len() + MAX_TAG_LEN);
            fit.extend_from_slice(&out);
            fit
        }
        _ => {
            let mut raw = Vec::with_capacity(plain.len() + 1 + MAX_TAG_LEN);
            raw.push(RAW);
            raw.extend_from_slice(plain);
            raw
        }
    }
}

fn decompress(body: &[u8], out: &mut BytesMut) -> Result<(), BlobError> {
    DECOMPRESSOR.with_borrow_mut(|slot| {
        if slot.is_none() {
            *slot = zstd::bulk::Decompressor::new().ok();
        }
        let decompressor = slot.as_mut().ok_or(BlobError::Corrupt("decompressor"))?;
        let plain = decompressor.decompress(body, BLOCK_BYTES).map_err(|_| BlobError::Corrupt("block frame"))?;
        out.extend_from_slice(&plain);
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(key: &TenantKey, sealed: &Sealed) -> Result<Vec<u8>, BlobError> {
        let mut out = BytesMut::new();
        for (n, block) in (0u32..).zip(sealed.blocks()) {
            key.open_block(&sealed.blob(), n, block, &mut out)?;
        }
        Ok(out.to_vec())
    }

    #[test]
    fn seals_and_opens_whatever_the_size() {
        let key = TenantKey::new([7; 32]);
        for size in [0, 1, 4096, BLOCK_BYTES, BLOCK_BYTES + 1, 5 * BLOCK_BYTES + 17] {
            let plain: Vec<u8> = (0..size).map(|i| (i * 31 % 251) as u8).collect();
            let sealed = key.seal(&plain);
            assert_eq!(sealed.size(), size as u64);
            assert_eq!(opened(&key, &sealed).unwrap(), plain);
        }
    }

    #[test]
    fn two_tenants_share_nothing() {
        let (a, b) = (TenantKey::new([1; 32]).seal(b"hello"), TenantKey::new([2; 32]).seal(b"hello"));
        assert_ne!(a.blob(), b.blob());
        assert_ne!(a.blocks().next(), b.blocks().next());
        assert!(opened(&TenantKey::new([2; 32]), &a).is_err());
    }

    #[test]
    fn a_changed_or_swapped_block_does_not_open() {
        let key = TenantKey::new([7; 32]);
        let mut sealed = key.seal(&vec![5u8; 3 * BLOCK_BYTES]);
        sealed.blocks.swap(0, 1);
        assert!(opened(&key, &sealed).is_err());
        let mut sealed = key.seal(b"hello");
        sealed.blocks[0][0] ^= 1;
        assert!(opened(&key, &sealed).is_err());
    }
}
