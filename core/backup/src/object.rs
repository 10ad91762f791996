//! SUMMARY    Objects of a backup: immutable bytes with a name, stored as they come.
//! SECURITY   They are not sealed here: whoever gives them has sealed them. Their digests are in the sealed table.
//! LIMITS     OBJECT_BYTES_MAX, OBJECTS_MAX, CHUNKS_IN_FLIGHT_MAX
//! INVARIANTS A name has the same bytes in every snapshot, or the backup fails: one of them would be lost.

use crate::{
    DepotError, Error, Repository, Result, Snapshot, Writer,
    error::apart,
    limits::{OBJECT_BYTES_MAX, OBJECTS_MAX},
    manifest::ObjectEntry,
    read::{KeyRange, RowReader},
    validate_name,
    write::reserve,
};
use bytes::Bytes;
use prost::Message;
use std::{collections::HashMap, error::Error as StdError, future::Future};

/// Where objects are.
pub(crate) const OBJECTS: &str = "object/";

pub(crate) fn place(name: &str) -> Result<String> {
    let place = format!("{OBJECTS}{name}");
    validate_name(&place)?;
    Ok(place)
}

impl Writer {
    /// Adds an object of `bytes` bytes. `source` is asked for them unless an earlier snapshot has the object and the repository
    /// still does. Errors: `Changed` (it is not what it was), `Source`, `Depot` (`BadName` too), `Invalid`.
    pub async fn object<E, F>(&self, name: &str, bytes: u64, source: impl FnOnce() -> F + Send) -> Result<()>
    where
        E: Into<Box<dyn StdError + Send + Sync>>,
        F: Future<Output = std::result::Result<Bytes, E>> + Send,
    {
        let place = place(name)?;
        if bytes > OBJECT_BYTES_MAX {
            return Err(Error::Limit("OBJECT_BYTES_MAX"));
        }
        let stored = {
            let mut state = self.shared.state.lock();
            if state.objects.len() >= OBJECTS_MAX {
                return Err(Error::Limit("OBJECTS_MAX"));
            }
            let is_there = state.objects.contains_key(name);
            reserve(&mut state, "object", name, is_there)?;
            state.present.object(name)
        };
        let earlier = self.shared.earlier.get(name);
        if earlier.is_some_and(|earlier| earlier.bytes != bytes) {
            return Err(Error::Changed(name.to_owned()));
        }
        self.shared.lock.refresh().await?;
        let entry = match (earlier, stored == Some(bytes)) {
            (Some(earlier), true) => earlier.clone(),
            (_, is_stored) => {
                let _permit = self.shared.permit().await?;
                let read = source().await.map_err(|why| Error::Source { name: name.to_owned(), source: why.into() })?;
                self.keep(name, &place, (bytes, read), is_stored).await?
            }
        };
        let mut state = self.shared.state.lock();
        state.totals.objects += 1;
        state.totals.object_bytes += bytes;
        state.open.remove(&format!("object {name}"));
        state.objects.insert(name.to_owned(), entry);
        Ok(())
    }

    async fn keep(&self, name: &str, place: &str, (bytes, read): (u64, Bytes), is_stored: bool) -> Result<ObjectEntry> {
        if read.len() as u64 != bytes {
            let why = format!("object {name:?} has {} bytes and should have {bytes}", read.len());
            return Err(Error::Invalid(why));
        }
        let digest = digest(read.clone()).await?;
        let entry = ObjectEntry { bytes, digest };
        if self.shared.earlier.get(name).is_some_and(|earlier| *earlier != entry) {
            return Err(Error::Changed(name.to_owned()));
        }
        // A backup that was cut off has put it: whole, since puts are, and the same, since names are.
        if !is_stored {
            self.shared.repo.depot().put(place, read).await?;
            let mut state = self.shared.state.lock();
            state.present.add_object(name, bytes)?;
            state.totals.objects_new += 1;
            state.totals.stored_new += bytes;
        }
        Ok(entry)
    }
}

async fn digest(bytes: Bytes) -> Result<Vec<u8>> {
    apart(move || Ok(blake3::hash(&bytes).as_bytes().to_vec())).await
}

/// A row of the table of objects.
pub(crate) fn entry(key: &[u8], value: &[u8]) -> Result<(String, ObjectEntry)> {
    let damaged = || Error::damaged("a table of objects", "an entry says nothing that is understood");
    let name = std::str::from_utf8(key).map_err(|_| damaged())?;
    let entry = ObjectEntry::decode(value).map_err(|_| damaged())?;
    match entry.digest.len() == 32 && place(name).is_ok() {
        true => Ok((name.to_owned(), entry)),
        false => Err(damaged()),
    }
}

impl Repository {
    /// The bytes of an object, which are those that were put.
    pub(crate) async fn object_bytes(&self, name: &str, entry: &ObjectEntry) -> Result<Bytes> {
        let place = place(name)?;
        let bytes = match self.depot().get(&place).await {
            Err(DepotError::Missing(_)) => return Err(Error::damaged(place, "it is missing")),
            bytes => bytes?,
        };
        if bytes.len() as u64 != entry.bytes {
            return Err(Error::damaged(place, "it has another length"));
        }
        match digest(bytes.clone()).await? == entry.digest {
            true => Ok(bytes),
            false => Err(Error::damaged(place, "it has another digest")),
        }
    }

    /// The same, whatever became of them; `None`: they are gone.
    pub(crate) async fn object_as_found(&self, name: &str) -> Result<Option<Bytes>> {
        match self.depot().get(&place(name)?).await {
            Err(DepotError::Missing(_)) => Ok(None),
            bytes => Ok(Some(bytes?)),
        }
    }

    /// Objects of every snapshot that can be read: what is damaged is for `verify` to tell, and a backup goes on without it.
    pub(crate) async fn earlier_objects(&self) -> Result<HashMap<String, ObjectEntry>> {
        let mut out = HashMap::new();
        let mut tables = std::collections::HashSet::new();
        for id in self.snapshots().await? {
            match self.objects_of(&id, &mut tables, &mut out).await {
                Ok(()) => {}
                // Objects that only this one has are read again.
                Err(why @ (Error::Damaged { .. } | Error::NoSnapshot(_) | Error::Depot(DepotError::Missing(_)))) => {
                    tracing::warn!(snapshot = %id, %why, "an earlier snapshot of the repository of backups cannot be read");
                }
                Err(why) => return Err(why),
            }
        }
        Ok(out)
    }

    async fn objects_of(
        &self,
        id: &crate::SnapshotId,
        tables: &mut std::collections::HashSet<Bytes>,
        out: &mut HashMap<String, ObjectEntry>,
    ) -> Result<()> {
        let Snapshot { manifest, .. } = self.snapshot(id).await?;
        // Two snapshots with one table of objects have the same root.
        if manifest.objects.as_ref().is_some_and(|root| !tables.insert(root.name.clone())) {
            return Ok(());
        }
        let mut rows = RowReader::new(self, manifest.objects, &[KeyRange::all()]);
        while let Some(page) = rows.next_page().await? {
            for (key, value) in page {
                let (name, entry) = entry(&key, &value)?;
                if out.len() >= crate::limits::REPOSITORY_NAMES_MAX {
                    return Err(Error::Limit("REPOSITORY_NAMES_MAX"));
                }
                out.insert(name, entry);
            }
        }
        Ok(())
    }
}
