//! SUMMARY    What follows from rows, day after day: stages, letters, limits and holds.

use super::fixture::{Desk, START, day, eur, invoice, subscription, terms};
use crate::{InvoiceState, Phase, Policy, Status, TruePayment, TrueSubscription, entitle};
use base::TenantId;
use control::Change;
use tenants::{
    Actor, Limits,
    sql::{number, query, text},
};

/// Looks at a customer as the worker does.
async fn look(desk: &Desk, tenant: TenantId) -> Vec<Change> {
    let mut txn = desk.service.begin().await.unwrap();
    let changes = desk.billing.stand(&mut txn, tenant).await.unwrap();
    txn.commit().await.unwrap();
    changes
}

async fn phase(desk: &Desk, owner: &Actor, tenant: TenantId) -> Phase {
    let phase = desk.billing.customer(owner, tenant).await.unwrap().unwrap().phase;
    assert_eq!(desk.billing.standing(owner, tenant).await.unwrap().phase, phase, "the row and the reckoning agree");
    phase
}

async fn limits(desk: &Desk, owner: &Actor, tenant: TenantId) -> Limits {
    desk.service.tenant(owner, tenant).await.unwrap().limits
}

/// Codes of the holds on a tenant.
async fn holds(desk: &Desk, tenant: TenantId) -> Vec<String> {
    let mut connection = desk.service.connection().await.unwrap();
    let holds = desk.service.tenant_in(&mut connection, tenant).await.unwrap().holds;
    holds.into_iter().map(|hold| hold.code).collect()
}

async fn kinds(desk: &Desk) -> Vec<String> {
    desk.letters().await.into_iter().map(|letter| letter.kind).collect()
}

/// S2: each row of inputs gives the limits beside it.
async fn inputs_kept(desk: &Desk, tenant: TenantId) -> usize {
    let mut connection = desk.service.connection().await.unwrap();
    let rows = query("SELECT * FROM entitlement_input WHERE tenant = $1 ORDER BY number")
        .bind(tenant.to_string())
        .fetch_all(&mut connection)
        .await
        .unwrap();
    for (n, row) in rows.iter().enumerate() {
        assert_eq!(number(row, "number").unwrap(), n as i64 + 1);
        let inputs = serde_json::from_str(&text(row, "inputs").unwrap()).unwrap();
        let kept: Limits = serde_json::from_str(&text(row, "limits").unwrap()).unwrap();
        assert_eq!(entitle(&inputs).unwrap(), kept);
    }
    rows.len()
}

/// A customer that pays for four mailboxes.
async fn paying(desk: &Desk) -> (TenantId, Actor) {
    let (tenant, owner) = desk.customer("alpha").await;
    desk.priced_plan(desk.root()).await;
    desk.mirror(tenant, &subscription("sub_1", Status::Active)).await;
    look(desk, tenant).await;
    (tenant, owner)
}

#[tokio::test]
async fn s2_what_was_bought_is_what_it_may_have_and_is_written_down_when_it_changes() {
    let desk = Desk::new().await;
    let (tenant, owner) = paying(&desk).await;
    assert_eq!(limits(&desk, &owner, tenant).await.max_mailboxes, Some(4));
    assert!(look(&desk, tenant).await.is_empty(), "nothing is told that was so before");
    assert_eq!(inputs_kept(&desk, tenant).await, 1);
    let version = desk.billing.customer(&owner, tenant).await.unwrap().unwrap().version;
    look(&desk, tenant).await;
    assert_eq!(desk.billing.customer(&owner, tenant).await.unwrap().unwrap().version, version);
    let mut more = subscription("sub_1", Status::Active);
    more.items[0].quantity = 9;
    desk.mirror(tenant, &more).await;
    assert!(!look(&desk, tenant).await.is_empty());
    assert_eq!(limits(&desk, &owner, tenant).await.max_mailboxes, Some(9));
    // Of two live ones the newer counts; one that was not paid for yet gives nothing (S5).
    let newer = TrueSubscription { created_at: day(1), ..subscription("sub_2", Status::Active) };
    desk.mirror(tenant, &newer).await;
    let unpaid = TrueSubscription { created_at: day(2), ..subscription("sub_3", Status::Incomplete) };
    desk.mirror(tenant, &TrueSubscription { items: Vec::new(), ..unpaid }).await;
    look(&desk, tenant).await;
    assert_eq!(limits(&desk, &owner, tenant).await.max_mailboxes, Some(4));
    assert_eq!(inputs_kept(&desk, tenant).await, 3);
}

