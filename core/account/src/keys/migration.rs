//! SUMMARY    Keys of migrations from other providers as jobs: part of the registry. What they remember of messages is in `migrate`.
//! INVARIANTS Those of `keys`.

use super::{Builder, Key, SYSTEM, be64, behind};
use base::{JobId, TenantId};
use store::kv::KeyRange;

/// A migration that has not ended.
pub(crate) fn system_migration(tenant: TenantId, job: JobId) -> Key {
    Builder::new(SYSTEM).tag(b'j').u64(tenant.0).u64(job.0).done()
}
/// All of them behind this one.
pub(crate) fn system_migrations_after(last: Option<(TenantId, JobId)>) -> KeyRange {
    let all = KeyRange::prefix(&[SYSTEM, b'j']);
    let from = last.map_or(all.from, |(tenant, job)| behind(Builder::new(SYSTEM).tag(b'j').u64(tenant.0).u64(job.0)));
    KeyRange { from, to: all.to }
}
/// All of one tenant.
pub(crate) fn system_migrations_of(tenant: TenantId) -> KeyRange {
    KeyRange::prefix(&Builder::new(SYSTEM).tag(b'j').u64(tenant.0).done())
}
/// Tenant and job of such a key.
pub(crate) fn decode_system_migration(key: &[u8]) -> Option<(TenantId, JobId)> {
    (key.len() == 18).then_some(())?;
    Some((TenantId(be64(key, 2)?), JobId(be64(key, 10)?)))
}
/// Those of a tenant, also such that have ended.
pub(crate) fn migrations() -> KeyRange {
    KeyRange::prefix(b"j")
}
pub(crate) fn migration(job: JobId) -> Key {
    Builder::new(b'j').u64(job.0).done()
}
