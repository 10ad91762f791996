//! SUMMARY    Webhooks on their way: late by days, twice, out of order, lost.

use base::{Rng, Timestamp, rng::SeededRng};
use std::time::Duration;

const LOST_PERCENT: u64 = 20;
const DOUBLED_PERCENT: u64 = 20;
/// Seconds that one may take: half of them come soon, the others within one of these.
const DELAYS: [u64; 6] = [0, 0, 0, 3_600, 86_400, 5 * 86_400];

#[derive(Default)]
pub(super) struct Post {
    waiting: Vec<(Timestamp, Vec<u8>)>,
    pub(super) lost: usize,
}

impl Post {
    pub(super) fn take(&mut self, events: Vec<Vec<u8>>, now: Timestamp, rng: &SeededRng) {
        for body in events {
            if rng.below(100) < LOST_PERCENT {
                self.lost += 1;
                continue;
            }
            let times = if rng.below(100) < DOUBLED_PERCENT { 2 } else { 1 };
            for _ in 0..times {
                let place = usize::try_from(rng.below(DELAYS.len() as u64)).unwrap_or(0);
                let seconds = rng.below(DELAYS.get(place).copied().unwrap_or(0) + 1);
                self.waiting.push((now.plus(Duration::from_secs(seconds)), body.clone()));
            }
        }
    }

    /// One that was not taken is sent again.
    pub(super) fn again(&mut self, body: Vec<u8>, now: Timestamp) {
        self.waiting.push((now.plus(Duration::from_secs(3_600)), body));
    }

    /// Those that arrive until now, in any order.
    pub(super) fn due(&mut self, now: Timestamp, rng: &SeededRng) -> Vec<Vec<u8>> {
        let all = std::mem::take(&mut self.waiting);
        let (due, later): (Vec<_>, Vec<_>) = all.into_iter().partition(|(at, _)| *at <= now);
        self.waiting = later;
        let mut due: Vec<Vec<u8>> = due.into_iter().map(|(_, body)| body).collect();
        for n in (1..due.len()).rev() {
            due.swap(n, usize::try_from(rng.below(n as u64 + 1)).unwrap_or(0));
        }
        due
    }

    /// Nothing comes any more.
    pub(super) fn stop(&mut self) {
        self.lost += self.waiting.len();
        self.waiting.clear();
    }
}
