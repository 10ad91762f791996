//! SUMMARY    Mail set-up: aliases, groups, catch-all, what belongs to a mailbox, several at once, files.

use crate::{
    answers::{heard, job, signed_in},
    stub::{Browser, ORIGIN},
};
use axum::http::{StatusCode, header};
use serde_json::{Value, json};

/// An answer without refusals.
fn done(browser: &Browser, operation: &str) {
    let field = operation[..1].to_lowercase() + &operation[1..];
    browser.api.say(operation, json!({ field: { "userErrors": [], "endedAppPasswords": 0, "group": null } }));
}

#[tokio::test]
async fn aliases_are_looked_for_by_any_part() {
    let mut browser = signed_in().await;
    let page = browser.get("/addresses/aliases?q=SALES").await;
    assert!(page.text.contains("sales@a.example") && page.text.contains("old@a.example"), "by its label too");
    assert_eq!(heard(&browser).1["first"], 100);
    let page = browser.get("/addresses/aliases?q=old").await;
    assert!(page.text.contains("old@a.example") && !page.text.contains("<strong>sales@a.example"));
    assert!(browser.get("/addresses/aliases?q=nothing").await.text.contains("Nothing found."));
}

#[tokio::test]
async fn an_alias_leads_to_what_was_typed_and_is_switched_by_a_button() {
    let mut browser = signed_in().await;
    done(&browser, "AliasCreate");
    let fields =
        [("act", "create"), ("address", "info@a.example"), ("targets", "ann@a.example, ben@a.example"), ("label", "")];
    browser.submit("/addresses/aliases", "/addresses/aliases", &fields).await;
    assert_eq!(heard(&browser).1["input"]["targets"], json!(["ann@a.example", "ben@a.example"]));
    done(&browser, "AliasUpdate");
    let fields = [("act", "disable"), ("id", "info@a.example")];
    let page = browser.submit("/addresses/aliases", "/addresses/aliases", &fields).await;
    assert_eq!(page.location(), "/addresses/aliases?ok=saved");
    let asked = heard(&browser).1;
    assert_eq!((&asked["input"]["enabled"], asked["input"].get("targets")), (&json!(false), None));
}

#[tokio::test]
async fn a_group_is_found_under_its_address() {
    let mut browser = signed_in().await;
    let page = browser.get("/addresses/groups").await;
    assert!(page.text.contains("href=\"/addresses/groups/team%2Bx@a.example\""), "{}", page.text);
    browser.get("/addresses/groups/team%2Bx@a.example").await;
    assert_eq!(heard(&browser).1["address"], "team+x@a.example");
    done(&browser, "GroupMembersAdd");
    let path = "/addresses/groups/team%2Bx@a.example";
    let page = browser.submit(path, path, &[("act", "add"), ("members", "cy@c.example di@d.example")]).await;
    assert_eq!(page.location(), "/addresses/groups/team%2Bx@a.example?ok=saved");
    let asked = heard(&browser).1;
    assert_eq!(asked["input"]["members"], json!(["cy@c.example", "di@d.example"]));
    done(&browser, "GroupUpdate");
    browser.submit(path, path, &[("act", "update"), ("name", "All"), ("posting", "ANYONE")]).await;
    assert_eq!(heard(&browser).1["input"]["posting"], "ANYONE");
}

#[tokio::test]
async fn an_empty_catch_all_takes_it_away() {
    let mut browser = signed_in().await;
    done(&browser, "DomainUpdate");
    let path = "/domains/a.example/settings";
    let page = browser.submit(path, path, &[("act", "update"), ("catchAll", "")]).await;
    assert_eq!(page.location(), "/domains/a.example/settings?ok=saved");
    let asked = heard(&browser).1;
    assert_eq!((&asked["input"]["catchAll"], &asked["input"]["plusAddressing"]), (&Value::Null, &json!(false)));
    let fields = [("act", "update"), ("catchAll", "ann@a.example"), ("plusAddressing", "yes")];
    browser.submit(path, path, &fields).await;
    let asked = heard(&browser).1;
    assert_eq!(
        (&asked["input"]["catchAll"], &asked["input"]["plusAddressing"]),
        (&json!("ann@a.example"), &json!(true))
    );
}

