//! SUMMARY    Jobs: how far they are, what came out.

use crate::{
    connection::{Paging, connection},
    cost::{FILE_COST, page_cost},
    failure::found,
    scalar::DateTime,
    types::{actor, service},
};
use async_graphql::{Context, Enum, ID, Json, Object, Result, SimpleObject};

/// Where a job stands. More may be added.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "tenants::JobState")]
pub enum JobState {
    /// Waits for its turn.
    Queued,
    Running,
    /// Waits for jobResume.
    Paused,
    Done,
    /// Ended by an error; jobResume goes on where it stands.
    Failed,
    Cancelled,
}

/// How far a job is.
#[derive(SimpleObject, Clone)]
pub struct JobProgress {
    pub done: i64,
    /// null while it is not known.
    pub total: Option<i64>,
}

/// Long work: it goes on while nobody watches, and after a restart.
#[derive(SimpleObject, Clone)]
pub struct Job {
    pub id: ID,
    pub tenant_id: ID,
    /// The mutation that asked for it.
    pub kind: String,
    pub state: JobState,
    pub progress: JobProgress,
    /// What came out so far; its fields are told at the mutation that asks for it.
    pub result: Json<serde_json::Value>,
    /// Why it failed, or what is tried again.
    pub error: Option<String>,
    /// Id of the token that asked for it.
    pub actor: String,
    pub created_at: DateTime,
    pub updated_at: DateTime,
    pub ended_at: Option<DateTime>,
    pub version: i64,
}

impl From<tenants::Job> for Job {
    fn from(job: tenants::Job) -> Self {
        Job {
            id: ID(job.id),
            tenant_id: ID(job.tenant.to_string()),
            kind: job.kind,
            state: job.state.into(),
            progress: JobProgress { done: job.done, total: job.total },
            result: Json(serde_json::from_str(&job.result).unwrap_or_default()),
            error: job.error,
            actor: job.actor,
            created_at: DateTime(job.created_at_ms),
            updated_at: DateTime(job.updated_at_ms),
            ended_at: job.ended_at_ms.map(DateTime),
            version: job.version,
        }
    }
}

impl Job {
    /// Of one page.
    pub(crate) fn together(rows: Vec<tenants::Job>) -> Vec<Self> {
        rows.into_iter().map(Self::from).collect()
    }
}
connection!(JobConnection, JobEdge, Job);

#[derive(Default)]
pub struct JobQuery;

#[Object]
impl JobQuery {
    async fn job(&self, ctx: &Context<'_>, id: ID) -> Result<Option<Job>> {
        Ok(found(service(ctx).job(actor(ctx), &id).await)?.map(Job::from))
    }

    /// What became of the rows of an import so far, in their order, as a CSV text: line, address, mailbox, code, field,
    /// message. It is kept for 7 days.
    #[graphql(complexity = "FILE_COST + child_complexity")]
    async fn mailbox_import_result(
        &self,
        ctx: &Context<'_>,
        job_id: ID,
        #[graphql(default)] refused_only: bool,
    ) -> Result<Option<String>> {
        found(service(ctx).mailbox_import_result(actor(ctx), &job_id, refused_only).await)
    }

    /// Jobs of a tenant, in order of their ids.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    async fn jobs(
        &self,
        ctx: &Context<'_>,
        tenant_id: ID,
        first: Option<u32>,
        after: Option<ID>,
        last: Option<u32>,
        before: Option<ID>,
    ) -> Result<Option<JobConnection>> {
        let paging = Paging::new(ctx, first, after, last, before)?;
        let Ok(tenant) = tenant_id.parse() else { return Ok(None) };
        let rows = found(service(ctx).jobs(actor(ctx), tenant, &paging.page()).await)?;
        Ok(rows.map(|rows| JobConnection::new(&paging, rows)))
    }
}
