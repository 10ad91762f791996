//! SUMMARY    What is here of a folder already: rows of messages that were brought, and the bytes of what came otherwise.
//! LIMITS     MIGRATE_FOLDER_MESSAGES_MAX
//! INVARIANTS The k-th message of the same bytes is the k-th that is here, be it under an earlier UIDVALIDITY or from elsewhere; one that
//!            a row claims is nobody else's.

use std::collections::{HashMap, HashSet, VecDeque};

use account::{
    AccountScope, Origin, Owner,
    record::{EmailRecord, Migrated, MigratedFolder},
};
use base::{EmailId, MailboxId, Uid, limits::MIGRATE_FOLDER_MESSAGES_MAX};
use mail::{Coming, Flags, Mail, read_many};

use crate::{Error, Result};

/// Rows that are read in one version of the store.
const ROWS: usize = 500;

/// Messages of a folder that were brought, by their uids there.
pub(crate) type Rows = HashMap<u32, Migrated>;

pub(crate) async fn rows(mail: &Mail, scope: &AccountScope<Owner>, origin: Origin, uid_validity: u32) -> Result<Rows> {
    let (mut rows, mut from) = (Rows::new(), Some(Uid(0)));
    let mut reader = mail.accounts().read(scope);
    while let Some(at) = from {
        reader.renew();
        let (page, next) = reader.migrated(origin, uid_validity, at).await?;
        rows.extend(page.into_iter().map(|(uid, row)| (uid.0, row)));
        from = next;
        if rows.len() > MIGRATE_FOLDER_MESSAGES_MAX {
            return Err(Error::Denied("too many messages were brought of it (MIGRATE_FOLDER_MESSAGES_MAX)".to_owned()));
        }
        tokio::task::yield_now().await;
    }
    Ok(rows)
}

/// Bytes that are here.
pub(crate) struct Known {
    /// Brought under a UIDVALIDITY that the source had before.
    again: HashMap<u64, VecDeque<Migrated>>,
    /// Emails that rows speak of.
    claimed: HashSet<u64>,
    /// What mailboxes have from elsewhere.
    there: HashMap<MailboxId, HashMap<u64, VecDeque<EmailId>>>,
}

impl Known {
    pub(crate) async fn new(
        mail: &Mail,
        scope: &AccountScope<Owner>,
        (origin, folder): (Origin, &MigratedFolder),
        brought: &Rows,
    ) -> Result<Known> {
        let mut again: HashMap<u64, VecDeque<Migrated>> = HashMap::new();
        let mut claimed: HashSet<u64> = brought.values().map(|row| row.email).collect();
        // Uids are in order under each, so that the same bytes are met in the same order again.
        for earlier in &folder.earlier {
            let mut all: Vec<(u32, Migrated)> = rows(mail, scope, origin, *earlier).await?.into_iter().collect();
            all.sort_unstable_by_key(|(uid, _)| *uid);
            for (_, row) in all {
                // The same email under two earlier ones is one.
                if claimed.insert(row.email) {
                    again.entry(row.content).or_default().push_back(row);
                }
            }
        }
        Ok(Known { again, claimed, there: HashMap::new() })
    }

    /// Reads what a mailbox has, unless that was done.
    pub(crate) async fn load(&mut self, mail: &Mail, scope: &AccountScope<Owner>, mailbox: MailboxId) -> Result<()> {
        if self.there.contains_key(&mailbox) {
            return Ok(());
        }
        let (mut contents, mut from) = (HashMap::new(), Some(Uid(1)));
        let mut reader = mail.accounts().read(scope);
        while let Some(at) = from {
            reader.renew();
            let page = reader.some_rows(mailbox, at, ROWS).await?;
            let free = |id: &EmailId| !self.claimed.contains(&id.0);
            let ids: Vec<_> = page.rows.iter().map(|(_, row)| EmailId(row.email)).filter(free).collect();
            let emails = read_many::<EmailRecord>(&mut reader, &ids).await?;
            for (id, email) in ids.into_iter().zip(emails) {
                if let Some(email) = email {
                    contents.entry(content(&email.blob)).or_insert_with(VecDeque::new).push_back(id);
                }
            }
            from = page.next;
            tokio::task::yield_now().await;
        }
        self.there.insert(mailbox, contents);
        Ok(())
    }

    /// Whether anything is known at all: if not, no message needs to be looked up.
    pub(crate) fn is_empty(&self) -> bool {
        self.again.is_empty() && self.there.values().all(HashMap::is_empty)
    }

    /// What is here of these bytes and these mailboxes; it is nobody else's from now on.
    pub(crate) fn take(&mut self, mailboxes: &[MailboxId], content: u64, flags: &Flags) -> Option<Coming> {
        if let Some(row) = self.again.get_mut(&content).and_then(VecDeque::pop_front) {
            return Some(Coming::Again(row));
        }
        for mailbox in mailboxes {
            let there = self.there.get_mut(mailbox).and_then(|contents| contents.get_mut(&content));
            let Some(emails) = there else { continue };
            while let Some(email) = emails.pop_front() {
                // It may have been claimed by way of another of its mailboxes.
                if self.claimed.insert(email.0) {
                    return Some(Coming::There { email, content, flags: flags.clone() });
                }
            }
        }
        None
    }
}

/// Eight bytes of the tenant's reference of a message's bytes.
pub(crate) fn content(blob: &[u8]) -> u64 {
    blob.first_chunk().copied().map_or(0, u64::from_be_bytes)
}
