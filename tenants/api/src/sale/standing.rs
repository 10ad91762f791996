//! SUMMARY    Where a customer stands, why, and what comes; the time machine that rehearses it.
//! LIMITS     REHEARSAL_COST

use super::{
    BillingLimits, BillingPhase, desk,
    plan::PlanMeter,
    policy::{BillingPolicy, BillingPolicyInput},
};
use crate::{
    failure::found,
    scalar::{DateTime, Money},
    types::actor,
};
use async_graphql::{Context, ID, InputObject, Json, Object, Result, SimpleObject};
use billing::{Facts, Phase, Rehearsal, StageShown, Standing};
use std::fmt::Write;

/// Cost of a rehearsal, which looks at many days.
const REHEARSAL_COST: usize = 200;

/// When a stage began, or begins.
#[derive(SimpleObject, Clone)]
pub struct BillingStage {
    pub phase: BillingPhase,
    pub at: DateTime,
}

impl From<StageShown> for BillingStage {
    fn from(stage: StageShown) -> Self {
        BillingStage { phase: stage.phase.into(), at: stage.at.into() }
    }
}

/// What is known of a customer, from which its stage follows.
#[derive(SimpleObject, Clone)]
pub struct BillingFacts {
    /// The end of a trial that was not paid for yet.
    pub trial_ends_at: Option<DateTime>,
    /// When the oldest payment was due that was not made.
    pub unpaid_since: Option<DateTime>,
    /// When its owner closed it.
    pub closed_at: Option<DateTime>,
    /// Dates that it was told: none of them comes earlier.
    pub announced: Vec<BillingStage>,
    /// When it was told that its data is to be destroyed, at a contact elsewhere.
    pub notices: Vec<DateTime>,
}

impl From<Facts> for BillingFacts {
    fn from(facts: Facts) -> Self {
        let announced = facts.announced.into_iter();
        BillingFacts {
            trial_ends_at: facts.trial_ends_at.map(Into::into),
            unpaid_since: facts.unpaid_since.map(Into::into),
            closed_at: facts.closed_at.map(Into::into),
            announced: announced.map(|a| BillingStage { phase: a.stage.into(), at: a.at.into() }).collect(),
            notices: facts.notices.into_iter().map(Into::into).collect(),
        }
    }
}

/// Where a customer stands, and why.
#[derive(SimpleObject, Clone)]
pub struct BillingStanding {
    pub tenant_id: ID,
    pub phase: BillingPhase,
    /// In sentences: where it stands, why, what comes and what to do.
    pub explanation: String,
    /// The stages that were and those to come, with their dates; empty while there is no trouble.
    pub stages: Vec<BillingStage>,
    pub next: Option<BillingStage>,
    pub facts: BillingFacts,
    pub policy: BillingPolicy,
    pub limits: BillingLimits,
    /// All that the limits follow from: the same inputs give the same limits. Null while nothing was bought or given.
    pub inputs: Option<Json<serde_json::Value>>,
    /// The seller has not as much left as was sold: the limits are lower for it.
    pub short: bool,
    /// What is owed on open invoices, by currency.
    pub owed: Vec<Money>,
    /// What is charged by use, of live subscriptions, with what it comes to so far.
    pub metered: Vec<BillingMeteredUse>,
}

/// What was used of a metered component since it was charged last, by the tenant and all below it.
#[derive(SimpleObject, Clone)]
pub struct BillingMeteredUse {
    /// Its key in the plan.
    pub component: String,
    pub title: String,
    pub meter: PlanMeter,
    pub used: u64,
    /// So much of a period costs nothing.
    pub included: u64,
    /// What `unit` is the price of.
    pub per: u64,
    pub unit: Money,
    /// What it comes to so far, without tax; nothing in a trial.
    pub amount: Money,
    /// From where on it counts.
    pub since: DateTime,
    /// The end of the period, shortly before which it is charged.
    pub until: DateTime,
}

impl From<billing::MeteredUse> for BillingMeteredUse {
    fn from(found: billing::MeteredUse) -> Self {
        BillingMeteredUse {
            component: found.component,
            title: found.title,
            meter: found.meter.into(),
            used: found.used,
            included: found.included,
            per: found.per,
            unit: Money(found.unit),
            amount: Money(found.amount),
            since: found.since.into(),
            until: found.until.into(),
        }
    }
}

impl From<Standing> for BillingStanding {
    fn from(standing: Standing) -> Self {
        let explanation = explanation(&standing);
        let inputs = standing.inputs.map(|inputs| Json(serde_json::to_value(inputs).unwrap_or_default()));
        BillingStanding {
            tenant_id: ID(standing.tenant.to_string()),
            phase: standing.phase.into(),
            explanation,
            stages: standing.stages.into_iter().map(Into::into).collect(),
            next: standing.next.map(Into::into),
            facts: standing.facts.into(),
            policy: standing.policy.into(),
            limits: standing.limits.into(),
            inputs,
            short: standing.short,
            owed: standing.owed.into_iter().map(Money).collect(),
            metered: standing.metered.into_iter().map(Into::into).collect(),
        }
    }
}

/// What a stage means, as the end of a sentence about the customer.
fn meaning(phase: Phase) -> &'static str {
    match phase {
        Phase::Trial => "it tries without paying",
        Phase::Active => "all works",
        Phase::PastDue => "a payment is late and all works",
        Phase::Grace => "it sends less",
        Phase::Suspended => "it does not send to others",
        Phase::ReadOnly => "it reads, receives and exports, and nothing more",
        Phase::Closing => "it is closed: it reads and exports, and nothing more",
        Phase::Purging => "its data may be destroyed",
    }
}

