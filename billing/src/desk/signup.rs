//! SUMMARY    The shop that signup asks: offers, the page of a customer to be, what a new tenant has, giving back.
//! STANDARDS  docs/decisions/0035-signup.md; product rules U2, U3, 3.11
//! INVARIANTS A customer is a row before its tenant is there. Of a signup that came to nothing everything ends and goes back, also what is
//!            paid afterwards.

use super::{Asked, Billing, PlanState, call::Call, checkout::PageBody, choose::Chosen, store::CustomerRow};
use crate::{CheckoutState, Interval, Item};
use base::{TenantId, Timestamp};
use control::Change;
use tenants::{
    Applied, Choice, Code, Coming, Error, Grounds, Offer, Order, Payment, Result, Shop,
    sql::{Connection, Txn, query},
};

impl Shop for Billing {
    fn grounds<'a>(&'a self, connection: &'a mut Connection, tenant: TenantId) -> Coming<'a, Option<Grounds>> {
        Box::pin(self.grounds_in(connection, tenant))
    }

    fn ended<'a>(&'a self, connection: &'a mut Connection) -> Coming<'a, Vec<TenantId>> {
        Box::pin(self.ended_in(connection))
    }

    fn invoice_document<'a>(&'a self, tenant: TenantId, invoice: &'a str) -> Coming<'a, Option<Vec<u8>>> {
        Box::pin(self.document_of(tenant, invoice))
    }

    fn offer<'a>(&'a self, seller: TenantId, choice: &'a Choice) -> Coming<'a, Offer> {
        Box::pin(async move {
            let mut connection = self.service.connection().await?;
            // Nobody has bought anything yet.
            let chosen = self.chosen(&mut connection, seller, None, choice).await?;
            self.coupon_asked(&mut connection, seller, &asked(choice)?, &chosen).await?;
            let total = chosen.choice.total().map_err(super::store::refused)?;
            let plan = &chosen.choice.plan;
            let grants = plan.comes_with(&chosen.choice.items).map_err(super::store::refused)?;
            Ok(Offer {
                title: plan.title.clone(),
                free: plan.is_free(),
                total: total.to_string(),
                yearly: chosen.choice.interval == Interval::Year,
                trial_days: plan.trial_days,
                mailboxes: grants.mailboxes,
                domains: grants.domains,
                storage_bytes: grants.storage_bytes,
                recipients_per_day: grants.recipients_per_day,
            })
        })
    }

    fn checkout<'a>(&'a self, order: &'a Order) -> Coming<'a, Payment> {
        Box::pin(async move {
            let Some(calls) = self.order(order).await? else { return Ok(Payment::Live) };
            for id in &calls {
                self.made_by_anybody(id).await?;
            }
            let page = self.checkout_now(order.tenant).await?;
            if self.has_live(order.tenant).await? {
                return Ok(Payment::Live);
            }
            let not_yet = || Error::new(Code::Internal, "", "The payment provider does not answer, try again");
            match page {
                Some(page) if page.state == CheckoutState::Open && page.url.is_empty() => Err(not_yet()),
                Some(page) if page.state == CheckoutState::Open => {
                    Ok(Payment::Waiting { url: page.url, until: page.expires_at })
                }
                // Paid, and the subscription is not in the mirror yet.
                Some(page) if page.state == CheckoutState::Complete => match self.synced(order.tenant).await {
                    Applied::Done if self.has_live(order.tenant).await? => Ok(Payment::Live),
                    Applied::Done | Applied::Pending => Err(not_yet()),
                },
                Some(_) | None => Ok(Payment::Expired),
            }
        })
    }

    fn provision<'a>(&'a self, txn: &'a mut Txn, order: &'a Order) -> Coming<'a, Vec<Change>> {
        Box::pin(async move {
            let row = self.customer_to_be(txn, order).await?;
            if !self.has_live_in(txn, order.tenant).await? {
                let chosen = self.chosen(txn, order.seller, Some(order.tenant), &order.choice).await?;
                if !chosen.choice.plan.is_free() {
                    return Err(Error::new(Code::Invalid, "", "It was not paid"));
                }
                self.give(txn, row, &chosen).await?;
            }
            self.mark(txn, order.tenant).await?;
            self.stand(txn, order.tenant).await
        })
    }

    fn give_back<'a>(&'a self, tenant: TenantId) -> Coming<'a, ()> {
        Box::pin(async move {
            let mut txn = self.service.begin().await?;
            if self.customer_in(&mut txn, tenant).await?.is_none() {
                return Ok(());
            }
            query(
                "UPDATE customer SET given_back_at = $2, free_plan = NULL WHERE tenant = $1 AND given_back_at IS NULL",
            )
            .bind(tenant.to_string())
            .bind(self.service.now().0)
            .execute(&mut txn)
            .await?;
            let page = self.checkout_in(&mut txn, tenant).await?;
            let mut calls = Vec::new();
            if let Some(page) = page.filter(|page| page.shown.state == CheckoutState::Open) {
                match page.provider_id {
                    Some(known) => {
                        calls.push(self.put_call(&mut txn, tenant, &Call::CloseCheckout { checkout: known }).await?);
                    }
                    None => self.checkout_ended(&mut txn, &page.shown.id).await?,
                }
            }
            self.mark(&mut txn, tenant).await?;
            txn.commit().await?;
            for id in &calls {
                self.made_by_anybody(id).await?;
            }
            // What is not there yet is given back by the worker.
            self.synced(tenant).await;
            let mut connection = self.service.connection().await?;
            let waiting = self.calls_since(&mut connection, tenant, Timestamp(i64::MAX)).await?;
            drop(connection);
            for call in &waiting {
                self.made_by_anybody(&call.id).await?;
            }
            Ok(())
        })
    }

    fn had_trial<'a>(&'a self, connection: &'a mut Connection, contact: &'a str) -> Coming<'a, bool> {
        Box::pin(self.had_trial_in(connection, contact))
    }
}

