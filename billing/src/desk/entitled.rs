//! SUMMARY    What follows from where a customer stands: stage, limits, a hold, the inputs beside them.
//! INVARIANTS Nobody is given limits but by inputs that are kept beside them (S2, S3). Who has bought something gets nothing new when that
//!            ends, and keeps its storage; who never bought anything keeps what was set by hand. A hold of billing keeps from being purged
//!            (M2) until the stage is the purging; it takes neither export nor paying (H2).
//! LIMITS     SHORT_AGAIN

use super::{
    Billing, ConcessionKind,
    campaign::{Situation, stage_word},
    facts::{trial_ends_at, unpaid},
    hold::hold,
    store::{CustomerRow, of_body, refused, to_body},
};
use crate::{FUNCTION, Found, Gift, Grants, Inputs, Item, Phase, Plan, Policy, TrueSubscription, entitle, settle};
use base::{TenantId, Timestamp};
use control::Change;
use std::time::Duration;
use tenants::{
    Limits, Result,
    sql::{Connection, number, query},
};

/// The family whose plan is what a customer has; those of others are on top of it.
const FAMILY: &str = "mail";
/// When it is looked again whether a seller has as much left as it sold.
const SHORT_AGAIN: Duration = Duration::from_secs(86_400);

/// What a customer has bought, or has for free.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Basis {
    pub plan: Plan,
    pub items: Vec<Item>,
    /// What other families' subscriptions grant.
    pub gifts: Vec<Gift>,
}

/// What was last set, and why.
pub(crate) struct Kept {
    pub number: i64,
    pub inputs: Inputs,
    pub limits: Limits,
    pub short: bool,
}

impl Billing {
    /// Reckons from the rows (mirror, customer, concessions, policy, dates that were told) where a customer stands now, and sets all that
    /// follows in this transaction: `unpaid_since`, phase, `look_at`, letters and dates, limits, the hold. Gives what the data plane is to
    /// know. A customer whose tenant is not there yet: only the row changes.
    pub(crate) async fn stand(&self, txn: &mut Connection, tenant: TenantId) -> Result<Vec<Change>> {
        let Some(was) = self.customer_in(txn, tenant).await? else { return Ok(Vec::new()) };
        let (now, mut row) = (self.service.now(), was.clone());
        let subscriptions = self.subscriptions_in(txn, tenant).await?;
        let invoices = self.invoices_in(txn, tenant).await?;
        let unpaid = unpaid(&subscriptions, &invoices, now).map_err(refused)?;
        // A debt that was told does not begin earlier, whatever is found later; nor anew with the next period, which no invoice speaks of.
        row.unpaid_since = match (was.unpaid_since, unpaid.since) {
            (Some(told), Some(_)) if unpaid.is_inferred => Some(told),
            // Nor while more of it is being paid: who pays all hears of no debt in between.
            (Some(told), Some(found)) if found > told && self.is_paying(txn, tenant).await? => Some(told),
            (Some(told), Some(found)) => Some(told.max(found)),
            (Some(_) | None, found) => found,
        };
        if was.unpaid_since.is_none() && row.unpaid_since.is_some() {
            // Who owes buys nothing, also not on a page that is open.
            self.close_pages(txn, tenant).await?;
        }
        row.trial_ends_at = trial_ends_at(&subscriptions);
        let policy = self.policy_in(txn, row.customer.seller).await?;
        let mut situation = self.situation(txn, &row).await?;
        situation.settled = was.unpaid_since.filter(|_| row.unpaid_since.is_none());
        let mut moments = vec![unpaid.look_at];
        let mut changes = Vec::new();
        if self.service.line(txn, tenant).await?.is_empty() {
            row.customer.phase = crate::phase(&situation.facts, &policy, now);
            moments.push(situation.look_at(&policy, now));
        } else {
            let followed = situation.follow(&policy, now);
            row.customer.phase = followed.phase;
            moments.push(followed.look_at);
            self.write(txn, &row, &invoices, &followed.letters).await?;
            moments.extend(self.set_limits(txn, &row, &subscriptions, &policy, &mut changes).await?);
            changes.extend(self.set_hold(txn, &row, &situation, &policy).await?);
        }
        row.look_at = moments.into_iter().flatten().min();
        if row.customer.phase != was.customer.phase {
            metrics::counter!("posthouse_billing_stages_total").increment(1);
            tracing::info!(tenant = %tenant, phase = stage_word(row.customer.phase), "a customer is at another stage");
        }
        if row != was {
            self.save_customer(txn, &row).await?;
        }
        Ok(changes)
    }

