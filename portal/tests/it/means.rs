//! SUMMARY    Other means of signing in: passkeys, identity providers, the users of mailboxes.

use crate::{
    answers::answers,
    stub::{Browser, ORIGIN, Page, tokens, whoami},
};
use axum::http::{StatusCode, header};
use serde_json::{Value, json};

pub fn heard(browser: &Browser, operation: &str) -> Value {
    let heard = browser.api.heard.lock().unwrap();
    heard.iter().rev().find(|h| h.0 == operation).expect("it was asked").1.clone()
}

async fn begin(browser: &mut Browser, on: &str, path: &str) -> Page {
    browser.submit(on, path, &[("act", "begin"), ("ceremony", ""), ("credential", "")]).await
}

#[tokio::test]
async fn a_passkey_signs_in_without_a_password() {
    let mut browser = Browser::new();
    let challenge =
        json!({ "ceremonyId": "cer_1", "options": "{\"publicKey\":{\"challenge\":\"AA\"}}", "userErrors": [] });
    browser.api.say("PasskeyChallenge", json!({ "passkeyChallenge": challenge }));
    let page = begin(&mut browser, "/sign-in", "/sign-in/passkey").await;
    assert_eq!(page.headers[header::CONTENT_TYPE], "application/json");
    let told: Value = serde_json::from_str(&page.text).unwrap();
    assert_eq!(told, json!({ "ceremony": "cer_1", "options": { "publicKey": { "challenge": "AA" } } }));
    browser.api.say("SessionCreate", json!({ "sessionCreate": { "tokens": tokens(1, 900), "userErrors": [] } }));
    browser.api.say("Whoami", whoami());
    let fields = [("next", "/domains"), ("ceremony", "cer_1"), ("credential", "{\"id\":\"x\"}")];
    let page = browser.submit("/sign-in", "/sign-in/passkey", &fields).await;
    assert_eq!(page.location(), "/domains");
    let asked = heard(&browser, "SessionCreate");
    assert_eq!(asked["input"]["passkey"], json!({ "ceremonyId": "cer_1", "credential": "{\"id\":\"x\"}" }));
    assert_eq!((asked["input"].get("password"), asked["input"].get("email")), (None, None));
}

#[tokio::test]
async fn a_passkey_that_is_refused_says_so_and_begins_for_our_own_forms_only() {
    let mut browser = Browser::new();
    let refused = json!([{ "field": "", "message": "", "code": "INVALID_CREDENTIALS" }]);
    browser.api.say("SessionCreate", json!({ "sessionCreate": { "tokens": null, "userErrors": refused } }));
    let page = browser.submit("/sign-in", "/sign-in/passkey", &[("ceremony", "c"), ("credential", "{}")]).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.text.contains("This passkey was not accepted."));
    crate::pages::check("/sign-in/passkey", "en", &page);
    let page = browser.post_raw("/sign-in/passkey", &[("origin", ORIGIN)], "act=begin&form=x").await;
    assert_eq!((page.status, browser.api.count("PasskeyChallenge")), (StatusCode::FORBIDDEN, 0));
}

#[tokio::test]
async fn a_passkey_is_added_after_a_factor_was_shown() {
    let mut browser = Browser::new();
    browser.sign_in().await;
    answers(&browser);
    browser.api.fail("PasskeyRegister", "STEP_UP_REQUIRED");
    let page = begin(&mut browser, "/security/passkey", "/security/passkey").await;
    assert_eq!(page.text, "{\"to\":\"/security/confirm?next=/security/passkey\"}");
    browser.api.say("SessionStepUp", json!({ "sessionStepUp": { "done": true, "userErrors": [] } }));
    let fields = [("next", "/security/passkey"), ("ceremony", "cer_1"), ("credential", "{}")];
    let page = browser.submit("/security/confirm", "/security/confirm", &fields).await;
    assert_eq!(page.location(), "/security/passkey?ok=confirmed");
    assert_eq!(heard(&browser, "SessionStepUp")["input"]["passkey"]["ceremonyId"], "cer_1");
    browser.api.say("PasskeyRegisterFinish", json!({ "passkeyRegisterFinish": { "id": "fac_1", "userErrors": [] } }));
    let fields = [("label", ""), ("ceremony", "cer_2"), ("credential", "{}")];
    let page = browser.submit("/security/passkey", "/security/passkey", &fields).await;
    assert_eq!(page.location(), "/security?ok=passkey");
    assert_eq!(heard(&browser, "PasskeyRegisterFinish")["input"]["label"], "Passkey");
}

