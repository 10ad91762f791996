//! SUMMARY    Plans and customers at Stripe.

use crate::world::*;
use base::Clock;
use billing::{FailureKind, Interval, NewCustomer, Payments, Price, Status};
use fake_stripe::{InProcess, Model};
use std::sync::Arc;
use stripe_payments::{Stripe, StripeOptions};

#[tokio::test]
async fn a_plan_is_published_once_however_often_it_is_asked() {
    let world = World::new().await;
    for _ in 0..2 {
        world.stripe.publish(&business()).await.unwrap();
        assert_eq!((world.count("/products", ""), world.count("/prices", "")), (3, 6));
    }
    let price = world.look("/prices", "lookup_keys[]=ph_business_1_mailbox_EUR_YEAR")["data"][0].clone();
    assert_eq!((price["unit_amount"].as_i64(), price["recurring"]["interval"].as_str()), (Some(2990), Some("year")));
    assert_eq!((price["product"].as_str(), price["currency"].as_str()), (Some("ph_business_1_mailbox"), Some("eur")));
    let mut other = business();
    other.prices[0].unit = eur(201);
    assert_eq!(world.stripe.publish(&other).await.unwrap_err().kind, FailureKind::Refused, "a version never changes");
    other.version = 2;
    world.stripe.publish(&other).await.unwrap();
    let free = billing::Plan { key: "free".into(), prices: Vec::<Price>::new(), ..business() };
    world.stripe.publish(&free).await.unwrap();
    assert_eq!((world.count("/products", ""), world.count("/prices", "")), (6, 12));
}

#[tokio::test]
async fn a_customer_is_made_once_and_described_anew() {
    let world = World::new().await;
    let (first, again) = (world.customer().await, world.customer().await);
    assert_eq!((&first, world.count("/customers", "")), (&again, 1));
    let other = NewCustomer { name: "Other".into(), ..new_customer() };
    let refused = world.stripe.create_customer("customer-1", &other).await.unwrap_err();
    assert_eq!(refused.kind, FailureKind::Refused, "the key is another request's");

    let tax_ids = vec!["eu_vat:DE987654321".into(), "ch_vat:CHE-123.456.789 MWST".into()];
    let moved = NewCustomer { country: None, tax_ids, ..other };
    for _ in 0..2 {
        world.stripe.update_customer("update-1", &first, &moved).await.unwrap();
    }
    let known = world.look(&format!("/customers/{first}"), "");
    assert_eq!(
        (known["name"].as_str(), known["address"].is_null(), known["metadata"]["tenant"].as_str().is_some()),
        (Some("Other"), true, true)
    );
    let ids = world.look(&format!("/customers/{first}/tax_ids"), "");
    let ids: Vec<_> = ids["data"].as_array().unwrap().iter().map(|id| id["value"].as_str().unwrap()).collect();
    assert_eq!(ids, ["CHE-123.456.789 MWST", "DE987654321"]);
    let wrong = NewCustomer { tax_ids: vec!["DE1".into()], ..moved };
    assert_eq!(world.stripe.update_customer("update-2", &first, &wrong).await.unwrap_err().kind, FailureKind::Refused);
}

#[tokio::test]
async fn who_is_not_there_is_gone() {
    let world = World::new().await;
    for id in ["cus_nothing", "../customers", ""] {
        assert_eq!(world.stripe.truth(id).await.unwrap_err().kind, FailureKind::Gone, "{id}");
    }
    let wanted = wanted(1, 0, Interval::Month);
    assert_eq!(world.stripe.change("c-1", "sub_nothing", &wanted, START).await.unwrap_err().kind, FailureKind::Gone);
    assert_eq!(world.stripe.pay("p-1", "in_nothing").await.unwrap_err().kind, FailureKind::Gone);
    assert_eq!(world.stripe.refund("r-1", "pi_nothing", eur(1)).await.unwrap_err().kind, FailureKind::Gone);
    assert_eq!(
        world.stripe.customer_page("b-1", "cus_nothing", "https://x.example").await.unwrap_err().kind,
        FailureKind::Gone
    );
    let new = world.checkout("cus_nothing", wanted);
    assert_eq!(world.stripe.open_checkout("o-1", &new).await.unwrap_err().kind, FailureKind::Gone);
}

/// The same adapter over the model alone, as a simulation has it.
#[tokio::test]
async fn a_model_in_this_process_needs_no_http() {
    let model = Arc::new(parking_lot::Mutex::new(Model::new("http://stripe.invalid", START.secs())));
    let wire = InProcess { model: model.clone(), clock: Arc::new(Standing) };
    let stripe = Stripe::over(wire, StripeOptions::new("sk", SECRET));
    let customer = stripe.create_customer("customer-1", &new_customer()).await.unwrap();
    let new = billing::NewCheckout {
        tenant: base::TenantId(7),
        customer: customer.clone(),
        wanted: wanted(1, 0, Interval::Month),
        trial_days: 0,
        coupon: None,
        success_url: "https://x.example".into(),
        cancel_url: "https://x.example".into(),
        expires_at: Standing.now().plus(std::time::Duration::from_secs(3_600)),
    };
    let page = stripe.open_checkout("buy-1", &new).await.unwrap();
    model.lock().pay_session(&page.id, GOOD).unwrap();
    let truth = stripe.truth(&customer).await.unwrap();
    assert_eq!((truth.subscriptions[0].status, truth.invoices[0].net), (Status::Active, eur(499)));
    assert_eq!(stripe.truth("cus_nothing").await.unwrap_err().kind, FailureKind::Gone);
}
