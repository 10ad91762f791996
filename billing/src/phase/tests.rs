use super::*;
use proptest::prelude::*;

const DUE: Timestamp = Timestamp(1_800_000_000_000);

fn day(n: i64) -> Timestamp {
    Timestamp(DUE.0 + n * 86_400_000)
}

fn unpaid() -> Facts {
    Facts { unpaid_since: Some(DUE), ..Facts::default() }
}

fn notices(days: &[i64]) -> Vec<Timestamp> {
    days.iter().map(|n| day(*n)).collect()
}

#[test]
fn the_stages_come_at_their_days() {
    let facts = Facts { notices: notices(&[61, 75]), ..unpaid() };
    for (n, stage) in [
        (-1, Phase::Active),
        (0, Phase::PastDue),
        (6, Phase::PastDue),
        (7, Phase::Grace),
        (14, Phase::Suspended),
        (30, Phase::ReadOnly),
        (60, Phase::Closing),
        (89, Phase::Closing),
        (90, Phase::Purging),
    ] {
        assert_eq!(phase(&facts, &Policy::default(), day(n)), stage, "day {n}");
    }
    assert_eq!(next(&facts, &Policy::default(), day(10)), Some((Phase::Suspended, day(14))));
}

#[test]
fn a_trial_ends_and_paying_ends_all_trouble() {
    let trial = Facts { trial_ends_at: Some(day(5)), ..Facts::default() };
    assert_eq!(phase(&trial, &Policy::default(), day(4)), Phase::Trial);
    assert_eq!(phase(&trial, &Policy::default(), day(5)), Phase::Active);
    assert_eq!(phase(&Facts::default(), &Policy::default(), day(1_000)), Phase::Active);
    assert_eq!(next(&Facts::default(), &Policy::default(), day(0)), None);
}

#[test]
fn t1_nothing_is_purged_without_two_notices_and_the_days_after_the_last() {
    let at = |facts: &Facts, n| phase(facts, &Policy::default(), day(n));
    assert_eq!(at(&unpaid(), 3_000), Phase::Closing);
    assert_eq!(at(&Facts { notices: notices(&[61]), ..unpaid() }, 3_000), Phase::Closing);
    // One from before it was closing does not count.
    assert_eq!(at(&Facts { notices: notices(&[59, 61]), ..unpaid() }, 3_000), Phase::Closing);
    let late = Facts { notices: notices(&[61, 88]), ..unpaid() };
    assert_eq!((at(&late, 94), at(&late, 95)), (Phase::Closing, Phase::Purging));
}

#[test]
fn t3_a_new_policy_shortens_nothing_that_was_told() {
    let told = Announced { of: DUE, stage: Phase::Suspended, at: day(14) };
    let facts = Facts { announced: vec![told], ..unpaid() };
    let strict = Policy {
        version: 2,
        grace_days: 1,
        suspended_days: 2,
        read_only_days: 3,
        closing_days: 4,
        ..Policy::default()
    };
    assert_eq!(phase(&facts, &strict, day(1)), Phase::Grace);
    assert_eq!(phase(&facts, &strict, day(13)), Phase::Grace, "what follows waits with it");
    assert_eq!(phase(&facts, &strict, day(14)), Phase::Closing);
    // Another trouble has its own dates.
    let again = Facts { unpaid_since: Some(day(100)), ..facts };
    assert_eq!(phase(&again, &strict, day(102)), Phase::Suspended);
}

#[test]
fn who_closes_is_closed_at_once_and_may_come_back() {
    let closed = Facts { closed_at: Some(day(3)), notices: notices(&[3, 20]), ..Facts::default() };
    assert_eq!(phase(&closed, &Policy::default(), day(2)), Phase::Active);
    assert_eq!(phase(&closed, &Policy::default(), day(32)), Phase::Closing);
    assert_eq!(phase(&closed, &Policy::default(), day(33)), Phase::Purging);
    let owing = Facts { closed_at: Some(day(10)), ..unpaid() };
    assert_eq!(phase(&owing, &Policy::default(), day(8)), Phase::Grace);
    assert_eq!(phase(&owing, &Policy::default(), day(10)), Phase::Closing);
}

