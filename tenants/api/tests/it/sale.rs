//! SUMMARY    What is sold and bought in tests of billing, and billing as a seller and a buyer use it.

use crate::plane::Desk;
use axum::{body::Body, http::Request};
use billing::Webhook;
use serde_json::{Value, json};
use std::time::Duration;

/// After so long a sweep has looked at who has something.
const SWEPT: Duration = Duration::from_secs(2 * 3_600);

/// A plan that grants all there is, with a part that is bought by number and one that is metered, apart from seller, key and family.
pub const PLAN: &str = "title: \"Plan\", state: OFFERED, \
    grants: { domains: null, mailboxes: null, storageBytes: null, recipientsPerHour: null, recipientsPerDay: null, newRecipientsPerDay: null }, \
    components: [{ key: \"mailbox\", title: \"Mailboxes\", unit: { least: 1, most: 500 } }, \
      { key: \"more\", title: \"More\", metered: { meter: OUTGOING_RECIPIENTS, included: 1000, per: 1000 } }], \
    prices: [{ interval: MONTH, unit: \"5.00 EUR\" }, { component: \"mailbox\", interval: MONTH, unit: \"3.00 EUR\" }, \
      { component: \"more\", interval: MONTH, unit: \"1.00 EUR\" }]";

/// Runs a mutation that must succeed.
pub async fn run(desk: &Desk, token: &str, name: &str, input: &str, fields: &str) -> Value {
    let text =
        format!("mutation {{ r: {name}(input: {{ {input} }}) {{ {fields} userErrors {{ field code message }} }} }}");
    desk.done(token, &text).await
}

fn id(made: &Value, pointer: &str) -> String {
    made.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("{pointer}: {made}")).to_owned()
}

/// All that is due is done.
pub async fn work(desk: &Desk) {
    for _ in 0..50 {
        if desk.billing.work().await.unwrap() == 0 {
            return;
        }
    }
    panic!("the work has no end");
}

/// All webhooks come, and all work is done.
pub async fn settle(desk: &Desk) {
    for webhook in desk.till.webhooks() {
        desk.billing.hear("till", &webhook.body, &desk.till.signature(&webhook)).await.unwrap();
    }
    work(desk).await;
}

/// The id of the provider's own tenant.
pub async fn seller(desk: &Desk) -> String {
    id(&desk.ask(&desk.operator, "{ viewer { id } }").await, "/data/viewer/id")
}

/// Makes a plan; gives its id.
pub async fn sells(desk: &Desk, token: &str, seller: &str, key: &str) -> String {
    let input = format!("sellerId: \"{seller}\", key: \"{key}\", family: \"{key}\", {PLAN}");
    let made = run(desk, token, "planCreate", &input, "plan { id }").await;
    work(desk).await;
    id(&made, "/plan/id")
}

/// Makes a tenant a customer.
pub async fn customer(desk: &Desk, tenant: &str) {
    let input = format!("tenantId: \"{tenant}\", email: \"accounts@elsewhere.example\"");
    run(desk, &desk.operator, "billingCustomerUpdate", &input, "").await;
}

/// A customer opens a page for a plan.
pub async fn opens(desk: &Desk, tenant: &str, plan: &str) {
    let input = format!(
        "tenantId: \"{tenant}\", choice: {{ plan: \"{plan}\", items: [{{ component: \"mailbox\", quantity: 2 }}] }}, \
         idempotencyKey: \"open-{tenant}-{plan}\""
    );
    run(desk, &desk.operator, "checkoutOpen", &input, "checkout { url }").await;
    work(desk).await;
}

/// A customer buys a plan, paid; gives the subscription's id.
pub async fn buys(desk: &Desk, tenant: &str, plan: &str) -> String {
    opens(desk, tenant, plan).await;
    let page = desk.till.open_pages().pop().unwrap();
    desk.till.pay_page(&page, "visa 4242").unwrap();
    settle(desk).await;
    let query = format!("{{ r: billingSubscriptions(tenantId: \"{tenant}\") {{ id plan {{ key }} }} }}");
    let all = desk.ask(&desk.operator, &query).await;
    let bought = all["data"]["r"].as_array().unwrap().iter().find(|s| s["plan"]["key"] == plan);
    bought.unwrap_or_else(|| panic!("{all}"))["id"].as_str().unwrap().to_owned()
}

