use super::*;
use crate::{Currency, Facts, plan::tests::business, stages};
use proptest::prelude::*;

const NOW: Timestamp = Timestamp(1_800_000_000_000);

fn day_n(n: i64) -> Timestamp {
    Timestamp(NOW.0 + n * 86_400_000)
}

/// A customer that pays 5 EUR on day 10 and each month from then on.
fn customer() -> Supposed {
    let plan = business();
    let items = plan.bought(&[]).unwrap();
    let basis = Basis { plan, items, gifts: Vec::new() };
    let amount = Money::new(500, Currency::EUR).unwrap();
    Supposed {
        situation: Situation { elsewhere: true, ..Situation::default() },
        policy: Policy::default(),
        basis_after: Some(Basis { plan: nothing(Some(7)), items: Vec::new(), gifts: Vec::new() }),
        basis: Some(basis),
        concessions: Vec::new(),
        limits: Limits::default(),
        renewals: vec![Renewal { first: day_n(10), interval: Interval::Month, amount }],
    }
}

fn lines(steps: &[RehearsalStep], what: &str) -> Vec<(i64, String)> {
    let of = |step: &RehearsalStep| ((step.at.0 - NOW.0) / 86_400_000, step.detail.clone());
    steps.iter().filter(|s| s.what == what).map(of).collect()
}

#[test]
fn who_pays_is_asked_each_month_and_nothing_else_happens() {
    let steps = rehearsed(customer(), &Rehearsal { days: 80, ..Rehearsal::default() }, NOW).unwrap();
    let words: Vec<&str> = steps.iter().map(|s| s.what.as_str()).collect();
    assert_eq!(words, ["PAYMENT_DUE", "PAID"].repeat(3));
    assert!(steps.iter().all(|s| s.phase == Phase::Active && s.blocks.is_empty()));
}

#[test]
fn who_stops_paying_goes_through_the_stages_and_is_back_when_it_pays() {
    let script = Rehearsal { days: 300, fails_from_day: Some(5), pays_on_day: Some(50), ..Rehearsal::default() };
    let steps = rehearsed(customer(), &script, NOW).unwrap();
    let phases = lines(&steps, "PHASE");
    let expected = [(10, "PAST_DUE"), (17, "GRACE"), (24, "SUSPENDED"), (40, "READ_ONLY"), (50, "ACTIVE")];
    assert_eq!(phases, expected.map(|(n, word)| (n, word.to_owned())));
    let suspended = steps.iter().find(|s| s.what == "PHASE" && s.phase == Phase::Suspended).unwrap();
    assert_eq!(suspended.blocks, ["SEND_EXTERNAL", "PURGE_ALLOWED"]);
    let grace = steps.iter().find(|s| s.what == "PHASE" && s.phase == Phase::Grace).unwrap();
    assert_eq!(grace.limits.recipients_per_day_max, Some(400), "a fifth of it");
    assert_eq!(lines(&steps, "LETTER").last(), Some(&(50, "SETTLED".to_owned())));
}

#[test]
fn who_closes_is_asked_for_no_payment_any_more_and_is_gone_at_the_end() {
    let script = Rehearsal { days: 100, closes_on_day: Some(20), ..Rehearsal::default() };
    let steps = rehearsed(customer(), &script, NOW).unwrap();
    assert_eq!(lines(&steps, "PAYMENT_DUE").len(), 1);
    assert_eq!(lines(&steps, "PHASE"), [(20, "CLOSING".to_owned()), (50, "PURGING".to_owned())]);
    assert_eq!(lines(&steps, "LETTER").iter().map(|(n, _)| *n).collect::<Vec<_>>(), [20, 43]);
    let last = steps.last().unwrap();
    assert_eq!((last.limits.max_mailboxes, last.limits.storage_bytes_max), (Some(0), Some(7)));
    assert!(!last.blocks.contains(&"PURGE_ALLOWED".to_owned()));
}

#[test]
fn what_cannot_be_supposed_is_told_by_field() {
    let good = Rehearsal { days: 30, ..Rehearsal::default() };
    assert!(check(&good).is_ok());
    let strict = Policy { undo_days: 0, ..Policy::default() };
    for (field, bad) in [
        ("days", Rehearsal { days: 0, ..good.clone() }),
        ("days", Rehearsal { days: REHEARSAL_DAYS_MAX + 1, ..good.clone() }),
        ("paysOnDay", Rehearsal { pays_on_day: Some(31), ..good.clone() }),
        ("closesOnDay", Rehearsal { closes_on_day: Some(31), ..good.clone() }),
    ] {
        assert_eq!(check(&bad).unwrap_err().field, field);
    }
    assert!(check(&Rehearsal { policy: Some(strict), ..good }).is_err());
}

proptest! {
    /// The phases that are rehearsed are those of `stages`, at their moments.
    #[test]
    fn it_equals_the_stages(
        (a, b, c, d) in (1u32..20, 1u32..20, 1u32..20, 1u32..40),
        (undo_days, last_notice_days) in (2u32..60, 1u32..20),
        fails in 0u32..40,
    ) {
        let policy = Policy {
            grace_days: a, suspended_days: a + b, read_only_days: a + b + c, closing_days: a + b + c + d,
            undo_days, last_notice_days, ..Policy::default()
        };
        let script = Rehearsal { days: 400, fails_from_day: Some(fails), ..Rehearsal::default() };
        let steps = rehearsed(Supposed { policy, ..customer() }, &script, NOW).unwrap();
        let since = steps.iter().find(|s| s.what == "PAYMENT_FAILED").unwrap().at;
        let played: Vec<(Phase, Timestamp)> = steps.iter().filter(|s| s.what == "PHASE").map(|s| (s.phase, s.at)).collect();
        let told = |n: usize| {
            let notice = steps.iter().filter(|s| s.what == "LETTER" && s.detail.starts_with("PURGE_NOTICE")).nth(n);
            notice.unwrap().at
        };
        let facts = Facts { unpaid_since: Some(since), notices: vec![told(0), told(1)], ..Facts::default() };
        prop_assert_eq!(played, stages(&facts, &policy));
    }
}
