//! SUMMARY    Coupons: what a seller takes off, for whom and until when.

use super::{desk, invalid};
use crate::{
    connection::{Paging, connection},
    cost::{MUTATION_COST, page_cost},
    failure::found,
    input::{ChangeTerms, CreateTerms},
    mutation::{tenant_id_of, wanted},
    payload::{object_payload, payload},
    scalar::{DateTime, Money},
    types::actor,
};
use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object, Result, SimpleObject};
use billing::{CouponPatch, CouponShown, Discount, NewCoupon};
use tenants::Error;

/// A code that takes something off the first periods of a subscription.
#[derive(SimpleObject, Clone)]
pub struct Coupon {
    pub id: ID,
    pub seller_id: ID,
    /// As customers type it, in any case.
    pub code: String,
    /// Hundredths that are taken off; null when it is an amount.
    pub percent: Option<u32>,
    /// What is taken off; null when it is a percentage.
    pub amount: Option<Money>,
    /// The first so many periods; null: all.
    pub periods: Option<u32>,
    /// Keys of the plans it is for; empty: all.
    pub plans: Vec<String>,
    /// How many customers may use it; null: any number.
    pub redeem_max: Option<u64>,
    /// How many did.
    pub redeemed: u64,
    /// Until when it is good; null: for good.
    pub ends_at: Option<DateTime>,
    pub disabled: bool,
    pub created_at: DateTime,
    pub version: i64,
}

impl From<CouponShown> for Coupon {
    fn from(shown: CouponShown) -> Self {
        let (percent, amount) = match shown.new.coupon.discount {
            Discount::Percent(percent) => (Some(u32::from(percent)), None),
            Discount::Amount(amount) => (None, Some(Money(amount))),
        };
        Coupon {
            id: ID(shown.id),
            seller_id: ID(shown.seller.to_string()),
            code: shown.new.code,
            percent,
            amount,
            periods: shown.new.coupon.periods,
            plans: shown.new.plans,
            redeem_max: shown.new.redeem_max,
            redeemed: shown.redeemed,
            ends_at: shown.new.ends_at.map(Into::into),
            disabled: shown.disabled,
            created_at: shown.created_at.into(),
            version: shown.version,
        }
    }
}

impl Coupon {
    /// Of one page.
    pub(crate) fn together(rows: Vec<CouponShown>) -> Vec<Self> {
        rows.into_iter().map(Self::from).collect()
    }
}
connection!(CouponConnection, CouponEdge, Coupon, billing::CouponShown);

/// `percent` or `amount` says what is taken off, one of them.
#[derive(InputObject)]
pub struct CouponCreateInput {
    /// Whose customers may use it.
    seller_id: ID,
    /// Capital letters, digits, `-`.
    code: String,
    /// 1 to 100.
    percent: Option<u8>,
    /// No more than there is to pay.
    amount: Option<Money>,
    /// The first so many periods; all when missing.
    periods: Option<u32>,
    /// Keys of the plans it is for; all when empty.
    #[graphql(default)]
    plans: Vec<String>,
    /// How many customers may use it; any number when missing.
    redeem_max: Option<u64>,
    /// Until when it is good; for good when missing.
    ends_at: Option<DateTime>,
    #[graphql(flatten)]
    terms: CreateTerms,
}

impl CouponCreateInput {
    fn coupon(self) -> Result<NewCoupon, Error> {
        let discount = match (self.percent, self.amount) {
            (Some(percent), None) => Discount::Percent(percent),
            (None, Some(amount)) => Discount::Amount(amount.0),
            (None, None) | (Some(_), Some(_)) => {
                return Err(invalid("percent", "A coupon takes off `percent` or `amount`"));
            }
        };
        let coupon = billing::Coupon { discount, periods: self.periods };
        let (plans, redeem_max, ends_at) = (self.plans, self.redeem_max, self.ends_at.map(Into::into));
        Ok(NewCoupon { code: self.code, coupon, plans, redeem_max, ends_at })
    }
}

/// What is left out stays.
#[derive(InputObject)]
pub struct CouponUpdateInput {
    coupon_id: ID,
    disabled: Option<bool>,
    /// null: any number.
    redeem_max: MaybeUndefined<u64>,
    /// null: for good.
    ends_at: MaybeUndefined<DateTime>,
    #[graphql(flatten)]
    terms: ChangeTerms,
}

object_payload!(CouponCreatePayload, CouponCreateUserError, CouponCreateErrorCode, [NotFound, Taken, LimitReached], coupon: Coupon);
object_payload!(CouponUpdatePayload, CouponUpdateUserError, CouponUpdateErrorCode, [NotFound, StaleObject], coupon: Coupon);

#[derive(Default)]
pub struct CouponQuery;

#[Object]
impl CouponQuery {
    /// Coupons of a seller, for its own people.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    async fn coupons(
        &self,
        ctx: &Context<'_>,
        seller_id: ID,
        first: Option<u32>,
        after: Option<ID>,
        last: Option<u32>,
        before: Option<ID>,
    ) -> Result<Option<CouponConnection>> {
        let paging = Paging::new(ctx, first, after, last, before)?;
        let Ok(seller) = seller_id.parse() else { return Ok(None) };
        let rows = found(desk(ctx)?.coupons(actor(ctx), seller, &paging.page()).await)?;
        Ok(rows.map(|rows| CouponConnection::new(&paging, rows)))
    }
}

#[derive(Default)]
pub struct CouponMutation;

#[Object]
impl CouponMutation {
    /// Makes a coupon. TAKEN for a code that the seller has.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn coupon_create(&self, ctx: &Context<'_>, mut input: CouponCreateInput) -> Result<CouponCreatePayload> {
        let desk = desk(ctx)?;
        let terms = std::mem::take(&mut input.terms).into();
        let made = async {
            let seller = tenant_id_of("sellerId", &input.seller_id)?;
            let made = desk.coupon_create(actor(ctx), &terms, seller, &input.coupon()?).await;
            made.map_err(|e| e.missing("sellerId"))
        };
        CouponCreatePayload::object(made.await)
    }

    /// Changes until when, how often and whether it is good. Who has used it keeps what it takes off.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn coupon_update(&self, ctx: &Context<'_>, input: CouponUpdateInput) -> Result<CouponUpdatePayload> {
        let patch = CouponPatch {
            disabled: input.disabled,
            redeem_max: wanted(input.redeem_max),
            ends_at: wanted(input.ends_at).map(|at| at.map(Into::into)),
        };
        let done = desk(ctx)?.coupon_update(actor(ctx), &input.terms.into(), &input.coupon_id, &patch).await;
        CouponUpdatePayload::object(done)
    }
}
