//! SUMMARY    Mailboxes from a file: read, tried or made part by part, told row by row.
//! SECURITY   Generated passwords are never stored: they are made of a key of this server, the import and the row.
//! LIMITS     IMPORT_BYTES_MAX, IMPORT_ROWS_MAX, IMPORT_PART_ROWS
//! INVARIANTS A part is one transaction, in which each row stands by itself. A part that is repeated makes nothing twice: its
//!            addresses are taken.

mod file;
mod part;

pub use file::IMPORT_COLUMNS;

use crate::{Actor, Error, ItemError, Permission, Result, Service, limits::IMPORT_PART_ROWS};
use base::TenantId;
use file::Line;
use serde::{Deserialize, Serialize};

/// A file of mailboxes that was read.
#[derive(Clone)]
pub struct ImportFile(Vec<Line>);

impl ImportFile {
    /// Reads a CSV text with a header line (`IMPORT_COLUMNS`). `Invalid` when it is too large, has no rows, or columns that
    /// are unknown.
    pub fn read(csv: &str) -> Result<ImportFile> {
        file::read(csv).map(ImportFile)
    }

    pub fn rows(&self) -> usize {
        self.0.len()
    }

    /// How many parts it has.
    pub fn parts(&self) -> usize {
        self.0.len().div_ceil(IMPORT_PART_ROWS)
    }
}

/// Which part of which import.
#[derive(Debug, Clone, Copy)]
pub struct ImportPart<'a> {
    pub tenant: TenantId,
    /// Names the import: generated passwords depend on it.
    pub import: &'a str,
    /// From 0 on.
    pub part: usize,
    /// `false`: rows are tried, and taken back.
    pub making: bool,
}

/// What became of a row.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ImportedRow {
    /// Line of the file; the header is 1.
    pub line: u64,
    pub address: String,
    /// The mailbox that was made.
    pub mailbox: Option<String>,
    /// Whether its password was generated.
    pub generated: bool,
    pub refused: Option<ItemError>,
}

impl Service {
    /// Makes the rows of a part of a file in one transaction, or only tries to; what became of each, in their order.
    pub async fn mailbox_import_part(
        &self,
        actor: &Actor,
        file: &ImportFile,
        at: ImportPart<'_>,
    ) -> Result<Vec<ImportedRow>> {
        let lines = file.0.chunks(IMPORT_PART_ROWS).nth(at.part).ok_or_else(|| Error::not_found("part"))?;
        let prepared = self.import_prepared(at.tenant, at.import, lines, at.making).await?;
        let mut txn = self.begin_as(actor, false).await?;
        self.permit(&mut txn, actor, Permission::MailboxCreate, at.tenant).await?;
        let (rows, changes) = self.import_made(&mut txn, actor, at.tenant, prepared, at.making).await?;
        if !at.making {
            txn.rollback().await?;
            return Ok(rows);
        }
        self.tell(&mut txn, &changes).await?;
        txn.commit().await?;
        self.settle().await;
        Ok(rows)
    }

    /// The password that an import generated for a row; `None` for one that has none. `NotFound`, `Forbidden`.
    pub async fn mailbox_import_password(
        &self,
        actor: &Actor,
        at: ImportPart<'_>,
        row: &ImportedRow,
    ) -> Result<Option<String>> {
        let mut connection = self.pool().acquire().await?;
        self.permit(&mut connection, actor, Permission::MailboxPassword, at.tenant).await?;
        let made = row.generated && row.mailbox.is_some();
        Ok(made.then(|| part::generated(self.jwt_key(), at.import, row.line)))
    }
}
