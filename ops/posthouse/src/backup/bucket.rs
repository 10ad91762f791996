//! SUMMARY    A repository of backups in a bucket that speaks S3: the bucket of packs, seen as a depot.
//! SECURITY   The same names as in a folder; who may write to the bucket may delete: versions of the bucket guard against that.
//! INVARIANTS An object is never replaced while a snapshot may need it: what content names is there already when it is put again, and
//!            only what a repository rewrites by design (its locks) is deleted first.

use backup::{BoxFuture, Depot, DepotError, Found, limits::DEPOT_BYTES_MAX, validate_name, validate_prefix};
use base::{Timestamp, limits::OBJECT_LIST_MAX};
use bytes::Bytes;
use std::{io, ops::Range, time::Duration};
use store::blob::{Objects, ObjectsError};
use store_s3::S3Objects;

/// Names that are replaced when they are put again.
const REWRITTEN: &str = "lock/";
/// What is spread over folders of two digits, each of which is listed by itself.
const SPREAD: [&str; 2] = ["chunk/", "list/"];

/// Objects of a bucket as a depot.
pub struct BucketDepot {
    objects: S3Objects,
    told: String,
}

impl BucketDepot {
    /// `told`: where it is, for people.
    pub fn new(objects: S3Objects, told: String) -> Self {
        BucketDepot { objects, told }
    }

    /// Everything below a prefix, sorted.
    async fn below(&self, prefix: &str) -> Result<Vec<Found>, DepotError> {
        let found = match prefix {
            "" => self.objects.list_all().await,
            prefix => self.objects.list(prefix).await,
        };
        let found = found.map_err(|why| failed(prefix, why))?;
        if found.len() >= OBJECT_LIST_MAX {
            return Err(refused(prefix, "OBJECT_LIST_MAX: it has more objects than can be listed"));
        }
        let found = found.into_iter().map(|o| Found { name: o.name, bytes: o.bytes, modified: o.modified });
        let mut found: Vec<Found> = found.collect();
        found.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    async fn listed(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<Found>, DepotError> {
        let behind = |found: &Found| after.is_none_or(|after| found.name.as_str() > after);
        if !SPREAD.contains(&prefix) {
            return Ok(self.below(prefix).await?.into_iter().filter(behind).take(limit).collect());
        }
        let mut all = Vec::new();
        for folder in 0..=u8::MAX {
            let folder = format!("{prefix}{folder:02x}/");
            // Wholly before what was seen.
            if after.is_some_and(|after| !after.starts_with(&folder) && folder.as_str() < after) {
                continue;
            }
            all.extend(self.below(&folder).await?.into_iter().filter(behind));
            if all.len() >= limit {
                all.truncate(limit);
                break;
            }
        }
        Ok(all)
    }

    /// All bytes: an object's length is asked for by its name.
    async fn whole(&self, name: &str) -> Result<Bytes, DepotError> {
        let bytes = self.objects.length(name).await.map_err(|why| failed(name, why))?;
        if bytes > DEPOT_BYTES_MAX {
            return Err(refused(name, "DEPOT_BYTES_MAX: it is longer than anything of a repository"));
        }
        self.objects.get(name, Range { start: 0, end: bytes }).await.map_err(|why| failed(name, why))
    }
}

fn refused(name: &str, why: &str) -> DepotError {
    DepotError::Refused { name: name.to_owned(), source: why.into() }
}

fn failed(name: &str, why: ObjectsError) -> DepotError {
    let name = name.to_owned();
    match why {
        ObjectsError::Missing(_) => DepotError::Missing(name),
        ObjectsError::BadName(_) => DepotError::BadName(name),
        ObjectsError::Io { source, .. }
            if matches!(source.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::InvalidInput) =>
        {
            DepotError::Refused { name, source: source.into() }
        }
        why => DepotError::Io { name, source: why.into() },
    }
}

/// The name is taken, by other bytes.
fn is_taken(why: &ObjectsError) -> bool {
    matches!(why, ObjectsError::Io { source, .. } if source.kind() == io::ErrorKind::AlreadyExists)
}

impl Depot for BucketDepot {
    fn put(&self, name: &str, bytes: Bytes) -> BoxFuture<'_, Result<(), DepotError>> {
        let name = name.to_owned();
        Box::pin(async move {
            validate_name(&name)?;
            if name.starts_with(REWRITTEN) {
                self.objects.delete(&name).await.map_err(|why| failed(&name, why))?;
            }
            match self.objects.put(&name, bytes).await {
                // Its name says what is in it: the seal is another one, the content the same.
                Err(why) if is_taken(&why) && SPREAD.iter().any(|prefix| name.starts_with(prefix)) => Ok(()),
                put => put.map_err(|why| failed(&name, why)),
            }
        })
    }

    fn get(&self, name: &str) -> BoxFuture<'_, Result<Bytes, DepotError>> {
        let name = name.to_owned();
        Box::pin(async move {
            validate_name(&name)?;
            self.whole(&name).await
        })
    }

    fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> BoxFuture<'_, Result<Vec<Found>, DepotError>> {
        let (prefix, after) = (prefix.to_owned(), after.map(str::to_owned));
        Box::pin(async move {
            validate_prefix(&prefix)?;
            self.listed(&prefix, after.as_deref(), limit).await
        })
    }

    fn delete(&self, name: &str) -> BoxFuture<'_, Result<(), DepotError>> {
        let name = name.to_owned();
        Box::pin(async move {
            validate_name(&name)?;
            self.objects.delete(&name).await.map_err(|why| failed(&name, why))
        })
    }

    fn describe(&self) -> String {
        self.told.clone()
    }

    fn sweep_unfinished(&self, now: Timestamp, age: Duration) -> BoxFuture<'_, Result<usize, DepotError>> {
        Box::pin(async move {
            self.objects.sweep_unfinished(now, age).await.map_err(|why| failed("unfinished uploads", why))
        })
    }
}
