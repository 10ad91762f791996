//! SUMMARY    Coming back after a write that the disk had no room for: the database is opened again, in place.
//! LIMITS     STORE_REVIVE_MS, STORE_REVIVE_FREE_BYTES_MIN, STORE_REVIVE_ATTEMPTS_MAX, KV_TXN_MS_MAX
//! INVARIANTS Nothing is touched before there is room. fjall refuses for ever after a failed write, so the old database has to be
//!            closed first: it goes with its last reader. Acknowledged commits are there, or the store is lost to this process.

use super::{EmbeddedOptions, OpenError, disk::Disk, engine::Shared};
use crate::{
    layer::Slice,
    page::{Base, Scan},
};
use base::limits::{KV_TXN_MS_MAX, STORE_REVIVE_ATTEMPTS_MAX};
use std::time::{Duration, Instant};

/// Between two looks whether the last reader is gone.
const READER_POLL: Duration = Duration::from_millis(5);
const AGAIN: &str = "the store is being opened again";

pub(super) struct Revive {
    options: EmbeddedOptions,
    /// Failed ones in a row.
    attempts: u32,
}

impl Revive {
    pub(super) fn new(options: EmbeddedOptions) -> Self {
        Revive { options, attempts: 0 }
    }

    pub(super) fn interval(&self) -> Duration {
        Duration::from_millis(self.options.revive_ms)
    }

    /// Opens the database again if there is room; with its last commit, which is not before `acknowledged`.
    pub(super) fn attempt(
        &mut self,
        shared: &Shared,
        disk: &mut Option<Disk>,
        acknowledged: u64,
    ) -> Option<(Disk, u64)> {
        let free_bytes = shared.space.ask();
        if free_bytes < self.options.revive_free_bytes_min {
            tracing::warn!(free_bytes, limit = "STORE_REVIVE_FREE_BYTES_MIN", "the embedded store waits for room");
            return None;
        }
        shared.let_go();
        *disk = None;
        match self.reopen(shared) {
            Ok((reopened, found)) if found >= acknowledged => {
                self.attempts = 0;
                Some((reopened, found))
            }
            Ok((_, found)) => {
                let why = OpenError::Regressed { found, acknowledged };
                self.give_up(shared, &why);
                None
            }
            Err(why) => {
                self.attempts += 1;
                tracing::error!(%why, attempt = self.attempts, "the embedded store was not opened again");
                if self.attempts >= STORE_REVIVE_ATTEMPTS_MAX {
                    self.give_up(shared, &why);
                }
                None
            }
        }
    }

    /// Waits for those who still read from the old one: a transaction lives KV_TXN_MS_MAX.
    fn reopen(&self, shared: &Shared) -> Result<(Disk, u64), OpenError> {
        let until = Instant::now() + Duration::from_millis(KV_TXN_MS_MAX);
        loop {
            match Disk::reopen(&shared.folder, &self.options) {
                Err(OpenError::InUse(_)) if Instant::now() < until => std::thread::park_timeout(READER_POLL),
                result => return result,
            }
        }
    }

    fn give_up(&self, shared: &Shared, why: &OpenError) {
        tracing::error!(%why, "the embedded store is lost to this process: start it again");
        let mut state = shared.state.lock();
        state.failed = Some(why.to_string());
        state.lost = true;
    }
}

/// Stands for the rows while there are none.
pub(super) struct Gone;

impl Base for Gone {
    fn get(&self, _: &[u8]) -> Result<Option<Slice>, String> {
        Err(AGAIN.to_owned())
    }
    fn scan(&self, _: &[u8], _: &[u8], _: bool) -> Scan<'_> {
        Box::new(std::iter::once(Err(AGAIN.to_owned())))
    }
}
