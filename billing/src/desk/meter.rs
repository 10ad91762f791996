//! SUMMARY    What is metered: the use of a period is frozen shortly before it ends, and charged once.
//! STANDARDS  product.md §3.10; docs/decisions/0053-usage-is-a-ledger.md
//! LIMITS     FREEZE_BEFORE, FREEZE_SETTLE
//! INVARIANTS A frozen period never changes. It is whole days in UTC that are over, from where the one before ended: no day counts twice,
//!            and what comes after it was frozen is of the next one. The calls that charge it are rows of the transaction that freezes it,
//!            under ids that follow from what they are for. Each plan prices its own days; what a period includes is given once in it,
//!            whatever plans it has. What is used in a trial costs nothing.

use super::{
    Billing, MeteredUse,
    call::Call,
    store::{CustomerRow, of_body, refused, to_body},
};
use crate::{Charge, Component, Meter, Money, Period, Plan, TrueSubscription, metered};
use base::{TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tenants::{
    Result,
    sql::{Connection, number, query},
};

const DAY_MS: i64 = 86_400_000;
/// How long before its end the use of a period is frozen: its charge is to be at the provider when that writes the invoice, and every
/// customer with something live is compared once an hour.
const FREEZE_BEFORE: Duration = Duration::from_secs(6 * 3600);
/// How long after its last day at the earliest: the clocks of processes differ.
const FREEZE_SETTLE: Duration = Duration::from_secs(15 * 60);

/// What a frozen period has of a component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Frozen {
    component: String,
    meter: Meter,
    used: u64,
    amount: Money,
}

impl Billing {
    /// Freezes what is due of a customer's live subscriptions, with the calls that charge it.
    pub(crate) async fn freeze_use(&self, txn: &mut Connection, row: &CustomerRow) -> Result<()> {
        let now = self.service.now();
        for bought in self.subscriptions_in(txn, row.customer.tenant).await? {
            if !bought.status.is_live() {
                continue;
            }
            let last = self.frozen_until(txn, &bought.id).await?;
            let Some(plan) = self.plan_of(txn, row.customer.seller, (&bought.plan.0, bought.plan.1)).await? else {
                continue;
            };
            // A plan without meters is followed only where one with them came before: nothing of its time is charged later.
            if last.is_none() && !plan.plan.components.iter().any(is_metered) {
                continue;
            }
            let mut since = since(&bought, last);
            for until in due(bought.period, since, now) {
                self.freeze(txn, row.customer.tenant, (&bought, &plan.plan), (since, until)).await?;
                since = until;
            }
        }
        Ok(())
    }

    /// Freezes what was used under a plan, or prices, that something live had and has no more: `before` is the mirror as it was.
    pub(crate) async fn freeze_changed(
        &self,
        txn: &mut Connection,
        row: &CustomerRow,
        before: &[TrueSubscription],
    ) -> Result<()> {
        let (tenant, seller) = (row.customer.tenant, row.customer.seller);
        for bought in self.subscriptions_in(txn, tenant).await? {
            let Some(was) = before.iter().find(|was| was.id == bought.id) else { continue };
            let is_alike = (&was.plan, was.interval, was.currency) == (&bought.plan, bought.interval, bought.currency);
            if is_alike || !was.status.is_live() || !bought.status.is_live() {
                continue;
            }
            if self.freeze_until_now(txn, (tenant, seller), was).await? {
                continue;
            }
            let Some(plan) = self.plan_of(txn, seller, (&was.plan.0, was.plan.1)).await? else { continue };
            let Some(next) = self.plan_of(txn, seller, (&bought.plan.0, bought.plan.1)).await? else { continue };
            let last = self.frozen_until(txn, &was.id).await?;
            let until = next_midnight(self.service.now());
            if next.plan.components.iter().any(is_metered) && last.is_none_or(|last| last < until) {
                // Its days were paid for otherwise: what is paid by use counts from the next one on, as after buying.
                self.freeze(txn, tenant, (was, &plan.plan), (last.unwrap_or(until), until)).await?;
            }
        }
        Ok(())
    }

    /// Freezes what was used of something that ends at once: its calls come before the one that ends it.
    pub(crate) async fn freeze_ending(
        &self,
        txn: &mut Connection,
        tenant: TenantId,
        bought: &TrueSubscription,
    ) -> Result<()> {
        let seller = self.seller_of(txn, tenant).await?;
        self.freeze_until_now(txn, (tenant, seller), bought).await.map(drop)
    }

