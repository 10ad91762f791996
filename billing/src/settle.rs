//! SUMMARY    One live subscription of each family: which one stays, which ones end.
//! INVARIANTS The same for any order of what the provider tells (S1). Afterwards each family has one live subscription at most (S5).

use base::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How a subscription stands at the payment provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// The first payment was not made yet.
    Incomplete,
    Trialing,
    Active,
    PastDue,
    /// Payments are not tried any more.
    Unpaid,
    Cancelled,
}

impl Status {
    /// Whether it gives the customer anything, or will take money.
    pub fn is_live(self) -> bool {
        match self {
            Status::Trialing | Status::Active | Status::PastDue | Status::Unpaid => true,
            Status::Incomplete | Status::Cancelled => false,
        }
    }
}

/// A subscription as the provider has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    pub id: String,
    pub family: String,
    pub status: Status,
    pub created_at: Timestamp,
}

/// What is to become of a family's subscriptions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settled {
    /// The newest live one: what the customer wanted last.
    pub keep: Option<String>,
    /// Live ones to be cancelled, with what they took paid back; by id.
    pub end: Vec<String>,
}

/// Decides over all subscriptions of one customer. Of two made in the same moment the greater id is the newer one.
pub fn settle(found: &[Found]) -> BTreeMap<String, Settled> {
    let mut families: BTreeMap<String, Vec<&Found>> = BTreeMap::new();
    for one in found {
        let live = families.entry(one.family.clone()).or_default();
        if one.status.is_live() && !live.iter().any(|known| known.id == one.id) {
            live.push(one);
        }
    }
    let settled = |mut live: Vec<&Found>| {
        live.sort_by_key(|one| (one.created_at, &one.id));
        let keep = live.pop().map(|newest| newest.id.clone());
        let mut end: Vec<String> = live.into_iter().map(|one| one.id.clone()).collect();
        end.sort_unstable();
        Settled { keep, end }
    };
    families.into_iter().map(|(family, live)| (family, settled(live))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn found(id: &str, family: &str, status: Status, at: i64) -> Found {
        Found { id: id.into(), family: family.into(), status, created_at: Timestamp(at) }
    }

    #[test]
    fn the_newest_live_one_stays() {
        let settled = settle(&[
            found("sub_1", "mail", Status::Active, 1),
            found("sub_2", "mail", Status::Trialing, 2),
            found("sub_3", "mail", Status::Incomplete, 3),
            found("sub_4", "mail", Status::Cancelled, 4),
            found("sub_5", "files", Status::PastDue, 0),
        ]);
        assert_eq!(settled["mail"], Settled { keep: Some("sub_2".into()), end: vec!["sub_1".into()] });
        assert_eq!(settled["files"], Settled { keep: Some("sub_5".into()), end: Vec::new() });
        assert_eq!(settle(&[found("sub_4", "mail", Status::Cancelled, 4)])["mail"], Settled::default());
    }

    fn any_found() -> impl Strategy<Value = Vec<Found>> {
        let statuses = vec![
            Status::Incomplete,
            Status::Trialing,
            Status::Active,
            Status::PastDue,
            Status::Unpaid,
            Status::Cancelled,
        ];
        let one = (0u8..2, prop::sample::select(statuses), 0i64..3);
        prop::collection::vec(one, 0..8).prop_map(|all| {
            let named = |(n, (family, status, at)): (usize, (u8, Status, i64))| {
                found(&format!("sub_{n}"), if family == 0 { "mail" } else { "files" }, status, at)
            };
            all.into_iter().enumerate().map(named).collect()
        })
    }

    proptest! {
        #[test]
        fn s5_one_live_subscription_of_each_family_in_any_order(all in any_found(), seed in any::<u64>()) {
            let mut mixed = [all.clone(), all.clone()].concat();
            let len = mixed.len().max(1) as u64;
            for n in 0..mixed.len() {
                mixed.swap(n, (seed.rotate_left(n as u32 * 7) % len) as usize);
            }
            prop_assert_eq!(settle(&mixed), settle(&all));
            for (family, settled) in settle(&all) {
                let live: Vec<_> = all.iter().filter(|f| f.family == family && f.status.is_live()).collect();
                prop_assert_eq!(live.len(), settled.end.len() + usize::from(settled.keep.is_some()));
                prop_assert!(live.iter().all(|f| settled.keep.as_ref() == Some(&f.id) || settled.end.contains(&f.id)));
            }
        }
    }
}
