//! SUMMARY    Storing messages a user hands in (IMAP APPEND, import, Sent copies).
//! STANDARDS  RFC 9051 §6.3.12, RFC 3502 (several messages, all or none)
//! INVARIANTS All messages of a call are stored in one transaction, or none is.

use crate::{Error, Flags, Mail, Result, card};
use account::{AccountScope, Charge, NewEmail, Owner, unit_of_work};
use base::{MailboxId, Timestamp, Uid, limits::MESSAGE_BYTES_MAX};

/// A message to be stored.
pub struct NewMessage {
    pub bytes: bytes::Bytes,
    pub flags: Flags,
    /// INTERNALDATE; `None` = now.
    pub received_at: Option<Timestamp>,
}

impl Mail {
    /// Stores messages in a mailbox; gives their uids in order. Errors: `NotFound` (mailbox), `OverQuota`, `LimitExceeded`, `StorageFull`.
    pub async fn append(
        &self,
        scope: &AccountScope<Owner>,
        mailbox: MailboxId,
        new: &[NewMessage],
    ) -> Result<Vec<Uid>> {
        self.accounts().check_room()?;
        let mut ready = Vec::with_capacity(new.len());
        for message in new {
            if message.bytes.len() > MESSAGE_BYTES_MAX {
                return Err(Error::limit("MESSAGE_BYTES_MAX"));
            }
            let staged = self.accounts().stage(scope.tenant(), &message.bytes).await?;
            ready.push((message, staged, card::prepare(&message.bytes)));
        }
        let accounts = self.accounts();
        unit_of_work!(accounts, &[scope.account()], accounts.op(), work => {
            let now = work.now();
            let mut account = work.account(scope).await?;
            let mut uids = Vec::with_capacity(ready.len());
            for (message, staged, prepared) in &ready {
                let flags = message.flags.bits(&mut account).await?;
                let (_, placed) = account
                    .add_email(NewEmail {
                        staged,
                        mailboxes: &[mailbox],
                        flags,
                        received_at: message.received_at.unwrap_or(now),
                        card: prepared.card.clone(),
                        thread_keys: &prepared.thread_keys,
                        charge: Charge::Own,
                    })
                    .await?;
                uids.extend(placed.into_iter().map(|(_, uid)| uid));
            }
            self.tell_of_quota(&mut account, now).await?;
            Ok(uids)
        })
    }
}