#[tokio::test]
async fn an_app_password_is_shown_once_and_ended_alone() {
    let mut browser = signed_in().await;
    let made = json!({ "id": "cre_2", "secret": "abcd-efgh", "userErrors": [] });
    browser.api.say("AppPasswordCreate", json!({ "appPasswordCreate": made }));
    let path = "/mailboxes/acc_1/app-passwords";
    let page = browser.submit(path, path, &[("act", "create"), ("label", "Phone")]).await;
    assert_eq!(page.location(), "/mailboxes/acc_1/app-passwords?ok=app-password");
    assert!(browser.get(path).await.text.contains("<code class=\"secret\">abcd-efgh</code>"));
    assert!(!browser.get(path).await.text.contains("abcd-efgh"));
    done(&browser, "AppPasswordRevoke");
    browser.submit(path, path, &[("act", "revoke"), ("id", "cre_1")]).await;
    let asked = heard(&browser).1;
    assert_eq!((&asked["input"]["mailboxId"], &asked["input"]["id"]), (&json!("acc_1"), &json!("cre_1")));
}

#[tokio::test]
async fn a_new_password_tells_which_others_ended_with_it() {
    let mut browser = signed_in().await;
    let answer =
        json!({ "mailbox": { "id": "acc_1", "address": "ann@a.example" }, "endedAppPasswords": 2, "userErrors": [] });
    browser.api.say("MailboxSetPassword", json!({ "mailboxSetPassword": answer }));
    browser.submit("/mailboxes/acc_1", "/mailboxes/acc_1/password", &[]).await;
    assert!(browser.get("/mailboxes/acc_1").await.text.contains("2 app passwords ended with the old one."));
}

#[tokio::test]
async fn a_delegate_is_named_by_address_and_who_may_write_may_open() {
    let mut browser = signed_in().await;
    done(&browser, "DelegateAdd");
    browser.api.say("MailboxByAddress", json!({ "mailboxByAddress": { "id": "acc_2", "address": "ben@a.example" } }));
    let path = "/mailboxes/acc_1/sharing";
    let fields = [("act", "add"), ("delegate", "ben@a.example"), ("rights", "write"), ("rights", "send")];
    browser.submit(path, path, &fields).await;
    let asked = heard(&browser).1;
    let rights = ["delegateId", "open", "write", "sendAs"].map(|name| asked["input"][name].clone());
    assert_eq!(rights, [json!("acc_2"), json!(true), json!(true), json!(true)]);
    browser.api.say("MailboxByAddress", json!({ "mailboxByAddress": null }));
    let page = browser.submit(path, path, &fields).await;
    assert_eq!((page.status, browser.api.count("DelegateAdd")), (StatusCode::UNPROCESSABLE_ENTITY, 1));
    assert!(page.text.contains("id=\"delegate-error\""));
}

#[tokio::test]
async fn several_mailboxes_are_changed_each_by_itself() {
    let mut browser = signed_in().await;
    done(&browser, "MailboxSuspend");
    let fields =
        [("act", "suspend"), ("ticked", "acc_1"), ("ticked", "acc_2"), ("reason", "Holidays"), ("quotaBytesMax", "")];
    let page = browser.submit("/mailboxes", "/mailboxes/bulk", &fields).await;
    assert_eq!(page.location(), "/mailboxes?ok=saved");
    assert_eq!(browser.api.count("MailboxSuspend"), 2);
    assert_eq!(heard(&browser).1["input"]["idempotencyKey"], "key-1-acc_1", "of the form and the mailbox");
    let refused = json!([{ "field": "mailboxId", "message": "Legal.", "code": "HELD" }]);
    browser.api.say("MailboxDelete", json!({ "mailboxDelete": { "userErrors": refused } }));
    let page = browser.submit("/mailboxes", "/mailboxes/bulk", &[("act", "delete"), ("ticked", "acc_1")]).await;
    assert!(page.text.contains("Delete them all") && browser.api.count("MailboxDelete") == 0, "asked before");
    crate::pages::check("/mailboxes/bulk", "en", &page);
    let sure = [("act", "delete"), ("sure", "yes"), ("ticked", "acc_1")];
    let page = browser.submit("/mailboxes", "/mailboxes/bulk", &sure).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.text.contains("<strong>ann@a.example</strong>: It is kept by a hold."), "{}", page.text);
    let page = browser.submit("/mailboxes", "/mailboxes/bulk", &[("act", "suspend")]).await;
    assert_eq!(page.location(), "/mailboxes?ok=none-ticked");
    let page = browser
        .submit("/mailboxes", "/mailboxes/bulk", &[("act", "quota"), ("ticked", "acc_1"), ("quotaBytesMax", "x")])
        .await;
    assert!(page.text.contains("A size in GB"));
}

