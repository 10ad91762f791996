//! SUMMARY    Selling: what forms ask the API for, what is refused beside its field, what only the operator sees.

use crate::{
    answers::heard,
    pages::check,
    sold::{customer, invoice, reach, signed_in, signed_in_with, standing},
};
use axum::http::StatusCode;
use serde_json::{Value, json};

const NO_ERRORS: [u8; 0] = [];

#[tokio::test]
async fn a_plan_is_made_of_one_form() {
    let mut browser = signed_in().await;
    browser.api.say("PlanCreate", json!({ "planCreate": { "userErrors": NO_ERRORS } }));
    let fields = [
        ("act", "create"),
        ("key", "team"),
        ("title", "Team"),
        ("family", ""),
        ("currency", "eur"),
        ("month", "5"),
        ("seatsLeast", "1"),
        ("seatsMost", "50"),
        ("seatMonth", "1,5"),
        ("seatGb", "10"),
        ("storageMost", "1000"),
        ("gbMonth", "0.10"),
        ("sentIncluded", "1000"),
        ("sentPer", "100"),
        ("sentMonth", "0.20"),
        ("keptIncluded", ""),
        ("keptPer", "30"),
        ("domains", ""),
        ("mailboxes", "0"),
        ("gb", "0"),
        ("perHour", "500"),
        ("perDay", ""),
        ("trialDays", "14"),
        ("state", "OFFERED"),
    ];
    let page = browser.submit("/sell/plans/new", "/sell/plans/new", &fields).await;
    assert_eq!(page.location(), "/sell/plans?ok=saved");
    let price = |component: Value, unit: &str| match component {
        Value::Null => json!({ "interval": "MONTH", "unit": unit }),
        key => json!({ "component": key, "interval": "MONTH", "unit": unit }),
    };
    let expected = json!({
        "sellerId": "ten_1", "key": "team", "family": "mail", "title": "Team",
        "grants": {
            "domains": null, "mailboxes": 0, "storageBytes": "0", "recipientsPerHour": 500, "recipientsPerDay": null, "newRecipientsPerDay": null,
        },
        "components": [
            { "key": "mailboxes", "title": "Mailboxes", "unit": { "least": 1, "most": 50 }, "grants": { "mailboxes": 1, "storageBytes": "10737418240" } },
            { "key": "storage", "title": "GB", "unit": { "least": 0, "most": 1000 }, "grants": { "storageBytes": "1073741824" } },
            { "key": "recipients", "title": "Recipients", "metered": { "meter": "OUTGOING_RECIPIENTS", "included": 1000, "per": 100 } },
        ],
        "prices": [
            price(Value::Null, "5.00 EUR"), price(json!("mailboxes"), "1.50 EUR"), price(json!("storage"), "0.10 EUR"),
            price(json!("recipients"), "0.20 EUR"),
        ],
        "trialDays": 14, "state": "OFFERED", "dryRun": false, "idempotencyKey": "key-1",
    });
    assert_eq!(heard(&browser).1["input"], expected);
}

#[tokio::test]
async fn a_plan_that_is_wrong_is_refused_beside_its_field() {
    let mut browser = signed_in().await;
    let wrong = [("month", "five"), ("month", "1.234"), ("trialDays", "-1"), ("seatsMost", "many"), ("gb", "-1")];
    for (name, value) in wrong {
        let fields = [("key", "team"), ("currency", "EUR"), (name, value)];
        let page = browser.submit("/sell/plans/new", "/sell/plans/new", &fields).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{name}");
        check("/sell/plans/new", "en", &page);
        assert!(page.text.contains(&format!("id=\"{name}-error\"")), "{name}: {}", page.text);
        assert!(page.text.contains("value=\"team\""), "what was typed stays");
    }
    assert_eq!(browser.api.count("PlanCreate"), 0);
    let errors = json!([{ "field": "key", "message": "Small letters", "code": "INVALID" }]);
    browser.api.say("PlanCreate", json!({ "planCreate": { "userErrors": errors } }));
    let page = browser.submit("/sell/plans/new", "/sell/plans/new", &[("key", "T"), ("currency", "EUR")]).await;
    assert!(page.text.contains("id=\"key-error\""));
}

