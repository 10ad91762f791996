//! SUMMARY    What a repository's key becomes: keys that seal, that name and that cut; a sealed object and back.
//! STANDARDS  NIST SP 800-38D (AES-256-GCM); RFC 8878 (zstd); BLAKE3 (keyed hash, key derivation)
//! SECURITY   Each name has a cipher key of its own and each seal a random nonce, so what is put again under one name (a lock) is safe
//!            too. The name is associated data besides: no object passes for another. Nothing is decompressed before it
//!            was authenticated, and never into more than its caller allows. Lengths are not hidden.
//! INVARIANTS A sealed object is: the byte 1, a nonce of 12 bytes, what AES-256-GCM makes of the inner bytes, its tag of 16
//!            bytes. The inner bytes are a byte 0 and the plain ones, or a byte 1, their length in four bytes (little endian)
//!            and a zstd frame.

use crate::{Error, Result, key::RepositoryKey, tree::Family};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use bytes::Bytes;
use zeroize::Zeroizing;

/// What content is called by: its keyed hash.
pub(crate) type Name = [u8; 32];

const FORMAT: u8 = 1;
const TAG_BYTES: usize = 16;
const RAW: u8 = 0;
const ZSTD: u8 = 1;
const LEVEL: i32 = 3;
/// Bytes of an object that add to its inner bytes, and of the smallest of those.
pub(crate) const SEALED_BYTES_MIN: u64 = (1 + NONCE_LEN + 1 + TAG_BYTES) as u64;
/// Less is not worth compressing.
const COMPRESS_BYTES_MIN: usize = 64;
/// Bytes of each piece that is tried before everything is compressed.
const TRIED_BYTES: usize = 8 * 1024;
/// Pieces that are tried, at equal distances.
const TRIED: usize = 8;

/// Keys of a repository, each derived for one use.
pub(crate) struct Keys {
    seal: Zeroizing<[u8; 32]>,
    chunk: Zeroizing<[u8; 32]>,
    list: Zeroizing<[u8; 32]>,
    cut: Zeroizing<[u8; 32]>,
    check: Zeroizing<[u8; 32]>,
}

fn derive(context: &str, key: &RepositoryKey) -> Zeroizing<[u8; 32]> {
    Zeroizing::new(blake3::derive_key(context, key.bytes()))
}

impl Keys {
    pub(crate) fn new(key: &RepositoryKey) -> Self {
        Keys {
            seal: derive("posthouse backup 1: seals of objects", key),
            chunk: derive("posthouse backup 1: names of chunks", key),
            list: derive("posthouse backup 1: names of pages of lists", key),
            cut: derive("posthouse backup 1: places where chunks end", key),
            check: derive("posthouse backup 1: check value of a repository", key),
        }
    }

    /// What encoded rows are called.
    pub(crate) fn name(&self, family: Family, plain: &[u8]) -> Name {
        let key = match family {
            Family::Chunk => &self.chunk,
            Family::List => &self.list,
        };
        *blake3::keyed_hash(key, plain).as_bytes()
    }

    /// A number of a row's key that nobody foresees who does not have ours.
    pub(crate) fn draw(&self, row: &[u8]) -> u64 {
        let hash = blake3::keyed_hash(&self.cut, row);
        let first = hash.as_bytes().first_chunk().copied().unwrap_or_default();
        u64::from_le_bytes(first)
    }

    /// By which a key is known to be that of a repository.
    pub(crate) fn check(&self, header: &[u8]) -> String {
        blake3::keyed_hash(&self.check, header).to_hex().to_string()
    }

    fn cipher(&self, name: &str) -> Result<LessSafeKey> {
        let key = Zeroizing::new(*blake3::keyed_hash(&self.seal, name.as_bytes()).as_bytes());
        let key = UnboundKey::new(&AES_256_GCM, &*key).map_err(|_| Error::Machine("no cipher".to_owned()))?;
        Ok(LessSafeKey::new(key))
    }

    /// What is put under `name`. CPU only.
    pub(crate) fn seal(&self, name: &str, plain: &[u8]) -> Result<Bytes> {
        let mut nonce = [0_u8; NONCE_LEN];
        aws_lc_rs::rand::fill(&mut nonce).map_err(|_| Error::Machine("no randomness".to_owned()))?;
        let mut sealed = vec![FORMAT];
        sealed.extend_from_slice(&nonce);
        let mut inner = pack(plain);
        let tag = self
            .cipher(name)?
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(name.as_bytes()), &mut inner)
            .map_err(|_| Error::Machine("sealing failed".to_owned()))?;
        sealed.reserve_exact(inner.len() + TAG_BYTES);
        sealed.extend_from_slice(&inner);
        sealed.extend_from_slice(tag.as_ref());
        Ok(sealed.into())
    }

    /// The plain bytes of what is stored under `name`, at most `max`. CPU only.
    pub(crate) fn open(&self, name: &str, sealed: &[u8], max: usize) -> Result<Vec<u8>> {
        let damaged = |why| Error::damaged(name, why);
        let (format, sealed) = sealed.split_first().ok_or_else(|| damaged("it is empty"))?;
        if *format != FORMAT {
            return Err(damaged("it begins with no format that is known"));
        }
        let (nonce, sealed) = sealed.split_at_checked(NONCE_LEN).ok_or_else(|| damaged("it is too short"))?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| damaged("it is too short"))?;
        let mut inner = sealed.to_vec();
        let opened = self.cipher(name)?.open_in_place(nonce, Aad::from(name.as_bytes()), &mut inner);
        let bytes = opened.map_err(|_| damaged("its seal is broken"))?.len();
        inner.truncate(bytes);
        unpack(inner, max).map_err(damaged)
    }
}

