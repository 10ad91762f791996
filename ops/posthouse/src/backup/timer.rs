//! SUMMARY    Backups that the server makes by itself, and lets go when they are old.
//! INVARIANTS The time counts from the newest backup in the repository, so a start does not make one more, and nodes that share a store
//!            make one between them as long as they do not begin in the same moment; two are harmless.

use super::{Home, Sources, home::Named, make};
use crate::{config::Config, ctl::Desk};
use account::Accounts;
use base::{Clock, Timestamp};
use std::{future::Future, sync::Arc, time::Duration};
use tenants::Service;
use tokio::sync::watch;

/// How soon after a failure it is tried again, at most.
const AGAIN: Duration = Duration::from_secs(15 * 60);
/// The first look waits for this: a start is busy enough.
const FIRST_AFTER: Duration = Duration::from_secs(60);

/// What is to be backed up.
pub struct Timer {
    home: Home,
    accounts: Option<Accounts>,
    service: Option<Arc<Service>>,
    clock: Arc<dyn Clock>,
}

/// Makes backups until the server stops, which cuts one off.
pub async fn run(timer: Timer, mut stop: watch::Receiver<bool>) {
    let Some(every) = timer.home.config().every else { return };
    // Shown as 0 until there is one: an alarm on its age rings then.
    note(Timestamp(0));
    // What is wrong with place or key is told at the start.
    if let Err(why) = timer.home.repository(&Named::default()).await {
        failed(&why, FIRST_AFTER.min(every));
    }
    let mut wait = FIRST_AFTER.min(every);
    loop {
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(wait) => {}
        }
        let mut stopped = stop.clone();
        let until = async move {
            let _ = stopped.wait_for(|stop| *stop).await;
        };
        wait = match timer.pass(every, until).await {
            Ok(next) => next,
            Err(_) if *stop.borrow() => return,
            Err(why) => {
                failed(&why, AGAIN.min(every));
                AGAIN.min(every)
            }
        };
    }
}

fn failed(why: &str, again: Duration) {
    metrics::counter!("posthouse_backup_errors_total").increment(1);
    tracing::error!(why, again_in_seconds = again.as_secs(), "no backup was made");
}

impl Timer {
    /// Of what a server has.
    pub fn of(config: &Config, desk: &Desk, clock: &Arc<dyn Clock>) -> Timer {
        let (accounts, service) = (desk.accounts.clone(), desk.service.clone());
        Timer { home: Home::of(config), accounts, service, clock: clock.clone() }
    }

    /// Makes a backup if it is time. Gives how long to wait.
    async fn pass(&self, every: Duration, until: impl Future<Output = ()>) -> Result<Duration, String> {
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
        let made = make(&repository, &sources, &mut |_| {}, until).await?;
        note(made.finished);
        metrics::counter!("posthouse_backup_stored_bytes_total").increment(made.totals.stored_new);
        tracing::info!(snapshot = %made.snapshot, new_bytes = made.totals.stored_new, "a backup was made");
        // The backup is made whatever becomes of this; the next one tries again.
        match repository.prune_to(&self.home.keep(), self.clock.clone()).await {
            Ok((gone, pruned)) => {
                tracing::info!(snapshots = gone.len(), bytes = pruned.bytes, "old backups were let go");
            }
            Err(why) => tracing::warn!(%why, "old backups are not let go yet"),
        }
        Ok(every)
    }
}

fn note(finished: Timestamp) {
    #[expect(clippy::cast_precision_loss, reason = "seconds of our time are exact in a double")]
    metrics::gauge!("posthouse_backup_last_success_seconds").set((finished.0 / 1_000) as f64);
}
