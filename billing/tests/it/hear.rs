//! SUMMARY    Webhooks: signed or refused, once, looked for again, shown.

use crate::town::{DAY, Town, business_cents, eur, terms};
use billing::Webhook;
use std::time::Duration;
use tenants::{Code, Page};

#[tokio::test]
async fn what_is_not_signed_leaves_nothing() {
    let town = Town::new().await;
    town.buyer("alpha").await;
    let before = town.billing.events_heard(&town.operator, &Page::first(9)).await.unwrap().1;
    let webhook = Webhook { body: br#"{"id":"evt_x","kind":"invoice.paid","customer":"cus_000001"}"#.to_vec() };
    let good = town.till.signature(&webhook);
    for bad in ["", "t=1,v1=00", &good.replace("v1=", "v1=0"), &good.replace("t=1", "t=2")] {
        let refused = town.billing.hear("till", &webhook.body, bad).await.unwrap_err();
        assert_eq!(refused.code, Code::Forbidden, "{bad}");
    }
    town.turn(Duration::from_secs(301));
    assert_eq!(town.billing.hear("till", &webhook.body, &good).await.unwrap_err().code, Code::Forbidden, "too old");
    assert_eq!(town.billing.hear("cash", &webhook.body, &good).await.unwrap_err().code, Code::NotFound);
    let large = vec![b' '; 600 * 1024];
    assert_eq!(town.billing.hear("till", &large, &good).await.unwrap_err().code, Code::Invalid);
    assert_eq!(town.billing.events_heard(&town.operator, &Page::first(9)).await.unwrap().1, before);
}

#[tokio::test]
async fn what_is_signed_and_no_event_is_malformed_and_leaves_nothing() {
    let town = Town::new().await;
    town.buyer("alpha").await;
    let before = town.billing.events_heard(&town.operator, &Page::first(9)).await.unwrap().1;
    for body in ["", "no json", "{}", "[]", r#"{"id":7,"kind":"invoice.paid"}"#] {
        let webhook = Webhook { body: body.as_bytes().to_vec() };
        let signature = town.till.signature(&webhook);
        let refused = town.billing.hear("till", &webhook.body, &signature).await.unwrap_err();
        assert_eq!(refused.code, Code::Invalid, "{body}: it is not forged");
    }
    assert_eq!(town.billing.events_heard(&town.operator, &Page::first(9)).await.unwrap().1, before);
}

#[tokio::test]
async fn an_event_comes_once_and_is_worked_off_again_when_asked() {
    let town = Town::new().await;
    let (tenant, owner, customer) = town.buyer("alpha").await;
    town.till.card(&customer, Some("visa 1111"), false).unwrap();
    let webhook = town.till.webhooks().pop().unwrap();
    let before = town.billing.events_heard(&town.operator, &Page::first(1)).await.unwrap().1;
    for _ in 0..3 {
        town.deliver(&webhook).await;
    }
    town.work().await;
    let (events, count) = town.billing.events_heard(&town.operator, &Page::first(1)).await.unwrap();
    assert_eq!((count, events[0].tenant, events[0].attempts), (before + 1, Some(tenant), 1));
    assert!(events[0].done_at.is_some());
    let card = |shown: Option<billing::Customer>| shown.unwrap().card;
    assert_eq!(card(town.billing.customer(&owner, tenant).await.unwrap()).as_deref(), Some("visa 1111"));
    let again = town.billing.event_retry(&town.operator, &terms(), "till", &events[0].id).await.unwrap().object;
    assert_eq!((again.done_at, again.attempts), (None, 0));
    town.work().await;
    assert!(town.billing.events_heard(&town.operator, &Page::first(1)).await.unwrap().0[0].done_at.is_some());
    let missing = town.billing.event_retry(&town.operator, &terms(), "till", "evt_none").await.unwrap_err();
    assert_eq!(missing.code, Code::NotFound);
    let page = |cursor: &str| Page { cursor: Some(cursor.into()), ..Page::first(50) };
    let after = town.billing.events_heard(&town.operator, &page(&format!("till/{}", events[0].id))).await.unwrap();
    assert_eq!(after.0.len() as i64, count - 1, "the others are older");
    for bad in ["x", "till/evt_none", "cash/evt_none"] {
        assert_eq!(town.billing.events_heard(&town.operator, &page(bad)).await.unwrap_err().code, Code::Invalid);
    }
}

#[tokio::test]
async fn a_charge_back_names_a_payment_alone_and_finds_its_customer() {
    let town = Town::new().await;
    let (tenant, owner, customer) = town.buyer("alpha").await;
    let payment = town.till.has(&customer).unwrap().invoices[0].payments[0].id.clone();
    let id = town.till.charge_back(&payment, eur(business_cents(2))).unwrap();
    town.settle().await;
    assert_eq!(town.phase(tenant).await, billing::Phase::PastDue);
    town.consistent(tenant, &customer).await;
    let cash = |balances: Vec<billing::BalanceShown>| {
        balances.into_iter().find(|b| b.account == billing::Account::Cash).map_or(0, |b| b.amount.minor())
    };
    assert_eq!(cash(town.billing.balances(&owner, tenant).await.unwrap()), 0);
    town.till.win_back(&payment, &id).unwrap();
    town.settle().await;
    assert_eq!(town.phase(tenant).await, billing::Phase::Active);
    assert_eq!(cash(town.billing.balances(&owner, tenant).await.unwrap()), business_cents(2));
    town.consistent(tenant, &customer).await;
}

#[tokio::test]
async fn what_no_event_told_is_found_by_a_sweep_and_shown() {
    let town = Town::new().await;
    let (tenant, _, customer) = town.buyer("alpha").await;
    town.till.card(&customer, Some("visa 1111"), false).unwrap();
    town.till.webhooks();
    town.work().await;
    assert_eq!(town.billing.drift(&town.operator, &Page::first(9)).await.unwrap().1, 0, "not yet");
    town.turn(Duration::from_secs(3_601));
    town.work().await;
    let (drift, count) = town.billing.drift(&town.operator, &Page::first(9)).await.unwrap();
    assert_eq!((count, drift[0].tenant, drift[0].what.as_str()), (1, tenant, "card"));
    town.turn(DAY * 31);
    town.settle().await;
    assert_eq!(town.billing.drift(&town.operator, &Page::first(9)).await.unwrap().1, 1, "a new month was told");
}
