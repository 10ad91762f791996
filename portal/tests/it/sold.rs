//! SUMMARY    What the API says of a tenant that buys, sells and operates, where everything happened.

use crate::stub::{Browser, whoami};
use serde_json::{Value, json};

pub const NOW: &str = "2026-11-26T12:00:00.000Z";
/// After every test.
pub const LATER: &str = "2126-11-26T12:00:00.000Z";

fn info() -> Value {
    json!({ "hasNextPage": true, "hasPreviousPage": true, "startCursor": "a=", "endCursor": "b&" })
}

/// What a visitor with all rights reaches.
pub fn reach() -> Value {
    json!({
        "viewer": { "parentId": "ten_0" }, "billingSubscriptions": [],
        "billingCustomers": { "totalCount": 1 }, "plans": { "totalCount": 1 }, "paymentEvents": { "totalCount": 1 },
    })
}

/// Who may do `permissions` signs in.
pub async fn signed_in_with(permissions: &[&str], reach: Value) -> Browser {
    let mut browser = Browser::new();
    let mut who = whoami();
    who["viewer"]["permissions"] = json!(permissions);
    browser.api.say("BillingReach", reach);
    browser.sign_in_as(who).await;
    crate::answers::answers(&browser);
    browser
}

/// The one who buys, sells and operates.
pub async fn signed_in() -> Browser {
    signed_in_with(&["billing:read", "billing:write"], reach()).await
}

pub fn customer() -> Value {
    json!({
        "id": "ten_2", "tenantId": "ten_2", "sellerId": "ten_0", "provider": "stripe", "email": "pay@else.example", "name": "A <&> Sons",
        "country": "DE", "taxIds": ["eu_vat:DE123456789"], "language": "de", "card": "visa 4242", "freePlanId": null, "phase": "GRACE",
        "closedAt": null, "version": 1,
    })
}

pub fn standing(phase: &str) -> Value {
    json!({
        "phase": phase, "explanation": "Now it sends less.", "stages": [{ "phase": "PAST_DUE", "at": NOW }, { "phase": "SUSPENDED", "at": LATER }],
        "next": { "phase": "SUSPENDED", "at": LATER }, "facts": { "trialEndsAt": NOW, "unpaidSince": NOW, "closedAt": NOW },
        "policy": { "graceSendingPercent": 20, "undoDays": 30 }, "short": true, "owed": ["12.50 EUR", "0 JPY"],
    })
}

pub fn subscription(status: &str, ends: Option<&str>) -> Value {
    let plan = json!({ "id": "pln_1", "key": "team", "family": "mail", "title": "Team <&>", "number": 2 });
    json!({
        "id": format!("sub_{status}"), "status": status, "plan": plan, "items": [{ "component": "mailboxes", "title": "Mailboxes", "quantity": 5 }],
        "currency": "EUR", "interval": "MONTH", "total": "12.50 EUR", "period": { "start": NOW, "end": LATER }, "trialEndsAt": NOW,
        "endsAt": ends, "endedAt": if status == "CANCELLED" { json!(NOW) } else { Value::Null },
    })
}

pub fn invoice(id: &str, state: &str, failed: bool) -> Value {
    json!({
        "id": id, "number": format!("R-{id}"), "state": state, "total": "14.88 EUR", "paid": if state == "PAID" { "14.88 EUR" } else { "0.00 EUR" },
        "refunded": "0.00 EUR", "owed": if matches!(state, "OPEN" | "UNCOLLECTIBLE") { "14.88 EUR" } else { "0.00 EUR" },
        "issuedAt": NOW, "dueAt": NOW, "failed": failed, "pageUrl": "https://pay.example/i?a=1&b=2",
        "pdfUrl": "javascript:alert(1)",
    })
}

pub fn plan(state: &str) -> Value {
    let grants = json!({ "domains": null, "mailboxes": 0, "storageBytes": "0", "recipientsPerHour": null, "recipientsPerDay": null, "newRecipientsPerDay": null });
    let price = |component: Value, interval: &str, unit: &str| json!({ "component": component, "interval": interval, "unit": unit });
    json!({
        "id": format!("pln_{state}"), "key": "team", "number": 2, "family": "mail", "title": "Team <&>", "state": state, "trialDays": 14,
        "version": 1, "grants": grants,
        "components": [
            { "key": "mailboxes", "title": "Mailboxes", "unit": { "least": 1, "most": 50 }, "metered": null },
            { "key": "sent", "title": "Sending", "unit": null, "metered": { "meter": "OUTGOING_RECIPIENTS", "included": 1000, "per": 100 } },
        ],
        "prices": [
            price(Value::Null, "MONTH", "5.00 EUR"), price(json!("mailboxes"), "MONTH", "1.50 EUR"), price(json!("sent"), "MONTH", "0.10 EUR"),
            price(Value::Null, "YEAR", "50.00 EUR"), price(json!("mailboxes"), "YEAR", "15.00 EUR"), price(json!("sent"), "YEAR", "0.10 EUR"),
        ],
    })
}

