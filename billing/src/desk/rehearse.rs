//! SUMMARY    The time machine: the same functions on supposed days. Nothing is written.
//! LIMITS     REHEARSAL_DAYS_MAX, REHEARSAL_STEPS_MAX
//! INVARIANTS Stages, letters and limits come from `Situation::follow` and `entitle`, as on real days: what is rehearsed is what happens,
//!            if what is supposed does.

use super::{
    Billing, ConcessionKind, Rehearsal, RehearsalStep,
    campaign::{Letter, Situation, days_after, stage_word},
    entitled::{Basis, live, nothing},
    hold::{day, hold},
    store::refused,
};
use crate::{Choice, Interval, Money, Period, Phase, Policy, entitle, phase};
use base::{TenantId, Timestamp};
use control::Capability;
use tenants::{Actor, Code, Error, Limits, Result};

/// Days that are looked ahead at most.
pub const REHEARSAL_DAYS_MAX: u32 = 1_100;
/// Steps of a rehearsal at most.
pub const REHEARSAL_STEPS_MAX: usize = 1_000;

/// What is paid again and again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Renewal {
    pub first: Timestamp,
    pub interval: Interval,
    pub amount: Money,
}

/// A customer as it is now.
#[derive(Debug, Clone)]
pub(crate) struct Supposed {
    pub situation: Situation,
    pub policy: Policy,
    pub basis: Option<Basis>,
    /// When its subscriptions have ended.
    pub basis_after: Option<Basis>,
    pub concessions: Vec<ConcessionKind>,
    /// While billing sets none.
    pub limits: Limits,
    pub renewals: Vec<Renewal>,
}

/// Something that is supposed to happen; of one moment in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Pays,
    Closes,
    Due(usize),
}

impl Billing {
    /// What would become of a customer. By the seller.
    pub async fn rehearse(&self, actor: &Actor, tenant: TenantId, supposed: &Rehearsal) -> Result<Vec<RehearsalStep>> {
        check(supposed)?;
        let mut connection = self.service.connection().await?;
        let row = self.may_sell_to(&mut connection, actor, tenant).await?;
        let policy = match supposed.policy {
            Some(policy) => policy,
            None => self.policy_in(&mut connection, row.customer.seller).await?,
        };
        let subscriptions = self.subscriptions_in(&mut connection, tenant).await?;
        let mut renewals = Vec::new();
        for bought in live(&subscriptions) {
            let plan = self.plan_bought(&mut connection, row.customer.seller, bought).await?.plan;
            let (items, currency, interval) = (bought.items.clone(), bought.currency, bought.interval);
            let amount = Choice { plan, items, currency, interval }.total().map_err(refused)?;
            if bought.ends_at.is_none() && !amount.is_zero() {
                renewals.push(Renewal { first: bought.trial_ends_at.unwrap_or(bought.period.end), interval, amount });
            }
        }
        let limits = self.service.tenant_in(&mut connection, tenant).await?.limits;
        let basis = self.basis_of(&mut connection, &row, &subscriptions).await?;
        let basis_after = match self.basis_of(&mut connection, &row, &[]).await? {
            Some(after) => Some(after),
            None => basis.as_ref().map(|_| Basis {
                plan: nothing(limits.storage_bytes_max),
                items: Vec::new(),
                gifts: Vec::new(),
            }),
        };
        let now = Supposed {
            situation: self.situation(&mut connection, &row).await?,
            policy,
            basis,
            basis_after,
            concessions: self.concessions_in(&mut connection, tenant).await?,
            limits,
            renewals,
        };
        rehearsed(now, supposed, self.service.now())
    }
}

fn check(supposed: &Rehearsal) -> Result<()> {
    let invalid = |field, message: String| Err(Error::new(Code::Invalid, field, message));
    if supposed.days == 0 || supposed.days > REHEARSAL_DAYS_MAX {
        return invalid("days", format!("1 to {REHEARSAL_DAYS_MAX} (REHEARSAL_DAYS_MAX)"));
    }
    let days = [
        ("failsFromDay", supposed.fails_from_day),
        ("paysOnDay", supposed.pays_on_day),
        ("closesOnDay", supposed.closes_on_day),
    ];
    if let Some((field, _)) = days.into_iter().find(|(_, n)| n.is_some_and(|n| n > supposed.days)) {
        return invalid(field, "This is not among the days that are looked at".to_owned());
    }
    supposed.policy.map_or(Ok(()), |policy| policy.check().map_err(refused))
}

/// Lets the days go.
pub(crate) fn rehearsed(customer: Supposed, script: &Rehearsal, now: Timestamp) -> Result<Vec<RehearsalStep>> {
    let end = days_after(now, script.days);
    let mut events = events(&customer, script, now, end)?;
    events.sort_unstable();
    let mut play = Play { stage: Phase::Active, customer, steps: Vec::new(), fails_from: None, closed: false };
    play.fails_from = script.fails_from_day.map(|n| days_after(now, n));
    play.closed = play.customer.situation.facts.closed_at.is_some();
    play.stage = phase(&play.customer.situation.facts, &play.customer.policy, now);
    let (mut at, mut events) = (now, events.into_iter().peekable());
    loop {
        while let Some((_, event)) = events.next_if(|(when, _)| *when <= at) {
            play.happens(event, at)?;
        }
        let look_at = play.follow(at)?;
        let next = [look_at, events.peek().map(|(when, _)| *when)].into_iter().flatten().min();
        match next {
            Some(next) if next <= end && play.steps.len() < REHEARSAL_STEPS_MAX => at = next,
            Some(_) | None => break,
        }
    }
    play.steps.truncate(REHEARSAL_STEPS_MAX);
    Ok(play.steps)
}

