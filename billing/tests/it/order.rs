//! SUMMARY    Signup: an offer, a page, a tenant; or all of it back (U2).

use crate::town::{Town, business_cents, terms};
use base::TenantId;
use billing::{Currency, CustomerPatch};
use std::time::Duration;
use tenants::{Choice, Code, NewTenant, Order, Page, Payment, Shop};

fn choice(plan: &str) -> Choice {
    let items = if plan == "free" { Vec::new() } else { vec![("mailbox".to_owned(), 2)] };
    Choice { plan: plan.into(), currency: None, interval: None, items, coupon: None }
}

fn order(town: &Town, plan: &str) -> Order {
    Order {
        tenant: TenantId(77),
        seller: town.root,
        name: "Gamma".into(),
        contact: "gamma@elsewhere.example".into(),
        locale: "de-AT".into(),
        choice: choice(plan),
        back_url: "https://portal.example/signup".into(),
    }
}

/// As signup knows the desk.
fn shop(town: &Town) -> &dyn Shop {
    town.billing.as_ref()
}

#[tokio::test]
async fn an_offer_is_what_is_offered() {
    let town = Town::new().await;
    let offer = shop(&town).offer(town.root, &choice("business")).await.unwrap();
    assert_eq!((offer.title.as_str(), offer.free, offer.total.as_str()), ("Business", false, "11.00 EUR"));
    assert!(shop(&town).offer(town.root, &choice("free")).await.unwrap().free);
    assert_eq!(shop(&town).offer(town.root, &choice("secret")).await.unwrap_err().code, Code::NotFound);
    let wrong = Choice { interval: Some("DAY".into()), ..choice("business") };
    assert_eq!(shop(&town).offer(town.root, &wrong).await.unwrap_err().field, "interval");
}

#[tokio::test]
async fn u2_what_was_paid_and_came_to_nothing_goes_back() {
    let town = Town::new().await;
    let order = order(&town, "business");
    let Payment::Waiting { url, .. } = shop(&town).checkout(&order).await.unwrap() else { panic!("a page to pay on") };
    let Payment::Waiting { url: again, .. } = shop(&town).checkout(&order).await.unwrap() else { panic!("the page") };
    assert_eq!((town.till.open_pages().len(), &url), (1, &again));
    town.till.pay_page(&town.page(), "visa 4242").unwrap();
    assert_eq!(shop(&town).checkout(&order).await.unwrap(), Payment::Live);
    assert_eq!(town.till.taken(Currency::EUR), business_cents(2));
    for _ in 0..2 {
        shop(&town).give_back(order.tenant).await.unwrap();
        town.settle().await;
        assert_eq!(town.till.taken(Currency::EUR), 0);
        let truth = town.till.has(&town.till.customers()[0]).unwrap();
        assert!(truth.subscriptions.iter().all(|s| !s.status.is_live()));
        assert_eq!(truth.invoices[0].payments[0].refunds.len(), 1);
    }
    assert_eq!(shop(&town).checkout(&order).await.unwrap_err().code, Code::Invalid);
    let (listed, _) = town.billing.customers(&town.operator, town.root, &Page::first(9)).await.unwrap();
    assert_eq!(listed.len(), 1, "what was billed stays to be seen");
}

#[tokio::test]
async fn what_is_paid_at_the_moment_of_giving_back_goes_back_too() {
    let town = Town::new().await;
    let order = order(&town, "business");
    shop(&town).checkout(&order).await.unwrap();
    town.till.pay_page(&town.page(), "visa 4242").unwrap();
    town.till.close(true);
    shop(&town).give_back(order.tenant).await.unwrap();
    town.till.close(false);
    town.turn(Duration::from_secs(3_600));
    town.settle().await;
    town.settle().await;
    assert_eq!(town.till.taken(Currency::EUR), 0);
}

#[tokio::test]
async fn a_page_that_was_not_paid_ends() {
    let town = Town::new().await;
    let order = order(&town, "business");
    let Payment::Waiting { until, .. } = shop(&town).checkout(&order).await.unwrap() else {
        panic!("a page to pay on")
    };
    assert_eq!(until.since(town.service.now()), Duration::from_secs(23 * 3_600));
    town.turn(Duration::from_secs(23 * 3_600 + 1));
    assert_eq!(shop(&town).checkout(&order).await.unwrap(), Payment::Expired);
    shop(&town).give_back(order.tenant).await.unwrap();
    assert_eq!(town.till.taken(Currency::EUR), 0);
    let (listed, count) = town.billing.customers(&town.operator, town.root, &Page::first(9)).await.unwrap();
    assert_eq!((listed.len(), count), (0, 0), "who never came is no customer");
}

