//! SUMMARY    What goes on by itself: calls, events, comparing, stages, pages, sweeps.
//! LIMITS     WORK_PAUSE, ROUNDS_MAX
//! INVARIANTS An error is logged and ends nothing: the next round meets what was left.

use super::Billing;
use std::{sync::Arc, time::Duration};
use tenants::Result;
use tokio::sync::watch;

/// Pause when nothing is due.
const WORK_PAUSE: Duration = Duration::from_secs(2);
/// Rounds in a row without a pause.
const ROUNDS_MAX: usize = 100;

impl Billing {
    /// One round of everything that is due; how much was done. For tests and the worker.
    pub async fn work(&self) -> Result<usize> {
        // Comparing finds calls, and calls make comparing due: each is met again in the next round.
        let parts = [
            self.events_due().await,
            self.make_calls().await,
            self.sync_due().await,
            self.look_due().await,
            self.pages_due().await,
            self.sweep().await,
        ];
        let (mut done, mut failed) = (0, None);
        for part in parts {
            match part {
                Ok(n) => done += n,
                Err(error) => failed = Some(error),
            }
        }
        failed.map_or(Ok(done), Err)
    }

    /// Works until `stop`.
    pub async fn run(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        let mut rounds = 0;
        while !*stop.borrow() {
            rounds += 1;
            match self.work().await {
                Ok(n) if n > 0 && rounds < ROUNDS_MAX => continue,
                Ok(_) => {}
                Err(error) => tracing::error!(%error, "the billing desk"),
            }
            rounds = 0;
            tokio::select! {
                () = self.wake.notified() => {}
                () = tokio::time::sleep(WORK_PAUSE) => {}
                changed = stop.changed() => if changed.is_err() { return },
            }
        }
    }
}
