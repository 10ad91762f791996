//! SUMMARY    Coupons: codes that are compared without regard to case, terms that change, and whose they are.

use crate::desk::{Desk, day, terms};
use billing::{Coupon, CouponPatch, Discount, NewCoupon};
use tenants::{Code, Page};

fn half(code: &str) -> NewCoupon {
    let coupon = Coupon { discount: Discount::Percent(50), periods: Some(3) };
    NewCoupon { code: code.into(), coupon, plans: Vec::new(), redeem_max: Some(10), ends_at: Some(day(30)) }
}

#[tokio::test]
async fn a_code_is_there_once_whatever_its_case() {
    let desk = Desk::new().await;
    let root = desk.root();
    let create = async |new: NewCoupon| desk.billing.coupon_create(&desk.operator, &terms(), root, &new).await;
    let made = create(half("spring-27")).await.unwrap().object;
    assert_eq!((made.new.code.as_str(), made.redeemed, made.disabled), ("SPRING-27", 0, false));
    assert_eq!(create(half("Spring-27")).await.unwrap_err().code, Code::Taken);
    for (field, bad) in [
        ("code", half("sp ring")),
        ("code", half("")),
        ("redeemMax", NewCoupon { redeem_max: Some(0), ..half("a") }),
        ("endsAt", NewCoupon { ends_at: Some(day(0)), ..half("a") }),
        ("plans", NewCoupon { plans: vec!["none".into()], ..half("a") }),
    ] {
        let refused = create(bad).await.unwrap_err();
        assert_eq!((refused.code, refused.field), (Code::Invalid, field));
    }
    let nothing = Coupon { discount: Discount::Percent(0), periods: None };
    assert_eq!(create(NewCoupon { coupon: nothing, ..half("a") }).await.unwrap_err().code, Code::Invalid);
    assert_eq!(desk.billing.coupons(&desk.operator, root, &Page::first(10)).await.unwrap().1, 1);
}

#[tokio::test]
async fn its_terms_change_and_what_it_takes_off_does_not() {
    let desk = Desk::new().await;
    let made = desk.billing.coupon_create(&desk.operator, &terms(), desk.root(), &half("a")).await.unwrap().object;
    let patch = CouponPatch { disabled: Some(true), redeem_max: Some(None), ends_at: None };
    let changed = desk.billing.coupon_update(&desk.operator, &terms(), &made.id, &patch).await.unwrap().object;
    assert_eq!((changed.disabled, changed.new.redeem_max, changed.version), (true, None, 2));
    assert_eq!((changed.new.coupon, changed.new.ends_at), (made.new.coupon, Some(day(30))));
}

#[tokio::test]
async fn customers_see_no_coupons_and_make_none() {
    let desk = Desk::new().await;
    let root = desk.root();
    let (tenant, owner) = desk.customer("alpha").await;
    let made = desk.billing.coupon_create(&desk.operator, &terms(), root, &half("a")).await.unwrap().object;
    assert_eq!(desk.billing.coupons(&owner, root, &Page::first(10)).await.unwrap_err().code, Code::NotFound);
    assert_eq!(desk.billing.coupon_create(&owner, &terms(), root, &half("b")).await.unwrap_err().code, Code::NotFound);
    let patch = CouponPatch { disabled: Some(true), ..CouponPatch::default() };
    let refused = desk.billing.coupon_update(&owner, &terms(), &made.id, &patch).await.unwrap_err();
    assert_eq!((refused.code, refused.field), (Code::NotFound, "couponId"));
    // One of its own is for its own customers, with the same code.
    let own = desk.billing.coupon_create(&owner, &terms(), tenant, &half("a")).await.unwrap().object;
    assert_eq!(own.seller, tenant);
}
