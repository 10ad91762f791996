//! SUMMARY    Segments: pieces of what an export is made of, each sealed under the export's key and kept as an object.
//! STANDARDS  NIST SP 800-38D (AES-256-GCM); BLAKE3
//! LIMITS     EXPORT_SEGMENT_BYTES
//! INVARIANTS The object is stored before its row. Its name has the lease under which it was put, so no two nodes write one
//!            name; what has no row is removed with the export. A segment that is made again has the same bytes, or the
//!            export fails: what was stored would be half of one file and half of another.

use super::{ExportFile, is_fetchable, lease::ExportLease, load};
use crate::{
    Accounts, Error, Result, keys,
    record::{self, ExportFileRecord, SegmentRecord},
    scope::{CanRead, TenantScope},
    txn::TenantTxn,
};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base::{JobId, Kind, TenantId, limits::EXPORT_SEGMENT_BYTES};
use bytes::Bytes;
use std::{ops::Range, sync::Arc};
use store::kv::Read;

const TAG_BYTES: usize = 16;
/// Streams of files have this bit, those of what goes on from them both, that of papers the other, those of listings none.
const FILES: u32 = 1 << 31;
const STATES: u32 = 1 << 30;

/// The key of one export.
pub(super) struct SegmentKey(LessSafeKey);

impl SegmentKey {
    pub(super) fn new(key: &[u8; 32]) -> Result<Self> {
        let key = UnboundKey::new(&AES_256_GCM, key).map_err(|_| Error::corrupt("key of an export"))?;
        Ok(SegmentKey(LessSafeKey::new(key)))
    }

    /// Sealed bytes, tag, nonce: in the memory of the plain ones. The same key seals fewer than 2^32 segments, each under a random nonce.
    pub(super) fn seal(&self, (stream, segment): (u32, u32), mut plain: Vec<u8>) -> Result<Bytes> {
        let mut nonce = [0_u8; NONCE_LEN];
        aws_lc_rs::rand::fill(&mut nonce).map_err(|_| Error::new(Kind::Unavailable, "no randomness"))?;
        let tag = self
            .0
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), aad(stream, segment), &mut plain)
            .map_err(|_| Error::corrupt("sealing a segment of an export"))?;
        plain.extend_from_slice(tag.as_ref());
        plain.extend_from_slice(&nonce);
        Ok(plain.into())
    }

    fn open(&self, (stream, segment): (u32, u32), sealed: &[u8]) -> Result<Vec<u8>> {
        let damaged = || Error::corrupt("a segment of an export is damaged");
        let at = sealed.len().checked_sub(NONCE_LEN).ok_or_else(damaged)?;
        let (sealed, nonce) = sealed.split_at_checked(at).ok_or_else(damaged)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| damaged())?;
        let mut out = sealed.to_vec();
        let plain = self.0.open_in_place(nonce, aad(stream, segment), &mut out).map_err(|_| damaged())?.len();
        out.truncate(plain);
        Ok(out)
    }
}

fn aad(stream: u32, segment: u32) -> Aad<[u8; 8]> {
    Aad::from(((u64::from(stream) << 32) | u64::from(segment)).to_be_bytes())
}

/// What segments are cut from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Rows of an account, by its number in the export.
    Rows(u32),
    /// What changed while they were read, and what the account's mailboxes are.
    Changed(u32),
    /// A file of the export, by its number.
    File(u32),
    /// With what the next one is begun: the writer's.
    State(u32),
    /// What the control plane told to go beside the mail.
    Papers,
}

impl Stream {
    pub(super) fn number(self) -> u32 {
        match self {
            Stream::Rows(account) => account << 1,
            Stream::Changed(account) => (account << 1) | 1,
            Stream::File(file) => file | FILES,
            Stream::State(file) => file | FILES | STATES,
            Stream::Papers => STATES,
        }
    }
}

/// A file of an export that is complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndedFile {
    pub name: String,
    pub bytes: u64,
    pub sha256: [u8; 32],
    /// Listed emails that are in this file or one before.
    pub rows: u64,
    /// Problems in this file or one before.
    pub problems: u64,
}

impl EndedFile {
    pub(super) fn of(record: ExportFileRecord) -> Result<Self> {
        let ExportFile { name, bytes, sha256 } = super::file(record.clone())?;
        Ok(EndedFile { name, bytes, sha256, rows: record.rows, problems: record.problems })
    }
}

/// What was written since the last segment, for the view of the export.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    pub emails: u64,
    pub bytes: u64,
}