#[tokio::test]
async fn a_version_is_offered_and_withdrawn() {
    let mut browser = signed_in().await;
    browser.api.say("PlanUpdate", json!({ "planUpdate": { "userErrors": NO_ERRORS } }));
    for (act, state) in [("offer", "OFFERED"), ("hide", "PRIVATE"), ("withdraw", "WITHDRAWN")] {
        let page = browser.submit("/sell/plans", "/sell/plans", &[("act", act), ("id", "pln_1")]).await;
        assert_eq!(page.location(), "/sell/plans?ok=saved");
        assert_eq!(heard(&browser).1["input"]["state"], state);
    }
}

#[tokio::test]
async fn a_coupon_takes_a_percentage_or_an_amount() {
    let mut browser = signed_in().await;
    browser.api.say("CouponCreate", json!({ "couponCreate": { "userErrors": NO_ERRORS } }));
    let fields =
        [("act", "create"), ("code", "spring"), ("amount", "5 eur"), ("plans", "team, solo"), ("endsAt", "2027-01-31")];
    let page = browser.submit("/sell/coupons", "/sell/coupons", &fields).await;
    assert_eq!(page.location(), "/sell/coupons?ok=saved");
    let expected = json!({
        "sellerId": "ten_1", "code": "SPRING", "amount": "5.00 EUR", "plans": ["team", "solo"], "endsAt": "2027-01-31T23:59:59Z",
        "dryRun": false, "idempotencyKey": "key-1",
    });
    assert_eq!(heard(&browser).1["input"], expected);
    for (name, value) in [("amount", "5"), ("percent", "ten"), ("endsAt", "tomorrow")] {
        let page = browser.submit("/sell/coupons", "/sell/coupons", &[("act", "create"), (name, value)]).await;
        assert!(page.text.contains(&format!("id=\"{name}-error\"")), "{name}");
    }
    assert_eq!(browser.api.count("CouponCreate"), 1);
    browser.api.fail("CouponCreate", "INVALID");
    let page = browser.submit("/sell/coupons", "/sell/coupons", &[("act", "create"), ("percent", "1000")]).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    browser.api.say("CouponUpdate", json!({ "couponUpdate": { "userErrors": NO_ERRORS } }));
    browser.submit("/sell/coupons", "/sell/coupons", &[("act", "disable"), ("id", "cpn_1")]).await;
    assert_eq!(heard(&browser).1["input"]["disabled"], true);
}

