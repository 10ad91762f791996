//! SUMMARY    Moving in: a look before anything is begun, beginning after a factor, watching it, many at once; passwords are never written back.

use crate::{
    answers::{answers, shown_migration},
    means::heard,
    stub::Browser,
};
use axum::http::StatusCode;
use serde_json::{Value, json};

const SECRET: &str = "hunter2,\"of old\"";

async fn ann() -> Browser {
    let mut browser = Browser::new();
    browser.sign_in().await;
    answers(&browser);
    browser.api.say("MailboxByAddress", json!({ "mailboxByAddress": { "id": "acc_1", "address": "ann@a.example" } }));
    browser
}

fn say(browser: &Browser, operation: &str, field: &str, object: Value) {
    let mut payload = json!({ "userErrors": [] });
    payload.as_object_mut().unwrap().extend(object.as_object().unwrap().clone());
    browser.api.say(operation, json!({ field: payload }));
}

fn typed(act: &'static str) -> Vec<(&'static str, &'static str)> {
    vec![
        ("act", act),
        ("mailbox", "ann@a.example"),
        ("provider", "other"),
        ("host", "imap.old.example"),
        ("port", "143"),
        ("security", "starttls"),
        ("user", "ann"),
        ("secret", SECRET),
    ]
}

#[tokio::test]
async fn a_look_shows_what_is_there_and_its_page_begins_just_that() {
    let mut browser = ann().await;
    let page = browser.get("/move").await.text;
    for part in ["href=\"/move/job_2\"", "Up to date", "ann &#60;b&#62;", "href=\"/move/many\"", "imap.old.example"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let folders = json!([{ "name": "Old <b>", "mailbox": "Archive", "messages": 3, "size": "2048" },
        { "name": "New", "mailbox": "New", "messages": null, "size": null }]);
    let open =
        json!({ "open": true, "problem": null, "folders": folders, "foldersTotal": 5, "messages": 3, "size": null });
    browser.api.say("MigrationLook", json!({ "migrationCheck": open }));
    let looked = browser.submit("/move", "/move", &typed("look")).await;
    assert_eq!(looked.status, StatusCode::OK);
    for part in [
        "Old &#60;b&#62;",
        "Archive",
        "3 messages",
        "And 3 more folders",
        "name=\"act\" value=\"start\"",
        "value=\"143\"",
    ] {
        assert!(looked.text.contains(part), "{part}: {}", looked.text);
    }
    let source = json!({ "host": "imap.old.example", "port": 143, "security": "START_TLS", "signIn": "PASSWORD" });
    let asked = heard(&browser, "MigrationLook");
    assert_eq!((&asked["source"], &asked["secret"], &asked["mailbox"]), (&source, &json!(SECRET), &json!("acc_1")));
    browser.api.fail("MigrationStart", "STEP_UP_REQUIRED");
    let away = browser.submit("/move", "/move", &typed("start")).await;
    assert_eq!(away.location(), "/security/confirm?next=%2Fmove");
    let again = browser.get("/move").await.text;
    assert!(
        again.contains("value=\"imap.old.example\"") && !again.contains("hunter2"),
        "all but the password: {again}"
    );
    say(&browser, "MigrationStart", "migrationStart", json!({ "migration": { "id": "job_9" } }));
    let begun = browser.submit("/move", "/move", &typed("start")).await;
    assert_eq!(begun.location(), "/move/job_9?ok=move-started");
    let input = heard(&browser, "MigrationStart")["input"].clone();
    assert_eq!((&input["source"], &input["secret"], &input["user"]), (&source, &json!(SECRET), &json!("ann")));
}

#[tokio::test]
async fn what_is_wrong_is_told_and_the_password_is_not_written_back() {
    let mut browser = ann().await;
    let closed = json!({ "open": false, "problem": "the source refuses: no", "folders": [], "foldersTotal": 0, "messages": 0, "size": null });
    browser.api.say("MigrationLook", json!({ "migrationCheck": closed }));
    let refused = browser.submit("/move", "/move", &typed("look")).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.text.contains("app password alone") && refused.text.contains("the source refuses: no"));
    assert!(refused.text.contains("value=\"imap.old.example\"") && !refused.text.contains("hunter2"));
    let nowhere =
        [("act", "look"), ("mailbox", "ann@a.example"), ("provider", "other"), ("user", "a"), ("secret", "b")];
    let refused = browser.submit("/move", "/move", &nowhere).await;
    assert!(refused.text.contains("Name the server"), "{}", refused.text);
    let error = json!([{ "field": "host", "message": "the address is not of the public Internet", "code": "INVALID" }]);
    browser.api.say("MigrationStart", json!({ "migrationStart": { "migration": null, "userErrors": error } }));
    let refused = browser.submit("/move", "/move", &typed("start")).await;
    assert!(refused.status == StatusCode::UNPROCESSABLE_ENTITY && refused.text.contains("not of the public Internet"));
}

