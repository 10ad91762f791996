//! SUMMARY    Immutable bytes, content-addressed within a tenant: compressed, encrypted, first in the Kv, later in packs; big
//!            ones may be in packs from the beginning.
//! SECURITY   Reference and keys derive from the tenant's own key, so no two tenants share a blob, and destroying the key
//!            destroys the content. Nothing here tells a tenant whether another one stores the same bytes.
//! LIMITS     BLOB_CHUNK_BYTES_MAX, BLOB_INLINE_BYTES_MAX, BLOB_BYTES_MAX, BLOB_AHEAD_*, PACK_BYTES_*, BLOB_FLIPS_MAX
//! INVARIANTS A blob exists iff its meta record does. While a link stands its bytes can be read, at every instant of packing,
//!            compaction and sweeping. Bytes are durable before anything refers to them.

mod backup;
mod compact;
mod flip;
mod key;
pub mod limits;
mod objects;
mod owned;
mod pack;
mod packer;
mod record;
mod row_stage;
mod rows;
mod seal;
mod shed;
mod space;
mod stage;
mod sweep;

pub use backup::{PackObject, PackRow, check_pack, decode_mark, encode_mark, live_key, lives, pack_infos};
pub use compact::{Compacted, compact};
pub use key::TenantKey;
pub use objects::{FsObjects, ObjectInfo, Objects, ObjectsError, validate_name};
pub use owned::{OwnedObjects, store_id};
pub use packer::{Packed, Packer, Packing, pack};
pub use record::{BlobMeta, Location, PackId};
pub use rows::{data_range, get, is_data_owned, is_located, link, meta, put, relink, unlink};
pub use seal::Sealed;
pub use shed::{Shed, abandon, shed};
pub use space::{BlobSpace, pack_of_object};
pub use stage::Stager;
pub use sweep::{Swept, sweep};

use crate::{
    kv::{CommitError, Kv, ReadError},
    retry::{self, BodyError, Retry},
};
use base::{
    Clock, OpId, Rng,
    limits::{BLOB_STAGE_MS_MAX, PACK_GRACE_MS},
};
use std::{fmt, sync::Arc, time::Duration};

/// Address of a blob within its tenant: keyed hash of the plain bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BlobRef(pub [u8; 32]);

impl fmt::Display for BlobRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for BlobRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlobRef({self})")
    }
}

/// Why a blob operation failed.
#[derive(Debug)]
pub enum BlobError {
    /// No such blob in this tenant.
    NotFound,
    /// Stored bytes are not what they should be; the log says which.
    Corrupt(&'static str),
    /// A big blob's staging has been swept or overtaken, or never was: stage it (again).
    NotStaged,
    Read(ReadError),
    Commit(CommitError),
    Objects(ObjectsError),
}

impl fmt::Display for BlobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BlobError::NotFound => f.write_str("no such blob"),
            BlobError::Corrupt(what) => write!(f, "damaged blob: {what}"),
            BlobError::NotStaged => f.write_str("the blob is not staged; stage it again"),
            BlobError::Read(why) => why.fmt(f),
            BlobError::Commit(why) => why.fmt(f),
            BlobError::Objects(why) => why.fmt(f),
        }
    }
}

impl std::error::Error for BlobError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            BlobError::Read(why) => Some(why),
            BlobError::Commit(why) => Some(why),
            BlobError::Objects(why) => Some(why),
            BlobError::NotFound | BlobError::Corrupt(_) | BlobError::NotStaged => None,
        }
    }
}

impl From<retry::Error> for BlobError {
    fn from(why: retry::Error) -> Self {
        match why {
            retry::Error::Read(why) => BlobError::Read(why),
            retry::Error::Commit(why) | retry::Error::Exhausted(why) => BlobError::Commit(why),
        }
    }
}
impl From<ReadError> for BlobError {
    fn from(why: ReadError) -> Self {
        BlobError::Read(why)
    }
}
impl From<CommitError> for BlobError {
    fn from(why: CommitError) -> Self {
        BlobError::Commit(why)
    }
}
impl From<ObjectsError> for BlobError {
    fn from(why: ObjectsError) -> Self {
        BlobError::Objects(why)
    }
}
impl BodyError for BlobError {
    fn is_too_old(&self) -> bool {
        matches!(self, BlobError::Read(ReadError::TooOld))
    }
}

/// What packing, compaction and sweeping work on. A run may be dropped at any await, as it may crash anywhere. Packs are shared by all tenants: a small tenant fills none by itself.
pub struct Maintenance<'a> {
    pub kv: &'a Arc<dyn Kv>,
    pub objects: &'a dyn Objects,
    pub clock: &'a dyn Clock,
    pub rng: &'a dyn Rng,
    /// As in every `BlobSpace`.
    pub pack_prefix: &'a [u8],
    /// As in every `BlobSpace`.
    pub staging_prefix: &'a [u8],
    /// Under it stand the marks of backups under way (`encode_mark`): while one is not over, no pack is given up.
    pub backup_prefix: &'a [u8],
    pub pace: Pace,
}

/// How fast maintenance goes, and how long it lets things lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Rest after every page that was read and every transaction that turned metas.
    pub pause: Duration,
    /// Age after which a staging without its blob, or a pack without a blob, is given up.
    pub abandoned_after: Duration,
    /// Time an object outlives its last blob. Longer than any read takes.
    pub grace: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Pace {
            pause: Duration::ZERO,
            abandoned_after: Duration::from_millis(BLOB_STAGE_MS_MAX),
            grace: Duration::from_millis(PACK_GRACE_MS),
        }
    }
}

impl Pace {
    async fn rest(&self) {
        if !self.pause.is_zero() {
            tokio::time::sleep(self.pause).await;
        }
    }
}

impl Maintenance<'_> {
    /// A retry loop for one bounded step. Every step can be repeated: it changes only what it still finds as it was.
    fn retry(&self) -> Retry<'_> {
        Retry { kv: self.kv, op: OpId(self.rng.next_u64()), done_prefix: None, rng: self.rng }
    }
}
