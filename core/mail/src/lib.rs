//! SUMMARY    Mail: accepting and delivering messages, mailboxes, flags, copies, views of a mailbox for sessions.
//! INVARIANTS No key, no socket, no protocol text. Every change is one unit of work of `account` (or several, in batches of
//!            EMAILS_PER_WORK_MAX where a request is larger), and is durable when the call returns.

mod accept;
mod append;
mod card;
mod expunged;
mod flags;
mod letter;
mod mailbox;
mod message;
mod migrate;
mod notice;
mod place;
mod plane;
mod quota;
mod view;

pub use accept::{Accept, Accepted, EnvelopeRecipient, Source, answering};
pub use account::{Error, Login, Result};
pub use append::NewMessage;
pub use card::{PerEmail, read_many};
pub use expunged::{ExpungedMessage, Restored};
pub use flags::{Change, Flags, KeywordNames, Operation, StoreOutcome};
pub use letter::{Letter, Sent};
pub use mailbox::{MailboxInfo, NewPath};
pub use message::{Expunge, Moved};
pub use migrate::{Arrival, Arrivals, Arrived, Coming, Followed, Following};
pub use notice::Notice;
pub use place::{Placed, Placing};
pub use plane::{Plane, Sources};
pub use view::{Row, View, ViewChanges};

use account::Accounts;
use std::sync::Arc;

/// Handle on mail. Cheap to clone.
#[derive(Clone)]
pub struct Mail(Arc<Inner>);

struct Inner {
    accounts: Accounts,
    hostname: String,
    views: view::Cache,
}

impl Mail {
    /// `hostname` names this server in what it writes (bounces, Message-IDs).
    pub fn new(accounts: Accounts, hostname: impl Into<String>) -> Self {
        Mail(Arc::new(Inner { accounts, hostname: hostname.into(), views: view::Cache::default() }))
    }

    pub fn accounts(&self) -> &Accounts {
        &self.0.accounts
    }

    pub fn hostname(&self) -> &str {
        &self.0.hostname
    }
}