/// The newest invoice of a tenant in a state.
pub async fn invoice(desk: &Desk, tenant: &str, state: &str) -> String {
    let query = format!("{{ r: invoices(tenantId: \"{tenant}\", first: 100) {{ nodes {{ id state }} }} }}");
    let all = desk.ask(&desk.operator, &query).await;
    let nodes = all["data"]["r"]["nodes"].as_array().unwrap_or_else(|| panic!("{all}"));
    let found = nodes.iter().find(|i| i["state"] == state).unwrap_or_else(|| panic!("{all}"));
    found["id"].as_str().unwrap().to_owned()
}

/// The bank takes back what was paid for an invoice, and no webhook comes: a sweep finds it.
pub async fn charged_back(desk: &Desk, invoice: &str) {
    let all = desk.till.customers().into_iter().filter_map(|customer| desk.till.has(&customer));
    let found = all.flat_map(|truth| truth.invoices).find(|known| known.id == invoice).unwrap();
    let payment = &found.payments[0];
    desk.till.charge_back(&payment.id, payment.amount).unwrap();
    desk.till.webhooks();
    desk.hands.turn(SWEPT);
    desk.till.turn();
    work(desk).await;
}

/// A tenant pays all that it owes.
pub async fn pays(desk: &Desk, tenant: &str) {
    let input = format!("tenantId: \"{tenant}\", idempotencyKey: \"pays\"");
    run(desk, &desk.operator, "debtPay", &input, "").await;
    settle(desk).await;
}

/// Something of everything that a tenant buys and sells.
pub struct Sold {
    marks: Vec<(&'static str, String)>,
}

impl Sold {
    /// `$seller` who sells to it; of it `$sub` a subscription, `$ending` one that ends, `$inv` a paid invoice, `$open` one of which the bank took the money back, `$ccs` a
    /// concession, `$evt` a webhook; `$plan`, `$coupon` that it sells itself, `$closed` a customer of its own that is closed.
    pub async fn of(desk: &Desk, tenant: &str, token: &str) -> Sold {
        let operator = desk.operator.as_str();
        let seller = seller(desk).await;
        for key in ["business", "files", "extra"] {
            sells(desk, operator, &seller, key).await;
        }
        customer(desk, tenant).await;
        let subscription = buys(desk, tenant, "business").await;
        let paid = invoice(desk, tenant, "PAID").await;
        let of = format!("tenantId: \"{tenant}\"");
        let refund =
            format!("{of}, invoiceId: \"{paid}\", amount: \"1.00 EUR\", reason: \"r\", idempotencyKey: \"refund\"");
        run(desk, operator, "invoiceRefund", &refund, "").await;
        settle(desk).await;
        let set = format!("{of}, limitOverride: {{ limit: STORAGE_BYTES }}, reason: \"r\"");
        run(desk, operator, "concessionAdd", &set, "").await;
        let gift = format!("{of}, grants: {{ mailboxes: 1 }}, reason: \"r\"");
        let gift = run(desk, operator, "concessionAdd", &gift, "concession { id }").await;
        let ending = buys(desk, tenant, "files").await;
        let open = invoice(desk, tenant, "PAID").await;
        let end = format!("{of}, subscriptionId: \"{ending}\", when: PERIOD, idempotencyKey: \"end\"");
        run(desk, operator, "subscriptionCancel", &end, "").await;
        settle(desk).await;
        opens(desk, tenant, "extra").await;
        charged_back(desk, &open).await;
        let plan = sells(desk, token, tenant, "own").await;
        let coupon = format!("sellerId: \"{tenant}\", code: \"OWN\", percent: 10");
        let coupon = run(desk, token, "couponCreate", &coupon, "coupon { id }").await;
        let closed = format!("name: \"closed\", parentId: \"{tenant}\", maxDomains: 1, maxMailboxes: 1");
        let closed = id(&run(desk, operator, "tenantCreate", &closed, "tenant { id }").await, "/tenant/id");
        customer(desk, &closed).await;
        run(desk, operator, "tenantClose", &format!("tenantId: \"{closed}\", idempotencyKey: \"close\""), "").await;
        let event = desk.ask(operator, "{ r: paymentEvents(first: 1) { nodes { id } } }").await;
        let marks = vec![
            ("$seller", seller),
            ("$sub", subscription),
            ("$ending", ending),
            ("$inv", paid),
            ("$open", open),
            ("$ccs", id(&gift, "/concession/id")),
            ("$evt", id(&event, "/data/r/nodes/0/id")),
            ("$plan", plan),
            ("$coupon", id(&coupon, "/coupon/id")),
            ("$closed", closed),
        ];
        Sold { marks }
    }

