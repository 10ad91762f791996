//! SUMMARY    Keys of the blob tier, under prefixes that `account` gives.
//! INVARIANTS No two of the prefixes are a prefix of one another. Keys of a blob sort by its reference.

use super::{BlobError, BlobRef, PackId};
use crate::kv::KeyRange;

/// Absolute key prefixes of one tenant's blobs; made by the owner of the key registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobSpace {
    /// `<meta><ref 32>` -> BlobMeta
    pub meta_prefix: Vec<u8>,
    /// `<data><ref 32><block u32>` -> sealed block, while not packed
    pub data_prefix: Vec<u8>,
    /// `<link><ref 32><owner>` -> ()
    pub link_prefix: Vec<u8>,
    /// `<pack>i<id>` -> info, `<pack>l<id>` -> live bytes, `<pack>d<id>` -> dead since; shared by all tenants
    pub pack_prefix: Vec<u8>,
    /// `<staging><meta key>` -> staging under way; shared by all tenants
    pub staging_prefix: Vec<u8>,
}

impl BlobSpace {
    pub(super) fn meta_key(&self, blob: &BlobRef) -> Vec<u8> {
        [&self.meta_prefix, blob.0.as_slice()].concat()
    }

    /// What all data keys of a blob start with.
    pub(super) fn data_of(&self, blob: &BlobRef) -> Vec<u8> {
        [&self.data_prefix, blob.0.as_slice()].concat()
    }

    pub(super) fn data_key(&self, blob: &BlobRef, block: usize) -> Vec<u8> {
        block_key(&self.data_of(blob), block)
    }

    pub(super) fn link_key(&self, blob: &BlobRef, owner: &[u8]) -> Vec<u8> {
        [&self.link_prefix, blob.0.as_slice(), owner].concat()
    }

    pub(super) fn link_range(&self, blob: &BlobRef) -> KeyRange {
        KeyRange::prefix(&[&self.link_prefix, blob.0.as_slice()].concat())
    }

    pub(super) fn staging_key(&self, blob: &BlobRef) -> Vec<u8> {
        [&self.staging_prefix, self.meta_key(blob).as_slice()].concat()
    }
}

pub(super) fn block_key(data_of: &[u8], block: usize) -> Vec<u8> {
    let number = u32::try_from(block).unwrap_or(u32::MAX);
    [data_of, &number.to_be_bytes()].concat()
}

/// The reference at the end of a meta key.
pub(super) fn blob_of_meta_key(key: &[u8]) -> Result<BlobRef, BlobError> {
    key.last_chunk().map(|blob| BlobRef(*blob)).ok_or(BlobError::Corrupt("meta key"))
}

/// Kinds of pack keys.
pub(super) const INFO: u8 = b'i';
pub(super) const LIVE: u8 = b'l';
pub(super) const DEAD: u8 = b'd';

pub(super) fn pack_key(pack_prefix: &[u8], kind: u8, pack: &PackId) -> Vec<u8> {
    [pack_prefix, &[kind], &pack.0].concat()
}

pub(super) fn pack_range(pack_prefix: &[u8], kind: u8) -> KeyRange {
    KeyRange::prefix(&[pack_prefix, &[kind]].concat())
}

/// What is wrong with the record under `store_key` when it is no id.
pub(super) const STORE: &str = "id of the store";

/// Which store this is.
pub(super) fn store_key(pack_prefix: &[u8]) -> Vec<u8> {
    [pack_prefix, b"s"].concat()
}

/// The pack at the end of a pack key.
pub(super) fn pack_of_key(key: &[u8]) -> Result<PackId, BlobError> {
    key.last_chunk().map(|id| PackId(*id)).ok_or(BlobError::Corrupt("pack key"))
}

/// Names of pack objects start with it.
pub(super) const OBJECTS_PREFIX: &str = "packs/";

pub(super) fn object_name(pack: &PackId) -> String {
    format!("{OBJECTS_PREFIX}{pack}.pack")
}

/// The pack that an object holds.
pub fn pack_of_object(name: &str) -> Option<PackId> {
    let hex = name.strip_prefix(OBJECTS_PREFIX)?.strip_suffix(".pack")?;
    let number = u128::from_str_radix(hex, 16).ok().filter(|_| hex.len() == 32)?;
    Some(PackId(number.to_be_bytes()))
}
