//! SUMMARY    What an export has done so far: kept at the end of each archive, to go on from there.
//! LIMITS     EXPORT_STATE_BYTES_MAX, MAILBOXES_MAX
//! INVARIANTS It is the same whether the export was cut off or not. Nothing of an open file or archive is in it.

use base::limits::{EXPORT_STATE_BYTES_MAX, MAILBOXES_MAX};
use base::{AccountId, MailboxId};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{
    account::Account,
    chunk::Chunk,
    count::AccountCounts,
    flag,
    input::{Listed, Options},
};
use crate::{
    Error, Name, Sha256, Text,
    manifest::{self, Entries, File, MailDigest, MailboxTotals, Papers, Placed},
};

/// The form of the state that this release writes, and the only one that it reads.
const VERSION: u32 = 1;

/// An archive that is complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// As the manifest is going to have it.
    pub file: File,
    /// For `Writer::resume`: it goes on after this archive. Some kilobytes, and 200 bytes for each mailbox that was exported, each archive,
    /// and each entry that is listed.
    pub state: Vec<u8>,
    /// Rows of the whole job that were placed so far: the next archive begins with the one after them.
    pub rows: u64,
    /// Accounts that were begun so far. The last of them may go on.
    pub accounts: u64,
}

/// An account that is complete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountTotals {
    pub counts: AccountCounts,
    /// Of its mail that could be read.
    pub mail_digest: Sha256,
}

impl AccountTotals {
    /// As the manifest has it.
    pub fn to_manifest(&self) -> manifest::Account {
        let AccountCounts { account_id, address, totals, mailboxes, papers } = self.counts.clone();
        let mailbox =
            |m: super::MailboxCounts| MailboxTotals { full_name: m.full_name, role: m.role, totals: m.totals };
        let mailboxes = mailboxes.into_iter().map(mailbox).collect();
        manifest::Account { account_id, address, totals, mailboxes, mail_digest: self.mail_digest, papers }
    }
}

/// An export that is complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// The archives.
    pub files: Vec<File>,
    /// In the order in which they came.
    pub accounts: Vec<AccountTotals>,
    /// Of all mail that could be read.
    pub mail_digest: Sha256,
    /// Papers of the tenant.
    pub papers: Vec<Papers>,
    pub problems: u64,
    pub rows: u64,
}

/// The state of an export.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Job {
    version: u32,
    pub options: Options,
    pub rows: u64,
    pub problems: u64,
    pub files: Vec<File>,
    pub ended: Vec<AccountTotals>,
    /// Of those accounts.
    #[serde(with = "digest_text")]
    pub digest: MailDigest,
    pub open: Option<Progress>,
    /// Papers of the tenant that were written. Without any the state is that of releases before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub papers: Vec<Papers>,
}

/// The account whose rows are coming.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Progress {
    pub counts: AccountCounts,
    #[serde(with = "digest_text")]
    digest: MailDigest,
    pub folder: Name,
    /// Of its `AccountHead`: it must be the same each time.
    pub head: Sha256,
    /// The row that came last.
    last: Option<(Text<MailboxId>, u32)>,
    /// Files of that row's mailbox that were begun.
    files: u32,
}

impl Progress {
    pub fn new(counts: AccountCounts, folder: Name, head: Sha256) -> Self {
        Progress { counts, digest: MailDigest::default(), folder, head, last: None, files: 0 }
    }

    /// Where the row's mailbox is among the account's. Errors: it is none of these, the row does not come after the one before.
    pub fn check(&self, listed: &Listed<'_>) -> Result<usize, Error> {
        let at = self.counts.index(listed.mailbox);
        let at = at.ok_or(Error::Order("a row of a mailbox that the account has not"))?;
        let row = (Text(listed.mailbox), listed.uid.0);
        if self.last.is_some_and(|last| last >= row) {
            return Err(Error::Order("a row that comes before the one that was last"));
        }
        if listed.memberships.len() > MAILBOXES_MAX {
            return Err(Error::Limit("MAILBOXES_MAX"));
        }
        if !listed.memberships.contains(&(listed.mailbox, listed.uid)) {
            return Err(Error::Order("an email that is not in its mailbox"));
        }
        Ok(at)
    }

