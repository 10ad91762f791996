//! SUMMARY    Following a source: flags that were changed there, messages that are gone there.
//! LIMITS     MIGRATE_CHANGES_MAX
//! INVARIANTS Flags that were changed here since stay. Nothing is removed here but on the order's word, and only what nobody has touched.

use base::{Uid, limits::MIGRATE_CHANGES_MAX};
use mail::{Flags, Followed};

use crate::{Result, copy::Target, listing::Listing, run::Job};

impl Job<'_> {
    /// Follows what a listing says of messages that were brought before this pass. `is_all`: what it does not have is gone. Gives how many
    /// messages are gone there and stand here.
    pub(crate) async fn follow(&mut self, target: &Target<'_>, listing: &Listing, is_all: bool) -> Result<u64> {
        let names = self.mail.keyword_names(self.scope).await?;
        let mut flags: Vec<(Uid, Flags)> = Vec::new();
        for seen in &listing.messages {
            let Some(row) = target.rows.get(&seen.uid) else { continue };
            if seen.flags.known_bits(&names) != Some(row.flags) {
                flags.push((Uid(seen.uid), (*seen.flags).clone()));
            }
        }
        let gone = gone(target, listing, is_all);
        let mut left_behind = 0;
        for chunk in flags.chunks(MIGRATE_CHANGES_MAX) {
            left_behind += self.change(target, chunk.to_vec(), Vec::new()).await?;
        }
        for chunk in gone.chunks(MIGRATE_CHANGES_MAX) {
            left_behind += self.change(target, Vec::new(), chunk.to_vec()).await?;
        }
        Ok(left_behind)
    }

    async fn change(&mut self, target: &Target<'_>, flags: Vec<(Uid, Flags)>, gone: Vec<Uid>) -> Result<u64> {
        let change = Followed {
            origin: target.origin,
            uid_validity: target.state.uid_validity,
            mailbox: target.mailbox,
            flags,
            gone,
            remove: self.order.remove,
        };
        let done = self.mail.follow_migrated(self.scope, &change).await?;
        self.report.flagged += done.flagged;
        self.report.flags_kept += done.flags_kept;
        self.report.removed += done.removed;
        self.report.left_behind += done.left_behind;
        self.has_moved = true;
        Ok(done.left_behind)
    }
}

/// Messages with a row that the source has no longer, ascending.
fn gone(target: &Target<'_>, listing: &Listing, is_all: bool) -> Vec<Uid> {
    let mut uids: Vec<u32> = target.rows.keys().copied().collect();
    uids.sort_unstable();
    if is_all {
        let is_listed = |uid: &u32| listing.messages.binary_search_by_key(uid, |seen| seen.uid).is_ok();
        uids.retain(|uid| !is_listed(uid));
        return uids.into_iter().map(Uid).collect();
    }
    let mut gone: Vec<Uid> = Vec::new();
    for range in &listing.vanished {
        let from = uids.partition_point(|uid| *uid < range.first);
        let to = uids.partition_point(|uid| *uid <= range.last);
        gone.extend(uids.get(from..to).unwrap_or_default().iter().copied().map(Uid));
    }
    gone.sort_unstable();
    gone.dedup();
    gone
}
