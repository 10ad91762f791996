//! SUMMARY    Looks for exports that have something to be done, and does it: one is made at a time, and beside it others are destroyed.
//! LIMITS     EXPORT_LEASE_MS
//! INVARIANTS May be cut off at any await: what was not finished is done by whoever takes the lease next.

use crate::make;
use account::{Accounts, CanRead, Error, ExportLease, ExportWish, Result, TenantScope, Todo};
use base::{JobId, Kind, limits::EXPORT_LEASE_MS};
use std::time::Duration;
use tokio::sync::watch;

const LEASE: Duration = Duration::from_millis(EXPORT_LEASE_MS);
/// How often a node looks for an export.
const LOOK: Duration = Duration::from_secs(2);
/// How soon a pause or a cancellation is heard.
const HEAR: Duration = Duration::from_secs(2);

/// Makes exports.
pub struct Exporter {
    accounts: Accounts,
}

impl Exporter {
    pub fn new(accounts: Accounts) -> Self {
        Exporter { accounts }
    }

    /// Does what there is until `stop` becomes true, which cuts it off at once.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let stopped = async {
            // A sender that is gone means that the server is too.
            let _ = stop.wait_for(|stop| *stop).await;
        };
        tokio::select! {
            () = stopped => {}
            () = self.work(Todo::Make) => {}
            // What is to be destroyed does not wait for what takes days.
            () = self.work(Todo::Shred) => {}
        }
    }

    async fn work(&self, todo: Todo) {
        loop {
            match self.one(todo).await {
                Ok(true) => {}
                Ok(false) => self.rest().await,
                Err(why) => {
                    metrics::counter!("posthouse_export_errors_total").increment(1);
                    tracing::warn!(%why, "exports are looked for again");
                    self.rest().await;
                }
            }
        }
    }

    async fn rest(&self) {
        // Jitter, so that peers do not ask in step.
        let extra = self.accounts.rng().below(LOOK.as_millis() as u64 / 4 + 1);
        tokio::time::sleep(LOOK + Duration::from_millis(extra)).await;
    }

    /// Makes the archives of an export that is ready once more and compares them with what is stored: nothing is written. Gives how many
    /// there are. Errors: `Corrupt` (they differ, or mail was deleted since), `Invalid` (it is not ready), `NotFound`.
    pub async fn compare<R: CanRead>(&self, scope: &TenantScope<R>, job: JobId) -> Result<usize> {
        let lease = self.accounts.review_export(scope, job).await?;
        make::compare(&lease).await
    }

    /// Does what there is to be done of one export, which is to be destroyed if there is such a one; whether there was any.
    pub async fn pass(&self) -> Result<bool> {
        Ok(self.one(Todo::Shred).await? || self.one(Todo::Make).await?)
    }

    async fn one(&self, todo: Todo) -> Result<bool> {
        let Some(lease) = self.accounts.lease_export(todo).await? else { return Ok(false) };
        let ended = tokio::select! {
            ended = self.make(&lease) => ended,
            left = keep(&lease) => left,
        };
        match ended {
            Ok(()) => {}
            Err(why) if why.kind == Kind::TooOld => {
                tracing::info!(job = %lease.job(), %why, "an export was lost to a peer")
            }
            Err(why) => {
                metrics::counter!("posthouse_export_errors_total").increment(1);
                tracing::warn!(job = %lease.job(), %why, "an export did not get further");
                let for_good = matches!(why.kind, Kind::NotFound | Kind::Corrupt | Kind::Invalid);
                lease.fail(&told(&why), for_good).await?;
            }
        }
        Ok(true)
    }

    async fn make(&self, lease: &ExportLease) -> Result<()> {
        match lease.todo() {
            Todo::Make => {
                make::make(lease, &self.accounts).await?;
                metrics::counter!("posthouse_exports_total").increment(1);
                Ok(())
            }
            Todo::Shred => {
                make::unpin(lease).await?;
                lease.shred().await?;
                metrics::counter!("posthouse_exports_shredded_total").increment(1);
                Ok(())
            }
        }
    }
}

/// Prolongs the lease until something else is wanted of the export: then it is given back.
async fn keep(lease: &ExportLease) -> Result<()> {
    let mut since = tokio::time::Instant::now();
    loop {
        tokio::time::sleep(HEAR).await;
        let view = match since.elapsed() >= LEASE / 3 {
            true => {
                since = tokio::time::Instant::now();
                lease.renew().await?
            }
            false => lease.view().await?,
        };
        if view.wish != ExportWish::Run && lease.todo() == Todo::Make {
            return lease.give_back().await;
        }
    }
}

/// What went wrong, for who asked for the export.
fn told(why: &Error) -> String {
    match why.kind {
        Kind::NotFound => format!("not there any more: {}", why.context),
        _ => why.to_string(),
    }
}
