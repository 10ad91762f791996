//! SUMMARY    The hold that a stage places on a customer, with its reason and what to do about it.
//! INVARIANTS Pure. The words follow from dates alone, so that the same stage is the same hold. Export and paying stay (H2).

use super::campaign::days_after;
use crate::{Facts, Phase, Policy, blocks, stages};
use base::Timestamp;
use control::{Capability, HoldKind};
use tenants::{NewHold, limits::REASON_CHARS_MAX};

/// `None` while a stage takes nothing.
pub(crate) fn hold(facts: &Facts, policy: &Policy, phase: Phase, portal: Option<&str>) -> Option<NewHold> {
    let mut taken = blocks(phase).to_vec();
    if taken.is_empty() {
        return None;
    }
    if phase != Phase::Purging {
        taken.push(Capability::PurgeAllowed);
    }
    let at_portal = portal.map_or_else(|| "in the portal".to_owned(), |portal| format!("at {portal}/billing"));
    let (code, reason, next_step) = match (facts.closed_at, facts.unpaid_since) {
        (Some(closed), _) if phase >= Phase::Closing => {
            let next = match phase {
                Phase::Purging => "Its data is being destroyed".to_owned(),
                Phase::Trial
                | Phase::Active
                | Phase::PastDue
                | Phase::Grace
                | Phase::Suspended
                | Phase::ReadOnly
                | Phase::Closing => {
                    format!(
                        "Reading and export go on; nothing is destroyed before {}",
                        day(purging(facts, policy, closed))
                    )
                }
            };
            ("CLOSED", format!("Closed by its owner on {}. {next}.", day(closed)), format!("Reopen it {at_portal}"))
        }
        (_, since) => {
            let since = since.map(|at| format!(" since {}", day(at))).unwrap_or_default();
            let reason = format!("A payment is due{since}. {}{}.", taken_away(phase), coming(facts, policy, phase));
            ("PAYMENT_OVERDUE", reason, format!("Pay {at_portal}"))
        }
    };
    let short = |text: String| text.chars().take(REASON_CHARS_MAX).collect();
    Some(NewHold {
        kind: HoldKind::Billing,
        code: code.to_owned(),
        reason: short(reason),
        next_step: short(next_step),
        blocks: Some(taken),
        expires_at_ms: None,
    })
}

fn taken_away(phase: Phase) -> &'static str {
    match phase {
        Phase::Trial | Phase::Active | Phase::PastDue | Phase::Grace => "",
        Phase::Suspended => "Nothing is sent to others",
        Phase::ReadOnly => "Nothing is sent and nothing new is made",
        Phase::Closing => "Nothing is sent or received; reading and export go on",
        Phase::Purging => "Its data is being destroyed",
    }
}

/// What comes next, with its day.
fn coming(facts: &Facts, policy: &Policy, phase: Phase) -> String {
    let next = stages(facts, policy).into_iter().find(|(stage, _)| *stage > phase);
    match next {
        Some((Phase::ReadOnly, at)) => format!("; from {} nothing new is made", day(at)),
        Some((Phase::Closing, at)) => format!("; from {} nothing is received", day(at)),
        Some((Phase::Purging, at)) => format!("; everything is destroyed from {}", day(at)),
        Some((Phase::Trial | Phase::Active | Phase::PastDue | Phase::Grace | Phase::Suspended, _)) | None => {
            String::new()
        }
    }
}

/// The earliest day on which anything may be destroyed.
fn purging(facts: &Facts, policy: &Policy, closed: Timestamp) -> Timestamp {
    let told = facts.announced.iter().filter(|a| a.of == closed && a.stage == Phase::Purging).map(|a| a.at).max();
    let undo = days_after(closed, policy.undo_days);
    told.map_or(undo, |told| told.max(undo))
}

/// As `2026-11-26`, in UTC.
pub(crate) fn day(at: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(at.0).unwrap_or_default().strftime("%Y-%m-%d").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DUE: Timestamp = Timestamp(1_800_000_000_000);

    #[test]
    fn h2_a_stage_takes_neither_export_nor_paying_and_keeps_from_purging_until_it_is_the_purging() {
        let facts = Facts { unpaid_since: Some(DUE), ..Facts::default() };
        let of = |phase| hold(&facts, &Policy::default(), phase, Some("https://mail.example"));
        for phase in [Phase::Trial, Phase::Active, Phase::PastDue, Phase::Grace] {
            assert!(of(phase).is_none(), "{phase:?}");
        }
        for phase in [Phase::Suspended, Phase::ReadOnly, Phase::Closing, Phase::Purging] {
            let hold = of(phase).unwrap();
            let blocks = hold.blocks.unwrap();
            assert!(!blocks.contains(&Capability::Export) && !blocks.contains(&Capability::Pay), "{phase:?}");
            assert_eq!(blocks.contains(&Capability::PurgeAllowed), phase != Phase::Purging);
            assert_eq!(
                (hold.code.as_str(), hold.next_step.as_str()),
                ("PAYMENT_OVERDUE", "Pay at https://mail.example/billing")
            );
        }
    }

    #[test]
    fn the_reason_tells_the_dates() {
        let owing = Facts { unpaid_since: Some(DUE), ..Facts::default() };
        let reason = hold(&owing, &Policy::default(), Phase::Suspended, None).unwrap().reason;
        assert_eq!(
            reason,
            "A payment is due since 2027-01-15. Nothing is sent to others; from 2027-02-14 nothing new is made."
        );
        let closed = Facts { closed_at: Some(DUE), ..Facts::default() };
        let hold = hold(&closed, &Policy::default(), Phase::Closing, None).unwrap();
        assert_eq!((hold.code.as_str(), hold.next_step.as_str()), ("CLOSED", "Reopen it in the portal"));
        assert!(hold.reason.ends_with("before 2027-02-14."), "{}", hold.reason);
    }
}