#[tokio::test]
async fn a_customer_is_given_things_and_money() {
    let mut browser = signed_in().await;
    let here = "/sell/customers/ten_2";
    browser.api.say("ConcessionAdd", json!({ "concessionAdd": { "userErrors": NO_ERRORS } }));
    let gift = [("act", "give"), ("mailboxes", "5"), ("gb", "1"), ("until", ""), ("reason", "Late start")];
    assert_eq!(browser.submit(here, here, &gift).await.location(), "/sell/customers/ten_2?ok=given");
    let grants = json!({ "domains": 0, "mailboxes": 5, "storageBytes": "1073741824" });
    let expected = json!({ "tenantId": "ten_2", "grants": grants, "reason": "Late start", "dryRun": false, "idempotencyKey": "key-1" });
    assert_eq!(heard(&browser).1["input"], expected);
    for (limit, value, set) in [
        ("STORAGE_BYTES", "2", json!({ "limit": "STORAGE_BYTES", "bytes": "2147483648" })),
        ("MAILBOXES", "7", json!({ "limit": "MAILBOXES", "value": 7 })),
        ("RECIPIENTS_PER_DAY", "", json!({ "limit": "RECIPIENTS_PER_DAY" })),
    ] {
        browser.submit(here, here, &[("act", "set"), ("limit", limit), ("value", value)]).await;
        assert_eq!(heard(&browser).1["input"]["limitOverride"], set);
    }
    browser.api.say("CreditGrant", json!({ "creditGrant": { "userErrors": NO_ERRORS } }));
    browser.submit(here, here, &[("act", "credit"), ("credit", "10 EUR"), ("reasonCredit", "Sorry")]).await;
    assert_eq!(heard(&browser).1["input"]["amount"], "10.00 EUR");
    assert_eq!(heard(&browser).1["input"]["reason"], "Sorry");
    let page = browser.submit(here, here, &[("act", "credit"), ("credit", "")]).await;
    assert!(page.text.contains("id=\"credit-error\""));
    browser.api.fail("CreditGrant", "INVALID");
    let page = browser.submit(here, here, &[("act", "credit"), ("credit", "10 XXX")]).await;
    assert!(page.text.contains("id=\"credit-error\""), "a currency that is none");
    browser.api.say("ConcessionEnd", json!({ "concessionEnd": { "userErrors": NO_ERRORS } }));
    browser.submit(here, here, &[("act", "end"), ("id", "ccs_1")]).await;
    assert_eq!(heard(&browser).1["input"]["concessionId"], "ccs_1");
}

#[tokio::test]
async fn money_goes_back_once_and_a_refusal_stands_beside_its_field() {
    let mut browser = signed_in().await;
    let here = "/sell/customers/ten_2";
    assert!(browser.get(here).await.text.contains("<option value=\"2\">R-2: 14.88 EUR</option>"), "only what was paid");
    browser.api.say("InvoiceRefund", json!({ "invoiceRefund": { "userErrors": NO_ERRORS } }));
    let fields = [("act", "refund"), ("invoice", "2"), ("back", ""), ("reasonBack", "Wrong")];
    assert_eq!(browser.submit(here, here, &fields).await.location(), "/sell/customers/ten_2?ok=refunded");
    let expected =
        json!({ "tenantId": "ten_2", "invoiceId": "2", "reason": "Wrong", "dryRun": false, "idempotencyKey": "key-1" });
    assert_eq!(heard(&browser).1["input"], expected);
    let errors = json!([{ "field": "amount", "message": "More than was paid", "code": "LIMIT_REACHED" }]);
    browser.api.say("InvoiceRefund", json!({ "invoiceRefund": { "userErrors": errors } }));
    let page = browser.submit(here, here, &[("act", "refund"), ("invoice", "2"), ("back", "99 EUR")]).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    check(here, "en", &page);
    assert!(page.text.contains("id=\"back-error\"") && page.text.contains("More than was paid"));
    browser.api.say("BillingSync", json!({ "billingSync": { "userErrors": NO_ERRORS } }));
    assert_eq!(browser.submit(here, here, &[("act", "compare")]).await.location(), "/sell/customers/ten_2?ok=compared");
}

