//! SUMMARY    What a backup reads of the control plane, and what a restore writes.
//! SECURITY   A dump has everything of everybody: hashes of passwords, the key that signs tokens, sealed secrets.
//! INVARIANTS A dump is the database as it was at one moment; `Fill` makes the same rows of it, on either engine.

mod mailbox;

pub use crate::db::{Dump, DumpRow, Fill};
pub use mailbox::{DumpedMailbox, DumpedMailboxState, MailboxSearch};

use crate::{Result, Service};

impl Service {
    /// Begins a dump of the whole database, billing's tables too, as it is now; writers go on meanwhile. It keeps a connection of its
    /// own until it is dropped. On SQLite the write-ahead log grows meanwhile, and what a purge deletes stays in it until then.
    ///
    /// Secrets in the rows (factors, keys of domains, of providers) are sealed by `sealing.key` and `domains.key`, which are files
    /// beside the database: a dump without them restores accounts whose second factors and domain keys do not open. They belong to
    /// every backup.
    pub async fn dump(&self) -> Result<Dump> {
        self.pool().dump().await
    }
}
