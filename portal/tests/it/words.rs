//! SUMMARY    What the API says in English is worded on the pages: records, holds, refusals, names of tenants, prices.

use crate::{answers, console, sold, stub::Browser};
use axum::http::StatusCode;
use serde_json::{Value, json};

/// Somebody who reads German.
async fn german() -> Browser {
    let mut browser = answers::signed_in().await;
    browser.language = "de";
    browser
}

#[tokio::test]
async fn what_is_wrong_with_a_record_is_told_in_the_readers_language() {
    let mut browser = german().await;
    let page = browser.get("/domains/a.example").await;
    for said in ["Veröffentlichen Sie den Eintrag.", "Ersetzen Sie, was dort steht.", "nicht sicher zu ermitteln"] {
        assert!(page.text.contains(said), "{said}: {}", page.text);
    }
    // Of a record that is right, and of one of a kind that is not known here, the API says what it says.
    assert_eq!(page.text.matches("<p class=\"hint\" lang=\"en\">Do this.</p>").count(), 3, "{}", page.text);
    assert_eq!(page.text.matches("<span lang=\"en\">why</span>").count(), 2, "refused, and what is new");
}

#[tokio::test]
async fn a_hold_of_a_program_is_worded_and_the_words_of_a_person_stay() {
    let mut browser = german().await;
    let state = |code: &str, hold: Value| {
        json!({ "capability": "SEND_EXTERNAL", "allowed": false, "reasons": [
            { "code": code, "reason": "In English.", "nextStep": "Do it.", "hold": hold }] })
    };
    let states = [state("PAYMENT_OVERDUE", json!({ "kind": "BILLING" })), state("LIMIT_REACHED", Value::Null)];
    browser.api.say("Why", json!({ "capabilities": { "states": states, "at": sold::NOW } }));
    let page = browser.get("/access/why").await;
    assert!(page.text.contains("Eine Zahlung ist fällig.") && !page.text.contains("In English."), "{}", page.text);
    let states = [state("SPAM", json!({ "kind": "ABUSE" }))];
    browser.api.say("Why", json!({ "capabilities": { "states": states, "at": sold::NOW } }));
    let page = browser.get("/access/why").await;
    assert!(page.text.contains("Wegen Missbrauchs gestoppt:") && page.text.contains("In English. Do it."));
    let page = browser.get("/").await;
    assert!(page.text.contains("Von Rechts wegen aufbewahrt:"), "{}", page.text);
}

#[tokio::test]
async fn a_mailbox_is_asked_about_by_its_address() {
    let mut browser = answers::signed_in().await;
    browser.api.say("MailboxByAddress", json!({ "mailboxByAddress": { "id": "acc_7", "address": "ann@a.example" } }));
    let page = browser.get("/access/why?subject=ann@a.example").await;
    assert_eq!(answers::heard(&browser).1["id"], "acc_7");
    assert!(page.text.contains("value=\"ann@a.example\""), "what was typed stands there still");
    let asked = browser.api.count("Why");
    browser.api.say("MailboxByAddress", json!({ "mailboxByAddress": null }));
    assert!(browser.get("/access/why?subject=no@b.example").await.text.contains("There is no such thing here."));
    browser.api.fail("MailboxByAddress", "INVALID");
    assert!(browser.get("/access/why?subject=@").await.text.contains("There is no such thing here."));
    assert_eq!(browser.api.count("Why"), asked, "nothing was asked about a mailbox that there is not");
}

#[tokio::test]
async fn what_a_form_is_refused_for_is_told_in_the_readers_language() {
    let mut browser = german().await;
    let refused =
        |field: &str, code: &str| json!([{ "field": field, "message": "In English (A_LIMIT)", "code": code }]);
    let answer =
        |field: &str, code: &str| json!({ "domain": null, "mailbox": null, "userErrors": refused(field, code) });
    for (operation, payload, on, to, fields, said) in [
        (
            "DomainCreate",
            answer("name", "INVALID"),
            "/domains",
            "/domains",
            ("name", "x"),
            "Eine Domain, die Ihnen allein gehört",
        ),
        (
            "DomainCreate",
            answer("name", "LIMIT_REACHED"),
            "/domains",
            "/domains",
            ("name", "x"),
            "keine weitere Domain",
        ),
        (
            "MailboxCreate",
            answer("address", "INVALID"),
            "/mailboxes/new",
            "/mailboxes/new",
            ("address", "x"),
            "Vor dem @ stehen",
        ),
        (
            "MailboxCreate",
            answer("address", "LIMIT_REACHED"),
            "/mailboxes/new",
            "/mailboxes/new",
            ("address", "x"),
            "kein weiteres Postfach",
        ),
        (
            "AliasCreate",
            answer("targets", "INVALID"),
            "/addresses/aliases",
            "/addresses/aliases",
            ("act", "create"),
            "im Kreis",
        ),
    ] {
        let name = operation[..1].to_lowercase() + &operation[1..];
        browser.api.say(operation, json!({ name: payload }));
        let page = browser.submit(on, to, &[fields]).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{operation}");
        assert!(page.text.contains(said) && !page.text.contains("In English"), "{operation}: {}", page.text);
    }
}