    pub fn fill(&self, text: &str) -> String {
        self.marks.iter().fold(text.to_owned(), |text, (mark, id)| text.replace(mark, id))
    }
}

/// Posts a webhook; gives the status and what is said.
async fn post(desk: &Desk, path: &str, signature: Option<&str>, body: Vec<u8>) -> (u16, Value) {
    let mut request = Request::post(path);
    if let Some(signature) = signature {
        request = request.header("stripe-signature", signature);
    }
    let (head, said) = desk.http(request.body(Body::from(body)).unwrap()).await;
    (head.status.as_u16(), said)
}

const HEARD: &str = "{ r: paymentEvents(first: 100) { totalCount nodes { doneAt } } }";

#[tokio::test]
async fn a_webhook_is_taken_once_when_it_is_signed_and_refused_in_words_otherwise() {
    let desk = Desk::new().await;
    let (tenant, ..) = desk.customer("alpha").await;
    let seller = seller(&desk).await;
    sells(&desk, &desk.operator, &seller, "business").await;
    customer(&desk, &tenant).await;
    buys(&desk, &tenant, "business").await;
    let known = desk.ask(&desk.operator, HEARD).await["data"]["r"]["totalCount"].as_i64().unwrap();
    let payer = desk.till.customers().pop().unwrap();
    desk.till.card(&payer, Some("visa 1111"), false).unwrap();
    let webhook = desk.till.webhooks().pop().unwrap();
    let signature = desk.till.signature(&webhook);
    let signed = |body: &[u8]| desk.till.signature(&Webhook { body: body.to_vec() });
    let path = "/billing/webhooks/till";
    let code = |said: &Value| said["errors"][0]["extensions"]["code"].as_str().unwrap_or_default().to_owned();
    for (path, signature, body, expect) in [
        (path, None, webhook.body.clone(), (400, "FORGED")),
        (path, Some("t=1,v1=00"), webhook.body.clone(), (400, "FORGED")),
        (path, Some(signature.as_str()), b"{}".to_vec(), (400, "FORGED")),
        (path, Some(signed(b"no json").as_str()), b"no json".to_vec(), (400, "MALFORMED")),
        (path, Some(signed(b"{}").as_str()), b"{}".to_vec(), (400, "MALFORMED")),
        (path, Some(signature.as_str()), vec![b' '; 1 << 20], (413, "LIMIT")),
        ("/billing/webhooks/stripe", Some(signature.as_str()), webhook.body.clone(), (404, "NOT_FOUND")),
    ] {
        let (status, said) = post(&desk, path, signature, body).await;
        assert_eq!((status, code(&said).as_str()), expect, "{path} {signature:?}");
    }
    let long = "x".repeat(5_000);
    assert_eq!(post(&desk, path, Some(&long), webhook.body.clone()).await.0, 400);
    let heard = desk.ask(&desk.operator, HEARD).await["data"]["r"]["totalCount"].as_i64().unwrap();
    assert_eq!(heard, known, "nothing of it was kept");
    for _ in 0..2 {
        assert_eq!(post(&desk, path, Some(&signature), webhook.body.clone()).await.0, 200);
        let heard = desk.ask(&desk.operator, HEARD).await["data"]["r"]["totalCount"].as_i64().unwrap();
        assert_eq!(heard, known + 1, "once");
    }
    work(&desk).await;
    let card = format!("{{ r: billingCustomer(tenantId: \"{tenant}\") {{ card phase }} }}");
    assert_eq!(desk.ask(&desk.operator, &card).await["data"]["r"], json!({ "card": "visa 1111", "phase": "ACTIVE" }));
}

#[tokio::test]
async fn without_a_desk_every_field_says_so_and_no_webhook_is_taken() {
    let mut desk = Desk::new().await;
    let (tenant, ..) = desk.customer("alpha").await;
    desk.router = api::router(desk.service.clone(), api::ApiOptions::default());
    for text in [
        format!("{{ r: billingCustomer(tenantId: \"{tenant}\") {{ id }} }}"),
        format!("{{ r: plans(sellerId: \"{tenant}\", first: 1) {{ totalCount }} }}"),
        "{ r: paymentEvents(first: 1) { totalCount } }".to_owned(),
        format!(
            "mutation {{ r: tenantClose(input: {{ tenantId: \"{tenant}\", idempotencyKey: \"k\" }}) {{ userErrors {{ code }} }} }}"
        ),
    ] {
        let answer = desk.ask(&desk.operator, &text).await;
        assert_eq!(answer["errors"][0]["extensions"]["code"], "BILLING_OFF", "{text}: {answer}");
    }
    assert_eq!(post(&desk, "/billing/webhooks/till", Some("x"), Vec::new()).await.0, 404);
}

#[tokio::test]
async fn what_is_quoted_is_what_is_paid_and_what_may_be_had() {
    let desk = Desk::new().await;
    let (tenant, owner, _) = desk.customer("alpha").await;
    let seller = seller(&desk).await;
    sells(&desk, &desk.operator, &seller, "business").await;
    customer(&desk, &tenant).await;
    let quote = format!(
        "{{ r: billingQuote(tenantId: \"{tenant}\", choice: {{ plan: \"business\", items: [{{ component: \"mailbox\", quantity: 2 }}] }}) \
         {{ now then interval over limits {{ maxMailboxes }} lines {{ component quantity amount }} }} }}"
    );
    let quoted = desk.ask(&owner, &quote).await["data"]["r"].clone();
    assert_eq!((&quoted["now"], &quoted["then"]), (&json!("11.00 EUR"), &json!("11.00 EUR")), "{quoted}");
    buys(&desk, &tenant, "business").await;
    let paid = format!(
        "{{ r: invoices(tenantId: \"{tenant}\", first: 2) {{ totalCount nodes {{ state net tax total paid payments {{ amount }} }} }} }}"
    );
    let paid = desk.ask(&owner, &paid).await["data"]["r"].clone();
    let one = json!({ "state": "PAID", "net": "11.00 EUR", "tax": "2.20 EUR", "total": "13.20 EUR", "paid": "13.20 EUR",
        "payments": [{ "amount": "13.20 EUR" }] });
    assert_eq!(paid, json!({ "totalCount": 1, "nodes": [one] }));
    let balances = format!("{{ r: ledgerBalances(tenantId: \"{tenant}\") {{ account amount }} }}");
    let balances = desk.ask(&owner, &balances).await["data"]["r"].clone();
    assert!(balances.as_array().unwrap().contains(&json!({ "account": "CASH", "amount": "13.20 EUR" })), "{balances}");
    let standing = format!("{{ r: billingStanding(tenantId: \"{tenant}\") {{ phase explanation inputs owed }} }}");
    let standing = desk.ask(&owner, &standing).await["data"]["r"].clone();
    assert_eq!((&standing["phase"], &standing["explanation"]), (&json!("ACTIVE"), &json!("Now all works.")));
    assert_eq!(standing["inputs"]["plan"]["key"], "business", "{standing}");
    let wrong = quote.replace("quantity: 2", "quantity: 501");
    assert_eq!(desk.ask(&owner, &wrong).await["errors"][0]["extensions"]["code"], "INVALID");
}

#[tokio::test]
async fn what_moves_money_wants_a_key() {
    let desk = Desk::new().await;
    let of = "tenantId: \"ten_1\"";
    for (name, input) in [
        ("checkoutOpen", format!("{of}, choice: {{ plan: \"x\" }}")),
        ("subscriptionChange", format!("{of}, choice: {{ plan: \"x\" }}")),
        ("subscriptionCancel", format!("{of}, subscriptionId: \"x\", when: NOW")),
        ("subscriptionResume", format!("{of}, subscriptionId: \"x\"")),
        ("invoicePay", format!("{of}, invoiceId: \"x\"")),
        ("debtPay", of.to_owned()),
        ("invoiceRefund", format!("{of}, invoiceId: \"x\", reason: \"r\"")),
        ("creditGrant", format!("{of}, amount: \"1.00 EUR\", reason: \"r\"")),
        ("concessionEnd", "concessionId: \"x\"".to_owned()),
        ("tenantClose", of.to_owned()),
    ] {
        let text = format!("mutation {{ r: {name}(input: {{ {input} }}) {{ userErrors {{ code }} }} }}");
        let answer = desk.ask(&desk.operator, &text).await;
        let error = &answer["errors"][0];
        assert_eq!(error["extensions"]["code"], "INVALID", "{name}: {answer}");
        assert!(error["message"].as_str().unwrap().contains("idempotencyKey"), "{name}: {answer}");
    }
}
