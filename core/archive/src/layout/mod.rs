//! SUMMARY    How an export is laid out: from a listing of mail and the bytes of its messages to a series of ZIP archives.
//! STANDARDS  those of `mbox`, `maildir`, `metadata` and `zip`
//! SECURITY   Addresses, mailboxes, keywords and messages are chosen by strangers: none is a way to another's file, and a message that
//!            cannot be read is a line of `problems`, never the end of a job.
//! LIMITS     EXPORT_FILE_EMAILS_MAX, EXPORT_FILE_PLACES_MAX, EXPORT_FILE_BYTES_MAX, EXPORT_ARCHIVE_BYTES_MAX, EXPORT_WHY_BYTES_MAX,
//!            EXPORT_ENTRIES_LISTED_MAX, EXPORT_STATE_BYTES_MAX, ARCHIVE_ENTRIES_MAX, ARCHIVE_DIRECTORY_BYTES_MAX, MAILBOXES_MAX,
//!            KEYWORDS_MAX, MANIFEST_FILES_MAX
//! INVARIANTS The same calls give the same bytes. Where files and archives are cut is decided by what was listed, never by the bytes of
//!            messages or by problems: an archive that is made again from `Ended::state` is the same bit for bit. Between archives
//!            nothing is open, so that this state is small.
//!
//! ```text
//! tenant/<paper>                                what is of the tenant itself, before all accounts
//! <account>/mailboxes.jsonl                     metadata::Mailbox, in order of ids
//! <account>/<document>                          what the caller gave: account.json
//! <account>/<paper>                             what else is of the account: addresses-0001.jsonl and so on
//! <account>/problems.jsonl                      keywords without a letter (Maildir)
//! <account>/mail/<mailbox>/messages-0001.mbox   some of its messages, in order of uids (mbox)
//! <account>/mail/<mailbox>/emails-0001.jsonl    metadata::Email of each of these, in the same order
//! <account>/mail/<mailbox>/problems-0001.jsonl  metadata::Problem, if there are any
//! <account>/Maildir/.<mailbox>/cur/<message>    Maildir++, with its flags in the name (Maildir)
//! ```
//!
//! Numbers go on from archive to archive: archives that are unpacked into one folder do not meet. An email that is in two mailboxes is
//! there twice, as on IMAP: a message in the file of each, and a line beside each that has all its mailboxes and uids, but names only
//! the copy in this file. `$deleted` is of the copy. Who reads takes the first line of an id for the email, and the others for copies.
//! No field is added to a message of an mbox: its flags are in its line alone.

mod account;
mod archive;
mod chunk;
mod count;
mod flag;
mod input;
mod job;
mod message;
mod paper;
mod plan;
mod writer;

pub use count::{AccountCounts, MailboxCounts};
pub use flag::{FIRST_KEYWORD_BIT, SYSTEM_KEYWORDS};
pub use input::{AccountHead, Document, Listed, Options, Paper, Shape};
pub use job::{AccountTotals, Ended, Finished};
pub use paper::TENANT;
pub use writer::Writer;
