//! SUMMARY    Fair shares of what is done at the same time: who may begin now, who waits, who is next, who rests first.
//! LIMITS     Bounds, given by who uses it
//! INVARIANTS A key that is alone may have `alone` at once and never rests. While another one was active within `company`, each has
//!            `shared` at most, whatever it asks for, and of each second no more than `pace` of service beyond `credit`: who comes
//!            seldom finds little before him and is not held up himself. Where all others that are active come about as often as a key
//!            itself, each has `pressing` at once and none rests, for nobody would gain by it; who outruns the others as soon as it may
//!            is not let again for a while. No rest is longer than `rest_max`.
//!            Within a key, those that wait begin in their order. A key that does nothing is forgotten when its rest is over and
//!            it has not come for some seconds.

use std::{
    collections::{HashMap, VecDeque},
    hash::Hash,
    time::Duration,
};

/// How much of one key goes on at the same time. Moments are durations since one that never changes.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// While no other key is active.
    pub alone: usize,
    /// While another one is active that comes seldom.
    pub shared: usize,
    /// While all others that are active come often.
    pub pressing: usize,
    /// How many of a key may wait.
    pub waiting: usize,
    /// How long a key counts as active after it began something.
    pub company: Duration,
    /// Service of a key in company while some of it wait: thousandths of a second in each second, all that goes on at once counted
    /// together.
    pub pace_permille: u32,
    /// The same of a key of which none waits: who comes one by one presses nobody, and is held up by others as it is.
    pub pace_unqueued_permille: u32,
    /// Service beyond the pace that a key has in hand when it did nothing for a while.
    pub credit: Duration,
    /// The longest rest: service that took longer is forgiven, so that one that waited for something slow is not shut out.
    pub rest_max: Duration,
}

/// What became of one that wants to begin.
#[derive(Debug, PartialEq, Eq)]
pub enum Entry {
    /// It has begun, and is to be ended by `leave`; it rests so long first.
    Begun(Duration),
    /// It waits; `leave` of another one hands its waiter out.
    Waits,
    /// Too many of its key wait.
    Full,
}

/// Who else was active lately.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Company {
    None,
    /// Only keys that come about as often as this one.
    Pressing,
    /// Somebody who comes seldom.
    Quiet,
}

struct Lane<W> {
    running: usize,
    waiting: VecDeque<W>,
    /// When all of its service is paid for by the pace.
    paid: Duration,
    came: Came,
    /// It came about as often as all others when that was looked at last.
    keeps_up: bool,
    /// When that began.
    kept_up_since: Duration,
    /// From when on it may be looked at again, after it outran the others.
    again_at: Duration,
    /// How long that takes the next time.
    again_after: Duration,
}

/// How often a key came, and for how long it was served: each time counts one, and half of that CAME_HALF later, and BURST_HALF later.
#[derive(Debug, Clone, Copy, Default)]
struct Came {
    lately: f64,
    just_now: f64,
    /// Seconds of service, halved as `lately`.
    served: f64,
    at: Duration,
}

/// The keys that do something. `W` stands for one that waits.
pub struct Shares<K, W> {
    bounds: Bounds,
    lanes: HashMap<K, Lane<W>>,
    /// The two keys that did something last and come seldom, the latest first.
    seldom: Recent<K>,
    /// The two of those that come often.
    often: Recent<K>,
    /// Lanes after the last look for those that owe nothing.
    swept: usize,
}

/// Two different keys that did something, and when; the latest first.
type Recent<K> = [Option<(K, Duration)>; 2];

/// After this a time that a key came counts half.
const CAME_HALF: Duration = Duration::from_secs(1);
/// Who came less often than this, in all that counts, comes seldom whatever others do: about three times a second.
const OFTEN_MIN: f64 = 4.0;
/// Who comes at least so often as another one, divided by this, comes as often as it.
const AS_OFTEN: f64 = 3.0;
/// The same for what comes at once: who is let go on without rests shows within moments what it would do.
const BURST_HALF: Duration = Duration::from_millis(50);
/// What may come at once beyond AS_OFTEN times what another one does: connections that waited go on together.
const BURST: f64 = 16.0;
/// Seconds that may be served beyond AS_OFTEN times those of another one: a few requests that take long are no flood.
const SERVED_MORE: f64 = 0.25;
/// How long who outran the others is not let again, at first and at most; each time twice as long.
const AGAIN_AFTER_MIN: Duration = Duration::from_secs(5);
const AGAIN_AFTER_MAX: Duration = Duration::from_secs(80);
/// What is left of the times that a key came when they are forgotten.
const FORGOTTEN: f64 = 0.05;
/// Lanes below which nobody looks for those that owe nothing.
const LANES_SWEPT_MIN: usize = 64;

