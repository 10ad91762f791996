//! SUMMARY    Workers: claim a job for a time, do a slice of its steps, give the turn to the next tenant.
//! LIMITS     JOB_WORKERS, JOB_LEASE, JOB_STEP_MAX, JOB_SLICE, JOB_ATTEMPTS_MAX, JOB_ERROR_CHARS_MAX
//! INVARIANTS A tenant has at most one job running at a time, whatever it asks for, and the tenant that waited longest is
//!            next. A lease that ran out is anybody's; its former holder cannot commit any more.

use super::kind::{JobContext, JobKind, KINDS, Step};
use crate::{
    Code, Error, Result, Service,
    db::query,
    limits::{
        JOB_ATTEMPTS_MAX, JOB_BACKOFF_MAX, JOB_ERROR_CHARS_MAX, JOB_LEASE, JOB_POLL, JOB_SLICE, JOB_STEP_MAX,
        JOB_WORKERS,
    },
    rows::{fresh_id, number, text},
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{Notify, watch},
    time::{Instant, timeout},
};

/// What workers wait for.
#[derive(Default)]
pub(crate) struct Jobs {
    placed: AtomicBool,
    wake: Notify,
}

impl Jobs {
    /// A job will be there when the transaction under way is committed.
    pub(crate) fn placed(&self) {
        self.placed.store(true, Ordering::SeqCst);
    }

    /// A mutation was committed: workers look at once if it placed a job. What slips through is found by the next look.
    pub(crate) fn committed(&self) {
        if self.placed.swap(false, Ordering::SeqCst) {
            self.wake.notify_waiters();
        }
    }
}

/// A job that is ours for a time.
pub(super) struct Claim {
    job: String,
    kind: String,
    owner: String,
    attempts: i64,
}

impl Service {
    /// Does jobs until `stop`. Any number of processes may: a dead one's jobs go on elsewhere when its leases end.
    pub async fn run_jobs(self: Arc<Self>, stop: watch::Receiver<bool>) {
        let workers = (0..JOB_WORKERS).map(|_| self.clone().work(stop.clone()));
        futures_util::future::join_all(workers).await;
    }

