//! SUMMARY    Runs the store's upkeep while the server serves.
//! INVARIANTS A pass may be cut off at any await: what it had not finished the next one does. Failures wait for the next pass.

use account::{Accounts, Upkeep, UpkeepOptions};
use std::time::Duration;
use tokio::sync::watch;

/// `[upkeep]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UpkeepConfig {
    pub enabled: bool,
    /// Time between two passes.
    pub interval: Duration,
    /// Messages older than this move to packs.
    pub cold_after: Duration,
}

/// The first pass waits for this: a start is busy enough.
const FIRST_AFTER: Duration = Duration::from_secs(60);

/// Passes until the server stops, which cuts them off.
pub async fn run(accounts: Accounts, config: UpkeepConfig, mut stop: watch::Receiver<bool>) {
    let mut options = UpkeepOptions { interval: config.interval, ..UpkeepOptions::default() };
    options.packing.older_than = config.cold_after;
    let waited = tokio::time::timeout(FIRST_AFTER.min(config.interval), stop.wait_for(|stop| *stop)).await.is_err();
    if waited {
        Upkeep::new(accounts, options).run(stop).await;
    }
}