impl<K: Hash + Eq + Clone, W> Shares<K, W> {
    pub fn new(bounds: Bounds) -> Self {
        Shares { bounds, lanes: HashMap::new(), seldom: [None, None], often: [None, None], swept: 0 }
    }

    pub fn set_bounds(&mut self, bounds: Bounds) {
        self.bounds = bounds;
    }

    pub fn bounds(&self) -> Bounds {
        self.bounds
    }

    /// One of `key` wants to begin. The waiter is made only when it has to wait.
    pub fn enter(&mut self, key: &K, now: Duration, waiter: impl FnOnce() -> W) -> Entry {
        self.sweep(now);
        let lane = self.lanes.entry(key.clone()).or_insert_with(Lane::idle);
        lane.came = lane.came.one_more(now);
        self.mark(key, now);
        self.judge(key, now);
        let company = self.company(key, now);
        let (max, waiting, credit) = (self.at_once(company), self.bounds.waiting, self.bounds.credit);
        let Some(lane) = self.lanes.get_mut(key) else { return Entry::Full };
        if lane.running < max && lane.waiting.is_empty() {
            lane.running += 1;
            return Entry::Begun(lane.rest_in(company, now, credit));
        }
        if lane.waiting.len() >= waiting {
            return Entry::Full;
        }
        lane.waiting.push_back(waiter());
        Entry::Waits
    }

    /// One of `key` has ended that was served for `took`: those of it that begin now, and how long each rests first. Each of them
    /// ends by `leave` as well.
    pub fn leave(&mut self, key: &K, now: Duration, took: Duration) -> Vec<(W, Duration)> {
        let company = self.company(key, now);
        let (max, credit) = (self.at_once(company), self.bounds.credit);
        let Some(lane) = self.lanes.get_mut(key) else { return Vec::new() };
        lane.running = lane.running.saturating_sub(1);
        lane.came = lane.came.at(now);
        lane.came.served += took.min(self.bounds.rest_max).as_secs_f64();
        if company == Company::Quiet {
            let queued = !lane.waiting.is_empty();
            let pace = if queued { self.bounds.pace_permille } else { self.bounds.pace_unqueued_permille };
            let costs = took.saturating_mul(1_000) / pace.max(1);
            let owed_max = self.bounds.credit.saturating_add(self.bounds.rest_max);
            lane.paid = lane.paid.max(now).saturating_add(costs).min(now.saturating_add(owed_max));
        }
        let mut next = Vec::new();
        while lane.running < max {
            let Some(waiter) = lane.waiting.pop_front() else { break };
            lane.running += 1;
            next.push((waiter, lane.rest_in(company, now, credit)));
        }
        if lane.is_idle(now) {
            self.lanes.remove(key);
        }
        next
    }

    fn at_once(&self, company: Company) -> usize {
        let most = match company {
            Company::None => self.bounds.alone,
            Company::Pressing => self.bounds.pressing,
            Company::Quiet => self.bounds.shared,
        };
        most.max(1)
    }

    /// Whether another key was active lately that comes seldom: what is done for this one is to leave room for it.
    pub fn has_company(&self, key: &K, now: Duration) -> bool {
        self.company(key, now) == Company::Quiet
    }

    /// How often the other keys came that were active lately.
    fn others(&self, key: &K, now: Duration) -> impl Iterator<Item = Came> {
        let recent = self.seldom.iter().chain(&self.often).flatten();
        let others = recent.filter(move |(other, at)| other != key && now.saturating_sub(*at) < self.bounds.company);
        others.map(move |(other, _)| self.came(other, now))
    }

    fn company(&self, key: &K, now: Duration) -> Company {
        let mut company = Company::None;
        for theirs in self.others(key, now) {
            let keeps_up = || self.lanes.get(key).is_some_and(|lane| lane.keeps_up);
            if theirs.lately < OFTEN_MIN || !keeps_up() {
                return Company::Quiet;
            }
            company = Company::Pressing;
        }
        company
    }

    /// Looks whether all others come about as often as the key does, and are served about as long.
    fn judge(&mut self, key: &K, now: Duration) {
        let mine = self.came(key, now);
        let outruns = |theirs: Came| {
            theirs.lately * AS_OFTEN < mine.lately
                || theirs.just_now * AS_OFTEN + BURST < mine.just_now
                || theirs.served * AS_OFTEN + SERVED_MORE < mine.served
        };
        let (mut is_alone, mut outran, mut all_often) = (true, false, true);
        for theirs in self.others(key, now) {
            is_alone = false;
            all_often &= theirs.lately >= OFTEN_MIN;
            outran |= theirs.lately >= OFTEN_MIN && outruns(theirs);
        }
        match self.lanes.get_mut(key) {
            Some(lane) if is_alone => lane.keeps_up = false,
            Some(lane) => lane.judge(now, outran, all_often),
            None => {}
        }
    }

