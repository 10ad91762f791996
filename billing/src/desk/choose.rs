//! SUMMARY    What somebody asks for, as something that is sold: plan, items, currency, coupon.
//! INVARIANTS Nobody buys what is not offered to it: a private plan is bought in the name of its seller alone, or by who has it.

use super::{
    Asked, Billing, PlanShown, PlanState,
    coupon::coupon_row,
    door::no_customer,
    store::{CustomerRow, plan_row, refused},
};
use crate::{Choice, Coupon, Currency, Interval, TrueSubscription, Wanted};
use base::TenantId;
use tenants::{
    Actor, Code, Error, Result,
    sql::{Connection, query},
};

/// Something that is sold, as it was asked for.
pub(crate) struct Chosen {
    pub plan: PlanShown,
    pub choice: Choice,
    /// The live subscription of its family.
    pub has: Option<TrueSubscription>,
}

impl Chosen {
    pub(crate) fn wanted(&self) -> Wanted {
        let Choice { plan, items, currency, interval } = self.choice.clone();
        Wanted { plan, items, currency, interval }
    }
}

impl Billing {
    /// Who sells to a tenant: whom it is a customer of, or the tenant above it.
    pub(crate) async fn seller_of(&self, txn: &mut Connection, tenant: TenantId) -> Result<TenantId> {
        if let Some(row) = self.customer_in(txn, tenant).await? {
            return Ok(row.customer.seller);
        }
        let above = self.service.tenant_in(txn, tenant).await?.parent;
        above.ok_or_else(|| Error::new(Code::Invalid, "tenantId", "Nobody sells to this tenant"))
    }

    /// What a tenant asks for, or somebody who is none yet. `NotFound` for a plan that is not sold to whoever asks, `Invalid` for what does not fit it.
    pub(crate) async fn choose(
        &self,
        txn: &mut Connection,
        (seller, tenant): (TenantId, Option<TenantId>),
        asked: &Asked,
        sells: bool,
    ) -> Result<Chosen> {
        let (bought, list) = match tenant {
            Some(tenant) => (self.subscriptions_in(txn, tenant).await?, self.list_of(txn, tenant, seller).await?),
            None => (Vec::new(), None),
        };
        let plan = self
            .plan_asked(txn, seller, (&asked.plan, list.as_deref()))
            .await?
            .ok_or_else(|| Error::not_found("plan"))?;
        let live = |s: &TrueSubscription| s.status.is_live() && s.family == plan.plan.family;
        let has = bought.into_iter().rfind(live);
        let has_it = has.as_ref().is_some_and(|s| s.plan == (plan.plan.key.clone(), plan.plan.version));
        let may = match plan.state {
            PlanState::Offered => plan.is_offered_on(list.as_deref()) || sells || has_it,
            PlanState::Private => sells || has_it,
            PlanState::Withdrawn => has_it,
        };
        if !may {
            return Err(Error::not_found("plan"));
        }
        let (currency, interval) = offer(&plan, asked, has.as_ref())?;
        let items = plan.plan.bought(&asked.items).map_err(refused)?;
        let choice = Choice { plan: plan.plan.clone(), items, currency, interval };
        // Says whether it is offered so.
        choice.lines().map_err(refused)?;
        Ok(Chosen { plan, choice, has })
    }

    /// Whether somebody acts for the seller.
    pub(crate) async fn sells(&self, txn: &mut Connection, actor: &Actor, seller: TenantId) -> Result<bool> {
        self.service.is_above(txn, actor, seller).await
    }

    /// By id, or by key: the newest version that is offered on a price list, or else of those that are on none.
    async fn plan_asked(
        &self,
        txn: &mut Connection,
        seller: TenantId,
        (plan, list): (&str, Option<&str>),
    ) -> Result<Option<PlanShown>> {
        if plan.starts_with("pln_") {
            return Ok(self.plan_in(txn, plan).await?.filter(|plan| plan.seller == seller));
        }
        let row = query(
            "SELECT * FROM plan WHERE tenant = $1 AND key = $2 AND state = 'OFFERED' AND COALESCE(price_list, '') IN ('', $3) \
             ORDER BY COALESCE(price_list, '') DESC, number DESC LIMIT 1",
        )
        .bind(seller.to_string())
        .bind(plan)
        .bind(list.unwrap_or_default())
        .fetch_optional(txn)
        .await?;
        row.as_ref().map(plan_row).transpose()
    }

