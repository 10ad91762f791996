//! SUMMARY    What the tests share: a fake, the adapter, a plan, a visitor.

use base::{Clock, TenantId, Timestamp};
use billing::{
    Charge, Component, Currency, Grants, Interval, Item, Meter, Money, NewCheckout, NewCustomer, Payments, Plan, Price,
    TrueSubscription, Truth, Wanted,
};
use fake_stripe::{AheadClock, Fake, Options, Params, Request, Running};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use serde_json::Value;
use std::{sync::Arc, time::Duration};
use stripe_payments::{Method, Stripe, StripeOptions};

pub const START: Timestamp = Timestamp(1_800_000_000_000);
pub const DAY: i64 = 86_400;
pub const SECRET: &str = "whsec_of_tests";
pub const GOOD: &str = "4242 4242 4242 4242";
pub const FAILS_LATER: &str = "4000000000000341";
pub const DECLINED: &str = "4000000000000002";

/// A clock that stands: time goes on only where a test says so.
pub struct Standing;

impl Clock for Standing {
    fn now(&self) -> Timestamp {
        START
    }
}

pub struct World {
    pub fake: Running,
    pub stripe: Stripe,
}

pub struct Visited {
    pub status: u16,
    pub location: String,
    pub body: Vec<u8>,
}

pub fn options(fake: &Running) -> StripeOptions {
    let options = StripeOptions::new("sk_test_fake", SECRET);
    StripeOptions { base_url: fake.base_url.clone(), timeout: Duration::from_secs(20), ..options }
}

impl World {
    pub async fn new() -> World {
        World::with(Vec::new(), |_| {}).await
    }

    pub async fn with(endpoints: Vec<(String, String)>, set: impl FnOnce(&mut StripeOptions)) -> World {
        let clock = Arc::new(AheadClock::of(Arc::new(Standing)));
        let fake = Fake::start(Options { clock, endpoints, ..Options::default() }).await.unwrap();
        let mut options = options(&fake);
        set(&mut options);
        World { stripe: Stripe::new(options).unwrap(), fake }
    }

    pub fn now(&self) -> Timestamp {
        Timestamp::from_secs(self.fake.now_secs())
    }

    pub fn advance(&self, seconds: i64) {
        self.fake.advance(seconds).unwrap();
    }

    /// What the account itself says.
    pub fn look(&self, path: &str, query: &str) -> Value {
        let request =
            Request { method: Method::Get, path: path.into(), params: Params::parse(query).unwrap(), key: None };
        let now = self.fake.now_secs();
        let reply = self.fake.model().call(&request, now);
        assert_eq!(reply.status, 200, "{path}: {}", reply.body);
        reply.body
    }

    pub fn count(&self, path: &str, query: &str) -> usize {
        self.look(path, &format!("limit=100&{query}"))["data"].as_array().unwrap().len()
    }

    pub async fn control(&self, path: &str, form: &str) -> Value {
        let visited = visit(&format!("{}/fake/{path}", self.fake.base_url), Some(form)).await;
        assert_eq!(visited.status, 200, "{path}: {}", String::from_utf8_lossy(&visited.body));
        serde_json::from_slice(&visited.body).unwrap()
    }

    pub async fn customer(&self) -> String {
        self.stripe.create_customer("customer-1", &new_customer()).await.unwrap()
    }

    /// A customer that has bought.
    pub async fn bought(&self, wanted: Wanted, trial_days: u32, card: &str) -> (String, TrueSubscription) {
        let customer = self.customer().await;
        let new = NewCheckout { trial_days, ..self.checkout(&customer, wanted) };
        let page = self.stripe.open_checkout("buy-1", &new).await.unwrap();
        let paid = visit(&page.url, Some(&format!("card={}", card.replace(' ', "+")))).await;
        assert_eq!(paid.status, 303, "{}", String::from_utf8_lossy(&paid.body));
        let subscription = self.truth(&customer).await.subscriptions.remove(0);
        (customer, subscription)
    }

    pub fn checkout(&self, customer: &str, wanted: Wanted) -> NewCheckout {
        NewCheckout {
            tenant: TenantId(7),
            customer: customer.into(),
            wanted,
            trial_days: 0,
            coupon: None,
            success_url: "https://shop.example/done?session={CHECKOUT_SESSION_ID}".into(),
            cancel_url: "https://shop.example/cancelled".into(),
            expires_at: Timestamp::from_secs(self.fake.now_secs() + 3_600),
        }
    }

    pub async fn truth(&self, customer: &str) -> Truth {
        self.stripe.truth(customer).await.unwrap()
    }

    pub async fn subscription(&self, customer: &str) -> TrueSubscription {
        self.truth(customer).await.subscriptions.remove(0)
    }

    /// A visitor changes the card on the page that is for it.
    pub async fn change_card(&self, key: &str, customer: &str, card: &str) {
        let url = self.stripe.card_page(key, customer, "https://shop.example/back").await.unwrap();
        let changed = visit(&url, Some(&format!("card={card}"))).await;
        assert_eq!((changed.status, changed.location.as_str()), (303, "https://shop.example/back"));
    }
}

pub async fn visit(url: &str, form: Option<&str>) -> Visited {
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let request = hyper::Request::builder().method(if form.is_some() { "POST" } else { "GET" }).uri(url);
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let response =
        client.request(request.body(Full::from(form.unwrap_or_default().to_owned())).unwrap()).await.unwrap();
    let location =
        response.headers().get("location").map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
    let status = response.status().as_u16();
    Visited { status, location, body: response.into_body().collect().await.unwrap().to_bytes().to_vec() }
}

pub fn eur(minor: i64) -> Money {
    Money::new(minor, Currency::EUR).unwrap()
}

pub fn new_customer() -> NewCustomer {
    NewCustomer {
        tenant: TenantId(7),
        email: "billing@customer.example".into(),
        name: "Müller & Söhne".into(),
        country: Some("DE".into()),
        tax_ids: vec!["eu_vat:DE123456789".into()],
    }
}

/// 2 EUR a month, 3 EUR for each mailbox, 1 EUR for more storage, 1 EUR for each 1,000 recipients beyond 10,000; ten months are a year.
pub fn business() -> Plan {
    let price = |component: Option<&str>, month: i64| {
        [(Interval::Month, month), (Interval::Year, month * 10)].map(|(interval, minor)| Price {
            component: component.map(str::to_owned),
            interval,
            unit: eur(minor),
        })
    };
    let prices = [price(None, 200), price(Some("mailbox"), 299), price(Some("storage"), 100), price(Some("more"), 100)];
    let component =
        |key: &str, charge| Component { key: key.into(), title: key.into(), charge, grants: Grants::default() };
    let plan = Plan {
        key: "business".into(),
        version: 1,
        family: "mail".into(),
        title: "Business".into(),
        grants: Grants::default(),
        components: vec![
            component("mailbox", Charge::Unit { least: 1, most: 500 }),
            component("storage", Charge::Unit { least: 0, most: 100 }),
            component("more", Charge::Metered { meter: Meter::OutgoingRecipients, included: 10_000, per: 1_000 }),
        ],
        prices: prices.concat(),
        trial_days: 14,
    };
    plan.check().unwrap();
    plan
}

pub fn item(component: &str, quantity: u64) -> Item {
    Item { component: component.into(), quantity }
}

pub fn wanted(mailboxes: u64, storage: u64, interval: Interval) -> Wanted {
    let items = vec![item("mailbox", mailboxes), item("storage", storage)];
    Wanted { plan: business(), items, currency: Currency::EUR, interval }
}
