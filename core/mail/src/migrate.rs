//! SUMMARY    Mail of another provider: stored, and followed, together with what is remembered of the source.
//! INVARIANTS A message and the row that says which message of the source it is are one unit of work. A message whose row is there is not stored
//!            again, whoever asks. What a user has changed here is left alone.

use crate::{Error, Flags, Mail, Placed, Placing, Result};
use account::{
    AccountScope, AccountWork, DELETED, Origin, Owner,
    record::{EmailRecord, Migrated, MigratedFolder},
    unit_of_work,
};
use base::{
    EmailId, Kind, MailboxId, Uid,
    limits::{MESSAGE_BYTES_MAX, MIGRATE_EARLIER_MAX},
};

/// A message of a source.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// There.
    pub uid: Uid,
    pub what: Coming,
}

/// Where its email comes from.
#[derive(Debug, Clone)]
pub enum Coming {
    /// It is stored.
    New(Placing),
    /// It was met under another UIDVALIDITY.
    Again(Migrated),
    /// The mailbox has the same bytes from elsewhere: these flags are what the source has, which may not be the email's.
    There { email: EmailId, content: u64, flags: Flags },
}

/// Messages of one mailbox of a source.
#[derive(Debug, Clone)]
pub struct Arrivals {
    pub origin: Origin,
    /// Of the source.
    pub uid_validity: u32,
    /// The mailbox in which they get the uids that they have there, while it can.
    pub keeps_uids: Option<MailboxId>,
    /// In the order of their uids.
    pub messages: Vec<Arrival>,
}

/// What became of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arrived {
    Stored(Placed),
    /// It is an email that was here.
    Found,
    /// Another run has brought it.
    Brought,
}

/// What has changed at a source.
#[derive(Debug, Clone)]
pub struct Followed {
    pub origin: Origin,
    pub uid_validity: u32,
    /// Here.
    pub mailbox: MailboxId,
    /// Flags of messages as the source has them now.
    pub flags: Vec<(Uid, Flags)>,
    /// Messages that it has no longer.
    pub gone: Vec<Uid>,
    /// Whether these are removed here.
    pub remove: bool,
}

/// What was done of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Following {
    pub flagged: u64,
    /// Messages whose flags were changed here since: they keep them.
    pub flags_kept: u64,
    pub removed: u64,
    /// Messages that are gone there and stand here.
    pub left_behind: u64,
}

impl Mail {
    /// Opens a mailbox of a source for a pass: remembers where its messages go. `keeps_uids`: a mailbox here that has never had a message gets the
    /// UIDVALIDITY of the source, and its messages their uids.
    pub async fn open_migrated(
        &self,
        scope: &AccountScope<Owner>,
        origin: Origin,
        new: &MigratedFolder,
    ) -> Result<MigratedFolder> {
        let accounts = self.accounts();
        unit_of_work!(accounts, &[scope.account()], accounts.op(), work => {
            let mut account = work.account(scope).await?;
            let mailbox = MailboxId(new.mailbox);
            let mut folder = match account.migrated_folder(origin).await? {
                Some(folder) => folder,
                None => {
                    let keeps_uids = new.keeps_uids && account.adopt_uid_validity(mailbox, new.uid_validity).await?;
                    MigratedFolder { keeps_uids, ..new.clone() }
                }
            };
            if folder.mailbox != new.mailbox {
                (folder.mailbox, folder.keeps_uids) = (new.mailbox, false);
            }
            if folder.uid_validity != new.uid_validity {
                folder.earlier.retain(|earlier| *earlier != new.uid_validity);
                folder.earlier.push(folder.uid_validity);
                while folder.earlier.len() > MIGRATE_EARLIER_MAX {
                    account.forget_migrated(origin, folder.earlier.remove(0));
                }
                (folder.uid_validity, folder.keeps_uids) = (new.uid_validity, false);
                (folder.modseq, folder.uid_next, folder.left_behind) = (0, 0, 0);
            }
            account.set_migrated_folder(origin, &folder);
            Ok(folder)
        })
    }

    /// Remembers that a pass over a mailbox has ended; rows of UIDVALIDITYs that it no longer names are forgotten.
    pub async fn close_migrated(
        &self,
        scope: &AccountScope<Owner>,
        origin: Origin,
        folder: &MigratedFolder,
    ) -> Result<()> {
        let accounts = self.accounts();
        unit_of_work!(accounts, &[scope.account()], accounts.op(), work => {
            let mut account = work.account(scope).await?;
            let before = account.migrated_folder(origin).await?.unwrap_or_default();
            // Another run has gone on under another UIDVALIDITY: it knows better.
            if before.uid_validity != folder.uid_validity {
                return Ok(());
            }
            for earlier in before.earlier.iter().filter(|earlier| !folder.earlier.contains(earlier)) {
                account.forget_migrated(origin, *earlier);
            }
            account.set_migrated_folder(origin, folder);
            Ok(())
        })
    }

