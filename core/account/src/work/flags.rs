//! SUMMARY    Flags and keywords of emails; the account's keyword table.
//! LIMITS     KEYWORDS_MAX, KEYWORD_BYTES_MAX
//! INVARIANTS Keywords belong to the email and show in each of its mailboxes; \Deleted belongs to one membership.

use super::{
    AccountWork,
    email::{DELETED, SEEN},
};
use crate::{
    Error, Result, keys,
    record::{KeywordTable, RowRecord},
};
use base::{
    EmailId, MailboxId, Uid,
    limits::{KEYWORD_BYTES_MAX, KEYWORDS_MAX},
};

/// System flags before the keyword bits.
pub(crate) const SYSTEM_FLAGS: usize = 5;

impl AccountWork<'_> {
    /// Sets the flags of an email as seen in `mailbox`. Returns whether anything changed.
    pub async fn set_flags(&mut self, id: EmailId, mailbox: MailboxId, flags: u64) -> Result<bool> {
        let mut email = self.email(id).await?;
        let keywords = flags & !DELETED;
        let mut changed = email.keywords != keywords;
        email.keywords = keywords;
        for place in email.memberships.clone() {
            let (at, uid) = (MailboxId(place.mailbox), Uid(place.uid));
            let key = keys::row(self.account, at, uid);
            let mut row: RowRecord =
                self.read(&key, "row").await?.ok_or_else(|| Error::corrupt("membership without row"))?;
            let before = row.flags;
            let deleted = if at == mailbox { flags & DELETED } else { before & DELETED };
            row.flags = keywords | deleted;
            if row.flags == before {
                continue;
            }
            changed = true;
            row.modseq = self.modseq().0;
            self.write(&key, &row);
            self.update_counters(at, |s| {
                s.unseen = adjust(s.unseen, before & SEEN == 0, row.flags & SEEN == 0);
                s.deleted = adjust(s.deleted, before & DELETED != 0, row.flags & DELETED != 0);
            })
            .await?;
        }
        if changed {
            self.save_email(id, email);
        }
        Ok(changed)
    }

    /// Bit of a keyword, adding it to the table if it is new. `LimitExceeded` when the table is full.
    pub async fn keyword_bit(&mut self, name: &str) -> Result<u64> {
        if name.is_empty() || name.len() > KEYWORD_BYTES_MAX {
            return Err(Error::limit("KEYWORD_BYTES_MAX"));
        }
        let key = keys::keywords(self.account);
        let mut table: KeywordTable = self.read(&key, "keywords").await?.unwrap_or_default();
        if let Some(at) = table.names.iter().position(|n| n.eq_ignore_ascii_case(name)) {
            return Ok(1 << (SYSTEM_FLAGS + at));
        }
        if table.names.len() >= KEYWORDS_MAX {
            return Err(Error::limit("KEYWORDS_MAX"));
        }
        table.names.push(name.to_owned());
        self.write(&key, &table);
        Ok(1 << (SYSTEM_FLAGS + table.names.len() - 1))
    }
}

fn adjust(count: u32, before: bool, after: bool) -> u32 {
    (count + u32::from(after)).saturating_sub(u32::from(before))
}