#[tokio::test]
async fn what_was_bought_and_ended_leaves_what_is_there_and_nothing_new() {
    let desk = Desk::new().await;
    let (tenant, owner) = paying(&desk).await;
    let storage = limits(&desk, &owner, tenant).await.storage_bytes_max;
    desk.mirror(tenant, &subscription("sub_1", Status::Cancelled)).await;
    for n in [1, 2] {
        desk.day(n);
        look(&desk, tenant).await;
        let limits = limits(&desk, &owner, tenant).await;
        assert_eq!((limits.max_mailboxes, limits.recipients_per_day_max), (Some(0), Some(0)));
        assert_eq!(limits.storage_bytes_max, storage, "what is stored stays, and mail still comes in");
    }
    assert_eq!(inputs_kept(&desk, tenant).await, 2);
    let free = desk.free_plan(desk.root(), "free").await;
    desk.give(tenant, &free).await;
    look(&desk, tenant).await;
    assert_eq!(limits(&desk, &owner, tenant).await.max_mailboxes, Some(3));
}

#[tokio::test]
async fn who_never_bought_anything_keeps_what_was_set_by_hand() {
    let desk = Desk::new().await;
    let (tenant, owner) = desk.customer("alpha").await;
    assert!(look(&desk, tenant).await.is_empty());
    assert_eq!(limits(&desk, &owner, tenant).await, Limits::default());
    assert_eq!(inputs_kept(&desk, tenant).await, 0);
}

#[tokio::test]
async fn a_failed_payment_revokes_nothing_at_first_and_paying_ends_all_of_it() {
    let desk = Desk::new().await;
    let (tenant, owner) = paying(&desk).await;
    let before = limits(&desk, &owner, tenant).await;
    desk.mirror_invoice(tenant, &invoice("in_1", InvoiceState::Open, 0)).await;
    look(&desk, tenant).await;
    assert_eq!(
        (phase(&desk, &owner, tenant).await, limits(&desk, &owner, tenant).await),
        (Phase::PastDue, before.clone())
    );
    assert!(holds(&desk, tenant).await.is_empty());
    let letter = &desk.letters().await[0];
    assert_eq!((letter.kind.as_str(), letter.recipient.as_str()), ("billing-past-due", "alpha@elsewhere.example"));
    assert_eq!(letter.facts["owed"][0], "12.00 EUR");
    assert_eq!(letter.facts["dates"].as_array().unwrap().len(), 4);
    assert_eq!(letter.facts["link"], "https://mail.example/billing");
    for (n, stage, told) in [
        (4, Phase::PastDue, vec!["billing-ahead"]),
        (7, Phase::Grace, vec!["billing-reached"]),
        (14, Phase::Suspended, vec!["billing-reached"]),
        (14, Phase::Suspended, vec![]),
        (30, Phase::ReadOnly, vec!["billing-reached"]),
    ] {
        desk.day(n);
        look(&desk, tenant).await;
        assert_eq!(
            (phase(&desk, &owner, tenant).await, kinds(&desk).await),
            (stage, told.into_iter().map(str::to_owned).collect())
        );
    }
    assert_eq!(holds(&desk, tenant).await, ["PAYMENT_OVERDUE"]);
    desk.mirror_invoice(tenant, &invoice("in_1", InvoiceState::Paid, 0)).await;
    assert!(!look(&desk, tenant).await.is_empty());
    assert_eq!((phase(&desk, &owner, tenant).await, limits(&desk, &owner, tenant).await), (Phase::Active, before));
    assert_eq!(kinds(&desk).await, ["billing-settled"]);
    assert!(holds(&desk, tenant).await.is_empty());
    inputs_kept(&desk, tenant).await;
}

#[tokio::test]
async fn t3_dates_that_were_told_stay_when_the_policy_becomes_stricter() {
    let desk = Desk::new().await;
    let (tenant, owner) = paying(&desk).await;
    desk.mirror_invoice(tenant, &invoice("in_1", InvoiceState::Uncollectible, 0)).await;
    look(&desk, tenant).await;
    let told = desk.billing.standing(&owner, tenant).await.unwrap().stages;
    let strict = Policy { grace_days: 1, suspended_days: 1, read_only_days: 1, closing_days: 1, ..Policy::default() };
    desk.billing.policy_update(&desk.operator, &terms(), desk.root(), &strict).await.unwrap();
    desk.day(5);
    look(&desk, tenant).await;
    assert_eq!(phase(&desk, &owner, tenant).await, Phase::PastDue);
    assert_eq!(desk.billing.standing(&owner, tenant).await.unwrap().stages, told);
    // Somebody who was told nothing yet has the new dates.
    let (other, boss) = desk.customer("beta").await;
    desk.mirror_invoice(other, &invoice("in_2", InvoiceState::Open, 4)).await;
    look(&desk, other).await;
    assert_eq!(phase(&desk, &boss, other).await, Phase::Closing);
}