    fn came(&self, key: &K, now: Duration) -> Came {
        self.lanes.get(key).map_or_else(Came::default, |lane| lane.came.at(now))
    }

    /// The key is active, whatever it does.
    pub fn mark(&mut self, key: &K, now: Duration) {
        let recent = if self.came(key, now).lately < OFTEN_MIN { &mut self.seldom } else { &mut self.often };
        if !matches!(&recent[0], Some((k, _)) if k == key) {
            recent.swap(0, 1);
        }
        recent[0] = Some((key.clone(), now));
    }

    /// Forgets those that owe nothing, once there are twice as many as were left the last time.
    fn sweep(&mut self, now: Duration) {
        if self.lanes.len() > LANES_SWEPT_MIN.max(self.swept * 2) {
            self.lanes.retain(|_, lane| !lane.is_idle(now));
            self.swept = self.lanes.len();
        }
    }
}

impl Came {
    /// What is left of it at `now`.
    fn at(self, now: Duration) -> Came {
        let past = now.saturating_sub(self.at).as_secs_f64();
        let left = |half: Duration| (-past / half.as_secs_f64()).exp2();
        let lately = left(CAME_HALF);
        Came {
            lately: self.lately * lately,
            just_now: self.just_now * left(BURST_HALF),
            served: self.served * lately,
            at: now,
        }
    }

    fn one_more(self, now: Duration) -> Came {
        let left = self.at(now);
        Came { lately: left.lately + 1.0, just_now: left.just_now + 1.0, ..left }
    }
}

impl<W> Lane<W> {
    fn idle() -> Self {
        Lane {
            running: 0,
            waiting: VecDeque::new(),
            paid: Duration::ZERO,
            came: Came::default(),
            keeps_up: false,
            kept_up_since: Duration::ZERO,
            again_at: Duration::ZERO,
            again_after: AGAIN_AFTER_MIN,
        }
    }

    /// It `outran` somebody who comes often; `all_often`: nobody else comes seldom.
    fn judge(&mut self, now: Duration, outran: bool, all_often: bool) {
        if self.keeps_up && outran {
            self.keeps_up = false;
            if now.saturating_sub(self.kept_up_since) >= AGAIN_AFTER_MIN {
                // It did for a while: others became fewer.
                self.again_after = AGAIN_AFTER_MIN;
            }
            self.again_at = now.saturating_add(self.again_after);
            self.again_after = (self.again_after * 2).min(AGAIN_AFTER_MAX);
        } else if !self.keeps_up && !outran && all_often && now >= self.again_at {
            self.keeps_up = true;
            self.kept_up_since = now;
        }
    }

    fn rest(&self, now: Duration, credit: Duration) -> Duration {
        self.paid.saturating_sub(now).saturating_sub(credit)
    }

    fn rest_in(&self, company: Company, now: Duration, credit: Duration) -> Duration {
        match company {
            Company::None | Company::Pressing => Duration::ZERO,
            Company::Quiet => self.rest(now, credit),
        }
    }

    fn is_idle(&self, now: Duration) -> bool {
        self.running == 0 && self.waiting.is_empty() && self.paid <= now && self.came.at(now).lately < FORGOTTEN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds {
        alone: 3,
        shared: 1,
        pressing: 2,
        waiting: 2,
        company: Duration::from_secs(1),
        pace_permille: 250,
        pace_unqueued_permille: 500,
        credit: Duration::from_millis(100),
        rest_max: Duration::from_millis(900),
    };
    const NOW: Duration = Duration::from_secs(10);
    const BEGUN: Entry = Entry::Begun(Duration::ZERO);
    const MS: Duration = Duration::from_millis(1);

    fn shares() -> Shares<&'static str, u32> {
        Shares::new(BOUNDS)
    }

    fn who(next: Vec<(u32, Duration)>) -> Vec<u32> {
        next.into_iter().map(|(w, _)| w).collect()
    }

