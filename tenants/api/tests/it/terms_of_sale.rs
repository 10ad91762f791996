//! SUMMARY    The terms of mutations of billing.
//! INVARIANTS Each row has a world of its own. A dry run and a stale version leave everything as it was and ask nothing of the payment
//!            provider, a repeated key does nothing more and gives the same answer, and the same key with another input is refused.

use crate::{
    plane::Desk,
    sale::{PLAN, Sold, customer},
};
use serde_json::Value;

/// Mutation, input, another input, whether there is a version. `$T` who buys (sale.rs), `$new` a customer that has bought nothing.
struct Row(&'static str, &'static str, &'static str, bool);

const ROWS: &[Row] = &[
    Row(
        "planCreate",
        "sellerId: \"$seller\", key: \"x\", family: \"x\", PLAN",
        "sellerId: \"$seller\", key: \"y\", family: \"y\", PLAN",
        false,
    ),
    Row("planUpdate", "planId: \"$plan\", state: PRIVATE", "planId: \"$plan\", state: WITHDRAWN", true),
    Row(
        "couponCreate",
        "sellerId: \"$seller\", code: \"TEN\", percent: 10",
        "sellerId: \"$seller\", code: \"TEN\", amount: \"1.00 EUR\"",
        false,
    ),
    Row("couponUpdate", "couponId: \"$coupon\", disabled: true", "couponId: \"$coupon\", redeemMax: 5", true),
    Row("billingCustomerUpdate", "tenantId: \"$T\", name: \"x\"", "tenantId: \"$T\", name: \"y\"", true),
    Row(
        "checkoutOpen",
        "tenantId: \"$new\", choice: { plan: \"business\" }",
        "tenantId: \"$new\", choice: { plan: \"files\" }",
        false,
    ),
    Row("checkoutClose", "tenantId: \"$new\"", "tenantId: \"$T\"", false),
    Row("cardPageOpen", "tenantId: \"$T\"", "tenantId: \"$T\", back: \"/other\"", false),
    Row("customerPageOpen", "tenantId: \"$T\"", "tenantId: \"$T\", back: \"/other\"", false),
    Row(
        "subscriptionChange",
        "tenantId: \"$T\", choice: { plan: \"business\", items: [{ component: \"mailbox\", quantity: 5 }] }",
        "tenantId: \"$T\", choice: { plan: \"business\", items: [{ component: \"mailbox\", quantity: 6 }] }",
        false,
    ),
    Row(
        "subscriptionCancel",
        "tenantId: \"$T\", subscriptionId: \"$sub\", when: PERIOD",
        "tenantId: \"$T\", subscriptionId: \"$sub\", when: NOW",
        false,
    ),
    Row(
        "subscriptionResume",
        "tenantId: \"$T\", subscriptionId: \"$ending\"",
        "tenantId: \"$T\", subscriptionId: \"$sub\"",
        false,
    ),
    Row("invoicePay", "tenantId: \"$T\", invoiceId: \"$open\"", "tenantId: \"$T\", invoiceId: \"$inv\"", false),
    Row("debtPay", "tenantId: \"$T\"", "tenantId: \"$new\"", false),
    Row(
        "invoiceReceive",
        "tenantId: \"$T\", invoiceId: \"$open\", reference: \"x\"",
        "tenantId: \"$T\", invoiceId: \"$open\", reference: \"y\"",
        false,
    ),
    Row(
        "invoiceRefund",
        "tenantId: \"$T\", invoiceId: \"$inv\", reason: \"x\"",
        "tenantId: \"$T\", invoiceId: \"$inv\", amount: \"0.50 EUR\", reason: \"x\"",
        false,
    ),
    Row(
        "creditGrant",
        "tenantId: \"$T\", amount: \"1.00 EUR\", reason: \"x\"",
        "tenantId: \"$T\", amount: \"2.00 EUR\", reason: \"x\"",
        false,
    ),
    Row(
        "concessionAdd",
        "tenantId: \"$T\", grants: { domains: 1 }, reason: \"x\"",
        "tenantId: \"$T\", limitOverride: { limit: DOMAINS, value: 3 }, reason: \"x\"",
        false,
    ),
    Row("concessionEnd", "concessionId: \"$ccs\"", "concessionId: \"ccs_1\"", false),
    Row(
        "billingPolicyUpdate",
        "sellerId: \"$seller\", policy: { graceDays: 9, suspendedDays: 20, readOnlyDays: 40, closingDays: 90, undoDays: 30, \
         lastNoticeDays: 7, graceSendingPercent: 20 }",
        "sellerId: \"$seller\", policy: { graceDays: 8, suspendedDays: 20, readOnlyDays: 40, closingDays: 90, undoDays: 30, \
         lastNoticeDays: 7, graceSendingPercent: 20 }",
        true,
    ),
    Row("tenantClose", "tenantId: \"$new\", reason: \"x\"", "tenantId: \"$new\", reason: \"y\"", true),
    Row("tenantReopen", "tenantId: \"$closed\"", "tenantId: \"$new\"", true),
    Row("paymentEventRetry", "eventId: \"$evt\"", "eventId: \"till/none\"", false),
];

/// What has a dry run and needs no more: done as often as it is asked for, it is the same.
const WITHOUT: &[&str] = &["billingSync"];

/// Named in terms.rs as tested here.
pub fn names() -> impl Iterator<Item = &'static str> {
    ROWS.iter().map(|row| row.0).chain(WITHOUT.iter().copied())
}

