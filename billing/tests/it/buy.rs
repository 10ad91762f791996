//! SUMMARY    Buying, changing, ending, resuming.

use crate::town::{DAY, Town, asked, business_cents, dry, eur, keyed, terms};
use billing::{Account, Asked, CheckoutState, Currency, End, Interval, Status};
use tenants::{Applied, Code};

#[tokio::test]
async fn what_is_bought_is_paid_and_given() {
    let town = Town::new().await;
    let (tenant, owner) = town.customer("alpha").await;
    let quote = town.billing.quote(&owner, tenant, &asked("business", 2)).await.unwrap();
    assert_eq!((quote.now, quote.then, quote.over.len()), (eur(1_100), eur(1_100), 0));
    assert_eq!(quote.limits.max_mailboxes, Some(2));
    let opened = town.billing.checkout_open(&owner, &terms(), tenant, &asked("business", 2)).await.unwrap();
    assert_eq!((opened.applied, opened.object.state), (Applied::Done, CheckoutState::Open));
    assert!(opened.object.url.starts_with("https://till.example/"), "{}", opened.object.url);
    let again = town.billing.checkout_open(&owner, &terms(), tenant, &asked("business", 2)).await.unwrap();
    assert_eq!(again.object, opened.object, "one page is open");
    town.till.pay_page(&town.page(), "visa 4242").unwrap();
    let now = town.billing.checkout(&owner, tenant).await.unwrap().unwrap();
    assert_eq!((now.state, now.url.as_str()), (CheckoutState::Complete, ""), "known without a webhook");
    let bought = town.billing.subscriptions(&owner, tenant).await.unwrap();
    assert_eq!((bought.len(), bought[0].status, bought[0].total), (1, Status::Active, eur(1_100)));
    assert_eq!(town.limits(tenant).await.max_mailboxes, Some(2));
    town.settle().await;
    town.consistent(tenant, &town.till.customers()[0]).await;
    let balances = town.billing.balances(&owner, tenant).await.unwrap();
    let cash = balances.iter().find(|b| b.account == Account::Cash).unwrap();
    assert_eq!(cash.amount, eur(business_cents(2)));
    let refused = town.billing.checkout_open(&owner, &terms(), tenant, &asked("business", 3)).await.unwrap_err();
    assert_eq!((refused.code, refused.field), (Code::Invalid, "plan"));
}

#[tokio::test]
async fn another_choice_closes_the_page_before() {
    let town = Town::new().await;
    let (tenant, owner) = town.customer("alpha").await;
    let first = town.billing.checkout_open(&owner, &terms(), tenant, &asked("business", 2)).await.unwrap().object;
    let page = town.page();
    let second = town.billing.checkout_open(&owner, &terms(), tenant, &asked("business", 3)).await.unwrap().object;
    assert_ne!(first.id, second.id);
    assert!(town.till.pay_page(&page, "visa 4242").is_err(), "the first page is closed");
    assert_ne!(town.page(), page);
    let closed = town.billing.checkout_close(&owner, &terms(), tenant).await.unwrap().object;
    assert_eq!((closed.state, closed.url.as_str()), (CheckoutState::Expired, ""));
    assert!(town.till.open_pages().is_empty());
    assert_eq!(town.billing.checkout_close(&owner, &terms(), tenant).await.unwrap_err().code, Code::Invalid);
}

