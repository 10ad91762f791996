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

#[tokio::test]
async fn days_of_deleted_mail_are_set_and_refused_beside_their_field() {
    let mut browser = ann().await;
    browser.api.say("EmailRecoverySet", json!({ "emailRecoverySet": { "userErrors": [] } }));
    assert!(browser.get("/privacy").await.text.contains("brought back for 7 days"));
    let fields = [("act", "recovery"), ("recovery-days", "0"), ("version", "3")];
    assert_eq!(browser.submit("/privacy", "/privacy", &fields).await.location(), "/privacy?ok=saved");
    assert_eq!(heard(&browser, "EmailRecoverySet")["input"]["days"], 0);
    let error = json!([{ "field": "days", "message": "At most 90 days", "code": "INVALID" }]);
    browser.api.say("EmailRecoverySet", json!({ "emailRecoverySet": { "userErrors": error } }));
    let fields = [("act", "recovery"), ("recovery-days", "91"), ("version", "3")];
    let refused = browser.submit("/privacy", "/privacy", &fields).await;
    assert!(
        refused.status == StatusCode::UNPROCESSABLE_ENTITY && refused.text.contains("0 to 90."),
        "{}",
        refused.text
    );
}

#[tokio::test]
async fn deleted_mail_comes_back_alone_or_a_page_at_once_and_what_did_not_is_said() {
    let mut browser = ann().await;
    let path = "/mailboxes/acc_1/recover";
    let page = browser.get(path).await.text;
    assert!(
        page.contains("Lost &#60;b&#62;")
            && page.contains("Mail that came on")
            && page.contains("for 14 days")
            && page.contains("?after=17000%2F1"),
        "{page}"
    );
    let say = |browser: &Browser, came: Value, stopped: Value| {
        let recovered = json!({ "recoveredIds": came, "goneIds": [], "stopped": stopped });
        browser.api.say("EmailsRecover", json!({ "emailsRecover": { "recovered": recovered, "userErrors": [] } }));
    };
    say(&browser, json!(["17000/2"]), Value::Null);
    let fields = [("act", "recover"), ("id", "17000/2 17000/1")];
    assert_eq!(browser.submit(path, path, &fields).await.location(), "/mailboxes/acc_1/recover?ok=recovered");
    assert_eq!(heard(&browser, "EmailsRecover")["input"]["emailIds"], json!(["17000/2", "17000/1"]));
    say(&browser, json!([]), Value::Null);
    assert!(browser.submit(path, path, &fields).await.text.contains("Nothing came back"));
    say(&browser, json!([]), json!("mailbox storage is full"));
    let stopped = browser.submit(path, path, &fields).await;
    assert!(
        stopped.status == StatusCode::UNPROCESSABLE_ENTITY && stopped.text.contains("Not all came back"),
        "{}",
        stopped.text
    );
}
