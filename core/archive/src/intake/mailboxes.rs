//! SUMMARY    The mailboxes of an export that is read in: `mailboxes.jsonl` of all its accounts, from one archive or several.
//! SECURITY   What says that it is ours may be a stranger's: a path that no mailbox can have is refused.
//! LIMITS     INTAKE_MAILBOXES_MAX, MAILBOX_PATH_BYTES_MAX, MAILBOX_DEPTH_MAX

use std::collections::{BTreeMap, HashMap};

use base::limits::{INTAKE_MAILBOXES_MAX, MAILBOX_DEPTH_MAX, MAILBOX_PATH_BYTES_MAX};
use base::{AccountId, MailboxId};

use super::Target;
use super::ledger::suffixes;
use crate::metadata::{Mailbox, Place, Problem, Trouble};
use crate::{Line, Text};

/// Mailboxes by their ids in the export.
#[derive(Debug, Default)]
pub struct Mailboxes {
    known: BTreeMap<(AccountId, MailboxId), Mailbox>,
    /// By file or folder in the archive.
    paths: HashMap<String, (AccountId, MailboxId)>,
}

impl Mailboxes {
    pub fn new() -> Self {
        Mailboxes::default()
    }

    /// Takes a line of `mailboxes.jsonl`; `file` is that file's name. The first that is said of a mailbox counts, as each of several
    /// archives may say it.
    pub fn add(&mut self, line: &Line<'_>, file: &str) -> Result<(), Box<Problem>> {
        let wrong = |what: Trouble, why: String| {
            let problem = super::problem(what, file, None, &why);
            Box::new(Problem { place: Place { line: Some(line.number), ..problem.place }, ..problem })
        };
        let mailbox: Mailbox = line.read().map_err(|e| wrong(Trouble::MetadataMalformed, e.to_string()))?;
        let path = &mailbox.full_name;
        if path.is_empty() || path.len() > MAILBOX_PATH_BYTES_MAX || path.split('/').count() > MAILBOX_DEPTH_MAX {
            return Err(wrong(Trouble::NotKept, "no mailbox can have this path".to_owned()));
        }
        let key = (mailbox.account_id.0, mailbox.id.0);
        if self.known.len() >= INTAKE_MAILBOXES_MAX && !self.known.contains_key(&key) {
            return Err(wrong(Trouble::NotKept, "the limit INTAKE_MAILBOXES_MAX was reached".to_owned()));
        }
        if let Some(path) = &mailbox.path {
            self.paths.entry(path.as_str().to_owned()).or_insert(key);
        }
        self.known.entry(key).or_insert(mailbox);
        Ok(())
    }

    pub fn find(&self, account: AccountId, mailbox: MailboxId) -> Option<&Mailbox> {
        self.known.get(&(account, mailbox))
    }

    /// By account and id, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Mailbox> {
        self.known.values()
    }

    /// The mailbox that says that it stands in this file, or in a folder above it; whatever folders are at the name's beginning.
    pub fn of_file(&self, name: &str) -> Option<Target> {
        let within = |name: &str| {
            let ends = name.match_indices('/').map(|(at, _)| at).chain([name.len()]);
            ends.filter_map(|at| self.paths.get(name.get(..at)?)).next_back().copied()
        };
        let (account, mailbox) = suffixes(name).take(MAILBOX_DEPTH_MAX).find_map(within)?;
        Some(Target::Mailbox { account, mailbox })
    }

    pub(super) fn known(&self, account: Text<AccountId>, mailbox: Text<MailboxId>) -> Option<&Mailbox> {
        self.find(account.0, mailbox.0)
    }
}
