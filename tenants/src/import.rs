//! SUMMARY    Mailboxes from a file: asked for, made part by part, told row by row.
//! SECURITY   Rows that are still to be made stand in the database sealed, and only until their part is done, or the import
//!            ends. Generated passwords are never stored: they are made of a key of this server and the row, and shown once.
//! LIMITS     IMPORT_BYTES_MAX, IMPORT_ROWS_MAX, IMPORT_PART_ROWS, IMPORT_LIFE
//! INVARIANTS A part, what became of its rows and the job's cursor are one transaction: a crash neither repeats nor skips a row.
//!            When all or nothing is asked for, every row is tried before the first is kept.

mod file;
mod twice;
mod work;

pub use file::IMPORT_COLUMNS;
pub(crate) use work::MailboxImport;

use crate::{
    Actor, Code, Done, Error, ErrorPolicy, Feature, ItemError, Job, Permission, Result, Service, Terms,
    db::{Connection, query},
    limits::{IMPORT_LIFE, IMPORT_PART_ROWS},
    rows::{id, json_list, number, text},
    terms::{Request, Start},
};
use base::TenantId;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// A file of mailboxes to be made.
#[derive(Clone)]
pub struct NewImport {
    pub tenant: TenantId,
    pub csv: String,
    /// Every row is tried, none is made.
    pub check_only: bool,
    pub policy: ErrorPolicy,
}

/// What became of a row.
#[derive(Serialize, Deserialize)]
struct ImportedRow {
    /// Line of the file; the header is 1.
    line: u64,
    address: String,
    /// The mailbox that was made.
    mailbox: Option<String>,
    /// Whether a password was generated for it.
    generated: bool,
    /// Those of its addresses that other rows ask for too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    shared: Vec<String>,
    refused: Option<ItemError>,
}