    #[test]
    fn one_that_is_alone_has_all_and_then_waits_in_its_order() {
        let mut shares = shares();
        for _ in 0..3 {
            assert_eq!(shares.enter(&"a", NOW, || 0), BEGUN);
        }
        assert_eq!(shares.enter(&"a", NOW, || 1), Entry::Waits);
        assert_eq!(shares.enter(&"a", NOW, || 2), Entry::Waits);
        assert_eq!(shares.enter(&"a", NOW, || 3), Entry::Full);
        assert_eq!(who(shares.leave(&"a", NOW, MS)), [1]);
        assert_eq!(who(shares.leave(&"a", NOW, MS)), [2]);
        for _ in 0..3 {
            assert!(shares.leave(&"a", NOW, MS).is_empty());
        }
        let later = NOW + Duration::from_secs(10);
        assert!(shares.lanes.values().all(|lane| lane.is_idle(later)), "who does nothing is forgotten");
    }

    #[test]
    fn in_company_each_has_its_share_and_who_comes_seldom_does_not_wait() {
        let mut shares = shares();
        assert_eq!(shares.enter(&"b", NOW, || 0), BEGUN);
        shares.leave(&"b", NOW, MS);
        assert_eq!(shares.enter(&"a", NOW, || 0), BEGUN);
        assert_eq!(shares.enter(&"a", NOW, || 1), Entry::Waits, "b was here a moment ago");
        assert_eq!(shares.enter(&"b", NOW, || 2), BEGUN);
        assert_eq!(who(shares.leave(&"a", NOW, MS)), [1]);
    }

    /// Lets `key` come and be served so often at one moment.
    fn comes(shares: &mut Shares<&'static str, u32>, key: &'static str, times: usize, now: Duration) {
        for _ in 0..times {
            assert!(matches!(shares.enter(&key, now, || 0), Entry::Begun(_)));
            shares.leave(&key, now, Duration::ZERO);
        }
    }

    #[test]
    fn those_that_all_come_often_share_without_rests_until_a_seldom_one_comes() {
        let mut shares = shares();
        comes(&mut shares, "a", 30, NOW);
        comes(&mut shares, "b", 20, NOW);
        for key in ["a", "b"] {
            assert_eq!(shares.enter(&key, NOW, || 0), BEGUN);
            assert_eq!(shares.enter(&key, NOW, || 0), BEGUN, "{key} has two at once, as the other one does");
        }
        for key in ["a", "b"] {
            assert_eq!(shares.enter(&key, NOW, || 1), Entry::Waits, "{key}");
        }
        let later = NOW + 100 * MS;
        assert_eq!(shares.leave(&"a", later, 2_000 * MS), [(1, Duration::ZERO)], "nobody gains by a rest");
        assert_eq!(shares.enter(&"c", later, || 0), BEGUN);
        assert!(shares.leave(&"b", later, MS).is_empty(), "one at once beside one that comes seldom");
        assert_eq!(who(shares.leave(&"b", later, MS)), [1]);
    }

    #[test]
    fn who_comes_much_more_often_than_another_one_leaves_room_for_it() {
        let mut shares = shares();
        comes(&mut shares, "b", 10, NOW);
        comes(&mut shares, "a", 31, NOW);
        assert!(shares.has_company(&"a", NOW), "three times as often and more");
        comes(&mut shares, "b", 1, NOW);
        assert!(!shares.has_company(&"b", NOW), "who comes less often does not make room");
        comes(&mut shares, "a", 1, NOW);
        assert!(shares.has_company(&"a", NOW), "nor is it let again at once");
        let later = NOW + AGAIN_AFTER_MIN;
        comes(&mut shares, "b", 5, later);
        comes(&mut shares, "a", 5, later);
        assert!(!shares.has_company(&"a", later));
        let later = later + 5 * CAME_HALF;
        comes(&mut shares, "b", 1, later);
        assert!(shares.has_company(&"a", later), "once in five seconds is seldom");
    }

    #[test]
    fn who_outruns_a_steady_one_whenever_it_may_is_let_ever_more_seldom() {
        let mut shares = shares();
        let (mut free, mut tries, mut was_free) = (0, 0, false);
        // One comes 100 times a second; the other would come 2,000 times where it does not rest, and comes 100 times where it does.
        for ms in 0..60_000_u32 {
            let now = NOW + ms * MS;
            if ms % 10 == 0 {
                comes(&mut shares, "b", 1, now);
            }
            let is_free = !shares.has_company(&"a", now);
            if is_free || ms % 10 == 5 {
                comes(&mut shares, "a", if is_free { 2 } else { 1 }, now);
            }
            let steady = ms > 1_000;
            tries += u32::from(steady && is_free && !was_free);
            free += u32::from(steady && is_free);
            was_free = is_free;
        }
        assert!((1..=5).contains(&tries) && free < 40 * tries, "{tries} tries, {free} ms");
    }

