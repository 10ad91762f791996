//! SUMMARY    Coupons: made, disabled, looked up, redeemed so often as they may be.
//! LIMITS     COUPON_CODE_CHARS_MAX, COUPON_PLANS_MAX, COUPONS_MAX
//! INVARIANTS Codes are kept in capital letters and compared so. What a coupon takes off never changes: who has it keeps it.

use super::{
    Billing, CouponPatch, CouponShown, NewCoupon,
    store::{of_body, refused, to_body},
};
use base::{TenantId, Timestamp};
use tenants::{
    Actor, Code, Done, Error, Page, Permission, Result, Terms,
    sql::{Connection, LAST, Request, Row, Start, Statements, fresh_id, id, number, optional, query, text},
};

/// Characters of a code.
pub const COUPON_CODE_CHARS_MAX: usize = 40;
/// Plans that a coupon names.
pub const COUPON_PLANS_MAX: usize = 100;
/// Coupons of a seller.
pub const COUPONS_MAX: i64 = 100_000;

const COUPONS: Statements = Statements {
    forward: "SELECT * FROM coupon WHERE tenant = $1 AND code > $2 ORDER BY code LIMIT $3",
    backward: "SELECT * FROM coupon WHERE tenant = $1 AND code < $2 ORDER BY code DESC LIMIT $3",
    count: "SELECT COUNT(*) AS n FROM coupon WHERE tenant = $1",
};

impl Billing {
    /// Coupons of a seller.
    pub async fn coupons(&self, actor: &Actor, seller: TenantId, page: &Page) -> Result<(Vec<CouponShown>, i64)> {
        let mut connection = self.service.reader(actor).await?;
        self.service.permit(&mut connection, actor, Permission::BillingRead, seller).await?;
        let from = match &page.cursor {
            Some(id) => {
                let at = query("SELECT code FROM coupon WHERE id = $1 AND tenant = $2");
                let at = at.bind(id).bind(seller.to_string()).fetch_optional(&mut connection).await?;
                text(&at.ok_or_else(|| page.not_a_cursor())?, "code")?
            }
            None if page.backward => LAST.to_owned(),
            None => String::new(),
        };
        let (rows, count) = page.rows(&mut connection, &COUPONS, &[seller.to_string()], vec![from.into()]).await?;
        Ok((rows.iter().map(coupon_row).collect::<Result<_>>()?, count))
    }

