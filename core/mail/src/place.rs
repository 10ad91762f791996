//! SUMMARY    Storing messages that come from elsewhere with all that was known of them there: mailboxes, flags, when they were received.
//! INVARIANTS All messages of a call are stored in one transaction, or none is. \Deleted is of each mailbox. A keyword for which there is no
//!            room is left out and told of: no message is lost for it.

use crate::{Error, Flags, Mail, Result, card};
use account::{AccountScope, AccountWork, Charge, DELETED, NewEmail, Owner, unit_of_work};
use base::{Kind, MailboxId, Timestamp, limits::MESSAGE_BYTES_MAX};
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
            let staged = self.accounts().stage(scope.tenant(), &message.bytes).await?;
            ready.push((message, staged, card::prepare(&message.bytes)));
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
            for (message, staged, prepared) in &ready {
                let (flags, left_out) = message.flags.bits_with_room(&mut account).await?;
                let everywhere = message.mailboxes.iter().all(|mailbox| message.deleted_in.contains(mailbox));
                let (id, _) = account
                    .add_email(NewEmail {
                        staged,
                        mailboxes: &message.mailboxes,
                        flags: flags & !DELETED | if everywhere { DELETED } else { 0 },
                        received_at: message.received_at.unwrap_or(now),
                        card: prepared.card.clone(),
                        thread_keys: &prepared.thread_keys,
                        charge: Charge::Own,
                    })
                    .await?;
                for mailbox in message.deleted_in.iter().filter(|at| !everywhere && message.mailboxes.contains(at)) {
                    account.set_flags(id, *mailbox, flags | DELETED).await?;
                }
                placed.push(Placed { left_out });
            }
            self.tell_of_quota(&mut account, now).await?;
            Ok(placed)
        })
    }
}

impl Flags {
    /// Bits of the flags that the account can keep, and the keywords that it cannot.
    async fn bits_with_room(&self, account: &mut AccountWork<'_>) -> Result<(u64, Vec<String>)> {
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
