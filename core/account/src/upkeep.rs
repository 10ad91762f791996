//! SUMMARY    Background care of the store: cold bytes into packs, packs kept dense, leavings swept, logs trimmed, erased tenants and purged mail removed, expunged mail forgotten.
//! LIMITS     UPKEEP_LEASE_MS, CHANGES_KEPT_MIN, CHANGES_MS_KEPT, CHANGES_TRIM_MAX, PURGE_EMAILS_MAX, EXPUNGED_FORGOTTEN_MAX, OP_MARK_MS_MAX
//! INVARIANTS Of equal peers one does each job: it holds the job's lease, and what it notes in the job's record is refused when
//!            a later lease has written there. Every step may be repeated and may be cut off anywhere, so stopping is dropping.

mod ended;
mod erase;
mod expunged;
mod job;
mod mark;
mod purge;
mod trim;

pub use trim::LogKeep;
pub(crate) use trim::{next_account, next_account_in};

use crate::{
    Accounts, Error, Result, keys,
    scope::{ReadOnly, TenantScope},
};
use base::{
    TenantId,
    limits::{CHANGES_KEPT_MIN, CHANGES_MS_KEPT, UPKEEP_LEASE_MS},
};
use job::Held;
use std::time::Duration;
use store::blob::{self, Compacted, Maintenance, Pace, Packed, Packer, Packing, Swept};
use tokio::sync::watch;

const LEASE: Duration = Duration::from_millis(UPKEEP_LEASE_MS);
/// How often a worker looks for a job that is due, at most.
const LOOK: Duration = Duration::from_secs(30);

/// One kind of care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Job {
    /// Cold blobs from the store into packs.
    Pack,
    /// Packs that are mostly deleted.
    Compact,
    /// Stagings, empty packs, dead and orphaned objects.
    Sweep,
    /// Change logs and lists of expunged messages.
    Trim,
    /// Marks of operations that are done.
    Marks,
    /// What is left of erased tenants.
    Erase,
    /// Mail of purged accounts.
    Purge,
    /// Expunged mail whose days are over.
    Expunged,
    /// What quotas count, recounted.
    Quota,
    /// What became of outgoing mail long ago.
    Ended,
}

impl Job {
    pub const ALL: [Job; 10] = [
        Job::Erase,
        Job::Purge,
        Job::Expunged,
        Job::Trim,
        Job::Marks,
        Job::Ended,
        Job::Pack,
        Job::Compact,
        Job::Sweep,
        Job::Quota,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Job::Pack => "pack",
            Job::Compact => "compact",
            Job::Sweep => "sweep",
            Job::Trim => "trim",
            Job::Marks => "marks",
            Job::Erase => "erase",
            Job::Purge => "purge",
            Job::Expunged => "expunged",
            Job::Quota => "quota",
            Job::Ended => "ended",
        }
    }
}

/// What care is taken, and how hard.
#[derive(Debug, Clone)]
pub struct UpkeepOptions {
    /// Time between the end of a pass and the next one.
    pub interval: Duration,
    pub packing: Packing,
    pub keep: LogKeep,
    pub pace: Pace,
}

impl Default for UpkeepOptions {
    fn default() -> Self {
        UpkeepOptions {
            interval: Duration::from_secs(6 * 3_600),
            packing: Packing::default(),
            keep: LogKeep { units: CHANGES_KEPT_MIN, age: Duration::from_millis(CHANGES_MS_KEPT) },
            pace: Pace { pause: Duration::from_millis(20), ..Pace::default() },
        }
    }
}

/// What a pass did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Upkept {
    pub packed: Packed,
    pub compacted: Compacted,
    pub swept: Swept,
    /// Entries of change logs and of lists of expunged messages that were cleared.
    pub trimmed: u64,
    /// Marks of done operations that were cleared.
    pub marks: u64,
    /// Tenants whose erasure ended.
    pub erased: u64,
    /// Emails of purged accounts that were removed.
    pub purged: u64,
    /// Expunged emails that were forgotten.
    pub expunged: u64,
    /// Items of outgoing mail whose end was forgotten.
    pub ended: u64,
    /// Bytes by which quotas and what is stored differ: always zero.
    pub drift_bytes: u64,
}

/// The worker.
pub struct Upkeep {
    accounts: Accounts,
    options: UpkeepOptions,
}

impl Upkeep {
    pub fn new(accounts: Accounts, options: UpkeepOptions) -> Self {
        Upkeep { accounts, options }
    }

