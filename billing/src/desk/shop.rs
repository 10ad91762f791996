//! SUMMARY    Buying: the page to pay on, the pages of the provider's own.
//! STANDARDS  product rules 3.4, 3.5, 3.11
//! LIMITS     CHECKOUT_LIFE, CHECKOUT_LEFT_MIN, BACK_CHARS_MAX
//! INVARIANTS A tenant has one open page. Rows and calls are committed before the provider is asked for anything.

use super::{
    Asked, Billing, CheckoutShown,
    call::Call,
    carry::{Decided, unanswered},
    checkout::PageBody,
    choose::Chosen,
    customer::new_customer,
    door::no_customer,
    store::CustomerRow,
};
use crate::{CheckoutState, NewCheckout};
use base::{TenantId, Timestamp};
use std::time::Duration;
use tenants::{
    Actor, Applied, Code, Done, Error, Result, Terms,
    sql::{Connection, Request, Start, Work, fresh_id},
};

/// How long a page to pay on is open (5: a signup is resumed for so long).
pub(crate) const CHECKOUT_LIFE: Duration = Duration::from_secs(23 * 3600);
/// A page that is open for less is not given again.
const CHECKOUT_LEFT_MIN: Duration = Duration::from_secs(30 * 60);
/// Characters of a path to come back to.
const BACK_CHARS_MAX: usize = 500;

impl Billing {
    /// Opens a page to pay on; a plan that costs nothing is given at once and has no page (`url` empty, COMPLETE). `Invalid` when it has
    /// a subscription of the family.
    pub async fn checkout_open(
        &self,
        actor: &Actor,
        terms: &Terms,
        tenant: TenantId,
        asked: &Asked,
    ) -> Result<Done<CheckoutShown>> {
        let request = Request::while_held("checkoutOpen", format!("{tenant} {asked:?}"));
        let mut work = match self.service.start::<Decided>(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return self.opened(tenant, done).await,
        };
        self.may_buy(&mut work.txn, actor, tenant).await?;
        self.not_closed(&mut work.txn, tenant).await?;
        let seller = self.seller_of(&mut work.txn, tenant).await?;
        let sells = self.sells(&mut work.txn, actor, seller).await?;
        let chosen = self.choose(&mut work.txn, (seller, Some(tenant)), asked, sells).await?;
        if chosen.has.is_some() {
            return Err(Error::new(Code::Invalid, "plan", "There is a subscription: change it instead"));
        }
        let detail = format!("{} {}", chosen.plan.id, asked.coupon.as_deref().unwrap_or_default());
        self.service.audit(&mut work.txn, actor, tenant, "checkoutOpen", &tenant.to_string(), detail.trim()).await?;
        if chosen.choice.plan.is_free() {
            return self.give_free(work, tenant, chosen).await;
        }
        self.nothing_owed(&mut work.txn, tenant).await?;
        let portal = self.portal()?;
        let back = (format!("{portal}/billing/paid"), format!("{portal}/billing/plans"));
        let row = self.payer_in(&mut work.txn, tenant).await?;
        let coupon = self.coupon_asked(&mut work.txn, seller, asked, &chosen).await?;
        if let Some((code, _)) = &coupon {
            self.coupon_unused(&mut work.txn, (seller, tenant), code).await?;
        }
        let trial_days = self.trial_of(&mut work.txn, Some(&row), &chosen).await?;
        let body = PageBody { choice: chosen.choice, coupon, trial_days };
        let (shown, calls) = self.open_page_for(&mut work.txn, &row, body, back).await?;
        let (decided, dry_run) = (Decided { calls, about: shown.id.clone() }, work.dry_run);
        let done = self.service.finish(work, decided, &[]).await?;
        if dry_run { Ok(done.map(|_| shown)) } else { self.opened(tenant, done).await }
    }

    /// The last page that was opened, as it is at the provider when it is asked for.
    pub async fn checkout(&self, actor: &Actor, tenant: TenantId) -> Result<Option<CheckoutShown>> {
        let mut connection = self.service.reader(actor).await?;
        self.may_see(&mut connection, actor, tenant).await?;
        drop(connection);
        self.checkout_now(tenant).await
    }