#[tokio::test]
async fn a_page_that_was_paid_in_the_meantime_is_not_followed_by_another() {
    let town = Town::new().await;
    let (tenant, owner) = town.customer("alpha").await;
    town.billing.checkout_open(&owner, &terms(), tenant, &asked("business", 2)).await.unwrap();
    town.till.pay_page(&town.page(), "visa 4242").unwrap();
    let refused = town.billing.checkout_open(&owner, &terms(), tenant, &asked("business", 3)).await.unwrap_err();
    assert_eq!(refused.code, Code::Invalid);
    assert!(town.till.open_pages().is_empty());
    assert_eq!(town.billing.subscriptions(&owner, tenant).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_dry_run_leaves_nothing_and_calls_nobody() {
    let town = Town::new().await;
    let (tenant, owner) = town.customer("alpha").await;
    town.billing.checkout_open(&owner, &dry(), tenant, &asked("business", 2)).await.unwrap();
    assert!(town.billing.checkout(&owner, tenant).await.unwrap().is_none());
    assert!(town.till.customers().is_empty());
    assert_eq!(town.billing.calls(&owner, tenant, &tenants::Page::first(9)).await.unwrap().1, 0);
}

#[tokio::test]
async fn a_plan_without_a_price_is_given_at_once() {
    let town = Town::new().await;
    let (tenant, owner) = town.customer("alpha").await;
    let free = Asked { items: Vec::new(), ..asked("free", 1) };
    let done = town.billing.checkout_open(&owner, &terms(), tenant, &free).await.unwrap().object;
    assert_eq!((done.state, done.url.as_str()), (CheckoutState::Complete, ""));
    assert_eq!(town.limits(tenant).await.max_mailboxes, Some(1));
}

#[tokio::test]
async fn up_and_down_and_to_the_end_and_back() {
    let town = Town::new().await;
    let (tenant, owner, customer) = town.buyer("alpha").await;
    town.turn(DAY * 10);
    let quote = town.billing.quote(&owner, tenant, &asked("business", 5)).await.unwrap();
    let up = town.billing.change(&owner, &keyed("up"), tenant, &asked("business", 5)).await.unwrap();
    assert_eq!((up.applied, up.object.items[0].quantity), (Applied::Done, 5));
    assert_eq!(town.limits(tenant).await.max_mailboxes, Some(5));
    let last = town.till.has(&customer).unwrap().invoices.last().unwrap().clone();
    assert_eq!(last.net, quote.now, "what was quoted was asked for");
    assert_eq!(quote.provider_now, Some(last.net.plus(last.tax).unwrap()));
    let again = town.billing.change(&owner, &keyed("up"), tenant, &asked("business", 5)).await.unwrap();
    assert_eq!(again.object, up.object);
    assert_eq!(town.till.has(&customer).unwrap().invoices.len(), 2, "once");
    town.billing.change(&owner, &terms(), tenant, &asked("business", 1)).await.unwrap();
    assert_eq!(town.till.has(&customer).unwrap().credits.len(), 1);
    let year = Asked { interval: Some(Interval::Year), ..asked("business", 1) };
    assert_eq!(town.billing.change(&owner, &terms(), tenant, &year).await.unwrap().object.interval, Interval::Year);
    let id = up.object.id;
    let ends = town.billing.cancel(&owner, &terms(), tenant, &id, End::Period).await.unwrap().object;
    assert!(ends.ends_at.is_some() && ends.status == Status::Active);
    assert!(town.billing.cancel(&owner, &terms(), tenant, &id, End::Period).await.is_err());
    assert_eq!(town.billing.resume(&owner, &terms(), tenant, &id).await.unwrap().object.ends_at, None);
    let ended = town.billing.cancel(&owner, &terms(), tenant, &id, End::Now).await.unwrap().object;
    assert_eq!(ended.status, Status::Cancelled);
    town.settle().await;
    assert_eq!(town.limits(tenant).await.max_mailboxes, Some(0), "nothing new is made");
    town.consistent(tenant, &customer).await;
}

#[tokio::test]
async fn of_changes_at_once_each_is_answered_with_its_own_result() {
    let town = Town::new().await;
    let (tenant, owner, customer) = town.buyer("alpha").await;
    town.turn(DAY);
    let change = async |mailboxes: u64| {
        let key = keyed(&format!("to-{mailboxes}"));
        let done = town.billing.change(&owner, &key, tenant, &asked("business", mailboxes)).await.unwrap();
        (mailboxes, done.applied, done.object.items[0].quantity)
    };
    let (a, b, c) = tokio::join!(change(4), change(7), change(5));
    for (wanted, applied, quantity) in [a, b, c] {
        assert_eq!((applied, quantity), (Applied::Done, wanted));
    }
    let last = town.billing.subscriptions(&owner, tenant).await.unwrap()[0].items[0].quantity;
    // Asked again under its key, each says the same.
    for wanted in [4, 7, 5] {
        assert_eq!(change(wanted).await.2, wanted);
    }
    town.settle().await;
    let now = town.billing.subscriptions(&owner, tenant).await.unwrap()[0].items[0].quantity;
    assert_eq!(now, last, "the last word is the last");
    town.consistent(tenant, &customer).await;
}

#[tokio::test]
async fn a_change_that_the_card_does_not_pay_is_none() {
    let town = Town::new().await;
    let (tenant, owner, customer) = town.buyer("alpha").await;
    town.turn(DAY);
    town.till.card(&customer, Some("visa 0002"), true).unwrap();
    let refused = town.billing.change(&owner, &keyed("up"), tenant, &asked("business", 5)).await.unwrap_err();
    assert_eq!(refused.code, Code::Invalid);
    assert_eq!(town.billing.subscriptions(&owner, tenant).await.unwrap()[0].items[0].quantity, 2);
    let again = town.billing.change(&owner, &keyed("up"), tenant, &asked("business", 5)).await.unwrap_err();
    assert_eq!(again.message, refused.message, "the same key has the same answer");
}

#[tokio::test]
async fn a_trial_is_had_once_by_a_contact() {
    let town = Town::new().await;
    let (tenant, owner) = town.customer("alpha").await;
    let quote = town.billing.quote(&owner, tenant, &asked("trial", 1)).await.unwrap();
    assert_eq!((quote.trial_days, quote.now), (14, eur(0)));
    town.billing.checkout_open(&owner, &terms(), tenant, &asked("trial", 1)).await.unwrap();
    town.till.pay_page(&town.page(), "visa 4242").unwrap();
    town.settle().await;
    assert_eq!(town.phase(tenant).await, billing::Phase::Trial);
    let bought = town.billing.subscriptions(&owner, tenant).await.unwrap();
    town.billing.cancel(&owner, &terms(), tenant, &bought[0].id, End::Now).await.unwrap();
    assert_eq!(town.billing.quote(&owner, tenant, &asked("trial", 1)).await.unwrap().trial_days, 0);
    let (other, its_owner) = town.customer("beta").await;
    let patch = billing::CustomerPatch { email: Some("alpha+2@elsewhere.example".into()), ..Default::default() };
    town.billing.customer_update(&its_owner, &terms(), other, &patch).await.unwrap();
    assert_eq!(town.billing.quote(&its_owner, other, &asked("trial", 1)).await.unwrap().trial_days, 0);
}

#[tokio::test]
async fn pages_of_the_provider_lead_back_to_the_portal_alone() {
    let town = Town::new().await;
    let (tenant, owner) = town.customer("alpha").await;
    let url = town.billing.card_page(&owner, &terms(), tenant, "/billing").await.unwrap().object;
    assert!(url.ends_with("back=https://portal.example/billing"), "{url}");
    for bad in ["", "billing", "//evil.example", "/\\evil.example", "https://evil.example", "/a b"] {
        let refused = town.billing.customer_page(&owner, &terms(), tenant, bad).await.unwrap_err();
        assert_eq!((refused.code, refused.field), (Code::Invalid, "back"), "{bad}");
    }
}

#[tokio::test]
async fn another_tenant_meets_nothing() {
    let town = Town::new().await;
    let (tenant, _, customer) = town.buyer("alpha").await;
    let (_, other) = town.customer("beta").await;
    let (billing, page) = (&town.billing, tenants::Page::first(9));
    let truth = town.till.has(&customer).unwrap();
    let (invoice, subscription) = (&truth.invoices[0].id, &truth.subscriptions[0].id);
    let ask = asked("business", 3);
    let codes = [
        billing.quote(&other, tenant, &ask).await.err(),
        billing.checkout_open(&other, &terms(), tenant, &ask).await.err(),
        billing.checkout(&other, tenant).await.err(),
        billing.checkout_close(&other, &terms(), tenant).await.err(),
        billing.card_page(&other, &terms(), tenant, "/").await.err(),
        billing.customer_page(&other, &terms(), tenant, "/").await.err(),
        billing.change(&other, &terms(), tenant, &ask).await.err(),
        billing.cancel(&other, &terms(), tenant, subscription, End::Now).await.err(),
        billing.resume(&other, &terms(), tenant, subscription).await.err(),
        billing.invoices(&other, tenant, &page).await.err(),
        billing.invoice(&other, tenant, invoice).await.err(),
        billing.invoice_pay(&other, &terms(), tenant, invoice).await.err(),
        billing.invoice_refund(&other, &keyed("a"), tenant, invoice, None, "no").await.err(),
        billing.credit(&other, &keyed("b"), tenant, eur(1), "no").await.err(),
        billing.calls(&other, tenant, &page).await.err(),
        billing.sync_now(&other, tenant).await.err(),
        billing.events_heard(&other, &page).await.err(),
        billing.event_retry(&other, &terms(), "till", "evt").await.err(),
        billing.drift(&other, &page).await.err(),
    ];
    for (n, code) in codes.into_iter().enumerate() {
        assert_eq!(code.map(|e| e.code), Some(Code::NotFound), "{n}");
    }
    assert_eq!(town.till.has(&customer).unwrap(), truth);
}

#[tokio::test]
async fn who_closed_pays_for_nothing_also_on_a_page_that_was_open() {
    let town = Town::new().await;
    let (tenant, owner) = town.customer("alpha").await;
    town.billing.checkout_open(&owner, &terms(), tenant, &asked("business", 2)).await.unwrap();
    let page = town.page();
    town.billing.close(&owner, &terms(), tenant, "").await.unwrap();
    // The page is closed when the call is made; until then it takes a card.
    town.till.pay_page(&page, "visa 4242").unwrap();
    town.settle().await;
    let customer = town.till.customers().last().unwrap().clone();
    let truth = town.till.has(&customer).unwrap();
    assert!(!truth.subscriptions.is_empty() && truth.subscriptions.iter().all(|s| !s.status.is_live()));
    assert_eq!(town.till.taken(Currency::EUR), 0, "all went back");
    for refused in [
        town.billing.checkout_open(&owner, &terms(), tenant, &asked("business", 2)).await.err(),
        town.billing.change(&owner, &terms(), tenant, &asked("business", 3)).await.err(),
    ] {
        let refused = refused.unwrap();
        assert_eq!((refused.code, refused.field), (Code::Invalid, "tenantId"));
    }
    town.billing.reopen(&owner, &terms(), tenant).await.unwrap();
    town.billing.checkout_open(&owner, &terms(), tenant, &asked("business", 2)).await.unwrap();
}
