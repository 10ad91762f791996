//! SUMMARY    Jobs: long work that is asked for, watched, paused, resumed and cancelled.
//! SECURITY   A job does what whoever asked for it was granted then, while its token is not revoked and its tenant not suspended; it is seen and steered with permissions of its tenant.
//! LIMITS     JOBS_OPEN_MAX, JOB_INPUT_BYTES_MAX
//! INVARIANTS A step and the cursor behind it are one transaction, so a crash anywhere neither repeats nor skips one. Who
//!            cancels or pauses a job and hears so sees no further step committed.

mod kind;
mod resend;
mod run;

pub(crate) use kind::{JobContext, JobKind, Step};
pub(crate) use run::Jobs;

use crate::{
    Actor, Code, Done, Error, Page, Permission, Result, Service, Terms,
    db::{Connection, Row, query},
    limits::{JOB_INPUT_BYTES_MAX, JOBS_OPEN_MAX},
    page::list,
    rows::{fresh_id, id, json_list, number, optional, text},
    terms::{Request, Start},
};
use base::TenantId;
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum JobState {
    /// Waits for its turn.
    Queued,
    Running,
    /// Waits to be resumed.
    Paused,
    Done,
    /// Ended by an error; may be resumed where it stands.
    Failed,
    Cancelled,
}

impl JobState {
    const EVERY: [(JobState, &'static str); 6] = [
        (JobState::Queued, "QUEUED"),
        (JobState::Running, "RUNNING"),
        (JobState::Paused, "PAUSED"),
        (JobState::Done, "DONE"),
        (JobState::Failed, "FAILED"),
        (JobState::Cancelled, "CANCELLED"),
    ];

    /// As it is stored.
    pub fn name(self) -> &'static str {
        Self::EVERY.iter().find(|(state, _)| *state == self).map_or("", |(_, name)| name)
    }

    fn parse(name: &str) -> Result<JobState> {
        let known = Self::EVERY.iter().find(|(_, known)| *known == name);
        known.map(|(state, _)| *state).ok_or_else(|| Error::new(Code::Internal, "", "a stored job state is damaged"))
    }

    /// Whether no step follows unless somebody asks for it.
    pub fn has_ended(self) -> bool {
        matches!(self, JobState::Done | JobState::Failed | JobState::Cancelled)
    }
}

/// A job as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// `job_…`
    pub id: String,
    pub tenant: TenantId,
    /// What it does, by the name of the mutation that asked for it.
    pub kind: String,
    pub state: JobState,
    /// Items done, of so many; `None` while that is not known.
    pub done: i64,
    pub total: Option<i64>,
    /// What came out so far, as its kind says; JSON.
    pub result: String,
    pub error: Option<String>,
    /// Id of the token that asked for it.
    pub actor: String,
    pub version: i64,
    pub created_at_ms: i64,
    pub updated_at_ms: i64,
    pub ended_at_ms: Option<i64>,
}

/// Id of a job, as a cursor of lists.
struct JobId(String);

impl FromStr for JobId {
    type Err = ();
    fn from_str(text: &str) -> std::result::Result<Self, ()> {
        let digits = text.strip_prefix("job_").ok_or(())?;
        let hex = digits.len() == 20 && digits.bytes().all(|b| b.is_ascii_hexdigit());
        if hex { Ok(JobId(text.to_owned())) } else { Err(()) }
    }
}

impl std::fmt::Display for JobId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// What somebody does to a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Steer {
    /// No step follows, ever.
    Cancel,
    /// No step follows until it is resumed.
    Pause,
    /// Goes on where it was paused, or where it failed.
    Resume,
}

impl Steer {
    fn action(self) -> &'static str {
        match self {
            Steer::Cancel => "jobCancel",
            Steer::Pause => "jobPause",
            Steer::Resume => "jobResume",
        }
    }

    /// The state that it leads to; `Invalid` from one that it does not fit.
    fn from(self, state: JobState) -> Result<JobState> {
        match (self, state) {
            (Steer::Cancel, JobState::Queued | JobState::Running | JobState::Paused | JobState::Failed) => {
                Ok(JobState::Cancelled)
            }
            (Steer::Pause, JobState::Queued | JobState::Running) => Ok(JobState::Paused),
            (Steer::Resume, JobState::Paused | JobState::Failed) => Ok(JobState::Queued),
            (Steer::Cancel | Steer::Pause | Steer::Resume, _) => {
                Err(Error::new(Code::Invalid, "jobId", format!("The job is {}", state.name())))
            }
        }
    }
}

impl Service {
    /// Asks for a job in the transaction of a mutation, which has checked that the actor may. It begins after the commit.
    /// `LimitReached` while the tenant has too many open.
    pub(crate) async fn job_place<K: JobKind>(
        &self,
        txn: &mut Connection,
        actor: &Actor,
        tenant: TenantId,
        input: &K::Input,
    ) -> Result<Job> {
        let open =
            query("SELECT COUNT(*) AS n FROM job WHERE tenant = $1 AND state IN ('QUEUED', 'RUNNING', 'PAUSED')")
                .bind(tenant.to_string())
                .fetch_one(&mut *txn)
                .await?;
        if number(&open, "n")? >= JOBS_OPEN_MAX {
            let message = format!("At most {JOBS_OPEN_MAX} jobs at a time (JOBS_OPEN_MAX)");
            return Err(Error::new(Code::LimitReached, "", message));
        }
        let input = kind::to_text(input)?;
        if input.len() > JOB_INPUT_BYTES_MAX {
            let message = format!("A job takes at most {JOB_INPUT_BYTES_MAX} bytes (JOB_INPUT_BYTES_MAX)");
            return Err(Error::new(Code::Invalid, "", message));
        }
        let job = fresh_id("job_")?;
        query(
            "INSERT INTO job (id, tenant, kind, state, done, input, cursor, result, actor, actor_name, lease_until, attempts, \
             version, created_at, updated_at) VALUES ($1, $2, $3, 'QUEUED', 0, $4, $5, $6, $7, $8, 0, 0, 1, $9, $9)",
        )
        .bind(&job)
        .bind(tenant.to_string())
        .bind(K::NAME)
        .bind(input)
        .bind(kind::to_text(&K::Cursor::default())?)
        .bind(kind::to_text(&K::Output::default())?)
        .bind(kind::to_text(actor)?)
        .bind(&actor.name)
        .bind(self.now().0)
        .execute(&mut *txn)
        .await?;
        self.jobs.placed();
        self.job_row(txn, &job).await
    }