#[tokio::test]
async fn a_move_is_watched_paused_gone_on_with_and_ended() {
    let mut browser = ann().await;
    browser.api.say("MigrationShown", shown_migration("RUNNING"));
    let page = browser.get("/move/job_1").await.text;
    for part in [
        "12 of 48 messages",
        "1 of 4 folders",
        "width=\"250\"",
        "hx-trigger",
        "Old &#60;b&#62; #7",
        "And one more.",
        "10 messages brought",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let path = "/move/job_1";
    say(&browser, "MigrationPause", "migrationPause", json!({}));
    assert_eq!(browser.submit(path, path, &[("act", "pause")]).await.location(), "/move/job_1?ok=move-paused");
    browser.api.say("MigrationShown", shown_migration("FAILED"));
    let page = browser.get(path).await.text;
    assert!(page.contains("the source refuses: &#60;b&#62;no") && page.contains("type=\"password\""), "{page}");
    say(&browser, "MigrationResume", "migrationResume", json!({}));
    let fields = [("act", "resume"), ("secret", SECRET)];
    assert_eq!(browser.submit(path, path, &fields).await.location(), "/move/job_1?ok=move-resumed");
    assert_eq!(heard(&browser, "MigrationResume")["input"]["secret"], SECRET);
    browser.submit(path, path, &[("act", "resume"), ("secret", "")]).await;
    assert_eq!(heard(&browser, "MigrationResume")["input"]["secret"], Value::Null, "the one that it has");
    say(&browser, "MigrationEnd", "migrationEnd", json!({}));
    assert_eq!(browser.submit(path, path, &[("act", "end")]).await.location(), "/move/job_1?ok=move-ended");
    browser.api.say("MigrationShown", shown_migration("ENDED"));
    assert!(!browser.get(path).await.text.contains("name=\"act\""), "nothing is left to be done");
    browser.api.say("MigrationShown", json!({ "migration": null, "problems": null }));
    assert_eq!(browser.get(path).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn many_are_begun_by_lines_and_those_that_are_not_are_told() {
    let mut browser = ann().await;
    let lines = "mailbox,user,password\nann@a.example,ann,hunter2\nno@a.example,no,x";
    let fields = [("act", "many"), ("provider", "gmail"), ("accounts", lines)];
    let done = json!({ "migration": { "id": "job_1", "state": "QUEUED", "problem": null }, "userErrors": [] });
    let missing = json!({ "migration": null, "userErrors": [{ "field": "mailbox", "message": "It does not exist", "code": "NOT_FOUND" }] });
    say(&browser, "MigrationStartMany", "migrationStartMany", json!({ "results": [done, missing] }));
    let some = browser.submit("/move/many", "/move/many", &fields).await;
    assert_eq!(some.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(some.text.contains("no@a.example") && !some.text.contains("hunter2"), "{}", some.text);
    let input = heard(&browser, "MigrationStartMany")["input"].clone();
    assert_eq!((&input["source"]["host"], &input["source"]["port"]), (&json!("imap.gmail.com"), &Value::Null));
    assert_eq!(input["accounts"][0], json!({ "mailbox": "ann@a.example", "user": "ann", "secret": "hunter2" }));
    say(&browser, "MigrationStartMany", "migrationStartMany", json!({ "results": [done] }));
    assert_eq!(browser.submit("/move/many", "/move/many", &fields).await.location(), "/move?ok=move-many");
    let wrong = [("act", "many"), ("provider", "gmail"), ("accounts", "ann@a.example")];
    assert_eq!(browser.submit("/move/many", "/move/many", &wrong).await.status, StatusCode::UNPROCESSABLE_ENTITY);
}
