//! SUMMARY    The time of day of a simulated world: the paused clock of its runtime.
//! INVARIANTS Moves only when everything waits; the same seed sees the same times.

use base::{Clock, Timestamp};
use std::sync::Arc;
use tokio::time::Instant;

/// 2024-01-01T00:00:00Z.
const BEGIN_MS: i64 = 1_704_067_200_000;

/// Virtual time since the world began.
pub(crate) struct VirtualClock(Instant);

impl VirtualClock {
    /// Inside of a runtime with a paused clock.
    pub(crate) fn new() -> Self {
        VirtualClock(Instant::now())
    }
}

/// What a node thinks the time is: its clock is set wrong, and runs right.
pub(crate) struct SkewedClock {
    pub(crate) right: Arc<dyn Clock>,
    pub(crate) ahead_ms: i64,
}

impl Clock for SkewedClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.right.now().0 + self.ahead_ms)
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        Timestamp(BEGIN_MS).plus(self.0.elapsed())
    }
}
