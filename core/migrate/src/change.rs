//! SUMMARY    Following a source: flags that were changed there, messages that are gone there.
//! LIMITS     MIGRATE_CHANGES_MAX, EMPTIED_MIN
//! INVARIANTS Flags that were changed here since stay. Nothing is removed here but on the order's word, and only what nobody has touched.

use base::{Uid, limits::MIGRATE_CHANGES_MAX};
use mail::{Flags, Followed};

use crate::{
    Result,
    copy::Target,
    listing::Listing,
    report::{Told, What},
    run::Job,
};

/// A folder of at least so many messages that shows none of them any more removes nothing here: a server that lost its disk looks so too.
const EMPTIED_MIN: usize = 10;

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
        let gone = gone(target.rows.keys().copied(), listing, is_all);
        let mut left_behind = 0;
        let is_emptied = gone.len() >= EMPTIED_MIN && gone.len() == target.rows.len();
        let remove = self.order.remove && !is_emptied;
        if self.order.remove && is_emptied {
            let why = format!("none of {} messages is there any more: nothing is removed here", gone.len());
            self.report.tell(Told { what: What::Gone, folder: target.folder.name.clone(), uid: None, why });
        }
        for chunk in flags.chunks(MIGRATE_CHANGES_MAX) {
            left_behind += self.change(target, chunk.to_vec(), Vec::new(), remove).await?;
        }
        for chunk in gone.chunks(MIGRATE_CHANGES_MAX) {
            left_behind += self.change(target, Vec::new(), chunk.to_vec(), remove).await?;
        }
        Ok(left_behind)
    }

    async fn change(
        &mut self,
        target: &Target<'_>,
        flags: Vec<(Uid, Flags)>,
        gone: Vec<Uid>,
        remove: bool,
    ) -> Result<u64> {
        let change = Followed {
            origin: target.origin,
            uid_validity: target.state.uid_validity,
            mailbox: target.mailbox,
            flags,
            gone,
            remove,
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
fn gone(rows: impl Iterator<Item = u32>, listing: &Listing, is_all: bool) -> Vec<Uid> {
    let mut uids: Vec<u32> = rows.collect();
    uids.sort_unstable();
    if is_all {
        let is_listed = |uid: &u32| listing.messages.binary_search_by_key(uid, |seen| seen.uid).is_ok();
        uids.retain(|uid| !is_listed(uid));
        return uids.into_iter().map(Uid).collect();
    }
    // Ranges may lie over each other: each uid is taken once.
    let (mut ranges, mut gone, mut next) = (listing.vanished.clone(), Vec::new(), 0);
    ranges.sort_unstable();
    for range in ranges {
        let from = uids.partition_point(|uid| *uid < range.first).max(next);
        next = uids.partition_point(|uid| *uid <= range.last).max(next);
        gone.extend(uids.get(from..next).unwrap_or_default().iter().copied().map(Uid));
    }
    gone
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::imap::set::Range;

    #[test]
    fn vanished_uids_are_those_that_were_brought_each_once() {
        let range = |first, last| Range { first, last };
        let rows = [1, 3, 5, 9, 12].into_iter().collect::<Vec<u32>>();
        let vanished = vec![range(4, 20), range(1, 1), range(1, 6), range(5, u32::MAX)];
        let listing = Listing { vanished, ..Listing::default() };
        let found: Vec<u32> = gone(rows.iter().copied(), &listing, false).into_iter().map(|uid| uid.0).collect();
        assert_eq!(found, [1, 3, 5, 9, 12]);
        let listing = Listing { vanished: vec![range(2, 4)], ..Listing::default() };
        assert_eq!(gone(rows.iter().copied(), &listing, false), [Uid(3)]);
        assert_eq!(gone(rows.into_iter(), &Listing::default(), true).len(), 5);
    }
}
