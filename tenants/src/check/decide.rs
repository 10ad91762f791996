//! SUMMARY    What a verdict makes of a claim. Pure.
//! STANDARDS  product.md §4 (D3, D4, D6, D7)
//! INVARIANTS Unknown changes nothing. A day counts once, however often it is looked. The operator's word is never taken away
//!            by a check. Public mail is said to come here when it is seen once, and not to when it was missed twice.

use crate::{
    claim::{Claim, DomainState, Proof},
    records::Status,
};
use base::Timestamp;
use std::time::Duration;

/// Looks in a row that must find the MX elsewhere.
pub(crate) const MX_MISSES_MAX: i64 = 2;
/// A day, as failures are counted: a little less, so that a daily look always counts.
const DAY: Duration = Duration::from_secs(20 * 3600);

/// What was found.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found {
    pub(crate) ownership: Status,
    /// Whether public mail comes here; `None`: not known.
    pub(crate) mx_here: Option<bool>,
    /// Another tenant holds the name proven.
    pub(crate) held_by_other: bool,
}

/// What is known of a claim beside its shown state.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Known {
    pub(crate) failed_at_ms: Option<i64>,
    pub(crate) mx_misses: i64,
    pub(crate) mx_here: bool,
}

/// What becomes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Decision {
    pub(crate) state: DomainState,
    pub(crate) proof: Proof,
    pub(crate) step: Step,
    pub(crate) failed_days: i64,
    pub(crate) failed_at_ms: Option<i64>,
    pub(crate) mx_misses: i64,
    pub(crate) mx_here: bool,
    /// What the holder is to hear: kind and text.
    pub(crate) notice: Option<(&'static str, String)>,
}

/// What else is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Stay,
    /// It becomes the proven one.
    Prove,
    /// It stops being it.
    Lose,
    /// The one that holds the name is to be looked at.
    Contest,
}

pub(crate) fn decide(claim: &Claim, known: Known, found: Found, failures_max: i64, now: Timestamp) -> Decision {
    let stay = Decision {
        state: claim.state,
        proof: claim.proof,
        step: Step::Stay,
        failed_days: claim.failed_days,
        failed_at_ms: known.failed_at_ms,
        mx_misses: known.mx_misses,
        mx_here: known.mx_here,
        notice: None,
    };
    if claim.proven { held(claim, stay, found, failures_max, now) } else { wanted(claim, stay, found) }
}

/// A claim that is not proven.
fn wanted(claim: &Claim, stay: Decision, found: Found) -> Decision {
    match found.ownership {
        Status::Unknown => stay,
        Status::Match if found.held_by_other => {
            let text = "Another tenant holds the domain; it is being looked at again".to_owned();
            let fresh = claim.state != DomainState::Contested;
            Decision {
                state: DomainState::Contested,
                step: Step::Contest,
                notice: fresh.then_some(("CONTESTED", text)),
                ..stay
            }
        }
        Status::Match => {
            let here = found.mx_here == Some(true);
            Decision {
                state: if here { DomainState::Live } else { DomainState::Owned },
                proof: Proof::Dns,
                step: Step::Prove,
                failed_days: 0,
                failed_at_ms: None,
                mx_misses: 0,
                mx_here: here,
                notice: Some(("PROVEN", "The TXT record was found: the domain is proven".to_owned())),
            }
        }
        Status::Missing | Status::Conflict => {
            let state = if claim.state == DomainState::Contested { DomainState::Claimed } else { claim.state };
            Decision { state, ..stay }
        }
    }
}

/// A claim that holds the name.
fn held(claim: &Claim, stay: Decision, found: Found, failures_max: i64, now: Timestamp) -> Decision {
    if claim.proof == Proof::Operator {
        return stay;
    }
    let mut next = match found.ownership {
        Status::Unknown => stay,
        Status::Match => Decision { proof: Proof::Dns, failed_days: 0, failed_at_ms: None, ..stay },
        Status::Missing | Status::Conflict => without_proof(claim, stay, failures_max, now),
    };
    if next.step == Step::Lose {
        return next;
    }
    match found.mx_here {
        None => {}
        Some(true) => (next.mx_misses, next.mx_here) = (0, true),
        Some(false) => {
            next.mx_misses += 1;
            next.mx_here = next.mx_here && next.mx_misses < MX_MISSES_MAX;
        }
    }
    let was_live = matches!(claim.state, DomainState::Live | DomainState::Degraded);
    next.state = match (next.failed_days > 0, next.mx_here, was_live) {
        (true, _, _) => DomainState::Degraded,
        (false, true, _) => DomainState::Live,
        (false, false, true) => DomainState::Degraded,
        (false, false, false) => DomainState::Owned,
    };
    if claim.state == DomainState::Live && next.state == DomainState::Degraded && next.notice.is_none() {
        next.notice = Some(("MX_GONE", "The MX records lead elsewhere: public mail does not come here".to_owned()));
    }
    next
}

