//! SUMMARY    Storing messages that come from elsewhere with all that was known of them there: mailboxes, flags, when they were received.
//! INVARIANTS All messages of a call are stored in one transaction, or none is. \Deleted is of each mailbox. A keyword for which there is no
//!            room is left out and told of: no message is lost for it.

use crate::{
    Error, Flags, Mail, Result,
    card::{self, Prepared},
};
use account::{AccountScope, AccountWork, Charge, DELETED, NewEmail, Owner, Staged, unit_of_work};
use base::{EmailId, Kind, MailboxId, TenantId, Timestamp, limits::MESSAGE_BYTES_MAX};
use bytes::Bytes;

/// Bytes of messages that are worked on before others have their turn.
const TURN_BYTES: usize = 256 * 1024;

/// A message with its places.
#[derive(Debug, Clone)]
pub struct Placing {
    pub bytes: Bytes,
    /// At least one, each once.
    pub mailboxes: Vec<MailboxId>,
    /// Those of them in which it is deleted and not expunged.
    pub deleted_in: Vec<MailboxId>,
    /// Other flags than \Deleted.
    pub flags: Flags,
    /// INTERNALDATE; `None` = now.
    pub received_at: Option<Timestamp>,
}

/// What became of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Placed {
    /// Keywords that the account has no room for (KEYWORDS_MAX), or that are none.
    pub left_out: Vec<String>,
}

impl Mail {
    /// Stores messages; gives what became of each, in order. Errors: `NotFound` (mailbox), `OverQuota`, `LimitExceeded`, `StorageFull`.
    pub async fn place(&self, scope: &AccountScope<Owner>, new: &[Placing]) -> Result<Vec<Placed>> {
        self.accounts().check_room()?;
        let mut ready = Vec::with_capacity(new.len());
        let mut turn = 0;
        for message in new {
            if message.bytes.len() > MESSAGE_BYTES_MAX {
                return Err(Error::limit("MESSAGE_BYTES_MAX"));
            }
            ready.push(self.ready(scope.tenant(), message).await?);
            turn += message.bytes.len();
            if turn >= TURN_BYTES {
                turn = 0;
                tokio::task::yield_now().await;
            }
        }
        let accounts = self.accounts();
        unit_of_work!(accounts, &[scope.account()], accounts.op(), work => {
            let now = work.now();
            let mut account = work.account(scope).await?;
            let mut placed = Vec::with_capacity(ready.len());
            for message in &ready {
                placed.push(message.place(&mut account, now).await?.2);
            }
            self.tell_of_quota(&mut account, now).await?;
            Ok(placed)
        })
    }

    /// Stages and scans a message.
    pub(crate) async fn ready<'p>(&self, tenant: TenantId, message: &'p Placing) -> Result<Ready<'p>> {
        let staged = self.accounts().stage(tenant, &message.bytes).await?;
        Ok(Ready { message, staged, prepared: card::prepare(&message.bytes) })
    }
}

/// A message that only has to be added.
pub(crate) struct Ready<'p> {
    message: &'p Placing,
    staged: Staged,
    prepared: Prepared,
}

impl Ready<'_> {
    /// Eight bytes of the tenant's reference of its bytes.
    pub(crate) fn content(&self) -> u64 {
        self.staged.blob().0.first_chunk().copied().map_or(0, u64::from_be_bytes)
    }

    /// Adds it; its id, its flag bits where it is deleted if it is anywhere, and what was left out.
    pub(crate) async fn place(&self, account: &mut AccountWork<'_>, now: Timestamp) -> Result<(EmailId, u64, Placed)> {
        let Ready { message, staged, prepared } = self;
        let (flags, left_out) = message.flags.bits_with_room(account).await?;
        let flags = flags & !DELETED;
        let everywhere = message.mailboxes.iter().all(|mailbox| message.deleted_in.contains(mailbox));
        let (id, _) = account
            .add_email(NewEmail {
                staged,
                mailboxes: &message.mailboxes,
                flags: flags | if everywhere { DELETED } else { 0 },
                received_at: message.received_at.unwrap_or(now),
                card: prepared.card.clone(),
                thread_keys: &prepared.thread_keys,
                charge: Charge::Own,
            })
            .await?;
        for mailbox in message.deleted_in.iter().filter(|at| !everywhere && message.mailboxes.contains(at)) {
            account.set_flags(id, *mailbox, flags | DELETED).await?;
        }
        let deleted = if message.deleted_in.is_empty() { 0 } else { DELETED };
        Ok((id, flags | deleted, Placed { left_out }))
    }
}

impl Flags {
    /// Bits of the flags that the account can keep, and the keywords that it cannot.
    pub(crate) async fn bits_with_room(&self, account: &mut AccountWork<'_>) -> Result<(u64, Vec<String>)> {
        let (mut bits, mut left_out) = (self.system, Vec::new());
        for keyword in &self.keywords {
            match account.keyword_bit(keyword).await {
                Ok(bit) => bits |= bit,
                Err(e) if e.kind == Kind::LimitExceeded => left_out.push(keyword.clone()),
                Err(e) => return Err(e),
            }
        }
        Ok((bits, left_out))
    }
}
