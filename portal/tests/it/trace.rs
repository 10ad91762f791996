//! SUMMARY    Outgoing mail: what is looked for, what is shown of other hosts' words, what forms order, what is said while the server is away.

use crate::{
    answers::{heard, signed_in},
    pages::check,
    sold,
    stub::Browser,
};
use axum::http::StatusCode;
use serde_json::{Value, json};

const NOW: &str = "2026-11-26T12:00:00.000Z";
const NO_ERRORS: [u8; 0] = [];

fn item(state: &str) -> Value {
    let recipient = |address: &str, fate: &str, reply: Value| json!({ "address": address, "fate": fate, "host": "mx.b.example", "reply": reply, "status": "4.2.0", "at": NOW });
    let fates = ["WAITING", "DELIVERED", "FAILED", "CANCELLED", "SOMETHING_NEW"];
    let recipients: Vec<Value> =
        fates.iter().map(|fate| recipient(&format!("{fate}@b.example"), fate, json!("450 4.2.0 <b>later"))).collect();
    let parked = state == "PARKED";
    json!({
        "id": "que_1", "tenantId": "ten_1", "mailboxId": "acc_1", "sender": "ann@a.example", "domain": "b.example", "messageId": "<1@a.example>",
        "size": "2048", "state": state, "attempts": 2, "nextAttemptAt": if state == "WAITING" { json!(NOW) } else { Value::Null },
        "createdAt": NOW, "expiresAt": NOW, "endedAt": if state == "ENDED" { json!(NOW) } else { Value::Null },
        "parkedReason": if parked { json!("Looked at.") } else { Value::Null }, "heldByHand": parked, "returnReason": null,
        "recipients": recipients,
        "answers": [
            { "at": NOW, "attempt": 1, "host": null, "reply": "451 4.4.3 Looking up failed", "status": "4.4.3", "recipients": 1 },
            { "at": NOW, "attempt": 2, "host": "mx.b.example", "reply": "450 4.2.0 <b>later", "status": "4.2.0", "recipients": 1 },
        ],
    })
}

fn page(items: &[Value], more: bool) -> Value {
    let info = json!({ "hasNextPage": more, "endCursor": "ten_1/0/que_1" });
    json!({ "queueItems": { "nodes": items, "pageInfo": info } })
}

/// What the pages of outgoing mail read.
pub fn answers(browser: &Browser) {
    let items: Vec<Value> =
        ["WAITING", "UNDER_WAY", "PARKED", "ENDED", "SOMETHING_NEW"].into_iter().map(item).collect();
    browser.api.say("QueueItems", page(&items, true));
    browser.api.say("QueueItemShown", json!({ "queueItem": item("WAITING") }));
}

#[tokio::test]
async fn mail_is_looked_for_by_a_form_of_the_address() {
    let mut browser = signed_in().await;
    let path = "/trace?state=parked&recipient=bob%40b.example&sender=ann%40a.example&domain=b.example&message=1%40a.example&after=x";
    let shown = browser.get(path).await;
    let (operation, asked) = heard(&browser);
    let filter = json!({
        "domain": "b.example", "sender": "ann@a.example", "recipient": "bob@b.example", "messageId": "1@a.example", "state": "PARKED",
    });
    assert_eq!((operation.as_str(), &asked["filter"]), ("QueueItems", &filter));
    assert_eq!(
        (&asked["tenant"], &asked["below"], &asked["ended"], &asked["after"]),
        (&json!("ten_1"), &json!(false), &json!(false), &json!("x"))
    );
    assert!(shown.text.contains("450 4.2.0 &#60;b&#62;later"), "words of others are text");
    assert!(shown.text.contains("value=\"bob@b.example\"") && shown.text.contains("after=ten_1%2F0%2Fque_1"));
    browser.get("/trace?state=ended").await;
    assert_eq!((&heard(&browser).1["ended"], &heard(&browser).1["filter"]["state"]), (&json!(true), &Value::Null));
    browser.api.say("QueueItems", page(&[], true));
    assert!(browser.get("/trace?domain=c.example").await.text.contains("There is more to look through"));
}

