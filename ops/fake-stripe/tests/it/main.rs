//! SUMMARY    The model without HTTP: what the adapter's tests do not reach.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests fail by panicking")]

use fake_stripe::{Model, Params, Reply, Request};
use serde_json::Value;
use stripe_payments::Method::{self, Get, Post};

const START: i64 = 1_800_000_000;
const DAY: i64 = 86_400;

fn new() -> Model {
    Model::new("http://127.0.0.1:1", START)
}

fn ask(model: &mut Model, method: Method, path: &str, form: &str, key: Option<&str>) -> Reply {
    let params = Params::parse(form).unwrap();
    let request = Request { method, path: path.into(), params, key: key.map(str::to_owned) };
    let now = model.now_secs();
    model.call(&request, now)
}

fn post(model: &mut Model, path: &str, form: &str) -> Value {
    let reply = ask(model, Post, path, form, None);
    assert_eq!(reply.status, 200, "{path}: {}", reply.body);
    reply.body
}

fn get(model: &mut Model, path: &str, form: &str) -> Value {
    let reply = ask(model, Get, path, form, None);
    assert_eq!(reply.status, 200, "{path}: {}", reply.body);
    reply.body
}

fn id(value: &Value) -> String {
    value["id"].as_str().unwrap().to_owned()
}

/// A customer with a card, and a price of 5 EUR a month.
fn shop(model: &mut Model, card: &str) -> (String, String) {
    let product = id(&post(model, "/products", "name=Mailboxes"));
    let price =
        post(model, "/prices", &format!("product={product}&currency=eur&unit_amount=500&recurring[interval]=month"));
    let customer = id(&post(model, "/customers", "email=a@b.example"));
    let method = id(&post(model, &format!("/payment_methods/{card}/attach"), &format!("customer={customer}")));
    post(model, &format!("/customers/{customer}"), &format!("invoice_settings[default_payment_method]={method}"));
    (customer, id(&price))
}

fn subscribe(model: &mut Model, customer: &str, price: &str) -> Value {
    post(model, "/subscriptions", &format!("customer={customer}&items[0][price]={price}"))
}

#[test]
fn a_void_invoice_gives_its_credit_back() {
    let mut model = new();
    let (customer, price) = shop(&mut model, "pm_card_chargeCustomerFail");
    post(&mut model, &format!("/customers/{customer}/balance_transactions"), "amount=-200&currency=eur");
    let made = subscribe(&mut model, &customer, &price);
    assert_eq!(made["status"], "incomplete");
    let invoice = made["latest_invoice"].as_str().unwrap().to_owned();
    assert_eq!(get(&mut model, &format!("/invoices/{invoice}"), "")["amount_due"], 300);
    assert_eq!(get(&mut model, &format!("/customers/{customer}"), "")["balance"], 0);
    model.advance(START + 23 * 3_600);
    let ended = get(&mut model, &format!("/subscriptions/{}", id(&made)), "");
    assert_eq!(ended["status"], "incomplete_expired");
    assert_eq!(get(&mut model, &format!("/invoices/{invoice}"), "")["status"], "void");
    assert_eq!(get(&mut model, &format!("/customers/{customer}"), "")["balance"], -200);
}

#[test]
fn an_invoice_that_was_given_up_can_still_be_paid() {
    let mut model = new();
    let (customer, _) = shop(&mut model, "pm_card_visa");
    post(&mut model, "/invoiceitems", &format!("customer={customer}&amount=700&currency=eur&description=Setup"));
    let path = format!("/invoices/{}", id(&post(&mut model, "/invoices", &format!("customer={customer}"))));
    assert_eq!(post(&mut model, &format!("{path}/finalize"), "")["status"], "open");
    assert_eq!(ask(&mut model, Post, &format!("{path}/finalize"), "", None).status, 400);
    assert_eq!(post(&mut model, &format!("{path}/mark_uncollectible"), "")["status"], "uncollectible");
    let paid = post(&mut model, &format!("{path}/pay"), "");
    assert_eq!((paid["status"].as_str(), paid["amount_paid"].as_i64()), (Some("paid"), Some(700)));
    assert_eq!(ask(&mut model, Post, &format!("{path}/void"), "", None).status, 400);
}