    /// Whether something that was asked to be paid is under way.
    async fn is_paying(&self, txn: &mut Connection, tenant: TenantId) -> Result<bool> {
        let waiting = self.calls_since(txn, tenant, Timestamp(i64::MAX)).await?;
        Ok(waiting.iter().any(|row| row.call.is_payment()))
    }

    /// What a customer has, if it has anything: its newest live subscription of each family, or the free plan. Who had something and has
    /// nothing any more has an empty plan with the storage of before.
    pub(crate) async fn basis(&self, txn: &mut Connection, tenant: TenantId) -> Result<Option<Basis>> {
        let Some(row) = self.customer_in(txn, tenant).await? else { return Ok(None) };
        let subscriptions = self.subscriptions_in(txn, tenant).await?;
        self.basis_of(txn, &row, &subscriptions).await
    }

    pub(crate) async fn basis_of(
        &self,
        txn: &mut Connection,
        row: &CustomerRow,
        subscriptions: &[TrueSubscription],
    ) -> Result<Option<Basis>> {
        let mut bought = Vec::new();
        for subscription in live(subscriptions) {
            let plan = self.plan_bought(txn, row.customer.seller, subscription).await?.plan;
            bought.push((plan, subscription.items.clone()));
        }
        let free = match &row.customer.free_plan {
            Some(id) => self.plan_in(txn, id).await?.map(|shown| shown.plan),
            None => None,
        };
        let place = bought.iter().position(|(plan, _)| plan.family == FAMILY);
        let (plan, items) = match (place, free) {
            (Some(place), _) => bought.remove(place),
            (None, Some(free)) => {
                let items = free.bought(&[]).map_err(refused)?;
                (free, items)
            }
            (None, None) if !bought.is_empty() => bought.remove(0),
            (None, None) => match self.last_inputs(txn, row.customer.tenant).await? {
                Some(kept) => (nothing(kept.limits.storage_bytes_max), Vec::new()),
                None => return Ok(None),
            },
        };
        let gifts = bought.into_iter().map(|(plan, items)| Gift { grants: granted(&plan, &items), until: None });
        Ok(Some(Basis { plan, items, gifts: gifts.collect() }))
    }

    /// The inputs that count.
    pub(crate) async fn last_inputs(&self, txn: &mut Connection, tenant: TenantId) -> Result<Option<Kept>> {
        let row = query("SELECT * FROM entitlement_input WHERE tenant = $1 ORDER BY number DESC LIMIT 1")
            .bind(tenant.to_string())
            .fetch_optional(txn)
            .await?;
        let kept = |row| {
            Ok(Kept {
                number: number(&row, "number")?,
                inputs: of_body(&row, "inputs")?,
                limits: of_body(&row, "limits")?,
                short: number(&row, "short")? != 0,
            })
        };
        row.map(kept).transpose()
    }

    /// Sets the limits that follow; gives when there is something to do about them again.
    async fn set_limits(
        &self,
        txn: &mut Connection,
        row: &CustomerRow,
        subscriptions: &[TrueSubscription],
        policy: &Policy,
        changes: &mut Vec<Change>,
    ) -> Result<[Option<Timestamp>; 2]> {
        let (tenant, now) = (row.customer.tenant, self.service.now());
        let Some(basis) = self.basis_of(txn, row, subscriptions).await? else { return Ok([None, None]) };
        let concessions = self.concessions_in(txn, tenant).await?;
        let inputs = basis.inputs(&concessions, policy, row.customer.phase, now);
        let limits = entitle(&inputs).map_err(refused)?;
        let actor = self.service.billing_actor(row.customer.seller);
        let sold = self.service.sell(txn, &actor, tenant, &limits).await?;
        changes.extend(sold.changes);
        let last = self.last_inputs(txn, tenant).await?;
        let is_same = |kept: &Kept| kept.short == sold.short && Inputs { now, ..kept.inputs.clone() } == inputs;
        if !last.as_ref().is_some_and(is_same) {
            if sold.short {
                metrics::counter!("posthouse_billing_short_total").increment(1);
                tracing::warn!(tenant = %tenant, seller = %row.customer.seller, "a seller has less left than it sold");
            }
            let number = last.map_or(1, |kept| kept.number.saturating_add(1));
            let kept = Kept { number, inputs, limits, short: sold.short };
            self.keep_inputs(txn, tenant, &kept).await?;
        }
        Ok([ends(&concessions), sold.short.then(|| now.plus(SHORT_AGAIN))])
    }

