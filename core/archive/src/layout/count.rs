//! SUMMARY    Counts of what was listed, by account and mailbox: what a job compares with the counters of its pin.
//! INVARIANTS An email whose message cannot be read is counted as others are.

use base::{AccountId, MailboxId};
use serde::{Deserialize, Serialize};

use super::{
    flag::{ANSWERED, DELETED, DRAFT, FLAGGED, SEEN},
    input::AccountHead,
};
use crate::{
    Text,
    manifest::{Papers, Totals},
    metadata::{Mailbox, Role},
};

/// A mailbox, counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MailboxCounts {
    pub mailbox_id: Text<MailboxId>,
    pub full_name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    pub totals: Totals,
}

/// An account, counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountCounts {
    pub account_id: Text<AccountId>,
    pub address: String,
    /// Of its mailboxes together; `bytes` has an email once, however many of them it is in.
    pub totals: Totals,
    /// In order of ids.
    pub mailboxes: Vec<MailboxCounts>,
    /// Its papers so far.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub papers: Vec<Papers>,
}

impl AccountCounts {
    /// Nothing counted yet. Mailboxes come in order of ids.
    pub(super) fn new(head: &AccountHead, mailboxes: &[&Mailbox]) -> Self {
        let (totals, mailboxes) = (Totals::default(), mailboxes.iter().copied().map(MailboxCounts::from).collect());
        AccountCounts {
            account_id: head.account_id,
            address: head.address.clone(),
            totals,
            mailboxes,
            papers: Vec::new(),
        }
    }

    /// The counts of a mailbox.
    pub fn mailbox(&self, id: MailboxId) -> Option<&MailboxCounts> {
        let at = self.index(id)?;
        self.mailboxes.get(at)
    }

    pub(super) fn index(&self, id: MailboxId) -> Option<usize> {
        self.mailboxes.binary_search_by_key(&id, |m| m.mailbox_id.0).ok()
    }

    /// Counts an email in the mailbox at this index. `first`: it was not counted in another one.
    pub(super) fn add(&mut self, at: usize, flags: u64, size: u64, first: bool) {
        if let Some(mailbox) = self.mailboxes.get_mut(at) {
            count(&mut mailbox.totals, flags, size);
        }
        count(&mut self.totals, flags, if first { size } else { 0 });
    }
}

impl From<&Mailbox> for MailboxCounts {
    fn from(mailbox: &Mailbox) -> Self {
        let (full_name, totals) = (mailbox.full_name.clone(), Totals::default());
        MailboxCounts { mailbox_id: mailbox.id, full_name, role: mailbox.role, totals }
    }
}

fn count(totals: &mut Totals, flags: u64, bytes: u64) {
    let has = |flag: u64| u64::from(flags & flag != 0);
    totals.emails += 1;
    totals.bytes = totals.bytes.saturating_add(bytes);
    totals.unseen += 1 - has(SEEN);
    totals.flagged += has(FLAGGED);
    totals.answered += has(ANSWERED);
    totals.drafts += has(DRAFT);
    totals.deleted += has(DELETED);
}