#[tokio::test]
async fn a_transfer_pays_what_is_owed_of_an_invoice() {
    let mut browser = signed_in().await;
    let here = "/sell/customers/ten_2";
    let mut taken = invoice("3", "PAID", false);
    taken["owed"] = json!("5.00 EUR");
    let invoices = json!({ "nodes": [invoice("1", "OPEN", false), invoice("2", "PAID", false), taken] });
    let mut customer = customer();
    customer["provider"] = json!("manual");
    let answer = json!({
        "billingCustomer": customer, "billingStanding": standing("GRACE"), "billingSubscriptions": [], "invoices": invoices,
        "concessions": { "nodes": [] }, "ledgerBalances": [],
    });
    browser.api.say("BillingCustomerShown", answer);
    let page = browser.get(here).await;
    check(here, "en", &page);
    assert!(page.text.contains("<option value=\"1\">R-1: 14.88 EUR</option>"));
    assert!(page.text.contains("<option value=\"3\">R-3: 5.00 EUR</option>"), "what the bank took back");
    browser.api.say("InvoiceReceive", json!({ "invoiceReceive": { "userErrors": NO_ERRORS } }));
    let fields = [("act", "receive"), ("received", "1"), ("reference", "Transfer 17")];
    assert_eq!(browser.submit(here, here, &fields).await.location(), "/sell/customers/ten_2?ok=received");
    let expected = json!({
        "tenantId": "ten_2", "invoiceId": "1", "reference": "Transfer 17", "dryRun": false, "idempotencyKey": "key-1",
    });
    assert_eq!(heard(&browser).1["input"], expected);
    let errors = json!([{ "field": "reference", "message": "Is empty", "code": "INVALID" }]);
    browser.api.say("InvoiceReceive", json!({ "invoiceReceive": { "userErrors": errors } }));
    let page = browser.submit(here, here, &[("act", "receive"), ("received", "1")]).await;
    assert!(page.status == StatusCode::UNPROCESSABLE_ENTITY && page.text.contains("id=\"reference-error\""));
}

#[tokio::test]
async fn a_customer_is_put_on_a_price_list() {
    let mut browser = signed_in().await;
    let here = "/sell/customers/ten_2";
    browser.api.say("BillingCustomerUpdate", json!({ "billingCustomerUpdate": { "userErrors": NO_ERRORS } }));
    for (given, expected) in [("resellers", json!("resellers")), ("", Value::Null)] {
        let fields = [("act", "prices"), ("priceList", given)];
        assert_eq!(browser.submit(here, here, &fields).await.location(), "/sell/customers/ten_2?ok=saved");
        let input = json!({ "tenantId": "ten_2", "priceList": expected, "dryRun": false, "idempotencyKey": "key-1" });
        assert_eq!(heard(&browser).1["input"], input);
    }
}

#[tokio::test]
async fn a_customer_is_let_have_a_brand_of_its_own() {
    let mut browser = signed_in().await;
    let here = "/sell/customers/ten_2";
    let page = browser.get(here).await;
    check(here, "en", &page);
    assert!(page.text.contains("<option value=\"no\" selected>"), "{}", page.text);
    browser
        .api
        .say("BrandingAllow", json!({ "brandingAllow": { "branding": { "allowed": true }, "userErrors": NO_ERRORS } }));
    let fields = [("act", "brand"), ("brand", "yes")];
    assert_eq!(browser.submit(here, here, &fields).await.location(), "/sell/customers/ten_2?ok=saved");
    let expected = json!({
        "tenantId": "ten_2", "allowed": true, "dryRun": false, "idempotencyKey": "key-1",
    });
    assert_eq!(heard(&browser).1["input"], expected);
}

#[tokio::test]
async fn a_policy_is_changed_as_it_was_seen() {
    let mut browser = signed_in().await;
    let here = "/sell/policy";
    browser.api.say(
        "BillingPolicyUpdate",
        json!({ "billingPolicyUpdate": { "policy": { "version": 3 }, "userErrors": NO_ERRORS } }),
    );
    let days = [
        ("graceDays", "10"),
        ("suspendedDays", "20"),
        ("readOnlyDays", "40"),
        ("closingDays", "90"),
        ("undoDays", "30"),
    ];
    let rest = [("lastNoticeDays", "14"), ("graceSendingPercent", "50"), ("version", "2"), ("act", "save")];
    let fields: Vec<_> = days.into_iter().chain(rest).collect();
    assert_eq!(browser.submit(here, here, &fields).await.location(), "/sell/policy?ok=saved");
    let expected = json!({
        "sellerId": "ten_1", "expectedVersion": 2, "dryRun": false, "idempotencyKey": "key-1",
        "policy": {
            "graceDays": 10, "suspendedDays": 20, "readOnlyDays": 40, "closingDays": 90, "undoDays": 30, "lastNoticeDays": 14, "graceSendingPercent": 50,
        },
    });
    assert_eq!(heard(&browser).1["input"], expected);
    let page = browser.submit(here, here, &fields.iter().copied().skip(1).collect::<Vec<_>>()).await;
    assert!(page.status == StatusCode::UNPROCESSABLE_ENTITY && page.text.contains("id=\"graceDays-error\""));
}

