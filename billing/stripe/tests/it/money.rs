//! SUMMARY    Money that goes back: refunds, chargebacks, credit; the customer's page.

use crate::world::*;
use billing::{FailureKind, Interval, InvoiceState, Payments};

#[tokio::test]
async fn a_payment_is_paid_back_once_by_each_key_and_no_more_than_it_was() {
    let world = World::new().await;
    let (customer, _) = world.bought(wanted(1, 0, Interval::Month), 0, GOOD).await;
    let payment = world.truth(&customer).await.invoices[0].payments[0].clone();
    for key in ["refund-1", "refund-1", "refund-2"] {
        world.stripe.refund(key, &payment.id, eur(200)).await.unwrap();
    }
    let refunds = world.truth(&customer).await.invoices[0].payments[0].refunds.clone();
    assert_eq!(refunds.iter().map(|(_, money, at)| (*money, *at)).collect::<Vec<_>>(), [(eur(200), START); 2]);
    assert_eq!(world.stripe.refund("refund-3", &payment.id, eur(100)).await.unwrap_err().kind, FailureKind::Refused);
}

#[tokio::test]
async fn what_the_bank_took_is_told_until_it_is_won_back() {
    let world = World::new().await;
    let (customer, _) = world.bought(wanted(1, 0, Interval::Month), 0, GOOD).await;
    let payment = world.truth(&customer).await.invoices[0].payments[0].clone();
    assert_eq!(payment.chargebacks, []);
    let dispute =
        world.control("disputes", &format!("payment_intent={}", payment.id)).await["id"].as_str().unwrap().to_owned();
    let taken = || async { world.truth(&customer).await.invoices[0].payments[0].chargebacks.clone() };
    assert_eq!(taken().await, [(dispute.clone(), eur(499), START)]);
    world.control(&format!("disputes/{dispute}/close"), "status=lost").await;
    assert_eq!(taken().await.len(), 1);
    world.control(&format!("disputes/{dispute}/close"), "status=won").await;
    assert_eq!(taken().await, []);
}

#[tokio::test]
async fn what_the_bank_took_is_taken_again_once_and_may_be_taken_back_again() {
    let world = World::new().await;
    let (customer, _) = world.bought(wanted(1, 0, Interval::Month), 0, GOOD).await;
    let invoice = world.truth(&customer).await.invoices[0].clone();
    let dispute = |payment: String| {
        let world = &world;
        async move { world.control("disputes", &format!("payment_intent={payment}")).await }
    };
    let early = world.stripe.collect("c-0", &customer, &invoice.id, eur(499)).await.unwrap_err();
    assert_eq!(early.kind, FailureKind::Refused, "nothing is owed");
    dispute(invoice.payments[0].id.clone()).await;
    world.change_card("card-1", &customer, FAILS_LATER).await;
    let declined = world.stripe.collect("c-1", &customer, &invoice.id, eur(499)).await.unwrap_err();
    assert_eq!(declined.kind, FailureKind::Refused);
    world.change_card("card-2", &customer, GOOD).await;
    assert!(world.stripe.collect("c-2", &customer, &invoice.id, eur(500)).await.is_err(), "more than is owed");
    world.stripe.collect("c-3", &customer, &invoice.id, eur(499)).await.unwrap();
    world.advance(2 * DAY);
    world.stripe.collect("c-3", &customer, &invoice.id, eur(499)).await.unwrap();
    let paid = world.truth(&customer).await.invoices[0].clone();
    assert_eq!((paid.payments.len(), paid.owed().unwrap()), (2, eur(0)));
    assert_eq!((paid.payments[1].amount, paid.payments[1].at), (eur(499), START));
    dispute(paid.payments[1].id.clone()).await;
    assert_eq!(world.truth(&customer).await.invoices[0].owed().unwrap(), eur(499));
}

