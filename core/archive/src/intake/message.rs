//! SUMMARY    What a reader of mail says, in order.

use std::collections::BTreeSet;

use base::{AccountId, EmailId, ThreadId, Timestamp, Uid, UidValidity};

use super::Target;
use crate::Content;
use crate::metadata::Problem;

/// What an item has. After `Start` come `Piece`s, then `End` or `Dropped`, and nothing else between.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event<'a> {
    /// The reader waits: give it the next line of metadata with `Reader::line`, or None if there are no more.
    NeedsLine,
    /// A message begins.
    Start(Box<Start>),
    /// Bytes of it, as they are to be stored: lines end with CRLF, unless its metadata says otherwise.
    Piece(&'a [u8]),
    /// It is complete.
    End(Content),
    /// It cannot be kept after all: forget what came of it.
    Dropped(Problem),
    /// Something is wrong; reading goes on.
    Problem(Problem),
    /// The item is no mail (`Kind::Unsure`).
    PassedOver,
}

/// What is known of a message before its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    /// Where its `From ` line begins in the file, if it is an mbox, bytes.
    pub offset: Option<u64>,
    /// By which the same email is known again in another place: place it once, in all its `placements`, and skip other copies. Of our
    /// own the keyword `$deleted` is of the copy, in the mailbox whose file it is in.
    pub identity: Option<Identity>,
    /// The mailboxes that it is in: one at least.
    pub placements: Vec<Placement>,
    /// As JMAP has them, lower case, KEYWORDS_MAX and the system's at most. None: nothing says whether it was read. `$deleted` is what
    /// IMAP's clients, or Thunderbird until it compacts a file, have deleted and not expunged.
    pub keywords: Option<BTreeSet<String>>,
    /// When it was received: as our metadata, the `From ` line or the file's name says; else the first of Delivery-Date, Received and
    /// Date that does.
    pub received: Option<Timestamp>,
    /// The sender of its envelope, if it was kept: text of anybody, not checked.
    pub mail_from: Option<String>,
    pub thread: Option<Thread>,
    /// What our metadata says it is. `End` says what it really was; that it differs is also told of as a problem.
    pub expected: Option<Content>,
}

/// What email a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Identity {
    /// Of our export.
    Ours { account: AccountId, email: EmailId },
    /// Gmail's X-GM-MSGID.
    Gmail(u64),
}

/// The conversation of a message, where it came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Thread {
    Ours {
        account: AccountId,
        thread: ThreadId,
    },
    /// Gmail's X-GM-THRID.
    Gmail(u64),
}

/// A mailbox that a message is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placement {
    pub target: Target,
    /// Its uid there, and the mailbox's uidvalidity, where they are known.
    pub uid: Option<Uid>,
    pub uid_validity: Option<UidValidity>,
}

impl From<Target> for Placement {
    fn from(target: Target) -> Self {
        Placement { target, uid: None, uid_validity: None }
    }
}
