//! SUMMARY    Pages to pay on, as rows: opened, ended, told by the provider.
//! LIMITS     PAGES_AT_ONCE, PAGES_ASKED_MAX, PAGE_LOOK
//! INVARIANTS A page that was paid redeems its coupon once. One that opens after it was given up is closed again.

use super::{
    Billing, CheckoutShown,
    call::Call,
    store::{of_body, of_word, to_body, to_word},
};
use crate::{Checkout, CheckoutState, Choice, Coupon, FailureKind};
use base::{TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tenants::{
    Error, Result,
    sql::{Connection, Row, fresh_id, id, number, query, text},
};

/// Pages past their end of one round.
const PAGES_AT_ONCE: i64 = 50;
/// Pages of a customer that a comparison asks about: the one that is open, and some that may have been paid when they ended with us.
const PAGES_ASKED_MAX: i64 = 5;
/// How often one is asked about that the provider still calls open.
const PAGE_LOOK: Duration = Duration::from_secs(600);

/// What a page is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PageBody {
    pub choice: Choice,
    pub coupon: Option<(String, Coupon)>,
    pub trial_days: u32,
}

/// A page with what is not shown.
pub(crate) struct PageRow {
    pub shown: CheckoutShown,
    pub body: PageBody,
    pub provider_id: Option<String>,
}

impl Billing {
    /// The last page of a tenant.
    pub(crate) async fn checkout_in(&self, txn: &mut Connection, tenant: TenantId) -> Result<Option<PageRow>> {
        let row =
            query("SELECT * FROM checkout WHERE tenant = $1 ORDER BY state = 'OPEN' DESC, created_at DESC LIMIT 1")
                .bind(tenant.to_string())
                .fetch_optional(txn)
                .await?;
        row.as_ref().map(page_row).transpose()
    }

    pub(crate) async fn checkout_by(&self, txn: &mut Connection, tenant: TenantId, id: &str) -> Result<CheckoutShown> {
        let row = query("SELECT * FROM checkout WHERE id = $1 AND tenant = $2").bind(id).bind(tenant.to_string());
        let row = row.fetch_optional(txn).await?.ok_or_else(|| Error::not_found("tenantId"))?;
        Ok(page_row(&row)?.shown)
    }

    /// The last page, as the provider has it now.
    pub(crate) async fn checkout_now(&self, tenant: TenantId) -> Result<Option<CheckoutShown>> {
        let mut connection = self.service.connection().await?;
        let Some(page) = self.checkout_in(&mut connection, tenant).await? else { return Ok(None) };
        let row = self.customer_in(&mut connection, tenant).await?;
        drop(connection);
        let (CheckoutState::Open, Some(known), Some(row)) = (page.shown.state, page.provider_id, row) else {
            return Ok(Some(page.shown));
        };
        match self.provider(&row.customer.provider)?.checkout(&known).await {
            Ok(now) if now.state == CheckoutState::Open => return Ok(Some(page.shown)),
            Ok(_) => {}
            Err(failure) if failure.kind == FailureKind::Gone => {}
            Err(failure) => {
                tracing::info!(%failure, "a payment provider did not say how a page is");
                return Ok(Some(page.shown));
            }
        }
        let mut txn = self.service.begin().await?;
        self.mark(&mut txn, tenant).await?;
        txn.commit().await?;
        self.synced(tenant).await;
        let mut connection = self.service.connection().await?;
        self.checkout_by(&mut connection, tenant, &page.shown.id).await.map(Some)
    }

    pub(crate) async fn new_page(
        &self,
        txn: &mut Connection,
        tenant: TenantId,
        body: &PageBody,
        state: CheckoutState,
        expires_at: Timestamp,
    ) -> Result<CheckoutShown> {
        let id = fresh_id("chk_")?;
        query(
            "INSERT INTO checkout (id, tenant, state, url, expires_at, body, created_at) VALUES ($1, $2, $3, '', $4, $5, $6)",
        )
        .bind(&id)
        .bind(tenant.to_string())
        .bind(to_word(&state)?)
        .bind(expires_at.0)
        .bind(to_body(body)?)
        .bind(self.service.now().0)
        .execute(txn)
        .await?;
        Ok(CheckoutShown { id, tenant, url: String::new(), state, choice: body.choice.clone(), expires_at })
    }

    /// The call that opens a page, while it waits.
    pub(crate) async fn opening_of(
        &self,
        txn: &mut Connection,
        tenant: TenantId,
        page: &str,
    ) -> Result<Option<String>> {
        let waiting = self.calls_since(txn, tenant, Timestamp(i64::MAX)).await?;
        let opens = |call: &Call| matches!(call, Call::OpenCheckout { checkout, .. } if checkout == page);
        Ok(waiting.into_iter().find(|w| opens(&w.call)).map(|w| w.id))
    }

    /// The provider opened a page.
    pub(crate) async fn checkout_opened(
        &self,
        txn: &mut Connection,
        tenant: TenantId,
        id: &str,
        page: &Checkout,
    ) -> Result<()> {
        let row = query("SELECT state FROM checkout WHERE id = $1").bind(id).fetch_optional(&mut *txn).await?;
        let is_open = row.map(|row| text(&row, "state")).transpose()?.is_some_and(|state| state == "OPEN");
        query("UPDATE checkout SET provider_id = $2, expires_at = $3 WHERE id = $1")
            .bind(id)
            .bind(&page.id)
            .bind(page.expires_at.0)
            .execute(&mut *txn)
            .await?;
        if !is_open {
            let call = Call::CloseCheckout { checkout: page.id.clone() };
            return self.put_call_once(txn, tenant, &format!("cal_close_{id}"), &call).await.map(drop);
        }
        query("UPDATE checkout SET url = $2 WHERE id = $1").bind(id).bind(&page.url).execute(&mut *txn).await?;
        self.checkout_told(txn, tenant, page).await
    }