/// Where it stands, why, what comes and what to do, with dates of UTC.
fn explanation(standing: &Standing) -> String {
    let mut text = format!("Now {}.", meaning(standing.phase));
    let mut say = |sentence: std::fmt::Arguments<'_>| {
        // Writing to a text does not fail.
        let _ = text.write_fmt(sentence);
    };
    if let Some(ends) = standing.facts.trial_ends_at {
        say(format_args!(" The trial ends on {}.", day(ends)));
    }
    if let Some(since) = standing.facts.unpaid_since {
        say(format_args!(" A payment was due on {} and was not made.", day(since)));
    }
    if let Some(closed) = standing.facts.closed_at {
        say(format_args!(
            " Its owner closed it on {}; until its data is destroyed it can be opened again.",
            day(closed)
        ));
    }
    let owed: Vec<String> = standing.owed.iter().filter(|m| !m.is_zero()).map(ToString::to_string).collect();
    if !owed.is_empty() {
        say(format_args!(" Owed: {}. Paying it ends what was taken for it.", owed.join(", ")));
    }
    if let Some(next) = &standing.next {
        say(format_args!(" From {} on {}.", day(next.at), meaning(next.phase)));
    }
    if standing.short {
        say(format_args!(" Its limits are lower than what was bought: its seller has not as much left."));
    }
    text
}

fn day(at: base::Timestamp) -> String {
    let at = jiff::Timestamp::from_millisecond(at.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    at.strftime("%Y-%m-%d").to_string()
}

/// Something that would happen.
#[derive(SimpleObject, Clone)]
pub struct RehearsalStep {
    pub at: DateTime,
    /// The stage from then on.
    pub phase: BillingPhase,
    /// A stable word: PAYMENT_DUE, PAYMENT_FAILED, LETTER, PHASE, PAID, CLOSED. More may be added.
    pub what: String,
    pub detail: String,
    /// What it may have from then on.
    pub limits: BillingLimits,
    /// Names of capabilities that are taken from then on.
    pub blocks: Vec<String>,
}

impl From<billing::RehearsalStep> for RehearsalStep {
    fn from(step: billing::RehearsalStep) -> Self {
        RehearsalStep {
            at: step.at.into(),
            phase: step.phase.into(),
            what: step.what,
            detail: step.detail,
            limits: step.limits.into(),
            blocks: step.blocks,
        }
    }
}

/// What is supposed to happen, in days from now.
#[derive(InputObject)]
pub struct RehearsalInput {
    /// How many days are looked at.
    days: u32,
    /// From this day on payments fail; when missing they go through.
    fails_from_day: Option<u32>,
    /// On this day all that is owed is paid, and payments go through again.
    pays_on_day: Option<u32>,
    /// On this day its owner closes it.
    closes_on_day: Option<u32>,
    /// The policy in force when missing.
    policy: Option<BillingPolicyInput>,
}

impl From<RehearsalInput> for Rehearsal {
    fn from(input: RehearsalInput) -> Self {
        Rehearsal {
            days: input.days,
            fails_from_day: input.fails_from_day,
            pays_on_day: input.pays_on_day,
            closes_on_day: input.closes_on_day,
            policy: input.policy.map(Into::into),
        }
    }
}

#[derive(Default)]
pub struct StandingQuery;

#[Object]
impl StandingQuery {
    /// Where a customer stands, why, and what comes.
    async fn billing_standing(&self, ctx: &Context<'_>, tenant_id: ID) -> Result<Option<BillingStanding>> {
        let desk = desk(ctx)?;
        let Ok(tenant) = tenant_id.parse() else { return Ok(None) };
        Ok(found(desk.standing(actor(ctx), tenant).await)?.map(BillingStanding::from))
    }

    /// The time machine: what would become of a customer, by the functions that decide it. Nothing is written. For the seller.
    #[graphql(complexity = "REHEARSAL_COST + child_complexity")]
    async fn billing_rehearsal(
        &self,
        ctx: &Context<'_>,
        tenant_id: ID,
        supposed: RehearsalInput,
    ) -> Result<Option<Vec<RehearsalStep>>> {
        let desk = desk(ctx)?;
        let Ok(tenant) = tenant_id.parse() else { return Ok(None) };
        let steps = found(desk.rehearse(actor(ctx), tenant, &supposed.into()).await)?;
        Ok(steps.map(|steps| steps.into_iter().map(Into::into).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::Timestamp;

    #[test]
    fn a_standing_is_told_in_sentences_with_dates() {
        let day = |n: i64| Timestamp(1_800_000_000_000 + n * 86_400_000);
        let standing = Standing {
            tenant: "ten_0000000000001".parse().unwrap(),
            phase: Phase::Grace,
            stages: Vec::new(),
            next: Some(StageShown { phase: Phase::Suspended, at: day(14) }),
            facts: Facts { unpaid_since: Some(day(0)), ..Facts::default() },
            policy: billing::Policy::default(),
            limits: tenants::Limits::default(),
            inputs: None,
            short: true,
            owed: vec!["12.50 EUR".parse().unwrap(), "0 JPY".parse().unwrap()],
            metered: Vec::new(),
        };
        assert_eq!(
            explanation(&standing),
            "Now it sends less. A payment was due on 2027-01-15 and was not made. Owed: 12.50 EUR. Paying it ends what was taken for \
             it. From 2027-01-29 on it does not send to others. Its limits are lower than what was bought: its seller has not as \
             much left."
        );
        let well = Standing {
            phase: Phase::Active,
            next: None,
            facts: Facts::default(),
            short: false,
            owed: Vec::new(),
            ..standing
        };
        assert_eq!(explanation(&well), "Now all works.");
    }
}
