//! SUMMARY    Buying: the page, cards, trials, coupons, pages that end.

use crate::world::*;
use billing::{CheckoutState, Coupon, Discount, FailureKind, Interval, InvoiceState, NewCheckout, Payments, Status};

#[tokio::test]
async fn who_pays_on_the_page_has_what_was_bought() {
    let world = World::new().await;
    let customer = world.customer().await;
    let new = world.checkout(&customer, wanted(4, 0, Interval::Month));
    let page = world.stripe.open_checkout("buy-1", &new).await.unwrap();
    assert_eq!((page.state, page.expires_at), (CheckoutState::Open, new.expires_at));
    let seen = visit(&page.url, None).await;
    let text = String::from_utf8(seen.body).unwrap();
    assert!(
        seen.status == 200
            && text.contains("Due today</th><th>13.96 EUR")
            && text.contains("https://shop.example/cancelled")
    );
    assert!(!text.contains("<script"));

    let declined = visit(&page.url, Some(&format!("card={DECLINED}"))).await;
    assert!(declined.status == 402 && String::from_utf8(declined.body).unwrap().contains("Your card was declined."));
    assert_eq!(world.truth(&customer).await.subscriptions, []);

    let paid = visit(&page.url, Some("card=4242+4242+4242+4242")).await;
    assert_eq!((paid.status, paid.location), (303, format!("https://shop.example/done?session={}", page.id)));
    let after = world.stripe.checkout(&page.id).await.unwrap();
    assert_eq!((after.state, after.url.as_str()), (CheckoutState::Complete, ""));
    assert_eq!(visit(&page.url, Some("card=4242424242424242")).await.status, 410);

    let truth = world.truth(&customer).await;
    let bought = &truth.subscriptions[0];
    assert_eq!(
        (truth.card.as_deref(), bought.status, bought.family.as_str()),
        (Some("visa 4242"), Status::Active, "mail")
    );
    assert_eq!((&bought.plan, &bought.items), (&("business".into(), 1), &vec![item("mailbox", 4)]));
    assert_eq!((bought.created_at, bought.period.start, bought.interval), (START, START, Interval::Month));
    let invoice = &truth.invoices[0];
    assert_eq!(
        (invoice.state, invoice.net, invoice.tax, invoice.failed),
        (InvoiceState::Paid, eur(1396), eur(0), false)
    );
    assert_eq!((invoice.payments[0].amount, invoice.subscription.as_ref()), (eur(1396), Some(&bought.id)));
    let pdf = visit(invoice.pdf_url.as_deref().unwrap(), None).await;
    assert!(pdf.body.starts_with(b"%PDF-1.4") && pdf.body.ends_with(b"%%EOF\n"));
    assert_eq!(visit(invoice.page_url.as_deref().unwrap(), None).await.status, 200);
}

#[tokio::test]
async fn a_trial_costs_nothing_until_it_ends() {
    let world = World::new().await;
    let (customer, trial) = world.bought(wanted(2, 1, Interval::Month), 14, GOOD).await;
    let ends = base::Timestamp::from_secs(START.secs() + 14 * DAY);
    assert_eq!((trial.status, trial.trial_ends_at, trial.period.end), (Status::Trialing, Some(ends), ends));
    assert_eq!(world.truth(&customer).await.invoices[0].net, eur(0));
    world.advance(14 * DAY);
    assert_eq!(world.truth(&customer).await.invoices[0].state, InvoiceState::Draft, "an hour as a draft");
    world.advance(3_600);
    let truth = world.truth(&customer).await;
    assert_eq!((truth.subscriptions[0].status, truth.subscriptions[0].period.start), (Status::Active, ends));
    assert_eq!((truth.invoices[0].state, truth.invoices[0].net), (InvoiceState::Paid, eur(898)));
}

#[tokio::test]
async fn a_coupon_takes_off_for_its_periods() {
    let world = World::new().await;
    let customer = world.customer().await;
    let coupon = Coupon { discount: Discount::Percent(25), periods: Some(2) };
    let new = NewCheckout {
        coupon: Some(("SPRING é".into(), coupon)),
        ..world.checkout(&customer, wanted(1, 0, Interval::Month))
    };
    let page = world.stripe.open_checkout("buy-1", &new).await.unwrap();
    assert_eq!(visit(&page.url, Some("card=4242424242424242")).await.status, 303);
    world.advance(70 * DAY);
    let nets: Vec<_> = world.truth(&customer).await.invoices.iter().rev().map(|invoice| invoice.net.minor()).collect();
    assert_eq!(nets, [374, 374, 499]);
}

#[tokio::test]
async fn pages_are_closed_and_end_by_themselves() {
    let world = World::new().await;
    let customer = world.customer().await;
    let new = world.checkout(&customer, wanted(1, 0, Interval::Month));
    let page = world.stripe.open_checkout("buy-1", &new).await.unwrap();
    for key in ["close-1", "close-1", "close-2"] {
        assert_eq!(world.stripe.close_checkout(key, &page.id).await.unwrap().state, CheckoutState::Expired, "{key}");
    }
    assert_eq!(visit(&page.url, Some("card=4242424242424242")).await.status, 410);
    let page = world.stripe.open_checkout("buy-2", &new).await.unwrap();
    world.advance(3_600);
    assert_eq!(world.stripe.checkout(&page.id).await.unwrap().state, CheckoutState::Expired);
    assert_eq!(world.stripe.checkout("cs_nothing").await.unwrap_err().kind, FailureKind::Gone);
    assert_eq!(world.truth(&customer).await.subscriptions, []);
}

#[tokio::test]
async fn tax_is_taken_only_where_it_is_on() {
    let world = World::with(Vec::new(), |options| options.automatic_tax = true).await;
    let (customer, subscription) = world.bought(wanted(1, 0, Interval::Month), 0, GOOD).await;
    let invoice = world.truth(&customer).await.invoices.remove(0);
    assert_eq!((invoice.net, invoice.tax, invoice.payments[0].amount), (eur(499), eur(100), eur(599)));
    let preview = world.stripe.preview(&subscription.id, &wanted(2, 0, Interval::Month), START).await.unwrap();
    assert_eq!((preview.now, preview.tax), (eur(359), eur(60)));
}
