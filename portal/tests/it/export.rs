//! SUMMARY    Taking mail along: asking for it, watching it, its files by a link that is shown once.

use crate::{
    answers::{answers, shown_export},
    means::heard,
    stub::Browser,
};
use axum::http::StatusCode;
use serde_json::{Value, json};

async fn ann() -> Browser {
    let mut browser = Browser::new();
    browser.sign_in().await;
    answers(&browser);
    browser
}

fn say(browser: &Browser, operation: &str, field: &str, object: Value) {
    let mut payload = json!({ "userErrors": [] });
    payload.as_object_mut().unwrap().extend(object.as_object().unwrap().clone());
    browser.api.say(operation, json!({ field: payload }));
}

#[tokio::test]
async fn exports_are_listed_and_asked_for_after_a_factor() {
    let mut browser = ann().await;
    let page = browser.get("/exports").await.text;
    for part in
        ["href=\"/exports/job_2\"", "ann@a.example", "All mailboxes", "2 mailboxes", "Waits for the other owners"]
    {
        assert!(page.contains(part), "{part}: {page}");
    }
    let fields = [
        ("act", "request"),
        ("what", "one"),
        ("mailbox", "ann@a.example"),
        ("shape", "maildir"),
        ("days", "3"),
        ("reason", "x"),
    ];
    browser.api.say("MailboxByAddress", json!({ "mailboxByAddress": { "id": "acc_1", "address": "ann@a.example" } }));
    browser.api.fail("ExportRequest", "STEP_UP_REQUIRED");
    let away = browser.submit("/exports", "/exports", &fields).await;
    assert_eq!(away.location(), "/security/confirm?next=%2Fexports");
    let again = browser.get("/exports").await.text;
    assert!(
        again.contains("value=\"ann@a.example\"") && again.contains("value=\"3\""),
        "what was typed stands there: {again}"
    );
    say(&browser, "ExportRequest", "exportRequest", json!({ "export": { "id": "job_9" } }));
    assert_eq!(browser.submit("/exports", "/exports", &fields).await.location(), "/exports/job_9?ok=export-asked");
    let input = heard(&browser, "ExportRequest")["input"].clone();
    assert_eq!((&input["shape"], &input["keepDays"], &input["reason"]), (&json!("MAILDIR"), &json!(3), &json!("x")));
    assert_eq!(input["mailboxIds"].as_array().map(Vec::len), Some(1));
    let all = [("act", "request"), ("what", "all"), ("mailbox", ""), ("shape", "mbox"), ("days", "")];
    assert_eq!(browser.submit("/exports", "/exports", &all).await.status, StatusCode::SEE_OTHER);
    let input = heard(&browser, "ExportRequest")["input"].clone();
    assert_eq!((&input["mailboxIds"], &input["keepDays"]), (&Value::Null, &Value::Null));
    let wrong = [("act", "request"), ("what", "all"), ("days", "soon")];
    assert_eq!(browser.submit("/exports", "/exports", &wrong).await.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn an_export_says_how_far_it_is_and_is_stopped() {
    let mut browser = ann().await;
    browser.api.say("ExportShown", shown_export("WRITING"));
    let page = browser.get("/exports/job_1").await.text;
    for part in [
        "10 of 40 messages",
        "about 3 minutes left",
        "width=\"250\"",
        "hx-trigger",
        "We &#60;b&#62;move",
        "One message could not",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!page.contains("export-1.zip"));
    say(&browser, "ExportPause", "exportPause", json!({}));
    let path = "/exports/job_1";
    assert_eq!(browser.submit(path, path, &[("act", "pause")]).await.location(), "/exports/job_1?ok=export-paused");
    assert_eq!(heard(&browser, "ExportPause")["input"]["exportId"], "job_1");
    let error = json!([{ "field": "exportId", "message": "job_1 is just being begun", "code": "IN_USE" }]);
    browser.api.say("ExportCancel", json!({ "exportCancel": { "userErrors": error } }));
    let refused = browser.submit(path, path, &[("act", "cancel")]).await;
    assert!(
        refused.status == StatusCode::UNPROCESSABLE_ENTITY && refused.text.contains("just being begun"),
        "{}",
        refused.text
    );
    say(&browser, "ExportCancel", "exportCancel", json!({}));
    assert_eq!(browser.submit(path, path, &[("act", "cancel")]).await.location(), "/exports/job_1?ok=export-cancelled");
    browser.api.say("ExportShown", json!({ "export": null, "files": null, "links": null }));
    assert_eq!(browser.get(path).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn files_are_fetched_by_a_link_that_is_shown_once_and_ended() {
    let mut browser = ann().await;
    let path = "/exports/job_2";
    let page = browser.get(path).await.text;
    assert!(page.contains("export-1.zip") && !page.contains("href=\"/download/"), "{page}");
    browser.api.fail("ExportLinkCreate", "STEP_UP_REQUIRED");
    let away = browser.submit(path, path, &[("act", "link")]).await;
    assert_eq!(away.location(), "/security/confirm?next=%2Fexports%2Fjob_2");
    let link = json!({ "address": "https://portal.example/download/SECRET/", "expiresAt": "2026-11-27T12:00:00.000Z" });
    say(&browser, "ExportLinkCreate", "exportLinkCreate", json!({ "link": link }));
    assert_eq!(browser.submit(path, path, &[("act", "link")]).await.location(), "/exports/job_2?ok=export-link");
    let shown = browser.get(path).await.text;
    assert!(
        shown.contains("href=\"/download/SECRET/export-1.zip\"")
            && shown.contains("https://portal.example/download/SECRET/")
    );
    assert!(!browser.get(path).await.text.contains("SECRET"), "once");
    say(&browser, "ExportLinkRevoke", "exportLinkRevoke", json!({}));
    let ended = browser.submit(path, path, &[("act", "revoke"), ("id", "exl_1")]).await;
    assert_eq!(ended.location(), "/exports/job_2?ok=ended");
    assert_eq!(heard(&browser, "ExportLinkRevoke")["input"]["linkId"], "exl_1");
}
