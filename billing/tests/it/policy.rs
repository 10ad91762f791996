//! SUMMARY    Policies: versions, and the nearest seller's counts.

use crate::desk::{Desk, terms};
use billing::Policy;
use tenants::{Code, Terms};

#[tokio::test]
async fn the_nearest_sellers_policy_counts() {
    let desk = Desk::new().await;
    let root = desk.root();
    let (reseller, boss) = desk.tenant_below(root, "reseller").await;
    let of = async |seller| desk.billing.policy(&desk.operator, seller).await.unwrap();
    assert_eq!(of(reseller).await, Policy::default());
    let mild = Policy { grace_days: 10, ..Policy::default() };
    let set = desk.billing.policy_update(&desk.operator, &terms(), root, &mild).await.unwrap().object;
    assert_eq!(set, Policy { version: 2, ..mild });
    assert_eq!(of(reseller).await, set);
    let own = Policy { grace_days: 3, ..Policy::default() };
    let own = desk.billing.policy_update(&boss, &terms(), reseller, &own).await.unwrap().object;
    assert_eq!((of(reseller).await, of(root).await), (own, set));
    let wrong = Policy { closing_days: 1, ..Policy::default() };
    let refused = desk.billing.policy_update(&boss, &terms(), reseller, &wrong).await.unwrap_err();
    assert_eq!(refused.code, Code::Invalid);
    assert_eq!(desk.billing.policy_update(&boss, &terms(), root, &mild).await.unwrap_err().code, Code::NotFound);
    let stale = Terms { expected_version: Some(1), ..Terms::default() };
    assert_eq!(desk.billing.policy_update(&boss, &stale, reseller, &mild).await.unwrap_err().code, Code::StaleObject);
}
