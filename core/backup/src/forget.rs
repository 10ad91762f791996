//! SUMMARY    Forgetting snapshots: their manifests go, and nothing else. Room comes back with a prune.
//! INVARIANTS A policy that would keep nothing forgets nothing.

use crate::{Error, Keep, Repository, Result, SnapshotId};

impl Repository {
    /// Those that a policy would forget, the oldest first. Errors: `Invalid` (it keeps nothing).
    pub async fn forgettable(&self, keep: &Keep) -> Result<Vec<SnapshotId>> {
        if keep.is_empty() {
            return Err(Error::Invalid("a policy that keeps no snapshot at all forgets none".to_owned()));
        }
        let all = self.snapshots().await?;
        let kept = keep.kept(&all);
        Ok(all.into_iter().filter(|id| !kept.contains(id)).collect())
    }

    /// Forgets what a policy does not keep, and says which.
    pub async fn forget(&self, keep: &Keep) -> Result<Vec<SnapshotId>> {
        let ids = self.forgettable(keep).await?;
        for id in &ids {
            self.depot().delete(&id.place()).await?;
        }
        Ok(ids)
    }

    /// Forgets one snapshot, also one that is damaged. Errors: `NoSnapshot`.
    pub async fn forget_one(&self, id: &SnapshotId) -> Result<()> {
        if !self.snapshots().await?.contains(id) {
            return Err(Error::NoSnapshot(id.to_string()));
        }
        Ok(self.depot().delete(&id.place()).await?)
    }
}