/// Of the page with everything: the phase, the subscriptions, the invoices.
pub fn shown(phase: &str, subscriptions: &Value, invoices: &Value) -> Value {
    json!({
        "viewer": {
            "name": "A & Sons", "parentId": "ten_0", "permissions": ["billing:read", "billing:write"], "maxDomains": 8, "maxMailboxes": 10,
            "storageBytesMax": "1000000000", "usage": { "usedBytes": "900000000" },
        },
        "billingCustomer": customer(), "billingStanding": standing(phase), "billingSubscriptions": subscriptions,
        "invoices": { "nodes": invoices }, "domains": { "totalCount": 8 }, "mailboxes": { "totalCount": 3 },
        "ledgerBalances": [{ "account": "CASH", "amount": "20.00 EUR" }, { "account": "CREDIT", "amount": "-3.00 EUR" }],
    })
}

pub fn place(subscriptions: &Value) -> Value {
    json!({
        "viewer": { "name": "A & Sons", "parentId": "ten_0", "permissions": ["billing:read", "billing:write"] },
        "billingCustomer": customer(), "billingStanding": { "phase": "ACTIVE", "policy": { "undoDays": 30 } },
        "billingSubscriptions": subscriptions,
    })
}

/// What all pages of billing read.
pub fn answers(browser: &Browser) {
    let api = &browser.api;
    let bought = json!([subscription("ACTIVE", None), subscription("CANCELLED", None)]);
    let invoices = json!([invoice("1", "OPEN", true), invoice("2", "PAID", false), invoice("3", "VOID", false)]);
    let owed = json!({ "phase": "GRACE", "owed": ["12.50 EUR"], "next": { "phase": "SUSPENDED", "at": LATER } });
    api.say("HomeBilling", json!({ "billingStanding": owed }));
    api.say("BillingShown", shown("GRACE", &bought, &invoices));
    api.say("BillingPlace", place(&bought));
    api.say("UsageShown", usage());
    let plans: Vec<Value> = ["OFFERED", "PRIVATE", "WITHDRAWN", "NEW"].into_iter().map(plan).collect();
    api.say("Plans", json!({ "plans": { "nodes": plans, "pageInfo": info() } }));
    api.say("PlanShown", json!({ "plan": plan("OFFERED") }));
    api.say("BillingQuote", quote());
    api.say("CheckoutShown", checkout("OPEN"));
    api.say(
        "Invoices",
        json!({
            "viewer": { "permissions": ["billing:write"] }, "invoices": { "nodes": invoices, "pageInfo": info() },
        }),
    );
    selling(browser, &bought, &invoices);
    operating(browser);
}

/// What was used over time.
pub fn usage() -> Value {
    let points = |values: [u64; 3]| {
        let point = |(n, value): (usize, u64)| json!({ "at": format!("2026-11-2{n}T00:00:00.000Z"), "value": value.to_string() });
        values.into_iter().enumerate().map(point).collect::<Vec<_>>()
    };
    let metered = json!({
        "component": "sent", "title": "Sending <&>", "meter": "OUTGOING_RECIPIENTS", "used": 1150, "included": 1000, "per": 100,
        "unit": "0.10 EUR", "amount": "0.20 EUR", "since": NOW, "until": LATER,
    });
    json!({
        "stored": points([1 << 30, 2 << 30, 3 << 29]), "recipients": points([0, 5, 7]), "messages": points([1, 2, 3]),
        "mailboxes": points([2, 2, 2]), "billingSubscriptions": [{ "id": "sub_1" }], "billingStanding": { "metered": [metered] },
    })
}

pub fn quote() -> Value {
    json!({ "billingQuote": {
        "lines": [{ "title": "Team <&>", "quantity": 1, "amount": "5.00 EUR" }, { "title": "Mailboxes", "quantity": 5, "amount": "7.50 EUR" }],
        "now": "-3.00 EUR", "then": "12.50 EUR", "interval": "MONTH", "discountPercent": 10, "discountAmount": null, "trialDays": 14,
        "providerNow": "14.88 EUR", "over": ["maxMailboxes", "somethingNew"],
        "limits": { "maxDomains": null, "maxMailboxes": 5, "storageBytesMax": "53687091200" },
    } })
}

