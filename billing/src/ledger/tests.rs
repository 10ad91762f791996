use super::*;
use proptest::prelude::*;

const ANNA: TenantId = TenantId(1);
const NOW: Timestamp = Timestamp(1_800_000_000_000);

fn eur(minor: i64) -> Money {
    Money::new(minor, Currency::EUR).unwrap()
}

fn entry(event: &str, fact: Fact) -> Entry {
    Entry::new(event, ANNA, NOW, fact).unwrap()
}

fn balances(books: &Books, accounts: &[Account]) -> Vec<i64> {
    accounts.iter().map(|a| books.balance(ANNA, Currency::EUR, *a).minor()).collect()
}

#[test]
fn an_invoice_is_paid_by_credit_and_money_and_refunded() {
    use Account::{Cash, Credit, Receivable, Returns, Revenue, Tax};
    let mut books = Books::default();
    for (event, fact) in [
        ("in_1", Fact::Invoiced { net: eur(1_000), tax: eur(190) }),
        ("credit_1", Fact::Credited { amount: eur(90) }),
        ("in_1/credit", Fact::CreditUsed { amount: eur(90) }),
        ("ch_1", Fact::Paid { amount: eur(1_100) }),
    ] {
        assert_eq!(books.post(entry(event, fact)), Ok(Posted::Now));
    }
    assert_eq!(balances(&books, &[Receivable, Cash, Credit, Revenue, Tax]), [0, 1_100, 0, -1_000, -190]);
    assert_eq!(books.post(entry("re_1", Fact::Refunded { net: eur(500), tax: eur(95) })), Ok(Posted::Now));
    assert_eq!(balances(&books, &[Cash, Returns, Tax]), [505, 500, -95]);
}

#[test]
fn s4_no_more_is_refunded_than_was_paid() {
    let mut books = Books::default();
    books.post(entry("ch_1", Fact::Paid { amount: eur(100) })).unwrap();
    let refund = |event: &str, net| entry(event, Fact::Refunded { net: eur(net), tax: eur(0) });
    books.post(refund("re_1", 60)).unwrap();
    assert_eq!(books.post(refund("re_2", 41)).unwrap_err().kind, Kind::Unlawful);
    assert_eq!(balances(&books, &[Account::Cash, Account::Returns]), [40, 60], "nothing of it was posted");
    let back = entry("cb_1", Fact::ChargedBack { amount: eur(41) });
    assert_eq!(books.post(back).unwrap_err().kind, Kind::Unlawful);
    // Another customer's money is not this one's.
    let other = Entry::new("re_3", TenantId(2), NOW, Fact::Refunded { net: eur(1), tax: eur(0) }).unwrap();
    assert_eq!(books.post(other).unwrap_err().kind, Kind::Unlawful);
}

#[test]
fn an_event_counts_once_and_is_one_fact() {
    let mut books = Books::default();
    let paid = |amount| entry("ch_1", Fact::Paid { amount: eur(amount) });
    assert_eq!(books.post(paid(100)), Ok(Posted::Now));
    assert_eq!(books.post(Entry { at: Timestamp(0), ..paid(100) }), Ok(Posted::Before), "told again later");
    assert_eq!(books.post(paid(101)).unwrap_err().kind, Kind::Unlawful);
    assert_eq!(balances(&books, &[Account::Cash]), [100]);
}

#[test]
fn what_does_not_balance_is_not_posted() {
    let mut crooked = entry("in_1", Fact::Invoiced { net: eur(10), tax: eur(0) });
    crooked.postings.pop();
    assert_eq!(Books::default().post(crooked).unwrap_err().kind, Kind::Unlawful);
}

#[test]
fn what_cannot_have_happened_is_refused() {
    let usd = Money::new(1, Currency::USD).unwrap();
    for (event, fact, kind) in [
        ("", Fact::Paid { amount: eur(1) }, Kind::Invalid),
        ("a b", Fact::Paid { amount: eur(1) }, Kind::Invalid),
        ("e", Fact::Paid { amount: eur(-1) }, Kind::Invalid),
        ("e", Fact::Paid { amount: eur(0) }, Kind::Invalid),
        ("e", Fact::Invoiced { net: eur(1), tax: eur(-1) }, Kind::Invalid),
        ("e", Fact::Invoiced { net: eur(1), tax: usd }, Kind::Currency),
    ] {
        assert_eq!(Entry::new(event, ANNA, NOW, fact).map_err(|e| e.kind), Err(kind), "{fact:?}");
    }
}

fn facts() -> impl Strategy<Value = Fact> {
    (0usize..8, 0i64..500, 0i64..100).prop_map(|(what, a, b)| {
        let (net, tax, amount) = (eur(a), eur(b), eur(a));
        match what {
            0 => Fact::Invoiced { net, tax },
            1 => Fact::Paid { amount },
            2 => Fact::Credited { amount },
            3 => Fact::CreditUsed { amount },
            4 => Fact::Voided { net, tax },
            5 => Fact::Refunded { net, tax },
            6 => Fact::ChargedBack { amount },
            _ => Fact::WrittenOff { amount },
        }
    })
}

proptest! {
    /// Whatever comes, twice or not, by whichever customer.
    #[test]
    fn the_books_balance_and_pay_out_what_came_in(posts in prop::collection::vec((0u8..40, 1u64..4, facts()), 0..120)) {
        let mut books = Books::default();
        let (mut paid, mut back) = (0, 0);
        for (event, tenant, fact) in posts {
            let Ok(entry) = Entry::new(format!("e{event}"), TenantId(tenant), NOW, fact) else { continue };
            if books.post(entry) == Ok(Posted::Now) {
                match fact {
                    Fact::Paid { amount } => paid += amount.minor(),
                    Fact::Refunded { net, tax } => back += net.minor() + tax.minor(),
                    Fact::ChargedBack { amount } => back += amount.minor(),
                    _ => {}
                }
            }
            prop_assert!(books.total(Currency::EUR).unwrap().is_zero());
        }
        prop_assert!(back <= paid);
        let cash: i64 = (1..4).map(|t| books.balance(TenantId(t), Currency::EUR, Account::Cash).minor()).sum();
        prop_assert_eq!(cash, paid - back);
    }
}