/// Whether compressing pieces of it says that the whole is worth it.
fn shrinks(plain: &[u8]) -> bool {
    if plain.len() <= TRIED * TRIED_BYTES {
        return plain.len() >= COMPRESS_BYTES_MIN;
    }
    let step = plain.len() / TRIED;
    let pieces: Vec<u8> = plain.chunks(step).filter_map(|part| part.get(..TRIED_BYTES)).flatten().copied().collect();
    // Any eighth of them that shrinks to nothing is worth compressing.
    zstd::bulk::compress(&pieces, 1).is_ok_and(|tried| tried.len() < pieces.len() / 100 * 97)
}

fn pack(plain: &[u8]) -> Vec<u8> {
    if let (true, Ok(length)) = (shrinks(plain), u32::try_from(plain.len())) {
        match zstd::bulk::compress(plain, LEVEL) {
            Ok(frame) if frame.len() + 4 < plain.len() => {
                let mut out = Vec::with_capacity(frame.len() + 5);
                out.push(ZSTD);
                out.extend_from_slice(&length.to_le_bytes());
                out.extend_from_slice(&frame);
                return out;
            }
            // It fails for want of memory alone, and what is not compressed is as good.
            Ok(_) | Err(_) => {}
        }
    }
    let mut out = Vec::with_capacity(plain.len() + 1);
    out.push(RAW);
    out.extend_from_slice(plain);
    out
}

fn unpack(mut inner: Vec<u8>, max: usize) -> std::result::Result<Vec<u8>, &'static str> {
    match inner.first() {
        Some(&RAW) if inner.len() <= max.saturating_add(1) => {
            inner.remove(0);
            Ok(inner)
        }
        Some(&RAW) => Err("it is longer than it may be"),
        Some(&ZSTD) => {
            let (length, frame) =
                inner.get(1..).and_then(|rest| rest.split_first_chunk::<4>()).ok_or("it has no length")?;
            let length = u32::from_le_bytes(*length) as usize;
            if length > max {
                return Err("it is longer than it may be");
            }
            let plain = zstd::bulk::decompress(frame, length).map_err(|_| "it cannot be decompressed")?;
            if plain.len() == length { Ok(plain) } else { Err("it has another length than it says") }
        }
        Some(_) | None => Err("its inner form is unknown"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(bytes: usize) -> Vec<u8> {
        let mut out = vec![0; bytes];
        blake3::Hasher::new().finalize_xof().fill(&mut out);
        out
    }

    #[test]
    fn what_is_sealed_opens_under_its_name_alone_and_unchanged() {
        let keys = Keys::new(&RepositoryKey::new([1; 32]));
        for plain in [vec![], vec![7], vec![7; 100_000], noise(100_000), [noise(300_000), vec![1; 300_000]].concat()] {
            let sealed = keys.seal("chunk/a", &plain).unwrap();
            assert_eq!(keys.open("chunk/a", &sealed, plain.len()).unwrap(), plain);
            assert!(keys.open("chunk/b", &sealed, plain.len()).is_err());
            assert!(plain.is_empty() || keys.open("chunk/a", &sealed, plain.len() - 1).is_err());
            assert!(Keys::new(&RepositoryKey::new([2; 32])).open("chunk/a", &sealed, 1 << 20).is_err());
            assert_ne!(keys.seal("chunk/a", &plain).unwrap(), sealed, "nonces are random");
        }
        let sealed = keys.seal("a", &[7; 200]).unwrap();
        for at in 0..sealed.len() {
            let mut damaged = sealed.to_vec();
            damaged[at] ^= 1;
            assert!(keys.open("a", &damaged, 1000).is_err() && keys.open("a", &sealed[..at], 1000).is_err());
        }
    }

    #[test]
    fn what_was_sealed_by_the_first_version_opens() {
        let keys = Keys::new(&RepositoryKey::new([1; 32]));
        let bytes = |hex: &str| -> Vec<u8> {
            (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
        };
        for (sealed, plain) in [
            ("01d49c3d650ec1ebad133ad307358dfa7081738beb050825d7784d4fae4a7b7cad5758", b"plain".to_vec()),
            (
                "01f67c0537fc41af2f72974f08427cdf7446096aaf6a9deb85cc9358d395a6f1bf034aad7d0e528ac92e4377dce1680f775016d4",
                vec![7; 200],
            ),
        ] {
            assert_eq!(keys.open("chunk/a", &bytes(sealed), 200).unwrap(), plain);
        }
    }

    #[test]
    fn what_shrinks_is_compressed_and_what_does_not_is_not() {
        let keys = Keys::new(&RepositoryKey::new([1; 32]));
        let stored = |plain: &[u8]| keys.seal("a", plain).unwrap().len();
        assert!(stored(&vec![5; 1 << 20]) < 1000);
        assert_eq!(stored(&noise(1 << 20)) as u64, (1 << 20) + SEALED_BYTES_MIN);
        assert_eq!(stored(b"") as u64, SEALED_BYTES_MIN);
        assert!(stored(&[noise(1 << 19), vec![0; 1 << 19]].concat()) < (1 << 19) + 5_000);
    }
}
