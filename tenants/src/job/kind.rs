//! SUMMARY    What a kind of job is: its input, its cursor, its result, and one step of it. The register of all kinds.
//! INVARIANTS What a step changes, and the cursor it leaves, are one transaction, which begins when the step asks for it: slow
//!            work that needs no rows (hashing, parsing, asking another host) goes before. A step that fails leaves nothing.

use super::{resend, run};
use crate::{
    Actor, Code, Error, Result, Service,
    audit::AuditExport,
    db::{Txn, query},
    import::MailboxImport,
    rows::text,
};
use base::TenantId;
use control::Change;
use serde::{Serialize, de::DeserializeOwned};
use std::{future::Future, pin::Pin};
use tokio::sync::watch;

/// What follows a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    More,
    Done,
}

/// One kind of job. To add one: implement this, and name it in `kinds`.
pub(crate) trait JobKind: Send + Sync + Sized + 'static {
    /// As it is stored; the name of the mutation that asks for it.
    const NAME: &'static str;
    /// What was asked for; never changes.
    type Input: Serialize + DeserializeOwned + Send + Sync;
    /// Where the next step begins.
    type Cursor: Serialize + DeserializeOwned + Default + Send + Sync;
    /// What came out so far: shown as the job's result.
    type Output: Serialize + DeserializeOwned + Default + Send + Sync;

    /// Does a bounded part (JOB_STEP_MAX), moves the cursor behind it and counts it in `done`. A refusal ends the job as failed;
    /// a failure of ours (`Internal`) is tried again.
    fn step(service: &Service, job: &mut JobContext<Self>) -> impl Future<Output = Result<Step>> + Send;
}

/// A job under way, as a step sees it.
pub(crate) struct JobContext<K: JobKind> {
    pub(crate) id: String,
    pub(crate) tenant: TenantId,
    /// Who asked for it, as it was then.
    pub(crate) actor: Actor,
    pub(crate) input: K::Input,
    pub(crate) cursor: K::Cursor,
    pub(crate) output: K::Output,
    pub(crate) done: i64,
    pub(crate) total: Option<i64>,
    owner: String,
    txn: Option<Txn>,
    lost: bool,
    batch: Vec<Change>,
}

impl<K: JobKind> JobContext<K> {
    /// The transaction of this step; begun at the first call. `Aborted` when the job was paused, cancelled or taken by another
    /// process meanwhile: pass that on.
    pub(crate) async fn txn(&mut self, service: &Service) -> Result<&mut Txn> {
        if self.txn.is_none() {
            let mut txn = service.begin().await?;
            let sql = "SELECT id FROM job WHERE id = $1 AND lease_owner = $2 AND state = 'RUNNING'";
            if query(sql).bind(&self.id).bind(&self.owner).fetch_optional(&mut txn).await?.is_none() {
                self.lost = true;
                return Err(Error::new(Code::Aborted, "", "The job is not this worker's any more"));
            }
            service.may_go_on(&mut txn, &self.actor).await?;
            self.txn = Some(txn);
        }
        self.txn.as_mut().ok_or_else(|| Error::new(Code::Internal, "", "the step has no transaction"))
    }

    /// Snapshots that the data plane is told when the step is committed.
    pub(crate) fn tell(&mut self, changes: impl IntoIterator<Item = Change>) {
        self.batch.extend(changes);
    }

    /// Whether the job was lost to somebody else.
    pub(super) fn is_lost(&self) -> bool {
        self.lost
    }

    /// Commits a step with its cursor, keeps the lease where more follows.
    pub(super) async fn commit(&mut self, service: &Service, step: Step) -> Result<()> {
        self.txn(service).await?;
        let now = service.now();
        let (state, lease_until, ended_at) = match step {
            Step::More => ("RUNNING", now.plus(crate::limits::JOB_LEASE).0, None),
            Step::Done => ("DONE", 0, Some(now.0)),
        };
        let update = query(
            "UPDATE job SET cursor = $2, result = $3, done = $4, total = $5, state = $6, lease_until = $7, ended_at = $8, \
             updated_at = $9, attempts = 0, error = NULL, version = version + 1 WHERE id = $1",
        )
        .bind(&self.id)
        .bind(to_text(&self.cursor)?)
        .bind(to_text(&self.output)?)
        .bind(self.done)
        .bind(if step == Step::Done { self.total.or(Some(self.done)) } else { self.total })
        .bind(state)
        .bind(lease_until)
        .bind(ended_at)
        .bind(now.0);
        let batch = std::mem::take(&mut self.batch);
        let Some(mut txn) = self.txn.take() else { return Ok(()) };
        update.execute(&mut txn).await?;
        if step == Step::Done {
            service.audit(&mut txn, &self.actor, self.tenant, "jobDone", &self.id, K::NAME).await?;
        }
        service.tell(&mut txn, &batch).await?;
        txn.commit().await?;
        service.events.committed();
        if !batch.is_empty() {
            // What the data plane does not take now waits in the outbox.
            service.settle().await;
        }
        Ok(())
    }

    /// The job as it is stored, for the process that claimed it.
    pub(super) async fn read(service: &Service, job: &str, owner: &str) -> Result<Option<Self>> {
        let mut connection = service.pool().acquire().await?;
        let sql = "SELECT * FROM job WHERE id = $1 AND lease_owner = $2 AND state = 'RUNNING'";
        let row = query(sql).bind(job).bind(owner).fetch_optional(&mut connection).await?;
        let Some(row) = row else { return Ok(None) };
        let known = super::from_row(&row)?;
        Ok(Some(JobContext {
            id: known.id,
            tenant: known.tenant,
            actor: from_text(&text(&row, "actor")?)?,
            input: from_text(&text(&row, "input")?)?,
            cursor: from_text(&text(&row, "cursor")?)?,
            output: from_text(&known.result)?,
            done: known.done,
            total: known.total,
            owner: owner.to_owned(),
            txn: None,
            lost: false,
            batch: Vec::new(),
        }))
    }
}

pub(crate) fn to_text<T: Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|e| Error::new(Code::Internal, "", e.to_string()))
}

fn from_text<T: DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|e| Error::new(Code::Internal, "", format!("a stored job: {e}")))
}

pub(super) type Run<'a> = Pin<Box<dyn Future<Output = Result<()>> + Send + 'a>>;

/// A kind by its name.
pub(super) struct Kind {
    pub(super) name: &'static str,
    /// Does steps of a claimed job until its slice is over.
    pub(super) run: for<'a> fn(&'a Service, &'a run::Claim, &'a watch::Receiver<bool>) -> Run<'a>,
}

impl Kind {
    const fn of<K: JobKind>() -> Kind {
        Kind { name: K::NAME, run: |service, claim, stop| Box::pin(run::slice::<K>(service, claim, stop)) }
    }
}

/// Every kind of job there is.
pub(super) const KINDS: &[Kind] =
    &[Kind::of::<resend::TenantResend>(), Kind::of::<MailboxImport>(), Kind::of::<AuditExport>()];