    /// Ends a page that is open.
    pub async fn checkout_close(&self, actor: &Actor, terms: &Terms, tenant: TenantId) -> Result<Done<CheckoutShown>> {
        let request = Request::while_held("checkoutClose", tenant.to_string());
        let mut work = match self.service.start::<Decided>(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return self.opened(tenant, done).await,
        };
        self.may_buy(&mut work.txn, actor, tenant).await?;
        let open = self.checkout_in(&mut work.txn, tenant).await?.filter(|c| c.shown.state == CheckoutState::Open);
        let open = open.ok_or_else(|| Error::new(Code::Invalid, "tenantId", "No page is open"))?;
        let calls = match &open.provider_id {
            Some(page) => {
                let call = Call::CloseCheckout { checkout: page.clone() };
                vec![self.put_call(&mut work.txn, tenant, &call).await?]
            }
            None => {
                self.checkout_ended(&mut work.txn, &open.shown.id).await?;
                Vec::new()
            }
        };
        self.service.audit(&mut work.txn, actor, tenant, "checkoutClose", &open.shown.id, "").await?;
        let (decided, dry_run) = (Decided { calls, about: open.shown.id.clone() }, work.dry_run);
        let done = self.service.finish(work, decided, &[]).await?;
        if dry_run { Ok(done.map(|_| open.shown)) } else { self.opened(tenant, done).await }
    }

    /// The provider's page to change what is paid with. `back` is a path of the portal.
    pub async fn card_page(&self, actor: &Actor, terms: &Terms, tenant: TenantId, back: &str) -> Result<Done<String>> {
        self.providers_page(actor, terms, tenant, ("cardPageOpen", back)).await
    }

    /// The provider's own page for customers.
    pub async fn customer_page(
        &self,
        actor: &Actor,
        terms: &Terms,
        tenant: TenantId,
        back: &str,
    ) -> Result<Done<String>> {
        self.providers_page(actor, terms, tenant, ("customerPageOpen", back)).await
    }

