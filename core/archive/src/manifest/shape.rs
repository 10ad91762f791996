//! SUMMARY    What a manifest says.

use base::{AccountId, MailboxId, TenantId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    Content, Name, Sha256, Text,
    metadata::{Role, date},
    zip,
};

/// The version that this release writes, and the newest major one that it reads.
pub const FORMAT_MAJOR: u32 = 1;
pub const FORMAT_MINOR: u32 = 1;

/// The version of the archive's layout and of the manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Format {
    pub major: u32,
    /// Higher ones only add.
    pub minor: u32,
}

impl Default for Format {
    fn default() -> Self {
        Format { major: FORMAT_MAJOR, minor: FORMAT_MINOR }
    }
}

/// What was exported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", rename_all_fields = "camelCase")]
pub enum Scope {
    /// One mailbox of an account.
    Mailbox {
        tenant_id: Text<TenantId>,
        account_id: Text<AccountId>,
        mailbox_id: Text<MailboxId>,
        full_name: String,
    },
    /// Everything of one person; the id is the control plane's.
    Person {
        tenant_id: Text<TenantId>,
        person_id: String,
    },
    /// Some accounts of a tenant, with all their mail.
    Accounts {
        tenant_id: Text<TenantId>,
        account_ids: Vec<Text<AccountId>>,
    },
    Tenant {
        tenant_id: Text<TenantId>,
    },
    /// One of a later release.
    #[serde(other)]
    Other,
}

/// The state of an account that was exported: nothing later is in the archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pin {
    pub account_id: Text<AccountId>,
    #[serde(with = "date")]
    pub at: Timestamp,
    /// As text: programs that read numbers as floating-point lose digits of large ones.
    pub modseq: Text<u64>,
}

/// The export that this one adds to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Since {
    /// Its job.
    pub job: String,
    /// Of its manifest.
    pub sha256: Sha256,
}

/// A file of the export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    pub name: Name,
    pub bytes: u64,
    pub sha256: Sha256,
    /// What is in it, if it is an archive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entries: Option<Entries>,
}

/// What is in an archive: each of them, or how many.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Entries {
    Listed(Vec<FileEntry>),
    Count(u64),
}

/// An entry of an archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    pub name: Name,
    pub bytes: u64,
    pub sha256: Sha256,
}

impl From<&zip::Entry> for FileEntry {
    fn from(entry: &zip::Entry) -> Self {
        FileEntry { name: entry.name.clone(), bytes: entry.bytes, sha256: entry.sha256 }
    }
}

/// Counts of emails. An account's are those of its mailboxes together: an email in two counts twice, but for `bytes` of an account.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Totals {
    pub emails: u64,
    /// Of their messages.
    pub bytes: u64,
    pub unseen: u64,
    pub flagged: u64,
    pub answered: u64,
    pub drafts: u64,
    pub deleted: u64,
}

/// A mailbox, counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MailboxTotals {
    pub full_name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    #[serde(flatten)]
    pub totals: Totals,
}

/// Documents of one type of data, beside the mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Papers {
    /// As the register of data names it.
    #[serde(rename = "type")]
    pub data: String,
    pub files: u64,
    pub records: u64,
    pub bytes: u64,
    /// Of their content, one after the other: the SHA-256 of what it was before (nothing at first) and the SHA-256 of the next file.
    pub sha256: Sha256,
}

impl Papers {
    /// Counts one more file.
    pub fn add(all: &mut Vec<Papers>, data: &str, records: u64, content: Content) {
        let place = match all.iter().position(|papers| papers.data == data) {
            Some(place) => place,
            None => {
                let none = Papers { data: data.to_owned(), files: 0, records: 0, bytes: 0, sha256: Sha256([0; 32]) };
                all.push(none);
                all.len() - 1
            }
        };
        let Some(papers) = all.get_mut(place) else { return };
        let before: &[u8] = if papers.files == 0 { &[] } else { &papers.sha256.0 };
        papers.sha256 = Sha256::of(&[before, &content.sha256.0].concat());
        papers.files += 1;
        papers.records += records;
        papers.bytes += content.bytes;
    }
}

/// An account, counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Account {
    pub account_id: Text<AccountId>,
    /// Its main address.
    pub address: String,
    #[serde(flatten)]
    pub totals: Totals,
    pub mailboxes: Vec<MailboxTotals>,
    /// Of its mail (`MailDigest`): the same in every export of the same mail.
    pub mail_digest: Sha256,
    /// What else is of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub papers: Vec<Papers>,
}

/// A manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    pub format: Format,
    /// What made it, with its version.
    pub product: String,
    pub job: String,
    pub scope: Scope,
    pub pins: Vec<Pin>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Since>,
    pub files: Vec<File>,
    pub accounts: Vec<Account>,
    /// Of all mail together.
    pub mail_digest: Sha256,
    /// What is of the tenant itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub papers: Vec<Papers>,
    /// Lines of `problems.jsonl`.
    #[serde(default)]
    pub problems: u64,
}
