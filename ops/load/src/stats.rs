//! SUMMARY    Percentiles and medians of what a run measured.

use std::time::Duration;

use serde::Serialize;

/// Durations of one kind of operation, in microseconds.
#[derive(Debug, Default, Clone)]
pub struct Latencies(Vec<u32>);

/// Milliseconds, ready to print.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Quantiles {
    pub p50_ms: f64,
    pub p95_ms: f64,
    pub p99_ms: f64,
    pub max_ms: f64,
}

impl Quantiles {
    /// Each the median of several measurements'.
    pub fn median(all: &[Quantiles]) -> Quantiles {
        let of = |field: fn(&Quantiles) -> f64| median(all.iter().map(field).collect());
        Quantiles {
            p50_ms: of(|q| q.p50_ms),
            p95_ms: of(|q| q.p95_ms),
            p99_ms: of(|q| q.p99_ms),
            max_ms: of(|q| q.max_ms),
        }
    }
}

impl Latencies {
    pub fn push(&mut self, took: Duration) {
        self.0.push(u32::try_from(took.as_micros()).unwrap_or(u32::MAX));
    }

    pub fn append(&mut self, mut other: Latencies) {
        self.0.append(&mut other.0);
    }

    /// How many were measured.
    pub fn count(&self) -> u64 {
        self.0.len() as u64
    }

    /// Nearest-rank percentiles; all zero when nothing was measured.
    pub fn quantiles(&self) -> Quantiles {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let at = |p| f64::from(nearest_rank(&sorted, p)) / 1000.0;
        Quantiles { p50_ms: at(50.0), p95_ms: at(95.0), p99_ms: at(99.0), max_ms: at(100.0) }
    }
}

/// The smallest value that at least `percent` of the sorted values do not exceed.
fn nearest_rank(sorted: &[u32], percent: f64) -> u32 {
    let rank = (percent / 100.0 * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(0)
}

/// The middle value, the lower one of two; 0 of nothing.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or_default()
}

/// `count` per second of `took`; 0 when no time passed.
pub fn per_second(count: u64, took: Duration) -> f64 {
    if took.is_zero() { 0.0 } else { count as f64 / took.as_secs_f64() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_rank() {
        let values: Vec<u32> = (1..=100).collect();
        for (percent, expect) in [(50.0, 50), (95.0, 95), (99.0, 99), (100.0, 100), (0.0, 1)] {
            assert_eq!(nearest_rank(&values, percent), expect);
        }
        assert_eq!(nearest_rank(&[], 50.0), 0);
        assert_eq!(nearest_rank(&[7], 99.0), 7);
    }

    #[test]
    fn the_median_does_not_mind_one_odd_measurement() {
        assert_eq!(median(vec![9.0, 1.0, 2.0]), 2.0);
        assert_eq!((median(vec![2.0, 1.0]), median(Vec::new())), (1.0, 0.0));
    }

    #[test]
    fn quantiles_do_not_depend_on_order() {
        let mut l = Latencies::default();
        for ms in [30, 10, 20] {
            l.push(Duration::from_millis(ms));
        }
        assert_eq!(l.quantiles(), Quantiles { p50_ms: 20.0, p95_ms: 30.0, p99_ms: 30.0, max_ms: 30.0 });
    }
}
