//! SUMMARY    Mail brought in: our own exports, archives and files of other programs are read, and placed in a mailbox's folders, nothing twice.
//! STANDARDS  those of `archive`
//! SECURITY   Files are a stranger's, also those that say that they are ours: what cannot be read is told of, and never ends an import.
//! LIMITS     IMPORT_PIECE_BYTES, IMPORT_BATCH_EMAILS_MAX, IMPORT_BATCH_BYTES_MAX, IMPORT_KNOWN_MAX, IMPORT_INPUTS_MAX, IMPORT_FILES_MAX,
//!            IMPORT_DEPTH_MAX, IMPORT_DOCUMENT_BYTES_MAX, IMPORT_PAPER_BYTES_MAX, IMPORT_PAPERS_BYTES_MAX, INTAKE_PROBLEMS_MAX, INTAKE_PASSED_NAMES_MAX, MESSAGE_BYTES_MAX
//! INVARIANTS May be cut off at any await: what was placed stays, and the same import again adds what is missing and nothing else. The
//!            k-th message of the same bytes for a mailbox is passed by where the mailbox had that many before. Memory: one message, one
//!            batch, 24 bytes or so for each message that the mailboxes have, and what `archive::intake` says of names.

mod archives;
mod choice;
mod content;
mod folder;
mod item;
mod known;
mod lines;
mod mailboxes;
mod papers;
mod pieces;
mod report;
mod run;
mod said;
mod source;

pub use folder::Folder;
pub use report::{Failed, Paper, Progress, Report};
pub use run::{Importer, Order};
pub use source::{Input, LocalFile, Reading, Source, open};