    /// Does what is due until `stop` becomes true, which cuts it off at once.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let stopped = async {
            // A sender that is gone means that the server is too.
            let _ = stop.wait_for(|stop| *stop).await;
        };
        tokio::select! {
            () = stopped => {}
            () = self.work() => {}
        }
    }

    async fn work(&self) {
        let look = LOOK.min(self.options.interval).max(Duration::from_millis(10));
        loop {
            for job in Job::ALL {
                match self.run_job(job, true).await {
                    Ok(None) => {}
                    Ok(Some(done)) => {
                        metrics::counter!("posthouse_upkeep_passes_total", "job" => job.name()).increment(1);
                        count(&done);
                    }
                    Err(why) => {
                        metrics::counter!("posthouse_upkeep_errors_total", "job" => job.name()).increment(1);
                        tracing::warn!(job = job.name(), %why, "upkeep will try again");
                    }
                }
            }
            // Jitter, so that peers do not ask for the leases in step.
            let extra = self.accounts.rng().below(look.as_millis() as u64 / 4 + 1);
            tokio::select! {
                () = tokio::time::sleep(look + Duration::from_millis(extra)) => {}
                () = self.accounts.0.erasures.notified() => {}
            }
        }
    }

    /// One pass of every job now, due or not, except those that a peer is at.
    pub async fn pass(&self) -> Result<Upkept> {
        let mut all = Upkept::default();
        for job in Job::ALL {
            if let Some(done) = self.run_job(job, false).await? {
                all = all.with(job, done);
            }
        }
        Ok(all)
    }

    /// One pass of a job; `None` when it is not due (asked for with `only_due`) or a peer is at it.
    pub async fn run_job(&self, job: Job, only_due: bool) -> Result<Option<Upkept>> {
        if only_due && !self.is_due(job).await? {
            return Ok(None);
        }
        let Some(held) = Held::take(&self.accounts, job).await? else { return Ok(None) };
        let done = tokio::select! {
            done = self.run_held(&held, only_due) => done,
            lost = self.lose(&held) => Err(lost),
        };
        // Lost to a peer, it is not ours to give back; a pass that was cut off leaves it until it runs out.
        match (held.give_back().await, done) {
            (Err(e), Ok(_)) => Err(e),
            (_, done) => done,
        }
    }

    async fn run_held(&self, held: &Held<'_>, only_due: bool) -> Result<Option<Upkept>> {
        let job = held.job;
        // A peer may have ended a pass between the look and the lease.
        if only_due && !self.is_due(job).await? {
            return Ok(None);
        }
        let began = self.accounts.clock().now();
        let done = self.pass_of(held).await?;
        held.finish().await?;
        let took = self.accounts.clock().now().since(began);
        metrics::histogram!("posthouse_upkeep_pass_seconds", "job" => job.name()).record(took.as_secs_f64());
        Ok(Some(done))
    }

    async fn is_due(&self, job: Job) -> Result<bool> {
        if job == Job::Erase {
            // What was begun goes on until its end.
            return Ok(!self.accounts.erasures_under_way().await?.is_empty());
        }
        let record = job::read(&self.accounts, job).await?;
        let (now, finished) = (self.accounts.clock().now(), base::Timestamp(record.finished_ms));
        Ok(record.finished_ms == 0 || finished > now || now.since(finished) >= self.options.interval)
    }

    /// Prolongs the lease; ends with the reason when it cannot be.
    async fn lose(&self, held: &Held<'_>) -> Error {
        loop {
            tokio::time::sleep(LEASE / 3).await;
            if let Err(why) = held.renew().await {
                return why;
            }
        }
    }

    async fn pass_of(&self, held: &Held<'_>) -> Result<Upkept> {
        let mut done = Upkept::default();
        let inner = &self.accounts.0;
        let (packs, staging, backups) = (keys::system_packs(), keys::system_staging(), keys::system_backups());
        let on = Maintenance {
            kv: &inner.kv,
            objects: &*inner.objects,
            clock: &*inner.clock,
            rng: &*inner.rng,
            pack_prefix: &packs,
            staging_prefix: &staging,
            backup_prefix: &backups,
            pace: self.options.pace,
        };
        match held.job {
            Job::Pack => done.packed = self.pack(held, &on).await?,
            Job::Compact => done.compacted = blob::compact(&on, &self.options.packing).await?,
            Job::Sweep => done.swept = blob::sweep(&on).await?,
            Job::Trim => done.trimmed = self.trim(held).await?,
            Job::Marks => done.marks = self.clear_marks().await?,
            Job::Erase => done.erased = self.erase(&on).await?,
            Job::Purge => done.purged = self.purge(held).await?,
            Job::Expunged => done.expunged = self.forget(held).await?,
            Job::Ended => done.ended = self.clear_ended(held).await?,
            Job::Quota => done.drift_bytes = self.drift().await?,
        }
        Ok(done)
    }

    async fn pack(&self, held: &Held<'_>, on: &Maintenance<'_>) -> Result<Packed> {
        let mut packer = Packer::new(on, self.options.packing.clone());
        let from = held.read().await?.tenant;
        for tenant in self.tenants_from(TenantId(from)).await? {
            packer.scan(&Accounts::space(tenant)).await?;
            // What waits in memory for a fuller pack is taken again after a restart.
            if packer.is_empty() {
                held.reached(tenant, None).await?;
            }
        }
        Ok(packer.finish().await?)
    }

    /// Recounts every tenant, from the first: the sum is told of all.
    async fn drift(&self) -> Result<u64> {
        let mut sum = 0_u64;
        for tenant in self.tenants_from(TenantId(0)).await? {
            for drift in self.accounts.quota_drift(&TenantScope::<ReadOnly>::issue(tenant)).await? {
                tracing::error!(
                    ?drift,
                    "a quota counter does not agree with what is stored: `posthouse ctl quota verify`"
                );
                sum = sum.saturating_add(drift.bytes().unsigned_abs());
            }
            self.rest().await;
        }
        metrics::gauge!("posthouse_quota_drift_bytes").set(sum as f64);
        Ok(sum)
    }

    /// Tenants in order of their ids, from this one on.
    async fn tenants_from(&self, first: TenantId) -> Result<Vec<TenantId>> {
        let mut tenants = self.accounts.tenants().await?;
        tenants.retain(|tenant| *tenant >= first);
        Ok(tenants)
    }

    async fn rest(&self) {
        if !self.options.pace.pause.is_zero() {
            tokio::time::sleep(self.options.pace.pause).await;
        }
    }
}