/// All that is supposed, with its moments.
fn events(customer: &Supposed, script: &Rehearsal, now: Timestamp, end: Timestamp) -> Result<Vec<(Timestamp, Event)>> {
    let mut events = Vec::new();
    events.extend(script.pays_on_day.map(|n| (days_after(now, n), Event::Pays)));
    events.extend(script.closes_on_day.map(|n| (days_after(now, n), Event::Closes)));
    for (place, renewal) in customer.renewals.iter().enumerate() {
        for n in 0..REHEARSAL_DAYS_MAX {
            let at = Period::of(renewal.first, renewal.interval, n).map_err(refused)?.start;
            if at > end {
                break;
            }
            if at >= now {
                events.push((at, Event::Due(place)));
            }
        }
    }
    Ok(events)
}

/// A rehearsal under way.
struct Play {
    customer: Supposed,
    steps: Vec<RehearsalStep>,
    stage: Phase,
    fails_from: Option<Timestamp>,
    closed: bool,
}

impl Play {
    fn happens(&mut self, event: Event, at: Timestamp) -> Result<()> {
        match event {
            Event::Pays => {
                self.fails_from = None;
                let facts = &mut self.customer.situation.facts;
                if let Some(since) = facts.unpaid_since.take() {
                    self.customer.situation.settled = Some(since);
                    self.step(at, "PAID", format!("what was due since {}", day(since)))?;
                }
            }
            Event::Closes if !self.closed => {
                self.closed = true;
                let facts = &mut self.customer.situation.facts;
                facts.closed_at = Some(at);
                facts.trial_ends_at = None;
                self.customer.basis = self.customer.basis_after.clone();
                self.step(at, "CLOSED", String::new())?;
            }
            Event::Due(place) if !self.closed => {
                let amount = self.customer.renewals.get(place).map(|r| r.amount.to_string()).unwrap_or_default();
                self.step(at, "PAYMENT_DUE", amount.clone())?;
                if self.fails_from.is_some_and(|from| from <= at) {
                    let facts = &mut self.customer.situation.facts;
                    facts.unpaid_since = facts.unpaid_since.or(Some(at));
                    self.step(at, "PAYMENT_FAILED", amount)?;
                } else {
                    self.step(at, "PAID", amount)?;
                }
            }
            Event::Closes | Event::Due(_) => {}
        }
        Ok(())
    }

    /// What follows at a moment, and when there is more.
    fn follow(&mut self, at: Timestamp) -> Result<Option<Timestamp>> {
        let policy = self.customer.policy;
        let followed = self.customer.situation.follow(&policy, at);
        if followed.phase != self.stage {
            self.stage = followed.phase;
            self.step(at, "PHASE", stage_word(followed.phase).to_owned())?;
        }
        for letter in &followed.letters {
            self.step(at, "LETTER", told(letter))?;
        }
        Ok(followed.look_at)
    }

    fn step(&mut self, at: Timestamp, what: &str, detail: String) -> Result<()> {
        let Supposed { situation, policy, basis, concessions, limits, .. } = &self.customer;
        let phase = phase(&situation.facts, policy, at);
        let limits = match basis {
            Some(basis) => entitle(&basis.inputs(concessions, policy, phase, at)).map_err(refused)?,
            None => limits.clone(),
        };
        let taken = hold(&situation.facts, policy, phase, None).and_then(|hold| hold.blocks).unwrap_or_default();
        let blocks = taken.into_iter().map(capability_word).map(str::to_owned).collect();
        self.steps.push(RehearsalStep { at, phase, what: what.to_owned(), detail, limits, blocks });
        Ok(())
    }
}

/// A letter in a line: its word, and the dates.
fn told(letter: &Letter) -> String {
    let dates = letter.dates.iter().map(|(stage, at)| format!(" {}={}", stage_word(*stage), day(*at)));
    letter.kind.word() + &dates.collect::<String>()
}

fn capability_word(capability: Capability) -> &'static str {
    match capability {
        Capability::PortalLogin => "PORTAL_LOGIN",
        Capability::MailRead => "MAIL_READ",
        Capability::Receive => "RECEIVE",
        Capability::SendInternal => "SEND_INTERNAL",
        Capability::SendExternal => "SEND_EXTERNAL",
        Capability::Provision => "PROVISION",
        Capability::Export => "EXPORT",
        Capability::Pay => "PAY",
        Capability::PurgeAllowed => "PURGE_ALLOWED",
    }
}

#[cfg(test)]
mod tests;
