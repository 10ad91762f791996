//! SUMMARY    The operator's console: what forms ask the API for, what is told on every page, what is hidden.

use crate::{
    answers::{heard, signed_in},
    pages::check,
    stub::{Browser, whoami},
};
use axum::http::StatusCode;
use serde_json::{Value, json};

const NOW: &str = "2026-11-26T12:00:00.000Z";
/// After every test.
const LATER: &str = "2126-11-26T12:00:00.000Z";
const NO_ERRORS: [u8; 0] = [];

fn info() -> Value {
    json!({ "hasNextPage": true, "hasPreviousPage": true, "startCursor": "a=", "endCursor": "b&" })
}

fn signup(id: &str, state: &str, review: &str) -> Value {
    let reasons = ["NETWORK_SIGNS_UP_OFTEN", "CONTACT_THROWN_AWAY", "SOMETHING_NEW"];
    json!({
        "id": id, "state": state, "address": "q8817264x@free.example", "domain": null, "contact": "q@mailinator.com", "name": "Q <&>",
        "plan": "free", "paid": state == "DONE", "network": "192.0.2.0/24", "score": 80, "reasons": reasons, "review": review,
        "outcome": "", "tenantId": if state == "DONE" { json!("ten_2") } else { Value::Null }, "createdAt": NOW, "expiresAt": LATER,
        "version": 7,
    })
}

fn announcement(id: &str, severity: &str, starts: &str, ends: Value) -> Value {
    let texts = json!([{ "language": "de", "text": "Wartung <heute>" }, { "language": "it", "text": "Manutenzione" }]);
    json!({
        "id": id, "severity": severity, "texts": texts, "text": texts[0], "startsAt": starts, "endsAt": ends, "dismissible": id == "ann_1",
        "version": 3,
    })
}

fn hold(id: &str, subject: &str) -> Value {
    json!({
        "id": id, "kind": "ABUSE", "code": "SPAM", "reason": "Sends <spam>", "nextStep": "Ask us.", "blocks": ["SEND_EXTERNAL"],
        "subjectId": subject, "placedAt": NOW, "expiresAt": LATER,
    })
}

fn flag(feature: &str, enabled: bool, on: Value) -> Value {
    let reason = if on.is_null() { "" } else { "Not <now>" };
    json!({
        "feature": feature, "enabled": enabled, "setOnId": on, "reason": reason, "version": 2,
        "setAt": if on.is_null() { Value::Null } else { json!(NOW) },
    })
}

/// What all pages of the console read.
pub fn answers(browser: &Browser) {
    let api = &browser.api;
    let signups = [signup("sgn_1", "CONTACT_VERIFIED", "PENDING"), signup("sgn_2", "DONE", "APPROVED")];
    api.say("Signups", json!({ "signups": { "nodes": signups, "pageInfo": info() } }));
    let settings = json!({
        "mode": "INVITE", "plans": ["free", "plus"], "domains": ["free.example"], "perDayMax": 1000, "reviewScore": 60, "version": 5,
    });
    api.say("SignupSettings", json!({ "signupSettings": settings }));
    let invite = |id: &str, note: &str, left: i64| json!({ "id": id, "note": note, "usesLeft": left, "expiresAt": LATER, "createdAt": NOW });
    let invites = [invite("sgi_1", "For <friends>", 3), invite("sgi_2", "", 0)];
    api.say("SignupInvites", json!({ "signupInvites": { "nodes": invites, "pageInfo": info() } }));
    let told = [
        announcement("ann_1", "MAINTENANCE", NOW, Value::Null),
        announcement("ann_2", "INCIDENT", LATER, Value::Null),
        announcement("ann_3", "INFO", NOW, json!(NOW)),
    ];
    api.say("Announcements", json!({ "announcements": { "nodes": told, "pageInfo": info() } }));
    let entry = |id: &str, subject: &str, address: Value, label: Value| {
        json!({
            "id": id, "tenantId": "ten_2", "tenantName": "B <&>", "mailboxId": null, "address": address, "label": label,
            "hold": hold(id, subject),
        })
    };
    let holds = [
        entry("hld_1", "crd_1", json!("ann@a.example"), json!("phone")),
        entry("hld_2", "acc_1", json!("ann@a.example"), Value::Null),
        entry("hld_3", "ten_2", Value::Null, Value::Null),
    ];
    api.say("Holds", json!({ "holds": { "nodes": holds, "pageInfo": info() } }));
    let reasons = json!([{ "hold": hold("hld_2", "acc_1") }, { "hold": hold("hld_3", "ten_2") }, { "hold": null }]);
    let states = json!([
        { "capability": "SEND_EXTERNAL", "allowed": false, "reasons": reasons },
        { "capability": "MAIL_READ", "allowed": true, "reasons": [] },
    ]);
    let subject = json!({
        "subjectId": "acc_1", "tenantId": "ten_2", "mailboxId": "acc_1", "address": "ann@a.example", "states": states,
    });
    api.say("HeldSubject", json!({ "capabilities": subject }));
    api.say("TenantNamed", json!({ "tenant": { "id": "ten_2", "name": "B <&>", "parentId": "ten_1" } }));
    flags(browser, "ten_1");
}