#[tokio::test]
async fn only_a_browser_that_left_for_a_provider_comes_back_signed_in() {
    let mut browser = Browser::new();
    browser.api.say("SessionCreate", json!({ "sessionCreate": { "tokens": tokens(1, 900), "userErrors": [] } }));
    browser.api.say("Whoami", whoami());
    let page = browser.get("/sign-in/identity?code=planted").await;
    assert_eq!((page.status, browser.api.count("SessionCreate")), (StatusCode::UNPROCESSABLE_ENTITY, 0));
    let page = browser.get("/sign-in/with/idp_1").await;
    assert!(page.text.contains("href=\"/auth/oidc/start?provider=idp_1\""));
    assert_eq!(browser.get("/sign-in/with/idp_1%26x").await.status, StatusCode::NOT_FOUND);
    let page = browser.get("/sign-in/identity?code=good").await;
    assert_eq!(page.location(), "/");
    assert_eq!(heard(&browser, "SessionCreate")["input"]["identityCode"], "good");
    let mut other = browser.other();
    other.get("/sign-in/with/idp_1").await;
    assert_eq!(other.get("/sign-in/identity").await.status, StatusCode::UNPROCESSABLE_ENTITY, "without a code");
    assert_eq!(other.get("/sign-in/identity?code=late").await.status, StatusCode::UNPROCESSABLE_ENTITY, "once");
}

/// Signed in as the user of `acc_1`.
async fn user() -> Browser {
    let mut browser = Browser::new();
    browser.api.say("SessionCreate", json!({ "sessionCreate": { "tokens": tokens(1, 900), "userErrors": [] } }));
    let me = json!({ "actor": "acc_1", "person": null, "memberships": [] });
    browser.api.say("Whoami", json!({ "me": me, "viewer": { "id": "ten_1", "name": "A & Sons", "permissions": [] } }));
    let fields = [("email", "ann@a.example"), ("password", "secret words")];
    let page = browser.submit("/sign-in/mailbox", "/sign-in/mailbox", &fields).await;
    assert_eq!(page.location(), "/");
    assert_eq!(heard(&browser, "SessionCreate")["input"]["kind"], "MAILBOX");
    answers(&browser);
    browser
}

#[tokio::test]
async fn the_user_of_a_mailbox_sees_what_is_its_own() {
    let mut browser = user().await;
    let page = browser.get("/").await;
    crate::pages::check("/", "en", &page);
    assert!(page.text.contains("<span class=\"email\">ann@a.example</span>"));
    for own in ["/mailboxes/acc_1/app-passwords", "/mailboxes/acc_1/masked", "/mailboxes/acc_1/set-up", "/security"] {
        assert!(page.text.contains(&format!("href=\"{own}\"")), "{own}");
        let page = browser.get(own).await;
        assert_eq!(page.status, StatusCode::OK, "{own}");
        crate::pages::check(own, "en", &page);
        assert!(!page.text.contains("href=\"/domains\"") && !page.text.contains("href=\"/mailboxes/acc_1\""), "{own}");
    }
    let page = browser.get("/mailboxes/acc_1/sharing").await;
    assert!(
        page.text.contains("ben@a.example") && !page.text.contains("/sharing\"><input"),
        "it is shown and not changed"
    );
    assert!(!browser.get("/security").await.text.contains("/security/passkey"));
}

#[tokio::test]
async fn the_user_of_a_mailbox_changes_its_password() {
    let mut browser = user().await;
    let set =
        json!({ "mailbox": { "id": "acc_1", "address": "ann@a.example" }, "endedAppPasswords": 0, "userErrors": [] });
    browser.api.say("MailboxSetPassword", json!({ "mailboxSetPassword": set }));
    let fields = [("password", "another good one"), ("repeated", "another good one")];
    let page = browser.submit("/security/password", "/security/password", &fields).await;
    assert_eq!(page.location(), "/security?ok=password");
    let asked = heard(&browser, "MailboxSetPassword");
    assert_eq!(
        (&asked["input"]["mailboxId"], &asked["input"]["password"]),
        (&json!("acc_1"), &json!("another good one"))
    );
}
