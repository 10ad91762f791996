//! SUMMARY    What the demo sells: a free plan and one to pay for, at a Stripe of our own on this machine; and to whom: to every stranger.
//! SECURITY   The keys are of the fake alone; no card is real and no money moves.

use super::client;
use crate::{config, stores::at};
use billing::Issuer;
use fake_stripe::{AheadClock, Fake, Options, Running};
use serde_json::{Value, json};
use std::{path::Path, sync::Arc};

/// What the fake asks for.
const SECRET_KEY: &str = "sk_test_of_the_demo";
const GIB: u64 = 1 << 30;
/// Where free addresses are.
const SHARED_DOMAIN: &str = "posthouse.example";
/// Everybody comes from one network here: that says nothing of a risk.
const REVIEW_SCORE: i64 = 100;

/// What is kept of it in the data folder: its clock, its account.
pub const CLOCK: &str = "demo-clock";
pub const ACCOUNT: &str = "demo-stripe.json";

/// The clock of the fake and of the server, which the fake's test desk puts forward. It is kept in the data folder, so that time does not
/// go back where mail and money are dated.
pub fn clock(data: &Path) -> Result<Arc<AheadClock>, String> {
    let path = data.join(CLOCK);
    AheadClock::kept_in(&path).map(Arc::new).map_err(|e| at(&path, e))
}

/// Starts the fake, with what was bought in this data folder before: it tells the server at this HTTP port what happens.
pub async fn open(data: &Path, http: u16, clock: Arc<AheadClock>) -> Result<(Running, config::Billing), String> {
    // Signs the fake's webhooks: another one with each start, so that no two demos hear each other's.
    let secret = format!("whsec_{}", tenants::generate_password().map_err(|e| e.to_string())?);
    let webhooks = format!("http://127.0.0.1:{http}/billing/webhooks/stripe");
    let options = Options {
        secret_key: SECRET_KEY.to_owned(),
        clock,
        is_shared: true,
        endpoints: vec![(webhooks, secret.clone())],
        kept_in: Some(data.join(ACCOUNT)),
        ..Options::default()
    };
    std::fs::create_dir_all(data).map_err(|e| at(data, e))?;
    let fake = Fake::start(options).await.map_err(|e| format!("the fake payment provider: {e}"))?;
    let stripe =
        config::Stripe { secret_key: SECRET_KEY.to_owned(), webhook_secret: secret, url: Some(fake.base_url.clone()) };
    Ok((fake, config::Billing { provider: "stripe", stripe: Some(stripe), issuer: Issuer::default() }))
}

/// Makes what is sold, once.
pub async fn stock(http: u16, operator: &str, seller: &str) -> Result<(), String> {
    let create = "mutation($input: PlanCreateInput!) { r: planCreate(input: $input) { userErrors { field message } } }";
    for plan in [free(seller), business(seller)] {
        client::graphql(http, operator, create, json!({ "input": plan })).await?;
    }
    Ok(())
}

/// Lets strangers sign up, as a hosting company would: with a domain of its own for free addresses, and both plans.
pub async fn open_signup(http: u16, operator: &str, seller: &str) -> Result<(), String> {
    let vouch =
        "mutation($input: DomainCreateInput!) { r: domainVouch(input: $input) { userErrors { field message } } }";
    let domain = json!({ "tenantId": seller, "name": SHARED_DOMAIN, "idempotencyKey": "demo-shared-domain" });
    client::graphql(http, operator, vouch, json!({ "input": domain })).await?;
    let share =
        "mutation($input: DomainShareInput!) { r: domainShare(input: $input) { userErrors { field message } } }";
    client::graphql(http, operator, share, json!({ "input": { "name": SHARED_DOMAIN, "shared": true } })).await?;
    let settings = "mutation($input: SignupSettingsUpdateInput!) { r: signupSettingsUpdate(input: $input) \
                    { userErrors { field message } } }";
    let input = json!({ "tenantId": seller, "mode": "OPEN", "plans": ["free", "business"], "domains": [SHARED_DOMAIN],
                        "reviewScore": REVIEW_SCORE });
    client::graphql(http, operator, settings, json!({ "input": input })).await.map(drop)
}

/// One mailbox for nothing.
fn free(seller: &str) -> Value {
    json!({
        "sellerId": seller, "key": "free", "family": "mail", "title": "Free", "state": "OFFERED",
        "idempotencyKey": "demo-plan-free",
        "grants": { "domains": 1, "mailboxes": 1, "storageBytes": GIB.to_string(), "recipientsPerHour": 50,
                    "recipientsPerDay": 200, "newRecipientsPerDay": 50 },
    })
}

/// Two euros, three more for each mailbox; ten months are a year.
fn business(seller: &str) -> Value {
    let of = |component: Option<&str>, month: u32| {
        [("MONTH", month), ("YEAR", month * 10)].map(|(interval, minor)| {
            json!({ "component": component, "interval": interval, "unit": { "minor": minor, "currency": "EUR" } })
        })
    };
    let prices = [of(None, 200), of(Some("mailbox"), 300), of(Some("storage"), 100)].concat();
    json!({
        "sellerId": seller, "key": "business", "family": "mail", "title": "Business", "state": "OFFERED", "trialDays": 14,
        "idempotencyKey": "demo-plan-business",
        "grants": { "domains": 5, "recipientsPerHour": 500, "recipientsPerDay": 2000, "newRecipientsPerDay": 500 },
        "components": [
            { "key": "mailbox", "title": "Mailboxes", "unit": { "least": 1, "most": 500 },
              "grants": { "mailboxes": 1, "storageBytes": (10 * GIB).to_string() } },
            { "key": "storage", "title": "5 GiB more storage", "unit": { "least": 0, "most": 100 },
              "grants": { "storageBytes": (5 * GIB).to_string() } },
        ],
        "prices": prices,
    })
}
