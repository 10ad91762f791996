//! SUMMARY    Coupons: made, disabled, looked up, redeemed once for each customer.
#![allow(unused_variables, clippy::todo, reason = "being built")]

use super::{Billing, CouponPatch, CouponShown, NewCoupon};
use crate::{Account, End, Entry, Money, Policy, Truth};
use base::{TenantId, Timestamp};
use tenants::{Actor, Done, Page, Result, Terms, sql::Connection};

impl Billing {
    /// Coupons of a seller.
    pub async fn coupons(&self, actor: &Actor, seller: TenantId, page: &Page) -> Result<(Vec<CouponShown>, i64)> {
        todo!()
    }

    /// Makes a coupon. `Taken` for a code that the seller has.
    pub async fn coupon_create(
        &self,
        actor: &Actor,
        terms: &Terms,
        seller: TenantId,
        new: &NewCoupon,
    ) -> Result<Done<CouponShown>> {
        todo!()
    }

    /// Changes until when, how often, whether it is good.
    pub async fn coupon_update(
        &self,
        actor: &Actor,
        terms: &Terms,
        id: &str,
        patch: &CouponPatch,
    ) -> Result<Done<CouponShown>> {
        todo!()
    }
}