    /// Counts the row of the mailbox at this index.
    pub fn count(&mut self, at: usize, listed: &Listed<'_>) {
        let row = (Text(listed.mailbox), listed.uid.0);
        if self.last.replace(row).is_none_or(|(mailbox, _)| mailbox != row.0) {
            self.files = 0;
        }
        let later = |mailbox: MailboxId| mailbox >= listed.mailbox || self.counts.index(mailbox).is_none();
        let first = listed.memberships.iter().all(|(mailbox, _)| later(*mailbox));
        self.counts.add(at, listed.flags, listed.size, first);
    }

    /// Adds the message of the chunk's last row to the digest.
    pub fn add_mail(&mut self, chunk: &Chunk, sha256: Sha256, account: &Account) {
        let (Some(row), Some(mailbox)) = (chunk.last(), self.counts.mailboxes.get(chunk.at)) else { return };
        let mut set = [""; flag::BITS];
        let mut n = 0;
        for (slot, keyword) in set.iter_mut().zip(account.set(row.flags)) {
            *slot = keyword;
            n += 1;
        }
        let keywords = set.get(..n).unwrap_or_default();
        let (full_name, received_at) = (mailbox.full_name.as_str(), row.received_at);
        self.digest.add(&Placed { full_name, keywords, received_at, sha256 });
    }

    /// Whether rows of it were placed.
    pub fn has_rows(&self) -> bool {
        self.last.is_some()
    }

    /// The number of the file that begins with this row, from 1.
    pub fn next_file(&mut self) -> u32 {
        self.files = self.files.saturating_add(1);
        self.files
    }
}

impl Job {
    pub fn new(options: Options) -> Self {
        let digest = MailDigest::default();
        Job {
            version: VERSION,
            options,
            rows: 0,
            problems: 0,
            files: Vec::new(),
            ended: Vec::new(),
            digest,
            open: None,
            papers: Vec::new(),
        }
    }

    pub fn from_state(state: &[u8]) -> Result<Self, Error> {
        #[derive(Deserialize)]
        struct Probe {
            version: u32,
        }
        let Probe { version } = serde_json::from_slice(state)?;
        if version != VERSION {
            return Err(Error::Format(format!(
                "an export of state {version}, and this release goes on with {VERSION}"
            )));
        }
        Ok(serde_json::from_slice(state)?)
    }

    pub fn to_state(&self) -> Result<Vec<u8>, Error> {
        let state = serde_json::to_vec(self)?;
        if state.len() > EXPORT_STATE_BYTES_MAX {
            return Err(Error::Limit("EXPORT_STATE_BYTES_MAX"));
        }
        Ok(state)
    }

    /// Accounts that were begun.
    pub fn accounts(&self) -> u64 {
        self.ended.len() as u64 + u64::from(self.open.is_some())
    }

    /// Entries of archives that are listed by name.
    pub fn entries_listed(&self) -> usize {
        let listed = |file: &File| match &file.entries {
            Some(Entries::Listed(entries)) => entries.len(),
            Some(Entries::Count(_)) | None => 0,
        };
        self.files.iter().map(listed).sum()
    }

    /// Each account that was begun, with its address.
    pub fn addresses(&self) -> impl Iterator<Item = (AccountId, &str)> {
        let counts = self.ended.iter().map(|a| &a.counts).chain(self.open.as_ref().map(|open| &open.counts));
        counts.map(|c| (c.account_id.0, c.address.as_str()))
    }

    /// No more rows come for the account that is open.
    pub fn end_account(&mut self) {
        if let Some(open) = self.open.take() {
            self.digest.merge(&open.digest);
            self.ended.push(AccountTotals { counts: open.counts, mail_digest: open.digest.end() });
        }
    }

    pub fn finish(self) -> Finished {
        let Job { files, ended, digest, papers, problems, rows, .. } = self;
        Finished { files, accounts: ended, mail_digest: digest.end(), papers, problems, rows }
    }
}

mod digest_text {
    use super::*;

    pub fn serialize<S: Serializer>(digest: &MailDigest, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&STANDARD.encode(digest.to_bytes()))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<MailDigest, D::Error> {
        let text = String::deserialize(from)?;
        let bytes = STANDARD.decode(text).map_err(de::Error::custom)?;
        MailDigest::from_bytes(&bytes).map_err(de::Error::custom)
    }
}