    /// Freezes the days that are over, where they are paid by use; whether they are.
    async fn freeze_until_now(
        &self,
        txn: &mut Connection,
        (tenant, seller): (TenantId, TenantId),
        bought: &TrueSubscription,
    ) -> Result<bool> {
        let found = self.plan_of(txn, seller, (&bought.plan.0, bought.plan.1)).await?;
        let Some(plan) = found.filter(|found| found.plan.components.iter().any(is_metered)) else { return Ok(false) };
        let since = since(bought, self.frozen_until(txn, &bought.id).await?);
        let until = midnight(before(self.service.now(), FREEZE_SETTLE));
        if until > since {
            self.freeze(txn, tenant, (bought, &plan.plan), (since, until)).await?;
        }
        Ok(true)
    }

    async fn freeze(
        &self,
        txn: &mut Connection,
        tenant: TenantId,
        (bought, plan): (&TrueSubscription, &Plan),
        (since, until): (Timestamp, Timestamp),
    ) -> Result<()> {
        let mut body = Vec::new();
        for component in plan.components.iter().filter(|c| is_metered(c)) {
            if let Some(found) = self.use_of(txn, tenant, (bought, plan, component), (since, until)).await? {
                let MeteredUse { component, meter, used, amount, .. } = found;
                body.push(Frozen { component, meter, used, amount });
            }
        }
        let new = query(
            "INSERT INTO usage_frozen (subscription, until, tenant, since, frozen_at, body) VALUES ($1, $2, $3, $4, $5, $6) \
             ON CONFLICT (subscription, until) DO NOTHING",
        )
        .bind(&bought.id)
        .bind(until.0)
        .bind(tenant.to_string())
        .bind(since.0)
        .bind(self.service.now().0)
        .bind(to_body(&body)?)
        .execute(&mut *txn)
        .await?;
        if new == 0 {
            return Ok(());
        }
        for part in body.into_iter().filter(|part| !part.amount.is_zero()) {
            let id = format!("use_{}_{}_{}", bought.id, until.0 / DAY_MS, part.component);
            let call = Call::ChargeUse {
                subscription: bought.id.clone(),
                component: part.component,
                quantity: part.used,
                amount: part.amount,
            };
            self.put_call_once(txn, tenant, &id, &call).await?;
        }
        Ok(())
    }

    /// What is metered of a customer's live subscriptions, so far.
    pub(crate) async fn metered_now(&self, txn: &mut Connection, row: &CustomerRow) -> Result<Vec<MeteredUse>> {
        let now = self.service.now();
        let mut all = Vec::new();
        for bought in self.subscriptions_in(txn, row.customer.tenant).await? {
            if !bought.status.is_live() {
                continue;
            }
            let found = self.plan_of(txn, row.customer.seller, (&bought.plan.0, bought.plan.1)).await?;
            let Some(plan) = found.filter(|found| found.plan.components.iter().any(is_metered)) else { continue };
            let since = since(&bought, self.frozen_until(txn, &bought.id).await?);
            for component in plan.plan.components.iter().filter(|c| is_metered(c)) {
                let of = (&bought, &plan.plan, component);
                all.extend(self.use_of(txn, row.customer.tenant, of, (since, now.max(since))).await?);
            }
        }
        Ok(all)
    }

    /// What was used of a component, with what it costs; none, where the plan has no price for it.
    async fn use_of(
        &self,
        txn: &mut Connection,
        tenant: TenantId,
        (bought, plan, component): (&TrueSubscription, &Plan, &Component),
        (since, until): (Timestamp, Timestamp),
    ) -> Result<Option<MeteredUse>> {
        let Charge::Metered { meter, included, per } = component.charge else { return Ok(None) };
        let Some(unit) = plan.price(Some(&component.key), bought.currency, bought.interval) else { return Ok(None) };
        let used = match meter {
            Meter::OutgoingRecipients => self.service.recipients_below(txn, tenant, since, until).await?,
            Meter::StorageGibDays => self.service.gib_days_below(txn, tenant, since, until).await?,
        };
        let included = included.saturating_sub(self.used_in_period(txn, bought, meter).await?);
        let is_free = bought.trial_ends_at.is_some_and(|end| until <= end);
        let amount = match is_free {
            true => Money::zero(bought.currency),
            false => metered(unit, used, included, per).map_err(refused)?,
        };
        Ok(Some(MeteredUse {
            component: component.key.clone(),
            title: component.title.clone(),
            meter,
            used,
            included,
            per,
            unit,
            amount,
            since,
            until: bought.period.end,
        }))
    }

