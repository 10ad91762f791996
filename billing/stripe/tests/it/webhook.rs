//! SUMMARY    Webhooks from end to end: sent by the fake, heard by the adapter.

use crate::world::*;
use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use billing::{FailureKind, Interval, Payments};
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

type Sent = (Vec<u8>, String);

async fn receive(
    State((sender, refuse)): State<(UnboundedSender<Sent>, std::sync::Arc<parking_lot::Mutex<u32>>)>,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let mut refuse = refuse.lock();
    if *refuse > 0 {
        *refuse -= 1;
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    let signature = headers.get("stripe-signature").unwrap().to_str().unwrap().to_owned();
    sender.send((body.to_vec(), signature)).unwrap();
    StatusCode::OK
}

/// A world whose events come here; the first so many are refused.
async fn listening(refuse: u32) -> (World, UnboundedReceiver<Sent>) {
    let (sender, receiver) = unbounded_channel();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/webhooks/stripe", listener.local_addr().unwrap());
    let state = (sender, std::sync::Arc::new(parking_lot::Mutex::new(refuse)));
    let router = Router::new().route("/webhooks/stripe", post(receive)).with_state(state);
    tokio::spawn(async move { axum::serve(listener, router).await });
    (World::with(vec![(url, SECRET.into())], |_| {}).await, receiver)
}

async fn next(receiver: &mut UnboundedReceiver<Sent>) -> Sent {
    tokio::time::timeout(Duration::from_secs(20), receiver.recv()).await.expect("a webhook comes").unwrap()
}

#[tokio::test]
async fn events_are_signed_and_name_the_customer_or_the_payment() {
    let (world, mut receiver) = listening(0).await;
    let (customer, _) = world.bought(wanted(1, 0, Interval::Month), 0, GOOD).await;
    let payment = world.truth(&customer).await.invoices[0].payments[0].id.clone();
    world.control("disputes", &format!("payment_intent={payment}")).await;
    let (mut kinds, mut ids) = (Vec::new(), std::collections::BTreeSet::new());
    while kinds.last().map(String::as_str) != Some("charge.dispute.created") {
        let (body, signature) = next(&mut receiver).await;
        let heard = world.stripe.heard(&body, &signature, START).unwrap();
        assert!(ids.insert(heard.id.clone()), "{} came twice", heard.id);
        match heard.kind.split('.').next() {
            Some("product" | "price") => assert_eq!((heard.customer, heard.payment), (None, None)),
            Some("charge") if heard.kind == "charge.dispute.created" => {
                assert_eq!((heard.customer, heard.payment.as_ref()), (None, Some(&payment)));
            }
            _ => assert_eq!(heard.customer.as_ref(), Some(&customer), "{}", heard.kind),
        }
        kinds.push(heard.kind);
    }
    for kind in ["customer.created", "customer.subscription.created", "invoice.paid", "checkout.session.completed"] {
        assert!(kinds.iter().any(|k| k == kind), "{kind} of {kinds:?}");
    }
}

#[tokio::test]
async fn forged_webhooks_are_refused() {
    let (world, mut receiver) = listening(0).await;
    world.customer().await;
    let (body, signature) = next(&mut receiver).await;
    assert!(world.stripe.heard(&body, &signature, START).is_ok());
    let mut other = body.clone();
    other[20] ^= 1;
    let late = base::Timestamp(START.0 + stripe_payments::SIGNATURE_AGE_MS_MAX + 1_000);
    for (body, signature, now) in [
        (&other, signature.as_str(), START),
        (&body, "t=1,v1=00", START),
        (&body, "", START),
        (&body, signature.as_str(), late),
    ] {
        assert_eq!(world.stripe.heard(body, signature, now).unwrap_err().kind, FailureKind::Forged);
    }
}

#[tokio::test]
async fn a_webhook_that_was_refused_comes_again() {
    let (world, mut receiver) = listening(2).await;
    world.customer().await;
    let (body, signature) = next(&mut receiver).await;
    assert_eq!(world.stripe.heard(&body, &signature, START).unwrap().kind, "customer.created");
}

#[tokio::test]
async fn webhooks_are_lost_and_come_twice_where_a_test_wants_it() {
    let (world, mut receiver) = listening(0).await;
    world.control("webhooks", "drop=1&duplicate=1").await;
    let customer = world.customer().await;
    world.stripe.credit("credit-1", &customer, eur(100)).await.unwrap();
    let (first, second) = (next(&mut receiver).await.0, next(&mut receiver).await.0);
    assert_eq!(first, second);
    assert!(String::from_utf8(first).unwrap().contains("customer.updated"));
}