    /// Stores messages of a source with their rows; gives what became of each, in order. Errors: `NotFound` (mailbox), `OverQuota`,
    /// `LimitExceeded`, `StorageFull`: none was stored.
    pub async fn migrate(&self, scope: &AccountScope<Owner>, new: &Arrivals) -> Result<Vec<Arrived>> {
        self.accounts().check_room()?;
        let mut ready = Vec::with_capacity(new.messages.len());
        for arrival in &new.messages {
            ready.push(match &arrival.what {
                Coming::New(placing) if placing.bytes.len() > MESSAGE_BYTES_MAX => {
                    return Err(Error::limit("MESSAGE_BYTES_MAX"));
                }
                Coming::New(placing) => Some(self.ready(scope.tenant(), placing).await?),
                Coming::Again(_) | Coming::There { .. } => None,
            });
        }
        let accounts = self.accounts();
        unit_of_work!(accounts, &[scope.account()], accounts.op(), work => {
            let now = work.now();
            let mut account = work.account(scope).await?;
            let mut arrived = Vec::with_capacity(new.messages.len());
            for (arrival, ready) in new.messages.iter().zip(&ready) {
                if account.migrated(new.origin, new.uid_validity, arrival.uid).await?.is_some() {
                    arrived.push(Arrived::Brought);
                    continue;
                }
                let (row, what) = match (&arrival.what, ready) {
                    (Coming::Again(row), _) => (*row, Arrived::Found),
                    (Coming::There { email, content, flags }, _) => {
                        let (flags, _) = flags.bits_with_room(&mut account).await?;
                        (Migrated { email: email.0, flags, modseq: 0, content: *content }, Arrived::Found)
                    }
                    (Coming::New(_), None) => return Err(Error::corrupt("a message that was not staged")),
                    (Coming::New(_), Some(ready)) => {
                        if let Some(mailbox) = new.keeps_uids {
                            account.raise_uid_next(mailbox, arrival.uid).await?;
                        }
                        let (email, flags, placed) = ready.place(&mut account, now).await?;
                        let modseq = account.modseq().0;
                        (Migrated { email: email.0, flags, modseq, content: ready.content() }, Arrived::Stored(placed))
                    }
                };
                account.set_migrated(new.origin, new.uid_validity, arrival.uid, Some(&row));
                arrived.push(what);
            }
            self.tell_of_quota(&mut account, now).await?;
            Ok(arrived)
        })
    }

    /// Follows what has changed at a source, in one unit of work: MIGRATE_CHANGES_MAX at most, by the caller.
    pub async fn follow_migrated(&self, scope: &AccountScope<Owner>, change: &Followed) -> Result<Following> {
        let accounts = self.accounts();
        unit_of_work!(accounts, &[scope.account()], accounts.op(), work => {
            let mut account = work.account(scope).await?;
            let mut done = Following::default();
            for (uid, flags) in &change.flags {
                follow_flags(&mut account, change, (*uid, flags), &mut done).await?;
            }
            for uid in &change.gone {
                follow_removal(&mut account, change, *uid, &mut done).await?;
            }
            Ok(done)
        })
    }
}

/// The email of a row, if it is there.
async fn email(account: &mut AccountWork<'_>, row: &Migrated) -> Result<Option<EmailRecord>> {
    match account.email(EmailId(row.email)).await {
        Ok(email) => Ok(Some(email)),
        Err(e) if e.kind == Kind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}

/// Flags of an email as they show in a mailbox.
async fn shown(account: &mut AccountWork<'_>, email: &EmailRecord, mailbox: MailboxId) -> Result<u64> {
    let place = email.memberships.iter().find(|place| place.mailbox == mailbox.0);
    let row = match place {
        Some(place) => account.row(mailbox, Uid(place.uid)).await?,
        None => None,
    };
    Ok(email.keywords | row.map_or(0, |row| row.flags & DELETED))
}

async fn follow_flags(
    account: &mut AccountWork<'_>,
    change: &Followed,
    (uid, flags): (Uid, &Flags),
    done: &mut Following,
) -> Result<()> {
    let (origin, uid_validity) = (change.origin, change.uid_validity);
    let Some(mut row) = account.migrated(origin, uid_validity, uid).await? else { return Ok(()) };
    let (wanted, _) = flags.bits_with_room(account).await?;
    if wanted == row.flags {
        return Ok(());
    }
    let Some(email) = email(account, &row).await? else { return Ok(()) };
    let here = shown(account, &email, change.mailbox).await?;
    if here != row.flags && here != wanted {
        done.flags_kept += 1;
        return Ok(());
    }
    if account.set_flags(EmailId(row.email), change.mailbox, wanted).await? {
        done.flagged += 1;
        if row.modseq == email.modseq {
            row.modseq = account.modseq().0;
        }
    }
    row.flags = wanted;
    account.set_migrated(origin, uid_validity, uid, Some(&row));
    Ok(())
}

async fn follow_removal(
    account: &mut AccountWork<'_>,
    change: &Followed,
    uid: Uid,
    done: &mut Following,
) -> Result<()> {
    let (origin, uid_validity) = (change.origin, change.uid_validity);
    let Some(row) = account.migrated(origin, uid_validity, uid).await? else { return Ok(()) };
    let Some(email) = email(account, &row).await? else {
        account.set_migrated(origin, uid_validity, uid, None);
        return Ok(());
    };
    if !change.remove || row.modseq == 0 || email.modseq != row.modseq {
        done.left_behind += 1;
        return Ok(());
    }
    for place in &email.memberships {
        account.remove_email(EmailId(row.email), MailboxId(place.mailbox)).await?;
    }
    account.set_migrated(origin, uid_validity, uid, None);
    done.removed += 1;
    Ok(())
}
