//! SUMMARY    Mail of another provider brought over IMAP: messages with folders, flags, dates and uids, in passes until nothing is new there.
//! STANDARDS  those of `wire::imap::client`
//! SECURITY   The source is a stranger, also after it was signed in to: every wait ends, every answer is bounded, and what it says of uids and
//!            sizes is believed only as far as the account can hold it. A password goes only over verified TLS, unless plain text was allowed.
//! LIMITS     MIGRATE_FOLDERS_MAX, MIGRATE_FOLDER_MESSAGES_MAX, MIGRATE_BATCH_EMAILS_MAX, MIGRATE_BATCH_BYTES_MAX, MIGRATE_FETCHES_MAX,
//!            MIGRATE_BATCHES_WAITING_MAX, MIGRATE_ATTEMPTS_MAX, MIGRATE_SILENCE_MS_MAX, MIGRATE_CHANGES_MAX, MIGRATE_TOLD_MAX
//! INVARIANTS The source is never changed: mailboxes are opened with EXAMINE, bodies read with PEEK. Which message of the source is which email is
//!            written with the email (docs/decisions/0068): a migration may be cut off at any await and begun again, by anybody, and
//!            nothing comes twice. Memory: MIGRATE_FETCHES_MAX + MIGRATE_BATCHES_WAITING_MAX batches, and a row for each message of one folder.

mod brought;
mod change;
mod check;
mod copy;
mod error;
mod fetch;
mod folder;
mod link;
mod listing;
mod place;
mod report;
mod run;
mod session;
mod source;
mod worker;

pub use check::Looked;
pub use error::{Error, Result};
pub use report::{Counted, Failed, Progress, Report, Told, What};
pub use run::{Migrator, Order};
pub use source::{Reach, Secret, Security, SignIn, Source, SourceRules};
pub use worker::Mover;