    /// What the provider says of a page.
    pub(crate) async fn checkout_told(&self, txn: &mut Connection, tenant: TenantId, page: &Checkout) -> Result<()> {
        let row = query("SELECT * FROM checkout WHERE tenant = $1 AND provider_id = $2")
            .bind(tenant.to_string())
            .bind(&page.id)
            .fetch_optional(&mut *txn)
            .await?;
        let Some(known) = row.as_ref().map(page_row).transpose()? else { return Ok(()) };
        if page.state == CheckoutState::Open {
            if known.shown.expires_at <= self.service.now() {
                let call = Call::CloseCheckout { checkout: page.id.clone() };
                self.put_call_once(txn, tenant, &format!("cal_close_{}", known.shown.id), &call).await?;
            }
            return Ok(());
        }
        if page.state == CheckoutState::Expired {
            self.coupon_back(txn, &known.shown.id).await?;
        }
        if known.shown.state == page.state {
            return Ok(());
        }
        query("UPDATE checkout SET state = $2, url = '' WHERE id = $1")
            .bind(&known.shown.id)
            .bind(to_word(&page.state)?)
            .execute(&mut *txn)
            .await?;
        match (page.state, &known.body.coupon) {
            (CheckoutState::Complete, Some((code, _))) => self.coupon_redeemed(txn, tenant, code).await,
            (CheckoutState::Complete | CheckoutState::Expired | CheckoutState::Open, _) => Ok(()),
        }
    }

    /// The provider's ids of the pages that it is asked about: what is open with us, and what ended here and may still be paid there.
    pub(crate) async fn pages_to_ask(&self, tenant: TenantId) -> Result<Vec<String>> {
        let mut connection = self.service.connection().await?;
        let rows = query(
            "SELECT provider_id FROM checkout WHERE tenant = $1 AND provider_id IS NOT NULL AND (state = 'OPEN' OR \
             (state = 'EXPIRED' AND coupon IS NOT NULL)) ORDER BY state = 'OPEN' DESC, created_at DESC LIMIT $2",
        )
        .bind(tenant.to_string())
        .bind(PAGES_ASKED_MAX)
        .fetch_all(&mut connection)
        .await?;
        rows.iter().map(|row| text(row, "provider_id")).collect()
    }

    /// A page is open no more with us.
    pub(crate) async fn checkout_ended(&self, txn: &mut Connection, id: &str) -> Result<()> {
        query("UPDATE checkout SET state = 'EXPIRED', url = '' WHERE id = $1 AND state = 'OPEN'")
            .bind(id)
            .execute(txn)
            .await
            .map(drop)
    }

    /// Pages past their end, also those that ended here and hold a coupon still: those that never opened end, of the others the provider is
    /// asked. How many were.
    pub(crate) async fn pages_due(&self) -> Result<usize> {
        let now = self.service.now();
        let look = i64::try_from(PAGE_LOOK.as_millis()).unwrap_or(i64::MAX);
        let mut connection = self.service.connection().await?;
        let rows = query(
            "SELECT p.id, p.tenant, p.provider_id, p.expires_at FROM checkout p JOIN customer c ON c.tenant = p.tenant \
             WHERE p.state = 'OPEN' AND p.expires_at <= $1 AND c.sync_at IS NULL \
             AND (c.synced_at IS NULL OR c.synced_at < $2 OR p.provider_id IS NULL) \
             UNION ALL SELECT p.id, p.tenant, p.provider_id, p.expires_at FROM checkout p JOIN customer c ON c.tenant = p.tenant \
             WHERE p.state = 'EXPIRED' AND p.coupon IS NOT NULL AND p.provider_id IS NOT NULL AND p.expires_at <= $1 \
             AND c.sync_at IS NULL AND (c.synced_at IS NULL OR c.synced_at < $2) ORDER BY expires_at LIMIT $3",
        )
        .bind(now.0)
        .bind(now.0.saturating_sub(look))
        .bind(PAGES_AT_ONCE)
        .fetch_all(&mut connection)
        .await?;
        drop(connection);
        if rows.is_empty() {
            return Ok(0);
        }
        let mut txn = self.service.begin().await?;
        for row in &rows {
            match row.text("provider_id")? {
                Some(_) => self.mark(&mut txn, id(row, "tenant")?).await?,
                None => self.checkout_ended(&mut txn, &text(row, "id")?).await?,
            }
        }
        txn.commit().await?;
        Ok(rows.len())
    }
}

fn page_row(row: &Row) -> Result<PageRow> {
    let body: PageBody = of_body(row, "body")?;
    let shown = CheckoutShown {
        id: text(row, "id")?,
        tenant: id(row, "tenant")?,
        url: text(row, "url")?,
        state: of_word(row, "state")?,
        choice: body.choice.clone(),
        expires_at: Timestamp(number(row, "expires_at")?),
    };
    Ok(PageRow { shown, body, provider_id: row.text("provider_id")? })
}
