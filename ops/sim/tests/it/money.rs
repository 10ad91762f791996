//! SUMMARY    A few schedules of money with every test run, that a seed replays, and proof that the judge notices.

use billing::{InvoiceState, Status, Truth};
use sim::money::{Lie, Provider, Theatre};

fn plays(provider: Provider, seeds: std::ops::Range<u64>) {
    let theatre = Theatre::new(provider).unwrap();
    for seed in seeds {
        if let Err(failed) = theatre.play(seed) {
            panic!("{failed}");
        }
    }
}

/// Within a few seeds something is wrong, and it is what was planted.
fn is_noticed(lie: Lie, found: &str) {
    let theatre = Theatre::lying(Provider::Till, lie).unwrap();
    let mut seen = Vec::new();
    for seed in 1..=12 {
        if let Err(failed) = theatre.play(seed) {
            if failed.wrong.iter().any(|wrong| wrong.contains(found)) {
                return;
            }
            seen.extend(failed.wrong);
        }
    }
    panic!("nobody noticed: {found}; but {seen:?}");
}

#[test]
fn schedules_end_with_all_adding_up() {
    plays(Provider::Till, 1..21);
}

#[test]
fn schedules_at_stripe_end_with_all_adding_up() {
    plays(Provider::Stripe, 1..9);
}

#[test]
fn a_schedule_replays_in_another_database_too() {
    let played = || {
        let theatre = Theatre::new(Provider::Till).unwrap();
        [3, 4].map(|seed| theatre.play(seed).unwrap())
    };
    assert_eq!(played(), played());
}

#[test]
fn an_invoice_that_is_not_in_the_mirror_is_noticed() {
    is_noticed(|truth: &mut Truth| drop(truth.invoices.pop()), "invoices here");
}

#[test]
fn a_second_subscription_that_goes_on_is_noticed() {
    is_noticed(|truth: &mut Truth| truth.subscriptions.truncate(1), "live subscriptions");
}

#[test]
fn whoever_owes_and_keeps_everything_is_noticed() {
    fn all_is_paid(truth: &mut Truth) {
        truth.invoices.retain(|invoice| invoice.state == InvoiceState::Paid);
        truth.subscriptions.iter_mut().filter(|s| s.status == Status::PastDue).for_each(|s| s.status = Status::Active);
    }
    is_noticed(all_is_paid, "but here since None");
}
