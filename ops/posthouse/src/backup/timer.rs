//! SUMMARY    Backups that the server makes by itself, and lets go when they are old.
//! INVARIANTS The time counts from the newest backup in the repository, so a start does not make one more, and nodes that share a store
//!            make one between them as long as they do not begin in the same moment; two are harmless.

use super::{Home, Sources, home::Named, make};
use account::Accounts;
use base::{Clock, Timestamp};
use std::{sync::Arc, time::Duration};
use tenants::Service;
use tokio::sync::watch;

/// How soon after a failure it is tried again, at most.
const AGAIN: Duration = Duration::from_secs(15 * 60);
/// The first look waits for this: a start is busy enough.
const FIRST_AFTER: Duration = Duration::from_secs(60);

/// What is to be backed up.
pub struct Timer {
    pub home: Home,
    pub accounts: Option<Accounts>,
    pub service: Option<Arc<Service>>,
    pub clock: Arc<dyn Clock>,
}

/// Makes backups until the server stops, which cuts one off.
pub async fn run(timer: Timer, mut stop: watch::Receiver<bool>) {
    let Some(every) = timer.home.config().every else { return };
    let mut wait = FIRST_AFTER.min(every);
    loop {
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(wait) => {}
        }
        let pass = tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            pass = timer.pass(every) => pass,
        };
        wait = match pass {
            Ok(next) => next,
            Err(why) => {
                metrics::counter!("posthouse_backup_errors_total").increment(1);
                tracing::error!(%why, "no backup was made: it is tried again");
                AGAIN.min(every)
            }
        };
    }
}

impl Timer {
    /// Makes a backup if it is time. Gives how long to wait.
    async fn pass(&self, every: Duration) -> Result<Duration, String> {
        let repository = self.home.repository(&Named::default()).await?;
        if let Some(newest) = repository.latest().await.map_err(|why| why.to_string())? {
            note(newest.finished());
            let age = self.clock.now().since(newest.started());
            if age < every {
                return Ok(every - age);
            }
        }
        let sources = Sources {
            accounts: self.accounts.as_ref(),
            service: self.service.as_ref(),
            home: &self.home,
            clock: self.clock.clone(),
            who: "timer",
        };
        let made = make(&repository, &sources, &mut |_| {}).await?;
        note(made.finished);
        metrics::counter!("posthouse_backup_stored_bytes_total").increment(made.totals.stored_new);
        tracing::info!(snapshot = %made.snapshot, new_bytes = made.totals.stored_new, "a backup was made");
        let forgotten = repository.forget(&self.home.keep()).await.map_err(|why| why.to_string())?;
        if !forgotten.is_empty() {
            let pruned = repository.prune(self.clock.clone()).await.map_err(|why| why.to_string())?;
            tracing::info!(snapshots = forgotten.len(), bytes = pruned.bytes, "old backups were let go");
        }
        Ok(every)
    }
}

fn note(finished: Timestamp) {
    #[expect(clippy::cast_precision_loss, reason = "seconds of our time are exact in a double")]
    metrics::gauge!("posthouse_backup_last_success_seconds").set((finished.0 / 1_000) as f64);
}