pub fn checkout(state: &str) -> Value {
    let url = if state == "OPEN" { "https://pay.example/c/1?x=1&y=2" } else { "" };
    json!({ "checkout": { "id": "chk_1", "url": url, "state": state, "planKey": "team", "expiresAt": NOW } })
}

fn selling(browser: &Browser, bought: &Value, invoices: &Value) {
    let api = &browser.api;
    let coupon = |id: &str, percent: Value, amount: Value, disabled: bool| {
        json!({
            "id": id, "code": "SPRING", "percent": percent, "amount": amount, "periods": 3, "plans": ["team"], "redeemMax": 10, "redeemed": 4,
            "endsAt": NOW, "disabled": disabled,
        })
    };
    let coupons =
        [coupon("cpn_1", json!(10), Value::Null, false), coupon("cpn_2", Value::Null, json!("5.00 EUR"), true)];
    api.say("Coupons", json!({ "coupons": { "nodes": coupons, "pageInfo": info() } }));
    let customers = json!([{
        "tenantId": "ten_2", "name": "B <&>", "email": "pay@else.example", "provider": "stripe", "card": null, "phase": "TRIAL", "closedAt": null,
    }]);
    api.say("BillingCustomers", json!({ "billingCustomers": { "nodes": customers, "pageInfo": info() } }));
    let given = |id: &str, grants: Value, set: Value, ended: Value| json!({ "id": id, "until": NOW, "reason": "Late <start>", "createdAt": NOW, "endedAt": ended, "grants": grants, "limitOverride": set });
    let grants = json!({ "domains": 0, "mailboxes": 5, "storageBytes": null });
    let set = json!({ "limit": "STORAGE_BYTES", "unlimited": false, "value": null, "bytes": "1073741824" });
    let given = [given("ccs_1", grants, Value::Null, Value::Null), given("ccs_2", Value::Null, set, json!(NOW))];
    api.say("BillingCustomerShown", json!({
        "branding": { "allowed": false },
        "billingCustomer": customer(), "billingStanding": standing("GRACE"), "billingSubscriptions": bought, "invoices": { "nodes": invoices },
        "concessions": { "nodes": given },
        "ledgerBalances": [{ "account": "RECEIVABLE", "amount": "14.88 EUR" }, { "account": "NEW", "amount": "1.00 EUR" }],
    }));
    let step = |what: &str, phase: &str| {
        json!({
            "at": LATER, "phase": phase, "what": what, "detail": "", "blocks": ["SEND_EXTERNAL"],
            "limits": { "maxDomains": 1, "maxMailboxes": null, "storageBytesMax": "1073741824", "messagesPerHourMax": 1, "recipientsPerDayMax": 2, "newRecipientsPerDayMax": 3 },
        })
    };
    let steps =
        [step("PAYMENT_DUE", "PAST_DUE"), step("PHASE", "GRACE"), step("LETTER", "SUSPENDED"), step("NEW", "NEW")];
    api.say("BillingRehearsal", json!({ "billingRehearsal": steps }));
}

fn operating(browser: &Browser) {
    let api = &browser.api;
    let event = |id: &str, done: Value, trouble: &str| {
        json!({
            "id": id, "provider": "stripe", "providerEventId": "evt_x", "kind": "invoice.paid", "tenantId": "ten_2", "heardAt": NOW, "doneAt": done, "attempts": 2,
            "trouble": trouble,
        })
    };
    let events =
        [event("evt_1", json!(NOW), ""), event("evt_2", Value::Null, "no <b>"), event("evt_3", Value::Null, "")];
    api.say("PaymentEvents", json!({ "paymentEvents": { "nodes": events, "pageInfo": info() } }));
    let call = |state: &str| json!({ "id": format!("cal_{state}"), "what": "REFUND", "state": state, "attempts": 1, "trouble": "why", "createdAt": NOW, "endedAt": null });
    let calls: Vec<Value> = ["WAITING", "DONE", "REFUSED"].into_iter().map(call).collect();
    api.say("PaymentCalls", json!({ "paymentCalls": { "nodes": calls, "pageInfo": info() } }));
    let drift = json!([{ "tenantId": "ten_2", "at": NOW, "what": "An invoice was paid" }]);
    api.say("BillingPolicy", json!({ "billingPolicy": {
        "version": 2, "graceDays": 7, "suspendedDays": 14, "readOnlyDays": 30, "closingDays": 60, "undoDays": 30, "lastNoticeDays": 14,
        "graceSendingPercent": 20,
    } }));
    api.say("BillingDrift", json!({ "billingDrift": { "nodes": drift, "pageInfo": info() } }));
}
