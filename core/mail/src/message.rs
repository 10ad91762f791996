//! SUMMARY    Copying, moving and expunging messages of a mailbox.
//! STANDARDS  RFC 9051 §6.4.3, §6.4.7, §6.4.8, §6.4.9
//! LIMITS     EMAILS_PER_WORK_MAX
//! INVARIANTS Up to EMAILS_PER_WORK_MAX messages change in one transaction; larger requests run as several, in uid order. A copy that fails
//!            on the way is taken back as a whole; a move tells what it moved.

use crate::{Error, Mail, Result};
use account::{AccountScope, DELETED, Owner, unit_of_work};
use base::{EmailId, MailboxId, Uid, limits::EMAILS_PER_WORK_MAX};

/// Which messages an expunge takes.
#[derive(Debug, Clone, Copy)]
pub enum Expunge<'a> {
    /// Those of the list that are flagged \Deleted (EXPUNGE, UID EXPUNGE, CLOSE).
    Deleted(&'a [Uid]),
    /// All of the list (emptying a mailbox before it is destroyed).
    All(&'a [Uid]),
}

/// What a move did: every message is in one of the two mailboxes, never in both or none.
#[derive(Debug, Default)]
pub struct Moved {
    /// Source uid, new uid.
    pub pairs: Vec<(Uid, Uid)>,
    /// Why the rest stayed where it was (RFC 6851 §3.3).
    pub stopped: Option<Error>,
}

impl Mail {
    /// Copies messages; gives (source uid, new uid) for those that were there. All or none: RFC 9051 §6.4.7.
    pub async fn copy(
        &self,
        scope: &AccountScope<Owner>,
        from: MailboxId,
        to: MailboxId,
        uids: &[Uid],
    ) -> Result<Vec<(Uid, Uid)>> {
        self.accounts().check_room()?;
        let Moved { pairs, stopped } = self.transfer(scope, from, to, uids, false).await;
        let Some(error) = stopped else { return Ok(pairs) };
        let copies: Vec<Uid> = pairs.iter().map(|(_, new)| *new).collect();
        self.expunge(scope, to, Expunge::All(&copies)).await?;
        Err(error)
    }

    /// Moves messages; those that are gone are left out. `Err`: none was moved.
    pub async fn move_messages(
        &self,
        scope: &AccountScope<Owner>,
        from: MailboxId,
        to: MailboxId,
        uids: &[Uid],
    ) -> Result<Moved> {
        let mut moved = self.transfer(scope, from, to, uids, true).await;
        match moved.stopped.take_if(|_| moved.pairs.is_empty()) {
            Some(error) => Err(error),
            None => Ok(moved),
        }
    }

    async fn transfer(
        &self,
        scope: &AccountScope<Owner>,
        from: MailboxId,
        to: MailboxId,
        uids: &[Uid],
        moving: bool,
    ) -> Moved {
        let mut done = Moved { pairs: Vec::with_capacity(uids.len()), stopped: None };
        for batch in uids.chunks(EMAILS_PER_WORK_MAX) {
            match self.transfer_batch(scope, (from, to), batch, moving).await {
                Ok(part) => done.pairs.extend(part),
                Err(e) => {
                    done.stopped = Some(e);
                    break;
                }
            }
        }
        done
    }

    async fn transfer_batch(
        &self,
        scope: &AccountScope<Owner>,
        (from, to): (MailboxId, MailboxId),
        batch: &[Uid],
        moving: bool,
    ) -> Result<Vec<(Uid, Uid)>> {
        let accounts = self.accounts();
        unit_of_work!(accounts, &[scope.account()], accounts.op(), work => {
                let mut account = work.account(scope).await?;
                account.mailbox(to).await?;
                let mut part = Vec::with_capacity(batch.len());
                for uid in batch {
                    let Some(row) = account.row(from, *uid).await? else { continue };
                    let email = EmailId(row.email);
                    let new = if moving {
                        account.move_email(email, from, to).await?
                    } else {
                        account.copy_email(email, from, to).await?
                    };
                    part.push((*uid, new));
                }
                Ok(part)
        })
    }

    /// Removes messages for good; gives the uids that went.
    pub async fn expunge(
        &self,
        scope: &AccountScope<Owner>,
        mailbox: MailboxId,
        what: Expunge<'_>,
    ) -> Result<Vec<Uid>> {
        let (uids, all) = match what {
            Expunge::Deleted(uids) => (uids, false),
            Expunge::All(uids) => (uids, true),
        };
        let accounts = self.accounts();
        let mut gone = Vec::new();
        for batch in uids.chunks(EMAILS_PER_WORK_MAX) {
            let part: Vec<Uid> = unit_of_work!(accounts, &[scope.account()], accounts.op(), work => {
                let mut account = work.account(scope).await?;
                let mut part = Vec::new();
                for uid in batch {
                    let Some(row) = account.row(mailbox, *uid).await? else { continue };
                    if all || row.flags & DELETED != 0 {
                        account.remove_email(EmailId(row.email), mailbox).await?;
                        part.push(*uid);
                    }
                }
                Ok(part)
            })?;
            gone.extend(part);
        }
        Ok(gone)
    }
}