#[tokio::test]
async fn rows_of_several_customers_say_whose_they_are() {
    let mut browser = sold::signed_in().await;
    let named =
        json!([{ "__typename": "Tenant", "id": "ten_2", "name": "Bakery & Sons" }, { "__typename": "Job" }, null]);
    browser.api.say("TenantsNamed", json!({ "nodes": named }));
    for path in ["/sell/drift", "/sell/events"] {
        let page = browser.get(path).await;
        assert!(
            page.text.contains("href=\"/sell/customers/ten_2\"") && page.text.contains("Bakery &#38; Sons"),
            "{path}"
        );
        assert!(!page.text.contains("<code>ten_2</code>"), "{path}: {}", page.text);
    }
    let asked = browser.api.heard.lock().unwrap().iter().rev().find(|h| h.0 == "TenantsNamed").unwrap().1.clone();
    assert_eq!(asked, json!({ "ids": ["ten_2"] }), "once for all rows");
    // A list is there though names are not.
    browser.api.fail("TenantsNamed", "FORBIDDEN");
    assert!(browser.get("/sell/drift").await.text.contains("<strong>ten_2</strong>"));
    let mut operator = console::operator(&[]).await;
    operator
        .api
        .say("TenantsNamed", json!({ "nodes": [{ "__typename": "Tenant", "id": "ten_1", "name": "A & Sons" }] }));
    let page = operator.get("/sell/queue").await;
    assert!(page.text.contains(">A &#38; Sons</a>"), "{}", page.text);
    let asked = operator.api.count("TenantsNamed");
    operator.get("/trace").await;
    assert_eq!(operator.api.count("TenantsNamed"), asked, "of one's own mail nothing is to be told");
}

#[tokio::test]
async fn where_a_customer_stands_is_told_to_its_seller_in_words() {
    let mut browser = sold::signed_in().await;
    browser.language = "de";
    let page = browser.get("/sell/customers/ten_2").await;
    assert!(page.text.contains("26. November 2126") && !page.text.contains("Now it sends less."), "{}", page.text);
    let page = browser.get("/sell/calls?customer=ten_2").await;
    assert!(page.text.contains("Geld zurückzahlen") && !page.text.contains("REFUND"), "{}", page.text);
}

#[tokio::test]
async fn a_plan_costs_the_same_inside_as_it_did_to_a_stranger() {
    let mut browser = sold::signed_in().await;
    for path in ["/billing/plan", "/billing/plan/pln_OFFERED"] {
        let page = browser.get(path).await;
        for said in [
            "6.50 EUR a month, without tax",
            "65.00 EUR a year, without tax",
            "Mailboxes: 1.50 EUR a month each; 1 of them in the price above",
        ] {
            assert!(page.text.contains(said), "{path}: {said}: {}", page.text);
        }
    }
    browser.language = "fr";
    let page = browser.get("/billing/plan/pln_OFFERED").await;
    assert!(page.text.contains("Boîtes : 1,50 EUR par mois"), "the usual title of a part is translated: {}", page.text);
}

#[tokio::test]
async fn storage_that_is_paid_by_use_says_how_it_is_counted() {
    let mut browser = sold::signed_in().await;
    let said = "Of each day the hour with the most storage counts";
    assert!(!browser.get("/billing/plan/pln_OFFERED").await.text.contains(said));
    let mut plan = sold::plan("OFFERED");
    plan["components"][1]["metered"]["meter"] = json!("STORAGE_GIB_DAYS");
    browser.api.say("PlanShown", json!({ "plan": plan }));
    assert!(browser.get("/billing/plan/pln_OFFERED").await.text.contains(said));
    let mut usage = sold::usage();
    assert!(!browser.get("/billing/usage").await.text.contains(said));
    usage["billingStanding"]["metered"][0]["meter"] = json!("STORAGE_GIB_DAYS");
    browser.api.say("UsageShown", usage);
    assert!(browser.get("/billing/usage").await.text.contains(said));
}