#[tokio::test]
async fn an_item_is_shown_with_each_answer_and_the_buttons_that_fit() {
    let mut browser = signed_in().await;
    let path = "/trace/ten_1/que_1";
    let waiting = browser.get(path).await.text;
    assert!(waiting.contains("451 4.4.3 Looking up failed") && waiting.contains("mx.b.example"));
    assert!(
        waiting.contains("value=\"retry\"")
            && waiting.contains("value=\"hold\"")
            && waiting.contains("/que_1/cancel\"")
    );
    browser.api.say("QueueItemShown", json!({ "queueItem": item("PARKED") }));
    let parked = browser.get(path).await.text;
    assert!(
        parked.contains("value=\"release\"") && !parked.contains("value=\"hold\"") && parked.contains("Looked at.")
    );
    browser.api.say("QueueItemShown", json!({ "queueItem": item("ENDED") }));
    let ended = browser.get(path).await.text;
    assert!(!ended.contains("value=\"retry\"") && !ended.contains("/que_1/cancel\""));
    assert_eq!(browser.get("/trace/ten_1/que_1/cancel").await.status, StatusCode::NOT_FOUND);
    browser.api.say("QueueItemShown", json!({ "queueItem": null }));
    assert_eq!(browser.get(path).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn forms_order_what_they_say_and_are_refused_in_words() {
    let mut browser = signed_in().await;
    let path = "/trace/ten_1/que_1";
    for (act, operation, field) in [
        ("retry", "QueueItemRetry", "queueItemRetry"),
        ("release", "QueueItemRelease", "queueItemRelease"),
        ("hold", "QueueItemHold", "queueItemHold"),
    ] {
        browser.api.say(operation, json!({ field: { "userErrors": NO_ERRORS } }));
        let page = browser.submit(path, path, &[("act", act), ("reason", "Looked at.")]).await;
        assert_eq!(page.location(), "/trace/ten_1/que_1?ok=saved");
        let (asked, variables) = heard(&browser);
        let input = &variables["input"];
        assert_eq!(
            (asked.as_str(), &input["tenantId"], &input["itemId"]),
            (operation, &json!("ten_1"), &json!("que_1"))
        );
        assert_eq!((&input["idempotencyKey"], input["reason"] == "Looked at."), (&json!("key-1"), act == "hold"));
    }
    let busy = json!([{ "field": "itemId", "message": "It is being sent right now", "code": "IN_USE" }]);
    browser.api.say("QueueItemRetry", json!({ "queueItemRetry": { "userErrors": busy } }));
    let page = browser.submit(path, path, &[("act", "retry")]).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    check(path, "en", &page);
    assert!(page.text.contains("It is being sent right now"));
}

#[tokio::test]
async fn a_cancellation_is_asked_for_and_silence_is_the_operators() {
    let mut browser = signed_in().await;
    let cancel = "/trace/ten_1/que_1/cancel";
    browser.api.say("QueueItemCancel", json!({ "queueItemCancel": { "userErrors": NO_ERRORS } }));
    assert!(!browser.get(cancel).await.text.contains("name=\"silently\""));
    let page = browser.submit(cancel, cancel, &[("act", "cancel"), ("reason", "Wrong list.")]).await;
    assert_eq!(page.location(), "/trace/ten_1/que_1?ok=saved");
    let expected = json!({
        "tenantId": "ten_1", "itemId": "que_1", "reason": "Wrong list.", "silently": false, "dryRun": false, "idempotencyKey": "key-1",
    });
    assert_eq!(heard(&browser).1["input"], expected);
    let mut operator = sold::signed_in().await;
    operator.api.say("QueueItemCancel", json!({ "queueItemCancel": { "userErrors": NO_ERRORS } }));
    let cancel = "/sell/queue/ten_2/que_1/cancel";
    assert!(operator.get(cancel).await.text.contains("name=\"silently\""));
    let page = operator.submit(cancel, cancel, &[("reason", "Spam."), ("silently", "1")]).await;
    assert_eq!(page.location(), "/sell/queue/ten_2/que_1?ok=saved");
    assert_eq!(heard(&operator).1["input"]["silently"], true);
    operator.get("/sell/queue").await;
    assert_eq!(heard(&operator).1["below"], true);
}

#[tokio::test]
async fn while_the_mail_server_is_away_the_page_says_so() {
    let mut browser = signed_in().await;
    browser.api.fail("QueueItems", "UNAVAILABLE");
    let page = browser.get("/trace").await;
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(page.text.contains("The mail server does not answer"));
    check("/trace", "en", &page);
}
