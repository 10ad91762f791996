use super::*;
use crate::{Currency, Discount, Interval, Item, plan::tests::business};
use proptest::prelude::*;

const START: Timestamp = Timestamp(1_800_000_000_000);

fn eur(minor: i64) -> Money {
    Money::new(minor, Currency::EUR).unwrap()
}

fn wanted(mailboxes: u64) -> Wanted {
    let item = |component: &str, quantity| Item { component: component.into(), quantity };
    let items = vec![item("mailbox", mailboxes), item("storage", 0)];
    Wanted { plan: business(), items, currency: Currency::EUR, interval: Interval::Month }
}

fn account() -> Account {
    let customer = NewCustomer {
        tenant: TenantId(7),
        email: "a@b.example".into(),
        name: "A".into(),
        country: None,
        tax_ids: vec![],
    };
    Account::new("mac_1".into(), TenantId(1), customer)
}

fn checkout(mailboxes: u64, trial_days: u32, coupon: Option<Coupon>) -> NewCheckout {
    NewCheckout {
        tenant: TenantId(7),
        customer: "mac_1".into(),
        wanted: wanted(mailboxes),
        trial_days,
        coupon: coupon.map(|coupon| ("C".into(), coupon)),
        success_url: String::new(),
        cancel_url: String::new(),
        expires_at: START,
    }
}

#[test]
fn a_month_is_billed_in_advance_and_the_next_one_when_it_begins() {
    let mut account = account();
    let id = account.subscribe(&checkout(2, 0, None), START).unwrap();
    assert_eq!((account.bills[0].is.net, account.bills[0].is.state), (eur(800), InvoiceState::Open));
    assert_eq!(account.bills[0].is.due_at, days(START, PAY_DAYS));
    assert!(!account.turn(days(START, 10)).unwrap(), "nothing was due");
    assert!(account.turn(days(START, 15)).unwrap());
    assert_eq!(account.sold[0].is.status, Status::PastDue);
    account.paid("mac_1.i1", "transfer 1", days(START, 16)).unwrap();
    assert_eq!((account.sold[0].is.status, account.bills[0].is.payments[0].amount), (Status::Active, eur(800)));
    assert_eq!(
        account.paid("mac_1.i1", "transfer 2", days(START, 16)).map_err(|e| e.kind),
        Err(crate::FailureKind::Refused)
    );
    assert!(account.turn(days(START, 40)).unwrap());
    assert_eq!((account.bills.len(), account.bills[1].is.issued_at), (2, account.bills[0].period.end));
    account.end(&id, End::Period, days(START, 41)).unwrap();
    account.turn(days(START, 400)).unwrap();
    assert_eq!((account.bills.len(), account.sold[0].is.status), (2, Status::Cancelled));
}

#[test]
fn a_trial_is_billed_when_it_ends_and_a_coupon_takes_off() {
    let half = Coupon { discount: Discount::Percent(50), periods: Some(1) };
    let mut account = account();
    account.subscribe(&checkout(1, 14, Some(half)), START).unwrap();
    assert_eq!((account.sold[0].is.status, account.bills.len()), (Status::Trialing, 0));
    account.turn(days(START, 14)).unwrap();
    assert_eq!((account.sold[0].is.status, account.bills[0].is.net), (Status::Active, eur(250)));
    account.turn(days(START, 50)).unwrap();
    assert_eq!(account.bills[1].is.net, eur(500));
}

#[test]
fn less_is_credited_and_the_next_invoice_is_paid_with_it() {
    let mut account = account();
    let id = account.subscribe(&checkout(11, 0, None), START).unwrap();
    account.paid("mac_1.i1", "t", START).unwrap();
    account.change(&id, &wanted(1), START, START).unwrap();
    assert_eq!((account.bills[1].is.net, account.bills[1].is.state), (eur(0), InvoiceState::Paid));
    assert_eq!((account.credits[0].net, account.credits[0].invoice.as_deref()), (eur(3_000), Some("mac_1.i2")));
    account.turn(days(START, 32)).unwrap();
    assert_eq!((account.bills[2].is.credit_used, account.bills[2].is.state), (eur(500), InvoiceState::Paid));
    assert_eq!(account.credit_left(Currency::EUR).unwrap(), eur(2_500));
}

#[test]
fn s4_no_more_is_paid_back_than_was_paid() {
    let mut account = account();
    account.subscribe(&checkout(1, 0, None), START).unwrap();
    account.paid("mac_1.i1", "t", START).unwrap();
    account.refund("k1", "mac_1.i1.p1", eur(300), START).unwrap();
    for wrong in [eur(201), eur(0), eur(-1)] {
        assert!(account.refund("k2", "mac_1.i1.p1", wrong, START).is_err(), "{wrong}");
    }
    account.refund("k3", "mac_1.i1.p1", eur(200), START).unwrap();
    assert_eq!(account.bills[0].is.payments[0].refunds.len(), 2);
}

#[test]
fn what_was_used_is_a_line_of_the_renewal_and_when_it_ends_of_an_invoice_of_its_own() {
    let mut account = account();
    let id = account.subscribe(&checkout(2, 0, None), START).unwrap();
    account.charge_use(&id, "more", 1_200, eur(200), days(START, 30)).unwrap();
    assert_eq!(account.bills.len(), 1, "it waits for the renewal");
    account.turn(days(START, 32)).unwrap();
    assert_eq!((account.bills.len(), account.bills[1].is.net), (2, eur(1_000)));
    let line = account.bills[1].lines.last().unwrap();
    assert_eq!((line.component.as_deref(), line.quantity, line.amount), (Some("more"), 1_200, eur(200)));
    account.end(&id, End::Period, days(START, 33)).unwrap();
    account.charge_use(&id, "more", 1_100, eur(100), days(START, 58)).unwrap();
    account.turn(days(START, 70)).unwrap();
    assert_eq!(
        (account.sold[0].is.status, account.bills.len(), account.bills[2].is.net),
        (Status::Cancelled, 3, eur(100))
    );
    account.charge_use(&id, "more", 1_050, eur(100), days(START, 71)).unwrap();
    assert_eq!((account.bills.len(), account.bills[3].is.net), (4, eur(100)), "what comes late is billed at once");
}

proptest! {
    #[test]
    fn read_late_it_gives_what_reading_in_time_gives(mut looks in prop::collection::vec(0u64..400, 1..8), trial in 0u32..30) {
        let (mut often, mut once) = (account(), account());
        for account in [&mut often, &mut once] {
            account.subscribe(&checkout(3, trial, None), START).unwrap();
        }
        looks.sort_unstable();
        for look in &looks {
            often.turn(days(START, *look)).unwrap();
        }
        once.turn(days(START, *looks.last().unwrap())).unwrap();
        prop_assert_eq!(often, once);
    }
}
