//! SUMMARY    Free bytes of the file system that holds the store, asked for at most every so often.
//! LIMITS     STORE_FREE_BYTES_MIN (new data is refused below), STORE_SPACE_CHECK_MS
//! INVARIANTS What cannot be asked counts as room: a refusal needs a reason.

use base::limits::STORE_SPACE_CHECK_MS;
use std::{
    path::PathBuf,
    sync::atomic::{AtomicU64, Ordering},
};

/// Not asked yet.
const NEVER: u64 = u64::MAX;

pub(super) struct Space {
    path: PathBuf,
    free_bytes_min: u64,
    free_bytes: AtomicU64,
    asked_ms: AtomicU64,
}

impl Space {
    pub(super) fn new(path: PathBuf, free_bytes_min: u64) -> Self {
        Space { path, free_bytes_min, free_bytes: AtomicU64::new(u64::MAX), asked_ms: AtomicU64::new(NEVER) }
    }

    /// Whether new data may come in at `now_ms`.
    pub(super) fn has_room(&self, now_ms: u64) -> bool {
        let asked_ms = self.asked_ms.load(Ordering::Relaxed);
        if asked_ms == NEVER || now_ms.saturating_sub(asked_ms) >= STORE_SPACE_CHECK_MS {
            self.asked_ms.store(now_ms, Ordering::Relaxed);
            self.ask();
        }
        self.free_bytes.load(Ordering::Relaxed) >= self.free_bytes_min
    }

    /// Free bytes now, as an unprivileged process may use them.
    pub(super) fn ask(&self) -> u64 {
        let free_bytes = match rustix::fs::statvfs(&self.path) {
            Ok(of) => of.f_bavail.saturating_mul(of.f_frsize),
            Err(why) => {
                tracing::warn!(%why, path = %self.path.display(), "the free space of the store's disk is not known");
                u64::MAX
            }
        };
        let before = self.free_bytes.swap(free_bytes, Ordering::Relaxed);
        let (was_low, is_low) = (before < self.free_bytes_min, free_bytes < self.free_bytes_min);
        if is_low && !was_low {
            tracing::error!(free_bytes, limit = "STORE_FREE_BYTES_MIN", "the disk is nearly full: new mail is refused");
        } else if was_low && !is_low {
            tracing::info!(free_bytes, "there is room on the disk again: new mail is taken");
        }
        if free_bytes != u64::MAX {
            metrics::gauge!("store_free_bytes").set(free_bytes as f64);
        }
        metrics::gauge!("store_has_room").set(if is_low { 0.0 } else { 1.0 });
        free_bytes
    }
}