fn without_proof(claim: &Claim, stay: Decision, failures_max: i64, now: Timestamp) -> Decision {
    // What was here before claims were has no record in DNS: it is asked for one when another tenant has it.
    if claim.proof == Proof::Before && claim.contested_at_ms.is_none() {
        return stay;
    }
    let counted = |at: i64| now.0.saturating_sub(at) < i64::try_from(DAY.as_millis()).unwrap_or(i64::MAX);
    if stay.failed_at_ms.is_some_and(counted) {
        return stay;
    }
    let failed_days = claim.failed_days + 1;
    let left = failures_max - failed_days;
    if left <= 0 {
        let text = "The TXT record was gone for too long: the domain takes no mail until it is back".to_owned();
        return Decision {
            state: DomainState::Lost,
            proof: Proof::None,
            step: Step::Lose,
            failed_days,
            failed_at_ms: Some(now.0),
            mx_here: false,
            notice: Some(("LOST", text)),
            ..stay
        };
    }
    let text = format!("The TXT record that proves the domain is gone. In {left} days it takes no mail any more");
    Decision { failed_days, failed_at_ms: Some(now.0), notice: Some(("PROOF_GONE", text)), ..stay }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAYS: i64 = 24 * 3600 * 1000;

    fn claim(state: DomainState, proof: Proof) -> Claim {
        Claim { state, proof, proven: proof != Proof::None, ..Claim::default() }
    }

    fn found(ownership: Status, mx_here: Option<bool>) -> Found {
        Found { ownership, mx_here, held_by_other: false }
    }

    #[test]
    fn d4_unknown_changes_nothing_whatever_the_state() {
        for state in [
            DomainState::Claimed,
            DomainState::Owned,
            DomainState::Live,
            DomainState::Degraded,
            DomainState::Lost,
            DomainState::Contested,
        ] {
            for proof in [Proof::None, Proof::Dns, Proof::Before, Proof::Operator] {
                let claim = Claim { failed_days: i64::from(state == DomainState::Degraded), ..claim(state, proof) };
                let known = Known { failed_at_ms: None, mx_misses: 1, mx_here: state == DomainState::Live };
                let decision = decide(&claim, known, found(Status::Unknown, None), 7, Timestamp(9));
                let told = (decision.step, decision.failed_days, decision.mx_misses, decision.mx_here, decision.notice);
                assert_eq!(told, (Step::Stay, claim.failed_days, 1, known.mx_here, None), "{state:?} {proof:?}");
            }
        }
    }

    #[test]
    fn d6_a_domain_is_lost_after_as_many_failed_days_and_not_sooner() {
        let mut now = claim(DomainState::Live, Proof::Dns);
        let mut known = Known { mx_here: true, ..Known::default() };
        for day in 1..=7 {
            for look in 0..3 {
                let at = Timestamp(day * DAYS + look * 3_600_000);
                let decision = decide(&now, known, found(Status::Missing, Some(true)), 7, at);
                assert_eq!(
                    decision.notice.is_some(),
                    look == 0 && decision.failed_days == day,
                    "day {day} look {look}"
                );
                let lost = decision.step == Step::Lose;
                assert_eq!(lost, day == 7, "day {day}");
                if lost {
                    assert_eq!(decision.state, DomainState::Lost);
                    return;
                }
                assert_eq!(decision.state, DomainState::Degraded);
                (now.failed_days, now.state, known.failed_at_ms) =
                    (decision.failed_days, decision.state, decision.failed_at_ms);
            }
        }
    }

    #[test]
    fn d6_a_day_with_the_proof_forgives_the_days_without() {
        let failed = Claim { failed_days: 6, ..claim(DomainState::Degraded, Proof::Dns) };
        let decision = decide(&failed, Known::default(), found(Status::Match, Some(true)), 7, Timestamp(0));
        assert_eq!((decision.failed_days, decision.state), (0, DomainState::Live));
    }

    #[test]
    fn d6_the_operators_word_and_what_was_before_are_not_demoted_but_a_contest_asks_for_the_record() {
        let gone = found(Status::Missing, Some(false));
        for proof in [Proof::Operator, Proof::Before] {
            let decision = decide(&claim(DomainState::Live, proof), Known::default(), gone, 1, Timestamp(0));
            assert_eq!((decision.step, decision.failed_days), (Step::Stay, 0), "{proof:?}");
        }
        let contested = Claim { contested_at_ms: Some(0), ..claim(DomainState::Live, Proof::Before) };
        assert_eq!(decide(&contested, Known::default(), gone, 1, Timestamp(0)).step, Step::Lose);
        let contested = Claim { contested_at_ms: Some(0), ..claim(DomainState::Live, Proof::Operator) };
        assert_eq!(decide(&contested, Known::default(), gone, 1, Timestamp(0)).step, Step::Stay);
    }

    #[test]
    fn d7_the_mx_is_believed_at_once_and_given_up_after_two_misses() {
        let live = claim(DomainState::Live, Proof::Dns);
        let mut known = Known { mx_here: true, ..Known::default() };
        let once = decide(&live, known, found(Status::Match, Some(false)), 7, Timestamp(0));
        assert_eq!((once.mx_here, once.mx_misses, once.state), (true, 1, DomainState::Live));
        known.mx_misses = once.mx_misses;
        let twice = decide(&live, known, found(Status::Match, Some(false)), 7, Timestamp(0));
        assert_eq!((twice.mx_here, twice.state), (false, DomainState::Degraded));
        known.mx_here = false;
        let back =
            decide(&claim(DomainState::Degraded, Proof::Dns), known, found(Status::Match, Some(true)), 7, Timestamp(0));
        assert_eq!((back.mx_here, back.mx_misses, back.state), (true, 0, DomainState::Live));
    }

    #[test]
    fn d3_a_second_proof_contests_and_takes_nothing() {
        let found = Found { held_by_other: true, ..found(Status::Match, Some(true)) };
        let decision = decide(&claim(DomainState::Claimed, Proof::None), Known::default(), found, 7, Timestamp(0));
        assert_eq!((decision.state, decision.step, decision.mx_here), (DomainState::Contested, Step::Contest, false));
        let gone = Found { ownership: Status::Missing, ..found };
        let decision = decide(&claim(DomainState::Contested, Proof::None), Known::default(), gone, 7, Timestamp(0));
        assert_eq!((decision.state, decision.step), (DomainState::Claimed, Step::Stay));
    }
}
