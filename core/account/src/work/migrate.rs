//! SUMMARY    What a migration writes with the mail that it brings: which message of the source is which email, in the same unit of work.
//! LIMITS     MIGRATE_UID_MAX
//! INVARIANTS UIDNEXT only rises; UIDVALIDITY is another's only while the mailbox has never had a message. Both are the account's own affair:
//!            whatever a source says, a uid is given once.

use super::AccountWork;
use crate::{
    Error, Result, keys,
    record::{Migrated, MigratedFolder},
};
use base::{MailboxId, Uid, limits::MIGRATE_UID_MAX};

/// A mailbox of a source, by hashes of who and where the source is and of the mailbox's name there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    pub source: u64,
    pub folder: u64,
}

impl AccountWork<'_> {
    /// What is remembered of a mailbox of a source.
    pub async fn migrated_folder(&mut self, origin: Origin) -> Result<Option<MigratedFolder>> {
        self.read(&keys::migrated_folder(self.account, origin), "mailbox of a source").await
    }

    pub fn set_migrated_folder(&mut self, origin: Origin, folder: &MigratedFolder) {
        self.write(&keys::migrated_folder(self.account, origin), folder);
    }

    /// What a message of a source is here.
    pub async fn migrated(&mut self, origin: Origin, uid_validity: u32, uid: Uid) -> Result<Option<Migrated>> {
        self.read(&keys::migrated(self.account, origin, uid_validity, uid), "message of a source").await
    }

    /// Remembers it; `None` forgets it.
    pub fn set_migrated(&mut self, origin: Origin, uid_validity: u32, uid: Uid, is: Option<&Migrated>) {
        let key = keys::migrated(self.account, origin, uid_validity, uid);
        match is {
            Some(record) => self.write(&key, record),
            None => self.tenant_txn().clear(&key),
        }
    }

    /// Forgets all messages under a UIDVALIDITY that a source no longer has.
    pub fn forget_migrated(&mut self, origin: Origin, uid_validity: u32) {
        let all = keys::migrated_from(self.account, origin, uid_validity, Uid(0));
        self.tenant_txn().clear_range(&all);
    }

    /// Lets the next message of a mailbox have this uid, if it can: it is not below UIDNEXT and not above MIGRATE_UID_MAX. Whether it will.
    pub async fn raise_uid_next(&mut self, mailbox: MailboxId, uid: Uid) -> Result<bool> {
        let state = self.mailbox_state(mailbox).await?;
        if uid.0 < state.uid_next || uid.0 > MIGRATE_UID_MAX {
            return Ok(false);
        }
        if uid.0 > state.uid_next {
            self.update_counters(mailbox, |state| state.uid_next = uid.0).await?;
        }
        Ok(true)
    }

    /// Gives a mailbox that has never had a message this UIDVALIDITY. Whether it could. `NotFound`: there is no such mailbox.
    pub async fn adopt_uid_validity(&mut self, mailbox: MailboxId, uid_validity: u32) -> Result<bool> {
        if uid_validity == 0 {
            return Err(Error::new(base::Kind::Invalid, "a UIDVALIDITY is not 0"));
        }
        let state = self.mailbox_state(mailbox).await?;
        if state.uid_next != 1 || state.emails != 0 {
            return Ok(false);
        }
        self.update_mailbox(mailbox, |record| record.uid_validity = uid_validity).await?;
        Ok(true)
    }
}
