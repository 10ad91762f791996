//! SUMMARY    What a customer is told about its stages, and when: a pure function beside `phase`.
//! LIMITS     AHEAD, NOTICES_APART, ELSEWHERE_AGAIN
//! INVARIANTS Each letter is written once for each trouble. It tells the dates to come, which do not come earlier from then on (T3). The
//!            destruction is told twice, to a contact elsewhere, before it may be (T1).

use crate::{Announced, Facts, NOTICES_BEFORE_PURGE, Phase, Policy, phase, stages};
use base::Timestamp;
use std::{collections::BTreeMap, time::Duration};

/// How long before a stage, or the end of a trial, it is told.
pub(crate) const AHEAD: Duration = Duration::from_secs(3 * 86_400);
/// Between two notices of the destruction, at least.
pub(crate) const NOTICES_APART: Duration = Duration::from_secs(86_400);
/// When it is looked again whether a customer has a contact elsewhere by now.
const ELSEWHERE_AGAIN: Duration = Duration::from_secs(86_400);
/// How the words of notices of the destruction begin.
pub(crate) const PURGE_NOTICE: &str = "PURGE_NOTICE_";

/// What a letter is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    TrialEnding,
    PastDue,
    /// A stage comes soon.
    Ahead(Phase),
    /// A stage is reached.
    Reached(Phase),
    /// Everything will be destroyed: the n-th time that it is told.
    Purge(usize),
    Settled,
    Reopened,
}

impl Kind {
    /// As it is kept: one of each for a trouble.
    pub(crate) fn word(self) -> String {
        match self {
            Kind::TrialEnding => "TRIAL_ENDING".to_owned(),
            Kind::PastDue => "PAST_DUE".to_owned(),
            Kind::Ahead(stage) => format!("AHEAD_{}", stage_word(stage)),
            Kind::Reached(stage) => format!("REACHED_{}", stage_word(stage)),
            Kind::Purge(n) => format!("{PURGE_NOTICE}{n}"),
            Kind::Settled => "SETTLED".to_owned(),
            Kind::Reopened => "REOPENED".to_owned(),
        }
    }

    /// The template that it is written by.
    pub(crate) fn notice(self) -> &'static str {
        match self {
            Kind::TrialEnding => "billing-trial-ending",
            Kind::PastDue => "billing-past-due",
            Kind::Ahead(_) => "billing-ahead",
            Kind::Reached(_) => "billing-reached",
            Kind::Purge(_) => "billing-purge",
            Kind::Settled => "billing-settled",
            Kind::Reopened => "billing-reopened",
        }
    }
}

/// A stage as a stable word.
pub(crate) fn stage_word(stage: Phase) -> &'static str {
    match stage {
        Phase::Trial => "TRIAL",
        Phase::Active => "ACTIVE",
        Phase::PastDue => "PAST_DUE",
        Phase::Grace => "GRACE",
        Phase::Suspended => "SUSPENDED",
        Phase::ReadOnly => "READ_ONLY",
        Phase::Closing => "CLOSING",
        Phase::Purging => "PURGING",
    }
}

/// A letter to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Letter {
    pub kind: Kind,
    /// When the trouble began that it is about; of a trial, its end.
    pub of: Timestamp,
    /// The dates that it tells.
    pub dates: Vec<(Phase, Timestamp)>,
}

/// Where a customer is, and what it was told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Situation {
    pub facts: Facts,
    /// Letters by trouble and word, with when they were written.
    pub sent: BTreeMap<(Timestamp, String), Timestamp>,
    /// A debt of that day has just been paid.
    pub settled: Option<Timestamp>,
    /// Whether the contact is elsewhere: what we tell one of our own mailboxes does not count.
    pub elsewhere: bool,
}

/// What is to be done at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Followed {
    pub letters: Vec<Letter>,
    pub phase: Phase,
    /// When there is something to do again.
    pub look_at: Option<Timestamp>,
}

impl Situation {
    /// Writes what is due at a moment into the situation, and says what that was and where the customer stands.
    pub(crate) fn follow(&mut self, policy: &Policy, now: Timestamp) -> Followed {
        let letters = self.due(policy, now);
        for letter in &letters {
            self.sent.insert((letter.of, letter.kind.word()), now);
            if matches!(letter.kind, Kind::Purge(_)) {
                self.facts.notices.push(now);
            }
            for (stage, at) in &letter.dates {
                let told = Announced { of: letter.of, stage: *stage, at: *at };
                if !self.facts.announced.contains(&told) {
                    self.facts.announced.push(told);
                }
            }
        }
        self.settled = None;
        Followed { letters, phase: phase(&self.facts, policy, now), look_at: self.look_at(policy, now) }
    }

    /// When something happens by itself.
    pub(crate) fn look_at(&self, policy: &Policy, now: Timestamp) -> Option<Timestamp> {
        let stages = stages(&self.facts, policy);
        let mut moments: Vec<Timestamp> = stages.iter().flat_map(|(_, at)| [*at, before(*at, AHEAD)]).collect();
        if let Some(end) = self.facts.trial_ends_at {
            moments.extend([end, before(end, AHEAD)]);
        }
        if phase(&self.facts, policy, now) == Phase::Closing {
            match self.next_notice(policy, now) {
                Some(at) if self.elsewhere => moments.push(at),
                Some(_) => moments.push(now.plus(ELSEWHERE_AGAIN)),
                None => {}
            }
        }
        moments.into_iter().filter(|at| *at > now).min()
    }

