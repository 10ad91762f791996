//! SUMMARY    The configuration's part about what one client address may do at the mail doors.

use super::load::Loaded;
use serve::IpRates;

/// New connections in a minute for each that may be open, when only the latter is given, and the least of them.
const CONNECTIONS_PER_OPEN: u32 = 60;
const CONNECTIONS_PER_MINUTE_MIN: u32 = 1_000;

pub(super) fn rates(from: &Loaded) -> IpRates {
    let count = |key, default| from.number(key).and_then(|n| u32::try_from(n).ok()).unwrap_or(default);
    let usual = IpRates::default();
    let connections_max = count("connections_per_address", usual.connections_max);
    let fitting = connections_max.saturating_mul(CONNECTIONS_PER_OPEN).max(CONNECTIONS_PER_MINUTE_MIN);
    IpRates {
        connections_max,
        connections_per_minute_max: count("connections_per_minute", fitting),
        failures_free: count("failures_free", usual.failures_free),
        recipients_per_minute_max: count("recipients_per_minute", usual.recipients_per_minute_max),
    }
}
