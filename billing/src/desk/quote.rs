//! SUMMARY    Quotes: what a choice would cost, and what of what is there would be over its limits.
//! STANDARDS  product rule T4
//! INVARIANTS Nothing is written.

use super::{
    Asked, Billing, ConcessionKind, Quote, QuoteLine,
    choose::Chosen,
    store::{CustomerRow, refused},
};
use crate::{
    Choice, Coupon, FUNCTION, Gift, Inputs, Line, Money, Override, Phase, Status, TrueSubscription, change, entitle,
};
use base::{TenantId, Timestamp};
use tenants::{
    Actor, Limits, Result,
    limits::TREE_DEPTH_MAX,
    sql::{Connection, number, query},
};

/// Live domains and mailboxes of a tenant and all below it.
const DOMAINS_BELOW: &str = "WITH RECURSIVE below (id, depth) AS (SELECT $1, 0 UNION ALL SELECT t.id, below.depth + 1 FROM tenant t \
    JOIN below ON t.parent = below.id WHERE below.depth < $2) SELECT COUNT(*) AS n FROM domain WHERE live = 1 \
    AND tenant IN (SELECT id FROM below)";
const MAILBOXES_BELOW: &str = "WITH RECURSIVE below (id, depth) AS (SELECT $1, 0 UNION ALL SELECT t.id, below.depth + 1 FROM tenant t \
    JOIN below ON t.parent = below.id WHERE below.depth < $2) SELECT COUNT(*) AS n FROM mailbox WHERE live = 1 \
    AND tenant IN (SELECT id FROM below)";

/// What it comes to.
struct Costs {
    lines: Vec<Line>,
    now: Money,
    then: Money,
}

impl Billing {
    /// What a choice would cost a tenant now: a first one, or a change of what it has.
    pub async fn quote(&self, actor: &Actor, tenant: TenantId, asked: &Asked) -> Result<Quote> {
        let mut connection = self.service.reader(actor).await?;
        self.may_see(&mut connection, actor, tenant).await?;
        drop(connection);
        // What is sold is a row of the tenant above.
        let mut connection = self.service.connection().await?;
        let seller = self.seller_of(&mut connection, tenant).await?;
        let sells = self.sells(&mut connection, actor, seller).await?;
        let chosen = self.choose(&mut connection, (seller, Some(tenant)), asked, sells).await?;
        let coupon = self.coupon_asked(&mut connection, seller, asked, &chosen).await?;
        if let Some((code, _)) = &coupon {
            self.coupon_unused(&mut connection, (seller, tenant), code).await?;
        }
        let coupon = coupon.map(|(_, coupon)| coupon);
        if chosen.has.is_some() {
            self.nothing_owed(&mut connection, tenant).await?;
        }
        let row = self.customer_in(&mut connection, tenant).await?;
        let trial_days = self.trial_of(&mut connection, row.as_ref(), &chosen).await?;
        let has = match &chosen.has {
            Some(has) => Some((has, self.as_bought(&mut connection, seller, has).await?)),
            None => None,
        };
        let costs = costs(&chosen.choice, has.as_ref(), coupon, trial_days, self.service.now())?;
        let limits = self.limits_with(&mut connection, row.as_ref(), (seller, tenant), &chosen).await?;
        let mut over = self.over(&mut connection, tenant, &limits).await?;
        drop(connection);
        let stored = self.service.usages(actor, &[tenant]).await.unwrap_or_default();
        let stored = stored.get(&tenant).map_or(0, |usage| u64::try_from(usage.used_bytes).unwrap_or(0));
        if limits.storage_bytes_max.is_some_and(|max| stored > max) {
            over.push("storageBytesMax".to_owned());
        }
        Ok(Quote {
            lines: titled(&chosen, costs.lines),
            now: costs.now,
            then: costs.then,
            interval: chosen.choice.interval,
            discount: coupon.map(|coupon| coupon.discount),
            trial_days,
            provider_now: self.provider_now(row.as_ref(), &chosen).await,
            limits,
            over,
            plan: chosen.plan,
        })
    }

    /// A subscription as what was chosen then.
    pub(crate) async fn as_bought(
        &self,
        txn: &mut Connection,
        seller: TenantId,
        has: &TrueSubscription,
    ) -> Result<Option<Choice>> {
        let Some(plan) = self.plan_of(txn, seller, (&has.plan.0, has.plan.1)).await? else { return Ok(None) };
        let items = plan.plan.bought(&has.items).unwrap_or_else(|_| has.items.clone());
        Ok(Some(Choice { plan: plan.plan, items, currency: has.currency, interval: has.interval }))
    }

