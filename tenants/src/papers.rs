//! SUMMARY    Papers of an export: what the control plane knows of mailboxes and their tenant, told to the data plane before it begins.
//! STANDARDS  docs/decisions/0072
//! SECURITY   Who may have an export is known by who asks for papers. No paper has a secret: no verifier of a password, no token, no key.
//!            A mailbox's papers have nothing of what other mailboxes are; a tenant's have nothing of those above and below it.
//! LIMITS     EXPORT_PAPER_BYTES_MAX, EXPORT_PAPERS_BYTES_MAX, EXPORT_PAPERS_MAX, PAPERS_MAILBOXES
//! INVARIANTS One piece of papers stands in memory. What is told from the beginning is an attempt of its own: the data plane takes papers of one
//!            attempt or none. The order is the register's: the tenant's, then mailboxes in order of their ids.

mod address;
mod audit;
mod form;
mod invoice;
mod settings;
mod take;
mod tenant;

pub use form::{AddressLine, DelegateLine, SettingsPaper};
pub use take::{PapersGiven, PapersTaken, Untaken};

use crate::{
    Result, Service,
    db::query,
    rows::{id, json_list, random},
};
use base::{AccountId, JobId, TenantId};
use control::{
    ControlError, DataExporter, DataType, EXPORT_PAPER_BYTES_MAX, EXPORT_PAPERS_BYTES_MAX, EXPORT_PAPERS_MAX,
    ExportPaper, ExportPapers, ExportPapersEnd, REGISTERED,
};
use serde::Serialize;

/// Mailboxes whose ids are read at once.
const PAPERS_MAILBOXES: i64 = 500;

/// Whose papers an export carries.
#[derive(Debug, Clone)]
pub struct PapersOf {
    pub tenant: TenantId,
    pub job: JobId,
    /// `None`: all of the tenant.
    pub mailboxes: Option<Vec<AccountId>>,
    /// What is of the tenant itself too.
    pub whole: bool,
}

/// Why papers were not told.
#[derive(Debug)]
pub enum PapersError {
    /// What is to be told could not be read.
    Read(crate::Error),
    Told(ControlError),
}

impl From<crate::Error> for PapersError {
    fn from(e: crate::Error) -> Self {
        PapersError::Read(e)
    }
}

impl std::fmt::Display for PapersError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            PapersError::Read(why) => write!(f, "papers of an export: {why}"),
            PapersError::Told(why) => write!(f, "papers of an export: {why}"),
        }
    }
}
impl std::error::Error for PapersError {}

pub(crate) type Telling<T> = std::result::Result<T, PapersError>;

/// Whose paper is written.
#[derive(Clone, Copy)]
pub(crate) enum Owner {
    Tenant,
    Mailbox(AccountId),
}

/// Papers on their way to the data plane.
pub(crate) struct Teller<'a> {
    pub(crate) service: &'a Service,
    pub(crate) of: &'a PapersOf,
    attempt: u64,
    /// The piece that is being filled.
    number: u32,
    papers: Vec<ExportPaper>,
    bytes: usize,
}

impl Service {
    /// Tells the data plane all papers of an export that was ordered with them, and lets it begin. Told again it changes nothing.
    pub async fn tell_papers(&self, of: &PapersOf) -> std::result::Result<(), PapersError> {
        let attempt = u64::from_be_bytes(random::<8>()?);
        let mut teller = Teller { service: self, of, attempt, number: 0, papers: Vec::new(), bytes: 0 };
        if of.whole {
            teller.all_of(Owner::Tenant).await?;
        }
        let mut last = String::new();
        loop {
            let some = self.papers_mailboxes(of, &last).await?;
            for mailbox in &some {
                teller.all_of(Owner::Mailbox(*mailbox)).await?;
            }
            match some.last() {
                Some(mailbox) => last = mailbox.to_string(),
                None => return teller.end().await,
            }
        }
    }

    /// Mailboxes of an export behind an id, some of them, in order of their ids.
    async fn papers_mailboxes(&self, of: &PapersOf, after: &str) -> Result<Vec<AccountId>> {
        let (named, list) = (i64::from(of.mailboxes.is_some()), of.mailboxes.clone().unwrap_or_default());
        let rows = query(
            "SELECT id FROM mailbox WHERE tenant = $1 AND (live = 1 OR purge_at IS NOT NULL) AND id > $2 \
             AND ($3 = 0 OR id IN (SELECT value FROM json_each($4))) ORDER BY id LIMIT $5",
        )
        .bind(of.tenant.to_string())
        .bind(after)
        .bind(named)
        .bind(json_list(&list))
        .bind(PAPERS_MAILBOXES)
        .fetch_all(&mut self.connection().await?)
        .await?;
        rows.iter().map(|row| id(row, "id")).collect()
    }
}

