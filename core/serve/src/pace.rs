//! SUMMARY    How fast a client has to send what it has begun: a command or message that trickles in is given up.
//! STANDARDS  RFC 5321 §4.5.3.2 (times a server waits)
//! SECURITY   Against clients that keep connections and memory by sending a byte now and then.
//! LIMITS     UNFINISHED_SECS_MAX, BYTES_PER_SEC_MIN
//! INVARIANTS Only the time spent waiting for the client counts, never our own.

use base::limits::{BYTES_PER_SEC_MIN, UNFINISHED_SECS_MAX};
use std::time::Duration;

#[derive(Debug, Default)]
pub(crate) struct Pace {
    is_midway: bool,
    waited: Duration,
    bytes: u64,
}

impl Pace {
    /// Whether something is unfinished; the count starts with it.
    pub(crate) fn midway(&mut self, is_midway: bool) {
        if !is_midway {
            *self = Pace::default();
        }
        self.is_midway = is_midway;
    }

    /// How much longer may be waited: a while, and a second for each BYTES_PER_SEC_MIN that came.
    pub(crate) fn left(&self) -> Duration {
        if !self.is_midway {
            return Duration::MAX;
        }
        Duration::from_secs(UNFINISHED_SECS_MAX + self.bytes / BYTES_PER_SEC_MIN).saturating_sub(self.waited)
    }

    pub(crate) fn waited(&mut self, time: Duration, bytes: usize) {
        if self.is_midway {
            self.waited += time;
            self.bytes += bytes as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Seconds until a client is given up that sends so many bytes each second.
    fn lasts(bytes_per_sec: usize) -> Option<u64> {
        let mut pace = Pace::default();
        pace.midway(true);
        (0..100_000).find(|_| {
            let is_over = pace.left() < SECOND;
            pace.waited(SECOND, bytes_per_sec);
            is_over
        })
    }

    #[test]
    fn slow_is_honoured_and_trickling_is_not() {
        assert_eq!(lasts(0), Some(UNFINISHED_SECS_MAX));
        assert_eq!(lasts(1), Some(UNFINISHED_SECS_MAX), "a byte each second");
        assert!(lasts(BYTES_PER_SEC_MIN as usize / 2).is_some_and(|s| s <= 2 * UNFINISHED_SECS_MAX + 1));
        assert_eq!(lasts(BYTES_PER_SEC_MIN as usize), None, "a slow line goes on");
    }

    #[test]
    fn rest_is_free() {
        let mut pace = Pace::default();
        pace.waited(SECOND * 1_000_000, 0);
        assert_eq!(pace.left(), Duration::MAX);
        pace.midway(true);
        pace.waited(SECOND * 10, 0);
        pace.midway(false);
        pace.midway(true);
        assert_eq!(pace.left(), SECOND * UNFINISHED_SECS_MAX as u32, "each command has its own time");
    }
}
