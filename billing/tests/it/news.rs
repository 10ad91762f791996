//! SUMMARY    A payment, an ending and an end are told, once each, to the contact elsewhere.

use crate::town::{DAY, Town, business, business_cents, eur, terms};
use base::TenantId;
use billing::{CustomerPatch, End};
use tenants::OutgoingNotice;

/// Letters as they wait, without those of what is due and what that brings.
async fn told(town: &Town) -> Vec<OutgoingNotice> {
    let news = ["billing-paid", "billing-ending", "billing-ended"];
    town.letters().await.into_iter().filter(|letter| news.contains(&letter.kind.as_str())).collect()
}

async fn kinds(town: &Town) -> Vec<String> {
    told(town).await.into_iter().map(|letter| letter.kind).collect()
}

async fn subscription(town: &Town, tenant: TenantId) -> billing::Bought {
    town.billing.subscriptions(&town.operator, tenant).await.unwrap().remove(0)
}

#[tokio::test]
async fn each_payment_is_told_once_with_its_amount_and_its_invoice() {
    let town = Town::new().await;
    let (tenant, owner) = town.customer("alpha").await;
    let patch = CustomerPatch { language: Some("de".into()), ..CustomerPatch::default() };
    town.billing.customer_update(&owner, &terms(), tenant, &patch).await.unwrap();
    town.billing.checkout_open(&owner, &terms(), tenant, &crate::town::asked("business", 2)).await.unwrap();
    town.till.pay_page(&town.page(), "visa 4242").unwrap();
    town.settle().await;
    let letters = told(&town).await;
    let [paid] = letters.as_slice() else { panic!("{letters:?}") };
    assert_eq!((paid.kind.as_str(), paid.recipient.as_str()), ("billing-paid", "alpha@elsewhere.example"));
    assert_eq!((paid.locale.as_str(), paid.facts["tenant"].as_str()), ("de", Some("alpha")));
    assert_eq!(paid.facts["amount"], eur(business_cents(2)).to_string());
    let invoice = town.till.has(&town.till.customers()[0]).unwrap().invoices.remove(0);
    assert_eq!(paid.facts["number"].as_str(), invoice.number.as_deref());
    assert_eq!(paid.facts["link"], "https://portal.example/billing");
    for _ in 0..2 {
        town.billing.sync_now(&owner, tenant).await.unwrap();
        town.settle().await;
    }
    assert!(kinds(&town).await.is_empty(), "once");
    town.turn(DAY * 31);
    town.settle().await;
    assert_eq!(kinds(&town).await, ["billing-paid"], "the next month");
}

#[tokio::test]
async fn what_was_to_be_paid_and_was_not_is_told_as_paid_when_it_is() {
    let town = Town::new().await;
    let (tenant, owner, customer) = town.buyer("alpha").await;
    told(&town).await;
    town.till.card(&customer, Some("visa 0002"), true).unwrap();
    town.turn(DAY * 31);
    town.settle().await;
    assert!(kinds(&town).await.is_empty());
    town.till.card(&customer, Some("visa 4242"), false).unwrap();
    let open = town.till.has(&customer).unwrap().invoices.into_iter().rfind(|i| i.payments.is_empty()).unwrap();
    town.billing.invoice_pay(&owner, &terms(), tenant, &open.id).await.unwrap();
    town.settle().await;
    assert_eq!(kinds(&town).await, ["billing-paid"]);
}

#[tokio::test]
async fn a_plan_that_is_ended_says_until_when_it_goes_on_and_then_that_it_is_over() {
    let town = Town::new().await;
    let (tenant, owner, _) = town.buyer("alpha").await;
    assert_eq!(kinds(&town).await, ["billing-paid"]);
    let bought = subscription(&town, tenant).await;
    let end = bought.period.end;
    for _ in 0..2 {
        town.billing.cancel(&owner, &terms(), tenant, &bought.id, End::Period).await.unwrap();
        town.settle().await;
        town.billing.resume(&owner, &terms(), tenant, &bought.id).await.unwrap();
        town.settle().await;
    }
    town.billing.cancel(&owner, &terms(), tenant, &bought.id, End::Period).await.unwrap();
    town.settle().await;
    let letters = told(&town).await;
    let [ending] = letters.as_slice() else { panic!("once for each day: {letters:?}") };
    assert_eq!((ending.kind.as_str(), ending.facts["of_ms"].as_i64()), ("billing-ending", Some(end.0)));
    assert_eq!((ending.facts["plan"].as_str(), ending.facts["next"].as_str()), (Some("Business"), Some("none")));
    town.turn(DAY * 32);
    town.settle().await;
    let letters = told(&town).await;
    let [ended] = letters.as_slice() else { panic!("{letters:?}") };
    assert_eq!((ended.kind.as_str(), ended.facts["plan"].as_str()), ("billing-ended", Some(business().title.as_str())));
    town.turn(DAY * 2);
    town.billing.sync_now(&owner, tenant).await.unwrap();
    town.settle().await;
    assert!(kinds(&town).await.is_empty(), "once");
}

#[tokio::test]
async fn what_ends_now_is_told_as_ended_and_what_ends_by_closing_by_the_letter_of_that() {
    let town = Town::new().await;
    let (tenant, owner, _) = town.buyer("alpha").await;
    let (other, boss, _) = town.buyer("beta").await;
    told(&town).await;
    let bought = subscription(&town, tenant).await;
    town.billing.cancel(&owner, &terms(), tenant, &bought.id, End::Now).await.unwrap();
    town.settle().await;
    assert_eq!(kinds(&town).await, ["billing-ended"]);
    town.billing.close(&boss, &terms(), other, "").await.unwrap();
    town.settle().await;
    let all: Vec<String> = town.letters().await.into_iter().map(|letter| letter.kind).collect();
    assert_eq!(all, ["billing-purge"]);
}
