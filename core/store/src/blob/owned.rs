//! SUMMARY    Objects that belong to one store: a mark among them names it, and no other store writes or removes there.
//! INVARIANTS Nothing is put, listed or removed before the mark was found or made. Two stores that claim the same objects at once
//!            see each other's mark, and neither goes on. Reading needs no mark: what a store refers to is its own.

use super::{
    BlobError, ObjectInfo, Objects, ObjectsError,
    space::{STORE, store_key},
};
use crate::{
    kv::{BoxFuture, Kv, Read},
    retry::{Retry, run},
};
use base::{OpId, Rng, Timestamp};
use bytes::Bytes;
use std::{fmt::Write, ops::Range, sync::Arc, time::Duration};
use tokio::sync::OnceCell;

/// Names of marks start with it; the store's id in hexadecimal digits follows.
const MARKS_PREFIX: &str = "stores/";
/// What a mark says to who looks at the objects.
const MARK: &[u8] = b"The packs beside this belong to the store of Posthouse that this object is named after.\n";

/// Which store `kv` is: 32 hexadecimal digits, made with the first call and kept in it under `pack_prefix`.
pub async fn store_id(kv: &Arc<dyn Kv>, rng: &dyn Rng, pack_prefix: &[u8]) -> Result<String, BlobError> {
    let key = store_key(pack_prefix);
    let mut fresh = String::with_capacity(32);
    // A string takes everything.
    let _ = write!(fresh, "{:016x}{:016x}", rng.next_u64(), rng.next_u64());
    let retry = Retry { kv, op: OpId(rng.next_u64()), done_prefix: None, rng };
    let found = run::<_, BlobError, _>(retry, |txn| {
        let (key, fresh) = (&key, &fresh);
        Box::pin(async move {
            let found = txn.get(key, Read::Serializable).await?;
            if found.is_none() {
                txn.set(key, fresh.as_bytes());
            }
            Ok(found)
        })
    })
    .await?;
    match found {
        Some(id) => String::from_utf8(id.to_vec()).map_err(|_| BlobError::Corrupt(STORE)),
        None => Ok(fresh),
    }
}

/// The objects of one store.
pub struct OwnedObjects {
    objects: Arc<dyn Objects>,
    mark: String,
    claimed: OnceCell<()>,
}

impl OwnedObjects {
    /// Of the store with this id.
    pub fn new(objects: Arc<dyn Objects>, store: &str) -> Self {
        OwnedObjects { objects, mark: format!("{MARKS_PREFIX}{store}"), claimed: OnceCell::new() }
    }

    /// Finds the mark, or makes it where there is none; `Foreign` where another store's is.
    pub async fn claim(&self) -> Result<(), ObjectsError> {
        self.claimed.get_or_try_init(|| self.mark()).await?;
        Ok(())
    }

    async fn mark(&self) -> Result<(), ObjectsError> {
        if self.is_marked().await? {
            return Ok(());
        }
        self.objects.put(&self.mark, Bytes::from_static(MARK)).await?;
        // Another store may have done the same meanwhile.
        self.is_marked().await.map(|_| ())
    }

    async fn is_marked(&self) -> Result<bool, ObjectsError> {
        let marks = self.objects.list(MARKS_PREFIX).await?;
        match marks.iter().find(|mark| mark.name != self.mark) {
            Some(other) => Err(ObjectsError::Foreign { theirs: other.name.clone(), ours: self.mark.clone() }),
            None => Ok(!marks.is_empty()),
        }
    }
}

impl Objects for OwnedObjects {
    fn is_far(&self) -> bool {
        self.objects.is_far()
    }

    fn put(&self, name: &str, bytes: Bytes) -> BoxFuture<'_, Result<(), ObjectsError>> {
        let name = name.to_owned();
        Box::pin(async move {
            self.claim().await?;
            self.objects.put(&name, bytes).await
        })
    }

    fn put_warm(&self, name: &str, bytes: Bytes) -> BoxFuture<'_, Result<(), ObjectsError>> {
        let name = name.to_owned();
        Box::pin(async move {
            self.claim().await?;
            self.objects.put_warm(&name, bytes).await
        })
    }

    fn get(&self, name: &str, range: Range<u64>) -> BoxFuture<'_, Result<Bytes, ObjectsError>> {
        self.objects.get(name, range)
    }

    fn forget(&self, name: &str) -> BoxFuture<'_, ()> {
        self.objects.forget(name)
    }

    fn delete(&self, name: &str) -> BoxFuture<'_, Result<(), ObjectsError>> {
        let name = name.to_owned();
        Box::pin(async move {
            self.claim().await?;
            self.objects.delete(&name).await
        })
    }

    fn list(&self, prefix: &str) -> BoxFuture<'_, Result<Vec<ObjectInfo>, ObjectsError>> {
        let prefix = prefix.to_owned();
        Box::pin(async move {
            self.claim().await?;
            self.objects.list(&prefix).await
        })
    }

    fn sweep_unfinished(&self, now: Timestamp, age: Duration) -> BoxFuture<'_, Result<usize, ObjectsError>> {
        Box::pin(async move {
            self.claim().await?;
            self.objects.sweep_unfinished(now, age).await
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{blob::FsObjects, mem::MemKv};
    use base::rng::SeededRng;

    #[tokio::test]
    async fn objects_have_one_store_which_alone_writes_and_removes() {
        let folder = tempfile::tempdir().unwrap();
        let objects: Arc<dyn Objects> = Arc::new(FsObjects::open(folder.path()).unwrap());
        let rng = SeededRng::new(7);
        let kv = || -> Arc<dyn Kv> { Arc::new(MemKv::default()) };
        let (one, two) = (kv(), kv());
        let first = store_id(&one, &rng, b"Sp").await.unwrap();
        assert_eq!(store_id(&one, &rng, b"Sp").await.unwrap(), first, "it stays");
        let second = store_id(&two, &rng, b"Sp").await.unwrap();
        assert!(first.len() == 32 && first != second);

        let mine = OwnedObjects::new(objects.clone(), &first);
        mine.put("packs/a.pack", Bytes::from_static(b"abc")).await.unwrap();
        OwnedObjects::new(objects.clone(), &first).delete("packs/none.pack").await.unwrap();
        let theirs = OwnedObjects::new(objects.clone(), &second);
        let why = theirs.claim().await.unwrap_err();
        assert!(matches!(&why, ObjectsError::Foreign { .. }) && why.to_string().contains(&first), "{why}");
        assert!(theirs.list("packs/").await.is_err() && theirs.delete("packs/a.pack").await.is_err());
        assert!(theirs.put("packs/b.pack", Bytes::new()).await.is_err());
        assert_eq!(mine.list("packs/").await.unwrap().len(), 1);
        // Once the other one is said to be gone for good, they may be had.
        objects.delete(&format!("stores/{first}")).await.unwrap();
        theirs.claim().await.unwrap();
        assert!(OwnedObjects::new(objects, &first).claim().await.is_err());
    }
}