#[tokio::test]
async fn a_new_tenant_has_what_was_bought_before_it_was_there() {
    let town = Town::new().await;
    let (tenant, _) = town.customer("gamma").await;
    // As a saga does: the tenant with the id of the order, then what it has, in one transaction.
    let paid = Order { tenant: TenantId(78), ..order(&town, "trial") };
    shop(&town).checkout(&paid).await.unwrap();
    town.till.pay_page(&town.page(), "visa 4242").unwrap();
    assert_eq!(shop(&town).checkout(&paid).await.unwrap(), Payment::Live);
    let free = Order { tenant, ..order(&town, "free") };
    assert_eq!(shop(&town).checkout(&free).await.unwrap(), Payment::Live);
    let mut txn = town.service.begin().await.unwrap();
    shop(&town).provision(&mut txn, &free).await.unwrap();
    txn.commit().await.unwrap();
    assert_eq!(town.limits(tenant).await.max_mailboxes, Some(1));
    let mut connection = town.service.connection().await.unwrap();
    assert!(shop(&town).had_trial(&mut connection, "Gamma+x@elsewhere.example").await.unwrap());
    assert!(!shop(&town).had_trial(&mut connection, "delta@elsewhere.example").await.unwrap());
    drop(connection);
    let unpaid = Order { tenant: TenantId(79), contact: "delta@elsewhere.example".into(), ..order(&town, "business") };
    shop(&town).checkout(&unpaid).await.unwrap();
    let mut txn = town.service.begin().await.unwrap();
    assert_eq!(shop(&town).provision(&mut txn, &unpaid).await.unwrap_err().code, Code::Invalid);
}

#[tokio::test]
async fn who_signs_up_in_a_language_is_a_customer_that_is_written_to_in_it() {
    let town = Town::new().await;
    let new = NewTenant { name: "gamma".into(), ..NewTenant::default() };
    let made = town.service.tenant_create(&town.operator, &terms(), &new).await.unwrap().object;
    let (tenant, owner) = (made.tenant.id, town.service.authenticate(&made.token.unwrap()).await.unwrap());
    let order = Order { tenant, ..order(&town, "business") };
    shop(&town).checkout(&order).await.unwrap();
    let language = async || town.billing.customer(&town.operator, tenant).await.unwrap().unwrap().language;
    assert_eq!(language().await, "de-AT");
    town.till.pay_page(&town.page(), "visa 4242").unwrap();
    assert_eq!(shop(&town).checkout(&order).await.unwrap(), Payment::Live);
    let paid = town.letters().await.into_iter().find(|letter| letter.kind == "billing-paid").unwrap();
    assert_eq!((paid.locale.as_str(), paid.recipient.as_str()), ("de-AT", "gamma@elsewhere.example"));
    // What it changes afterwards counts.
    let patch = CustomerPatch { language: Some("fr".into()), ..CustomerPatch::default() };
    town.billing.customer_update(&owner, &terms(), tenant, &patch).await.unwrap();
    assert_eq!(shop(&town).checkout(&order).await.unwrap(), Payment::Live);
    assert_eq!(language().await, "fr");
    let later = Order { tenant: TenantId(80), locale: "fr".into(), ..order.clone() };
    shop(&town).checkout(&later).await.unwrap();
    town.till.pay_page(&town.page(), "visa 4242").unwrap();
    assert_eq!(shop(&town).checkout(&later).await.unwrap(), Payment::Live);
    let paid = town.letters().await.into_iter().find(|letter| letter.kind == "billing-paid").unwrap();
    assert_eq!((paid.locale.as_str(), paid.facts["tenant"].as_str()), ("fr", Some("Gamma")), "it has no tenant yet");
    // What goes back is told by nobody as paid.
    let back = Order { tenant: TenantId(81), ..order.clone() };
    shop(&town).checkout(&back).await.unwrap();
    town.till.pay_page(&town.page(), "visa 4242").unwrap();
    shop(&town).give_back(back.tenant).await.unwrap();
    town.settle().await;
    assert!(town.letters().await.is_empty());
}
