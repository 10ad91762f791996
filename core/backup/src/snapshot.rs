//! SUMMARY    A snapshot that exists: its facts, its streams, its objects.
//! LIMITS     LISTED_MAX, SNAPSHOTS_MAX
//! INVARIANTS Tables are read page by page; one stream of a hundred thousand is found by reading as many pages as the table has levels.

use crate::{
    DepotError, Error, KeyRange, Repository, Result, RowReader, SnapshotId, Totals,
    limits::{LISTED_MAX, SNAPSHOTS_MAX},
    manifest::{MANIFEST_VERSION, Manifest, ObjectEntry, SNAPSHOTS, StreamEntry},
    object,
    tree::Node,
};
use base::Timestamp;
use bytes::Bytes;
use prost::Message;
use std::{collections::BTreeMap, fmt};

/// A snapshot of a repository.
#[derive(Clone)]
pub struct Snapshot {
    pub(crate) repo: Repository,
    id: SnapshotId,
    pub(crate) manifest: Manifest,
}

/// A stream of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamInfo {
    pub name: String,
    pub kind: String,
    pub rows: u64,
    /// Of keys and values.
    pub bytes: u64,
}

/// An object of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectInfo {
    pub name: String,
    pub bytes: u64,
    /// BLAKE3.
    pub digest: [u8; 32],
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot").field("id", &self.id).field("totals", &self.totals()).finish_non_exhaustive()
    }
}

impl Repository {
    /// Ids of all snapshots, the oldest first. What is no snapshot's name is passed over; `verify` tells of it.
    pub async fn snapshots(&self) -> Result<Vec<SnapshotId>> {
        let mut ids = Vec::new();
        self.each(SNAPSHOTS, |found| {
            ids.extend(found.name.strip_prefix(SNAPSHOTS).and_then(|id| id.parse().ok()));
            if ids.len() > SNAPSHOTS_MAX { Err(Error::Limit("SNAPSHOTS_MAX")) } else { Ok(()) }
        })
        .await?;
        Ok(ids)
    }

    /// Errors: `NoSnapshot`, `Damaged`, `NewerFormat`.
    pub async fn snapshot(&self, id: &SnapshotId) -> Result<Snapshot> {
        let manifest: Manifest = match self.message(&id.place()).await {
            Err(Error::Depot(DepotError::Missing(_))) => return Err(Error::NoSnapshot(id.to_string())),
            manifest => manifest?,
        };
        if manifest.version > MANIFEST_VERSION {
            return Err(Error::NewerFormat(manifest.version));
        }
        match manifest.id == id.as_str() {
            true => Ok(Snapshot::new(self.clone(), id.clone(), manifest)),
            false => Err(Error::damaged(id.place(), "it is the manifest of another snapshot")),
        }
    }

    /// The snapshot that was begun last; `None`: there is none.
    pub async fn latest(&self) -> Result<Option<Snapshot>> {
        match self.snapshots().await?.last() {
            Some(id) => Ok(Some(self.snapshot(id).await?)),
            None => Ok(None),
        }
    }
}

/// A row of the table of streams.
pub(crate) fn stream_entry(key: &[u8], value: &[u8]) -> Result<(String, StreamEntry)> {
    let damaged = || Error::damaged("a table of streams", "an entry says nothing that is understood");
    let name = String::from_utf8(key.to_vec()).map_err(|_| damaged())?;
    Ok((name, StreamEntry::decode(value).map_err(|_| damaged())?))
}

fn object_info((name, entry): (String, ObjectEntry)) -> Result<ObjectInfo> {
    let digest = <[u8; 32]>::try_from(entry.digest.as_slice());
    let digest = digest.map_err(|_| Error::damaged("a table of objects", "an entry has no digest"))?;
    Ok(ObjectInfo { name, bytes: entry.bytes, digest })
}

impl Snapshot {
    pub(crate) fn new(repo: Repository, id: SnapshotId, manifest: Manifest) -> Self {
        Snapshot { repo, id, manifest }
    }

