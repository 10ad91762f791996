//! SUMMARY    What is to be read of a file, in order.

use std::sync::Arc;

use base::{AccountId, MailboxId};

use super::{Sort, names};
use crate::metadata::{Problem, Role};
use crate::zip::read::Entry;

/// What is to be read of a file. It stands in memory: an archive has at most ARCHIVE_ENTRIES_MAX entries, whose names have at most
/// ARCHIVE_DIRECTORY_BYTES_MAX.
#[derive(Debug, Default)]
pub struct Plan {
    /// Files with mail, in the order of the archive.
    pub items: Vec<Item>,
    /// `mailboxes.jsonl` of our own archives: for `Mailboxes`.
    pub mailboxes: Vec<Entry>,
    /// `emails-NNNN.jsonl`, in order of the archive: for `Survey`.
    pub emails: Vec<Entry>,
    /// `problems.jsonl` and `problems-NNNN.jsonl`: what was missing already when the archive was made, lines of `metadata::Problem`.
    pub problems_before: Vec<Entry>,
    /// Files of keywords of a Maildir: for `maildir::Keywords::read`, in the order of `Item::keywords`.
    pub keywords: Vec<Entry>,
    /// Bytes of all items, as the directory says: what is to be read at most, so that somebody can say no before.
    pub bytes: u64,
    pub passed_over: PassedOver,
    /// Entries that should be mail and cannot be read: at most INTAKE_PROBLEMS_MAX.
    pub problems: Vec<Problem>,
    /// How many more there are.
    pub problems_left_out: u64,
}

/// What is in a file and is no mail.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct PassedOver {
    pub entries: u64,
    /// The first INTAKE_PASSED_NAMES_MAX of their names, for people.
    pub names: Vec<String>,
}

/// A file with mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    pub source: Source,
    pub kind: Kind,
    pub origin: Origin,
    /// Where its messages belong, as far as its name says. A message may know better.
    pub target: Arc<Target>,
    /// Which of `Plan::keywords` names its letters: of a Maildir's files.
    pub keywords: Option<usize>,
}

/// Where an item's bytes are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// All of the file; its name.
    Whole(String),
    Entry(Entry),
}

/// What an item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Mbox,
    /// One message. Should it begin with a `From ` line, it is read as an mbox.
    Eml,
    /// One message of a Maildir, whose name says flags.
    MaildirFile,
    /// A file without an end to its name, as Thunderbird and mutt have them: an mbox if it begins with a `From ` line, else no mail.
    Unsure,
}

/// Whose an item is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Our own: of the account with this folder, empty at the top. Lines of metadata lead.
    Ours(Arc<str>),
    /// Google Takeout.
    Takeout,
    Anybody,
}

/// Where a message belongs.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Target {
    /// Where whoever imports said: nothing else is known.
    Chosen,
    /// The account's mailbox of this role; it is made if there is none.
    Role(Role),
    /// Levels from the top: not empty, MAILBOX_DEPTH_MAX at most, MAILBOX_PATH_BYTES_MAX with `/` between them.
    Path(Vec<String>),
    /// One of `Mailboxes`.
    Mailbox { account: AccountId, mailbox: MailboxId },
}

impl Item {
    /// Its name in the archive, or that of the file.
    pub fn name(&self) -> &str {
        match &self.source {
            Source::Whole(name) => name,
            Source::Entry(entry) => &entry.name,
        }
    }
    /// Bytes, if it is an entry.
    pub fn bytes(&self) -> Option<u64> {
        match &self.source {
            Source::Whole(_) => None,
            Source::Entry(entry) => Some(entry.bytes),
        }
    }
}

impl Plan {
    /// Of a file that is an mbox or a message: one item. An mbox belongs to the mailbox that its name says. None: it is an archive.
    pub fn whole(sort: Sort, name: &str, bytes: u64) -> Option<Plan> {
        let (kind, target) = match sort {
            Sort::Zip => return None,
            Sort::Mbox => (Kind::Mbox, names::target([names::stem(name)])),
            Sort::Eml => (Kind::Eml, Target::Chosen),
        };
        let source = Source::Whole(name.to_owned());
        let item = Item { source, kind, origin: Origin::Anybody, target: Arc::new(target), keywords: None };
        Some(Plan { items: vec![item], bytes, ..Plan::default() })
    }
}
