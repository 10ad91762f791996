//! SUMMARY    Expunged messages that are still kept: looking at them, and bringing them back.
//! LIMITS     EXPUNGED_PAGE_MAX, EXPUNGED_RESTORED_MAX
//! INVARIANTS A message comes back and is kept no more in one transaction: it is never there twice, or lost between. It comes
//!            back under a new id and uid into the mailbox it left, or the inbox when that is gone, with date and flags.

use crate::{Mail, Result, card};
use account::{
    AccountScope, AccountWork, CanRead, Charge, Error, ExpungedId, NewEmail, Owner, Staged, record::ExpungedRecord,
    unit_of_work,
};
use base::{Kind, MailboxId, Timestamp, Uid, limits::EXPUNGED_RESTORED_MAX};

/// An expunged message, as lists show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpungedMessage {
    pub id: ExpungedId,
    pub size_bytes: u32,
    pub received_at: Timestamp,
    /// The mailbox that it left; it may be gone.
    pub mailbox: MailboxId,
}

/// What came back.
#[derive(Debug, Default)]
pub struct Restored {
    /// Where each is now.
    pub placed: Vec<(ExpungedId, MailboxId, Uid)>,
    /// Brought back already, or forgotten.
    pub gone: Vec<ExpungedId>,
    /// Why the rest did not: `OverQuota`, or the store does not write now.
    pub stopped: Option<Error>,
}

struct Ready {
    id: ExpungedId,
    kept: ExpungedRecord,
    staged: Staged,
    prepared: card::Prepared,
}

impl Mail {
    /// What is kept of an account, the latest first, from before `before` on; whether there is more.
    pub async fn expunged<R: CanRead>(
        &self,
        scope: &AccountScope<R>,
        before: Option<ExpungedId>,
    ) -> Result<(Vec<ExpungedMessage>, bool)> {
        let mut reader = self.accounts().read(scope);
        let since = reader.expunged_since().await?.map_or(Timestamp(0), |(since, _)| since);
        let (mut kept, mut more) = reader.expunged(before).await?;
        let read = kept.len();
        // What is older waits to be forgotten.
        kept.retain(|(id, _)| id.at >= since);
        more &= kept.len() == read;
        let shown = kept.into_iter().map(|(id, kept)| ExpungedMessage {
            id,
            size_bytes: kept.size,
            received_at: Timestamp::from_secs(kept.received_at_secs),
            mailbox: MailboxId(kept.mailbox),
        });
        Ok((shown.collect(), more))
    }

    /// Brings messages back, in the order of `ids`. `LimitExceeded` beyond EXPUNGED_RESTORED_MAX; what stopped it on the way is in the answer.
    pub async fn restore_expunged(&self, scope: &AccountScope<Owner>, ids: &[ExpungedId]) -> Result<Restored> {
        if ids.len() > EXPUNGED_RESTORED_MAX {
            return Err(Error::limit("EXPUNGED_RESTORED_MAX"));
        }
        self.accounts().check_room()?;
        let mut done = Restored::default();
        for id in ids {
            match self.restore_one(scope, *id).await {
                Ok((mailbox, uid)) => done.placed.push((*id, mailbox, uid)),
                Err(e) if e.kind == Kind::NotFound => done.gone.push(*id),
                Err(e) => {
                    done.stopped = Some(e);
                    break;
                }
            }
        }
        Ok(done)
    }

    async fn restore_one(&self, scope: &AccountScope<Owner>, id: ExpungedId) -> Result<(MailboxId, Uid)> {
        let accounts = self.accounts();
        let mut reader = accounts.read(scope);
        let since = reader.expunged_since().await?.map_or(Timestamp(0), |(since, _)| since);
        let kept = reader.expunged_one(id).await?.filter(|_| id.at >= since);
        let kept = kept.ok_or_else(|| Error::not_found("expunged email"))?;
        let bytes = reader.expunged_body(&kept, None).await?;
        drop(reader);
        let staged = accounts.stage(scope.tenant(), &bytes).await?;
        let ready = Ready { id, kept, staged, prepared: card::prepare(&bytes) };
        unit_of_work!(accounts, &[scope.account()], accounts.op(), work => {
            let now = work.now();
            let mut account = work.account(scope).await?;
            let placed = place(&mut account, &ready).await?;
            self.tell_of_quota(&mut account, now).await?;
            Ok(placed)
        })
    }
}

async fn place(account: &mut AccountWork<'_>, ready: &Ready) -> Result<(MailboxId, Uid)> {
    // Another call may have been faster.
    account.expunged(ready.id).await?;
    let mailbox = match account.mailbox(MailboxId(ready.kept.mailbox)).await {
        Ok(_) => MailboxId(ready.kept.mailbox),
        Err(e) if e.kind == Kind::NotFound => MailboxId(account.state().inbox),
        Err(e) => return Err(e),
    };
    let charge = if ready.kept.uncharged { Charge::Notice } else { Charge::Own };
    let (_, placed) = account
        .add_email(NewEmail {
            staged: &ready.staged,
            mailboxes: &[mailbox],
            flags: ready.kept.keywords,
            received_at: Timestamp::from_secs(ready.kept.received_at_secs),
            card: ready.prepared.card.clone(),
            thread_keys: &ready.prepared.thread_keys,
            charge,
        })
        .await?;
    account.forget_expunged(ready.id).await?;
    placed.first().copied().ok_or_else(|| Error::corrupt("no place"))
}