    /// What was frozen of a meter since the period began.
    async fn used_in_period(&self, txn: &mut Connection, bought: &TrueSubscription, meter: Meter) -> Result<u64> {
        let rows = query("SELECT body FROM usage_frozen WHERE subscription = $1 AND since >= $2 ORDER BY until")
            .bind(&bought.id)
            .bind(cut(bought.period.start).0)
            .fetch_all(txn)
            .await?;
        let mut used: u64 = 0;
        for row in &rows {
            let parts: Vec<Frozen> = of_body(row, "body")?;
            used =
                parts.iter().filter(|part| part.meter == meter).fold(used, |sum, part| sum.saturating_add(part.used));
        }
        Ok(used)
    }

    async fn frozen_until(&self, txn: &mut Connection, subscription: &str) -> Result<Option<Timestamp>> {
        let row = query("SELECT until FROM usage_frozen WHERE subscription = $1 ORDER BY until DESC LIMIT 1")
            .bind(subscription)
            .fetch_optional(txn)
            .await?;
        row.map(|row| number(&row, "until").map(Timestamp)).transpose()
    }
}

fn is_metered(component: &Component) -> bool {
    match component.charge {
        Charge::Metered { .. } => true,
        Charge::Unit { .. } => false,
    }
}

/// From where on its use was not frozen yet: at first the first midnight after it was bought, however many periods ago.
fn since(bought: &TrueSubscription, last: Option<Timestamp>) -> Timestamp {
    last.unwrap_or_else(|| next_midnight(bought.created_at))
}

/// The end of the days that a period has when it ends then.
fn cut(end: Timestamp) -> Timestamp {
    midnight(before(end, FREEZE_BEFORE))
}

fn before(at: Timestamp, by: Duration) -> Timestamp {
    Timestamp(at.0.saturating_sub(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)))
}

/// The first midnight that is not before it.
fn next_midnight(at: Timestamp) -> Timestamp {
    midnight(Timestamp(at.0.saturating_add(DAY_MS - 1)))
}

fn midnight(at: Timestamp) -> Timestamp {
    Timestamp(at.0.saturating_sub(at.0.rem_euclid(DAY_MS)))
}

/// Ends of what is to be frozen now: of the period before, where that was missed, and of the one that is about to end.
fn due(period: Period, since: Timestamp, now: Timestamp) -> Vec<Timestamp> {
    let (mut due, mut from) = (Vec::new(), since);
    for end in [period.start, period.end] {
        let until = cut(end);
        if until > from && now >= before(end, FREEZE_BEFORE) && now >= until.plus(FREEZE_SETTLE) {
            due.push(until);
            from = until;
        }
    }
    due
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
    }

    #[test]
    fn a_period_is_frozen_once_shortly_before_it_ends() {
        let period = Period { start: at("2027-03-15T10:00:00Z"), end: at("2027-04-15T10:00:00Z") };
        let (first, last) = (at("2027-03-16T00:00:00Z"), at("2027-04-15T00:00:00Z"));
        assert_eq!(due(period, first, at("2027-04-15T03:59:59Z")), []);
        assert_eq!(due(period, first, at("2027-04-15T04:00:00Z")), [last]);
        assert_eq!(due(period, last, at("2027-04-15T04:00:00Z")), []);
        // The end of one that was missed is still due in the next one.
        let next = Period { start: period.end, end: at("2027-05-15T10:00:00Z") };
        assert_eq!(due(next, first, at("2027-04-15T12:00:00Z")), [last]);
        assert_eq!(due(next, first, at("2027-05-15T05:00:00Z")), [last, at("2027-05-15T00:00:00Z")]);
        assert_eq!(due(next, last, at("2027-04-15T12:00:00Z")), []);
    }

    #[test]
    fn a_period_that_ends_in_the_night_waits_for_the_clocks() {
        let period = Period { start: at("2027-03-15T06:00:00Z"), end: at("2027-04-15T06:00:00Z") };
        let first = at("2027-03-16T00:00:00Z");
        assert_eq!(due(period, first, at("2027-04-15T00:14:59Z")), []);
        assert_eq!(due(period, first, at("2027-04-15T00:15:00Z")), [at("2027-04-15T00:00:00Z")]);
    }
}
