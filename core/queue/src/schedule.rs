//! SUMMARY    When a message is tried again. Pure.
//! STANDARDS  RFC 5321 §4.5.4.1

use std::time::Duration;

/// Pauses after the first, second, ... failed attempt, minutes; the last one repeats.
const PAUSES_MINUTES: [u64; 7] = [1, 5, 15, 30, 60, 120, 240];
/// Age at which the sender hears of a delay.
pub(crate) const DELAY_NOTICE_AFTER: Duration = Duration::from_secs(4 * 3600);

/// Pause after the `attempts`-th failed attempt (1-based), and up to a quarter more by `jitter` (0..=u64::MAX), so that items
/// that failed together do not come back together.
pub(crate) fn pause(attempts: u32, jitter: u64) -> Duration {
    let n = (attempts.saturating_sub(1) as usize).min(PAUSES_MINUTES.len() - 1);
    let pause = Duration::from_secs(PAUSES_MINUTES.get(n).map_or(0, |m| m * 60));
    pause + pause.mul_f64(0.25 * (jitter as f64 / u64::MAX as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_limit() {
        let minutes = |n| pause(n, 0).as_secs() / 60;
        assert_eq!([1, 2, 3, 4, 5, 6, 7, 8, 100].map(minutes), [1, 5, 15, 30, 60, 120, 240, 240, 240]);
        assert!(pause(1, u64::MAX).as_secs() <= 75);
    }
}