#[tokio::test]
async fn the_time_machine_is_a_table_of_days() {
    let mut browser = signed_in().await;
    let page = browser.get("/sell/customers/ten_2/rehearsal").await;
    assert_eq!(heard(&browser).1["supposed"], json!({ "days": 120, "failsFromDay": 1 }));
    assert_eq!(page.text.matches("<th scope=\"row\">26 November 2126</th>").count(), 4);
    assert!(page.text.contains("A payment is due") && page.text.contains("Send to the world"), "{}", page.text);
    browser.get("/sell/customers/ten_2/rehearsal?days=30&fails=&pays=9&closes=20").await;
    assert_eq!(heard(&browser).1["supposed"], json!({ "days": 30, "paysOnDay": 9, "closesOnDay": 20 }));
    let page = browser.get("/sell/customers/ten_2/rehearsal?days=many").await;
    assert!(page.status == StatusCode::UNPROCESSABLE_ENTITY && page.text.contains("id=\"days-error\""));
    browser.api.fail("BillingRehearsal", "INVALID");
    let page = browser.get("/sell/customers/ten_2/rehearsal?days=99999").await;
    assert!(page.text.contains("<span lang=\"en\">why</span>"));
    browser.api.say("BillingRehearsal", json!({ "billingRehearsal": null }));
    assert_eq!(browser.get("/sell/customers/ten_9/rehearsal").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_webhook_is_worked_off_again_by_the_operator_alone() {
    let mut browser = signed_in().await;
    browser.api.say("PaymentEventRetry", json!({ "paymentEventRetry": { "userErrors": NO_ERRORS } }));
    let fields = [("act", "retry"), ("id", "evt_2")];
    let page = browser.submit("/sell/events", "/sell/events", &fields).await;
    assert_eq!(page.location(), "/sell/events?ok=retried");
    let asked = heard(&browser).1;
    assert_eq!(asked["input"], json!({ "eventId": "evt_2", "dryRun": false, "idempotencyKey": "key-1" }));
    let mut seller = reach();
    seller["paymentEvents"] = Value::Null;
    let mut browser = signed_in_with(&["billing:read", "billing:write"], seller).await;
    assert!(!browser.get("/sell/plans").await.text.contains("href=\"/sell/events\""));
    browser.api.say("PaymentEvents", json!({ "paymentEvents": null }));
    browser.api.say("BillingDrift", json!({ "billingDrift": null }));
    for path in ["/sell/events", "/sell/drift"] {
        assert_eq!(browser.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn what_the_api_does_not_tell_is_not_there() {
    let mut browser = signed_in().await;
    browser.api.say("Plans", json!({ "plans": null }));
    browser.api.say("Coupons", json!({ "coupons": null }));
    browser.api.say("BillingCustomers", json!({ "billingCustomers": null }));
    browser.api.say("PaymentCalls", json!({ "paymentCalls": null }));
    let nobody = json!({
        "billingCustomer": null, "billingStanding": null, "billingSubscriptions": null, "invoices": null, "concessions": null,
        "branding": null, "ledgerBalances": null,
    });
    browser.api.say("BillingCustomerShown", nobody);
    for path in
        ["/sell/plans", "/sell/coupons", "/sell/customers", "/sell/customers/ten_9", "/sell/calls?customer=ten_9"]
    {
        assert_eq!(browser.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    for path in ["/sell", "/sell/nothing"] {
        assert_eq!(browser.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
}