    #[test]
    fn who_comes_as_often_and_takes_much_longer_leaves_room() {
        let mut shares = shares();
        for n in 0..40_u32 {
            let now = NOW + 10 * n * MS;
            comes(&mut shares, "b", 1, now);
            assert!(matches!(shares.enter(&"a", now, || 0), Entry::Begun(_)));
            shares.leave(&"a", now, 20 * MS);
        }
        assert!(shares.has_company(&"a", NOW + 400 * MS), "800 ms of service beside none");
        assert!(!shares.has_company(&"b", NOW + 400 * MS));
    }

    #[test]
    fn those_that_run_as_fast_as_each_other_are_never_held_up_again() {
        let mut shares = shares();
        for ms in 0..10_000_u32 {
            let now = NOW + ms * MS;
            // Bursts of one and of the other, as connections have them that serve both.
            comes(&mut shares, if ms / 5 % 2 == 0 { "a" } else { "b" }, 2, now);
            let held_up = ["a", "b"].iter().any(|key| shares.has_company(key, now));
            assert!(!held_up || ms < 100, "after {ms} ms");
        }
    }

    #[test]
    fn who_was_in_company_gets_all_again_when_the_other_one_is_gone() {
        let mut shares = shares();
        shares.enter(&"b", NOW, || 0);
        shares.leave(&"b", NOW, MS);
        shares.enter(&"a", NOW, || 0);
        shares.enter(&"a", NOW, || 1);
        shares.enter(&"a", NOW, || 2);
        let later = NOW + BOUNDS.company;
        assert_eq!(shares.leave(&"a", later, MS), [(1, Duration::ZERO), (2, Duration::ZERO)]);
        assert_eq!(shares.enter(&"a", later, || 3), BEGUN);
    }

    /// Serves `a` one by one without a pause for two seconds, with others of it waiting or not; how much service it had.
    fn served(each: Duration, queued: bool, beside: bool) -> Duration {
        let (mut shares, mut now, mut had) = (shares(), NOW, Duration::ZERO);
        let mut rest = Duration::ZERO;
        if beside {
            shares.mark(&"b", now);
        }
        assert_eq!(shares.enter(&"a", now, || 0), BEGUN);
        while now < NOW + Duration::from_secs(2) {
            if beside {
                shares.mark(&"b", now);
            }
            while queued && shares.enter(&"a", now, || 0) == Entry::Waits {}
            now += rest + each;
            had += each;
            let next = shares.leave(&"a", now, each);
            rest = match (next.first(), shares.lanes.get("a").is_some_and(|a| a.running > 0)) {
                (Some((_, rest)), _) => *rest,
                (None, true) => Duration::ZERO,
                (None, false) => match shares.enter(&"a", now, || 0) {
                    Entry::Begun(rest) => rest,
                    entry => panic!("nobody else is served: {entry:?}"),
                },
            };
        }
        had
    }

    #[test]
    fn in_company_a_key_has_its_credit_and_then_its_pace_and_alone_it_never_rests() {
        let paced = served(2 * MS, true, true);
        assert!((500 * MS..=550 * MS).contains(&paced), "a quarter of two seconds and the credit: {paced:?}");
        let one_by_one = served(2 * MS, false, true);
        assert!((1_000 * MS..=1_100 * MS).contains(&one_by_one), "a half: {one_by_one:?}");
        assert_eq!(served(2 * MS, false, false), 2_000 * MS);
    }

    #[test]
    fn however_long_a_key_was_served_its_rest_has_a_bound() {
        let mut shares = shares();
        shares.mark(&"b", NOW);
        for _ in 0..3 {
            shares.enter(&"a", NOW, || 0);
            shares.leave(&"a", NOW, Duration::from_secs(60));
        }
        assert_eq!(shares.enter(&"a", NOW, || 0), Entry::Begun(BOUNDS.rest_max));
    }

    #[test]
    fn a_key_that_owes_a_rest_is_remembered_and_then_forgotten() {
        let mut shares = shares();
        shares.mark(&"b", NOW);
        assert_eq!(shares.enter(&"a", NOW, || 0), BEGUN);
        shares.leave(&"a", NOW, 200 * MS);
        assert_eq!(shares.enter(&"a", NOW, || 0), Entry::Begun(300 * MS), "400 ms at this pace, 100 ms in hand");
        shares.leave(&"a", NOW + 400 * MS, Duration::ZERO);
        for key in 0..2 * LANES_SWEPT_MIN {
            let name: &'static str = Box::leak(key.to_string().into_boxed_str());
            shares.enter(&name, NOW + Duration::from_secs(10), || 0);
        }
        assert!(!shares.lanes.contains_key("a"));
    }
}
