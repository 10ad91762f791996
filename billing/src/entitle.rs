//! SUMMARY    What a customer may have: a pure, versioned function of what was bought, given, overridden, and of where it stands.
//! LIMITS     GRACE_BYTES_PERCENT
//! INVARIANTS The same inputs give the same limits (S2): they are kept beside what came of them. What ended before `now` counts for
//!            nothing. An override is the last word but for the stage.

use crate::{Error, Grants, Item, Phase, Plan, Policy, Result};
use base::Timestamp;
use serde::{Deserialize, Serialize};
use tenants::Limits;

/// Raised when the function gives something else for the same inputs.
pub const FUNCTION: u32 = 1;
/// Incoming mail beyond the storage that was bought, before it is refused.
pub const GRACE_BYTES_PERCENT: u64 = 5;

/// Something given on top, until a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gift {
    pub grants: Grants,
    /// `None`: for good.
    pub until: Option<Timestamp>,
}

/// One limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Limit {
    Domains,
    Mailboxes,
    StorageBytes,
    RecipientsPerHour,
    RecipientsPerDay,
    NewRecipientsPerDay,
}

/// A limit that the provider sets, whatever was bought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Override {
    pub limit: Limit,
    /// `None`: unlimited.
    pub value: Option<u64>,
    pub until: Option<Timestamp>,
}

/// All that decides; kept with each result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inputs {
    /// `FUNCTION` of then.
    pub function: u32,
    pub plan: Plan,
    /// As `Plan::bought` completes them.
    pub items: Vec<Item>,
    pub gifts: Vec<Gift>,
    /// In the order they were set; of two for one limit the later one counts.
    pub overrides: Vec<Override>,
    pub policy: Policy,
    pub phase: Phase,
    pub now: Timestamp,
}

/// The limits. Errors: `Invalid` for inputs of another version of the function, or items that the plan has not.
pub fn entitle(inputs: &Inputs) -> Result<Limits> {
    if inputs.function != FUNCTION {
        return Err(Error::invalid("function", format!("These are inputs of version {}", inputs.function)));
    }
    let is_on = |until: Option<Timestamp>| until.is_none_or(|end| inputs.now < end);
    let mut grants = inputs.plan.comes_with(&inputs.items)?;
    grants = inputs.gifts.iter().filter(|g| is_on(g.until)).fold(grants, |sum, gift| sum.plus(gift.grants));
    for set in inputs.overrides.iter().filter(|o| is_on(o.until)) {
        *limit_of(&mut grants, set.limit) = set.value;
    }
    if inputs.phase == Phase::Grace {
        let percent = u64::from(inputs.policy.grace_sending_percent);
        for limit in [Limit::RecipientsPerHour, Limit::RecipientsPerDay, Limit::NewRecipientsPerDay] {
            let value = limit_of(&mut grants, limit);
            *value = value.map(|n| part(n, percent));
        }
    }
    Ok(grants.limits(part(grants.storage_bytes.unwrap_or(0), GRACE_BYTES_PERCENT)))
}

/// So many hundredths of it, rounded down.
fn part(n: u64, percent: u64) -> u64 {
    u64::try_from(u128::from(n) * u128::from(percent) / 100).unwrap_or(u64::MAX)
}

fn limit_of(grants: &mut Grants, limit: Limit) -> &mut Option<u64> {
    match limit {
        Limit::Domains => &mut grants.domains,
        Limit::Mailboxes => &mut grants.mailboxes,
        Limit::StorageBytes => &mut grants.storage_bytes,
        Limit::RecipientsPerHour => &mut grants.recipients_per_hour,
        Limit::RecipientsPerDay => &mut grants.recipients_per_day,
        Limit::NewRecipientsPerDay => &mut grants.new_recipients_per_day,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::business;
    use proptest::prelude::*;

    const GIB: u64 = 1 << 30;
    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    fn inputs(mailboxes: u64, storage: u64) -> Inputs {
        let item = |component: &str, quantity| Item { component: component.into(), quantity };
        Inputs {
            function: FUNCTION,
            plan: business(),
            items: vec![item("mailbox", mailboxes), item("storage", storage)],
            gifts: Vec::new(),
            overrides: Vec::new(),
            policy: Policy::default(),
            phase: Phase::Active,
            now: NOW,
        }
    }

    #[test]
    fn what_was_bought_adds_up() {
        let limits = entitle(&inputs(3, 2)).unwrap();
        assert_eq!((limits.max_domains, limits.max_mailboxes), (Some(5), Some(3)));
        assert_eq!(limits.storage_bytes_max, Some(40 * GIB));
        assert_eq!(limits.storage_grace_bytes, 2 * GIB);
        assert_eq!(limits.recipients_per_day_max, Some(2_000));
    }

    #[test]
    fn gifts_and_overrides_end_and_the_later_override_counts() {
        let day = Timestamp(NOW.0 + 86_400_000);
        let gift = |until| Gift { grants: Grants { mailboxes: Some(2), ..Grants::default() }, until };
        let set = |value, until| Override { limit: Limit::Domains, value, until };
        let given = Inputs {
            gifts: vec![gift(None), gift(Some(NOW)), gift(Some(day))],
            overrides: vec![set(Some(9), None), set(None, Some(day)), set(Some(1), Some(NOW))],
            ..inputs(1, 0)
        };
        let limits = entitle(&given).unwrap();
        assert_eq!((limits.max_mailboxes, limits.max_domains), (Some(5), None));
        let later = entitle(&Inputs { now: day, ..given }).unwrap();
        assert_eq!((later.max_mailboxes, later.max_domains), (Some(3), Some(9)));
    }

    #[test]
    fn in_the_grace_it_sends_less_and_keeps_the_rest() {
        let limits = entitle(&Inputs { phase: Phase::Grace, ..inputs(3, 2) }).unwrap();
        assert_eq!(limits.recipients_per_day_max, Some(400));
        assert_eq!(limits.storage_bytes_max, Some(40 * GIB));
    }

    #[test]
    fn inputs_of_another_function_are_not_guessed_at() {
        assert_eq!(entitle(&Inputs { function: 2, ..inputs(1, 0) }).unwrap_err().field, "function");
        let unknown = Item { component: "sieve".into(), quantity: 1 };
        assert_eq!(entitle(&Inputs { items: vec![unknown], ..inputs(1, 0) }).unwrap_err().field, "items");
    }

    proptest! {
        #[test]
        fn s2_what_is_kept_gives_the_same_again(mailboxes in 0u64..600, storage in 0u64..200, grace in any::<bool>()) {
            let phase = if grace { Phase::Grace } else { Phase::Active };
            let inputs = Inputs { phase, ..inputs(mailboxes, storage) };
            let kept: Inputs = serde_json::from_str(&serde_json::to_string(&inputs).unwrap()).unwrap();
            prop_assert_eq!(entitle(&kept), entitle(&inputs));
        }

        #[test]
        fn more_bought_is_never_less(a in 0u64..600, b in 0u64..600) {
            let (less, more) = (entitle(&inputs(a.min(b), 0)).unwrap(), entitle(&inputs(a.max(b), 0)).unwrap());
            prop_assert!(less.max_mailboxes <= more.max_mailboxes && less.storage_bytes_max <= more.storage_bytes_max);
        }
    }
}