#[test]
fn a_key_is_kept_for_a_day() {
    let mut model = new();
    let make = |model: &mut Model, name: &str| ask(model, Post, "/customers", &format!("name={name}"), Some("key"));
    let first = make(&mut model, "A");
    assert_eq!(make(&mut model, "A"), first);
    let other = make(&mut model, "B");
    assert_eq!((other.status, other.body["error"]["type"].as_str()), (400, Some("idempotency_error")));
    model.advance(START + DAY);
    assert_ne!(make(&mut model, "B").body["id"], first.body["id"]);
}

#[test]
fn a_page_for_a_card_keeps_it_and_charges_nothing() {
    let mut model = new();
    let (customer, _) = shop(&mut model, "pm_card_visa");
    let form = format!("mode=setup&customer={customer}&success_url=https://x.example/{{CHECKOUT_SESSION_ID}}");
    let session = id(&post(&mut model, "/checkout/sessions", &form));
    assert_eq!(model.pay_session(&session, "4000000000000002").unwrap_err().status, 402);
    assert_eq!(model.pay_session(&session, "1234").unwrap_err().code, "incorrect_number");
    assert_eq!(model.pay_session(&session, "5555555555554444").unwrap(), format!("https://x.example/{session}"));
    let cards = get(&mut model, "/payment_methods", &format!("customer={customer}"));
    assert_eq!(cards["data"][0]["card"]["last4"], "4444");
    assert_eq!(get(&mut model, "/charges", "")["data"], serde_json::json!([]));
    assert_eq!(model.pay_session(&session, "4242424242424242").unwrap_err().status, 400);
}

#[test]
fn an_amount_too_small_to_charge_is_asked_for_with_the_next_invoice() {
    let mut model = new();
    let (customer, price) = shop(&mut model, "pm_card_visa");
    post(&mut model, "/invoiceitems", &format!("customer={customer}&amount=30&currency=eur"));
    let path = format!("/invoices/{}", id(&post(&mut model, "/invoices", &format!("customer={customer}"))));
    let small = post(&mut model, &format!("{path}/finalize"), "");
    assert_eq!((small["status"].as_str(), small["amount_due"].as_i64()), (Some("paid"), Some(0)));
    subscribe(&mut model, &customer, &price);
    assert_eq!(get(&mut model, "/invoices", "limit=1")["data"][0]["amount_due"], 530);
    assert_eq!(get(&mut model, &format!("/customers/{customer}"), "")["balance"], 0);
}

#[test]
fn the_same_requests_at_the_same_times_give_the_same_events() {
    let run = || {
        let mut model = new();
        let (customer, price) = shop(&mut model, "pm_card_visa");
        subscribe(&mut model, &customer, &price);
        model.advance(START + 400 * DAY);
        get(&mut model, "/events", "limit=100")
    };
    let events = run();
    assert_eq!(events, run());
    assert_eq!(events["has_more"], true);
}

#[test]
fn a_card_that_declines_from_now_on_works_again_when_it_is_told_to() {
    let mut model = new();
    let (customer, price) = shop(&mut model, "pm_card_visa");
    subscribe(&mut model, &customer, &price);
    assert_eq!(model.set_cards("cus_nobody", true).unwrap_err().status, 404);
    model.set_cards(&customer, true).unwrap();
    model.advance(START + 32 * DAY);
    let status = |model: &mut Model| get(model, "/subscriptions", "limit=1")["data"][0]["status"].clone();
    assert_eq!(status(&mut model), "past_due");
    model.set_cards(&customer, false).unwrap();
    model.advance(START + 36 * DAY);
    assert_eq!(status(&mut model), "active");
    let without = id(&post(&mut model, "/customers", "email=c@d.example"));
    assert_eq!(model.set_cards(&without, true).unwrap_err().status, 400);
}
