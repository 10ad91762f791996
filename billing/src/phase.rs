//! SUMMARY    Where a customer stands between paying and being gone: a pure function of facts, policy and time.
//! LIMITS     DAYS_MAX, NOTICES_BEFORE_PURGE
//! INVARIANTS A stage that was announced for a date does not come earlier, whatever becomes of the policy (T3). Nothing is purged without
//!            NOTICES_BEFORE_PURGE notices to a contact elsewhere and the policy's days after the last (T1). Sending ends first,
//!            receiving last, export and paying never.

use crate::{Error, Result};
use base::Timestamp;
use control::Capability;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Days of any stage at most.
pub const DAYS_MAX: u32 = 3_650;
/// Notices that a customer has had before its data is destroyed.
pub const NOTICES_BEFORE_PURGE: usize = 2;

/// Stages in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Phase {
    Trial,
    Active,
    /// A payment failed or is late; all works.
    PastDue,
    /// It sends less.
    Grace,
    /// It does not send.
    Suspended,
    /// It reads, receives and exports.
    ReadOnly,
    /// It reads and exports; undone by paying, or by its owner who closed it.
    Closing,
    /// Its data may be destroyed now.
    Purging,
}

/// Days until each stage; the first four from the day a payment was due, the last from the beginning of closing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    pub version: u32,
    pub grace_days: u32,
    pub suspended_days: u32,
    pub read_only_days: u32,
    pub closing_days: u32,
    /// In which closing is undone.
    pub undo_days: u32,
    /// After the last notice, before anything is destroyed.
    pub last_notice_days: u32,
    /// Of what it may send otherwise, in the grace.
    pub grace_sending_percent: u8,
}

impl Default for Policy {
    fn default() -> Policy {
        Policy {
            version: 1,
            grace_days: 7,
            suspended_days: 14,
            read_only_days: 30,
            closing_days: 60,
            undo_days: 30,
            last_notice_days: 7,
            grace_sending_percent: 20,
        }
    }
}

/// A stage whose date was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announced {
    /// When the trouble began that it was told for: `unpaid_since` or `closed_at` of then.
    pub of: Timestamp,
    pub stage: Phase,
    pub at: Timestamp,
}

/// What is known of a customer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// The end of a trial that has not been paid for yet.
    pub trial_ends_at: Option<Timestamp>,
    /// When the oldest payment was due that was not made.
    pub unpaid_since: Option<Timestamp>,
    /// When its owner closed it.
    pub closed_at: Option<Timestamp>,
    pub announced: Vec<Announced>,
    /// Notices of the destruction that reached a contact elsewhere.
    pub notices: Vec<Timestamp>,
}

impl Policy {
    /// Errors: `Invalid` for stages out of order or beyond DAYS_MAX.
    pub fn check(&self) -> Result<()> {
        let days = [
            ("graceDays", self.grace_days),
            ("suspendedDays", self.suspended_days),
            ("readOnlyDays", self.read_only_days),
            ("closingDays", self.closing_days),
        ];
        for pair in days.windows(2) {
            if let [(_, before), (field, days)] = pair
                && days < before
            {
                return Err(Error::invalid(*field, "A stage does not come before the one that it follows"));
            }
        }
        let all = days.iter().copied().chain([("undoDays", self.undo_days), ("lastNoticeDays", self.last_notice_days)]);
        if let Some((field, _)) = all.into_iter().find(|(_, days)| *days > DAYS_MAX) {
            return Err(Error::invalid(field, format!("DAYS_MAX is {DAYS_MAX}")));
        }
        if self.undo_days == 0 || self.last_notice_days == 0 {
            return Err(Error::invalid(
                "undoDays",
                "Closing can be undone for a day at least, and is told a day before",
            ));
        }
        if self.grace_sending_percent > 100 {
            return Err(Error::invalid("graceSendingPercent", "100 at most"));
        }
        Ok(())
    }
}

/// The stages to come and those that were, each with when it begins, in their order; `Purging` only when T1 holds. Empty while there is
/// no trouble.
pub fn stages(facts: &Facts, policy: &Policy) -> Vec<(Phase, Timestamp)> {
    let mut stages = Vec::new();
    if let Some(since) = facts.unpaid_since {
        stages.push((Phase::PastDue, since));
        for (stage, days) in [
            (Phase::Grace, policy.grace_days),
            (Phase::Suspended, policy.suspended_days),
            (Phase::ReadOnly, policy.read_only_days),
            (Phase::Closing, policy.closing_days),
        ] {
            stages.push((stage, told(facts, since, stage).max(after(since, days))));
        }
    }
    if let Some(closed) = facts.closed_at {
        // Whoever closes while payments are late is closed at once, and no later than it would be anyway.
        let by_debt = stages.pop_if(|(stage, _)| *stage == Phase::Closing).map(|(_, at)| at);
        stages.retain(|(_, at)| *at < closed);
        stages.push((Phase::Closing, by_debt.map_or(closed, |at| at.min(closed))));
    }
    in_order(&mut stages);
    if let Some((Phase::Closing, closing)) = stages.last().copied() {
        let of = facts.closed_at.or(facts.unpaid_since).unwrap_or(closing);
        let told = told(facts, of, Phase::Purging).max(after(closing, policy.undo_days));
        let notices: Vec<Timestamp> = facts.notices.iter().copied().filter(|at| *at >= closing).collect();
        if let (true, Some(last)) = (notices.len() >= NOTICES_BEFORE_PURGE, notices.iter().max()) {
            stages.push((Phase::Purging, told.max(after(*last, policy.last_notice_days))));
        }
    }
    stages
}

/// Where it stands (T2).
pub fn phase(facts: &Facts, policy: &Policy, now: Timestamp) -> Phase {
    let reached = stages(facts, policy).into_iter().rfind(|(_, at)| *at <= now).map(|(stage, _)| stage);
    reached.unwrap_or(match facts.trial_ends_at {
        Some(end) if now < end => Phase::Trial,
        Some(_) | None => Phase::Active,
    })
}

/// What comes next, and when.
pub fn next(facts: &Facts, policy: &Policy, now: Timestamp) -> Option<(Phase, Timestamp)> {
    stages(facts, policy).into_iter().find(|(_, at)| *at > now)
}

/// What a stage takes away.
pub fn blocks(phase: Phase) -> &'static [Capability] {
    use Capability::{Provision, Receive, SendExternal, SendInternal};
    match phase {
        Phase::Trial | Phase::Active | Phase::PastDue | Phase::Grace => &[],
        Phase::Suspended => &[SendExternal],
        Phase::ReadOnly => &[SendExternal, SendInternal, Provision],
        Phase::Closing | Phase::Purging => &[SendExternal, SendInternal, Provision, Receive],
    }
}

fn after(at: Timestamp, days: u32) -> Timestamp {
    at.plus(Duration::from_secs(u64::from(days) * 86_400))
}

/// The latest date that was told for a stage of this trouble.
fn told(facts: &Facts, of: Timestamp, stage: Phase) -> Timestamp {
    let told = facts.announced.iter().filter(|a| a.of == of && a.stage == stage).map(|a| a.at);
    told.max().unwrap_or(Timestamp(i64::MIN))
}

/// No stage before the one that it follows.
fn in_order(stages: &mut [(Phase, Timestamp)]) {
    let mut earliest = Timestamp(i64::MIN);
    for (_, at) in stages {
        *at = (*at).max(earliest);
        earliest = *at;
    }
}

#[cfg(test)]
mod tests;
