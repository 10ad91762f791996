//! SUMMARY    The audit log as a file: JSON Lines with the chain, made by a job, fetched while it is kept.
//! LIMITS     AUDIT_PAGE, JOB_FILE_KEPT
//! INVARIANTS One line for an entry, oldest first; the last line tells the head of the chain, so that a cut end is seen.

use super::{AuditEntry, AuditFilter};
use crate::{
    Actor, Code, Done, Error, Job, JobState, Permission, Result, Service, Terms,
    db::query,
    job::{JobContext, JobKind, Step},
    limits::{AUDIT_PAGE, JOB_FILE_KEPT},
    rows::text,
    terms::{Request, Start},
};
use base::TenantId;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub(crate) struct AuditExport;

#[derive(Serialize, Deserialize)]
pub(crate) struct ExportInput {
    tenant: TenantId,
    filter: AuditFilter,
}

#[derive(Default, Serialize, Deserialize)]
pub(crate) struct ExportCursor {
    after: i64,
    part: i64,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Exported {
    entries: i64,
    head_hash: String,
}

impl JobKind for AuditExport {
    const NAME: &'static str = "auditExport";
    type Input = ExportInput;
    type Cursor = ExportCursor;
    type Output = Exported;

    async fn step(service: &Service, job: &mut JobContext<Self>) -> Result<Step> {
        let (tenant, filter, after) = (job.input.tenant, job.input.filter.clone(), job.cursor.after);
        let txn = job.txn(service).await?;
        let entries = service.audit_page(txn, tenant, &filter, after, AUDIT_PAGE).await?;
        let mut body = entries.iter().map(|e| line(tenant, e)).collect::<String>();
        let last = entries.last().map_or(after, |e| e.seq);
        let full = i64::try_from(entries.len()).is_ok_and(|n| n >= AUDIT_PAGE);
        if !full {
            let head = query("SELECT number, hash FROM audit_head WHERE tenant = $1")
                .bind(tenant.to_string())
                .fetch_optional(&mut *txn)
                .await?;
            let (place, hash) = match &head {
                Some(row) => (row.number("number")?, text(row, "hash")?),
                None => (None, String::new()),
            };
            body.push_str(&format!("{}\n", json!({ "head": { "number": place, "hash": hash } })));
            job.output.head_hash = hash;
        }
        let (part, expires_at) = (job.cursor.part, service.now().plus(JOB_FILE_KEPT).0);
        let id = job.id.clone();
        let sql = "INSERT INTO job_file (job, part, body, expires_at) VALUES ($1, $2, $3, $4)";
        query(sql).bind(id).bind(part).bind(body).bind(expires_at).execute(job.txn(service).await?).await?;
        let count = i64::try_from(entries.len()).unwrap_or(i64::MAX);
        job.done += count;
        job.output.entries += count;
        job.cursor = ExportCursor { after: last, part: part + 1 };
        Ok(if full { Step::More } else { Step::Done })
    }
}

fn line(tenant: TenantId, e: &AuditEntry) -> String {
    format!("{}\n", entry_line(tenant, e))
}

/// An entry as files of the audit log have it.
pub(crate) fn entry_line(tenant: TenantId, e: &AuditEntry) -> Value {
    json!({
        "tenant": tenant.to_string(), "number": e.number, "at": e.at_ms, "actor": e.actor, "onBehalfOf": e.on_behalf_of,
        "ip": e.ip, "action": e.action, "object": e.object, "detail": e.detail, "hash": e.hash,
    })
}

impl Service {
    /// Asks for a tenant's audit log as a file.
    pub async fn audit_export(
        &self,
        actor: &Actor,
        terms: &Terms,
        tenant: TenantId,
        filter: &AuditFilter,
    ) -> Result<Done<Job>> {
        let request = Request::new(AuditExport::NAME, format!("{tenant} {filter:?}"));
        let mut work = match self.start(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        self.permit(&mut work.txn, actor, Permission::AuditRead, tenant).await?;
        let input = ExportInput { tenant, filter: filter.clone() };
        let job = self.job_place::<AuditExport>(&mut work.txn, actor, tenant, &input).await?;
        self.audit(&mut work.txn, actor, tenant, AuditExport::NAME, &tenant.to_string(), &job.id).await?;
        self.finish(work, job, &[]).await
    }

    /// A part of the file that a job made, from 0; `None` behind the last. `NotFound` when there is no such job for the actor, it
    /// is not done, or its file is gone.
    pub async fn job_file(&self, actor: &Actor, job: &str, part: i64) -> Result<Option<String>> {
        let known = self.job(actor, job).await?;
        let mut connection = self.reader(actor).await?;
        if known.kind == AuditExport::NAME {
            self.permit(&mut connection, actor, Permission::AuditRead, known.tenant).await?;
        }
        let sql = "SELECT body FROM job_file WHERE job = $1 AND part = $2 AND expires_at > $3";
        let row = query(sql).bind(job).bind(part).bind(self.now().0).fetch_optional(&mut connection).await?;
        match row {
            Some(row) if known.state == JobState::Done => text(&row, "body").map(Some),
            None if part > 0 => Ok(None),
            Some(_) | None => Err(Error::new(Code::NotFound, "id", "There is no file of this job, or no more")),
        }
    }
}
