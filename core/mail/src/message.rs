//! SUMMARY    Copying, moving and expunging messages of a mailbox.
//! STANDARDS  RFC 9051 §6.4.3, §6.4.7, §6.4.8, §6.4.9
//! LIMITS     EMAILS_PER_WORK_MAX, COPY_UNDO_MS, COPY_UNDO_ATTEMPTS_MAX
//! INVARIANTS Up to EMAILS_PER_WORK_MAX messages change in one transaction; larger requests run as several, in uid order. A copy that fails
//!            on the way is taken back as a whole, after a crash before anybody is served; a move tells what it moved.

use crate::{Error, Mail, Result};
use account::{AccountScope, DELETED, Owner, QuotaNotice, unit_of_work};
use base::{
    EmailId, Kind, MailboxId, OpId, Uid,
    limits::{COPY_UNDO_ATTEMPTS_MAX, COPY_UNDO_MS, EMAILS_PER_WORK_MAX},
};
use std::time::Duration;

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

/// One transaction of a large copy.
#[derive(Debug, Clone, Copy)]
struct Part {
    copy: OpId,
    part: u32,
    is_last: bool,
    /// Threshold of the quota that an earlier part has crossed: the user is told with the last one, when the copy stands.
    crossed: Option<QuotaNotice>,
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
        if uids.len() <= EMAILS_PER_WORK_MAX {
            return match uids {
                [] => Ok(Vec::new()),
                uids => self.copy_batch(scope, (from, to), uids, None).await.map(|(pairs, _)| pairs),
            };
        }
        let (mail, scope, uids) = (self.clone(), *scope, uids.to_vec());
        // A task of its own: whoever asked may go away on the way.
        let copying = tokio::spawn(async move { mail.copy_many(&scope, from, to, &uids).await });
        copying.await.map_err(|why| Error::new(Kind::Unavailable, format!("copying: {why}")))?
    }

    async fn copy_many(
        &self,
        scope: &AccountScope<Owner>,
        from: MailboxId,
        to: MailboxId,
        uids: &[Uid],
    ) -> Result<Vec<(Uid, Uid)>> {
        let copy = self.accounts().op();
        let mut pairs = Vec::with_capacity(uids.len());
        let batches = uids.chunks(EMAILS_PER_WORK_MAX);
        let last = batches.len().saturating_sub(1);
        let mut crossed = None;
        for (part, batch) in (0..).zip(batches) {
            let place = Part { copy, part, is_last: part as usize == last, crossed };
            match self.copy_batch(scope, (from, to), batch, Some(place)).await {
                Ok((placed, notice)) => {
                    pairs.extend(placed);
                    crossed = notice;
                }
                Err(e) => {
                    self.take_back(*scope, copy).await;
                    return Err(e);
                }
            }
        }
        Ok(pairs)
    }

    /// Takes an unfinished copy back; what the store does not do now is done as soon as it does, or at the next start.
    async fn take_back(&self, scope: AccountScope<Owner>, copy: OpId) {
        let Err(why) = self.accounts().undo_copy(&scope, copy).await else { return };
        tracing::warn!(%why, account = %scope.account(), "a failed copy is not taken back yet");
        let accounts = self.accounts().clone();
        tokio::spawn(async move {
            for _ in 0..COPY_UNDO_ATTEMPTS_MAX {
                tokio::time::sleep(Duration::from_millis(COPY_UNDO_MS)).await;
                if accounts.undo_copy(&scope, copy).await.is_ok() {
                    return;
                }
            }
            tracing::error!(account = %scope.account(), "a failed copy is taken back at the next start only");
        });
    }

    /// Moves messages; those that are gone are left out. `Err`: none was moved.
    pub async fn move_messages(
        &self,
        scope: &AccountScope<Owner>,
        from: MailboxId,
        to: MailboxId,
        uids: &[Uid],
    ) -> Result<Moved> {
        let mut moved = self.move_many(scope, (from, to), uids).await;
        match moved.stopped.take_if(|_| moved.pairs.is_empty()) {
            Some(error) => Err(error),
            None => Ok(moved),
        }
    }

    async fn move_many(&self, scope: &AccountScope<Owner>, way: (MailboxId, MailboxId), uids: &[Uid]) -> Moved {
        let mut done = Moved { pairs: Vec::with_capacity(uids.len()), stopped: None };
        for batch in uids.chunks(EMAILS_PER_WORK_MAX) {
            match self.move_batch(scope, way, batch).await {
                Ok(part) => done.pairs.extend(part),
                Err(e) => {
                    done.stopped = Some(e);
                    break;
                }
            }
        }
        done
    }

    async fn move_batch(
        &self,
        scope: &AccountScope<Owner>,
        (from, to): (MailboxId, MailboxId),
        batch: &[Uid],
    ) -> Result<Vec<(Uid, Uid)>> {
        let accounts = self.accounts();
        unit_of_work!(accounts, &[scope.account()], accounts.op(), work => {
            let now = work.now();
            let mut account = work.account(scope).await?;
            account.mailbox(to).await?;
            let mut pairs = Vec::with_capacity(batch.len());
            for uid in batch {
                let Some(row) = account.row(from, *uid).await? else { continue };
                pairs.push((*uid, account.move_email(EmailId(row.email), from, to).await?));
            }
            self.tell_of_quota(&mut account, now).await?;
            Ok(pairs)
        })
    }

    /// One transaction of a copy; `None`: it is the whole of it. Gives what was placed, and what of the quota is still to be told.
    async fn copy_batch(
        &self,
        scope: &AccountScope<Owner>,
        (from, to): (MailboxId, MailboxId),
        batch: &[Uid],
        place: Option<Part>,
    ) -> Result<(Vec<(Uid, Uid)>, Option<QuotaNotice>)> {
        let accounts = self.accounts();
        unit_of_work!(accounts, &[scope.account()], accounts.op(), work => {
            let now = work.now();
            let mut account = work.account(scope).await?;
            account.mailbox(to).await?;
            let mut pairs = Vec::with_capacity(batch.len());
            for uid in batch {
                let Some(row) = account.row(from, *uid).await? else { continue };
                pairs.push((*uid, account.copy_email(EmailId(row.email), from, to).await?));
            }
            let crossed = account.take_quota_notice().or(place.and_then(|part| part.crossed));
            match place {
                None => {}
                Some(Part { copy, part, is_last: true, .. }) => account.finish_copy(copy, part)?,
                Some(Part { copy, part, is_last: false, .. }) => {
                    let placed: Vec<Uid> = pairs.iter().map(|(_, new)| *new).collect();
                    account.note_copy(copy, part, to, &placed)?;
                    return Ok((pairs, crossed));
                }
            }
            self.tell_user(&mut account, now, crossed).await?;
            Ok((pairs, None))
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