impl Teller<'_> {
    /// Everything that the register has of an owner.
    async fn all_of(&mut self, owner: Owner) -> Telling<()> {
        for line in REGISTERED.iter().filter(|line| line.exporter == DataExporter::ControlPlane) {
            // A type that comes later has its papers here, or does not compile.
            match line.data {
                DataType::Emails | DataType::Mailboxes => {}
                DataType::Addresses => address::tell(self, owner).await?,
                DataType::Settings => settings::tell(self, owner).await?,
                DataType::Tenant => tenant::tell(self, owner).await?,
                DataType::AuditHistory => audit::tell(self, owner).await?,
                DataType::Invoices => invoice::tell(self, owner).await?,
            }
        }
        Ok(())
    }

    /// Adds a paper; what does not fit any more is told first.
    pub(crate) async fn add(&mut self, paper: ExportPaper) -> Telling<()> {
        let more = paper.bytes.len();
        if self.papers.len() >= EXPORT_PAPERS_MAX || self.bytes + more > EXPORT_PAPERS_BYTES_MAX {
            self.flush().await?;
        }
        self.bytes += more;
        self.papers.push(paper);
        Ok(())
    }

    async fn flush(&mut self) -> Telling<()> {
        if self.papers.is_empty() {
            return Ok(());
        }
        let (papers, number) = (std::mem::take(&mut self.papers), self.number);
        let told = ExportPapers { tenant: self.of.tenant, job: self.of.job, attempt: self.attempt, number, papers };
        self.service.relay.control.export_papers(told).await.map_err(PapersError::Told)?;
        (self.number, self.bytes) = (self.number + 1, 0);
        Ok(())
    }

    async fn end(mut self) -> Telling<()> {
        self.flush().await?;
        let end =
            ExportPapersEnd { tenant: self.of.tenant, job: self.of.job, attempt: self.attempt, pieces: self.number };
        self.service.relay.control.export_papers_end(end).await.map_err(PapersError::Told)
    }
}

/// Papers with a line for each record: `<stem>-0001.jsonl` and so on, each of EXPORT_PAPER_BYTES_MAX at most.
pub(crate) struct LinePaper {
    owner: Owner,
    data: DataType,
    stem: &'static str,
    files: u32,
    records: u64,
    bytes: Vec<u8>,
}

impl LinePaper {
    pub(crate) fn new(owner: Owner, data: DataType, stem: &'static str) -> Self {
        LinePaper { owner, data, stem, files: 0, records: 0, bytes: Vec::new() }
    }

    pub(crate) async fn add(&mut self, teller: &mut Teller<'_>, record: &(impl Serialize + Sync)) -> Telling<()> {
        let mut line =
            serde_json::to_vec(record).map_err(|e| crate::Error::new(crate::Code::Internal, "", e.to_string()))?;
        line.push(b'\n');
        if !self.bytes.is_empty() && self.bytes.len() + line.len() > EXPORT_PAPER_BYTES_MAX {
            self.cut(teller).await?;
        }
        self.bytes.extend(line);
        self.records += 1;
        Ok(())
    }

    async fn cut(&mut self, teller: &mut Teller<'_>) -> Telling<()> {
        self.files += 1;
        let (records, bytes) = (std::mem::take(&mut self.records), std::mem::take(&mut self.bytes));
        let name = format!("{}-{:04}.jsonl", self.stem, self.files);
        teller.add(paper(self.owner, self.data, name, records, bytes)).await
    }

    /// What is left; no file where there was no record.
    pub(crate) async fn end(mut self, teller: &mut Teller<'_>) -> Telling<()> {
        match self.bytes.is_empty() {
            true => Ok(()),
            false => self.cut(teller).await,
        }
    }
}

pub(crate) fn paper(owner: Owner, data: DataType, name: String, records: u64, bytes: Vec<u8>) -> ExportPaper {
    let account = match owner {
        Owner::Tenant => None,
        Owner::Mailbox(account) => Some(account),
    };
    ExportPaper { account, data, name, records, bytes }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::{Database, Pool};
    use control::TABLES_LEFT_OUT;
    use std::collections::BTreeSet;

    #[tokio::test]
    async fn every_table_is_exported_or_left_out_with_the_reason() {
        let folder = tempfile::tempdir().unwrap();
        let pool = Pool::open(Database::Sqlite(folder.path().join("c.sqlite"))).await.unwrap();
        let sql = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'";
        let rows = query(sql).fetch_all(&mut pool.acquire().await.unwrap()).await.unwrap();
        let mut tables: BTreeSet<String> = rows.iter().map(|row| crate::rows::text(row, "name").unwrap()).collect();
        // The lock of PostgreSQL has it.
        tables.insert("tenant_line".to_owned());
        assert!(tables.len() > 70);
        let exported = REGISTERED.iter().flat_map(|line| line.tables);
        let registered = exported.chain(TABLES_LEFT_OUT.iter().flat_map(|(_, tables)| *tables));
        let registered: BTreeSet<String> = registered.map(|table| (*table).to_owned()).collect();
        for table in &tables {
            assert!(
                registered.contains(table),
                "{table}: which type of data is it? Add it to core/control/src/data.rs"
            );
        }
        assert_eq!(registered, tables, "the register has a table that is none any more");
    }
}