#[tokio::test]
async fn t1_a_contact_that_became_one_of_our_own_is_not_warned_and_nothing_is_destroyed() {
    let desk = Desk::new().await;
    let (tenant, owner) = paying(&desk).await;
    desk.mirror_invoice(tenant, &invoice("in_1", InvoiceState::Open, 0)).await;
    desk.service.domain_vouch(&desk.operator, &terms(), tenant, "elsewhere.example").await.unwrap();
    for n in (0..300).step_by(10) {
        desk.day(n);
        look(&desk, tenant).await;
    }
    assert_eq!(phase(&desk, &owner, tenant).await, Phase::Closing);
    assert!(!kinds(&desk).await.contains(&"billing-purge".to_owned()));
    let patch = crate::CustomerPatch { email: Some("ann@far.example".into()), ..crate::CustomerPatch::default() };
    desk.billing.customer_update(&owner, &terms(), tenant, &patch).await.unwrap();
    for (n, stage, purge) in
        [(300, Phase::Closing, 1), (301, Phase::Closing, 1), (307, Phase::Closing, 0), (308, Phase::Purging, 0)]
    {
        desk.day(n);
        look(&desk, tenant).await;
        assert_eq!(phase(&desk, &owner, tenant).await, stage, "day {n}");
        assert_eq!(kinds(&desk).await, vec!["billing-purge"; purge], "day {n}");
    }
    let mut connection = desk.service.connection().await.unwrap();
    let holds = desk.service.tenant_in(&mut connection, tenant).await.unwrap().holds;
    assert!(!holds[0].blocks.contains(&control::Capability::PurgeAllowed), "it may be purged now");
    assert!(desk.billing.reopen(&owner, &terms(), tenant).await.is_err());
}

#[tokio::test]
async fn a_payment_that_the_bank_took_back_is_owed_from_that_day_on() {
    let desk = Desk::new().await;
    let (tenant, owner) = paying(&desk).await;
    let chargebacks = vec![("dp_1".to_owned(), eur(1_200), day(20))];
    let payment = TruePayment { id: "pay".into(), amount: eur(1_200), at: START, refunds: Vec::new(), chargebacks };
    let mut back = invoice("in_1", InvoiceState::Paid, 0);
    back.payments.push(payment);
    desk.mirror_invoice(tenant, &back).await;
    desk.day(28);
    look(&desk, tenant).await;
    assert_eq!(phase(&desk, &owner, tenant).await, Phase::Grace);
    assert_eq!(desk.billing.standing(&owner, tenant).await.unwrap().facts.unpaid_since, Some(day(20)));
}

#[tokio::test]
async fn a_trial_is_told_before_it_ends_and_is_looked_at_again_then() {
    let desk = Desk::new().await;
    let (tenant, owner) = paying(&desk).await;
    let trial = TrueSubscription { trial_ends_at: Some(day(14)), ..subscription("sub_1", Status::Trialing) };
    desk.mirror(tenant, &trial).await;
    look(&desk, tenant).await;
    let look_at = async || {
        let mut txn = desk.service.begin().await.unwrap();
        desk.billing.customer_in(&mut txn, tenant).await.unwrap().unwrap().look_at
    };
    assert_eq!((phase(&desk, &owner, tenant).await, look_at().await), (Phase::Trial, Some(day(11))));
    desk.day(11);
    look(&desk, tenant).await;
    assert_eq!((kinds(&desk).await, look_at().await), (vec!["billing-trial-ending".to_owned()], Some(day(14))));
    desk.day(14);
    look(&desk, tenant).await;
    assert_eq!((phase(&desk, &owner, tenant).await, look_at().await), (Phase::Active, None));
}

#[tokio::test]
async fn a_seller_that_has_less_left_gives_what_it_has_and_it_is_tried_again() {
    let desk = Desk::new().await;
    let (reseller, boss) = desk.tenant_below(desk.root(), "reseller").await;
    let patch = tenants::TenantPatch { max_mailboxes: Some(Some(2)), ..tenants::TenantPatch::default() };
    desk.service.tenant_update(&desk.operator, &terms(), reseller, &patch).await.unwrap();
    let new = tenants::NewTenant {
        name: "shop".into(),
        limits: Limits { max_mailboxes: Some(0), ..Limits::default() },
        ..tenants::NewTenant::default()
    };
    let made = desk.service.tenant_create(&boss, &terms(), &new).await.unwrap().object;
    let (tenant, owner) = (made.tenant.id, desk.service.authenticate(&made.token.unwrap()).await.unwrap());
    let patch = crate::CustomerPatch { email: Some("a@elsewhere.example".into()), ..crate::CustomerPatch::default() };
    desk.billing.customer_update(&owner, &terms(), tenant, &patch).await.unwrap();
    let plan = desk.free_plan(reseller, "free").await;
    desk.give(tenant, &plan).await;
    look(&desk, tenant).await;
    assert_eq!(limits(&desk, &owner, tenant).await.max_mailboxes, Some(2));
    assert!(desk.billing.standing(&owner, tenant).await.unwrap().short);
    let patch = tenants::TenantPatch { max_mailboxes: Some(Some(9)), ..tenants::TenantPatch::default() };
    desk.service.tenant_update(&desk.operator, &terms(), reseller, &patch).await.unwrap();
    desk.day(1);
    look(&desk, tenant).await;
    assert_eq!(limits(&desk, &owner, tenant).await.max_mailboxes, Some(3));
    assert!(!desk.billing.standing(&owner, tenant).await.unwrap().short);
    assert_eq!(inputs_kept(&desk, tenant).await, 2);
}