#[test]
fn sending_ends_first_and_receiving_last_and_export_never() {
    let order = [Phase::Active, Phase::PastDue, Phase::Grace, Phase::Suspended, Phase::ReadOnly, Phase::Closing];
    for pair in order.windows(2) {
        assert!(blocks(pair[0]).iter().all(|c| blocks(pair[1]).contains(c)), "{pair:?}");
    }
    for stage in order {
        let left = [Capability::Export, Capability::Pay, Capability::PortalLogin, Capability::MailRead];
        assert!(left.iter().all(|c| !blocks(stage).contains(c)), "{stage:?}");
    }
    assert!(!blocks(Phase::ReadOnly).contains(&Capability::Receive));
}

#[test]
fn a_policy_out_of_order_is_refused() {
    assert_eq!(Policy::default().check(), Ok(()));
    for (field, policy) in [
        ("suspendedDays", Policy { suspended_days: 3, ..Policy::default() }),
        ("closingDays", Policy { closing_days: 29, ..Policy::default() }),
        ("undoDays", Policy { undo_days: 0, ..Policy::default() }),
        ("undoDays", Policy { undo_days: DAYS_MAX + 1, ..Policy::default() }),
        ("graceSendingPercent", Policy { grace_sending_percent: 101, ..Policy::default() }),
    ] {
        assert_eq!(policy.check().map_err(|e| e.field), Err(field.to_owned()));
    }
}

fn days() -> impl Strategy<Value = Timestamp> {
    (-20i64..200).prop_map(day)
}

fn policies() -> impl Strategy<Value = Policy> {
    (0u32..20, 0u32..20, 0u32..20, 0u32..40, 1u32..60, 1u32..20).prop_map(
        |(a, b, c, d, undo_days, last_notice_days)| Policy {
            grace_days: a,
            suspended_days: a + b,
            read_only_days: a + b + c,
            closing_days: a + b + c + d,
            undo_days,
            last_notice_days,
            ..Policy::default()
        },
    )
}

fn facts() -> impl Strategy<Value = Facts> {
    let stage =
        prop::sample::select(vec![Phase::Grace, Phase::Suspended, Phase::ReadOnly, Phase::Closing, Phase::Purging]);
    let announced = (days(), stage, days()).prop_map(|(of, stage, at)| Announced { of, stage, at });
    let lists = (prop::collection::vec(announced, 0..4), prop::collection::vec(days(), 0..4));
    (prop::option::of(days()), prop::option::of(days()), prop::option::of(days()), lists).prop_map(
        |(trial_ends_at, unpaid_since, closed_at, (announced, notices))| Facts {
            trial_ends_at,
            unpaid_since,
            closed_at,
            announced,
            notices,
        },
    )
}

proptest! {
    #[test]
    fn t2_time_alone_only_leads_on(facts in facts(), policy in policies(), a in days(), b in days()) {
        let (a, b) = (a.min(b), a.max(b));
        prop_assert!(phase(&facts, &policy, a) <= phase(&facts, &policy, b));
    }

    #[test]
    fn t3_for_any_two_policies(first in policies(), second in policies(), now in days()) {
        // All dates of the first are told; then the second comes.
        let announced = stages(&unpaid(), &first).into_iter().map(|(stage, at)| Announced { of: DUE, stage, at }).collect();
        let told = Facts { announced, ..unpaid() };
        prop_assert!(phase(&told, &second, now) <= phase(&unpaid(), &first, now));
    }

    #[test]
    fn what_comes_next_comes_then(facts in facts(), policy in policies(), now in days()) {
        if let Some((_, at)) = next(&facts, &policy, now) {
            let before = Timestamp(at.0 - 1);
            // A trial may end meanwhile.
            prop_assert!(phase(&facts, &policy, before) <= phase(&facts, &policy, now).max(Phase::Active));
            prop_assert!(phase(&facts, &policy, at) > phase(&facts, &policy, now));
        }
    }
}