    async fn work(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            let woken = self.jobs.wake.notified();
            match self.job_slice(&stop).await {
                Ok(true) => continue,
                Ok(false) => {}
                Err(error) => tracing::warn!(%error, "jobs"),
            }
            tokio::select! {
                () = woken => {}
                () = tokio::time::sleep(JOB_POLL) => {}
                changed = stop.changed() => if changed.is_err() { return },
            }
        }
    }

    /// Serves one job for a slice; `false` when none waits.
    async fn job_slice(&self, stop: &watch::Receiver<bool>) -> Result<bool> {
        let Some(claim) = self.job_claim().await? else { return Ok(false) };
        let done = match KINDS.iter().find(|kind| kind.name == claim.kind) {
            Some(kind) => (kind.run)(self, &claim, stop).await,
            None => Err(Error::new(Code::Invalid, "", format!("this release has no job {}", claim.kind))),
        };
        match done {
            Ok(()) => self.job_release(&claim).await?,
            Err(error) => self.job_failed(&claim, &error).await?,
        }
        Ok(true)
    }

    /// Takes the next job: of the tenant that waited longest and has none running, the oldest.
    async fn job_claim(&self) -> Result<Option<Claim>> {
        let now = self.now();
        let mut txn = self.begin().await?;
        let row = query(
            "SELECT j.id, j.tenant, j.kind, j.attempts FROM job j LEFT JOIN job_turn t ON t.tenant = j.tenant \
             WHERE j.state IN ('QUEUED', 'RUNNING') AND j.lease_until <= $1 AND NOT EXISTS (SELECT 1 FROM job r \
             WHERE r.tenant = j.tenant AND r.state = 'RUNNING' AND r.lease_owner IS NOT NULL AND r.lease_until > $1) \
             ORDER BY COALESCE(t.served_at, 0), j.created_at, j.id LIMIT 1",
        )
        .bind(now.0)
        .fetch_optional(&mut txn)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let claim = Claim {
            job: text(&row, "id")?,
            kind: text(&row, "kind")?,
            owner: fresh_id("wrk_")?,
            attempts: number(&row, "attempts")? + 1,
        };
        query(
            "UPDATE job SET state = 'RUNNING', lease_owner = $2, lease_until = $3, attempts = $4, version = version + 1, \
             updated_at = $5 WHERE id = $1",
        )
        .bind(&claim.job)
        .bind(&claim.owner)
        .bind(now.plus(JOB_LEASE).0)
        .bind(claim.attempts)
        .bind(now.0)
        .execute(&mut txn)
        .await?;
        query(
            "INSERT INTO job_turn (tenant, served_at) VALUES ($1, $2) \
             ON CONFLICT (tenant) DO UPDATE SET served_at = $2",
        )
        .bind(text(&row, "tenant")?)
        .bind(now.0)
        .execute(&mut txn)
        .await?;
        txn.commit().await?;
        Ok(Some(claim))
    }

    /// Gives a job back after its slice; whoever is next goes on with it.
    async fn job_release(&self, claim: &Claim) -> Result<()> {
        let mut txn = self.begin().await?;
        query("UPDATE job SET lease_owner = NULL, lease_until = 0 WHERE id = $1 AND lease_owner = $2")
            .bind(&claim.job)
            .bind(&claim.owner)
            .execute(&mut txn)
            .await?;
        txn.commit().await
    }

    /// A refusal ends the job; a failure of ours is tried again later, JOB_ATTEMPTS_MAX times in a row.
    async fn job_failed(&self, claim: &Claim, error: &Error) -> Result<()> {
        let again = error.code == Code::Internal && claim.attempts < JOB_ATTEMPTS_MAX;
        tracing::warn!(job = claim.job, kind = claim.kind, attempts = claim.attempts, again, %error, "a job's step");
        let now = self.now();
        let pause = JOB_BACKOFF_MAX.min(Duration::from_secs(1 << claim.attempts.clamp(0, 16)));
        let (state, lease_until, ended_at) =
            if again { ("RUNNING", now.plus(pause).0, None) } else { ("FAILED", 0, Some(now.0)) };
        let mut txn = self.begin().await?;
        query(
            "UPDATE job SET state = $3, lease_owner = NULL, lease_until = $4, ended_at = $5, error = $6, updated_at = $7, \
             version = version + 1 WHERE id = $1 AND lease_owner = $2",
        )
        .bind(&claim.job)
        .bind(&claim.owner)
        .bind(state)
        .bind(lease_until)
        .bind(ended_at)
        .bind(error.message.chars().take(JOB_ERROR_CHARS_MAX).collect::<String>())
        .bind(now.0)
        .execute(&mut txn)
        .await?;
        txn.commit().await
    }
}

/// Steps of a claimed job until it is done, its slice is over, or the worker stops.
pub(super) async fn slice<K: JobKind>(service: &Service, claim: &Claim, stop: &watch::Receiver<bool>) -> Result<()> {
    if claim.attempts > JOB_ATTEMPTS_MAX {
        let message = format!("The job ended its process {JOB_ATTEMPTS_MAX} times (JOB_ATTEMPTS_MAX)");
        return Err(Error::new(Code::Invalid, "", message));
    }
    let begun = Instant::now();
    let Some(mut job) = JobContext::<K>::read(service, &claim.job, &claim.owner).await? else { return Ok(()) };
    loop {
        let step = async {
            let step = K::step(service, &mut job).await?;
            job.commit(service, step).await.map(|()| step)
        };
        let late = || Error::new(Code::Internal, "", "a step took too long (JOB_STEP_MAX)");
        match timeout(JOB_STEP_MAX, step).await.unwrap_or_else(|_| Err(late())) {
            Ok(Step::Done) => return Ok(()),
            Ok(Step::More) if *stop.borrow() || begun.elapsed() >= JOB_SLICE => return Ok(()),
            Ok(Step::More) => {}
            Err(_) if job.is_lost() => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}