impl Service {
    /// Asks for an import. The file is read at once: `Invalid` when it is none; its rows are made by a job.
    pub async fn mailbox_import(&self, actor: &Actor, terms: &Terms, new: &NewImport) -> Result<Done<Job>> {
        let lines = file::read(&new.csv)?;
        let input = format!("{} {} {:?}", new.tenant, new.check_only, new.policy);
        let secrets = [new.csv.as_str()];
        let mut work = match self.start(actor, terms, Request::with_passwords("mailboxImport", input, &secrets)).await?
        {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        self.permit(&mut work.txn, actor, Permission::MailboxCreate, new.tenant).await?;
        self.featured(&mut work.txn, Feature::MailboxImport, new.tenant).await?;
        let asked = work::Asked {
            tenant: new.tenant,
            check_only: new.check_only,
            all_or_nothing: new.policy == ErrorPolicy::AllOrNothing,
            rows: i64::try_from(lines.len()).unwrap_or(i64::MAX),
            parts: i64::try_from(lines.chunks(IMPORT_PART_ROWS).len()).unwrap_or(i64::MAX),
        };
        let job = self.job_place::<MailboxImport>(&mut work.txn, actor, new.tenant, &asked).await?;
        query("INSERT INTO mailbox_import (job, tenant, passwords_shown, created_at) VALUES ($1, $2, 0, $3)")
            .bind(&job.id)
            .bind(new.tenant.to_string())
            .bind(self.now().0)
            .execute(&mut work.txn)
            .await?;
        for (part, lines) in (0i64..).zip(lines.chunks(IMPORT_PART_ROWS)) {
            query("INSERT INTO mailbox_import_part (job, tenant, part, lines) VALUES ($1, $2, $3, $4)")
                .bind(&job.id)
                .bind(new.tenant.to_string())
                .bind(part)
                .bind(self.keys.seal(&job.id, to_text(lines)?.as_bytes())?)
                .execute(&mut work.txn)
                .await?;
        }
        let detail = format!("{} rows", lines.len());
        self.audit(&mut work.txn, actor, new.tenant, "mailboxImport", &job.id, &detail).await?;
        self.finish(work, job, &[]).await
    }

    /// What became of the rows of an import so far, in the order of the file, as a CSV text: line, address, mailbox, code,
    /// field, message. Only those that were refused, if asked so. `NotFound`.
    pub async fn mailbox_import_result(&self, actor: &Actor, job: &str, refused_only: bool) -> Result<String> {
        let mut connection = self.reader(actor).await?;
        self.import_in(&mut connection, actor, Permission::MailboxRead, job).await?;
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(["line", "address", "mailbox", "code", "field", "message"]).map_err(unwritten)?;
        for row in self.imported(&mut connection, job).await? {
            if refused_only && row.refused.is_none() {
                continue;
            }
            let line = row.line.to_string();
            let mailbox = row.mailbox.unwrap_or_default();
            let code = row.refused.as_ref().map(|e| e.code.name()).unwrap_or_default();
            let (field, message) =
                row.refused.as_ref().map(|e| (e.field.as_str(), e.message.as_str())).unwrap_or_default();
            writer
                .write_record([&line, &plain(&row.address), &mailbox, code, field, &plain(message)])
                .map_err(unwritten)?;
        }
        csv_text(writer)
    }

    async fn imported(&self, connection: &mut Connection, job: &str) -> Result<Vec<ImportedRow>> {
        let rows =
            query("SELECT results FROM mailbox_import_part WHERE job = $1 AND results IS NOT NULL ORDER BY part")
                .bind(job)
                .fetch_all(connection)
                .await?;
        let mut all = Vec::new();
        for row in &rows {
            all.extend(from_text::<Vec<ImportedRow>>(&text(row, "results")?)?);
        }
        Ok(all)
    }

    /// The passwords that an import generated, as a CSV text: address, password; `None` in a dry run. They are shown once
    /// (`NotFound` afterwards), and to the same request with the same key. `InUse` while the import goes on.
    pub async fn mailbox_import_passwords(
        &self,
        actor: &Actor,
        terms: &Terms,
        job: &str,
    ) -> Result<Done<Option<String>>> {
        let request = Request::new("mailboxImportPasswords", job.to_owned());
        let mut work = match self.start::<()>(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => {
                let mut connection = self.pool().acquire().await?;
                self.import_in(&mut connection, actor, Permission::MailboxPassword, job).await?;
                let shown = self.generated(&mut connection, actor, job).await?;
                return Ok(done.map(|()| Some(shown)));
            }
        };
        let (tenant, were_shown) = self.import_in(&mut work.txn, actor, Permission::MailboxPassword, job).await?;
        if were_shown {
            return Err(Error::new(Code::NotFound, "jobId", "The passwords were shown already"));
        }
        let state = query("SELECT state FROM job WHERE id = $1").bind(job).fetch_one(&mut work.txn).await?;
        if !matches!(text(&state, "state")?.as_str(), "DONE" | "FAILED" | "CANCELLED") {
            return Err(Error::new(Code::InUse, "jobId", "The import still goes on"));
        }
        // What is remembered under the key is without them.
        let shown = if work.dry_run { None } else { Some(self.generated(&mut work.txn, actor, job).await?) };
        query("UPDATE mailbox_import SET passwords_shown = 1 WHERE job = $1").bind(job).execute(&mut work.txn).await?;
        self.audit(&mut work.txn, actor, tenant, "mailboxImportPasswords", job, "").await?;
        let done = self.finish(work, (), &[]).await?;
        Ok(done.map(|()| shown))
    }

    /// Whose an import is, and whether its passwords were shown. `NotFound`.
    async fn import_in(
        &self,
        connection: &mut Connection,
        actor: &Actor,
        permission: Permission,
        job: &str,
    ) -> Result<(TenantId, bool)> {
        let row =
            query("SELECT * FROM mailbox_import WHERE job = $1").bind(job).fetch_optional(&mut *connection).await?;
        let row = row.ok_or_else(|| Error::not_found("jobId"))?;
        let tenant = id(&row, "tenant")?;
        self.permit(connection, actor, permission, tenant).await.map_err(|e| e.missing("jobId"))?;
        Ok((tenant, number(&row, "passwords_shown")? != 0))
    }

    /// Without those of mailboxes that have become those of people with more rights than the actor has.
    async fn generated(&self, connection: &mut Connection, actor: &Actor, job: &str) -> Result<String> {
        let mut made = self.imported(connection, job).await?;
        made.retain(|row| row.generated && row.mailbox.is_some());
        let hidden = self.hidden(connection, actor, &made).await?;
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(["address", "password"]).map_err(unwritten)?;
        for made in made {
            let hidden = made.mailbox.as_ref().is_some_and(|mailbox| hidden.contains(mailbox));
            let password = if hidden { String::new() } else { work::generated(self.jwt_key(), job, made.line) };
            writer.write_record([plain(&made.address), password]).map_err(unwritten)?;
        }
        csv_text(writer)
    }

    /// Ids of those of the mailboxes that the actor could not set the password of now.
    async fn hidden(
        &self,
        connection: &mut Connection,
        actor: &Actor,
        made: &[ImportedRow],
    ) -> Result<HashSet<String>> {
        let rows =
            query("SELECT id, tenant, address FROM mailbox WHERE id IN (SELECT value FROM json_each($1)) ORDER BY id")
                .bind(json_list(&made.iter().filter_map(|row| row.mailbox.as_ref()).collect::<Vec<_>>()))
                .fetch_all(&mut *connection)
                .await?;
        let Some(first) = rows.first() else { return Ok(HashSet::new()) };
        let addresses: Vec<String> = rows.iter().map(|row| text(row, "address")).collect::<Result<_>>()?;
        let refused = self.of_who_has_more(connection, actor, id(first, "tenant")?, &addresses).await?;
        rows.iter().enumerate().filter(|(n, _)| refused.contains(n)).map(|(_, row)| text(row, "id")).collect()
    }

    /// What a job had still to make is not kept.
    pub(crate) async fn forget_lines(&self, txn: &mut Connection, job: &str) -> Result<()> {
        let forget = query("UPDATE mailbox_import_part SET lines = NULL WHERE job = $1 AND lines IS NOT NULL");
        forget.bind(job).execute(txn).await.map(drop)
    }

    /// Forgets imports that are long over.
    pub(crate) async fn forget_imports(&self) -> Result<()> {
        let old = self.now().0.saturating_sub(i64::try_from(IMPORT_LIFE.as_millis()).unwrap_or(i64::MAX));
        let mut reader = self.pool().acquire().await?;
        let due = query("SELECT 1 AS n FROM mailbox_import WHERE created_at < $1 LIMIT 1").bind(old);
        if due.fetch_optional(&mut reader).await?.is_none() {
            return Ok(());
        }
        drop(reader);
        let mut txn = self.begin().await?;
        for sql in [
            "DELETE FROM mailbox_import_part WHERE job IN (SELECT job FROM mailbox_import WHERE created_at < $1)",
            "DELETE FROM mailbox_import WHERE created_at < $1",
        ] {
            query(sql).bind(old).execute(&mut txn).await?;
        }
        txn.commit().await
    }
}

/// A field that no program takes for a formula.
fn plain(field: &str) -> String {
    match field.starts_with(['=', '+', '-', '@', '\t']) {
        true => format!("'{field}"),
        false => field.to_owned(),
    }
}

fn unwritten(e: csv::Error) -> Error {
    Error::new(Code::Internal, "", e.to_string())
}

fn csv_text(writer: csv::Writer<Vec<u8>>) -> Result<String> {
    let bytes = writer.into_inner().map_err(|e| Error::new(Code::Internal, "", e.to_string()))?;
    String::from_utf8(bytes).map_err(|e| Error::new(Code::Internal, "", e.to_string()))
}

fn to_text<T: Serialize + ?Sized>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|e| Error::new(Code::Internal, "", e.to_string()))
}

fn from_text<T: serde::de::DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|e| Error::new(Code::Internal, "", format!("a stored import: {e}")))
}
