//! SUMMARY    Every page, in every language: rendered without scripts, within its rules, small enough.

use crate::{
    answers::answers,
    stub::{Browser, Page},
};
use axum::http::{StatusCode, header};
use serde_json::{Value, json};

/// Bytes of the first page over the wire, with all that it loads.
const FIRST_PAGE_BYTES_MAX: usize = 60_000;

const OPEN: [&str; 9] = [
    "/",
    "/sign-in",
    "/sign-in/mailbox",
    "/sign-in/with/idp_1",
    "/sign-in/identity",
    "/forgot",
    "/forgot?ok=asked",
    "/reset",
    "/invitation",
];
const SIGNED: [&str; 96] = [
    "/",
    "/branding",
    "/domains",
    "/domains/a.example",
    "/domains/a.example/give-up",
    "/mailboxes",
    "/mailboxes?q=ann&state=deleted",
    "/mailboxes/new",
    "/mailboxes/acc_1",
    "/mailboxes/acc_1/delete",
    "/mailboxes/acc_1/set-up",
    "/security",
    "/privacy",
    "/exports",
    "/exports?mailbox=ann%2Bx@a.example",
    "/exports/job_1",
    "/move",
    "/move?mailbox=ann%2Bx@a.example",
    "/move/many",
    "/move/job_1",
    "/security/confirm",
    "/security/password",
    "/security/authenticator",
    "/security/passkey",
    "/security/recovery-codes",
    "/mailboxes/acc_1/purge",
    "/mailboxes/acc_1/app-passwords",
    "/mailboxes/acc_1/sharing",
    "/mailboxes/acc_1/masked",
    "/mailboxes/acc_1/recover",
    "/mailboxes/import",
    "/addresses/aliases",
    "/addresses/aliases?q=SALES",
    "/addresses/aliases?q=nothing",
    "/addresses/groups",
    "/addresses/groups/team%2Bx@a.example",
    "/domains/a.example/settings",
    "/organisations",
    "/access/members",
    "/access/roles",
    "/access/roles?edit=rol_1",
    "/access/tokens",
    "/access/webhooks",
    "/access/webhooks/whk_1",
    "/access/audit",
    "/access/audit?action=mailboxCreate&since=2026-11-01&until=nonsense",
    "/access/support",
    "/access/providers",
    "/access/why",
    "/access/why?subject=acc_1",
    "/access/jobs/job_1",
    "/nothing-here",
    "/billing",
    "/billing/plan",
    "/billing/plan/pln_1",
    "/billing/plan/pln_1?preview=1&q-mailboxes=5&interval=YEAR&coupon=SPRING",
    "/billing/pay",
    "/billing/paid",
    "/billing/invoices",
    "/billing/usage",
    "/billing/usage?range=24h",
    "/billing/usage?range=12m",
    "/billing/details",
    "/billing/cancel",
    "/billing/close",
    "/sell/plans",
    "/sell/plans/new",
    "/sell/coupons",
    "/sell/policy",
    "/sell/customers",
    "/sell/customers/ten_2",
    "/sell/customers/ten_2/rehearsal",
    "/sell/calls?customer=ten_2",
    "/sell/calls",
    "/sell/events",
    "/sell/drift",
    "/sell/signups",
    "/sell/signups?show=DONE&q=ann",
    "/sell/signups/sgn_1",
    "/sell/signups/sgn_2",
    "/sell/signups/settings",
    "/sell/signups/invites",
    "/sell/announcements",
    "/sell/announcements?edit=ann_1",
    "/sell/flags",
    "/sell/flags?tenant=ten_2",
    "/sell/abuse",
    "/sell/abuse?kind=ALL",
    "/sell/abuse/acc_1",
    "/sell/queue",
    "/sell/queue/ten_2/que_1/cancel",
    "/trace",
    "/trace?state=ended&recipient=bob@b.example&message=1@a.example",
    "/trace/ten_1/que_1",
    "/trace/ten_1/que_1/cancel",
    "/domains?ok=given-up",
];