impl Billing {
    /// Writes down what somebody who signs up wants; gives the calls that open its page. None: it is free, and there is nothing to pay.
    async fn order(&self, order: &Order) -> Result<Option<Vec<String>>> {
        let mut txn = self.service.begin().await?;
        let row = self.customer_to_be(&mut txn, order).await?;
        let chosen = self.chosen(&mut txn, order.seller, Some(order.tenant), &order.choice).await?;
        if chosen.choice.plan.is_free() {
            self.give(&mut txn, row, &chosen).await?;
            txn.commit().await?;
            return Ok(None);
        }
        if let Some(page) = self.checkout_in(&mut txn, order.tenant).await? {
            // One page for each signup: after its end there is another signup.
            let opening = self.opening_of(&mut txn, order.tenant, &page.shown.id).await?;
            return Ok(Some(opening.into_iter().collect()));
        }
        let coupon = self.coupon_asked(&mut txn, order.seller, &asked(&order.choice)?, &chosen).await?;
        let trial_days = self.trial_of(&mut txn, Some(&row), &chosen).await?;
        let body = PageBody { choice: chosen.choice, coupon, trial_days };
        let back = (order.back_url.clone(), order.back_url.clone());
        let (_, calls) = self.open_page_for(&mut txn, &row, body, back).await?;
        txn.commit().await?;
        Ok(Some(calls))
    }

    /// The customer of an order: made when it is not there. `Invalid` after it was given back.
    async fn customer_to_be(&self, txn: &mut Connection, order: &Order) -> Result<CustomerRow> {
        if let Some(row) = self.customer_in(txn, order.tenant).await? {
            let back = query("SELECT 1 AS n FROM customer WHERE tenant = $1 AND given_back_at IS NOT NULL");
            return match back.bind(order.tenant.to_string()).fetch_optional(txn).await? {
                Some(_) => Err(Error::new(Code::Invalid, "", "This signup has ended, and was given back")),
                None => Ok(row),
            };
        }
        let mut row = CustomerRow::new(order.tenant, order.seller, self.options.provider, order.name.clone());
        row.customer.email.clone_from(&order.contact);
        row.customer.language.clone_from(&order.locale);
        self.save_customer(txn, &row).await?;
        Ok(row)
    }

    /// What is offered to those who sign up by themselves.
    async fn chosen(
        &self,
        txn: &mut Connection,
        seller: TenantId,
        tenant: Option<TenantId>,
        choice: &Choice,
    ) -> Result<Chosen> {
        let chosen = self.choose(txn, (seller, tenant), &asked(choice)?, false).await?;
        if chosen.plan.state != PlanState::Offered && chosen.has.is_none() {
            return Err(Error::not_found("plan"));
        }
        Ok(chosen)
    }

    async fn give(&self, txn: &mut Connection, mut row: CustomerRow, chosen: &Chosen) -> Result<()> {
        row.customer.free_plan = Some(chosen.plan.id.clone());
        self.save_customer(txn, &row).await
    }

    async fn has_live(&self, tenant: TenantId) -> Result<bool> {
        self.has_live_in(&mut self.service.connection().await?, tenant).await
    }

    async fn has_live_in(&self, txn: &mut Connection, tenant: TenantId) -> Result<bool> {
        Ok(self.subscriptions_in(txn, tenant).await?.iter().any(|s| s.status.is_live()))
    }
}

/// A choice as signup has it, as the desk asks.
fn asked(choice: &Choice) -> Result<Asked> {
    let currency = choice.currency.as_deref().map(str::parse).transpose().map_err(super::store::refused)?;
    let interval = match choice.interval.as_deref() {
        None | Some("MONTH") => Some(Interval::Month),
        Some("YEAR") => Some(Interval::Year),
        Some(_) => return Err(Error::new(Code::Invalid, "interval", "MONTH or YEAR")),
    };
    let item = |(component, quantity): &(String, u64)| Item { component: component.clone(), quantity: *quantity };
    Ok(Asked {
        plan: choice.plan.clone(),
        items: choice.items.iter().map(item).collect(),
        currency,
        interval,
        coupon: choice.coupon.clone(),
    })
}
