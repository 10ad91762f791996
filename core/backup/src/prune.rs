//! SUMMARY    Removing what no snapshot refers to.
//! LIMITS     DELETES_IN_FLIGHT_MAX
//! INVARIANTS Nothing is removed before everything that every snapshot refers to is known; a snapshot that cannot be read to its
//!            end stops the prune. No backup is at work meanwhile, so what nobody refers to stays so. Cut off anywhere, it leaves
//!            every snapshot whole, and the next one removes the rest.

use crate::{
    Error, Keep, Repository, Result, SnapshotId,
    limits::LOCK_STALE,
    lock::{Held, LockKind},
    mark::Marks,
    object::OBJECTS,
    tree::Family,
};
use base::Clock;
use futures_util::future::try_join_all;
use std::sync::Arc;

/// Names that are deleted at once.
const DELETES_IN_FLIGHT_MAX: usize = 16;

/// What a prune did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Snapshots that there are.
    pub snapshots: u64,
    /// Chunks, pages of lists and objects that were removed, and their bytes as stored.
    pub removed: u64,
    pub bytes: u64,
    /// Chunks, pages of lists and objects that stay.
    pub kept: u64,
    /// Puts that never ended, whose remains were removed.
    pub unfinished: u64,
}

impl Repository {
    /// Removes what no snapshot refers to. Errors: `Locked` (a backup or a prune is at work), `Damaged` (a snapshot cannot be
    /// read: nothing was removed; verify, then forget it or mend the depot).
    pub async fn prune(&self, clock: Arc<dyn Clock>) -> Result<Pruned> {
        let lock = Held::take(self, clock.clone(), LockKind::Prune).await?;
        let result = self.prune_under(&lock, &*clock, &[]).await;
        lock.release().await;
        result
    }

    /// Forgets what a policy does not keep, and removes what no other snapshot refers to; gives what was forgotten too, the oldest
    /// first. Nothing is forgotten unless all that stays can be read to its end. Errors: those of `prune` and `forgettable`.
    pub async fn prune_to(&self, keep: &Keep, clock: Arc<dyn Clock>) -> Result<(Vec<SnapshotId>, Pruned)> {
        let lock = Held::take(self, clock.clone(), LockKind::Prune).await?;
        let result = async {
            let gone = self.forgettable(keep).await?;
            let pruned = self.prune_under(&lock, &*clock, &gone).await?;
            Ok((gone, pruned))
        }
        .await;
        lock.release().await;
        result
    }

    async fn prune_under(&self, lock: &Held, clock: &dyn Clock, gone: &[SnapshotId]) -> Result<Pruned> {
        let mut ids = self.snapshots().await?;
        ids.retain(|id| !gone.contains(id));
        let mut marks = Marks::new(self, None, Some(lock));
        for id in &ids {
            marks.snapshot(id).await?;
        }
        if let Some(problem) = marks.problems.first() {
            tracing::warn!(problem, "a snapshot of the repository of backups cannot be read, so nothing is pruned");
            return Err(Error::damaged(
                "a snapshot",
                "it cannot be read to its end, so nothing was removed; verify says more",
            ));
        }
        lock.confirm().await?;
        for id in gone {
            self.depot().delete(&id.place()).await?;
        }
        let mut pruned = Pruned { snapshots: ids.len() as u64, ..Pruned::default() };
        for family in [Family::Chunk, Family::List] {
            let is_used = |place: &str| family.name(place).is_none_or(|name| marks.contents.contains(&name));
            self.remove(lock, family.folder(), &is_used, &mut pruned).await?;
        }
        let is_used = |place: &str| place.strip_prefix(OBJECTS).is_none_or(|name| marks.objects.contains_key(name));
        self.remove(lock, OBJECTS, &is_used, &mut pruned).await?;
        pruned.unfinished = self.depot().sweep_unfinished(clock.now(), LOCK_STALE).await? as u64;
        Ok(pruned)
    }

    /// Removes what is not used below a folder. What has no name of ours there is somebody else's.
    async fn remove(
        &self,
        lock: &Held,
        folder: &str,
        is_used: &(dyn Fn(&str) -> bool + Sync),
        pruned: &mut Pruned,
    ) -> Result<()> {
        let mut unused = Vec::new();
        self.each(folder, |found| {
            match is_used(&found.name) {
                true => pruned.kept += 1,
                false => unused.push(found),
            }
            Ok(())
        })
        .await?;
        lock.confirm().await?;
        for some in unused.chunks(DELETES_IN_FLIGHT_MAX) {
            lock.refresh().await?;
            try_join_all(some.iter().map(|found| self.depot().delete(&found.name))).await?;
            pruned.removed += some.len() as u64;
            pruned.bytes += some.iter().map(|found| found.bytes).sum::<u64>();
        }
        Ok(())
    }
}
