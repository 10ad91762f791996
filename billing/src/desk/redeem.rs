//! SUMMARY    Redemptions of coupons: a page that is open holds one, a page that is paid keeps it, a page that ends unpaid gives it back.
//! LIMITS     The coupon's own `redeem_max`
//! INVARIANTS Paid and held redemptions together are never more than a coupon has. One is given back when the provider says that nobody can
//!            pay on the page any more, not when we end it.

use super::{Billing, store::CustomerRow};
use base::TenantId;
use tenants::{
    Code, Error, Result,
    sql::{Connection, number, optional, query, text},
};

impl Billing {
    /// Holds one redemption for a page; it passes from an earlier page of the same customer, of which one can be paid alone. `Invalid`
    /// when all are redeemed or held.
    pub(crate) async fn hold_coupon(
        &self,
        txn: &mut Connection,
        row: &CustomerRow,
        page: &str,
        code: &str,
    ) -> Result<()> {
        let coupon = query("SELECT id, redeem_max, redeemed FROM coupon WHERE tenant = $1 AND code = $2")
            .bind(row.customer.seller.to_string())
            .bind(code)
            .fetch_optional(&mut *txn)
            .await?
            .ok_or_else(|| Error::new(Code::Invalid, "coupon", "There is no such coupon"))?;
        let id = text(&coupon, "id")?;
        query("UPDATE checkout SET coupon = NULL WHERE tenant = $1 AND coupon = $2 AND state <> 'COMPLETE'")
            .bind(row.customer.tenant.to_string())
            .bind(&id)
            .execute(&mut *txn)
            .await?;
        if let Some(max) = optional(&coupon, "redeem_max")? {
            let held = query("SELECT COUNT(*) AS n FROM checkout WHERE coupon = $1 AND state <> 'COMPLETE'").bind(&id);
            let held = number(&held.fetch_one(&mut *txn).await?, "n")?;
            if number(&coupon, "redeemed")?.saturating_add(held) >= max {
                let message = "The last ones of this coupon are on pages where others are paying: try again later";
                return Err(Error::new(Code::Invalid, "coupon", message));
            }
        }
        query("UPDATE checkout SET coupon = $2 WHERE id = $1").bind(page).bind(id).execute(txn).await.map(drop)
    }

    /// Gives back what a page holds, by our id of it; a page that was paid keeps it.
    pub(crate) async fn coupon_back(&self, txn: &mut Connection, page: &str) -> Result<()> {
        query("UPDATE checkout SET coupon = NULL WHERE id = $1 AND state <> 'COMPLETE'")
            .bind(page)
            .execute(txn)
            .await
            .map(drop)
    }

    /// A page was paid: its redemption counts.
    pub(crate) async fn coupon_redeemed(&self, txn: &mut Connection, tenant: TenantId, code: &str) -> Result<()> {
        let Some(row) = self.customer_in(txn, tenant).await? else { return Ok(()) };
        query("UPDATE coupon SET redeemed = redeemed + 1, version = version + 1 WHERE tenant = $1 AND code = $2")
            .bind(row.customer.seller.to_string())
            .bind(code)
            .execute(txn)
            .await
            .map(drop)
    }
}