    pub fn id(&self) -> &SnapshotId {
        &self.id
    }

    pub fn started(&self) -> Timestamp {
        Timestamp(self.manifest.started)
    }

    pub fn finished(&self) -> Timestamp {
        Timestamp(self.manifest.finished)
    }

    /// What whoever made it said of it.
    pub fn facts(&self) -> &BTreeMap<String, String> {
        &self.manifest.facts
    }

    pub fn totals(&self) -> Totals {
        self.manifest.totals.unwrap_or_default()
    }

    /// Streams by name: those behind `after`, at most `limit` (and LISTED_MAX). An empty answer: there are no more.
    pub async fn streams(&self, after: Option<&str>, limit: usize) -> Result<Vec<StreamInfo>> {
        let rows = self.page(self.manifest.streams.clone(), after, limit).await?;
        rows.into_iter()
            .map(|(key, value)| {
                let (name, entry) = stream_entry(&key, &value)?;
                let weight = entry.weight();
                Ok(StreamInfo { name, kind: entry.kind, rows: weight.rows, bytes: weight.bytes })
            })
            .collect()
    }

    /// Objects by name, as `streams`.
    pub async fn objects(&self, after: Option<&str>, limit: usize) -> Result<Vec<ObjectInfo>> {
        let rows = self.page(self.manifest.objects.clone(), after, limit).await?;
        rows.into_iter().map(|(key, value)| object_info(object::entry(&key, &value)?)).collect()
    }

    /// Rows of a stream whose keys are in any of the ranges (`KeyRange::all()`: all of them). Errors: `NoStream`.
    pub async fn rows(&self, stream: &str, ranges: &[KeyRange]) -> Result<RowReader> {
        let no_stream = || Error::NoStream(stream.to_owned());
        let entry = self.row(self.manifest.streams.clone(), stream).await?.ok_or_else(no_stream)?;
        let (_, entry) = stream_entry(stream.as_bytes(), &entry)?;
        Ok(RowReader::new(&self.repo, entry.root, ranges))
    }

    /// The bytes of an object, checked. Errors: `NoObject`, `Damaged`.
    pub async fn object(&self, name: &str) -> Result<Bytes> {
        let no_object = || Error::NoObject(name.to_owned());
        let entry = self.row(self.manifest.objects.clone(), name).await?.ok_or_else(no_object)?;
        let (_, entry) = object::entry(name.as_bytes(), &entry)?;
        self.repo.object_bytes(name, &entry).await
    }

    /// The bytes of an object as they are found, also when they are not what was put: for whoever checks them by other means and can
    /// use a part. `None`: they are gone. Errors: `NoObject`.
    pub async fn object_as_found(&self, name: &str) -> Result<Option<Bytes>> {
        let no_object = || Error::NoObject(name.to_owned());
        self.row(self.manifest.objects.clone(), name).await?.ok_or_else(no_object)?;
        self.repo.object_as_found(name).await
    }

    async fn page(&self, table: Option<Node>, after: Option<&str>, limit: usize) -> Result<Vec<(Bytes, Bytes)>> {
        let from = after.map_or_else(Bytes::new, |after| format!("{after}\0").into());
        let limit = limit.min(LISTED_MAX);
        let mut reader = RowReader::new(&self.repo, table, &[KeyRange::starting(from)]);
        let mut out = Vec::new();
        while let Some(page) = reader.next_page().await? {
            out.extend(page);
            if out.len() >= limit {
                out.truncate(limit);
                break;
            }
        }
        Ok(out)
    }

    /// The value of one key.
    async fn row(&self, table: Option<Node>, name: &str) -> Result<Option<Bytes>> {
        let range = KeyRange::new(name.to_owned(), format!("{name}\0"));
        let page = RowReader::new(&self.repo, table, &[range]).next_page().await?;
        Ok(page.and_then(|page| page.into_iter().next()).map(|(_, value)| value))
    }
}
