//! SUMMARY    Keys of backups and restores, and what a system key is: part of the registry.
//! INVARIANTS Those of `keys`. Every system key that is written anywhere decodes here: what does not is refused by a restore.

use super::{
    Builder, Key, SYSTEM, TENANT, TENANT_PREFIX_BYTES, be64, decode_copy, decode_due, decode_entitlement,
    decode_erased_pack, decode_erasure, decode_held, decode_node, decode_parked, decode_system_export,
    decode_system_migration, system_packs, system_staging,
};
use base::TenantId;
use store::{blob::PackRow, kv::KeyRange};

/// Until when a backup under way keeps packs.
pub(crate) fn system_backup(backup: u64) -> Key {
    Builder::new(SYSTEM).tag(b'b').u64(backup).done()
}
/// What marks of all backups begin with.
pub(crate) fn system_backups() -> Key {
    vec![SYSTEM, b'b']
}
/// Backup of such a key.
pub(crate) fn decode_backup(key: &[u8]) -> Option<u64> {
    (key.len() == 10).then(|| be64(key, 2)).flatten()
}
/// Stands while a store is being restored.
pub(crate) fn system_restoring() -> Key {
    vec![SYSTEM, b'z']
}

/// The whole of the system's keys.
pub(crate) fn system_all() -> KeyRange {
    KeyRange::prefix(&[SYSTEM])
}
/// The whole of the tenants' keys.
pub(crate) fn tenants_all() -> KeyRange {
    KeyRange::prefix(&[TENANT])
}
/// Keys of the tenants behind this one.
pub(crate) fn tenants_after(tenant: TenantId) -> KeyRange {
    KeyRange { from: KeyRange::prefix(&super::tenant_prefix(tenant)).to, to: tenants_all().to }
}
/// Tenant of an absolute key, and the key relative to it.
pub(crate) fn split_tenant(key: &[u8]) -> Option<(TenantId, &[u8])> {
    (key.first() == Some(&TENANT)).then_some(())?;
    Some((TenantId(be64(key, 1)?), key.get(TENANT_PREFIX_BYTES..)?))
}

/// What a system key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SystemRow {
    Domain,
    Signing,
    Entitlement,
    Address,
    Due,
    Parked,
    Pack(PackRow),
    Staging,
    Job,
    Store,
    Applied,
    Node,
    Held,
    Op,
    Master,
    Export,
    Migration,
    Erasure,
    ErasedPack,
    EventCounter,
    Event,
    Copy,
    Backup,
    Restoring,
}

/// Decodes a system key; `None` for a key the registry does not know.
pub(crate) fn decode_system(key: &[u8]) -> Option<SystemRow> {
    let (len, rest) = (key.len(), key.get(2..)?);
    (key.first() == Some(&SYSTEM)).then_some(())?;
    let row = |is: bool, row: SystemRow| is.then_some(row);
    match *key.get(1)? {
        b'd' => row(!rest.is_empty(), SystemRow::Domain),
        b'x' => row(!rest.is_empty(), SystemRow::Signing),
        b'e' => row(decode_entitlement(key).is_some(), SystemRow::Entitlement),
        b'r' => row(rest.iter().position(|byte| *byte == 0).is_some_and(|at| at > 0), SystemRow::Address),
        b'q' => row(decode_due(key).is_some(), SystemRow::Due),
        b'k' => row(decode_parked(key).is_some(), SystemRow::Parked),
        b'p' => PackRow::decode(key.strip_prefix(system_packs().as_slice())?).map(SystemRow::Pack),
        b'g' => row(is_staging(key), SystemRow::Staging),
        b'm' => row(!rest.is_empty(), SystemRow::Job),
        b'i' => row(len == 2, SystemRow::Store),
        b'n' => row(len == 2, SystemRow::Applied),
        b'h' => row(decode_node(key).is_some(), SystemRow::Node),
        b'l' => row(decode_held(key).is_some(), SystemRow::Held),
        b'o' => row(len == 10, SystemRow::Op),
        b'w' => row(len == 2, SystemRow::Master),
        b't' => row(decode_system_export(key).is_some(), SystemRow::Export),
        b'j' => row(decode_system_migration(key).is_some(), SystemRow::Migration),
        b'u' if decode_erased_pack(key).is_some() => Some(SystemRow::ErasedPack),
        b'u' => row(decode_erasure(key).is_some(), SystemRow::Erasure),
        b'v' if len == 2 => Some(SystemRow::EventCounter),
        b'v' => row(len == 10, SystemRow::Event),
        b'c' => row(decode_copy(key).is_some(), SystemRow::Copy),
        b'b' => row(decode_backup(key).is_some(), SystemRow::Backup),
        b'z' => row(len == 2, SystemRow::Restoring),
        _ => None,
    }
}

/// `S g` and the meta key of the blob that is staged.
fn is_staging(key: &[u8]) -> bool {
    let meta = key.strip_prefix(system_staging().as_slice()).and_then(split_tenant);
    meta.is_some_and(|(_, meta)| matches!(super::decode(meta), Some(super::Row::BlobMeta)))
}
