//! SUMMARY    Copying, moving and expunging messages of a mailbox.
//! STANDARDS  RFC 9051 §6.4.3, §6.4.7, §6.4.8, §6.4.9
//! LIMITS     EMAILS_PER_WORK_MAX
//! INVARIANTS Up to EMAILS_PER_WORK_MAX messages change in one transaction; larger requests run as several, in uid order.

use crate::{Mail, Result};
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

impl Mail {
    /// Copies messages; gives (source uid, new uid) for those that were there.
    pub async fn copy(
        &self,
        scope: &AccountScope<Owner>,
        from: MailboxId,
        to: MailboxId,
        uids: &[Uid],
    ) -> Result<Vec<(Uid, Uid)>> {
        self.transfer(scope, from, to, uids, false).await
    }

    /// Moves messages; gives (source uid, new uid) for those that were there.
    pub async fn move_messages(
        &self,
        scope: &AccountScope<Owner>,
        from: MailboxId,
        to: MailboxId,
        uids: &[Uid],
    ) -> Result<Vec<(Uid, Uid)>> {
        self.transfer(scope, from, to, uids, true).await
    }

    async fn transfer(
        &self,
        scope: &AccountScope<Owner>,
        from: MailboxId,
        to: MailboxId,
        uids: &[Uid],
        moving: bool,
    ) -> Result<Vec<(Uid, Uid)>> {
        let accounts = self.accounts();
        let mut pairs = Vec::with_capacity(uids.len());
        for batch in uids.chunks(EMAILS_PER_WORK_MAX) {
            let part: Vec<(Uid, Uid)> = unit_of_work!(accounts, &[scope.account()], accounts.op(), work => {
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
            })?;
            pairs.extend(part);
        }
        Ok(pairs)
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