    /// A coupon for a first purchase. `Invalid` for one that is none, or is none any more.
    pub(crate) async fn coupon_asked(
        &self,
        txn: &mut Connection,
        seller: TenantId,
        asked: &Asked,
        chosen: &Chosen,
    ) -> Result<Option<(String, Coupon)>> {
        let invalid = |message: &str| Err(Error::new(Code::Invalid, "coupon", message));
        let Some(code) = asked.coupon.as_deref().map(|code| code.trim().to_ascii_uppercase()) else { return Ok(None) };
        if chosen.has.is_some() {
            return invalid("A coupon is for a first purchase");
        }
        let row = query("SELECT * FROM coupon WHERE tenant = $1 AND code = $2").bind(seller.to_string()).bind(&code);
        let Some(row) = row.fetch_optional(&mut *txn).await? else { return invalid("There is no such coupon") };
        let coupon = coupon_row(&row)?;
        let is_over = coupon.new.ends_at.is_some_and(|end| end <= self.service.now());
        if coupon.disabled || is_over || coupon.new.redeem_max.is_some_and(|max| coupon.redeemed >= max) {
            return invalid("This coupon is not valid any more");
        }
        if !coupon.new.plans.is_empty() && !coupon.new.plans.contains(&chosen.choice.plan.key) {
            return invalid("This coupon is for other plans");
        }
        let off = coupon.new.coupon.off(chosen.choice.total().map_err(refused)?, 0);
        off.map_err(|_| Error::new(Code::Invalid, "coupon", "This coupon is in another currency"))?;
        Ok(Some((code, coupon.new.coupon)))
    }

    /// Days without payment that a customer would have.
    pub(crate) async fn trial_of(
        &self,
        txn: &mut Connection,
        row: Option<&CustomerRow>,
        chosen: &Chosen,
    ) -> Result<u32> {
        let days = chosen.choice.plan.trial_days;
        let Some(row) = row else { return Ok(days) };
        let spent = row.customer.trial_spent || self.had_trial_in(txn, &row.customer.email).await?;
        Ok(if spent || chosen.has.is_some() { 0 } else { days })
    }

    /// A customer that can be sent an invoice.
    pub(crate) async fn payer_in(&self, txn: &mut Connection, tenant: TenantId) -> Result<CustomerRow> {
        let row = self.customer_in(txn, tenant).await?.ok_or_else(no_customer)?;
        if row.customer.email.is_empty() {
            return Err(Error::new(
                Code::Invalid,
                "email",
                "The customer has no address for invoices: customerUpdate sets it",
            ));
        }
        Ok(row)
    }
}

/// In which currency and how often: as asked for, as it is now, or as it is offered first.
fn offer(plan: &PlanShown, asked: &Asked, has: Option<&TrueSubscription>) -> Result<(Currency, Interval)> {
    let offers = plan.plan.offers();
    if offers.is_empty() {
        let currency = asked.currency.or(has.map(|s| s.currency)).unwrap_or(Currency::EUR);
        return Ok((currency, asked.interval.unwrap_or(Interval::Month)));
    }
    let currency = asked.currency.or(has.map(|s| s.currency));
    let interval = asked.interval.or(has.map(|s| s.interval));
    let fits = |(c, i): &&(Currency, Interval)| currency.is_none_or(|x| x == *c) && interval.is_none_or(|x| x == *i);
    let first = plan.plan.prices.iter().map(|price| (price.unit.currency(), price.interval));
    // In the order of its prices: the first one is the one it is shown in.
    let chosen = first.into_iter().find(|offer| fits(&offer));
    chosen.ok_or_else(|| Error::new(Code::Invalid, "currency", "The plan is not offered in this currency and interval"))
}
