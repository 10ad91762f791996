//! SUMMARY    Turns bytes into independent sealed blocks and back: LZ4 (small ones) or zstd level 1, then AES-256-GCM.
//! SECURITY   What comes back has passed authentication under its place: tenant, blob, block. A decoder never allocates more
//!            than the plain size that the block's place allows.
//! STANDARDS  BLAKE3 keyed hash; RFC 8878 (zstd); LZ4 block format; NIST SP 800-38D (AES-256-GCM)
//! LIMITS     BLOB_CHUNK_BYTES_MAX (plain bytes of a block), BLOB_BYTES_MAX
//! INVARIANTS Every block but the last holds BLOB_CHUNK_BYTES_MAX plain bytes, so a range maps to blocks by division.

use super::{BlobError, BlobMeta, BlobRef, Location, TenantKey, stage::Place};
use aws_lc_rs::aead::{Aad, LessSafeKey, Nonce};
use base::{
    Timestamp,
    limits::{BLOB_BYTES_MAX, BLOB_CHUNK_BYTES_MAX, BLOB_IN_META_BYTES_MAX, BLOB_INLINE_BYTES_MAX},
};
use bytes::Bytes;
use parking_lot::Mutex;
use std::{cell::RefCell, ops::Range};
use zstd::bulk::{Compressor, Decompressor};

const LEVEL: i32 = 1;
/// First byte of a block before it is encrypted.
const RAW: u8 = 0;
const ZSTD: u8 = 1;
const LZ4: u8 = 2;
/// Blocks up to this are compressed by LZ4: a fetch of small messages spends most of its time in decompression, and zstd
/// needs four times as long to save a third more of few bytes.
const LZ4_BYTES_MAX: usize = 16 * 1024;
/// What a block looks like under its cipher, and the release of `lz4_flex`. Raise it with either: a block key must never
/// encrypt two different texts.
const FORMAT: u32 = 2;
/// Blocks smaller than this are not worth compressing.
const COMPRESS_BYTES_MIN: usize = 64;
const TAG_BYTES: usize = 16;

