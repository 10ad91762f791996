//! SUMMARY    People and access: what forms ask the API for, what is shown once, what is refused.

use crate::answers::{heard, job, signed_in};
use axum::http::{StatusCode, header};
use serde_json::json;

#[tokio::test]
async fn an_invitation_is_asked_for_and_its_code_shown_once() {
    let mut browser = signed_in().await;
    let made =
        json!({ "invitation": { "id": "inv_1", "email": "cy@c.example" }, "secret": "inv-secret", "userErrors": [] });
    browser.api.say("MemberInvite", json!({ "memberInvite": made }));
    let fields =
        [("act", "invite"), ("email", "cy@c.example"), ("role", "help-desk"), ("domains", "a.example, b.example")];
    let page = browser.submit("/access/members", "/access/members", &fields).await;
    assert_eq!(page.location(), "/access/members?ok=invited");
    let (operation, asked) = heard(&browser);
    assert_eq!(operation, "MemberInvite");
    let expected = json!({
        "tenantId": "ten_1", "email": "cy@c.example", "role": "help-desk", "on": { "domains": ["a.example", "b.example"] },
        "dryRun": false, "idempotencyKey": "key-1",
    });
    assert_eq!(asked["input"], expected);
    assert!(!browser.get("/access/tokens").await.text.contains("inv-secret"), "it is of its page alone");
    assert!(browser.get("/access/members").await.text.contains("<code class=\"secret\">inv-secret</code>"));
    assert!(!browser.get("/access/members").await.text.contains("inv-secret"));
}