/// What every page keeps to.
pub fn check(path: &str, language: &str, page: &Page) {
    let text = &page.text;
    let lower = text.to_lowercase();
    let found = |what: &str| lower.contains(what);
    assert!(!text.contains('\u{27e6}'), "{path} in {language} lacks a text: {text}");
    assert!(text.contains(&format!("<html lang=\"{language}\">")), "{path}");
    // Nothing inline, which the policy would refuse.
    for banned in [
        " style=",
        "<style",
        "javascript:",
        " onclick=",
        " onload=",
        " onchange=",
        " onsubmit=",
        "hx-on",
        "js:",
        "hx-vals=",
        "hx-eval",
    ] {
        assert!(!found(banned), "{path}: {banned}");
    }
    for script in lower.split("<script").skip(1) {
        assert!(script.starts_with(" src=\"/static/") && script.contains("defer></script>"), "{path}");
    }
    assert_eq!(lower.matches("<h1").count(), 1, "{path}: one first heading");
    assert!(text.contains("<a class=\"skip\" href=\"#content\">") && text.contains("<main id=\"content\""));
    // Every form works without scripts, and those that change something carry the token.
    for form in lower.split("<form").skip(1) {
        let form = form.split("</form>").next().unwrap();
        assert!(form.contains(" method=\"") && form.contains(" action=\"/"), "{path}: {form}");
        assert!(form.contains("method=\"get\"") || form.contains("name=\"form\" value=\""), "{path}: {form}");
        assert!(form.contains("<button"), "{path}: {form}");
    }
    // Every input has a label, and ids are unique.
    let mut ids: Vec<&str> = text.split(" id=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    for input in text.split("<input ").skip(1).filter(|i| !i.starts_with("type=\"hidden\"")) {
        let id = input.split("id=\"").nth(1).unwrap().split('"').next().unwrap();
        assert!(text.contains(&format!("<label for=\"{id}\">")), "{path}: {id}");
    }
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count, "{path}: an id stands there twice");
    let policy = page.headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
    assert!(
        policy.contains("default-src 'none'")
            && policy.contains("frame-ancestors 'none'")
            && !policy.contains("unsafe")
    );
    assert_eq!(page.headers["x-content-type-options"], "nosniff");
    assert_eq!(page.headers[header::CACHE_CONTROL], "no-store");
    assert_eq!(page.headers[header::REFERRER_POLICY], "same-origin");
}

#[tokio::test]
async fn every_page_keeps_the_rules_in_every_language() {
    let mut browser = Browser::new();
    for language in ["en", "de", "fr"] {
        browser.language = language;
        for path in OPEN {
            check(path, language, &browser.get(path).await);
        }
    }
    browser.sign_in().await;
    answers(&browser);
    for language in ["en", "de", "fr"] {
        browser.language = language;
        for path in SIGNED {
            let page = browser.get(path).await;
            let expected = if path == "/nothing-here" { StatusCode::NOT_FOUND } else { StatusCode::OK };
            assert_eq!(page.status, expected, "{path}");
            check(path, language, &page);
        }
    }
}

#[tokio::test]
async fn every_link_of_a_page_leads_to_a_page() {
    let mut browser = Browser::new();
    browser.sign_in().await;
    answers(&browser);
    let mut links = Vec::new();
    for path in SIGNED.iter().filter(|p| **p != "/nothing-here") {
        let page = browser.get(path).await;
        for href in page.text.split(" href=\"/").skip(1) {
            let href = href.split('"').next().unwrap().replace("&#38;", "&");
            links.push(format!("/{href}"));
        }
    }
    links.sort();
    links.dedup();
    assert!(links.len() > 20, "{links:?}");
    for link in links {
        let page = browser.get(&link).await;
        assert!(page.status.is_success() || page.status == StatusCode::SEE_OTHER, "{link}: {}", page.status);
    }
}