#[tokio::test]
async fn what_came_by_transfer_pays_an_invoice_and_is_told_with_it() {
    let world = World::new().await;
    let (customer, _) = world.bought(wanted(1, 0, Interval::Month), 0, GOOD).await;
    let first = world.truth(&customer).await.invoices[0].clone();
    world.control("disputes", &format!("payment_intent={}", first.payments[0].id)).await;
    world.change_card("card-1", &customer, FAILS_LATER).await;
    world.advance(32 * DAY);
    let at = world.now();
    for invoice in world.truth(&customer).await.invoices {
        let owed = invoice.owed().unwrap();
        assert_eq!(owed, eur(499));
        for _ in 0..2 {
            world.stripe.received(&format!("r-{}", invoice.id), &invoice.id, "KTO 17", (owed, at)).await.unwrap();
        }
    }
    let truth = world.truth(&customer).await;
    for invoice in &truth.invoices {
        let last = invoice.payments.last().unwrap();
        assert_eq!((invoice.state, invoice.owed().unwrap()), (InvoiceState::Paid, eur(0)));
        assert_eq!((last.amount, last.at.secs()), (eur(499), at.secs()));
        let back = world.stripe.refund(&format!("b-{}", invoice.id), &last.id, eur(1)).await.unwrap_err();
        assert_eq!(back.kind, FailureKind::Refused, "Stripe does not have it");
    }
    assert_eq!(truth.subscriptions[0].status, billing::Status::Active);
}

#[tokio::test]
async fn a_card_that_charges_back_does_so_at_once() {
    let world = World::new().await;
    let (customer, _) = world.bought(wanted(1, 0, Interval::Month), 0, "4000000000000259").await;
    assert_eq!(world.truth(&customer).await.invoices[0].payments[0].chargebacks.len(), 1);
}

#[tokio::test]
async fn credit_pays_of_the_next_invoices() {
    let world = World::new().await;
    let (customer, _) = world.bought(wanted(1, 0, Interval::Month), 0, GOOD).await;
    for _ in 0..2 {
        world.stripe.credit("credit-1", &customer, eur(700)).await.unwrap();
    }
    let credits = world.truth(&customer).await.credits;
    assert_eq!(
        credits.iter().map(|c| (c.net, c.tax, c.invoice.clone())).collect::<Vec<_>>(),
        [(eur(700), eur(0), None)]
    );
    world.advance(70 * DAY);
    let truth = world.truth(&customer).await;
    let used: Vec<_> = truth
        .invoices
        .iter()
        .rev()
        .map(|i| (i.credit_used.minor(), i.payments.first().map(|p| p.amount.minor())))
        .collect();
    assert_eq!(used, [(0, Some(499)), (499, None), (201, Some(298))]);
    assert_eq!(truth.credits.len(), 1, "what was used is told with its invoice");
    world.stripe.credit("credit-2", &customer, eur(-50)).await.unwrap();
    assert_eq!(world.truth(&customer).await.credits.last().map(|c| c.net), Some(eur(700)));
    assert!(world.truth(&customer).await.credits.iter().any(|c| c.net == eur(-50)));
}

#[tokio::test]
async fn the_customers_page_shows_invoices_and_leads_back() {
    let world = World::new().await;
    let (customer, _) = world.bought(wanted(1, 0, Interval::Month), 0, GOOD).await;
    let url = world.stripe.customer_page("page-1", &customer, "https://shop.example/back").await.unwrap();
    let text = String::from_utf8(visit(&url, None).await.body).unwrap();
    assert!(text.contains("4.99 EUR") && text.contains("href=\"https://shop.example/back\"") && text.contains("FAKE"));
    let refused = visit(&url, Some(&format!("card={DECLINED}"))).await;
    assert_eq!(refused.status, 402);
    let changed = visit(&url, Some("card=5555555555554444")).await;
    assert!(changed.status == 200 && String::from_utf8(changed.body).unwrap().contains("mastercard 4444"));
}
