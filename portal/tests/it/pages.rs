//! SUMMARY    Every page, in every language: rendered without scripts, within its rules, small enough.

use crate::stub::{Browser, Page};
use axum::http::{StatusCode, header};
use serde_json::{Value, json};

/// Bytes of the first page over the wire, with all that it loads.
const FIRST_PAGE_BYTES_MAX: usize = 60_000;

const OPEN: [&str; 6] = ["/", "/sign-in", "/forgot", "/forgot?ok=asked", "/reset", "/invitation"];
const SIGNED: [&str; 17] = [
    "/",
    "/domains",
    "/domains/a.example",
    "/domains/a.example/give-up",
    "/mailboxes",
    "/mailboxes?q=ann&state=deleted",
    "/mailboxes/new",
    "/mailboxes/acc_1",
    "/mailboxes/acc_1/delete",
    "/security",
    "/security/confirm",
    "/security/password",
    "/security/authenticator",
    "/security/recovery-codes",
    "/organisations",
    "/nothing-here",
    "/domains?ok=given-up",
];

const NOW: &str = "2026-11-26T12:00:00.000Z";

/// What the API says of a tenant where much is to be done.
fn answers(browser: &Browser) {
    let hold = json!({ "reason": "Unpaid.", "nextStep": "Pay.", "expiresAt": null });
    let info = json!({ "hasNextPage": true, "hasPreviousPage": true, "startCursor": "a=", "endCursor": "b&" });
    let facets = json!({ "ownership": "MATCH", "receive": "MISSING", "send": "CONFLICT", "policy": "UNKNOWN", "clientConfig": "MATCH" });
    let states = ["CLAIMED", "OWNED", "LIVE", "DEGRADED", "LOST", "CONTESTED", "RELEASED", "SOMETHING_NEW"];
    let domains: Vec<Value> = states
        .iter()
        .map(|s| json!({ "name": format!("{}.example", s.to_lowercase()), "state": s, "checkedAt": NOW, "facets": facets, "aliasOf": null }))
        .collect();
    let mailbox = json!({
        "id": "acc_1", "tenantId": "ten_1", "address": "ann@a.example", "displayName": "Ann <&>", "state": "ACTIVE", "kind": "PERSON",
        "quotaBytesMax": "1610612736", "hasPassword": true, "suspended": false, "version": 1, "createdAt": NOW, "purgeAt": null,
        "usage": { "usedBytes": "12345678", "emails": 1 }, "holds": [hold],
    });
    browser.api.say("Home", json!({
        "viewer": {
            "name": "A & Sons", "maxDomains": 8, "maxMailboxes": 10, "storageBytesMax": "1000000000",
            "usage": { "usedBytes": "900000000", "emails": 1234 }, "holds": [hold],
        },
        "domains": { "nodes": domains, "totalCount": 8 },
        "mailboxes": { "totalCount": 3 },
        "restricted": { "nodes": [{ "id": "acc_1", "address": "ann@a.example", "holds": [hold] }], "totalCount": 1 },
    }));
    browser.api.say("Domains", json!({ "domains": { "nodes": domains, "pageInfo": info, "totalCount": 8 } }));
    let record = |facet: &str, status: &str| {
        json!({
            "name": "_posthouse.a.example", "type": "TXT", "facet": facet, "expected": ["posthouse=1\"<x>"], "observed": ["other"],
            "status": status, "hint": "Do this.", "stale": ["old"], "required": facet == "OWNERSHIP",
        })
    };
    let records = [
        ("OWNERSHIP", "MISSING"),
        ("RECEIVE", "CONFLICT"),
        ("SEND", "MATCH"),
        ("POLICY", "UNKNOWN"),
        ("CLIENT_CONFIG", "MATCH"),
        ("NEW", "NEW"),
    ];
    let notices = ["PROVEN", "PROOF_GONE", "LOST", "CONTESTED", "MX_GONE", "REFUSED", "VOUCHED", "NEW"];
    browser.api.say(
        "DomainShown",
        json!({ "domain": {
        "name": "a.example", "state": "CLAIMED", "version": 1, "checkedAt": NOW, "nextCheckAt": NOW, "failedDays": 0,
        "challenge": { "name": "_posthouse.a.example", "value": "posthouse=1" },
        "records": records.iter().map(|(f, s)| record(f, s)).collect::<Vec<_>>(),
        "notices": notices.iter().map(|k| json!({ "at": NOW, "kind": k, "detail": "why" })).collect::<Vec<_>>(),
    } }),
    );
    browser.api.say("DomainZone", json!({ "domain": { "name": "a.example", "zoneFile": "a.example. TXT x" } }));
    browser.api.say("DomainChoice", json!({ "domains": { "nodes": domains } }));
    let deleted = json!({ "id": "acc_2", "address": "ben@a.example", "displayName": "", "state": "DELETED", "quotaBytesMax": null, "usage": null, "purgeAt": NOW });
    browser
        .api
        .say("Mailboxes", json!({ "mailboxes": { "nodes": [mailbox, deleted], "pageInfo": info, "totalCount": 2 } }));
    browser.api.say("MailboxShown", json!({ "mailbox": mailbox }));
    browser.api.say("MailboxAliases", json!({ "aliases": {
        "nodes": [{ "address": "sales@a.example", "targets": ["ann@a.example"], "label": "Sales", "enabled": false }, { "address": "all@a.example", "targets": ["ann@a.example", "x@y.example"], "label": "", "enabled": true }],
        "pageInfo": { "hasNextPage": false, "endCursor": null },
    } }));
    let factor = |kind: &str| json!({ "id": "fac_1", "kind": kind, "label": "Phone", "confirmed": kind == "TOTP", "createdAt": NOW, "lastUsedAt": NOW });
    let session = |id: &str| json!({ "id": id, "device": "Browser", "ip": "192.0.2.1", "createdAt": NOW, "lastUsedAt": NOW, "current": id == "ses_1" });
    browser.api.say("Security", json!({
        "me": { "person": { "email": "ann@a.example" }, "factors": [factor("TOTP"), factor("PASSKEY"), factor("NEW")] },
        "sessions": [session("ses_1"), session("ses_2")],
    }));
    browser.api.say("Factors", json!({ "me": { "factors": [{ "confirmed": true }] } }));
    browser.api.say("Place", json!({ "viewer": { "id": "ten_1", "name": "A & Sons" } }));
}

/// What every page keeps to.
fn check(path: &str, language: &str, page: &Page) {
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
    assert!(page.text.contains("<span lang=\"en\">The address is in use</span>"));
    assert!(page.text.contains("aria-invalid=\"true\" aria-describedby=\"address-error address-hint\""));
    assert!(page.text.contains("value=\"ann\"") && page.text.contains("<option selected>live.example"));
}
