//! SUMMARY    What one account owes its clients after a round: gathered from what each of them was told.

use crate::{
    act::{Ack, Act, Outcome},
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

/// An account as it was before the round.
pub(crate) struct Known<'k> {
    pub(crate) person: usize,
    pub(crate) account: &'k AccountScan,
    pub(crate) library: &'k Library,
}

impl Known<'_> {
    /// The message at a place.
    fn marker(&self, mailbox: MailboxId, uid: Uid) -> Result<u64, String> {
        let row = self.account.row(mailbox, uid).ok_or_else(|| format!("{uid} was not there"))?;
        Ok(self.library.marker(self.person, row.email))
    }
}

/// Whether only uids that were asked for are named.
fn asked<'u>(uids: &[Uid], mut named: impl Iterator<Item = &'u Uid>) -> bool {
    named.all(|uid| uids.contains(uid))
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
    pub(crate) fn note(&mut self, known: &Known<'_>, act: &Act, outcome: &Outcome) -> Result<(), String> {
        match act {
            Act::Deliver { .. } | Act::Submit { .. } | Act::Work | Act::Tend | Act::Refresh { .. } => Ok(()),
            Act::Append { .. } | Act::Copy { .. } | Act::Move { .. } | Act::Expunge { .. } => match outcome {
                Outcome::Told(ack) => self.told(known, act, ack),
                Outcome::Unsure(_) | Outcome::Broken(_) => {
                    self.unsure(known, act);
                    Ok(())
                }
                Outcome::Refused(_) => Ok(()),
            },
            Act::Store { .. } => {
                self.flags(known, act, outcome);
                Ok(())
            }
            Act::Create { .. } | Act::Rename { .. } | Act::Delete { .. } => self.mailboxes(known, act, outcome),
            Act::Fetch { mailbox, .. } => {
                let Outcome::Told(Ack::Fetched(read)) = outcome else { return Ok(()) };
                let other = |(uid, m): &&(Uid, u64)| known.marker(*mailbox, *uid).is_ok_and(|known| known != *m);
                match read.iter().find(other) {
                    Some((uid, _)) => Err(format!("{uid} was read as another message")),
                    None => Ok(()),
                }
            }
        }
    }

    /// Messages came, went or moved.
    fn told(&mut self, known: &Known<'_>, act: &Act, ack: &Ack) -> Result<(), String> {
        match (act, ack) {
            (Act::Append { mailbox, letters, .. }, Ack::Appended(uids)) if uids.len() == letters.len() => {
                letters.iter().zip(uids).for_each(|(letter, uid)| self.put(*mailbox, *uid, letter.marker, 1));
            }
            (Act::Copy { from, to, uids }, Ack::Placed(pairs)) if asked(uids, pairs.iter().map(|p| &p.0)) => {
                for (uid, new) in pairs {
                    self.put(*to, *new, known.marker(*from, *uid)?, 1);
                }
            }
            (Act::Move { from, to, uids }, Ack::Placed(pairs)) if asked(uids, pairs.iter().map(|p| &p.0)) => {
                for (uid, new) in pairs {
                    self.take(*from, *uid)?;
                    self.put(*to, *new, known.marker(*from, *uid)?, 0);
                }
            }
            (Act::Expunge { mailbox, uids, .. }, Ack::Expunged(gone)) if asked(uids, gone.iter()) => {
                for uid in gone {
                    self.take(*mailbox, *uid)?;
                    self.count(known.marker(*mailbox, *uid)?, -1, -1);
                }
            }
            _ => return Err(format!("an answer to something else: {ack:?}")),
        }
        Ok(())
    }

    /// Messages may have come, gone or moved.
    fn unsure(&mut self, known: &Known<'_>, act: &Act) {
        match act {
            Act::Append { letters, .. } => letters.iter().for_each(|l| self.count(l.marker, 0, 1)),
            Act::Copy { from, uids, .. } => {
                uids.iter().filter_map(|u| known.marker(*from, *u).ok()).for_each(|m| self.count(m, 0, 1));
            }
            Act::Move { from, to, uids } => {
                let lost = if self.deleted.contains(to) { -1 } else { 0 };
                uids.iter().filter_map(|u| known.marker(*from, *u).ok()).for_each(|m| self.count(m, lost, 0));
                self.maybe_gone.extend(uids.iter().map(|u| (*from, *u)));
            }
            Act::Expunge { mailbox, uids, .. } => {
                uids.iter().filter_map(|u| known.marker(*mailbox, *u).ok()).for_each(|m| self.count(m, -1, 0));
                self.maybe_gone.extend(uids.iter().map(|u| (*mailbox, *u)));
            }
            _ => {}
        }
    }

    fn flags(&mut self, known: &Known<'_>, act: &Act, outcome: &Outcome) {
        let Act::Store { mailbox, uids, operation, flags, .. } = act else { return };
        if matches!(outcome, Outcome::Refused(_)) {
            return;
        }
        let emails: BTreeSet<EmailId> =
            uids.iter().filter_map(|u| known.account.row(*mailbox, *u)).map(|r| r.email).collect();
        emails.into_iter().for_each(|e| *self.flag_tries.entry(e).or_default() += 1);
        if let Outcome::Told(Ack::Stored(left)) = outcome {
            let uids = uids.iter().filter(|u| !left.contains(u)).copied().collect();
            self.stored.push(Stored { mailbox: *mailbox, uids, operation: *operation, flags: flags.clone() });
        }
    }

    fn mailboxes(&mut self, known: &Known<'_>, act: &Act, outcome: &Outcome) -> Result<(), String> {
        let told = matches!(outcome, Outcome::Told(_));
        let may = !matches!(outcome, Outcome::Refused(_));
        match act {
            Act::Create { path } => {
                self.may_create |= may;
                if let Outcome::Told(Ack::Created(id)) = outcome {
                    self.created.push((*id, path.clone()));
                }
            }
            // Several transactions: INBOX may be renamed half, a mailbox emptied and not deleted.
            Act::Rename { inbox: true, .. } => self.may_create = true,
            Act::Rename { id, path, .. } if may => {
                self.renames += 1;
                self.may_create = true;
                self.renamed.extend(told.then(|| (*id, path.clone())));
            }
            Act::Delete { id } if self.deleted.contains(id) => {
                let rows = known.account.mailboxes.get(id).into_iter().flat_map(|m| m.rows.values());
                rows.for_each(|r| self.count(known.library.marker(known.person, r.email), -1, 0));
                self.destroyed.extend(told.then_some(*id));
            }
            Act::Delete { .. } if told => return Err("INBOX, or what is not there, was deleted".to_owned()),
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