impl Upkept {
    fn with(self, job: Job, done: Upkept) -> Upkept {
        match job {
            Job::Pack => Upkept { packed: done.packed, ..self },
            Job::Compact => Upkept { compacted: done.compacted, ..self },
            Job::Sweep => Upkept { swept: done.swept, ..self },
            Job::Trim => Upkept { trimmed: done.trimmed, ..self },
            Job::Marks => Upkept { marks: done.marks, ..self },
            Job::Erase => Upkept { erased: done.erased, ..self },
            Job::Purge => Upkept { purged: done.purged, ..self },
            Job::Expunged => Upkept { expunged: done.expunged, ..self },
            Job::Ended => Upkept { ended: done.ended, ..self },
            Job::Quota => Upkept { drift_bytes: done.drift_bytes, ..self },
        }
    }
}

/// What a pass did; packs are counted as they come about (`store::blob`).
fn count(done: &Upkept) {
    metrics::counter!("posthouse_upkeep_compacted_packs_total").increment(done.compacted.packs as u64);
    metrics::counter!("posthouse_upkeep_compacted_blobs_total").increment(done.compacted.blobs as u64);
    metrics::counter!("posthouse_upkeep_damaged_packs_total").increment(done.compacted.damaged as u64);
    metrics::counter!("posthouse_upkeep_swept_stagings_total").increment(done.swept.stagings as u64);
    metrics::counter!("posthouse_upkeep_swept_packs_total").increment(done.swept.packs as u64);
    metrics::counter!("posthouse_upkeep_swept_objects_total").increment(done.swept.objects as u64);
    metrics::counter!("posthouse_upkeep_trimmed_entries_total").increment(done.trimmed);
    metrics::counter!("posthouse_upkeep_cleared_marks_total").increment(done.marks);
    metrics::counter!("posthouse_upkeep_erased_tenants_total").increment(done.erased);
    metrics::counter!("posthouse_upkeep_purged_emails_total").increment(done.purged);
    metrics::counter!("posthouse_upkeep_forgotten_emails_total").increment(done.expunged);
    metrics::counter!("posthouse_upkeep_forgotten_queue_items_total").increment(done.ended);
}
