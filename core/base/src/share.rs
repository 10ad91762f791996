//! SUMMARY    Fair shares of what is done at the same time: who may begin now, who waits, who is next.
//! LIMITS     Bounds, given by who uses it
//! INVARIANTS A key that is alone may have `alone` at once. While another one was active within `company`, each has `shared` at
//!            most, whatever it asks for: who comes seldom finds little before him. Within a key, those that wait begin in their
//!            order. A key that does nothing takes no memory.

use crate::Timestamp;
use std::{
    collections::{HashMap, VecDeque},
    hash::Hash,
    time::Duration,
};

/// How much of one key goes on at the same time.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// While no other key is active.
    pub alone: usize,
    pub shared: usize,
    /// How many of a key may wait.
    pub waiting: usize,
    /// How long a key counts as active after it began something.
    pub company: Duration,
}

/// What became of one that wants to begin.
#[derive(Debug, PartialEq, Eq)]
pub enum Entry {
    /// It has begun, and is to be ended by `leave`.
    Begun,
    /// It waits; `leave` of another one hands its waiter out.
    Waits,
    /// Too many of its key wait.
    Full,
}

struct Lane<W> {
    running: usize,
    waiting: VecDeque<W>,
}

/// The keys that do something. `W` stands for one that waits.
pub struct Shares<K, W> {
    bounds: Bounds,
    lanes: HashMap<K, Lane<W>>,
    /// The two keys that began something last, the latest first.
    recent: [Option<(K, Timestamp)>; 2],
}

impl<K: Hash + Eq + Clone, W> Shares<K, W> {
    pub fn new(bounds: Bounds) -> Self {
        Shares { bounds, lanes: HashMap::new(), recent: [None, None] }
    }

    /// One of `key` wants to begin. The waiter is made only when it has to wait.
    pub fn enter(&mut self, key: &K, now: Timestamp, waiter: impl FnOnce() -> W) -> Entry {
        self.mark(key, now);
        let max = self.at_once(key, now);
        let waiting = self.bounds.waiting;
        let lane = self.lanes.entry(key.clone()).or_insert_with(|| Lane { running: 0, waiting: VecDeque::new() });
        if lane.running < max && lane.waiting.is_empty() {
            lane.running += 1;
            return Entry::Begun;
        }
        if lane.waiting.len() >= waiting {
            return Entry::Full;
        }
        lane.waiting.push_back(waiter());
        Entry::Waits
    }

    /// One of `key` has ended: those of it that begin now. Each of them ends by `leave` as well.
    pub fn leave(&mut self, key: &K, now: Timestamp) -> Vec<W> {
        let max = self.at_once(key, now);
        let Some(lane) = self.lanes.get_mut(key) else { return Vec::new() };
        lane.running = lane.running.saturating_sub(1);
        let mut next = Vec::new();
        while lane.running < max {
            let Some(waiter) = lane.waiting.pop_front() else { break };
            lane.running += 1;
            next.push(waiter);
        }
        if lane.running == 0 && lane.waiting.is_empty() {
            self.lanes.remove(key);
        }
        next
    }

    fn at_once(&self, key: &K, now: Timestamp) -> usize {
        let other = self.recent.iter().flatten().find(|(k, _)| k != key);
        let company = other.is_some_and(|(_, at)| now.since(*at) < self.bounds.company);
        if company { self.bounds.shared.max(1) } else { self.bounds.alone.max(1) }
    }

    /// The key is active, whatever it does.
    pub fn mark(&mut self, key: &K, now: Timestamp) {
        if !matches!(&self.recent[0], Some((k, _)) if k == key) {
            self.recent.swap(0, 1);
        }
        self.recent[0] = Some((key.clone(), now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds { alone: 3, shared: 1, waiting: 2, company: Duration::from_secs(1) };

    fn shares() -> Shares<&'static str, u32> {
        Shares::new(BOUNDS)
    }

    #[test]
    fn one_that_is_alone_has_all_and_then_waits_in_its_order() {
        let (mut shares, now) = (shares(), Timestamp(10_000));
        for _ in 0..3 {
            assert_eq!(shares.enter(&"a", now, || 0), Entry::Begun);
        }
        assert_eq!(shares.enter(&"a", now, || 1), Entry::Waits);
        assert_eq!(shares.enter(&"a", now, || 2), Entry::Waits);
        assert_eq!(shares.enter(&"a", now, || 3), Entry::Full);
        assert_eq!(shares.leave(&"a", now), [1]);
        assert_eq!(shares.leave(&"a", now), [2]);
        for _ in 0..3 {
            assert!(shares.leave(&"a", now).is_empty());
        }
        assert!(shares.lanes.is_empty(), "who does nothing takes no memory");
    }

    #[test]
    fn in_company_each_has_its_share_and_who_comes_seldom_does_not_wait() {
        let (mut shares, now) = (shares(), Timestamp(10_000));
        assert_eq!(shares.enter(&"b", now, || 0), Entry::Begun);
        shares.leave(&"b", now);
        assert_eq!(shares.enter(&"a", now, || 0), Entry::Begun);
        assert_eq!(shares.enter(&"a", now, || 1), Entry::Waits, "b was here a moment ago");
        assert_eq!(shares.enter(&"b", now, || 2), Entry::Begun);
        assert_eq!(shares.leave(&"a", now), [1]);
    }

    #[test]
    fn who_was_in_company_gets_all_again_when_the_other_one_is_gone() {
        let (mut shares, now) = (shares(), Timestamp(10_000));
        shares.enter(&"b", now, || 0);
        shares.leave(&"b", now);
        shares.enter(&"a", now, || 0);
        shares.enter(&"a", now, || 1);
        shares.enter(&"a", now, || 2);
        let later = Timestamp(now.0 + 1_000);
        assert_eq!(shares.leave(&"a", later), [1, 2]);
        assert_eq!(shares.enter(&"a", later, || 3), Entry::Begun);
    }
}