/// A form with a file, as browsers send it.
fn upload(token: &str, parts: &[(&str, &str)]) -> String {
    let part = |(name, value): &(&str, &str)| {
        let file = if *name == "file" { "; filename=\"a.csv\"\r\nContent-Type: text/csv" } else { "" };
        format!("--xX\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n{value}\r\n")
    };
    let parts: String = [("form", token), ("once", "key-1")].iter().chain(parts).map(part).collect();
    format!("{parts}--xX--\r\n")
}

#[tokio::test]
async fn a_file_is_sent_tried_first_and_its_job_followed() {
    let mut browser = signed_in().await;
    browser.api.say("MailboxImport", json!({ "mailboxImport": { "job": { "id": "job_1" }, "userErrors": [] } }));
    let token = browser.get("/mailboxes/import").await.form_token();
    let headers = [("content-type", "multipart/form-data; boundary=xX"), ("origin", ORIGIN)];
    let csv = format!("\u{feff}address,name\r\n{}", "a@a.example,Ä \"x\"\r\n".repeat(20_000));
    let body = upload(&token, &[("file", &csv), ("csv", ""), ("errorPolicy", "CONTINUE"), ("checkOnly", "yes")]);
    let page = browser.post_multipart("/mailboxes/import", &headers, &body).await;
    assert_eq!(page.location(), "/access/jobs/job_1");
    let asked = heard(&browser).1;
    assert_eq!(asked["input"]["csv"].as_str().unwrap(), csv.trim_start_matches('\u{feff}'));
    assert_eq!((&asked["input"]["checkOnly"], &asked["input"]["errorPolicy"]), (&json!(true), &json!("CONTINUE")));
    // Without its session's token it is nobody's form, however it is sent.
    let page = browser.post_multipart("/mailboxes/import", &headers, &upload("other", &[("csv", "address")])).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    let page = browser.post_multipart("/mailboxes/import", &headers, "--xX\r\nbroken").await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    browser.api.say("JobShown", json!({ "job": job("mailboxImport", "DONE") }));
    let page = browser.get("/access/jobs/job_1").await;
    assert!(
        page.text.contains("href=\"/mailboxes/import/job_1?only=refused\"")
            && page.text.contains("Passwords that were made")
    );
    let file = browser.get("/mailboxes/import/job_1?only=refused").await;
    assert_eq!(heard(&browser).1["refused"], true);
    assert_eq!(file.headers[header::CONTENT_TYPE], "text/csv; charset=utf-8");
    assert_eq!(file.headers[header::CONTENT_DISPOSITION], "attachment; filename=\"job_1.csv\"");
    let passwords = json!({ "csv": "address,password\n", "userErrors": [] });
    browser.api.say("MailboxImportPasswords", json!({ "mailboxImportPasswords": passwords }));
    let file = browser.submit("/access/jobs/job_1", "/mailboxes/import/job_1", &[]).await;
    assert_eq!(file.text, "address,password\n");
}

#[tokio::test]
async fn a_stranger_sends_no_large_form() {
    let mut browser = Browser::new();
    let token = browser.get("/sign-in").await.form_token();
    let body = format!("form={token}&csv={}", "x".repeat(100_000));
    let page = browser.post_raw("/mailboxes/import", &[("origin", ORIGIN)], &body).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
}
