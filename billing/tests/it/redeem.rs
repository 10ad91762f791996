//! SUMMARY    Redemptions of a coupon: held by open pages, kept by paid ones, given back by those that end; never more than there are.

use crate::town::{DAY, Town, asked, dry, terms};
use base::TenantId;
use billing::{Asked, CheckoutState, Coupon, CouponShown, Discount, Fault, NewCoupon};
use std::time::Duration;
use tenants::{Actor, Applied, Code, Page};

const MINUTE: Duration = Duration::from_secs(60);

/// A coupon that may be redeemed so often.
async fn coupon(town: &Town, times: u64) {
    let coupon = Coupon { discount: Discount::Percent(50), periods: None };
    let new = NewCoupon { code: "half".into(), coupon, plans: vec![], redeem_max: Some(times), ends_at: None };
    town.billing.coupon_create(&town.operator, &terms(), town.root, &new).await.unwrap();
}

async fn known(town: &Town) -> CouponShown {
    town.billing.coupons(&town.operator, town.root, &Page::first(1)).await.unwrap().0.remove(0)
}

fn with_it(mailboxes: u64) -> Asked {
    Asked { coupon: Some("half".into()), ..asked("business", mailboxes) }
}

/// Opens a page with the coupon; gives the till's id of it.
async fn opens(town: &Town, (tenant, owner): &(TenantId, Actor), mailboxes: u64) -> tenants::Result<String> {
    let open = town.billing.checkout_open(owner, &terms(), *tenant, &with_it(mailboxes)).await?;
    assert_eq!((open.applied, open.object.state), (Applied::Done, CheckoutState::Open));
    Ok(open.object.url.rsplit('/').next().unwrap().to_owned())
}

async fn refused(town: &Town, who: &(TenantId, Actor)) {
    let refused = opens(town, who, 1).await.unwrap_err();
    assert_eq!((refused.code, refused.field), (Code::Invalid, "coupon"), "{refused}");
}

#[tokio::test]
async fn an_open_page_holds_one_and_gives_it_back_when_it_ends() {
    let town = Town::new().await;
    coupon(&town, 1).await;
    let (alpha, beta) = (town.customer("alpha").await, town.customer("beta").await);
    town.billing.checkout_open(&alpha.1, &dry(), alpha.0, &with_it(1)).await.unwrap();
    opens(&town, &alpha, 1).await.unwrap();
    refused(&town, &beta).await;
    assert!(town.billing.checkout(&beta.1, beta.0).await.unwrap().is_none(), "no page of the other");
    // Its own next page takes it over, and closing gives it back.
    opens(&town, &alpha, 2).await.unwrap();
    refused(&town, &beta).await;
    town.billing.checkout_close(&alpha.1, &terms(), alpha.0).await.unwrap();
    opens(&town, &beta, 1).await.unwrap();
    refused(&town, &alpha).await;
    // So does the end of its time.
    town.turn(DAY);
    town.work().await;
    let page = opens(&town, &alpha, 1).await.unwrap();
    town.till.pay_page(&page, "visa 4242").unwrap();
    town.settle().await;
    assert_eq!(known(&town).await.redeemed, 1);
    refused(&town, &beta).await;
    town.turn(DAY * 3);
    town.settle().await;
    refused(&town, &beta).await;
}

#[tokio::test]
async fn many_open_pages_are_paid_and_no_more_are_redeemed_than_there_are() {
    let town = Town::new().await;
    coupon(&town, 2).await;
    let mut pages = Vec::new();
    for name in ["a", "b", "c", "d"] {
        let who = town.customer(name).await;
        pages.extend(opens(&town, &who, 1).await.ok());
    }
    assert_eq!(pages.len(), 2);
    for page in &pages {
        town.till.pay_page(page, "visa 4242").unwrap();
    }
    town.settle().await;
    assert_eq!(known(&town).await.redeemed, 2);
}

#[tokio::test]
async fn of_two_at_once_exactly_one_has_the_last_one() {
    let town = Town::new().await;
    coupon(&town, 1).await;
    let (alpha, beta) = (town.customer("alpha").await, town.customer("beta").await);
    let (a, b) = tokio::join!(opens(&town, &alpha, 1), opens(&town, &beta, 1));
    assert!(a.is_ok() != b.is_ok(), "{a:?} {b:?}");
    assert_eq!(town.till.open_pages().len(), 1);
}

#[tokio::test]
async fn it_is_not_given_back_before_nobody_can_pay_any_more() {
    let town = Town::new().await;
    coupon(&town, 1).await;
    let (alpha, beta) = (town.customer("alpha").await, town.customer("beta").await);
    let page = opens(&town, &alpha, 1).await.unwrap();
    town.till.close(true);
    let closed = town.billing.checkout_close(&alpha.1, &terms(), alpha.0).await.unwrap();
    assert_eq!(closed.applied, Applied::Pending);
    refused(&town, &beta).await;
    town.till.close(false);
    // It is paid before it is closed.
    town.till.pay_page(&page, "visa 4242").unwrap();
    town.turn(MINUTE);
    town.settle().await;
    assert_eq!(known(&town).await.redeemed, 1);
    refused(&town, &beta).await;
}

#[tokio::test]
async fn a_page_that_the_provider_refuses_or_that_never_opened_holds_none() {
    let town = Town::new().await;
    coupon(&town, 1).await;
    let (alpha, beta) = (town.customer("alpha").await, town.customer("beta").await);
    town.till.fail([Fault::LostBefore]);
    let open = town.billing.checkout_open(&alpha.1, &terms(), alpha.0, &with_it(1)).await.unwrap();
    assert_eq!(open.applied, Applied::Pending);
    refused(&town, &beta).await;
    town.billing.checkout_close(&alpha.1, &terms(), alpha.0).await.unwrap();
    town.turn(MINUTE * 5);
    town.settle().await;
    opens(&town, &beta, 1).await.unwrap();
}