    /// Whether who asked for a job may still do something: its token was not revoked, its tenant is not suspended. `Forbidden`.
    async fn may_go_on(&self, txn: &mut Connection, actor: &Actor) -> Result<()> {
        let revoked = query("SELECT 1 AS n FROM api_token WHERE jti = $1 AND revoked_at IS NOT NULL").bind(&actor.name);
        if revoked.fetch_optional(&mut *txn).await?.is_some() {
            return Err(Error::new(Code::Forbidden, "", "The token that asked for the job was revoked"));
        }
        self.may_write(txn, actor, false).await
    }

    /// A job that the actor may see.
    pub async fn job(&self, actor: &Actor, job: &str) -> Result<Job> {
        let mut connection = self.reader(actor).await?;
        self.job_in(&mut connection, actor, Permission::JobRead, job).await
    }

    /// Jobs by their ids; those that the actor may not see are left out.
    pub async fn jobs_by_id(&self, actor: &Actor, jobs: &[String]) -> Result<Vec<Job>> {
        let mut connection = self.reader(actor).await?;
        let rows = query("SELECT * FROM job WHERE id IN (SELECT value FROM json_each($1))")
            .bind(json_list(jobs))
            .fetch_all(&mut connection)
            .await?;
        let found = rows.iter().map(from_row).collect::<Result<Vec<_>>>()?;
        let owners: Vec<TenantId> = found.iter().map(|j| j.tenant).collect();
        let reached = self.permitted(&mut connection, actor, Permission::JobRead, &owners).await?;
        Ok(found.into_iter().filter(|j| reached.contains(&j.tenant)).collect())
    }

    /// Jobs of a tenant, by id, a page of them; and how many there are.
    pub async fn jobs(&self, actor: &Actor, tenant: TenantId, page: &Page) -> Result<(Vec<Job>, i64)> {
        let mut connection = self.reader(actor).await?;
        self.permit(&mut connection, actor, Permission::JobRead, tenant).await?;
        let list = list!("job WHERE tenant = $1", by "id", "$2", "$3");
        let from = page.from::<JobId>()?;
        let (rows, count) = page.rows(&mut connection, &list, &[tenant.to_string()], vec![from.into()]).await?;
        Ok((rows.iter().map(from_row).collect::<Result<_>>()?, count))
    }

    /// Cancels, pauses or resumes a job. `Invalid` when its state does not allow it.
    pub async fn job_steer(&self, actor: &Actor, terms: &Terms, job: &str, steer: Steer) -> Result<Done<Job>> {
        let mut work = match self.start(actor, terms, Request::new(steer.action(), job.to_owned())).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        let now = self.job_in(&mut work.txn, actor, Permission::JobWrite, job).await?;
        work.expect(now.version)?;
        let state = steer.from(now.state)?;
        query(
            "UPDATE job SET state = $2, lease_owner = NULL, lease_until = 0, attempts = 0, version = version + 1, \
             updated_at = $3, ended_at = $4, error = CASE WHEN $2 = 'QUEUED' THEN NULL ELSE error END WHERE id = $1",
        )
        .bind(job)
        .bind(state.name())
        .bind(self.now().0)
        .bind(state.has_ended().then_some(self.now().0))
        .execute(&mut work.txn)
        .await?;
        if steer == Steer::Cancel {
            self.forget_lines(&mut work.txn, job).await?;
        }
        self.audit(&mut work.txn, actor, now.tenant, steer.action(), job, &now.kind).await?;
        let updated = self.job_row(&mut work.txn, job).await?;
        self.jobs.placed();
        self.finish(work, updated, &[]).await
    }

    async fn job_row(&self, txn: &mut Connection, job: &str) -> Result<Job> {
        let row = query("SELECT * FROM job WHERE id = $1").bind(job).fetch_optional(txn).await?;
        from_row(&row.ok_or_else(|| Error::not_found("jobId"))?)
    }

    async fn job_in(&self, txn: &mut Connection, actor: &Actor, permission: Permission, job: &str) -> Result<Job> {
        let job = self.job_row(txn, job).await?;
        self.permit(txn, actor, permission, job.tenant).await.map_err(|e| e.missing("jobId"))?;
        Ok(job)
    }
}

fn from_row(row: &Row) -> Result<Job> {
    Ok(Job {
        id: text(row, "id")?,
        tenant: id(row, "tenant")?,
        kind: text(row, "kind")?,
        state: JobState::parse(&text(row, "state")?)?,
        done: number(row, "done")?,
        total: optional(row, "total")?,
        result: text(row, "result")?,
        error: row.text("error")?,
        actor: text(row, "actor_name")?,
        version: number(row, "version")?,
        created_at_ms: number(row, "created_at")?,
        updated_at_ms: number(row, "updated_at")?,
        ended_at_ms: optional(row, "ended_at")?,
    })
}