fn prefix(tenant: TenantId, job: JobId) -> String {
    format!("exports/{:016x}/{:016x}/", tenant.0, job.0)
}

impl Accounts {
    /// What the names of all objects of a tenant's exports begin with.
    pub(crate) fn export_objects(tenant: TenantId) -> String {
        format!("exports/{:016x}/", tenant.0)
    }
}

pub(super) fn object(tenant: TenantId, job: JobId, (stream, segment): (u32, u32), token: u64) -> String {
    format!("{}{stream:08x}-{segment:08x}-{token:x}", prefix(tenant, job))
}

/// Runs what takes milliseconds where nobody waits behind it.
pub(super) async fn apart<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|e| Error::new(Kind::Unavailable, e.to_string()))?
}

impl ExportLease {
    /// Stores a segment, EXPORT_SEGMENT_BYTES of a stream (its last one has fewer), and notes what is done. One that was stored
    /// before is compared. Errors: `Corrupt` (it has other bytes now), `TooOld` (a peer has the export).
    pub async fn put_segment(&self, stream: Stream, segment: u32, plain: Vec<u8>, done: Progress) -> Result<()> {
        if plain.len() > EXPORT_SEGMENT_BYTES {
            return Err(Error::limit("EXPORT_SEGMENT_BYTES"));
        }
        let place = (stream.number(), segment);
        let row = keys::export_segment(self.job(), place.0, place.1);
        let stored = {
            let mut txn = self.accounts().0.kv.begin_read();
            TenantTxn::new(&mut *txn, self.tenant()).get_snapshot(&row).await?
        };
        let bytes = u32::try_from(plain.len()).unwrap_or(u32::MAX);
        let key = self.key.clone().ok_or_else(|| Error::not_found("key of the export"))?;
        let is_stored = stored.is_some();
        let (hash, sealed) = apart(move || {
            let hash = blake3::hash(&plain);
            Ok((hash, if is_stored { Bytes::new() } else { key.seal(place, plain)? }))
        })
        .await?;
        if let Some(stored) = stored {
            let stored: SegmentRecord = record::decode(&stored, "segment of an export")?;
            if stored.hash != hash.as_bytes() {
                return Err(Error::corrupt("what is exported is not what it was when the export was begun"));
            }
            return Ok(());
        }
        if self.reviews {
            return Err(Error::corrupt("a segment of the export is missing"));
        }
        // What is beside the store must leave it the room that deletions need.
        if !self.accounts().0.objects.is_far() {
            self.accounts().check_room()?;
        }
        let name = object(self.tenant(), self.job(), place, self.token);
        self.accounts().0.objects.put(&name, sealed).await.map_err(store::blob::BlobError::from)?;
        let segment = SegmentRecord { token: self.token, bytes, hash: hash.as_bytes().to_vec(), attempt: 0 };
        self.note(&[(row, record::encode(&segment))], |record, _| {
            record.emails_done += done.emails;
            record.bytes_done += done.bytes;
        })
        .await
        .map(|_| ())
    }

    /// Plain bytes of a segment; `None`: there is none of this number.
    pub async fn segment(&self, stream: Stream, segment: u32) -> Result<Option<Bytes>> {
        let place = (stream.number(), segment);
        let key = self.key.clone().ok_or_else(|| Error::not_found("key of the export"))?;
        self.accounts().open_segment(self.tenant(), self.job(), key, place).await
    }

    /// Forgets the segments of a stream: it is begun anew.
    pub async fn clear_stream(&self, stream: Stream) -> Result<()> {
        let (accounts, tenant, job) = (self.accounts(), self.tenant(), self.job());
        let range = keys::export_stream(job, stream.number());
        crate::unit_of_work!(accounts, &[], accounts.op(), work => {
            TenantTxn::new(work.txn(), tenant).clear_range(&range);
            Ok(())
        })
    }

    /// Removes every object of the export, also those that nothing names.
    pub(super) async fn remove_objects(&self) -> Result<()> {
        let objects = &self.accounts().0.objects;
        loop {
            let found = objects.list(&prefix(self.tenant(), self.job())).await;
            let found = found.map_err(store::blob::BlobError::from)?;
            if found.is_empty() {
                return Ok(());
            }
            for object in found {
                objects.delete(&object.name).await.map_err(store::blob::BlobError::from)?;
            }
        }
    }
}

