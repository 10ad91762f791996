//! SUMMARY    When a message is tried again. Pure.
//! STANDARDS  RFC 5321 §4.5.4.1

use std::time::Duration;

/// First pause.
const FIRST: Duration = Duration::from_secs(60);
/// Longest pause.
const LONGEST: Duration = Duration::from_secs(4 * 3600);
/// Age at which the sender hears of a delay.
pub(crate) const DELAY_NOTICE_AFTER: Duration = Duration::from_secs(4 * 3600);

/// Pause after the `attempts`-th failed attempt (1-based): a minute, doubling to four hours, and up to a quarter more by
/// `jitter` (0..=u64::MAX), so that items that failed together do not come back together.
pub(crate) fn pause(attempts: u32, jitter: u64) -> Duration {
    let doubled = FIRST.saturating_mul(1 << attempts.saturating_sub(1).min(10)).min(LONGEST);
    doubled + doubled.mul_f64(0.25 * (jitter as f64 / u64::MAX as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_to_a_limit() {
        let secs = |n| pause(n, 0).as_secs();
        assert_eq!([secs(1), secs(2), secs(3), secs(8), secs(9), secs(100)], [60, 120, 240, 7680, 14_400, 14_400]);
        assert!(pause(1, u64::MAX).as_secs() <= 75);
    }
}
