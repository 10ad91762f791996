//! SUMMARY    An account of an export: where its mailboxes stand, what its keywords are called, and its files beside its mail.
//! LIMITS     MAILBOXES_MAX, KEYWORDS_MAX
//! INVARIANTS All of it is a function of the account's head and its folder. Folders of mailboxes are decided for all at once.

use std::borrow::Cow;

use base::limits::KEYWORDS_MAX;

use super::{
    flag,
    input::{AccountHead, Document, Shape},
    plan::{self, Plan},
};
use crate::{
    Error, Name, Sha256, Text,
    maildir::{self, Flags, Keywords},
    metadata::{Mailbox, Place, Problem, Trouble},
    name::mailbox_folders,
    write_line,
    zip::Length,
};

/// An account whose rows can come.
pub(super) struct Account {
    /// In lower case.
    pub keywords: Vec<String>,
    /// What they are in names of files.
    pub letters: Keywords,
    pub folder: Name,
    /// In order of the mailboxes' ids.
    homes: Vec<Home>,
}

/// Where a mailbox stands.
pub(super) struct Home {
    /// Its mbox files and its metadata.
    pub mail: Name,
    /// Its messages in a Maildir.
    pub maildir: Option<Name>,
}

impl Home {
    /// Folders of a file in `mail`.
    pub fn depth(&self) -> usize {
        depth(&self.mail) + 1
    }
    /// Folder of new messages' files in a Maildir.
    pub fn cur(&self) -> Result<Name, Error> {
        self.maildir.as_ref().ok_or(Error::Order("an export without Maildir"))?.join("cur")
    }
}

/// Files and folders of an account beside its mail, in their order.
pub(super) struct Beside<'a> {
    pub entries: Vec<(Name, Option<Cow<'a, [u8]>>)>,
    pub problems: u64,
}

impl Beside<'_> {
    pub fn plan(&self) -> Plan {
        let plan = |(name, bytes): &(Name, Option<Cow<'_, [u8]>>)| {
            Plan::entry(name, depth(name), bytes.as_ref().map_or(0, |b| b.len() as u64))
        };
        self.entries.iter().map(plan).fold(Plan::default(), Plan::with)
    }
}

/// What is known of the length of such an entry.
pub(super) fn length(bytes: Option<&[u8]>) -> Length {
    bytes.map_or(Length::Folder, |bytes| plan::entry_length(bytes.len() as u64))
}

/// A head must be the same each time that its account is begun.
pub(super) fn fingerprint(head: &AccountHead) -> Result<Sha256, Error> {
    Ok(Sha256::of(&serde_json::to_vec(head)?))
}

/// Its mailboxes in order of ids. Errors: one twice, of id or of name.
pub(super) fn sorted(head: &AccountHead) -> Result<Vec<&Mailbox>, Error> {
    let mut mailboxes: Vec<&Mailbox> = head.mailboxes.iter().collect();
    mailboxes.sort_by_key(|m| m.id);
    match mailboxes.array_windows().find(|[a, b]| a.id == b.id) {
        Some([_, twice]) => Err(Error::Twice(twice.id.0.to_string())),
        None => Ok(mailboxes),
    }
}

impl Account {
    pub fn new(head: &AccountHead, mailboxes: &[&Mailbox], folder: Name, shape: Shape) -> Result<Self, Error> {
        if head.keywords.len() > KEYWORDS_MAX {
            return Err(Error::Limit("KEYWORDS_MAX"));
        }
        let keywords: Vec<String> = head.keywords.iter().map(|k| k.to_ascii_lowercase()).collect();
        let own = |k: &&str| !k.is_empty() && Flags::of([*k], &Keywords::default()) == Flags::default();
        let letters = Keywords::new(keywords.iter().map(String::as_str).filter(own));
        let homes = homes(mailboxes, &folder, shape)?;
        Ok(Account { keywords, letters, folder, homes })
    }

    /// Where the mailbox at this index stands.
    pub fn home(&self, at: usize) -> Result<&Home, Error> {
        self.homes.get(at).ok_or(Error::Order("a row of a mailbox that the account has not"))
    }