impl Accounts {
    async fn open_segment(
        &self,
        tenant: TenantId,
        job: JobId,
        key: Arc<SegmentKey>,
        place: (u32, u32),
    ) -> Result<Option<Bytes>> {
        let mut txn = self.0.kv.begin_read();
        let row = keys::export_segment(job, place.0, place.1);
        let Some(stored) = TenantTxn::new(&mut *txn, tenant).get_snapshot(&row).await? else { return Ok(None) };
        drop(txn);
        let stored: SegmentRecord = record::decode(&stored, "segment of an export")?;
        let name = object(tenant, job, place, stored.token);
        let bytes = u64::from(stored.bytes) + (NONCE_LEN + TAG_BYTES) as u64;
        let sealed = self.0.objects.get(&name, 0..bytes).await.map_err(store::blob::BlobError::from)?;
        apart(move || {
            let plain = key.open(place, &sealed)?;
            match blake3::hash(&plain).as_bytes() == stored.hash.as_slice() {
                true => Ok(Some(plain.into())),
                false => Err(Error::corrupt("a segment of an export is damaged")),
            }
        })
        .await
    }

    /// Bytes of a file of an export that is ready, from `range.start` on: EXPORT_SEGMENT_BYTES at most, empty behind its end. `NotFound`: the
    /// export or the file is not there, or not any more.
    pub async fn export_bytes<R: CanRead>(
        &self,
        scope: &TenantScope<R>,
        job: JobId,
        name: &str,
        range: Range<u64>,
    ) -> Result<Bytes> {
        let tenant = scope.tenant();
        let mut txn = self.0.kv.begin_read();
        let mut own = TenantTxn::new(&mut *txn, tenant);
        let record = load(&mut own, job).await?;
        if !is_fetchable(&record, self.clock().now()) {
            return Err(Error::not_found("file of the export"));
        }
        let files = own.all(&keys::export_files(job), Read::Snapshot).await?;
        drop(txn);
        let mut found = None;
        for (key, value) in &files {
            let file: ExportFileRecord = record::decode(value, "file of an export")?;
            if file.name == name {
                found = keys::be32(key, 10).map(|number| (number, file.bytes));
            }
        }
        let (number, bytes) = found.ok_or_else(|| Error::not_found("file of the export"))?;
        let (from, to) = (range.start, range.end.min(bytes));
        if from >= to {
            return Ok(Bytes::new());
        }
        let key = Arc::new(SegmentKey::new(&self.unwrap_key(tenant, &record.key)?)?);
        let size = EXPORT_SEGMENT_BYTES as u64;
        let segment = u32::try_from(from / size).map_err(|_| Error::limit("EXPORT_SEGMENT_BYTES"))?;
        let place = (Stream::File(number).number(), segment);
        let plain = self.open_segment(tenant, job, key, place).await?;
        let plain = plain.ok_or_else(|| Error::corrupt("a file of an export lacks a segment"))?;
        let start = usize::try_from(from % size).unwrap_or(usize::MAX).min(plain.len());
        let end = start.saturating_add(usize::try_from(to - from).unwrap_or(usize::MAX)).min(plain.len());
        Ok(plain.slice(start..end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_opens_at_its_place_alone_and_unchanged() {
        let key = SegmentKey::new(&[7; 32]).unwrap();
        let sealed = key.seal((3, 9), b"bytes".to_vec()).unwrap();
        assert_eq!(key.open((3, 9), &sealed).unwrap(), b"bytes");
        assert!(key.open((3, 8), &sealed).is_err() && key.open((2, 9), &sealed).is_err());
        assert!(SegmentKey::new(&[8; 32]).unwrap().open((3, 9), &sealed).is_err());
        for at in 0..sealed.len() {
            let mut damaged = sealed.to_vec();
            damaged[at] ^= 1;
            assert!(key.open((3, 9), &damaged).is_err());
        }
        assert!(key.open((3, 9), b"").is_err() && key.open((3, 9), &[0; NONCE_LEN]).is_err());
        assert_ne!(key.seal((3, 9), b"bytes".to_vec()).unwrap(), sealed, "nonces are random");
    }

    #[test]
    fn streams_have_numbers_of_their_own() {
        let mut numbers = Vec::new();
        for n in 0..20 {
            numbers
                .extend([Stream::Rows(n), Stream::Changed(n), Stream::File(n), Stream::State(n)].map(Stream::number));
        }
        numbers.push(Stream::Papers.number());
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), 81);
        assert!(store::blob::validate_name(&object(TenantId(u64::MAX), JobId(1), (2, 3), u64::MAX)).is_ok());
    }
}