fn flags(browser: &Browser, of: &str) {
    let flags = [
        flag("SIGNUP", true, Value::Null),
        flag("WEBHOOKS", false, json!(of)),
        flag("API_TOKENS", false, json!("ten_0")),
        flag("SOMETHING_NEW", true, Value::Null),
    ];
    let data =
        json!({ "viewer": { "parentId": null }, "tenant": { "id": of, "name": "A & Sons" }, "featureFlags": flags });
    browser.api.say("FeatureFlags", data);
}

/// Who leads everybody.
pub async fn operator(off: &[&str]) -> Browser {
    let mut browser = Browser::new();
    let off: Vec<Value> = off.iter().map(|feature| json!({ "feature": feature, "enabled": false })).collect();
    let reach = json!({ "viewer": { "parentId": null }, "tenants": { "totalCount": 0 }, "featureFlags": off });
    browser.api.say("ConsoleReach", reach);
    let mut who = whoami();
    who["viewer"]["permissions"] = json!(["tenant:read", "tenant:create", "tenant:update", "tenant:hold"]);
    browser.sign_in_as(who).await;
    crate::answers::answers(&browser);
    browser
}

#[tokio::test]
async fn the_menu_has_what_somebody_leads() {
    let mut browser = operator(&[]).await;
    let page = browser.get("/").await;
    assert!(page.text.contains("<a href=\"/sell/signups\""), "{}", page.text);
    let page = browser.get("/sell/signups").await;
    for tab in ["/sell/signups", "/sell/announcements", "/sell/abuse", "/sell/flags"] {
        assert!(page.text.contains(&format!("<a href=\"{tab}\"")), "{tab}");
    }
    let mut browser = signed_in().await;
    assert!(!browser.get("/").await.text.contains("href=\"/sell/"));
    // What the API does not tell is not there, whoever asks.
    for (operation, field, path) in [
        ("Signups", "signups", "/sell/signups"),
        ("Signups", "signups", "/sell/signups/sgn_1"),
        ("SignupSettings", "signupSettings", "/sell/signups/settings"),
        ("SignupInvites", "signupInvites", "/sell/signups/invites"),
        ("Announcements", "announcements", "/sell/announcements"),
        ("Holds", "holds", "/sell/abuse"),
        ("HeldSubject", "capabilities", "/sell/abuse/acc_1"),
    ] {
        browser.api.say(operation, json!({ field: null }));
        assert_eq!(browser.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    let below =
        json!({ "viewer": { "parentId": "ten_0" }, "tenant": { "id": "ten_1", "name": "A" }, "featureFlags": [] });
    browser.api.say("FeatureFlags", below);
    assert_eq!(browser.get("/sell/flags").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_is_switched_off_is_not_in_the_menu() {
    let mut browser =
        operator(&["API_TOKENS", "WEBHOOKS", "SUPPORT_ACCESS", "MAILBOX_IMPORT", "MASKED_ADDRESSES"]).await;
    let pages = [
        ("/access/members", "/access/tokens"),
        ("/access/members", "/access/webhooks"),
        ("/mailboxes", "/mailboxes/import"),
    ];
    let more = [("/access/members", "/access/support"), ("/mailboxes/acc_1", "/mailboxes/acc_1/masked")];
    for (path, link) in pages.into_iter().chain(more) {
        assert!(!browser.get(path).await.text.contains(&format!("href=\"{link}\"")), "{link}");
        assert!(operator(&[]).await.get(path).await.text.contains(&format!("href=\"{link}\"")), "{link}");
    }
    let refused = json!([{ "field": "", "message": "This is switched off: Not <now>", "code": "FEATURE_OFF" }]);
    browser
        .api
        .say("WebhookCreate", json!({ "webhookCreate": { "webhook": null, "secret": null, "userErrors": refused } }));
    let page = browser
        .submit("/access/webhooks", "/access/webhooks", &[("act", "create"), ("url", "https://a.example/")])
        .await;
    assert!(page.text.contains("The operator has switched this off."), "{}", page.text);
}

#[tokio::test]
async fn a_signup_is_let_through_or_refused_with_a_reason() {
    let mut browser = operator(&[]).await;
    let page = browser.get("/sell/signups").await;
    assert_eq!(heard(&browser).1["filter"], "REVIEW");
    for words in ["Its contact is an address to throw away", "SOMETHING_NEW", "Risk: 80", "Waits for you"] {
        assert!(page.text.contains(words), "{words}");
    }
    browser.get("/sell/signups?show=DONE&q=ann").await;
    let asked = heard(&browser).1;
    assert_eq!((&asked["filter"], &asked["state"], &asked["search"]), (&json!("ALL"), &json!("DONE"), &json!("ann")));
    let here = "/sell/signups/sgn_1";
    browser.api.say("SignupApprove", json!({ "signupApprove": { "userErrors": NO_ERRORS } }));
    let page = browser.submit(here, here, &[("act", "approve"), ("version", "7")]).await;
    assert_eq!(page.location(), "/sell/signups?ok=approved");
    let expected = json!({ "id": "sgn_1", "expectedVersion": 7, "dryRun": false, "idempotencyKey": "key-1" });
    assert_eq!(heard(&browser).1["input"], expected);
    browser.api.say("SignupRefuse", json!({ "signupRefuse": { "userErrors": NO_ERRORS } }));
    let page = browser.submit(here, here, &[("act", "refuse"), ("version", "7"), ("reason", "")]).await;
    assert!(page.status == StatusCode::UNPROCESSABLE_ENTITY && page.text.contains("id=\"reason-error\""));
    assert_eq!(browser.api.count("SignupRefuse"), 0);
    let page = browser.submit(here, here, &[("act", "refuse"), ("version", "7"), ("reason", "Spam")]).await;
    assert_eq!(page.location(), "/sell/signups?ok=refused");
    assert_eq!(heard(&browser).1["input"]["reason"], "Spam");
    let stale = json!([{ "field": "expectedVersion", "message": "The version is 8", "code": "STALE_OBJECT" }]);
    browser.api.say("SignupApprove", json!({ "signupApprove": { "userErrors": stale } }));
    let page = browser.submit(here, here, &[("act", "approve"), ("version", "7")]).await;
    assert!(page.text.contains("Somebody changed it meanwhile"));
    // Looked at already: it can still be refused, not let through again.
    let page = browser.get("/sell/signups/sgn_2").await;
    assert!(!page.text.contains("value=\"approve\"") && page.text.contains("value=\"refuse\""));
    assert_eq!(browser.get("/sell/signups/sgn_9").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn settings_and_codes_of_signups() {
    let mut browser = operator(&[]).await;
    let here = "/sell/signups/settings";
    browser.api.say("SignupSettingsUpdate", json!({ "signupSettingsUpdate": { "userErrors": NO_ERRORS } }));
    let fields = [
        ("mode", "OPEN"),
        ("plans", "free, plus"),
        ("domains", ""),
        ("perDayMax", "50"),
        ("reviewScore", "0"),
        ("version", "5"),
    ];
    assert_eq!(browser.submit(here, here, &fields).await.location(), "/sell/signups/settings?ok=saved");
    let expected = json!({
        "tenantId": "ten_1", "mode": "OPEN", "plans": ["free", "plus"], "domains": [], "perDayMax": 50, "reviewScore": 0,
        "expectedVersion": 5, "dryRun": false, "idempotencyKey": "key-1",
    });
    assert_eq!(heard(&browser).1["input"], expected);
    let page = browser.submit(here, here, &[("mode", "OPEN"), ("perDayMax", "many")]).await;
    assert!(page.text.contains("id=\"perDayMax-error\"") && browser.api.count("SignupSettingsUpdate") == 1);
    let here = "/sell/signups/invites";
    let made = json!({ "invite": { "code": "secret-code" }, "userErrors": NO_ERRORS });
    browser.api.say("SignupInviteCreate", json!({ "signupInviteCreate": made }));
    let fields = [("act", "create"), ("note", "Friends"), ("uses", "3"), ("expiresAt", "2027-01-31")];
    assert_eq!(browser.submit(here, here, &fields).await.location(), here);
    let input = heard(&browser).1["input"].clone();
    assert_eq!((&input["uses"], &input["expiresAt"]), (&json!(3), &json!("2027-01-31T23:59:59Z")));
    assert!(browser.get(here).await.text.contains("secret-code"));
    assert!(!browser.get(here).await.text.contains("secret-code"), "it is shown once");
    browser.api.say("SignupInviteRevoke", json!({ "signupInviteRevoke": { "userErrors": NO_ERRORS } }));
    let page = browser.submit(here, here, &[("act", "revoke"), ("id", "sgi_1")]).await;
    assert_eq!(page.location(), "/sell/signups/invites?ok=revoked");
}

#[tokio::test]
async fn what_is_told_stands_on_every_page_and_is_put_away() {
    let mut browser = operator(&[]).await;
    let told = json!([
        { "id": "ann_1", "severity": "INCIDENT", "dismissible": true, "text": { "language": "en", "text": "Mail is <late>" } },
        { "id": "ann_2", "severity": "INFO", "dismissible": false, "text": { "language": "it", "text": "Buongiorno" } },
    ]);
    browser.api.say("AnnouncementsShown", json!({ "announcementsShown": told }));
    for path in ["/", "/domains", "/security", "/nothing-here"] {
        let page = browser.get(path).await;
        check(path, "en", &page);
        assert!(
            page.text.contains("<p role=\"status\"><strong>Incident</strong> <span>Mail is &#60;late&#62;</span></p>"),
            "{}",
            page.text
        );
        assert!(page.text.contains("<span lang=\"it\">Buongiorno</span>"));
        assert_eq!(page.text.matches("action=\"/announcements/dismiss\"").count(), 1, "one of them stays");
    }
    assert!(!browser.get_by_script("/mailboxes?q=a").await.text.contains("announcements/dismiss"));
    browser.api.say("AnnouncementDismiss", json!({ "announcementDismiss": { "userErrors": NO_ERRORS } }));
    let away = [("id", "ann_1"), ("back", "/mailboxes?q=a")];
    assert_eq!(browser.submit("/mailboxes?q=a", "/announcements/dismiss", &away).await.location(), "/mailboxes?q=a");
    let asked = browser.api.heard.lock().unwrap().iter().rfind(|h| h.0 == "AnnouncementDismiss").cloned().unwrap().1;
    assert_eq!(asked["input"]["id"], "ann_1");
    let elsewhere = [("id", "ann_1"), ("back", "https://evil.example/")];
    assert_eq!(browser.submit("/", "/announcements/dismiss", &elsewhere).await.location(), "/");
    // Who has not signed in reads what the provider tells, and puts nothing away.
    let mut other = browser.other();
    for path in ["/", "/sign-in", "/sign-in/mailbox"] {
        let page = other.get(path).await;
        check(path, "en", &page);
        assert!(page.text.contains("Mail is") && !page.text.contains("announcements/dismiss"), "{path}");
    }
    let heard = browser.api.heard.lock().unwrap().last().cloned().unwrap();
    assert_eq!((heard.2, heard.1), (None, json!({ "language": "en" })));
    browser.api.fail("AnnouncementsShown", "INTERNAL");
    assert_eq!(browser.get("/domains").await.status, StatusCode::OK, "a page comes without it");
}

#[tokio::test]
async fn something_is_told_in_several_languages_changed_and_ended() {
    let mut browser = operator(&[]).await;
    let here = "/sell/announcements";
    browser.api.say("AnnouncementCreate", json!({ "announcementCreate": { "userErrors": NO_ERRORS } }));
    let fields = [
        ("act", "create"),
        ("severity", "MAINTENANCE"),
        ("textEn", ""),
        ("textDe", "Wartung"),
        ("textFr", "Maintenance"),
        ("startsAt", "2027-01-31 08:00"),
        ("endsAt", "2027-01-31"),
        ("stays", "stays"),
    ];
    assert_eq!(browser.submit(here, here, &fields).await.location(), "/sell/announcements?ok=announced");
    let expected = json!({
        "tenantId": "ten_1", "severity": "MAINTENANCE",
        "texts": [{ "language": "de", "text": "Wartung" }, { "language": "fr", "text": "Maintenance" }],
        "startsAt": "2027-01-31T08:00:00Z", "endsAt": "2027-01-31T23:59:59Z", "dismissible": false, "dryRun": false, "idempotencyKey": "key-1",
    });
    assert_eq!(heard(&browser).1["input"], expected);
    let page = browser.submit(here, here, &[("act", "create"), ("startsAt", "soon"), ("textEn", "x")]).await;
    assert!(page.text.contains("id=\"startsAt-error\"") && page.text.contains("value=\"soon\""));
    let page = browser.get("/sell/announcements?edit=ann_1").await;
    assert!(
        page.text.contains("value=\"Wartung &#60;heute&#62;\"") && page.text.contains("value=\"2026-11-26 12:00\""),
        "{}",
        page.text
    );
    browser.api.say("AnnouncementUpdate", json!({ "announcementUpdate": { "userErrors": NO_ERRORS } }));
    let fields = [
        ("act", "update"),
        ("id", "ann_1"),
        ("version", "3"),
        ("severity", "INFO"),
        ("textEn", "Done"),
        ("textDe", ""),
    ];
    let page = browser.submit("/sell/announcements?edit=ann_1", "/sell/announcements?edit=ann_1", &fields).await;
    assert_eq!(page.location(), "/sell/announcements?ok=saved");
    let input = heard(&browser).1["input"].clone();
    let texts = json!([{ "language": "it", "text": "Manutenzione" }, { "language": "en", "text": "Done" }]);
    assert_eq!(
        (&input["texts"], input.get("endsAt"), &input["expectedVersion"]),
        (&texts, Some(&Value::Null), &json!(3))
    );
    browser.api.say("AnnouncementEnd", json!({ "announcementEnd": { "userErrors": NO_ERRORS } }));
    assert_eq!(
        browser.submit(here, here, &[("act", "end"), ("id", "ann_1")]).await.location(),
        "/sell/announcements?ok=ended"
    );
}

#[tokio::test]
async fn a_feature_is_switched_for_a_tenant_with_a_reason() {
    let mut browser = operator(&[]).await;
    flags(&browser, "ten_2");
    let here = "/sell/flags?tenant=ten_2";
    let page = browser.get(here).await;
    assert_eq!(heard(&browser).1["tenant"], "ten_2");
    assert!(page.text.contains("Set for this organisation.") && page.text.contains("Set for one above."));
    assert_eq!(page.text.matches("value=\"clear\"").count(), 1, "what stands above is not taken away here");
    browser.api.say("FeatureFlagSet", json!({ "featureFlagSet": { "userErrors": NO_ERRORS } }));
    let fields =
        [("act", "set"), ("of", "ten_2"), ("feature", "MAILBOX_IMPORT"), ("enabled", "off"), ("reason", "Too many")];
    assert_eq!(browser.submit(here, "/sell/flags", &fields).await.location(), "/sell/flags?tenant=ten_2&ok=switched");
    let expected = json!({
        "tenantId": "ten_2", "feature": "MAILBOX_IMPORT", "enabled": false, "reason": "Too many", "dryRun": false, "idempotencyKey": "key-1",
    });
    assert_eq!(heard(&browser).1["input"], expected);
    let errors = json!([{ "field": "reason", "message": "One line", "code": "INVALID" }]);
    browser.api.say("FeatureFlagSet", json!({ "featureFlagSet": { "userErrors": errors } }));
    let fields = [("act", "set"), ("of", "ten_2"), ("feature", "WEBHOOKS"), ("enabled", "on"), ("reason", "")];
    assert!(browser.submit(here, "/sell/flags", &fields).await.text.contains("id=\"reason-error\""));
    browser.api.say("FeatureFlagClear", json!({ "featureFlagClear": { "userErrors": NO_ERRORS } }));
    let fields = [("act", "clear"), ("of", "ten_2"), ("id", "WEBHOOKS"), ("version", "2")];
    browser.submit(here, "/sell/flags", &fields).await;
    assert_eq!(heard(&browser).1["input"]["expectedVersion"], 2);
}

#[tokio::test]
async fn who_sends_spam_is_found_stopped_and_let_go() {
    let mut browser = operator(&[]).await;
    let page = browser.get("/sell/abuse").await;
    assert_eq!(heard(&browser).1["kinds"], json!(["ABUSE", "SECURITY"]));
    assert!(
        page.text.contains("App password crd_1 of ann@a.example") && page.text.contains("href=\"/sell/abuse/crd_1\"")
    );
    browser.api.say("MailboxByAddress", json!({ "mailboxByAddress": { "id": "acc_1", "address": "ann@a.example" } }));
    assert_eq!(browser.get("/sell/abuse?q=ann@a.example").await.location(), "/sell/abuse/acc_1");
    browser.api.say("MailboxByAddress", json!({ "mailboxByAddress": null }));
    assert!(browser.get("/sell/abuse?q=no@a.example").await.text.contains("id=\"q-error\""));
    assert_eq!(browser.get("/sell/abuse?q=a.example").await.location(), "/sell/abuse/acc_1");
    let here = "/sell/abuse/acc_1";
    browser.api.say("HoldPlace", json!({ "holdPlace": { "userErrors": NO_ERRORS } }));
    let fields = [
        ("act", "place"),
        ("kind", "SECURITY"),
        ("code", "leaked"),
        ("reason", "Seen elsewhere"),
        ("expiresAt", "2027-01-31"),
        ("blocks", "SEND_EXTERNAL"),
    ];
    assert_eq!(browser.submit(here, here, &fields).await.location(), "/sell/abuse/acc_1?ok=held");
    let expected = json!({
        "subjectId": "acc_1", "kind": "SECURITY", "code": "LEAKED", "reason": "Seen elsewhere", "nextStep": "",
        "blocks": ["SEND_EXTERNAL"], "expiresAt": "2027-01-31T23:59:59Z", "dryRun": false, "idempotencyKey": "key-1",
    });
    assert_eq!(heard(&browser).1["input"], expected);
    browser.api.say("HoldRelease", json!({ "holdRelease": { "userErrors": NO_ERRORS } }));
    let page = browser.submit(here, here, &[("act", "release"), ("hold", "hld_2"), ("why", "")]).await;
    assert!(page.text.contains("id=\"why-error\"") && browser.api.count("HoldRelease") == 0);
    let page = browser.submit(here, here, &[("act", "release"), ("hold", "hld_2"), ("why", "Cleaned up")]).await;
    assert_eq!(page.location(), "/sell/abuse/acc_1?ok=released");
    let asked = heard(&browser).1["input"].clone();
    assert_eq!((&asked["holdId"], &asked["reason"]), (&json!("hld_2"), &json!("Cleaned up")));
    // Without the tenant's consent its passwords and its log are not shown; stopping goes on.
    browser.api.say("AppPasswords", json!({ "mailbox": null, "appPasswords": null }));
    browser.api.say("Audit", json!({ "auditEntries": null }));
    let page = browser.get(here).await;
    check(here, "en", &page);
    for words in ["app passwords are seen with", "audit log is seen with", "value=\"place\""] {
        assert!(page.text.contains(words), "{words}");
    }
}