    /// A page that shows and is gone soon: it is asked for anew each time, and changes nothing until somebody does something on it.
    async fn providers_page(
        &self,
        actor: &Actor,
        terms: &Terms,
        tenant: TenantId,
        (action, back): (&'static str, &str),
    ) -> Result<Done<String>> {
        let back = self.back(back)?;
        let request = Request::while_held(action, format!("{tenant} {back}"));
        let done = match self.service.start::<Decided>(actor, terms, request).await? {
            Start::Repeated(done) => done,
            Start::Fresh(mut work) => {
                self.may_buy(&mut work.txn, actor, tenant).await?;
                let row = self.payer_in(&mut work.txn, tenant).await?;
                let calls = self.made_known(&mut work.txn, &row).await?;
                self.service.audit(&mut work.txn, actor, tenant, action, &tenant.to_string(), "").await?;
                let (decided, dry_run) = (Decided { calls, about: fresh_id("pag_")? }, work.dry_run);
                let done = self.service.finish(work, decided, &[]).await?;
                if dry_run {
                    return Ok(done.map(|_| String::new()));
                }
                done
            }
        };
        let applied = self.carry_out(tenant, &done.object).await?;
        let mut connection = self.service.connection().await?;
        let row = self.customer_in(&mut connection, tenant).await?.ok_or_else(no_customer)?;
        drop(connection);
        let not_yet = || Error::new(Code::Internal, "", "The payment provider does not answer, try again");
        let known = row.provider_id.ok_or_else(not_yet)?;
        let (provider, key) = (self.provider(&row.customer.provider)?, done.object.about.as_str());
        let url = match action {
            "cardPageOpen" => provider.card_page(key, &known, &back).await,
            _ => provider.customer_page(key, &known, &back).await,
        };
        let url = url.map_err(|failure| unanswered(&failure))?;
        Ok(Done { object: url, applied })
    }

    /// A plan without a price is given at once.
    async fn give_free(&self, mut work: Work, tenant: TenantId, chosen: Chosen) -> Result<Done<CheckoutShown>> {
        let mut row = match self.customer_in(&mut work.txn, tenant).await? {
            Some(row) => row,
            None => self.new_customer(&self.service.tenant_in(&mut work.txn, tenant).await?)?,
        };
        row.customer.free_plan = Some(chosen.plan.id.clone());
        self.save_customer(&mut work.txn, &row).await?;
        let now = self.service.now();
        let body = PageBody { choice: chosen.choice, coupon: None, trial_days: 0 };
        let shown = self.new_page(&mut work.txn, tenant, &body, CheckoutState::Complete, now).await?;
        let changes = self.stand(&mut work.txn, tenant).await?;
        let decided = Decided { calls: Vec::new(), about: shown.id.clone() };
        Ok(self.service.finish(work, decided, &changes).await?.map(|_| shown))
    }

    /// The page that is open for the same choice, or a new one; with the calls that are to be made for it.
    pub(crate) async fn open_page_for(
        &self,
        txn: &mut Connection,
        row: &CustomerRow,
        body: PageBody,
        (success_url, cancel_url): (String, String),
    ) -> Result<(CheckoutShown, Vec<String>)> {
        let (tenant, now) = (row.customer.tenant, self.service.now());
        let mut calls = self.made_known(txn, row).await?;
        let open = self.checkout_in(txn, tenant).await?.filter(|c| c.shown.state == CheckoutState::Open);
        if let Some(open) = open {
            if open.body == body && open.shown.expires_at >= now.plus(CHECKOUT_LEFT_MIN) {
                calls.extend(self.opening_of(txn, tenant, &open.shown.id).await?);
                return Ok((open.shown, calls));
            }
            self.checkout_ended(txn, &open.shown.id).await?;
            if let Some(page) = open.provider_id {
                calls.push(self.put_call(txn, tenant, &Call::CloseCheckout { checkout: page }).await?);
            }
        }
        let ends = now.plus(CHECKOUT_LIFE);
        let shown = self.new_page(txn, tenant, &body, CheckoutState::Open, ends).await?;
        if let Some((code, _)) = &body.coupon {
            self.hold_coupon(txn, row, &shown.id, code).await?;
        }
        let wanted = crate::Wanted {
            plan: body.choice.plan,
            items: body.choice.items,
            currency: body.choice.currency,
            interval: body.choice.interval,
        };
        let new = NewCheckout {
            tenant,
            customer: row.provider_id.clone().unwrap_or_default(),
            wanted,
            trial_days: body.trial_days,
            coupon: body.coupon,
            success_url,
            cancel_url,
            expires_at: ends,
        };
        let call = Call::OpenCheckout { checkout: shown.id.clone(), new };
        calls.push(self.put_call(txn, tenant, &call).await?);
        Ok((shown, calls))
    }

    /// The call that makes a customer known to its provider, where it is not and none waits.
    pub(crate) async fn made_known(&self, txn: &mut Connection, row: &CustomerRow) -> Result<Vec<String>> {
        let tenant = row.customer.tenant;
        if row.provider_id.is_some() {
            return Ok(Vec::new());
        }
        let waiting = self.calls_since(txn, tenant, Timestamp(i64::MAX)).await?;
        if let Some(one) = waiting.into_iter().find(|w| matches!(w.call, Call::CreateCustomer { .. })) {
            return Ok(vec![one.id]);
        }
        let new = new_customer(&row.customer);
        Ok(vec![self.put_call(txn, tenant, &Call::CreateCustomer { new }).await?])
    }

    /// The page of a mutation after its calls were made, as far as they were.
    async fn opened(&self, tenant: TenantId, done: Done<Decided>) -> Result<Done<CheckoutShown>> {
        let applied = self.carry_out(tenant, &done.object).await?;
        let mut connection = self.service.connection().await?;
        let shown = self.checkout_by(&mut connection, tenant, &done.object.about).await?;
        let applied = if done.applied == Applied::Pending { Applied::Pending } else { applied };
        Ok(Done { object: shown, applied })
    }

    pub(crate) fn portal(&self) -> Result<&str> {
        let missing = || Error::new(Code::Invalid, "", "Paying needs the portal to come back to: it is not set up");
        self.options.portal.as_deref().map(|portal| portal.trim_end_matches('/')).ok_or_else(missing)
    }

    /// A path of the portal as a URL. `Invalid` for what leads elsewhere.
    fn back(&self, path: &str) -> Result<String> {
        let elsewhere = !path.starts_with('/') || path.starts_with("//") || path.contains(['\\', '\0']);
        if elsewhere || path.len() > BACK_CHARS_MAX || !path.bytes().all(|b| b.is_ascii_graphic()) {
            let message =
                format!("A path of the portal, as /billing: {BACK_CHARS_MAX} characters at most (BACK_CHARS_MAX)");
            return Err(Error::new(Code::Invalid, "back", message));
        }
        Ok(format!("{}{path}", self.portal()?))
    }
}