thread_local! {
    static COMPRESSOR: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

/// A blob ready to be stored.
#[derive(Debug)]
pub struct Sealed {
    blob: BlobRef,
    size: u64,
    pub(super) sealed_by: u32,
    pub(super) blocks: Vec<Vec<u8>>,
    /// Where a staging has put the blocks.
    place: Mutex<Place>,
}

impl Sealed {
    pub fn blob(&self) -> BlobRef {
        self.blob
    }

    /// Plain size, bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Whether it must be staged before it is put.
    pub fn needs_staging(&self) -> bool {
        self.stored_bytes() > BLOB_INLINE_BYTES_MAX
    }

    pub(super) fn place(&self) -> Place {
        *self.place.lock()
    }

    pub(super) fn settle(&self, place: Place) {
        *self.place.lock() = place;
    }

    pub(super) fn meta(&self, created: Timestamp) -> BlobMeta {
        let bytes = |block: &Vec<u8>| u32::try_from(block.len()).unwrap_or(u32::MAX);
        BlobMeta {
            size: self.size,
            block_bytes: self.blocks.iter().map(bytes).collect(),
            sealed_by: self.sealed_by,
            created,
            location: match self.blocks.as_slice() {
                [block] if !self.is_in_rows() => Location::Meta(Bytes::copy_from_slice(block)),
                _ => Location::Kv,
            },
        }
    }

    /// Whether its blocks get rows of their own.
    pub(super) fn is_in_rows(&self) -> bool {
        !matches!(self.blocks.as_slice(), [block] if block.len() <= BLOB_IN_META_BYTES_MAX)
    }

    /// Bytes as stored.
    pub fn stored_bytes(&self) -> usize {
        self.blocks.iter().map(Vec::len).sum()
    }
}

/// Version of this sealer: format, and zstd's release, whose output may differ from release to release.
fn sealer() -> u32 {
    (FORMAT << 24) | (zstd::zstd_safe::version_number() & 0x00ff_ffff)
}

fn corrupt(blob: &BlobRef, block: usize, why: &'static str) -> BlobError {
    tracing::error!(%blob, block, why, "damaged blob");
    BlobError::Corrupt(why)
}

fn nonce(block: usize) -> Nonce {
    let mut nonce = [0; 12];
    let (_, number) = nonce.split_at_mut(4);
    number.copy_from_slice(&(block as u64).to_be_bytes());
    Nonce::assume_unique_for_key(nonce)
}

impl TenantKey {
    /// Compresses and encrypts `plain`. CPU only.
    pub fn seal(&self, plain: &[u8]) -> Sealed {
        let (blob, sealed_by) = (self.blob_ref(plain), sealer());
        let cipher = self.cipher(&blob, sealed_by);
        let encrypt = |(number, block)| {
            let mut sealed = compress(block);
            let cipher = cipher.as_ref().ok_or(aws_lc_rs::error::Unspecified);
            let done = cipher.and_then(|key| key.seal_in_place_append_tag(nonce(number), Aad::empty(), &mut sealed));
            // Cannot fail below the cipher's limits; if it did, nothing readable may be stored.
            done.map_or_else(|_| Vec::new(), |()| sealed)
        };
        let blocks = plain.chunks(BLOB_CHUNK_BYTES_MAX).enumerate().map(encrypt).collect();
        Sealed { blob, size: plain.len() as u64, sealed_by, blocks, place: Mutex::default() }
    }
}

/// Marker byte and the block, compressed if that helps; with room for the tag.
fn compress(block: &[u8]) -> Vec<u8> {
    if (COMPRESS_BYTES_MIN..=LZ4_BYTES_MAX).contains(&block.len()) {
        return compress_small(block);
    }
    let mut out = vec![0; 1 + block.len() + TAG_BYTES];
    let room = out.get_mut(1..block.len()).filter(|_| block.len() >= COMPRESS_BYTES_MIN);
    let compressed = room.and_then(|room| {
        COMPRESSOR.with_borrow_mut(|compressor| {
            if compressor.is_none() {
                *compressor = Compressor::new(LEVEL).ok();
            }
            // Fails if the result does not fit below the block's own size: then it is stored raw.
            compressor.as_mut()?.compress_to_buffer(block, room).ok()
        })
    });
    match (compressed, out.first_mut()) {
        (Some(bytes), Some(marker)) => {
            *marker = ZSTD;
            out.truncate(1 + bytes);
        }
        (_, _) => return raw(block),
    }
    out
}

fn compress_small(block: &[u8]) -> Vec<u8> {
    let mut out = vec![0; 1 + lz4_flex::block::get_maximum_output_size(block.len()) + TAG_BYTES];
    let bytes = out.get_mut(1..).and_then(|room| lz4_flex::block::compress_into(block, room).ok());
    match (bytes, out.first_mut()) {
        (Some(bytes), Some(marker)) if bytes < block.len() => {
            *marker = LZ4;
            out.truncate(1 + bytes);
            out
        }
        (_, _) => raw(block),
    }
}

fn raw(block: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(1 + block.len() + TAG_BYTES);
    out.push(RAW);
    out.extend_from_slice(block);
    out
}

/// Decrypts `sealed` in place and appends the plain bytes to `out`.
fn open_block(
    cipher: &LessSafeKey,
    blob: &BlobRef,
    number: usize,
    sealed: &mut [u8],
    plain_bytes: usize,
    out: &mut Vec<u8>,
) -> Result<(), BlobError> {
    let opened = cipher
        .open_in_place(nonce(number), Aad::empty(), sealed)
        .map_err(|_| corrupt(blob, number, "does not decrypt"))?;
    let start = out.len();
    match opened.split_first() {
        Some((&RAW, plain)) => out.extend_from_slice(plain),
        Some((&ZSTD, packed)) => {
            out.resize(start + plain_bytes, 0);
            let room = out.get_mut(start..).unwrap_or_default();
            let bytes = DECOMPRESSOR.with_borrow_mut(|decompressor| {
                if decompressor.is_none() {
                    *decompressor = Decompressor::new().ok();
                }
                decompressor.as_mut().and_then(|decompressor| decompressor.decompress_to_buffer(packed, room).ok())
            });
            out.truncate(start + bytes.ok_or_else(|| corrupt(blob, number, "does not decompress"))?);
        }
        Some((&LZ4, packed)) => {
            out.resize(start + plain_bytes, 0);
            let room = out.get_mut(start..).unwrap_or_default();
            let bytes = lz4_flex::block::decompress_into(packed, room);
            out.truncate(start + bytes.map_err(|_| corrupt(blob, number, "does not decompress"))?);
        }
        Some(_) | None => return Err(corrupt(blob, number, "unknown marker")),
    }
    if out.len() - start == plain_bytes { Ok(()) } else { Err(corrupt(blob, number, "has another length")) }
}

/// Blocks that hold the plain bytes of `range`, cut to what exists.
pub(super) fn blocks_of(meta: &BlobMeta, range: &Range<u64>) -> Range<usize> {
    let chunk = BLOB_CHUNK_BYTES_MAX as u64;
    let end = range.end.min(meta.size);
    if range.start >= end {
        return 0..0;
    }
    let block = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
    block(range.start / chunk)..block(end.div_ceil(chunk))
}

/// Opens the sealed blocks numbered `blocks` (as `blocks_of` gave them) and cuts out `range`.
pub(super) fn open_range<'a>(
    key: &TenantKey,
    blob: &BlobRef,
    meta: &BlobMeta,
    range: &Range<u64>,
    sealed: impl IntoIterator<Item = &'a [u8]>,
) -> Result<Bytes, BlobError> {
    let blocks = blocks_of(meta, range);
    if blocks.is_empty() {
        return Ok(Bytes::new());
    }
    let cipher = key.cipher(blob, meta.sealed_by).ok_or(BlobError::Corrupt("cipher key"))?;
    let chunk = BLOB_CHUNK_BYTES_MAX as u64;
    let room = (blocks.len() as u64 * chunk).min(meta.size).min(BLOB_BYTES_MAX as u64);
    let mut out = Vec::with_capacity(room as usize);
    let mut scratch = Vec::new();
    let mut sealed = sealed.into_iter();
    for number in blocks.clone() {
        let block = sealed.next().ok_or_else(|| corrupt(blob, number, "is missing"))?;
        scratch.clear();
        scratch.extend_from_slice(block);
        let plain_bytes = (meta.size - number as u64 * chunk).min(chunk) as usize;
        open_block(&cipher, blob, number, &mut scratch, plain_bytes, &mut out)?;
    }
    let base = blocks.start as u64 * chunk;
    let (from, to) = ((range.start - base) as usize, (range.end.min(meta.size) - base) as usize);
    Ok(Bytes::from(out).slice(from..to))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn meta(sealed: &Sealed) -> BlobMeta {
        sealed.meta(Timestamp(0))
    }

    fn open(key: &TenantKey, sealed: &Sealed, range: Range<u64>) -> Result<Bytes, BlobError> {
        let meta = meta(sealed);
        let blocks = blocks_of(&meta, &range);
        open_range(key, &sealed.blob, &meta, &range, sealed.blocks[blocks].iter().map(Vec::as_slice))
    }

    fn noise(bytes: usize) -> Vec<u8> {
        let rng = base::rng::SeededRng::new(3);
        (0..bytes).map(|_| base::Rng::next_u64(&rng) as u8).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn any_range_comes_back(size in 0_usize..200_000, text: bool, from in 0_u64..220_000, length in 0_u64..220_000) {
            let plain = if text { b"Received: from mail ".iter().copied().cycle().take(size).collect() } else { noise(size) };
            let key = TenantKey::new([1; 32]);
            let sealed = key.seal(&plain);
            prop_assert!(sealed.blocks.iter().all(|block| block.len() <= base::limits::KV_VALUE_BYTES_MAX));
            let got = open(&key, &sealed, from..from + length).unwrap();
            let clamp = |at: u64| (at as usize).min(size);
            prop_assert_eq!(got.as_ref(), &plain[clamp(from)..clamp(from + length)]);
        }
    }

    #[test]
    fn text_shrinks_and_noise_does_not_grow() {
        let key = TenantKey::new([1; 32]);
        assert!(key.seal(&b"abcdefgh".repeat(1_000)).stored_bytes() < 500);
        assert_eq!(key.seal(&noise(10_000)).stored_bytes(), 10_000 + 1 + TAG_BYTES);
    }

    #[test]
    fn sealing_again_gives_the_same_blocks_whatever_was_sealed_between() {
        let key = TenantKey::new([1; 32]);
        let plain: Vec<u8> = noise(3_000).iter().flat_map(|byte| [*byte & 15; 40]).collect();
        let first = key.seal(&plain);
        for n in 0..50 {
            key.seal(&noise(1_000 * n));
            assert_eq!(key.seal(&plain).blocks, first.blocks);
        }
    }

    #[test]
    fn tenants_share_nothing() {
        let (a, b) = (TenantKey::new([1; 32]), TenantKey::new([2; 32]));
        let plain = b"From: a@example.org\r\n\r\nhello".repeat(40);
        let (in_a, in_b) = (a.seal(&plain), b.seal(&plain));
        assert_ne!(in_a.blob(), in_b.blob());
        assert_ne!(in_a.blocks, in_b.blocks);
        assert!(matches!(open(&b, &in_a, 0..10), Err(BlobError::Corrupt(_))));
        assert!(!format!("{a:?}").contains('1'));
    }

    #[test]
    fn a_changed_bit_or_place_is_noticed() {
        let key = TenantKey::new([1; 32]);
        let mut sealed = key.seal(&noise(150_000));
        sealed.blocks.swap(0, 1);
        assert!(open(&key, &sealed, 0..10).is_err());
        sealed.blocks.swap(0, 1);
        sealed.blocks[2][7] ^= 1;
        assert!(open(&key, &sealed, 0..131_072).is_ok());
        assert!(open(&key, &sealed, 0..131_073).is_err());
    }
}