    /// Makes a coupon. `Taken` for a code that the seller has.
    pub async fn coupon_create(
        &self,
        actor: &Actor,
        terms: &Terms,
        seller: TenantId,
        new: &NewCoupon,
    ) -> Result<Done<CouponShown>> {
        let request = Request::new("couponCreate", format!("{seller} {new:?}"));
        let mut work = match self.service.start(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        self.may_sell(&mut work.txn, actor, seller).await?;
        let code = as_kept(&new.code)?;
        new.coupon.check().map_err(refused)?;
        check_terms(new.redeem_max, new.ends_at, self.service.now())?;
        self.sold_here(&mut work.txn, seller, &new.plans).await?;
        self.code_is_free(&mut work.txn, seller, &code).await?;
        let id = fresh_id("cpn_")?;
        query(
            "INSERT INTO coupon (id, tenant, code, body, plans, redeem_max, ends_at, version, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, 1, $8)",
        )
        .bind(&id)
        .bind(seller.to_string())
        .bind(&code)
        .bind(to_body(&new.coupon)?)
        .bind(to_body(&new.plans)?)
        .bind(redeem_max(new.redeem_max)?)
        .bind(new.ends_at.map(|at| at.0))
        .bind(self.service.now().0)
        .execute(&mut work.txn)
        .await?;
        self.service.audit(&mut work.txn, actor, seller, "couponCreate", &id, &code).await?;
        let shown = self.coupon_in(&mut work.txn, &id).await?;
        self.service.finish(work, shown, &[]).await
    }

    /// Changes until when, how often, whether it is good.
    pub async fn coupon_update(
        &self,
        actor: &Actor,
        terms: &Terms,
        id: &str,
        patch: &CouponPatch,
    ) -> Result<Done<CouponShown>> {
        let request = Request::new("couponUpdate", format!("{id} {patch:?}"));
        let mut work = match self.service.start(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        let now = self.coupon_in(&mut work.txn, id).await?;
        self.may_sell(&mut work.txn, actor, now.seller).await.map_err(|e| e.missing("couponId"))?;
        work.expect(now.version)?;
        check_terms(patch.redeem_max.flatten(), patch.ends_at.flatten(), self.service.now())?;
        query("UPDATE coupon SET disabled = $2, redeem_max = $3, ends_at = $4, version = version + 1 WHERE id = $1")
            .bind(id)
            .bind(i64::from(patch.disabled.unwrap_or(now.disabled)))
            .bind(redeem_max(patch.redeem_max.unwrap_or(now.new.redeem_max))?)
            .bind(patch.ends_at.unwrap_or(now.new.ends_at).map(|at| at.0))
            .execute(&mut work.txn)
            .await?;
        self.service.audit(&mut work.txn, actor, now.seller, "couponUpdate", id, &format!("{patch:?}")).await?;
        let shown = self.coupon_in(&mut work.txn, id).await?;
        self.service.finish(work, shown, &[]).await
    }

    async fn coupon_in(&self, txn: &mut Connection, id: &str) -> Result<CouponShown> {
        let row = query("SELECT * FROM coupon WHERE id = $1").bind(id).fetch_optional(txn).await?;
        coupon_row(&row.ok_or_else(|| Error::not_found("couponId"))?)
    }

    /// `Invalid` for a key that is no plan of the seller.
    async fn sold_here(&self, txn: &mut Connection, seller: TenantId, plans: &[String]) -> Result<()> {
        if plans.len() > COUPON_PLANS_MAX {
            let message = format!("A coupon names at most {COUPON_PLANS_MAX} plans (COUPON_PLANS_MAX)");
            return Err(Error::new(Code::Invalid, "plans", message));
        }
        for key in plans {
            let known = query("SELECT 1 AS n FROM plan WHERE tenant = $1 AND key = $2 LIMIT 1");
            if known.bind(seller.to_string()).bind(key).fetch_optional(&mut *txn).await?.is_none() {
                return Err(Error::new(Code::Invalid, "plans", "The seller has no plan of this key"));
            }
        }
        Ok(())
    }

    async fn code_is_free(&self, txn: &mut Connection, seller: TenantId, code: &str) -> Result<()> {
        let known =
            query("SELECT 1 AS n FROM coupon WHERE tenant = $1 AND code = $2").bind(seller.to_string()).bind(code);
        if known.fetch_optional(&mut *txn).await?.is_some() {
            return Err(Error::new(Code::Taken, "code", "There is a coupon of this code"));
        }
        let all = query("SELECT COUNT(*) AS n FROM coupon WHERE tenant = $1").bind(seller.to_string());
        if number(&all.fetch_one(txn).await?, "n")? >= COUPONS_MAX {
            let message = format!("A seller has at most {COUPONS_MAX} coupons (COUPONS_MAX)");
            return Err(Error::new(Code::LimitReached, "tenantId", message));
        }
        Ok(())
    }
}

pub(crate) fn coupon_row(row: &Row) -> Result<CouponShown> {
    let count = |n: i64| u64::try_from(n).unwrap_or(0);
    Ok(CouponShown {
        id: text(row, "id")?,
        seller: id(row, "tenant")?,
        new: NewCoupon {
            code: text(row, "code")?,
            coupon: of_body(row, "body")?,
            plans: of_body(row, "plans")?,
            redeem_max: optional(row, "redeem_max")?.map(count),
            ends_at: optional(row, "ends_at")?.map(Timestamp),
        },
        redeemed: count(number(row, "redeemed")?),
        disabled: number(row, "disabled")? != 0,
        created_at: Timestamp(number(row, "created_at")?),
        version: number(row, "version")?,
    })
}

/// A code in capital letters. `Invalid`.
fn as_kept(code: &str) -> Result<String> {
    let code = code.trim().to_ascii_uppercase();
    let fits = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'-';
    if code.is_empty() || code.len() > COUPON_CODE_CHARS_MAX || !code.bytes().all(fits) {
        let message = format!("A code has 1 to {COUPON_CODE_CHARS_MAX} letters, digits and - (COUPON_CODE_CHARS_MAX)");
        return Err(Error::new(Code::Invalid, "code", message));
    }
    Ok(code)
}

fn check_terms(redeem_max: Option<u64>, ends_at: Option<Timestamp>, now: Timestamp) -> Result<()> {
    if redeem_max == Some(0) {
        return Err(Error::new(Code::Invalid, "redeemMax", "A coupon is redeemed once at least: disable it instead"));
    }
    match ends_at {
        Some(end) if end <= now => Err(Error::new(Code::Invalid, "endsAt", "This is in the past: disable it instead")),
        Some(_) | None => Ok(()),
    }
}

fn redeem_max(max: Option<u64>) -> Result<Option<i64>> {
    let too_large = |_| Error::new(Code::Invalid, "redeemMax", "The number is too large");
    max.map(i64::try_from).transpose().map_err(too_large)
}