    /// The provider's own reckoning of a change; none when it does not answer.
    async fn provider_now(&self, row: Option<&CustomerRow>, chosen: &Chosen) -> Option<Money> {
        let (row, has) = (row?, chosen.has.as_ref()?);
        let provider = self.provider(&row.customer.provider).ok()?;
        match provider.preview(&has.id, &chosen.wanted(), self.service.now()).await {
            Ok(preview) => Some(preview.now),
            Err(failure) => {
                tracing::info!(%failure, subscription = has.id, "a payment provider gave no preview");
                None
            }
        }
    }

    /// What the tenant might have then.
    async fn limits_with(
        &self,
        txn: &mut Connection,
        row: Option<&CustomerRow>,
        (seller, tenant): (TenantId, TenantId),
        chosen: &Chosen,
    ) -> Result<Limits> {
        let (mut gifts, mut overrides): (Vec<Gift>, Vec<Override>) = (Vec::new(), Vec::new());
        for concession in self.concessions_in(txn, tenant).await? {
            match concession {
                ConcessionKind::Gift(gift) => gifts.push(gift),
                ConcessionKind::Override(set) => overrides.push(set),
            }
        }
        let inputs = Inputs {
            function: FUNCTION,
            plan: chosen.choice.plan.clone(),
            items: chosen.choice.items.clone(),
            gifts,
            overrides,
            policy: self.policy_in(txn, seller).await?,
            phase: row.map_or(Phase::Active, |row| row.customer.phase),
            now: self.service.now(),
        };
        entitle(&inputs).map_err(refused)
    }

    /// Names of limits that what there is would be over.
    async fn over(&self, txn: &mut Connection, tenant: TenantId, limits: &Limits) -> Result<Vec<String>> {
        let mut over = Vec::new();
        for (name, max, sql) in
            [("maxDomains", limits.max_domains, DOMAINS_BELOW), ("maxMailboxes", limits.max_mailboxes, MAILBOXES_BELOW)]
        {
            let Some(max) = max else { continue };
            let depth = i64::try_from(TREE_DEPTH_MAX).unwrap_or(i64::MAX);
            let used = query(sql).bind(tenant.to_string()).bind(depth).fetch_one(&mut *txn).await?;
            if u64::try_from(number(&used, "n")?).unwrap_or(0) > max {
                over.push(name.to_owned());
            }
        }
        Ok(over)
    }
}

fn costs(
    to: &Choice,
    has: Option<&(&TrueSubscription, Option<Choice>)>,
    coupon: Option<Coupon>,
    trial_days: u32,
    at: Timestamp,
) -> Result<Costs> {
    let then = to.total().map_err(refused)?;
    let nothing = Money::zero(to.currency);
    match has {
        Some((has, Some(from))) if has.status != Status::Trialing => {
            // The mirror may not know of the newest period yet.
            let last = Timestamp(has.period.end.0.saturating_sub(1));
            let costs = change(from, to, has.period, at.clamp(has.period.start.min(last), last)).map_err(refused)?;
            Ok(Costs { lines: costs.lines, now: costs.now, then: costs.then })
        }
        Some(_) => Ok(Costs { lines: to.lines().map_err(refused)?, now: nothing, then }),
        None => {
            let off = coupon.map_or(Ok(nothing), |coupon| coupon.off(then, 0)).map_err(refused)?;
            let now = if trial_days > 0 { nothing } else { then.minus(off).map_err(refused)? };
            Ok(Costs { lines: to.lines().map_err(refused)?, now, then })
        }
    }
}

fn titled(chosen: &Chosen, lines: Vec<Line>) -> Vec<QuoteLine> {
    let plan = &chosen.choice.plan;
    let title = |line: &Line| {
        let component = line.component.as_deref();
        // What is given back may be of a plan that is not this one: its own words are said.
        if line.plan != plan.key {
            return component.map_or_else(|| line.plan.clone(), |c| format!("{} {c}", line.plan));
        }
        let known = component.and_then(|key| plan.component(key)).map(|c| c.title.clone());
        known.or_else(|| component.map(str::to_owned)).unwrap_or_else(|| plan.title.clone())
    };
    let shown = |line: Line| QuoteLine {
        title: title(&line),
        component: line.component,
        quantity: line.quantity,
        amount: line.amount,
    };
    lines.into_iter().map(shown).collect()
}
