//! SUMMARY    Connections and failures per client address: caps and tarpits.
//! SECURITY   IPv6 counts by /64. Memory is bounded: quiet addresses are forgotten.
//! INVARIANTS A connection is counted until its guard is dropped.

use parking_lot::Mutex;
use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::Arc,
    time::{Duration, Instant},
};

/// Addresses remembered; beyond it the quiet ones are forgotten at once.
const ADDRESSES_MAX: usize = 100_000;

/// What one address may do.
#[derive(Debug, Clone, Copy)]
pub struct IpRates {
    /// Open connections.
    pub connections_max: u32,
    /// New connections per minute.
    pub connections_per_minute_max: u32,
    /// Failed logins and unknown recipients per hour, after which answers slow down.
    pub failures_free: u32,
}

impl Default for IpRates {
    fn default() -> Self {
        IpRates { connections_max: 200, connections_per_minute_max: 1_000, failures_free: 10 }
    }
}

struct Entry {
    open: u32,
    window: Instant,
    in_window: u32,
    failures: u32,
    failed_at: Instant,
}

/// Counters of all client addresses.
#[derive(Clone)]
pub struct IpLimits {
    rates: IpRates,
    entries: Arc<Mutex<HashMap<IpAddr, Entry>>>,
}

/// A counted connection.
pub(crate) struct Guard {
    limits: IpLimits,
    ip: IpAddr,
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(entry) = self.limits.entries.lock().get_mut(&self.ip) {
            entry.open = entry.open.saturating_sub(1);
        }
    }
}

impl IpLimits {
    pub fn new(rates: IpRates) -> Self {
        IpLimits { rates, entries: Arc::default() }
    }

    /// Counts a new connection; `None` when the address has too many.
    pub(crate) fn admit(&self, ip: IpAddr) -> Option<Guard> {
        let ip = network(ip);
        let now = Instant::now();
        let mut entries = self.entries.lock();
        if entries.len() >= ADDRESSES_MAX {
            entries.retain(|_, e| e.open > 0 || now.duration_since(e.failed_at) < Duration::from_secs(3600));
        }
        let entry =
            entries.entry(ip).or_insert(Entry { open: 0, window: now, in_window: 0, failures: 0, failed_at: now });
        if now.duration_since(entry.window) >= Duration::from_secs(60) {
            (entry.window, entry.in_window) = (now, 0);
        }
        if entry.open >= self.rates.connections_max || entry.in_window >= self.rates.connections_per_minute_max {
            return None;
        }
        entry.open += 1;
        entry.in_window += 1;
        Some(Guard { limits: self.clone(), ip })
    }

    /// Notes a failed login or an unknown recipient; gives how long to wait before the answer (tarpit).
    pub fn failure(&self, ip: IpAddr) -> Duration {
        let now = Instant::now();
        let mut entries = self.entries.lock();
        let Some(entry) = entries.get_mut(&network(ip)) else { return Duration::ZERO };
        if now.duration_since(entry.failed_at) >= Duration::from_secs(3600) {
            entry.failures = 0;
        }
        (entry.failures, entry.failed_at) = (entry.failures.saturating_add(1), now);
        match entry.failures.saturating_sub(self.rates.failures_free) {
            0 => Duration::ZERO,
            over => Duration::from_millis(u64::from(over.min(20)) * 500),
        }
    }
}

fn network(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(v6) => {
            let bits = u128::from(v6) & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from(bits))
        }
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_cap_and_failures_slow_it_down() {
        let limits = IpLimits::new(IpRates { connections_max: 2, connections_per_minute_max: 3, failures_free: 1 });
        let ip: IpAddr = "2001:db8::1".parse().unwrap();
        let neighbour: IpAddr = "2001:db8::2".parse().unwrap();
        let first = limits.admit(ip).unwrap();
        let _second = limits.admit(neighbour).unwrap();
        assert!(limits.admit(ip).is_none());
        drop(first);
        assert!(limits.admit(ip).is_some());
        assert!(limits.admit(ip).is_none());
        assert_eq!(limits.failure(ip), Duration::ZERO);
        assert_eq!(limits.failure(ip), Duration::from_millis(500));
    }
}
