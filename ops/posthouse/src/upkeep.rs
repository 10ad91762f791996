//! SUMMARY    Runs the store's upkeep while the server serves.
//! INVARIANTS A pass may be cut off at any await: what it had not finished the next one does. Failures wait for the next pass.

use account::{Accounts, Upkeep};
use std::time::Duration;

/// `[upkeep]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UpkeepConfig {
    /// Time between two passes.
    pub interval: Duration,
    /// Messages older than this move to packs.
    pub cold_after: Duration,
}

/// The first pass waits for this: a start is busy enough.
const FIRST_AFTER: Duration = Duration::from_secs(60);

/// Passes until the server stops; drop it to end.
pub async fn run(accounts: Accounts, config: UpkeepConfig, node: u64) {
    let mut how = Upkeep::new(node);
    how.packing.older_than = config.cold_after;
    let interval = config.interval;
    tokio::time::sleep(FIRST_AFTER.min(interval)).await;
    loop {
        match accounts.upkeep(&how).await {
            Ok(Some(done)) => {
                metrics::counter!("posthouse_upkeep_passes_total").increment(1);
                metrics::counter!("posthouse_upkeep_packed_blobs_total").increment(done.packed.blobs as u64);
                metrics::counter!("posthouse_upkeep_packed_bytes_total").increment(done.packed.bytes);
                metrics::counter!("posthouse_upkeep_compacted_packs_total").increment(done.compacted.packs as u64);
                metrics::counter!("posthouse_upkeep_swept_objects_total").increment(done.swept.objects as u64);
                metrics::counter!("posthouse_upkeep_log_trims_total").increment(done.trimmed as u64);
                tracing::info!(?done, "upkeep");
            }
            Ok(None) => tracing::debug!("another peer does the upkeep"),
            Err(error) => {
                metrics::counter!("posthouse_upkeep_failures_total").increment(1);
                tracing::error!(%error, "upkeep failed; the next pass goes on");
            }
        }
        tokio::time::sleep(interval).await;
    }
}
