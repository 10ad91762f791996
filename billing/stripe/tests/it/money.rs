//! SUMMARY    Money that goes back: refunds, chargebacks, credit; the customer's page.

use crate::world::*;
use billing::{FailureKind, Interval, Payments};

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
