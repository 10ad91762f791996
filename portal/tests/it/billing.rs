//! SUMMARY    Billing: where a customer stands in words, what forms ask the API for, what is bought once, what is refused.

use crate::{
    answers::heard,
    pages::check,
    sold::{self, LATER, checkout, invoice, place, reach, shown, signed_in, signed_in_with, subscription},
    stub::{Browser, ORIGIN},
};
use axum::http::StatusCode;
use serde_json::{Value, json};

const NO_ERRORS: [u8; 0] = [];

fn refused(field: &str, message: &str, code: &str) -> Value {
    json!([{ "field": field, "message": message, "code": code }])
}

#[tokio::test]
async fn every_stage_is_said_in_every_language() {
    let mut browser = signed_in().await;
    let phases = ["TRIAL", "ACTIVE", "PAST_DUE", "GRACE", "SUSPENDED", "READ_ONLY", "CLOSING", "PURGING", "NEW"];
    for phase in phases {
        let bought = json!([subscription("PAST_DUE", Some(LATER))]);
        browser.api.say("BillingShown", shown(phase, &bought, &json!([invoice("1", "OPEN", false)])));
        for language in ["en", "de", "fr"] {
            browser.language = language;
            let page = browser.get("/billing").await;
            assert_eq!(page.status, StatusCode::OK, "{phase}");
            check("/billing", language, &page);
        }
    }
    browser.language = "en";
    browser.api.say("BillingShown", shown("GRACE", &json!([]), &json!([invoice("1", "OPEN", true)])));
    let text = browser.get("/billing").await.text;
    for said in [
        "Sending is slowed",
        "From 26 November 2126: You receive and read as ever, and cannot send to others.",
        "You send 20 % of what you could otherwise.",
        "To be paid: 12.50 EUR.",
        "Pay the open invoices below",
        "You have no plan yet.",
        "Payment failed",
        "href=\"https://pay.example/i?a=1&#38;b=2\" rel=\"noreferrer\"",
        "visa 4242",
        "<rect class=\"fill\" width=\"900\"",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
    assert!(!text.contains("javascript:") && !text.contains("From 26 November 2026: "), "{text}");
}

#[tokio::test]
async fn what_was_used_is_drawn_and_told_in_figures() {
    let mut browser = signed_in().await;
    for (path, resolution) in
        [("/billing/usage", "DAY"), ("/billing/usage?range=24h", "HOUR"), ("/billing/usage?range=12m", "MONTH")]
    {
        let page = browser.get(path).await;
        assert_eq!(page.status, StatusCode::OK, "{path}");
        check(path, "en", &page);
        assert_eq!(heard(&browser).1["resolution"], resolution, "{path}");
    }
    let text = browser.get("/billing/usage").await.text;
    for said in [
        "<title id=\"stored-title\">Stored</title>",
        "At most: 2 GB",
        "Together: 12, at most 7",
        "From 20 November 2026 to 22 November 2026: at first 1 GB, at last 1.5 GB, at most 2 GB (21 November 2026).",
        "<tr><th scope=\"row\">21 November 2026</th><td>2 GB</td></tr>",
        "href=\"/billing/usage?range=30d\" aria-current=\"page\"",
        "1150 recipients since 26 November 2026; 1000 included",
        "0.10 EUR for each 100 more",
        "So far: 0.20 EUR without tax, on the invoice of 26 November 2126",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
    assert!(browser.get("/billing").await.text.contains("href=\"/billing/usage\""));
}

#[tokio::test]
async fn amounts_and_days_are_written_as_the_language_does() {
    let mut browser = signed_in().await;
    browser.language = "de";
    let text = browser.get("/billing").await.text;
    assert!(text.contains("12,50 EUR im Monat") && text.contains("26. November 2026"), "{text}");
}

#[tokio::test]
async fn who_may_not_read_has_no_entry_and_no_page() {
    let mut browser = signed_in_with(&["mailbox:read"], json!(null)).await;
    let text = browser.get("/domains").await.text;
    assert!(!text.contains("href=\"/billing\"") && !text.contains("href=\"/sell/plans\""));
    assert_eq!(browser.api.count("BillingReach"), 0);
    let nothing = json!({
        "viewer": null, "billingCustomer": null, "billingStanding": null, "billingSubscriptions": null, "invoices": null, "domains": null,
        "mailboxes": null, "stored": null, "recipients": null, "messages": null,
    });
    browser.api.say("UsageShown", nothing.clone());
    browser.api.say("BillingShown", nothing.clone());
    browser.api.say("BillingPlace", nothing.clone());
    browser.api.say("Invoices", nothing);
    for path in
        ["/billing", "/billing/plan", "/billing/plan/pln_1", "/billing/pay", "/billing/paid", "/billing/invoices"]
    {
        assert_eq!(browser.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    for path in ["/billing/details", "/billing/cancel", "/billing/close", "/billing/usage", "/billing/nothing"] {
        assert_eq!(browser.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    let mut stranger = browser.other();
    assert_eq!(stranger.get("/billing").await.location(), "/sign-in?next=%2Fbilling");
}

#[tokio::test]
async fn the_menu_has_what_is_reached() {
    let entries = |browser: Browser| async move {
        let mut browser = browser;
        let text = browser.get("/domains").await.text;
        (text.contains("href=\"/billing\""), text.contains("href=\"/sell/plans\""))
    };
    assert_eq!(entries(signed_in().await).await, (true, true));
    assert_eq!(
        entries(signed_in_with(&["billing:read"], reach()).await).await,
        (true, false),
        "reading is not selling"
    );
    let rights = ["billing:read", "billing:write"];
    let off = json!({
        "viewer": { "parentId": "ten_0" }, "billingSubscriptions": null, "billingCustomers": null,
        "plans": null, "paymentEvents": null,
    });
    assert_eq!(entries(signed_in_with(&rights, off).await).await, (false, false), "no billing on this server");
    let buyer = json!({
        "viewer": { "parentId": "ten_0" }, "billingSubscriptions": [],
        "billingCustomers": { "totalCount": 0 }, "plans": { "totalCount": 0 }, "paymentEvents": null,
    });
    assert_eq!(entries(signed_in_with(&rights, buyer.clone()).await).await, (true, false), "nobody below");
    for (below, sells) in [(0, false), (1, true)] {
        let mut browser = Browser::new();
        let mut who = crate::stub::whoami();
        who["viewer"]["permissions"] = json!(["billing:read", "billing:write", "tenant:read"]);
        browser.api.say("BillingReach", buyer.clone());
        browser.api.say("TenantsBelow", json!({ "tenants": { "totalCount": below } }));
        browser.sign_in_as(who).await;
        crate::answers::answers(&browser);
        assert_eq!(entries(browser).await, (true, sells), "{below} below");
    }
    let mut provider = reach();
    provider["viewer"]["parentId"] = Value::Null;
    assert_eq!(entries(signed_in_with(&rights, provider).await).await, (false, true), "nobody above");
}

#[tokio::test]
async fn who_may_only_read_sees_no_forms() {
    let mut browser = signed_in().await;
    let mut answer =
        shown("CLOSING", &json!([subscription("ACTIVE", Some(LATER))]), &json!([invoice("1", "OPEN", false)]));
    answer["viewer"]["permissions"] = json!(["billing:read"]);
    answer["billingCustomer"]["closedAt"] = json!(sold::NOW);
    browser.api.say("BillingShown", answer);
    let page = browser.get("/billing").await;
    check("/billing", "en", &page);
    assert!(
        !page.text.contains("action=\"/billing\"") && !page.text.contains("href=\"/billing/plan\""),
        "{}",
        page.text
    );
    let mut answer = place(&json!([]));
    answer["viewer"]["permissions"] = json!(["billing:read"]);
    browser.api.say("BillingPlace", answer);
    for path in ["/billing/plan", "/billing/plan/pln_1", "/billing/details", "/billing/cancel", "/billing/close"] {
        assert_eq!(browser.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn a_price_is_shown_before_anything_is_bought() {
    let mut browser = signed_in().await;
    browser.api.say("BillingPlace", place(&json!([])));
    let page = browser.get("/billing/plan/pln_OFFERED").await;
    assert!(!page.text.contains("id=\"quote\"") && !page.text.contains("Go on to pay"), "{}", page.text);
    assert!(page.text.contains("name=\"q-mailboxes\" type=\"number\" min=\"1\" max=\"50\""));
    assert!(page.text.contains("Sending: 0.10 EUR for each 100 recipients beyond 1000"));
    let path = "/billing/plan/pln_OFFERED?preview=1&interval=YEAR&q-mailboxes=5&coupon=SPRING";
    let page = browser.get(path).await;
    let asked = heard(&browser);
    let choice = json!({
        "plan": "pln_OFFERED", "items": [{ "component": "mailboxes", "quantity": 5 }], "interval": "YEAR", "coupon": "SPRING",
    });
    assert_eq!((asked.0.as_str(), &asked.1), ("BillingQuote", &json!({ "tenant": "ten_1", "choice": choice })));
    for said in [
        "-3.00 EUR",
        "12.50 EUR a month",
        "14.88 EUR",
        "Mailboxes: you have more than this plan allows.",
        "The coupon takes 10 % off.",
        "The first 14 days cost nothing, once.",
        "Go on to pay",
    ] {
        assert!(page.text.contains(said), "{said}: {}", page.text);
    }
    let carried = "<input type=\"hidden\" name=\"q-mailboxes\" value=\"5\">";
    assert!(page.text.contains(carried) && page.text.contains("name=\"interval\" value=\"YEAR\""));
}

#[tokio::test]
async fn a_choice_that_cannot_be_bought_is_refused_in_words() {
    let mut browser = signed_in().await;
    for number in ["x", "0", "51", "1.5", "99999999999999999999"] {
        let page = browser.get(&format!("/billing/plan/pln_OFFERED?preview=1&q-mailboxes={number}")).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{number}");
        check("/billing/plan", "en", &page);
        assert!(page.text.contains("href=\"#q-mailboxes\"") && page.text.contains("aria-invalid=\"true\""));
    }
    assert_eq!(browser.api.count("BillingQuote"), 0);
    browser.api.fail("BillingQuote", "INVALID");
    let page = browser.get("/billing/plan/pln_OFFERED?preview=1&q-mailboxes=5").await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.text.contains("<span lang=\"en\">why</span>") && !page.text.contains("id=\"quote\""), "{}", page.text);
    browser.api.say("PlanShown", json!({ "plan": null }));
    assert_eq!(browser.get("/billing/plan/pln_9").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn buying_twice_with_one_form_is_one_purchase_and_leads_on_by_a_link() {
    let mut browser = signed_in().await;
    browser.api.say("BillingPlace", place(&json!([subscription("CANCELLED", None)])));
    let opened = json!({ "checkout": { "url": "https://pay.example/c/1", "state": "OPEN" }, "userErrors": NO_ERRORS });
    browser.api.say("CheckoutOpen", json!({ "checkoutOpen": opened }));
    let token = browser.get("/billing/plan/pln_OFFERED?preview=1&q-mailboxes=5").await;
    let once = token.text.split("name=\"once\" value=\"").last().unwrap().split('"').next().unwrap().to_owned();
    assert!(once.len() > 20, "{once}");
    let body = format!("form={}&once={once}&q-mailboxes=5&preview=1&interval=MONTH", token.form_token());
    let mut keys = Vec::new();
    for _ in 0..2 {
        let headers = [("origin", ORIGIN), ("sec-fetch-site", "same-origin")];
        let page = browser.post_raw("/billing/plan/pln_OFFERED", &headers, &body).await;
        assert_eq!(page.location(), "/billing/pay");
        let (operation, asked) = heard(&browser);
        assert_eq!(operation, "CheckoutOpen");
        assert_eq!(asked["input"]["choice"]["items"], json!([{ "component": "mailboxes", "quantity": 5 }]));
        keys.push(asked["input"]["idempotencyKey"].clone());
    }
    assert_eq!(keys, [json!(once), json!(once)], "the API sees one purchase");
    let page = browser.get("/billing/pay").await;
    assert!(page.text.contains("<a class=\"button\" href=\"https://pay.example/c/1?x=1&#38;y=2\" rel=\"noreferrer\">"));
    browser.api.say("CheckoutClose", json!({ "checkoutClose": { "userErrors": NO_ERRORS } }));
    let page = browser.submit("/billing/pay", "/billing/pay", &[]).await;
    assert_eq!(page.location(), "/billing/plan?ok=not-paid");
    assert_eq!(heard(&browser).0, "CheckoutClose");
    let errors = refused("tenantId", "No page is open", "INVALID");
    browser.api.say("CheckoutClose", json!({ "checkoutClose": { "userErrors": errors } }));
    assert_eq!(browser.submit("/billing/pay", "/billing/pay", &[]).await.location(), "/billing/paid");
}

#[tokio::test]
async fn a_restriction_for_money_leads_to_paying() {
    let link = "<a class=\"button quiet\" href=\"/billing\">See and pay</a>";
    let home = signed_in().await.get("/").await.text;
    assert!(home.contains(link) && home.contains("<strong>Sending is slowed</strong>"));
    assert!(home.contains("To be paid: 12.50 EUR."));
    let mut browser = signed_in_with(&[], json!(null)).await;
    assert!(!browser.get("/").await.text.contains(link));
}

#[tokio::test]
async fn what_costs_nothing_is_there_at_once() {
    let mut browser = signed_in().await;
    browser.api.say("BillingPlace", place(&json!([])));
    let opened = json!({ "checkout": { "url": "", "state": "COMPLETE" }, "userErrors": NO_ERRORS });
    browser.api.say("CheckoutOpen", json!({ "checkoutOpen": opened }));
    let page = browser.submit("/billing/plan/pln_OFFERED", "/billing/plan/pln_OFFERED", &[("preview", "1")]).await;
    assert_eq!(page.location(), "/billing?ok=bought");
}

#[tokio::test]
async fn who_has_a_plan_changes_it() {
    let mut browser = signed_in().await;
    let on = "/billing/plan/pln_OFFERED?preview=1&q-mailboxes=7";
    assert!(browser.get(on).await.text.contains("Change it now"));
    browser.api.say("SubscriptionChange", json!({ "subscriptionChange": { "userErrors": NO_ERRORS } }));
    let fields = [("q-mailboxes", "7"), ("preview", "1")];
    let page = browser.submit(on, "/billing/plan/pln_OFFERED", &fields).await;
    assert_eq!(page.location(), "/billing?ok=changed");
    let asked = heard(&browser).1;
    assert_eq!(asked["input"]["choice"]["items"][0]["quantity"], 7);
    assert_eq!(asked["input"]["idempotencyKey"], "key-1");
    let errors = refused("plan", "It is so already", "INVALID");
    browser.api.say("SubscriptionChange", json!({ "subscriptionChange": { "userErrors": errors } }));
    let page = browser.submit(on, "/billing/plan/pln_OFFERED", &fields).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(!page.text.contains("id=\"coupon\"") && page.text.contains("It is so already"), "{}", page.text);
    assert!(page.text.contains("Change it now"), "the price stays there");
}

#[tokio::test]
async fn the_page_after_paying_says_what_the_provider_says() {
    let mut browser = signed_in().await;
    let page = browser.get("/billing/paid?success=true").await;
    assert!(page.text.contains("has not told us yet") && page.text.contains("hx-get=\"/billing/paid?look=1\""));
    assert!(page.text.contains("href=\"/billing/paid\">Look again"), "{}", page.text);
    assert!(browser.get("/billing/paid?look=59").await.text.contains("hx-get=\"/billing/paid?look=60\""));
    assert!(!browser.get("/billing/paid?look=60").await.text.contains("hx-get"), "not for ever");
    browser.api.say("CheckoutShown", checkout("COMPLETE"));
    let page = browser.get("/billing/paid").await;
    assert!(page.text.contains("It is paid.") && !page.text.contains("hx-get"));
    browser.api.say("CheckoutShown", checkout("EXPIRED"));
    assert!(browser.get("/billing/paid").await.text.contains("Nothing was paid"));
    assert_eq!(browser.get("/billing/pay").await.location(), "/billing/paid");
    browser.api.fail("CheckoutShown", "INTERNAL");
    assert!(browser.get("/billing/paid").await.text.contains("has not told us yet"), "the provider does not answer");
    browser.api.say("CheckoutShown", json!({ "checkout": null }));
    assert_eq!(browser.get("/billing/paid").await.location(), "/billing");
    assert_eq!(browser.get("/billing/plans").await.location(), "/billing/plan?ok=not-paid");
}

#[tokio::test]
async fn a_card_that_is_declined_says_so() {
    let mut browser = signed_in().await;
    for path in ["/billing", "/billing/invoices"] {
        let errors = refused("invoiceId", "Your card has <insufficient> funds.", "INVALID");
        browser.api.say("InvoicePay", json!({ "invoicePay": { "invoice": null, "userErrors": errors } }));
        let page = browser.submit(path, path, &[("act", "pay"), ("id", "1")]).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
        check(path, "en", &page);
        assert!(page.text.contains("The payment did not go through."), "{}", page.text);
        assert!(!page.text.contains("insufficient"), "what else may be wrong is said in the reader's language");
        browser
            .api
            .say("InvoicePay", json!({ "invoicePay": { "invoice": { "state": "PAID" }, "userErrors": NO_ERRORS } }));
        let page = browser.submit(path, path, &[("act", "pay"), ("id", "1")]).await;
        assert_eq!(page.location(), format!("{path}?ok=paid"));
        let input = json!({ "tenantId": "ten_1", "invoiceId": "1", "dryRun": false, "idempotencyKey": "key-1" });
        assert_eq!(heard(&browser).1["input"], input);
    }
}

#[tokio::test]
async fn all_that_is_owed_is_paid_with_one_button() {
    let mut browser = signed_in().await;
    let page = browser.get("/billing").await;
    assert!(!page.text.contains("value=\"pay-all\""), "one has a button of its own");
    assert!(page.text.contains("You have credit of 3.00 EUR"), "{}", page.text);
    let mut taken = invoice("2", "PAID", false);
    taken["owed"] = json!("5.00 EUR");
    browser.api.say("BillingShown", shown("GRACE", &json!([]), &json!([invoice("1", "OPEN", true), taken])));
    let page = browser.get("/billing").await;
    check("/billing", "en", &page);
    assert!(page.text.contains("value=\"pay-all\"") && page.text.contains("The bank took it back"), "{}", page.text);
    browser.api.say("DebtPay", json!({ "debtPay": { "userErrors": NO_ERRORS } }));
    let page = browser.submit("/billing", "/billing", &[("act", "pay-all")]).await;
    assert_eq!(page.location(), "/billing?ok=paid");
    let input = json!({ "tenantId": "ten_1", "dryRun": false, "idempotencyKey": "key-1" });
    assert_eq!(heard(&browser).1["input"], input);
    let errors = refused("", "The card was declined", "INVALID");
    browser.api.say("DebtPay", json!({ "debtPay": { "userErrors": errors } }));
    let page = browser.submit("/billing", "/billing", &[("act", "pay-all")]).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.text.contains("The payment did not go through."), "{}", page.text);
}

#[tokio::test]
async fn an_invoice_that_no_provider_has_comes_from_here_as_a_paper() {
    let mut browser = signed_in().await;
    let own = json!({
        "id": "inv_7", "number": "A-7", "state": "OPEN", "total": "12.50 EUR", "paid": "0.00 EUR", "refunded": "0.00 EUR",
        "owed": "12.50 EUR", "issuedAt": LATER, "dueAt": LATER, "failed": false, "pageUrl": null, "pdfUrl": null,
    });
    let info = json!({ "hasNextPage": false, "hasPreviousPage": false, "startCursor": null, "endCursor": null });
    let found =
        |node: &Value| json!({ "viewer": { "permissions": [] }, "invoices": { "nodes": [node], "pageInfo": info } });
    let link = "<a href=\"/billing/invoices/inv%5F7/paper\" rel=\"noreferrer\">Invoice A-7 as PDF</a>";
    browser.api.say("Invoices", found(&own));
    let page = browser.get("/billing/invoices").await;
    check("/billing/invoices", "en", &page);
    assert!(page.text.contains(link), "{}", page.text);
    // A draft has no paper, and what a provider has is read there.
    for (field, value) in [("number", json!(null)), ("pdfUrl", json!("https://pay.example/i/7.pdf"))] {
        let mut other = own.clone();
        other[field] = value;
        browser.api.say("Invoices", found(&other));
        assert!(!browser.get("/billing/invoices").await.text.contains("/paper"), "{field}");
    }
    browser.api.say("InvoicePaper", json!({ "invoice": { "number": "A-7" }, "invoicePaper": "JVBERi0xLjQ=" }));
    let page = browser.get("/billing/invoices/inv%5F7/paper").await;
    assert_eq!((page.status, page.text.as_str()), (StatusCode::OK, "%PDF-1.4"));
    assert_eq!(page.headers["content-type"], "application/pdf");
    assert_eq!(page.headers["content-disposition"], "attachment; filename=\"A-7.pdf\"");
    assert_eq!(heard(&browser).1, json!({ "tenant": "ten_1", "id": "inv_7" }));
    browser.api.say("InvoicePaper", json!({ "invoice": null, "invoicePaper": null }));
    assert_eq!(browser.get("/billing/invoices/inv_8/paper").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_card_is_changed_at_the_provider() {
    let mut browser = signed_in().await;
    let url = "https://pay.example/card?s=1";
    browser.api.say("CardPageOpen", json!({ "cardPageOpen": { "url": url, "userErrors": NO_ERRORS } }));
    let page = browser.submit("/billing", "/billing", &[("act", "card")]).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text.contains("href=\"https://pay.example/card?s=1\""), "{}", page.text);
    assert_eq!(heard(&browser).1["input"]["back"], "/billing?ok=card");
    browser
        .api
        .say("CardPageOpen", json!({ "cardPageOpen": { "url": "javascript:alert(1)", "userErrors": NO_ERRORS } }));
    let page = browser.submit("/billing", "/billing", &[("act", "card")]).await;
    assert!(page.status.is_server_error() && !page.text.contains("javascript:"), "{}", page.status);
    let errors = refused("tenantId", "Not there", "NOT_FOUND");
    browser.api.say("CardPageOpen", json!({ "cardPageOpen": { "url": null, "userErrors": errors } }));
    assert_eq!(
        browser.submit("/billing", "/billing", &[("act", "card")]).await.status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
}

#[tokio::test]
async fn a_plan_ends_without_a_call_and_is_kept_after_all() {
    let mut browser = signed_in().await;
    browser.api.say("SubscriptionCancel", json!({ "subscriptionCancel": { "userErrors": NO_ERRORS } }));
    for (when, end) in [("PERIOD", "PERIOD"), ("NOW", "NOW"), ("nonsense", "PERIOD")] {
        let fields = [("act", "cancel"), ("subscription", "sub_ACTIVE"), ("when", when)];
        let page = browser.submit("/billing/cancel", "/billing/cancel", &fields).await;
        let told = if end == "NOW" { "plan-ended" } else { "cancelled" };
        assert_eq!(page.location(), format!("/billing?ok={told}"));
        let input = json!({
            "tenantId": "ten_1", "subscriptionId": "sub_ACTIVE", "when": end, "dryRun": false, "idempotencyKey": "key-1",
        });
        assert_eq!(heard(&browser).1["input"], input);
    }
    browser.api.say("BillingShown", shown("ACTIVE", &json!([subscription("ACTIVE", Some(LATER))]), &json!([])));
    let text = browser.get("/billing").await.text;
    assert!(
        text.contains("Ends on 26 November 2126") && text.contains("aria-label=\"Keep it: Team &#60;&#38;&#62;\""),
        "{text}"
    );
    browser.api.say("SubscriptionResume", json!({ "subscriptionResume": { "userErrors": NO_ERRORS } }));
    let page = browser.submit("/billing", "/billing", &[("act", "resume"), ("id", "sub_ACTIVE")]).await;
    assert_eq!(page.location(), "/billing?ok=kept");
    assert_eq!(heard(&browser).1["input"]["subscriptionId"], "sub_ACTIVE");
    browser.api.say("BillingPlace", place(&json!([])));
    assert_eq!(browser.get("/billing/cancel").await.location(), "/billing");
}

#[tokio::test]
async fn an_organisation_is_closed_by_its_name_and_opened_again() {
    let mut browser = signed_in().await;
    assert!(browser.get("/billing/close").await.text.contains("For 30 days it can be taken back."));
    let page = browser.submit("/billing/close", "/billing/close", &[("name", "a & sons")]).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.text.contains("id=\"name-error\""));
    assert_eq!(browser.api.count("TenantClose"), 0);
    browser.api.fail("TenantClose", "STEP_UP_REQUIRED");
    let fields = [("name", "A & Sons"), ("reason", "Moving")];
    let page = browser.submit("/billing/close", "/billing/close", &fields).await;
    assert_eq!(page.location(), "/security/confirm?next=%2Fbilling%2Fclose");
    let text = browser.get("/billing/close?ok=confirmed").await.text;
    assert!(
        text.contains("value=\"A &#38; Sons\"") && text.contains("value=\"Moving\""),
        "typed once is enough: {text}"
    );
    assert!(!browser.get("/billing/close").await.text.contains("value=\"Moving\""), "and it stands there once");
    browser.api.say("TenantClose", json!({ "tenantClose": { "userErrors": NO_ERRORS } }));
    let page = browser.submit("/billing/close", "/billing/close", &fields).await;
    assert_eq!(page.location(), "/billing?ok=closed");
    assert_eq!(heard(&browser).1["input"]["reason"], "Moving");
    let mut closed = shown("CLOSING", &json!([]), &json!([]));
    closed["billingCustomer"]["closedAt"] = json!(sold::NOW);
    closed["billingStanding"]["stages"] = json!([{ "phase": "CLOSING", "at": sold::NOW }]);
    browser.api.say("BillingShown", closed);
    let text = browser.get("/billing").await.text;
    assert!(text.contains("Nothing is destroyed before 26 December 2026."), "{text}");
    browser.api.say("TenantReopen", json!({ "tenantReopen": { "userErrors": NO_ERRORS } }));
    let page = browser.submit("/billing", "/billing", &[("act", "reopen")]).await;
    assert_eq!(page.location(), "/billing?ok=reopened");
    assert_eq!(heard(&browser).0, "TenantReopen");
}

#[tokio::test]
async fn who_buys_says_first_where_invoices_go() {
    let mut browser = signed_in().await;
    let mut nobody = place(&json!([]));
    nobody["billingCustomer"] = Value::Null;
    browser.api.say("BillingPlace", nobody);
    assert_eq!(browser.get("/billing/plan").await.location(), "/billing/details");
    browser.api.say("BillingCustomerUpdate", json!({ "billingCustomerUpdate": { "userErrors": NO_ERRORS } }));
    let fields = [
        ("email", "pay@else.example"),
        ("name", "A"),
        ("country", "de"),
        ("taxIds", "eu_vat:DE1, ch_vat:2"),
        ("language", "fr"),
    ];
    let page = browser.submit("/billing/details", "/billing/details", &fields).await;
    assert_eq!(page.location(), "/billing/plan?ok=saved");
    let input = json!({
        "tenantId": "ten_1", "email": "pay@else.example", "name": "A", "country": "DE", "taxIds": ["eu_vat:DE1", "ch_vat:2"],
        "language": "fr", "dryRun": false, "idempotencyKey": "key-1",
    });
    assert_eq!(heard(&browser).1["input"], input);
    browser.submit("/billing/details", "/billing/details", &[("email", "pay@else.example"), ("country", "")]).await;
    assert_eq!(heard(&browser).1["input"]["country"], Value::Null);
    assert!(heard(&browser).1["input"].as_object().unwrap().contains_key("country"), "none is said");
    let errors = refused("email", "It is on a domain of this server", "INVALID");
    browser.api.say("BillingCustomerUpdate", json!({ "billingCustomerUpdate": { "userErrors": errors } }));
    let page = browser.submit("/billing/details", "/billing/details", &fields).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    check("/billing/details", "en", &page);
    assert!(page.text.contains("id=\"email-error\"") && page.text.contains("<option value=\"fr\" selected>"));
}
