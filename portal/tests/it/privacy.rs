//! SUMMARY    Data and privacy: the file of a person, how long deleted mailboxes stay, leaving for good.

use crate::{answers::answers, means::heard, stub::Browser};
use axum::http::{StatusCode, header};
use serde_json::{Value, json};

async fn ann() -> Browser {
    let mut browser = Browser::new();
    browser.sign_in().await;
    answers(&browser);
    browser
}

#[tokio::test]
async fn what_is_kept_of_a_person_comes_as_a_file() {
    let mut browser = ann().await;
    let page = browser.get("/privacy").await;
    assert!(page.text.contains("href=\"/privacy/file\"") && page.text.contains("14 days"));
    let file = browser.get("/privacy/file").await;
    assert_eq!(file.headers.get(header::CONTENT_TYPE).unwrap(), "application/json");
    let told: Value = serde_json::from_str(&file.text).unwrap();
    assert_eq!(told["me"]["person"]["email"], "ann@a.example");
    assert_eq!(told["sessions"][0]["lastUsedAt"], "2026-11-26T12:00:00.000Z");
}

#[tokio::test]
async fn days_of_deleted_mailboxes_are_set_and_given_back() {
    let mut browser = ann().await;
    browser.api.say("MailboxRetentionSet", json!({ "mailboxRetentionSet": { "userErrors": [] } }));
    let fields = [("act", "retention"), ("days", "90"), ("version", "3")];
    assert_eq!(browser.submit("/privacy", "/privacy", &fields).await.location(), "/privacy?ok=saved");
    let input = heard(&browser, "MailboxRetentionSet")["input"].clone();
    assert_eq!((&input["days"], &input["expectedVersion"]), (&json!(90), &json!(3)));
    let fields = [("act", "retention"), ("days", ""), ("version", "3")];
    assert_eq!(browser.submit("/privacy", "/privacy", &fields).await.status, StatusCode::SEE_OTHER);
    assert_eq!(heard(&browser, "MailboxRetentionSet")["input"]["days"], Value::Null, "as the tenant above");
    let fields = [("act", "retention"), ("days", "soon"), ("version", "3")];
    assert_eq!(browser.submit("/privacy", "/privacy", &fields).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(browser.api.count("MailboxRetentionSet"), 2);
}

#[tokio::test]
async fn who_leaves_types_the_address_and_is_signed_out() {
    let mut browser = ann().await;
    let say = |browser: &Browser, errors: Value| {
        let done = errors.as_array().is_some_and(Vec::is_empty);
        browser.api.say("PersonDelete", json!({ "personDelete": { "done": done, "userErrors": errors } }));
    };
    say(&browser, json!([]));
    let wrong = [("act", "delete"), ("email", "ben@a.example")];
    assert_eq!(browser.submit("/privacy", "/privacy", &wrong).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(browser.api.count("PersonDelete"), 0);
    let right = [("act", "delete"), ("email", "Ann@a.example")];
    browser.api.fail("PersonDelete", "STEP_UP_REQUIRED");
    assert_eq!(browser.submit("/privacy", "/privacy", &right).await.location(), "/security/confirm?next=%2Fprivacy");
    say(&browser, json!([{ "field": "", "message": "the last owner", "code": "LAST_OWNER" }]));
    let refused = browser.submit("/privacy", "/privacy", &right).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.text.contains("the last owner"));
    say(&browser, json!([]));
    assert_eq!(browser.submit("/privacy", "/privacy", &right).await.location(), "/?ok=person-deleted");
    assert!(browser.get("/domains").await.location().starts_with("/sign-in"));
}
