//! SUMMARY    What one account owes its clients after a round: gathered from what each of them was told.

use crate::{
    act::{Ack, Act, Outcome},
    model::marker_at,
    scan::{AccountScan, Library},
};
use base::{EmailId, MailboxId, Uid};
use mail::Operation;
use std::collections::{BTreeMap, BTreeSet};

/// Flags that one client was told it stored.
pub(crate) struct Stored {
    pub(crate) mailbox: MailboxId,
    pub(crate) uids: BTreeSet<Uid>,
    pub(crate) operation: Operation,
    pub(crate) flags: Vec<&'static str>,
}

/// Promises of a round.
#[derive(Default)]
pub(crate) struct Expect {
    /// Copies of a message that came or went: at least, at most.
    copies: BTreeMap<u64, (i64, i64)>,
    /// Copies of a message that must be new in INBOX.
    pub(crate) arrived: BTreeMap<u64, usize>,
    pub(crate) gone: BTreeSet<(MailboxId, Uid)>,
    pub(crate) maybe_gone: BTreeSet<(MailboxId, Uid)>,
    pub(crate) placed: Vec<(MailboxId, Uid, u64)>,
    /// Emptied as a whole, perhaps.
    pub(crate) swept: BTreeSet<MailboxId>,
    /// Deleted, perhaps.
    pub(crate) deleted: BTreeSet<MailboxId>,
    /// Deleted for sure.
    pub(crate) destroyed: BTreeSet<MailboxId>,
    pub(crate) created: Vec<(MailboxId, String)>,
    pub(crate) renamed: Vec<(MailboxId, String)>,
    /// Renames that may have happened.
    pub(crate) renames: usize,
    pub(crate) may_create: bool,
    /// Operations that may have changed the flags of an email.
    pub(crate) flag_tries: BTreeMap<EmailId, usize>,
    pub(crate) stored: Vec<Stored>,
}

impl Expect {
    /// Between `least` and `most` more copies.
    pub(crate) fn count(&mut self, marker: u64, least: i64, most: i64) {
        let bounds = self.copies.entry(marker).or_default();
        *bounds = (bounds.0 + least, bounds.1 + most);
    }

    pub(crate) fn bounds(&self, marker: u64) -> (i64, i64) {
        self.copies.get(&marker).copied().unwrap_or_default()
    }

    pub(crate) fn markers(&self) -> impl Iterator<Item = u64> {
        self.copies.keys().copied()
    }

