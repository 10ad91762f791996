//! SUMMARY    A domain's page that stays open: when it looks again, when it does not.

use crate::stub::{Browser, ORIGIN, Page};
use axum::http::StatusCode;
use serde_json::{Value, json};

fn domain(browser: &Browser, state: &str, seconds_ago: i64) {
    domain_with(browser, state, "MISSING", seconds_ago);
}

fn domain_with(browser: &Browser, state: &str, status: &str, seconds_ago: i64) {
    let at = jiff::Timestamp::now() - jiff::SignedDuration::from_secs(seconds_ago);
    let record = json!({
        "name": "a.example", "type": "TXT", "facet": "OWNERSHIP", "expected": ["x"], "observed": [], "status": status,
        "hint": "", "stale": [], "required": true,
    });
    let shown = json!({
        "name": "a.example", "state": state, "version": 1, "checkedAt": at.to_string(), "nextCheckAt": null, "failedDays": 0,
        "challenge": { "name": "a.example", "value": "x" }, "records": [record], "notices": [],
    });
    browser.api.say("DomainShown", json!({ "domain": shown }));
    browser.api.say("DomainCheck", json!({ "domainCheck": { "domain": { "name": "a.example" }, "userErrors": [] } }));
}

async fn watch(browser: &mut Browser, round: u32) -> Page {
    let token = browser.get("/domains/a.example").await.form_token();
    let headers = [("origin", ORIGIN), ("hx-request", "true")];
    browser.post_raw("/domains/a.example/watch", &headers, &format!("form={token}&round={round}")).await
}

#[tokio::test]
async fn an_open_page_looks_again_unless_somebody_just_did() {
    let mut browser = Browser::new();
    browser.sign_in().await;
    domain(&browser, "CLAIMED", 60);
    let page = watch(&mut browser, 0).await;
    assert_eq!((page.status, browser.api.count("DomainCheck")), (StatusCode::OK, 1));
    assert!(page.text.contains("name=\"round\" value=\"1\"") && page.text.contains("hx-trigger=\"every 5s\""));
    domain(&browser, "CLAIMED", 3);
    watch(&mut browser, 1).await;
    assert_eq!(browser.api.count("DomainCheck"), 1, "another page looked 3 seconds ago");
    // A page that is left open goes on, and asks nobody's servers any more.
    domain(&browser, "CLAIMED", 600);
    let page = watch(&mut browser, 60).await;
    assert!(page.text.contains("hx-trigger=\"every 30s\""));
    assert_eq!(browser.api.count("DomainCheck"), 1);
}

#[tokio::test]
async fn a_domain_is_watched_until_every_record_is_right() {
    let mut browser = Browser::new();
    browser.sign_in().await;
    for status in ["MISSING", "CONFLICT"] {
        domain_with(&browser, "LIVE", status, 3);
        let page = watch(&mut browser, 2).await;
        assert!(page.text.contains("hx-trigger") && page.text.contains("name=\"round\""), "{}", page.text);
        assert!(
            page.text.contains("Still to be put right")
                && page.text.contains("<a href=\"#record-0\">TXT a.example</a>")
        );
        assert!(!page.text.contains("as it should be."));
    }
    domain_with(&browser, "LIVE", "MATCH", 600);
    let page = watch(&mut browser, 2).await;
    assert!(page.text.contains("Every record that is needed is as it should be."));
    assert!(!page.text.contains("Still to be put right"));
    assert!(!page.text.contains("hx-trigger") && !page.text.contains("name=\"round\""), "{}", page.text);
    assert_eq!(browser.api.count("DomainCheck"), 0);
}

#[tokio::test]
async fn who_may_not_look_sees_what_others_saw() {
    let mut browser = Browser::new();
    browser.sign_in().await;
    domain(&browser, "CLAIMED", 60);
    browser.api.fail("DomainCheck", "FORBIDDEN");
    assert_eq!(watch(&mut browser, 0).await.status, StatusCode::OK);
    browser.api.fail("DomainCheck", "THROTTLED");
    assert_eq!(watch(&mut browser, 0).await.status, StatusCode::TOO_MANY_REQUESTS);
    let stranger = browser.post_raw("/domains/a.example/watch", &[("origin", "https://evil.example")], "form=x").await;
    assert_eq!(stranger.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_beginning_is_a_list_of_steps_until_all_are_done() {
    let mut browser = Browser::new();
    browser.sign_in().await;
    let say = |domains: Value, mailboxes: i64, emails: i64, factors: Value| {
        browser.api.say(
            "Home",
            json!({
                "viewer": {
                    "name": "A", "maxDomains": null, "maxMailboxes": null, "storageBytesMax": null,
                    "usage": { "usedBytes": "0", "emails": emails }, "holds": [], "factors": factors,
                },
                "domains": { "nodes": domains, "totalCount": 1 }, "mailboxes": { "totalCount": mailboxes },
                "restricted": { "nodes": [], "totalCount": 0 },
            }),
        );
    };
    say(json!([{ "name": "a.example", "state": "CLAIMED" }]), 0, 0, json!([{ "confirmed": false }]));
    let mut other = browser.other();
    other.cookies.clone_from(&browser.cookies);
    let page = other.get("/").await;
    assert_eq!(page.text.matches("<span class=\"state good\">Done</span>").count(), 1, "{}", page.text);
    assert!(
        page.text
            .contains("<a class=\"button\" href=\"/domains/a.example\" aria-label=\"Go on: Set its DNS records\">")
    );
    say(json!([{ "name": "a.example", "state": "LIVE" }]), 1, 1, json!([{ "confirmed": true }]));
    assert!(!other.get("/").await.text.contains("To begin with"));
}