#[tokio::test]
async fn the_first_page_is_small() {
    let mut browser = Browser::new();
    let page = browser.get("/").await;
    let mut bytes = page.text.len();
    for file in page.text.split("\"/static/").skip(1) {
        let path = format!("/static/{}", file.split('"').next().unwrap());
        let packed = browser.get_packed(&path).await;
        assert_eq!(packed.headers[header::CONTENT_ENCODING], "gzip", "{path}");
        assert!(packed.headers[header::CACHE_CONTROL].to_str().unwrap().contains("immutable"));
        bytes += packed.headers[header::CONTENT_LENGTH].to_str().unwrap().parse::<usize>().unwrap();
    }
    println!("first page: {bytes} bytes");
    assert!(bytes <= FIRST_PAGE_BYTES_MAX, "{bytes}");
    assert_eq!(browser.get("/static/portal.0000000000000000.css").await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_language_is_kept_and_leads_back_to_the_page() {
    let mut browser = Browser::new();
    let page = browser.get("/sign-in?next=/domains&lang=fr").await;
    assert_eq!(page.location(), "/sign-in?next=%2Fdomains");
    assert!(browser.get("/sign-in").await.text.contains("Mot de passe"));
    assert_eq!(browser.get("/sign-in?lang=xx").await.status, StatusCode::OK, "no language of ours");
}

#[tokio::test]
async fn a_password_is_shown_once() {
    let mut browser = Browser::new();
    browser.sign_in().await;
    answers(&browser);
    let made = json!({ "mailbox": { "id": "acc_1", "address": "ann@a.example" }, "userErrors": [] });
    browser.api.say("MailboxCreate", json!({ "mailboxCreate": made }));
    let fields = [("address", "ann"), ("domain", "a.example"), ("quotaBytesMax", "1,5")];
    let page = browser.submit("/mailboxes/new", "/mailboxes/new", &fields).await;
    assert_eq!(page.location(), "/mailboxes/acc_1");
    let heard = browser.api.heard.lock().unwrap().last().cloned().unwrap().1;
    assert_eq!(heard.pointer("/input/address").unwrap(), "ann@a.example");
    assert_eq!(heard.pointer("/input/quotaBytesMax").unwrap(), "1610612736");
    let password = heard.pointer("/input/password").unwrap().as_str().unwrap().to_owned();
    assert!(browser.get("/mailboxes/acc_1").await.text.contains(&password));
    assert!(!browser.get("/mailboxes/acc_1").await.text.contains(&password));
}

#[tokio::test]
async fn an_empty_quota_is_no_limit() {
    let mut browser = Browser::new();
    browser.sign_in().await;
    answers(&browser);
    browser.api.say("MailboxUpdate", json!({ "mailboxUpdate": { "mailbox": { "id": "acc_1" }, "userErrors": [] } }));
    let page =
        browser.submit("/mailboxes/acc_1", "/mailboxes/acc_1", &[("displayName", "Ann"), ("quotaBytesMax", "")]).await;
    assert_eq!(page.location(), "/mailboxes/acc_1?ok=saved");
    let heard = browser.api.heard.lock().unwrap().last().cloned().unwrap().1;
    assert_eq!(heard.pointer("/input/quotaBytesMax"), Some(&Value::Null));
}

#[tokio::test]
async fn what_was_refused_stands_beside_its_field_and_above_the_form() {
    let mut browser = Browser::new();
    browser.sign_in().await;
    answers(&browser);
    let refused = json!([{ "field": "address", "message": "The address is in use", "code": "TAKEN" }]);
    browser.api.say("MailboxCreate", json!({ "mailboxCreate": { "mailbox": null, "userErrors": refused } }));
    browser.language = "de";
    let page =
        browser.submit("/mailboxes/new", "/mailboxes/new", &[("address", "ann"), ("domain", "live.example")]).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    check("/mailboxes/new", "de", &page);
    assert!(page.text.contains("<a href=\"#address\">Es ist schon vergeben.</a>"));
    assert!(!page.text.contains("The address is in use"), "it is said once, and in the reader's language");
    assert!(page.text.contains("aria-invalid=\"true\" aria-describedby=\"address-error address-hint\""));
    assert!(page.text.contains("value=\"ann\"") && page.text.contains("<option selected>live.example"));
}
