//! SUMMARY    What a provider does not know any more: a page, or a whole customer.
//! STANDARDS  product rules 3.3, S1
//! INVARIANTS The mirror of a customer that is gone is kept, for its books. Nobody is sent to a page that is not there, and the operator is
//!            told once, not at each comparison.

use super::{Billing, call::Call, store::CustomerRow};
use base::TenantId;
use tenants::{
    Result,
    sql::{Connection, query, text},
};

/// As it stands among the drift.
const CUSTOMER_GONE: &str = "the payment provider does not know this customer (any more)";

impl Billing {
    /// The provider does not know a page, by its own id.
    pub(crate) async fn page_gone(&self, txn: &mut Connection, tenant: TenantId, page: &str) -> Result<()> {
        let row = query("SELECT id FROM checkout WHERE tenant = $1 AND provider_id = $2")
            .bind(tenant.to_string())
            .bind(page)
            .fetch_optional(&mut *txn)
            .await?;
        let Some(id) = row.map(|row| text(&row, "id")).transpose()? else { return Ok(()) };
        self.checkout_ended(txn, &id).await?;
        self.coupon_back(txn, &id).await
    }

    /// The provider does not know a customer: its pages end, there too if one is there, and the operator is told.
    pub(crate) async fn customer_gone(&self, txn: &mut Connection, row: &CustomerRow) -> Result<()> {
        let tenant = row.customer.tenant;
        let pages = query(
            "SELECT id, provider_id FROM checkout WHERE tenant = $1 AND (state = 'OPEN' OR (state = 'EXPIRED' AND coupon IS NOT NULL))",
        )
        .bind(tenant.to_string())
        .fetch_all(&mut *txn)
        .await?;
        for page in &pages {
            let id = text(page, "id")?;
            self.checkout_ended(txn, &id).await?;
            if let Some(checkout) = page.text("provider_id")? {
                let call = Call::CloseCheckout { checkout };
                self.put_call_once(txn, tenant, &format!("cal_close_{id}"), &call).await?;
            }
        }
        let last = query("SELECT what FROM billing_drift WHERE tenant = $1 ORDER BY seq DESC LIMIT 1");
        let last = last.bind(tenant.to_string()).fetch_optional(&mut *txn).await?;
        if last.map(|row| text(&row, "what")).transpose()?.is_some_and(|what| what == CUSTOMER_GONE) {
            return Ok(());
        }
        metrics::counter!("posthouse_billing_drift_total").increment(1);
        self.note_drift(txn, tenant, CUSTOMER_GONE).await
    }
}
