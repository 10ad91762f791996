//! SUMMARY    What is refused: forms of strangers, redirects elsewhere, texts that would become headers or markup.

use crate::stub::{Browser, ORIGIN};
use axum::http::{StatusCode, header};
use serde_json::json;

/// Every form of the portal that changes something.
const FORMS: [&str; 30] = [
    "/sign-in",
    "/sign-in/code",
    "/forgot",
    "/reset",
    "/invitation",
    "/sign-out",
    "/domains",
    "/domains/a.example/check",
    "/domains/a.example/give-up",
    "/mailboxes/new",
    "/mailboxes/acc_1",
    "/mailboxes/acc_1/password",
    "/mailboxes/acc_1/suspend",
    "/mailboxes/acc_1/resume",
    "/mailboxes/acc_1/aliases",
    "/mailboxes/acc_1/aliases/delete",
    "/mailboxes/acc_1/delete",
    "/mailboxes/acc_1/restore",
    "/privacy",
    "/exports",
    "/exports/job_1",
    "/move",
    "/move/many",
    "/move/job_1",
    "/security/sessions",
    "/security/factors",
    "/security/confirm",
    "/security/password",
    "/security/authenticator",
    "/organisations",
];

#[tokio::test]
async fn no_form_is_taken_without_its_token_or_from_elsewhere() {
    let mut browser = Browser::new();
    browser.sign_in().await;
    let token = browser.get("/security/password").await.form_token();
    let asked = browser.api.heard.lock().unwrap().len();
    let right = format!("form={token}");
    for path in FORMS {
        for (headers, body) in [
            (vec![("origin", ORIGIN)], "form="),
            (vec![("origin", ORIGIN)], ""),
            (vec![("origin", ORIGIN)], "form=AAAAAAAAAAAAAAAAAAAAAA"),
            (vec![("origin", "https://evil.example")], right.as_str()),
            (vec![("origin", "null")], right.as_str()),
            (vec![("origin", ORIGIN), ("sec-fetch-site", "cross-site")], right.as_str()),
        ] {
            let page = browser.post_raw(path, &headers, body).await;
            assert_eq!(page.status, StatusCode::FORBIDDEN, "{path} {headers:?} {body}");
            assert!(page.text.contains("Nothing was changed"));
        }
    }
    assert_eq!(browser.api.heard.lock().unwrap().len(), asked, "the API was not asked");
    // Another session's token is none.
    let mut other = browser.other();
    other.sign_in().await;
    let page = other.post_raw("/domains", &[("origin", ORIGIN)], &right).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_form_that_is_too_long_is_not_read() {
    let mut browser = Browser::new();
    let token = browser.get("/sign-in").await.form_token();
    let body = format!("form={token}&email={}", "a".repeat(70_000));
    assert_eq!(browser.post_raw("/sign-in", &[], &body).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn whoever_is_not_signed_in_sees_and_changes_nothing() {
    let mut browser = Browser::new();
    for path in
        ["/domains", "/domains/a.example", "/mailboxes", "/mailboxes/acc_1", "/security", "/organisations", "/x"]
    {
        let page = browser.get(path).await;
        assert_eq!(page.status, StatusCode::SEE_OTHER, "{path}");
        assert!(page.location().starts_with("/sign-in?next=%2F"));
    }
    for path in FORMS.iter().skip(5) {
        let page = browser.submit("/sign-in", path, &[]).await;
        assert_eq!(page.status, StatusCode::SEE_OTHER, "{path}");
    }
    // The page to sign in asks whether anybody can sign up, and nothing else is asked.
    let heard = browser.api.heard.lock().unwrap();
    assert!(heard.iter().all(|(operation, ..)| ["Brand", "SignupOptions"].contains(&operation.as_str())), "{heard:?}");
}

#[tokio::test]
async fn redirects_stay_here() {
    for next in
        ["https://evil.example/", "//evil.example", "/\\evil.example", "/x\r\nSet-Cookie: a=b", "javascript:alert(1)"]
    {
        let mut browser = Browser::new();
        browser.api.say(
            "SessionCreate",
            json!({ "sessionCreate": { "tokens": crate::stub::tokens(1, 900), "userErrors": [] } }),
        );
        browser.api.say("Whoami", crate::stub::whoami());
        let fields = [("email", "a"), ("password", "b"), ("next", next)];
        let page = browser.submit("/sign-in", "/sign-in", &fields).await;
        assert_eq!(page.location(), "/", "{next}");
        assert!(page.headers.get_all(header::SET_COOKIE).iter().all(|c| !c.to_str().unwrap().starts_with("a=")));
    }
    let mut browser = Browser::new();
    let page = browser.get("//evil.example/?lang=de").await;
    assert_eq!(page.location(), "/");
}

#[tokio::test]
async fn what_the_api_says_becomes_neither_markup_nor_a_header() {
    let mut browser = Browser::new();
    browser.sign_in().await;
    let evil = "x\r\nSet-Cookie: a=b\"<script>alert(1)</script>";
    browser.api.say("DomainZone", json!({ "domain": { "name": evil, "zoneFile": "a" } }));
    let page = browser.get("/domains/x/zone").await;
    let disposition = page.headers[header::CONTENT_DISPOSITION].to_str().unwrap();
    assert_eq!(disposition, "attachment; filename=\"xSet-CookieabscriptalertA1script.zone\"".replace("A1", "1"));
    let page = browser.get("/domains/x/give-up").await;
    assert!(page.text.contains("&#60;script&#62;") && !page.text.contains("<script>alert"));
    browser.api.say("DomainCreate", json!({ "domainCreate": { "domain": { "name": evil }, "userErrors": [] } }));
    browser.api.say("Domains", json!({ "domains": null }));
    let page = browser.submit("/security/password", "/domains", &[("name", "x")]).await;
    assert!(!page.headers.contains_key("a") && page.location().starts_with("/domains/x%0D%0A"));
}

#[tokio::test]
async fn what_belongs_to_others_is_not_found() {
    let mut browser = Browser::new();
    browser.sign_in().await;
    browser.api.say("MailboxShown", json!({ "mailbox": null }));
    browser.api.say("DomainShown", json!({ "domain": null }));
    browser.api.say("DomainZone", json!({ "domain": null }));
    for path in ["/mailboxes/acc_9", "/mailboxes/acc_9/delete", "/domains/b.example", "/domains/b.example/zone"] {
        assert_eq!(browser.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    let missing = json!([{ "field": "mailboxId", "message": "no such mailbox", "code": "NOT_FOUND" }]);
    browser.api.say("MailboxSuspend", json!({ "mailboxSuspend": { "mailbox": null, "userErrors": missing } }));
    let page = browser.submit("/security/password", "/mailboxes/acc_9/suspend", &[("reason", "x")]).await;
    assert_eq!(page.status, StatusCode::NOT_FOUND);
    // A tenant that the person is no member of.
    let page = browser.submit("/security/password", "/organisations", &[("organisation", "ten_9")]).await;
    assert_eq!(page.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_sensitive_change_asks_for_a_factor_again() {
    let mut browser = Browser::new();
    browser.sign_in().await;
    browser.api.fail("PersonSetPassword", "STEP_UP_REQUIRED");
    let fields = [("password", "new words here"), ("repeated", "new words here")];
    let page = browser.submit("/security/password", "/security/password", &fields).await;
    assert_eq!(page.location(), "/security/confirm?next=%2Fsecurity%2Fpassword");
    browser.api.say("Factors", json!({ "me": { "factors": [] } }));
    browser.api.say("SessionStepUp", json!({ "sessionStepUp": { "done": true, "userErrors": [] } }));
    let fields = [("password", "old words"), ("next", "/security/password")];
    let page = browser.submit("/security/confirm", "/security/confirm", &fields).await;
    assert_eq!(page.location(), "/security/password?ok=confirmed");
}
