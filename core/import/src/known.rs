//! SUMMARY    What the mailboxes had before: contents and how many of each.
//! LIMITS     IMPORT_KNOWN_MAX

use std::collections::HashMap;

use account::{AccountScope, Owner, record::EmailRecord};
use base::{EmailId, Kind, MailboxId, Uid, limits::IMPORT_KNOWN_MAX};
use mail::{Error, Mail, Result, read_many};

/// Rows that are read in one version of the store.
const ROWS: usize = 500;

/// Bytes of a message, by half of their reference in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Key([u8; 16]);

impl Key {
    pub(crate) fn of(blob: &[u8]) -> Key {
        Key(blob.first_chunk().copied().unwrap_or_default())
    }
}

/// Contents of mailboxes as they were, less those that were met.
#[derive(Default)]
pub(crate) struct Known {
    mailboxes: HashMap<MailboxId, HashMap<Key, u32>>,
    rows: usize,
}

impl Known {
    /// Reads what a mailbox has, unless that was done. Errors: `LimitExceeded`.
    pub(crate) async fn load(&mut self, mail: &Mail, scope: &AccountScope<Owner>, mailbox: MailboxId) -> Result<()> {
        if self.mailboxes.contains_key(&mailbox) {
            return Ok(());
        }
        let (mut contents, mut from) = (HashMap::new(), Some(Uid(1)));
        let mut reader = mail.accounts().read(scope);
        while let Some(at) = from {
            reader.renew();
            let page = reader.some_rows(mailbox, at, ROWS).await?;
            let ids: Vec<_> = page.rows.iter().map(|(_, row)| EmailId(row.email)).collect();
            for email in read_many::<EmailRecord>(&mut reader, &ids).await?.into_iter().flatten() {
                self.rows += 1;
                *contents.entry(Key::of(&email.blob)).or_insert(0) += 1;
            }
            if self.rows > IMPORT_KNOWN_MAX {
                let why = "the folders that it goes to have too many messages (IMPORT_KNOWN_MAX)";
                return Err(Error::new(Kind::LimitExceeded, why));
            }
            from = page.next;
        }
        self.mailboxes.insert(mailbox, contents);
        Ok(())
    }

    /// Whether the mailbox had one more of it.
    pub(crate) fn take(&mut self, mailbox: MailboxId, key: Key) -> bool {
        let Some(left) = self.mailboxes.get_mut(&mailbox).and_then(|contents| contents.get_mut(&key)) else {
            return false;
        };
        let is_there = *left > 0;
        *left = left.saturating_sub(1);
        is_there
    }
}