    fn due(&self, policy: &Policy, now: Timestamp) -> Vec<Letter> {
        let mut letters = Vec::new();
        if let Some(of) = self.settled.filter(|of| self.has(*of, Kind::PastDue)) {
            letters.push(Letter { kind: Kind::Settled, of, dates: Vec::new() });
        }
        match phase(&self.facts, policy, now) {
            Phase::Trial => letters.extend(self.trial(now)),
            Phase::PastDue | Phase::Grace | Phase::Suspended | Phase::ReadOnly => {
                letters.extend(self.debt(policy, now))
            }
            Phase::Closing => letters.extend(self.closing(policy, now)),
            Phase::Active | Phase::Purging => {}
        }
        letters.retain(|letter| !self.has(letter.of, letter.kind));
        letters
    }

    fn trial(&self, now: Timestamp) -> Option<Letter> {
        let end = self.facts.trial_ends_at.filter(|end| before(*end, AHEAD) <= now)?;
        Some(Letter { kind: Kind::TrialEnding, of: end, dates: vec![(Phase::Active, end)] })
    }

    /// That a payment is late, that a stage is reached; ahead of the next one, unless one of these was written in the days before it.
    fn debt(&self, policy: &Policy, now: Timestamp) -> Option<Letter> {
        let of = self.facts.unpaid_since?;
        let dates: Vec<(Phase, Timestamp)> =
            stages(&self.facts, policy).into_iter().filter(|(_, at)| *at > now).collect();
        let letter = |kind| Some(Letter { kind, of, dates: dates.clone() });
        if !self.has(of, Kind::PastDue) {
            return letter(Kind::PastDue);
        }
        let reached = Kind::Reached(phase(&self.facts, policy, now));
        if reached != Kind::Reached(Phase::PastDue) && !self.has(of, reached) {
            return letter(reached);
        }
        let (next, at) = dates.first().copied()?;
        let told = self.sent.iter().any(|((trouble, _), when)| *trouble == of && *when >= before(at, AHEAD));
        if told || now < before(at, AHEAD) { None } else { letter(Kind::Ahead(next)) }
    }

    fn closing(&self, policy: &Policy, now: Timestamp) -> Option<Letter> {
        self.next_notice(policy, now).filter(|at| self.elsewhere && *at <= now)?;
        let (of, closing) = self.closing_of(policy)?;
        let counted = self.counted(closing).count() + 1;
        let earliest = match counted < NOTICES_BEFORE_PURGE {
            true => self.notice_after(policy, closing, now),
            false => now,
        };
        let told = self.facts.announced.iter().filter(|a| a.of == of && a.stage == Phase::Purging).map(|a| a.at).max();
        let at = days_after(earliest, policy.last_notice_days).max(days_after(closing, policy.undo_days));
        let written =
            self.sent.keys().filter(|(trouble, word)| *trouble == of && word.starts_with(PURGE_NOTICE)).count();
        let dates = vec![(Phase::Purging, told.map_or(at, |told| told.max(at)))];
        Some(Letter { kind: Kind::Purge(written + 1), of, dates })
    }

    /// When the destruction is told next; none when it was told often enough.
    fn next_notice(&self, policy: &Policy, now: Timestamp) -> Option<Timestamp> {
        let (_, closing) = self.closing_of(policy)?;
        if self.counted(closing).count() >= NOTICES_BEFORE_PURGE {
            return None;
        }
        match self.counted(closing).max() {
            None => Some(closing.min(now)),
            Some(last) => Some(self.notice_after(policy, closing, last)),
        }
    }

    /// When the notice after one of that moment is due: the policy's days before the destruction, and some time after the other.
    fn notice_after(&self, policy: &Policy, closing: Timestamp, last: Timestamp) -> Timestamp {
        let notice = Duration::from_secs(u64::from(policy.last_notice_days) * 86_400);
        before(days_after(closing, policy.undo_days), notice).max(last.plus(NOTICES_APART))
    }

    /// Of which trouble it is closing, and since when.
    fn closing_of(&self, policy: &Policy) -> Option<(Timestamp, Timestamp)> {
        let closing = stages(&self.facts, policy).into_iter().find(|(stage, _)| *stage == Phase::Closing)?.1;
        Some((self.facts.closed_at.or(self.facts.unpaid_since).unwrap_or(closing), closing))
    }

    /// Notices that count: those since it is closing.
    fn counted(&self, closing: Timestamp) -> impl Iterator<Item = Timestamp> {
        self.facts.notices.iter().copied().filter(move |at| *at >= closing)
    }

    fn has(&self, of: Timestamp, kind: Kind) -> bool {
        self.sent.contains_key(&(of, kind.word()))
    }
}

fn before(at: Timestamp, by: Duration) -> Timestamp {
    Timestamp(at.0.saturating_sub(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)))
}

pub(crate) fn days_after(at: Timestamp, days: u32) -> Timestamp {
    at.plus(Duration::from_secs(u64::from(days) * 86_400))
}

#[cfg(test)]
mod tests;