struct World {
    desk: Desk,
    tenant: String,
    other: String,
    sold: Sold,
}

impl World {
    async fn new() -> World {
        let desk = Desk::new().await;
        let (tenant, token, _) = desk.customer("alpha").await;
        let (other, ..) = desk.customer("beta").await;
        let sold = Sold::of(&desk, &tenant, &token).await;
        customer(&desk, &other).await;
        World { desk, tenant, other, sold }
    }

    async fn run(&self, name: &str, input: &str, terms: &str) -> Value {
        let input =
            self.sold.fill(input).replace("$T", &self.tenant).replace("$new", &self.other).replace("PLAN", PLAN);
        let text = format!(
            "mutation {{ r: {name}(input: {{ {input}, {terms} }}) {{ pending userErrors {{ field code message }} }} }}"
        );
        let answer = self.desk.ask(&self.desk.operator, &text).await;
        assert!(answer.get("errors").is_none(), "{text}: {answer}");
        answer["data"]["r"].clone()
    }

    /// Entries of audit logs and books, calls to the provider, changes told, money that came in.
    async fn traces(&self) -> (Vec<Value>, usize, i64) {
        let mut counts = Vec::new();
        for tenant in [&self.tenant, &self.other, &self.sold.fill("$seller"), &self.sold.fill("$closed")] {
            let query = format!(
                "{{ a: auditEntries(tenantId: \"{tenant}\", first: 1) {{ totalCount }} \
                 b: ledgerEntries(tenantId: \"{tenant}\", first: 1) {{ totalCount }} \
                 c: paymentCalls(tenantId: \"{tenant}\", first: 1) {{ totalCount }} }}"
            );
            counts.push(self.desk.ask(&self.desk.operator, &query).await["data"].clone());
        }
        let told = self.desk.plane.told.lock().unwrap().len();
        (counts, told, self.desk.till.taken(billing::Currency::EUR))
    }
}

fn code(answer: &Value) -> &Value {
    &answer["userErrors"][0]["code"]
}

#[tokio::test]
async fn mutations_of_billing_keep_their_terms() {
    for Row(name, input, other, versioned) in ROWS {
        let world = World::new().await;
        if *name == "subscriptionChange" {
            // Who owes changes nothing.
            crate::sale::pays(&world.desk, &world.tenant).await;
        }
        if *name == "checkoutClose" {
            crate::sale::opens(&world.desk, &world.other, "business").await;
        }
        let before = world.traces().await;
        let would = world.run(name, input, "dryRun: true, idempotencyKey: \"dry\"").await;
        assert_eq!(*code(&would), Value::Null, "{name}: {would}");
        if *versioned {
            let stale = world.run(name, input, "expectedVersion: 99, idempotencyKey: \"s\"").await;
            assert_eq!(code(&stale), "STALE_OBJECT", "{name}: {stale}");
        }
        assert_eq!(world.traces().await, before, "{name}");
        let done = world.run(name, input, "idempotencyKey: \"k\"").await;
        assert_eq!(*code(&done), Value::Null, "{name}: {done}");
        let after = world.traces().await;
        assert_eq!(world.run(name, input, "idempotencyKey: \"k\"").await, done, "{name}");
        let refused = world.run(name, other, "idempotencyKey: \"k\"").await;
        assert_eq!(code(&refused), "IDEMPOTENCY_MISMATCH", "{name}: {refused}");
        assert_eq!(world.traces().await, after, "{name}");
    }
}

#[tokio::test]
async fn a_dry_comparison_asks_the_provider_nothing() {
    let world = World::new().await;
    world.desk.till.close(true);
    let input = "tenantId: \"$T\"";
    let would = world.run("billingSync", input, "dryRun: true").await;
    assert_eq!(*code(&would), Value::Null, "{would}");
    world.desk.till.close(false);
    let before = world.traces().await;
    let done = world.run("billingSync", input, "dryRun: false").await;
    assert_eq!(*code(&done), Value::Null, "{done}");
    assert_eq!(world.traces().await, before, "there was nothing new");
    let none = world.run("billingSync", "tenantId: \"ten_0000000000001\"", "dryRun: true").await;
    assert_eq!(code(&none), "NOT_FOUND", "{none}");
}