    /// Notes what a client of person `n` was told.
    pub(crate) fn note(
        &mut self,
        n: usize,
        account: &AccountScan,
        library: &Library,
        act: &Act,
        outcome: &Outcome,
    ) -> Result<(), String> {
        let of = |mailbox: MailboxId, uid: Uid| marker_at(n, account, library, (mailbox, uid));
        let told = matches!(outcome, Outcome::Told(_));
        let may = !matches!(outcome, Outcome::Refused(_));
        match (act, outcome) {
            (Act::Append { mailbox, letters, .. }, Outcome::Told(Ack::Appended(uids))) => {
                if uids.len() != letters.len() {
                    return Err("not one uid for each message".to_owned());
                }
                for (letter, uid) in letters.iter().zip(uids) {
                    self.put(*mailbox, *uid, letter.marker, 1);
                }
            }
            (Act::Append { letters, .. }, _) if may => letters.iter().for_each(|l| self.count(l.marker, 0, 1)),
            (Act::Store { mailbox, uids, operation, flags, .. }, _) if may => {
                let emails: BTreeSet<EmailId> =
                    uids.iter().filter_map(|u| account.row(*mailbox, *u)).map(|r| r.email).collect();
                emails.into_iter().for_each(|e| *self.flag_tries.entry(e).or_default() += 1);
                if let Outcome::Told(Ack::Stored(left)) = outcome {
                    let uids = uids.iter().filter(|u| !left.contains(u)).copied().collect();
                    self.stored.push(Stored { mailbox: *mailbox, uids, operation: *operation, flags: flags.clone() });
                }
            }
            (Act::Copy { from, to, uids }, Outcome::Told(Ack::Placed(pairs))) => {
                for (uid, new) in pairs {
                    let marker = of(*from, *uid).filter(|_| uids.contains(uid));
                    self.put(*to, *new, marker.ok_or(format!("{uid} was copied and was not there"))?, 1);
                }
            }
            (Act::Copy { from, uids, .. }, _) if may => {
                uids.iter().filter_map(|u| of(*from, *u)).for_each(|m| self.count(m, 0, 1));
            }
            (Act::Move { from, to, uids }, Outcome::Told(Ack::Placed(pairs))) => {
                for (uid, new) in pairs {
                    let marker = of(*from, *uid).filter(|_| uids.contains(uid));
                    self.take(*from, *uid)?;
                    self.put(*to, *new, marker.ok_or(format!("{uid} was moved and was not there"))?, 0);
                }
            }
            (Act::Move { from, to, uids }, _) if may => {
                let lost = if self.deleted.contains(to) { -1 } else { 0 };
                uids.iter().filter_map(|u| of(*from, *u)).for_each(|m| self.count(m, lost, 0));
                self.maybe_gone.extend(uids.iter().map(|u| (*from, *u)));
            }
            (Act::Expunge { mailbox, uids, .. }, Outcome::Told(Ack::Expunged(gone))) => {
                for uid in gone {
                    let marker = of(*mailbox, *uid).filter(|_| uids.contains(uid));
                    self.take(*mailbox, *uid)?;
                    self.count(marker.ok_or(format!("{uid} was expunged and was not there"))?, -1, -1);
                }
            }
            (Act::Expunge { mailbox, uids, .. }, _) if may => {
                uids.iter().filter_map(|u| of(*mailbox, *u)).for_each(|m| self.count(m, -1, 0));
                self.maybe_gone.extend(uids.iter().map(|u| (*mailbox, *u)));
            }
            (Act::Create { path }, _) if may => {
                self.may_create = true;
                if let Outcome::Told(Ack::Created(id)) = outcome {
                    self.created.push((*id, path.clone()));
                }
            }
            // Several transactions: INBOX may be renamed half, a mailbox emptied and not deleted.
            (Act::Rename { inbox: true, .. }, _) => self.may_create = true,
            (Act::Rename { id, path, .. }, _) if may => {
                self.renames += 1;
                self.may_create = true;
                self.renamed.extend(told.then(|| (*id, path.clone())));
            }
            (Act::Delete { id }, _) => {
                if self.deleted.contains(id) {
                    let rows = account.mailboxes.get(id).into_iter().flat_map(|m| m.rows.values());
                    rows.for_each(|r| self.count(library.marker(n, r.email), -1, 0));
                    self.destroyed.extend(told.then_some(*id));
                } else if told {
                    return Err("INBOX, or what is not there, was deleted".to_owned());
                }
            }
            (Act::Fetch { mailbox, .. }, Outcome::Told(Ack::Fetched(read))) => {
                if let Some((uid, _)) = read.iter().find(|(uid, m)| of(*mailbox, *uid).is_some_and(|known| known != *m))
                {
                    return Err(format!("{uid} was read as another message"));
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// A message was put at a place; `more` copies of it are there than before, unless its mailbox is on its way out.
    fn put(&mut self, mailbox: MailboxId, uid: Uid, marker: u64, more: i64) {
        let least = if self.deleted.contains(&mailbox) { more - 1 } else { more };
        self.count(marker, least, more);
        self.placed.push((mailbox, uid, marker));
    }

    /// A message was removed from its place: by one client only.
    fn take(&mut self, mailbox: MailboxId, uid: Uid) -> Result<(), String> {
        match self.gone.insert((mailbox, uid)) {
            true => Ok(()),
            false => Err(format!("{uid} was removed by two")),
        }
    }
}
