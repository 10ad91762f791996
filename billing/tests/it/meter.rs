//! SUMMARY    What is metered is frozen once and charged once, whoever is at it and whatever is lost; the books agree.

use crate::town::{DAY, Town, asked, business, business_cents, eur, terms};
use base::{TenantId, Timestamp};
use billing::{Charge, Component, Fault, Grants, Interval, Meter, NewPlan, Plan, PlanState, Price};
use control::Usage;
use std::time::Duration;
use tenants::{
    Actor, Page,
    sql::{number, query, text},
};

const HOUR: Duration = Duration::from_secs(3_600);

/// 1 EUR for each 100 recipients beyond 200.
fn by_use() -> Plan {
    let price = |interval| Price { component: Some("more".into()), interval, unit: eur(100) };
    let mut plan = Plan { key: "by-use".into(), ..business() };
    plan.components.push(Component {
        key: "more".into(),
        title: "Recipients".into(),
        charge: Charge::Metered { meter: Meter::OutgoingRecipients, included: 200, per: 100 },
        grants: Grants::default(),
    });
    plan.prices.extend([price(Interval::Month), price(Interval::Year)]);
    plan
}

/// A customer of it, paid on the first day.
async fn buyer(town: &Town) -> (TenantId, Actor, String) {
    let new = NewPlan { plan: by_use(), state: PlanState::Offered, price_list: None };
    town.billing.plan_create(&town.operator, &terms(), town.root, &new).await.unwrap();
    town.work().await;
    let (tenant, owner) = town.customer("alpha").await;
    town.billing.checkout_open(&owner, &terms(), tenant, &asked("by-use", 2)).await.unwrap();
    town.till.pay_page(&town.page(), "visa 4242").unwrap();
    town.settle().await;
    (tenant, owner, town.till.customers().last().unwrap().clone())
}

fn has_sent(town: &Town, recipients_out: i64) {
    *town.plane.used.lock().unwrap() = Usage { recipients_out, ..Usage::default() };
}

async fn pass(town: &Town) {
    while town.service.usage_due().await.unwrap() > 0 {}
}

/// The hours go by, as a worker sees them.
async fn hours(town: &Town, n: usize) {
    for _ in 0..n {
        town.turn(HOUR);
        pass(town).await;
        town.settle().await;
    }
}

/// What was frozen, the oldest first: until when, how many recipients.
async fn frozen(town: &Town) -> Vec<(i64, u64)> {
    let mut connection = town.service.connection().await.unwrap();
    let rows = query("SELECT until, body FROM usage_frozen WHERE until > 0 ORDER BY until").fetch_all(&mut connection);
    let read = |row: &tenants::sql::Row| {
        let body: serde_json::Value = serde_json::from_str(&text(row, "body").unwrap()).unwrap();
        (number(row, "until").unwrap(), body[0]["used"].as_u64().unwrap())
    };
    rows.await.unwrap().iter().map(read).collect()
}

async fn uses_charged(town: &Town, owner: &Actor, tenant: TenantId) -> usize {
    let (calls, _) = town.billing.calls(owner, tenant, &Page::first(99)).await.unwrap();
    calls.iter().filter(|call| call.what == "CHARGE_USE" && call.state == "DONE").count()
}

#[tokio::test]
async fn what_was_used_is_frozen_once_and_on_the_next_invoice_whatever_is_lost() {
    for faults in [vec![], vec![Fault::LostAfter], vec![Fault::Busy, Fault::LostBefore, Fault::LostAfter]] {
        let town = Town::new().await;
        let (tenant, owner, customer) = buyer(&town).await;
        has_sent(&town, 40);
        // The day of buying is before the first midnight, and is not charged.
        pass(&town).await;
        town.turn(DAY * 2);
        has_sent(&town, 391);
        pass(&town).await;
        town.turn(Duration::from_secs(1));
        let standing = town.billing.standing(&owner, tenant).await.unwrap();
        let metered = &standing.metered[0];
        assert_eq!((metered.used, metered.included, metered.amount), (351, 200, eur(200)));
        town.turn(DAY * 28);
        town.till.fail(faults.clone());
        hours(&town, 26).await;
        assert_eq!(frozen(&town).await.len(), 1);
        assert_eq!(frozen(&town).await[0].1, 351, "{faults:?}");
        assert_eq!(uses_charged(&town, &owner, tenant).await, 1, "{faults:?}");
        let invoices = town.till.has(&customer).unwrap().invoices;
        let gross = |net: i64| net + net * 20 / 100;
        let mut totals: Vec<i64> = invoices.iter().map(|i| i.net.plus(i.tax).unwrap().minor()).collect();
        totals.sort_unstable();
        assert_eq!(totals, [business_cents(2), gross(1_100 + 200)], "{faults:?}");
        town.consistent(tenant, &customer).await;
    }
}

#[tokio::test]
async fn what_was_used_while_nobody_was_there_to_freeze_it_is_charged_later() {
    let town = Town::new().await;
    let (tenant, owner, _) = buyer(&town).await;
    has_sent(&town, 40);
    pass(&town).await;
    town.turn(DAY * 2);
    has_sent(&town, 391);
    pass(&town).await;
    // The first period ends, and its renewal is there, before anybody looks.
    town.turn(DAY * 31);
    town.settle().await;
    hours(&town, 1).await;
    assert_eq!(frozen(&town).await.iter().map(|(_, used)| *used).collect::<Vec<_>>(), [351]);
    assert_eq!(uses_charged(&town, &owner, tenant).await, 1);
}

#[tokio::test]
async fn what_comes_after_the_freeze_is_of_the_next_period() {
    let town = Town::new().await;
    let (tenant, owner, customer) = buyer(&town).await;
    pass(&town).await;
    town.turn(DAY * 30);
    hours(&town, 20).await;
    assert_eq!(frozen(&town).await.len(), 1);
    has_sent(&town, 500);
    hours(&town, 2).await;
    let metered = town.billing.standing(&owner, tenant).await.unwrap().metered;
    assert_eq!((metered[0].used, metered[0].since), (500, Timestamp(frozen(&town).await[0].0)));
    town.turn(DAY * 30);
    hours(&town, 24).await;
    let found = frozen(&town).await;
    assert_eq!(found.iter().map(|(_, used)| *used).collect::<Vec<_>>(), [0, 500]);
    assert_eq!(uses_charged(&town, &owner, tenant).await, 1, "nothing is no charge");
    town.consistent(tenant, &customer).await;
}

#[tokio::test]
async fn two_workers_freeze_and_charge_once() {
    let town = Town::new().await;
    let (tenant, owner, customer) = buyer(&town).await;
    pass(&town).await;
    town.turn(DAY);
    has_sent(&town, 1_000);
    pass(&town).await;
    town.turn(DAY * 29);
    for _ in 0..24 {
        town.turn(HOUR);
        let both = tokio::join!(town.billing.work(), town.billing.work());
        both.0.unwrap();
        both.1.unwrap();
        town.settle().await;
    }
    assert_eq!(frozen(&town).await.len(), 1);
    assert_eq!(uses_charged(&town, &owner, tenant).await, 1);
    town.consistent(tenant, &customer).await;
    let mut txn = town.service.begin().await.unwrap();
    query("DELETE FROM usage_frozen WHERE until > 0").execute(&mut txn).await.unwrap_err();
}