    /// Keywords of JMAP that these flags are.
    pub fn set(&self, flags: u64) -> impl Iterator<Item = &str> {
        flag::set(flags, &self.keywords)
    }

    /// What stands in the account's folder beside its mail.
    pub fn beside<'a>(
        &self,
        head: &AccountHead,
        mailboxes: &[&Mailbox],
        documents: &[Document<'a>],
    ) -> Result<Beside<'a>, Error> {
        let mut lines = Vec::new();
        for (mailbox, home) in mailboxes.iter().zip(&self.homes) {
            let path = Some(home.mail.clone());
            write_line(&Mailbox { account_id: head.account_id, path, ..(*mailbox).clone() }, &mut lines)?;
        }
        let mut entries = vec![(self.folder.join("mailboxes.jsonl")?, Some(Cow::Owned(lines)))];
        for document in documents {
            entries.push((self.folder.join(document.name)?, Some(Cow::Borrowed(document.bytes))));
        }
        let mut problems = 0;
        if self.homes.iter().any(|home| home.maildir.is_some()) {
            let (lines, left_out) = self.left_out(head)?;
            problems = left_out;
            if left_out > 0 {
                entries.push((self.folder.join("problems.jsonl")?, Some(Cow::Owned(lines))));
            }
            self.maildirs(&mut entries)?;
        }
        Ok(Beside { entries, problems })
    }

    /// A line for each keyword that names of files have no letter for.
    fn left_out(&self, head: &AccountHead) -> Result<(Vec<u8>, u64), Error> {
        let mut lines = Vec::new();
        for keyword in self.letters.left_out() {
            let place = Place { account_id: Some(Text(head.account_id.0)), ..Place::default() };
            let why = format!("A Maildir has no letter left for the keyword {keyword}: it is in the metadata alone.");
            write_line(&Problem { what: Trouble::NotKept, place, why }, &mut lines)?;
        }
        Ok((lines, self.letters.left_out().len() as u64))
    }

    /// The folders of the Maildir, those without messages too, and what the letters in names of files are.
    fn maildirs(&self, entries: &mut Vec<(Name, Option<Cow<'_, [u8]>>)>) -> Result<(), Error> {
        let letters = self.letters.write();
        let root = self.folder.join(MAILDIR)?;
        let homes = self.homes.iter().filter_map(|home| home.maildir.as_ref());
        // Programs look for folders in one that is a Maildir itself.
        let lone = (!homes.clone().any(|m| *m == root)).then_some(&root);
        for maildir in lone.into_iter().chain(homes) {
            for part in ["cur", "new", "tmp"] {
                entries.push((maildir.join(part)?, None));
            }
            if !letters.is_empty() {
                entries.push((maildir.join("dovecot-keywords")?, Some(Cow::Owned(letters.clone()))));
            }
        }
        Ok(())
    }
}

const MAILDIR: &str = "Maildir";

fn homes(mailboxes: &[&Mailbox], folder: &Name, shape: Shape) -> Result<Vec<Home>, Error> {
    let paths: Vec<&str> = mailboxes.iter().map(|m| m.full_name.as_str()).collect();
    let mail = mailbox_folders(&paths)?;
    if mail.len() < paths.len() {
        return Err(Error::Twice(folder.to_string()));
    }
    let maildirs = match shape {
        Shape::Mbox => None,
        Shape::Maildir => Some(maildir::folders(&paths)?),
    };
    let maildir = |path: &str| match maildirs.as_ref().and_then(|m| m.get(path)).map(String::as_str) {
        None => Ok(None),
        Some("") => folder.join(MAILDIR).map(Some),
        Some(own) => folder.join(&format!("{MAILDIR}/{own}")).map(Some),
    };
    let home = |path: &&str| {
        let segments = mail.get(path).map(|s| s.join("/")).unwrap_or_default();
        Ok(Home { mail: folder.join(&format!("mail/{segments}"))?, maildir: maildir(path)? })
    };
    paths.iter().map(home).collect()
}

/// Folders above an entry of this name.
pub(super) fn depth(name: &Name) -> usize {
    name.as_str().matches('/').count()
}
