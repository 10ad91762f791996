//! SUMMARY    What the provider does not know any more: pages end, and the operator sees it once.

use crate::town::{DAY, Town, asked, terms};
use billing::{CheckoutState, Status};
use tenants::Page;

#[tokio::test]
async fn the_page_of_a_customer_that_is_gone_ends_and_the_operator_is_told_once() {
    let town = Town::new().await;
    let (tenant, owner) = town.customer("alpha").await;
    town.billing.checkout_open(&owner, &terms(), tenant, &asked("business", 2)).await.unwrap();
    town.settle().await;
    assert_eq!(town.billing.drift(&town.operator, &Page::first(9)).await.unwrap().1, 0);
    let customer = town.till.customers()[0].clone();
    town.till.forget(&customer);
    for _ in 0..3 {
        town.billing.sync_now(&owner, tenant).await.unwrap();
        town.turn(DAY);
        town.settle().await;
    }
    let page = town.billing.checkout(&owner, tenant).await.unwrap().unwrap();
    assert_eq!((page.state, page.url.as_str()), (CheckoutState::Expired, ""), "nobody is sent there");
    let (drift, count) = town.billing.drift(&town.operator, &Page::first(9)).await.unwrap();
    assert_eq!((count, drift[0].tenant), (1, tenant), "{drift:?}");
    assert!(drift[0].what.contains("does not know this customer"), "{drift:?}");
}

#[tokio::test]
async fn the_mirror_of_a_customer_that_is_gone_is_kept() {
    let town = Town::new().await;
    let (tenant, owner, customer) = town.buyer("alpha").await;
    town.till.forget(&customer);
    town.turn(DAY * 2);
    town.settle().await;
    let bought = town.billing.subscriptions(&owner, tenant).await.unwrap();
    assert_eq!(bought[0].status, Status::Active);
    assert_eq!(town.billing.drift(&town.operator, &Page::first(9)).await.unwrap().1, 1, "a sweep finds it");
    assert_eq!(town.billing.books_verify().await.unwrap(), Vec::<String>::new());
}
