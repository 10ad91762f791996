//! SUMMARY    Calls that are not answered: repeated under their key, looked up when the key is forgotten.

use crate::town::{DAY, Town, asked, business_cents, eur, keyed, terms};
use billing::{CheckoutState, Currency, Fault};
use std::time::Duration;
use tenants::{Applied, Code, Page};

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_page_opens_once_whatever_is_lost() {
    for faults in [
        vec![Fault::Busy],
        vec![Fault::LostBefore],
        vec![Fault::LostAfter],
        vec![Fault::LostAfter, Fault::LostAfter, Fault::Busy, Fault::LostBefore, Fault::LostAfter],
    ] {
        let town = Town::new().await;
        let (tenant, owner) = town.customer("alpha").await;
        town.till.fail(faults.clone());
        let open = town.billing.checkout_open(&owner, &keyed("buy"), tenant, &asked("business", 2)).await.unwrap();
        assert_eq!((open.applied, open.object.url.as_str()), (Applied::Pending, ""), "{faults:?}");
        for _ in 0..faults.len() {
            town.turn(MINUTE * 2);
            town.work().await;
        }
        assert_eq!(town.till.customers().len(), 1, "{faults:?}");
        let again = town.billing.checkout_open(&owner, &keyed("buy"), tenant, &asked("business", 2)).await.unwrap();
        assert_eq!(again.object.id, open.object.id);
        assert!(again.object.url.ends_with(&town.page()), "{faults:?}");
        let (calls, count) = town.billing.calls(&owner, tenant, &Page::first(9)).await.unwrap();
        assert_eq!(count, 2);
        assert!(calls.iter().all(|call| call.state == "DONE"), "{calls:?}");
    }
}

#[tokio::test]
async fn a_page_that_opens_too_late_is_closed_again() {
    let town = Town::new().await;
    let (tenant, owner) = town.customer("alpha").await;
    town.billing.card_page(&owner, &terms(), tenant, "/billing").await.unwrap();
    town.till.fail([Fault::LostAfter]);
    town.billing.checkout_open(&owner, &terms(), tenant, &asked("business", 2)).await.unwrap();
    assert_eq!(town.till.open_pages().len(), 1, "it is open, and nobody knows");
    town.billing.checkout_close(&owner, &terms(), tenant).await.unwrap();
    for _ in 0..4 {
        town.turn(MINUTE);
        town.work().await;
    }
    assert!(town.till.open_pages().is_empty());
    let page = town.billing.checkout(&owner, tenant).await.unwrap().unwrap();
    assert_eq!(page.state, CheckoutState::Expired);
}

#[tokio::test]
async fn a_refund_whose_key_was_forgotten_is_looked_for_before_it_is_repeated() {
    let town = Town::new().await;
    let (tenant, _, customer) = town.buyer("alpha").await;
    let invoice = town.till.has(&customer).unwrap().invoices[0].id.clone();
    town.till.fail([Fault::LostAfter]);
    let refund = |key: &'static str| {
        let (billing, operator, invoice) = (&town.billing, &town.operator, &invoice);
        async move { billing.invoice_refund(operator, &keyed(key), tenant, invoice, Some(eur(100)), "late").await }
    };
    assert_eq!(refund("one").await.unwrap().applied, Applied::Pending);
    town.turn(DAY + MINUTE);
    town.settle().await;
    let taken = business_cents(2) - 100;
    assert_eq!(town.till.taken(Currency::EUR), taken, "paid back once");
    let shown = town.billing.invoice(&town.operator, tenant, &invoice).await.unwrap();
    assert_eq!(shown.refunded, eur(100));
    // One that was lost before is made though its key is as old.
    town.till.fail([Fault::LostBefore]);
    refund("two").await.unwrap();
    town.turn(DAY + MINUTE);
    town.settle().await;
    assert_eq!(town.till.taken(Currency::EUR), taken - 100);
    town.consistent(tenant, &customer).await;
}

#[tokio::test]
async fn what_is_waiting_counts_as_paid_back() {
    let town = Town::new().await;
    let (tenant, owner, customer) = town.buyer("alpha").await;
    let invoice = town.till.has(&customer).unwrap().invoices[0].id.clone();
    town.till.close(true);
    let part = eur(business_cents(2) - 1);
    let first = town.billing.invoice_refund(&town.operator, &keyed("a"), tenant, &invoice, Some(part), "sorry").await;
    assert_eq!(first.unwrap().applied, Applied::Pending);
    let more = town.billing.invoice_refund(&town.operator, &keyed("b"), tenant, &invoice, Some(eur(2)), "sorry").await;
    let more = more.unwrap_err();
    assert_eq!((more.code, more.field), (Code::Invalid, "amount"));
    town.till.close(false);
    town.turn(MINUTE);
    town.settle().await;
    let rest = town.billing.invoice_refund(&town.operator, &keyed("c"), tenant, &invoice, None, "sorry").await.unwrap();
    assert_eq!(rest.object.refunded, eur(business_cents(2)));
    let none = town.billing.invoice_refund(&town.operator, &keyed("d"), tenant, &invoice, None, "sorry").await;
    assert_eq!(none.unwrap_err().code, Code::Invalid);
    assert_eq!(town.till.taken(Currency::EUR), 0);
    assert!(town.billing.calls(&owner, tenant, &Page::first(2)).await.unwrap().1 >= 4);
    town.consistent(tenant, &customer).await;
}

#[tokio::test]
async fn a_customer_that_is_compared_twice_at_once_is_compared_well() {
    let town = Town::new().await;
    let (tenant, owner, customer) = town.buyer("alpha").await;
    town.turn(DAY * 40);
    let (a, b, c) =
        tokio::join!(town.billing.sync_now(&owner, tenant), town.billing.sync_now(&owner, tenant), town.billing.work());
    assert!(a.is_ok() && b.is_ok() && c.is_ok());
    town.settle().await;
    town.consistent(tenant, &customer).await;
}
