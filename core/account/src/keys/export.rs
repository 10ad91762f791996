//! SUMMARY    Keys of exports: part of the registry.
//! INVARIANTS Those of `keys`.

use super::{Builder, Key, Row, SYSTEM, be32, be64, behind};
use base::{JobId, TenantId};
use store::kv::KeyRange;

/// An export that is not shredded.
pub(crate) fn system_export(tenant: TenantId, job: JobId) -> Key {
    Builder::new(SYSTEM).tag(b't').u64(tenant.0).u64(job.0).done()
}
/// All of them behind this one.
pub(crate) fn system_exports_after(last: Option<(TenantId, JobId)>) -> KeyRange {
    let all = KeyRange::prefix(&[SYSTEM, b't']);
    let from = last.map_or(all.from, |(tenant, job)| behind(Builder::new(SYSTEM).tag(b't').u64(tenant.0).u64(job.0)));
    KeyRange { from, to: all.to }
}
/// All of one tenant.
pub(crate) fn system_exports_of(tenant: TenantId) -> KeyRange {
    KeyRange::prefix(&Builder::new(SYSTEM).tag(b't').u64(tenant.0).done())
}
/// Tenant and job of such a key.
pub(crate) fn decode_system_export(key: &[u8]) -> Option<(TenantId, JobId)> {
    (key.len() == 18).then_some(())?;
    Some((TenantId(be64(key, 2)?), JobId(be64(key, 10)?)))
}

fn of_export(job: JobId, tag: u8) -> Builder {
    Builder::new(b'x').u64(job.0).tag(tag)
}
pub(crate) fn export(job: JobId) -> Key {
    of_export(job, b'j').done()
}
/// Everything of all exports.
pub(crate) fn exports() -> KeyRange {
    KeyRange::prefix(b"x")
}
/// Everything of exports behind this one.
pub(crate) fn exports_after(job: JobId) -> KeyRange {
    KeyRange { from: behind(Builder::new(b'x').u64(job.0)), to: exports().to }
}
/// Everything of one export.
pub(crate) fn export_all(job: JobId) -> KeyRange {
    KeyRange::prefix(&Builder::new(b'x').u64(job.0).done())
}
pub(crate) fn export_account(job: JobId, number: u32) -> Key {
    of_export(job, b'a').u32(number).done()
}
pub(crate) fn export_accounts(job: JobId) -> KeyRange {
    KeyRange::prefix(&of_export(job, b'a').done())
}
pub(crate) fn export_file(job: JobId, number: u32) -> Key {
    of_export(job, b'f').u32(number).done()
}
pub(crate) fn export_files(job: JobId) -> KeyRange {
    KeyRange::prefix(&of_export(job, b'f').done())
}
pub(crate) fn export_segment(job: JobId, stream: u32, segment: u32) -> Key {
    of_export(job, b's').u32(stream).u32(segment).done()
}
/// Segments of one stream.
pub(crate) fn export_stream(job: JobId, stream: u32) -> KeyRange {
    KeyRange::prefix(&of_export(job, b's').u32(stream).done())
}
/// What a key of an export is.
pub(super) fn decode(key: &[u8]) -> Option<Row> {
    let (job, len) = (JobId(be64(key, 1)?), key.len());
    match *key.get(9)? {
        b'j' if len == 10 => Some(Row::Export(job)),
        b'a' if len == 14 => Some(Row::ExportAccount(job, be32(key, 10)?)),
        b'f' if len == 14 => Some(Row::ExportFile(job, be32(key, 10)?)),
        b's' if len == 18 => Some(Row::ExportSegment(job, be32(key, 10)?, be32(key, 14)?)),
        _ => None,
    }
}
