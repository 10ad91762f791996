//! SUMMARY    Sessions: begun anew, kept from scripts, continued once by two tabs, ended at the API.

use crate::stub::{Browser, tokens};
use axum::http::{StatusCode, header};
use serde_json::json;
use std::time::Duration;

const COOKIE: &str = "__Host-posthouse";

#[tokio::test]
async fn a_sign_in_begins_with_another_cookie_and_another_form_token() {
    let mut browser = Browser::new();
    let before = browser.get("/sign-in").await;
    let (planted, token) = (browser.cookies[COOKIE].clone(), before.form_token());
    browser.sign_in().await;
    assert_ne!(browser.cookies[COOKIE], planted);
    let after = browser.get("/security/password").await;
    assert_ne!(after.form_token(), token);
    // Whoever planted the cookie is not signed in by it.
    let mut other = browser.other();
    other.cookies.insert(COOKIE.to_owned(), planted);
    assert_eq!(other.get("/security/password").await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn tokens_are_on_no_page_and_in_no_cookie_that_can_be_read() {
    let mut browser = Browser::new();
    browser.sign_in().await;
    let page = browser.get("/security/password").await;
    for secret in ["access-1", "refresh-1"] {
        assert!(!page.text.contains(secret));
        assert!(!browser.cookies.values().any(|c| c.contains(secret)));
    }
    browser.cookies.entry(COOKIE.to_owned()).and_modify(|c| c.insert(20, 'x'));
    assert_eq!(browser.get("/security/password").await.status, StatusCode::SEE_OTHER, "a changed cookie is none");
}

/// A browser whose access token has ended, at an API that takes its time.
async fn to_be_refreshed() -> Browser {
    let mut browser = Browser::new();
    browser.api.say("Whoami", crate::stub::whoami());
    browser.api.say("SessionCreate", json!({ "sessionCreate": { "tokens": tokens(1, 1), "userErrors": [] } }));
    browser.submit("/sign-in", "/sign-in", &[("email", "a"), ("password", "b")]).await;
    browser.api.say("SessionRefresh", json!({ "sessionRefresh": { "tokens": tokens(2, 900) } }));
    browser.api.say("Factors", json!({ "me": { "factors": [] } }));
    *browser.api.slow.lock().unwrap() = Duration::from_millis(50);
    browser
}

#[tokio::test]
async fn two_tabs_refresh_once() {
    let browser = to_be_refreshed().await;
    let (mut one, mut two, mut late) = (browser.other(), browser.other(), browser.other());
    for tab in [&mut one, &mut two, &mut late] {
        tab.cookies = browser.cookies.clone();
    }
    let (first, second) = tokio::join!(one.get("/security/confirm"), two.get("/security/confirm"));
    assert_eq!((first.status, second.status), (StatusCode::OK, StatusCode::OK));
    // The answer to this one was lost: it comes again with the cookie from before.
    assert_eq!(late.get("/security/confirm").await.status, StatusCode::OK);
    assert_eq!(browser.api.count("SessionRefresh"), 1);
    let asked =
        browser.api.heard.lock().unwrap().iter().filter(|h| h.0 == "Factors").map(|h| h.2.clone()).collect::<Vec<_>>();
    assert_eq!(asked, vec![Some("access-2".to_owned()); 3]);
}

#[tokio::test]
async fn a_refresh_goes_on_when_the_tab_that_asked_is_closed() {
    let mut browser = to_be_refreshed().await;
    let mut closed = browser.other();
    closed.cookies = browser.cookies.clone();
    let given_up = tokio::time::timeout(Duration::from_millis(10), closed.get("/security/confirm")).await;
    assert!(given_up.is_err());
    assert_eq!(browser.get("/security/confirm").await.status, StatusCode::OK);
    assert_eq!(browser.api.count("SessionRefresh"), 1);
}

#[tokio::test]
async fn a_session_that_ended_leads_to_the_sign_in_and_back() {
    let mut browser = Browser::new();
    browser.sign_in().await;
    browser.api.fail("Domains", "UNAUTHENTICATED");
    let page = browser.get("/domains?after=x").await;
    assert_eq!(page.location(), "/sign-in?next=%2Fdomains&ok=signed-in-again");
    assert!(browser.get(page.location().to_owned().as_str()).await.text.contains("Your session has ended"));
}

#[tokio::test]
async fn a_script_that_meets_the_end_of_a_session_leads_to_the_sign_in() {
    let mut browser = Browser::new();
    let page = browser.get_by_script("/mailboxes?q=x").await;
    assert_eq!((page.status, page.text.as_str()), (StatusCode::OK, ""));
    assert_eq!(page.headers["hx-redirect"], "/sign-in?next=%2Fmailboxes");
}

#[tokio::test]
async fn signing_out_ends_the_session_at_the_api() {
    let mut browser = Browser::new();
    browser.sign_in().await;
    browser.api.say("SessionRevoke", json!({ "sessionRevoke": { "revoked": 1, "userErrors": [] } }));
    let page = browser.submit("/security/password", "/sign-out", &[]).await;
    assert_eq!(page.location(), "/?ok=signed-out");
    let heard = browser.api.heard.lock().unwrap().last().cloned().unwrap();
    assert_eq!(heard.1.pointer("/input/id").unwrap(), "ses_1");
    assert_eq!(browser.get("/security/password").await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_second_factor_is_asked_for_after_the_password() {
    let mut browser = Browser::new();
    let refused = |code: &str| {
        let error = json!({ "field": "", "message": "why", "code": code });
        json!({ "sessionCreate": { "tokens": null, "userErrors": [error] } })
    };
    browser.api.say("SessionCreate", refused("INVALID_CREDENTIALS"));
    let page = browser.submit("/sign-in", "/sign-in", &[("email", "ann@a.example"), ("password", "wrong")]).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.text.contains("The address, the password or the code is wrong."));
    assert!(
        page.text.contains("ann@a.example") && !page.text.contains("\"wrong\""),
        "the password is not written back"
    );
    browser.api.say("SessionCreate", refused("FACTOR_REQUIRED"));
    let page = browser
        .submit(
            "/sign-in?next=/domains",
            "/sign-in",
            &[("email", "ann@a.example"), ("password", "right words"), ("next", "/domains")],
        )
        .await;
    assert_eq!(page.location(), "/sign-in/code?next=%2Fdomains");
    assert!(!browser.get("/sign-in/code").await.text.contains("right words"));
    browser.sign_in_code("123 456").await;
    let heard = browser.api.heard.lock().unwrap().clone();
    let (_, variables, ..) = heard.iter().rfind(|h| h.0 == "SessionCreate").unwrap();
    assert_eq!(variables.pointer("/input/totp").unwrap(), "123456");
    assert_eq!(variables.pointer("/input/password").unwrap(), "right words");
}

impl Browser {
    async fn sign_in_code(&mut self, code: &str) {
        self.api.say("SessionCreate", json!({ "sessionCreate": { "tokens": tokens(1, 900), "userErrors": [] } }));
        self.api.say("Whoami", crate::stub::whoami());
        let page =
            self.submit("/sign-in/code?next=/domains", "/sign-in/code", &[("code", code), ("next", "/domains")]).await;
        assert_eq!(page.location(), "/domains");
    }
}

#[tokio::test]
async fn cookies_are_for_this_host_over_tls_and_not_for_scripts() {
    let mut browser = Browser::new();
    let page = browser.get("/").await;
    let cookie = page.headers[header::SET_COOKIE].to_str().unwrap();
    assert!(cookie.ends_with("; Path=/; Secure; HttpOnly; SameSite=Lax"), "{cookie}");
}
