//! SUMMARY    Runs the store's upkeep while the server serves.
//! INVARIANTS A pass may be cut off at any await: what it had not finished the next one does. Failures wait for the next pass.

use account::{Accounts, Upkeep};
use std::time::Duration;
use store::blob::Packing;

/// `[upkeep]`.
#[derive(Debug, Clone, Copy, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UpkeepConfig {
    /// Seconds between two passes.
    pub interval_secs: u64,
    /// Messages older than this move to packs, seconds.
    pub cold_after_secs: u64,
}

impl Default for UpkeepConfig {
    fn default() -> Self {
        UpkeepConfig { interval_secs: 6 * 3_600, cold_after_secs: Packing::default().older_than.as_secs() }
    }
}

/// The first pass waits for this: a start is busy enough.
const FIRST_AFTER: Duration = Duration::from_secs(60);

/// Passes until the server stops; drop it to end.
pub async fn run(accounts: Accounts, config: UpkeepConfig, node: u64) {
    let mut how = Upkeep::new(node);
    how.packing.older_than = Duration::from_secs(config.cold_after_secs);
    let interval = Duration::from_secs(config.interval_secs.max(1));
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
