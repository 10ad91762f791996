//! SUMMARY    Two tabs: one live subscription stays, the other ends and is paid back (S5).

use crate::town::{DAY, Town, asked, business, business_cents, terms};
use billing::{Currency, Interval, Item, NewCheckout, Payments, Status, Wanted};
use std::time::Duration;
use tenants::Page;

/// Another page of the same customer, which our own desk never opens.
async fn second_page(town: &Town, customer: &str, tenant: base::TenantId) -> String {
    let items = vec![Item { component: "mailbox".into(), quantity: 3 }];
    let wanted = Wanted { plan: business(), items, currency: Currency::EUR, interval: Interval::Month };
    let (success_url, cancel_url) = ("https://a.example".to_owned(), "https://a.example".to_owned());
    let expires_at = town.service.now().plus(Duration::from_secs(7_200));
    let (trial_days, coupon, customer) = (0, None, customer.to_owned());
    let new = NewCheckout { tenant, customer, wanted, trial_days, coupon, success_url, cancel_url, expires_at };
    town.till.open_checkout("second tab", &new).await.unwrap().id
}

#[tokio::test]
async fn of_two_tabs_the_newest_stays_and_the_other_is_paid_back() {
    let town = Town::new().await;
    let (tenant, owner) = town.customer("alpha").await;
    town.billing.checkout_open(&owner, &terms(), tenant, &asked("business", 2)).await.unwrap();
    let first = town.page();
    let customer = town.till.customers()[0].clone();
    let second = second_page(&town, &customer, tenant).await;
    let old = town.till.pay_page(&first, "visa 4242").unwrap();
    let new = town.till.pay_page(&second, "visa 4242").unwrap();
    assert_eq!(town.till.taken(Currency::EUR), business_cents(2) + business_cents(3));
    town.settle().await;
    town.settle().await;
    let bought = town.billing.subscriptions(&owner, tenant).await.unwrap();
    let status = |id: &str| bought.iter().find(|b| b.id == id).unwrap().status;
    assert_eq!((status(&old), status(&new)), (Status::Cancelled, Status::Active));
    assert_eq!(town.till.taken(Currency::EUR), business_cents(3), "what the other took is back");
    assert_eq!(town.limits(tenant).await.max_mailboxes, Some(3));
    town.consistent(tenant, &customer).await;
    let calls = town.billing.calls(&owner, tenant, &Page::first(50)).await.unwrap().1;
    town.turn(DAY * 2);
    town.billing.sync_now(&owner, tenant).await.unwrap();
    town.settle().await;
    assert_eq!(town.billing.calls(&owner, tenant, &Page::first(50)).await.unwrap().1, calls, "decided once");
}

#[tokio::test]
async fn of_a_subscription_that_ran_for_long_only_its_period_is_paid_back() {
    let town = Town::new().await;
    let (tenant, _, customer) = town.buyer("alpha").await;
    town.turn(DAY * 65);
    town.settle().await;
    assert_eq!(town.till.taken(Currency::EUR), business_cents(2) * 3);
    let second = second_page(&town, &customer, tenant).await;
    town.till.pay_page(&second, "visa 4242").unwrap();
    town.settle().await;
    town.settle().await;
    assert_eq!(town.till.taken(Currency::EUR), business_cents(2) * 2 + business_cents(3));
    assert_eq!(town.limits(tenant).await.max_mailboxes, Some(3));
    town.consistent(tenant, &customer).await;
}