#[tokio::test]
async fn what_is_refused_stands_beside_its_field_or_above_the_rows() {
    let mut browser = signed_in().await;
    let refused = json!([{ "field": "on", "message": "The domain is not yours", "code": "INVALID" }]);
    browser
        .api
        .say("MemberInvite", json!({ "memberInvite": { "invitation": null, "secret": null, "userErrors": refused } }));
    let fields = [("act", "invite"), ("email", "cy@c.example"), ("role", "auditor"), ("domains", "x.example")];
    let page = browser.submit("/access/members", "/access/members", &fields).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    crate::pages::check("/access/members", "en", &page);
    assert!(page.text.contains("id=\"domains-error\"") && page.text.contains("value=\"cy@c.example\""));
    assert!(page.text.contains("<option value=\"auditor\" selected>"), "what was chosen is kept");
    let refused = json!([{ "field": "memberId", "message": "", "code": "LAST_OWNER" }]);
    browser.api.say("MemberRemove", json!({ "memberRemove": { "userErrors": refused } }));
    let page = browser.submit("/access/members", "/access/members", &[("act", "remove"), ("id", "mem_1")]).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.text.contains("<li>Somebody has to be the owner."), "{}", page.text);
    assert_eq!(heard(&browser).0, "Members");
    let page = browser.submit("/access/members", "/access/members", &[("act", "conquer")]).await;
    assert_eq!(page.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_role_is_made_of_what_is_ticked() {
    let mut browser = signed_in().await;
    browser.api.say("RoleUpdate", json!({ "roleUpdate": { "userErrors": [] } }));
    let page = browser.get("/access/roles?edit=rol_1").await;
    assert!(page.text.contains("type=\"checkbox\" value=\"mailbox:read\" checked"), "{}", page.text);
    assert!(page.text.contains("type=\"checkbox\" value=\"mailbox:create\">"));
    let fields = [
        ("act", "update"),
        ("id", "rol_1"),
        ("name", "Day"),
        ("permissions", "mailbox:read"),
        ("permissions", "mailbox:create"),
    ];
    browser.submit("/access/roles", "/access/roles", &fields).await;
    let asked = heard(&browser).1;
    assert_eq!(asked["input"]["permissions"], json!(["mailbox:read", "mailbox:create"]));
    assert_eq!(asked["input"]["name"], "Day");
}

#[tokio::test]
async fn a_token_has_its_bounds_and_its_secret_is_shown_once() {
    let mut browser = signed_in().await;
    browser.api.say(
        "ApiTokenCreate",
        json!({ "apiTokenCreate": { "id": "tok_1", "secret": "token-secret", "userErrors": [] } }),
    );
    let fields = [
        ("act", "create"),
        ("label", "Backup"),
        ("access", "READ"),
        ("program", ""),
        ("domains", ""),
        ("networks", "192.0.2.0/24 2001:db8::/32"),
        ("days", "30"),
    ];
    let page = browser.submit("/access/tokens", "/access/tokens", &fields).await;
    assert_eq!(page.location(), "/access/tokens?ok=token");
    let expected = json!({
        "tenantId": "ten_1", "label": "Backup", "access": "READ", "ips": ["192.0.2.0/24", "2001:db8::/32"], "lifeSeconds": 2_592_000,
        "dryRun": false, "idempotencyKey": "key-1",
    });
    assert_eq!(heard(&browser).1["input"], expected);
    assert!(browser.get("/access/tokens").await.text.contains("token-secret"));
    for wrong in ["0", "-1", "3651", "x", "1.5"] {
        let page = browser.submit("/access/tokens", "/access/tokens", &[("act", "create"), ("days", wrong)]).await;
        assert!(page.text.contains("A number of days, 3,650 at most."), "{wrong}");
    }
    assert_eq!(browser.api.count("ApiTokenCreate"), 1);
}

#[tokio::test]
async fn a_factor_that_is_asked_for_leads_back_to_the_page() {
    let mut browser = signed_in().await;
    browser.api.fail("ApiTokenCreate", "STEP_UP_REQUIRED");
    let page = browser.submit("/access/tokens", "/access/tokens", &[("act", "create"), ("label", "x")]).await;
    assert_eq!(page.location(), "/security/confirm?next=%2Faccess%2Ftokens");
}

#[tokio::test]
async fn a_webhook_shows_its_secret_and_is_switched_by_a_button() {
    let mut browser = signed_in().await;
    let made = json!({ "webhook": { "id": "whk_1" }, "secret": "whsec_x", "userErrors": [] });
    browser.api.say("WebhookCreate", json!({ "webhookCreate": made }));
    let fields = [("act", "create"), ("url", "https://hooks.example/x"), ("kinds", "mailbox.* domain.created")];
    let page = browser.submit("/access/webhooks", "/access/webhooks", &fields).await;
    assert_eq!(page.location(), "/access/webhooks/whk_1");
    assert_eq!(heard(&browser).1["input"]["kinds"], json!(["mailbox.*", "domain.created"]));
    assert!(browser.get("/access/webhooks/whk_1").await.text.contains("whsec_x"));
    browser.api.say("WebhookUpdate", json!({ "webhookUpdate": { "userErrors": [] } }));
    browser.submit("/access/webhooks/whk_1", "/access/webhooks/whk_1", &[("act", "enable"), ("id", "whk_1")]).await;
    let asked = heard(&browser).1;
    assert_eq!(asked["input"]["enabled"], true);
    assert_eq!(asked["input"].get("url"), None, "nothing else is changed");
    browser.api.say("WebhookDeliveryRetry", json!({ "webhookDeliveryRetry": { "userErrors": [] } }));
    let retry = [("act", "retry"), ("id", "dlv_DEAD")];
    let page = browser.submit("/access/webhooks/whk_1", "/access/webhooks/whk_1", &retry).await;
    assert_eq!(page.location(), "/access/webhooks/whk_1?ok=retried");
    assert_eq!(heard(&browser).1["input"]["deliveryId"], "dlv_DEAD");
}

#[tokio::test]
async fn the_audit_log_is_filtered_by_days_and_exported_as_it_is_shown() {
    let mut browser = signed_in().await;
    browser.get("/access/audit?action=mailboxCreate&since=2026-11-01&until=2026-11-30").await;
    let expected =
        json!({ "action": "mailboxCreate", "since": "2026-11-01T00:00:00Z", "until": "2026-12-01T00:00:00Z" });
    assert_eq!(heard(&browser).1["filter"], expected);
    browser.get("/access/audit?since=nonsense").await;
    assert_eq!(heard(&browser).1.get("filter"), None);
    browser.api.say("AuditExport", json!({ "auditExport": { "job": { "id": "job_1" }, "userErrors": [] } }));
    let fields = [("act", "export"), ("action", "mailboxCreate"), ("since", "2026-11-01"), ("until", "2026-11-30")];
    let page = browser.submit("/access/audit", "/access/audit", &fields).await;
    assert_eq!(page.location(), "/access/jobs/job_1");
    assert_eq!(heard(&browser).1["input"]["filter"], expected);
}

#[tokio::test]
async fn a_job_reads_itself_while_it_goes_on_and_gives_its_file() {
    let mut browser = signed_in().await;
    let page = browser.get("/access/jobs/job_1").await;
    assert!(page.text.contains("hx-trigger=\"every 2s\"") && page.text.contains("<rect class=\"fill\" width=\"500\""));
    assert!(!page.text.contains("/access/jobs/job_1/file"));
    browser.api.say("JobShown", json!({ "job": job("auditExport", "DONE") }));
    let page = browser.get("/access/jobs/job_1").await;
    assert!(!page.text.contains("hx-trigger") && page.text.contains("href=\"/access/jobs/job_1/file\""));
    let file = browser.get("/access/jobs/job_1/file").await;
    assert_eq!((file.status, file.text.as_str()), (StatusCode::OK, "{}\n"));
    assert_eq!(file.headers[header::CONTENT_TYPE], "application/jsonl");
    assert_eq!(file.headers[header::CONTENT_DISPOSITION], "attachment; filename=\"job_1.jsonl\"");
    assert!(!file.headers.contains_key("x-other"));
    for other in ["job_2", "..%2Fgraphql", "job_1%2F..%2Fx"] {
        assert_eq!(browser.get(&format!("/access/jobs/{other}/file")).await.status, StatusCode::NOT_FOUND, "{other}");
    }
    let mut stranger = browser.other();
    assert_eq!(stranger.get("/access/jobs/job_1/file").await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn support_is_let_in_for_hours_that_can_be_chosen() {
    let mut browser = signed_in().await;
    browser.api.say("SupportGrantCreate", json!({ "supportGrantCreate": { "userErrors": [] } }));
    for (hours, seconds) in [("4", 14_400), ("9999", 3_600), ("", 3_600)] {
        let fields = [("act", "create"), ("scope", "SETTINGS"), ("hours", hours), ("reason", "Mail is late")];
        browser.submit("/access/support", "/access/support", &fields).await;
        let asked = heard(&browser).1;
        assert_eq!((&asked["input"]["lifeSeconds"], &asked["input"]["scope"]), (&json!(seconds), &json!("SETTINGS")));
    }
}

#[tokio::test]
async fn what_stands_against_something_is_said_in_the_words_of_the_hold() {
    let mut browser = signed_in().await;
    let page = browser.get("/access/why?subject=acc_1").await;
    assert_eq!(heard(&browser).1["id"], "acc_1");
    assert!(page.text.contains("<p class=\"hint\" lang=\"en\">Unpaid. Pay.</p>"), "{}", page.text);
    browser.get("/access/why").await;
    assert_eq!(heard(&browser).1["id"], "ten_1");
    browser.api.say("Why", json!({ "capabilities": null }));
    assert!(browser.get("/access/why?subject=acc_9").await.text.contains("There is no such thing here."));
}
