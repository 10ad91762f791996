use super::*;
use proptest::prelude::*;

const DUE: Timestamp = Timestamp(1_800_000_000_000);

fn day(n: i64) -> Timestamp {
    Timestamp(DUE.0 + n * 86_400_000)
}

fn owing() -> Situation {
    let facts = Facts { unpaid_since: Some(DUE), ..Facts::default() };
    Situation { facts, elsewhere: true, ..Situation::default() }
}

/// Lets time go from a moment of something to do to the next: all letters, each with its day, and the situation at the end.
fn run(
    mut situation: Situation,
    policy: &Policy,
    mut now: Timestamp,
    end: Timestamp,
) -> (Vec<(i64, String)>, Situation) {
    let mut letters = Vec::new();
    loop {
        let followed = situation.follow(policy, now);
        for letter in followed.letters {
            letters.push(((now.0 - DUE.0).div_euclid(86_400_000), letter.kind.word()));
        }
        match followed.look_at {
            Some(at) if at <= end => now = at,
            _ => return (letters, situation),
        }
    }
}

#[test]
fn a_debt_is_told_at_each_stage_and_before_and_the_destruction_twice() {
    let (letters, situation) = run(owing(), &Policy::default(), DUE, day(200));
    let letters: Vec<(i64, &str)> = letters.iter().map(|(n, word)| (*n, word.as_str())).collect();
    let expected = [
        (0, "PAST_DUE"),
        (4, "AHEAD_GRACE"),
        (7, "REACHED_GRACE"),
        (11, "AHEAD_SUSPENDED"),
        (14, "REACHED_SUSPENDED"),
        (27, "AHEAD_READ_ONLY"),
        (30, "REACHED_READ_ONLY"),
        (57, "AHEAD_CLOSING"),
        (60, "PURGE_NOTICE_1"),
        (83, "PURGE_NOTICE_2"),
    ];
    assert_eq!(letters, expected);
    assert_eq!(phase(&situation.facts, &Policy::default(), day(90)), Phase::Purging);
    assert_eq!(phase(&situation.facts, &Policy::default(), day(89)), Phase::Closing);
}

#[test]
fn t3_what_was_told_stays_when_the_policy_becomes_stricter() {
    let mut situation = owing();
    let first = situation.follow(&Policy::default(), DUE);
    assert_eq!(first.letters[0].dates.len(), 4);
    let strict = Policy {
        version: 2,
        grace_days: 0,
        suspended_days: 0,
        read_only_days: 0,
        closing_days: 0,
        undo_days: 1,
        last_notice_days: 1,
        ..Policy::default()
    };
    let (_, situation) = run(situation, &strict, day(1), day(200));
    for (stage, at) in &first.letters[0].dates {
        let comes = stages(&situation.facts, &strict).into_iter().find(|(s, _)| s == stage).unwrap().1;
        assert!(comes >= *at, "{stage:?}");
    }
}

#[test]
fn t1_nothing_is_told_to_one_of_our_own_mailboxes_and_nothing_is_destroyed() {
    let mut here = Situation { elsewhere: false, ..owing() };
    for n in 0..400 {
        assert!(here.follow(&Policy::default(), day(n)).phase <= Phase::Closing);
    }
    assert!(here.facts.notices.is_empty());
    assert_eq!(here.look_at(&Policy::default(), day(400)), Some(day(401)), "it is looked again");
    here.elsewhere = true;
    let (letters, situation) = run(here, &Policy::default(), day(401), day(500));
    assert_eq!(letters.iter().map(|(n, _)| *n).collect::<Vec<_>>(), [401, 402]);
    assert_eq!(phase(&situation.facts, &Policy::default(), day(408)), Phase::Closing);
    assert_eq!(phase(&situation.facts, &Policy::default(), day(409)), Phase::Purging);
}

#[test]
fn who_pays_hears_it_once_and_who_was_told_nothing_hears_nothing() {
    let mut situation = owing();
    situation.follow(&Policy::default(), DUE);
    situation.facts.unpaid_since = None;
    situation.settled = Some(DUE);
    let followed = situation.follow(&Policy::default(), day(1));
    assert_eq!(followed.letters, [Letter { kind: Kind::Settled, of: DUE, dates: Vec::new() }]);
    assert_eq!((followed.phase, followed.look_at), (Phase::Active, None));
    let mut quiet = Situation { settled: Some(DUE), ..Situation::default() };
    assert!(quiet.follow(&Policy::default(), day(1)).letters.is_empty());
}

#[test]
fn a_trial_that_ends_is_told_three_days_before() {
    let facts = Facts { trial_ends_at: Some(day(14)), ..Facts::default() };
    let (letters, _) = run(Situation { facts, ..Situation::default() }, &Policy::default(), DUE, day(30));
    assert_eq!(letters, [(11, "TRIAL_ENDING".to_owned())]);
}

#[test]
fn who_closes_is_told_at_once_until_when_it_is_undone() {
    let facts = Facts { closed_at: Some(DUE), ..Facts::default() };
    let mut closed = Situation { facts, elsewhere: true, ..Situation::default() };
    let first = closed.follow(&Policy::default(), DUE);
    assert_eq!(first.letters[0].dates, [(Phase::Purging, day(30))]);
    let (letters, _) = run(closed, &Policy::default(), DUE, day(60));
    assert_eq!(letters, [(23, "PURGE_NOTICE_2".to_owned())]);
}

proptest! {
    /// Whatever the policy, and however it changes: no stage comes before a date that was told for it, letters come once, and what is
    /// destroyed was told twice.
    #[test]
    fn t1_t3_hold_whatever_the_policy_becomes(
        days in prop::collection::vec((0u32..9, 0u32..9, 0u32..20, 0u32..30, 1u32..40, 1u32..15), 1..4),
        changes in prop::collection::vec(0i64..100, 3),
        late in 0i64..5,
    ) {
        let policies: Vec<Policy> = days.iter().map(|(a, b, c, d, undo_days, last_notice_days)| Policy {
            grace_days: *a, suspended_days: a + b, read_only_days: a + b + c, closing_days: a + b + c + d,
            undo_days: *undo_days, last_notice_days: *last_notice_days, ..Policy::default()
        }).collect();
        let (mut situation, mut told, mut reached) = (owing(), Vec::new(), Phase::Active);
        // The worker is not always on time.
        for n in (0..300).step_by(1 + late as usize) {
            let policy = &policies[changes.iter().filter(|at| **at <= n).count() % policies.len()];
            let followed = situation.follow(policy, day(n));
            for (stage, at) in &told {
                prop_assert!(*stage != followed.phase || *at <= day(n), "{:?} came before {:?}", stage, at);
            }
            told.extend(followed.letters.iter().flat_map(|l| l.dates.clone()));
            if followed.phase == Phase::Purging {
                prop_assert!(situation.facts.notices.len() >= NOTICES_BEFORE_PURGE);
            }
            reached = followed.phase;
        }
        prop_assert!(reached >= Phase::Closing);
    }
}