    async fn keep_inputs(&self, txn: &mut Connection, tenant: TenantId, kept: &Kept) -> Result<()> {
        query(
            "INSERT INTO entitlement_input (tenant, number, at, inputs, limits, short) VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(tenant.to_string())
        .bind(kept.number)
        .bind(self.service.now().0)
        .bind(to_body(&kept.inputs)?)
        .bind(to_body(&kept.limits)?)
        .bind(i64::from(kept.short))
        .execute(txn)
        .await
        .map(drop)
    }

    async fn set_hold(
        &self,
        txn: &mut Connection,
        row: &CustomerRow,
        situation: &Situation,
        policy: &Policy,
    ) -> Result<Vec<Change>> {
        let wanted = hold(&situation.facts, policy, row.customer.phase, self.options.portal.as_deref());
        let actor = self.service.billing_actor(row.customer.seller);
        self.service.billing_hold(txn, &actor, row.customer.tenant, wanted.as_ref()).await
    }
}

impl Basis {
    /// All that decides at a stage. What has ended is left out, so that inputs change when something ends.
    pub(crate) fn inputs(
        &self,
        concessions: &[ConcessionKind],
        policy: &Policy,
        phase: Phase,
        now: Timestamp,
    ) -> Inputs {
        let (mut gifts, mut overrides) = (self.gifts.clone(), Vec::new());
        for concession in concessions {
            match concession {
                ConcessionKind::Gift(gift) => gifts.push(gift.clone()),
                ConcessionKind::Override(set) => overrides.push(set.clone()),
            }
        }
        gifts.retain(|gift| gift.until.is_none_or(|end| now < end));
        overrides.retain(|set| set.until.is_none_or(|end| now < end));
        let (plan, items) = (self.plan.clone(), self.items.clone());
        Inputs { function: FUNCTION, plan, items, gifts, overrides, policy: *policy, phase, now }
    }
}

/// The subscriptions that count: the newest live one of each family.
pub(crate) fn live(subscriptions: &[TrueSubscription]) -> Vec<&TrueSubscription> {
    let found = subscriptions.iter().map(|s| Found {
        id: s.id.clone(),
        family: s.family.clone(),
        status: s.status,
        created_at: s.created_at,
    });
    let kept: Vec<String> = settle(&found.collect::<Vec<_>>()).into_values().filter_map(|s| s.keep).collect();
    subscriptions.iter().filter(|s| kept.contains(&s.id)).collect()
}

/// When the first of them ends.
fn ends(concessions: &[ConcessionKind]) -> Option<Timestamp> {
    let until = |concession: &ConcessionKind| match concession {
        ConcessionKind::Gift(gift) => gift.until,
        ConcessionKind::Override(set) => set.until,
    };
    concessions.iter().filter_map(until).min()
}

/// What a plan grants with what was bought of it.
fn granted(plan: &Plan, items: &[Item]) -> Grants {
    let of = |item: &Item| plan.component(&item.component).map(|c| c.grants.times(item.quantity));
    items.iter().filter_map(of).fold(plan.grants, Grants::plus)
}

/// What is left when nothing is bought any more: what is there stays readable and goes on receiving, and nothing new is made or sent.
pub(crate) fn nothing(storage_bytes: Option<u64>) -> Plan {
    Plan {
        key: "nothing".to_owned(),
        version: 1,
        family: FAMILY.to_owned(),
        title: "Nothing".to_owned(),
        grants: Grants { storage_bytes, ..Grants::default() },
        components: Vec::new(),
        prices: Vec::new(),
        trial_days: 0,
    }
}
