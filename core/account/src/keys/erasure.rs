//! SUMMARY    Keys of tenants that are erased, and of what system rows have of a tenant: part of the registry.
//! INVARIANTS Those of `keys`.

use super::{Builder, Key, SYSTEM, be64, system_staging, tenant_prefix};
use base::TenantId;
use store::{blob::PackId, kv::KeyRange};

/// What is noted of the erasure of a tenant.
pub(crate) fn system_erasure(tenant: TenantId) -> Key {
    Builder::new(SYSTEM).tag(b'u').u64(tenant.0).done()
}
/// Those of all tenants, with their packs.
pub(crate) fn system_erasures() -> KeyRange {
    KeyRange::prefix(&[SYSTEM, b'u'])
}
/// Tenant of such a key; `None` for the key of a pack.
pub(crate) fn decode_erasure(key: &[u8]) -> Option<TenantId> {
    (key.len() == 10).then(|| be64(key, 2).map(TenantId)).flatten()
}
/// A pack that held bytes of an erased tenant.
pub(crate) fn system_erased_pack(tenant: TenantId, pack: PackId) -> Key {
    Builder::new(SYSTEM).tag(b'u').u64(tenant.0).bytes(&pack.0).done()
}
/// All of them of one tenant.
pub(crate) fn system_erased_packs(tenant: TenantId) -> KeyRange {
    let own = system_erasure(tenant);
    KeyRange { from: [own.as_slice(), &[0]].concat(), to: KeyRange::prefix(&own).to }
}
/// Pack of such a key.
pub(crate) fn decode_erased_pack(key: &[u8]) -> Option<PackId> {
    (key.len() == 26).then_some(())?;
    key.last_chunk().map(|pack| PackId(*pack))
}
/// System rows whose keys begin with the tenant: due, parked, exports, migrations, copies, stagings.
pub(crate) fn system_rows_of(tenant: TenantId) -> Vec<KeyRange> {
    let own = |tag| KeyRange::prefix(&Builder::new(SYSTEM).tag(tag).u64(tenant.0).done());
    let staged = [system_staging().as_slice(), &tenant_prefix(tenant)].concat();
    let mut ranges = vec![own(b'q'), own(b'k'), own(b't'), own(b'j'), own(b'c')];
    ranges.push(KeyRange::prefix(&staged));
    ranges
}
/// Everything that nodes hold.
pub(crate) fn system_held_all() -> KeyRange {
    KeyRange::prefix(&[SYSTEM, b'l'])
}
/// Domains of all tenants.
pub(crate) fn system_domains() -> KeyRange {
    KeyRange::prefix(&[SYSTEM, b'd'])
}
/// Keys that sign for domains of all tenants.
pub(crate) fn system_signings() -> KeyRange {
    KeyRange::prefix(&[SYSTEM, b'x'])
}
/// Addresses of all tenants.
pub(crate) fn system_addresses() -> KeyRange {
    KeyRange::prefix(&[SYSTEM, b'r'])
}
/// Everything of a tenant, relative to it.
pub(crate) fn whole_tenant() -> KeyRange {
    KeyRange { from: vec![0], to: vec![0xff; 2] }
}
