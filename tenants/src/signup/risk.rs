//! SUMMARY    How much is risked with a signup, and how little a new tenant sends at first. Pure.
//! STANDARDS  product.md §5 (risk lowers capability, it is not a wall)
//! INVARIANTS What is left of a probation only grows with time, and ends. A probation never gives more than the tenant's own limits.

use super::velocity::is_everybodys;
use control::SendLimits;
use serde::{Deserialize, Serialize};

/// 24 hours, milliseconds.
const DAY_MS: i64 = 86_400_000;
/// Risk from which on a tenant is let up more slowly.
const CAREFUL_SCORE: i64 = 30;
/// Digits of a name that look as if a machine had made it.
const DIGITS_MANY: usize = 5;
/// Where addresses are had for ten minutes.
const THROWN_AWAY: &[&str] = &[
    "10minutemail.com",
    "discard.email",
    "dispostable.com",
    "emailondeck.com",
    "fakeinbox.com",
    "getnada.com",
    "guerrillamail.com",
    "mailcatch.com",
    "maildrop.cc",
    "mailinator.com",
    "mailnesia.com",
    "mintemail.com",
    "mohmal.com",
    "sharklasers.com",
    "spamgourmet.com",
    "temp-mail.org",
    "tempmail.com",
    "throwawaymail.com",
    "trashmail.com",
    "yopmail.com",
];

/// What is known of whoever signs up.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Facts<'a> {
    /// Signups from its network in a day, before this one.
    pub(crate) begun: i64,
    pub(crate) waited: bool,
    pub(crate) from_nowhere: bool,
    pub(crate) name: &'a str,
    /// Of the contact; empty before it is known.
    pub(crate) contact: &'a str,
}

/// The risk, and what makes it.
pub(crate) fn score(facts: &Facts<'_>) -> (i64, Vec<&'static str>) {
    let (local, domain) = facts.contact.rsplit_once('@').unwrap_or_default();
    let digits = facts.name.bytes().filter(u8::is_ascii_digit).count();
    let found = [
        (facts.begun.min(4) * 15, facts.begun > 0, "NETWORK_SIGNS_UP_OFTEN"),
        (10, facts.waited, "NO_PROOF_OF_WORK"),
        (10, facts.from_nowhere, "ADDRESS_UNKNOWN"),
        (15, digits >= DIGITS_MANY, "NAME_OF_DIGITS"),
        (50, THROWN_AWAY.contains(&domain), "CONTACT_THROWN_AWAY"),
        (10, local.contains('+'), "CONTACT_WITH_DETAIL"),
        (-5, is_everybodys(domain) && facts.begun == 0, "CONTACT_WELL_KNOWN"),
    ];
    let of_this = found.into_iter().filter(|(_, is, _)| *is);
    let (sum, reasons) = of_this.fold((0, Vec::new()), |(sum, mut reasons), (points, _, reason)| {
        reasons.push(reason);
        (sum + points, reasons)
    });
    (sum.max(0), reasons)
}

/// How a new tenant is let up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Probation {
    Usual,
    Careful,
    /// Until somebody has looked.
    Review,
}

impl Probation {
    const EVERY: [(Probation, &'static str); 3] =
        [(Probation::Usual, "USUAL"), (Probation::Careful, "CAREFUL"), (Probation::Review, "REVIEW")];

    /// As it is stored and shown.
    pub fn name(self) -> &'static str {
        Self::EVERY.iter().find(|(kind, _)| *kind == self).map_or("", |(_, name)| name)
    }

    pub(crate) fn parse(name: &str) -> Option<Probation> {
        Self::EVERY.iter().find(|(_, n)| *n == name).map(|(kind, _)| *kind)
    }

    /// Of a risk; whether somebody is to look.
    pub(crate) fn of(score: i64, review: bool) -> Probation {
        match (review, score >= CAREFUL_SCORE) {
            (true, _) => Probation::Review,
            (false, true) => Probation::Careful,
            (false, false) => Probation::Usual,
        }
    }

    /// From which day on how many recipients, and how many of them new; none: no more than the tenant's own limits.
    fn steps(self) -> &'static [(i64, Option<(u32, u32)>)] {
        match self {
            Probation::Usual => &[(0, Some((50, 25))), (3, Some((150, 75))), (7, Some((500, 250))), (14, None)],
            Probation::Careful => &[(0, Some((20, 10))), (5, Some((50, 25))), (14, Some((200, 100))), (30, None)],
            Probation::Review => &[(0, Some((5, 5)))],
        }
    }

    /// What it leaves of limits, so long after it began.
    pub(crate) fn over(self, limits: SendLimits, since_ms: i64, now_ms: i64) -> SendLimits {
        let day = now_ms.saturating_sub(since_ms).div_euclid(DAY_MS).max(0);
        let step = self.steps().iter().rev().find(|(from, _)| *from <= day);
        let Some((_, Some((per_day, new)))) = step else { return limits };
        let least = |limit: Option<u32>, most: u32| Some(limit.map_or(most, |limit| limit.min(most)));
        SendLimits {
            per_hour: limits.per_hour,
            per_day: least(limits.per_day, *per_day),
            new_recipients_per_day: least(limits.new_recipients_per_day, *new),
        }
    }

    /// When the next step comes; none: it stays as it is.
    pub(crate) fn next(self, since_ms: i64, now_ms: i64) -> Option<i64> {
        self.steps().iter().map(|(from, _)| since_ms.saturating_add(from * DAY_MS)).find(|at| *at > now_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn risk_adds_up_and_says_why() {
        assert_eq!(score(&Facts { name: "ann", contact: "ann@firm.example", ..Facts::default() }), (0, vec![]));
        let bad =
            Facts { begun: 2, waited: true, name: "q8817264x", contact: "a+1@mailinator.com", from_nowhere: false };
        let (sum, why) = score(&bad);
        assert_eq!(sum, 30 + 10 + 15 + 50 + 10);
        assert_eq!(why.len(), 5);
        assert_eq!(score(&Facts { name: "ann", contact: "ann@gmail.com", ..Facts::default() }).0, 0);
    }

    #[test]
    fn a_probation_decays_and_never_gives_more_than_the_limits() {
        let none = SendLimits { per_hour: None, per_day: None, new_recipients_per_day: None };
        let few = SendLimits { per_hour: Some(3), per_day: Some(7), new_recipients_per_day: Some(2) };
        for kind in [Probation::Usual, Probation::Careful] {
            let mut before = 0;
            for day in 0..60 {
                let now = day * DAY_MS + 5;
                let left = kind.over(none, 0, now).per_day.unwrap_or(u32::MAX);
                assert!(left >= before, "{kind:?} {day}");
                before = left;
                assert_eq!(kind.over(few, 0, now), kind.over(kind.over(few, 0, now), 0, now));
                assert!(kind.over(few, 0, now).per_day.unwrap() <= 7);
            }
            assert_eq!(before, u32::MAX, "{kind:?} ends");
            assert_eq!(kind.next(0, 60 * DAY_MS), None);
        }
        assert_eq!(Probation::Usual.next(0, 0), Some(3 * DAY_MS));
        assert_eq!(Probation::Review.over(none, 0, 900 * DAY_MS).per_day, Some(5));
    }
}
