//! SUMMARY    Packs as a backup and a restore see them: which ones blobs live in, what their objects are, and that none goes while
//!            a backup copies it.
//! INVARIANTS A pack that a snapshot's metas refer to has its info in the snapshot. It is given up only by a transaction that has read
//!            every mark of a backup under way, so one that was set before the snapshot was taken keeps the pack.

use super::{
    BlobError, Maintenance, PackId,
    pack::{blob_in, parse},
    record::{PackInfo, decode},
    space::{DEAD, INFO, LIVE, object_name, pack_key, pack_of_key, pack_range},
};
use crate::{
    kv::{KeyRange, KvTxn, PageLimit, Read},
    layer::decode_i64,
};
use base::Timestamp;

/// The object of a pack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackObject {
    pub pack: PackId,
    /// As `Objects` has it.
    pub name: String,
    pub bytes: u64,
}

impl PackObject {
    /// Of an info row.
    pub fn of_row(key: &[u8], value: &[u8]) -> Result<Self, BlobError> {
        let (pack, info): (_, PackInfo) = (pack_of_key(key)?, decode(value)?);
        Ok(PackObject { pack, name: object_name(&pack), bytes: info.object_bytes })
    }
}

/// What the row of a pack is, by its key behind the prefix of packs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PackRow {
    Info(PackId),
    Live(PackId),
    Dead(PackId),
    /// Which store the objects belong to.
    Store,
}

impl PackRow {
    pub fn decode(rest: &[u8]) -> Option<PackRow> {
        let (kind, id) = rest.split_first()?;
        if (*kind, id.len()) == (b's', 0) {
            return Some(PackRow::Store);
        }
        let pack = PackId(id.try_into().ok()?);
        match *kind {
            INFO => Some(PackRow::Info(pack)),
            LIVE => Some(PackRow::Live(pack)),
            DEAD => Some(PackRow::Dead(pack)),
            _ => None,
        }
    }
}

/// Info rows of all packs.
pub fn pack_infos(pack_prefix: &[u8]) -> KeyRange {
    pack_range(pack_prefix, INFO)
}

/// Where the live bytes of a pack are counted.
pub fn live_key(pack_prefix: &[u8], pack: &PackId) -> Vec<u8> {
    pack_key(pack_prefix, LIVE, pack)
}

/// Whether that count says that a blob lives in the pack.
pub fn lives(count: &[u8]) -> bool {
    decode_i64(count) > 0
}

/// Whether a whole pack object can be read: its index and every blob in it match their checksums. `Corrupt` says what does not.
pub fn check_pack(object: &[u8]) -> Result<(), BlobError> {
    parse(object)?.iter().try_for_each(|entry| blob_in(object, entry).map(|_| ()))
}

/// Until when a mark keeps packs, milliseconds; as the value of its row.
pub fn encode_mark(until: Timestamp) -> [u8; 8] {
    until.0.to_be_bytes()
}

pub fn decode_mark(value: &[u8]) -> Result<Timestamp, BlobError> {
    value.try_into().map(i64::from_be_bytes).map(Timestamp).map_err(|_| BlobError::Corrupt("mark of a backup"))
}

/// Whether a backup under way needs every pack that stands; the transaction conflicts with one that begins.
pub(super) async fn is_backed_up(on: &Maintenance<'_>, txn: &mut dyn KvTxn) -> Result<bool, BlobError> {
    let now = on.clock.now();
    let marks = txn.range(&KeyRange::prefix(on.backup_prefix), PageLimit::MAX, false, Read::Serializable).await?;
    for (_, until) in &marks.rows {
        if decode_mark(until)? > now {
            return Ok(true);
        }
    }
    // More marks than a page holds are none that anybody made: what keeps packs too long does no harm.
    Ok(marks.more)
}
