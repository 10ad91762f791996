//! SUMMARY    What the API says of a tenant where much is to be done: an answer for every operation that a page reads by.

use crate::stub::Browser;
use serde_json::{Value, json};

const NOW: &str = "2026-11-26T12:00:00.000Z";

/// Somebody who signed in where much is to be done.
pub async fn signed_in() -> Browser {
    let mut browser = Browser::new();
    browser.sign_in().await;
    answers(&browser);
    browser
}

/// What was asked last.
pub fn heard(browser: &Browser) -> (String, Value) {
    let heard = browser.api.heard.lock().unwrap().last().cloned().unwrap();
    (heard.0, heard.1)
}

/// What the API says of a tenant where much is to be done.
pub fn answers(browser: &Browser) {
    access(browser);
    crate::console::answers(browser);
    crate::sold::answers(browser);
    crate::trace::answers(browser);
    mail(browser);
    let brand = crate::brand::branding(crate::brand::brand("Alpine"));
    browser.api.say("BrandingShown", json!({ "branding": brand }));
    let hold = json!({ "kind": "LEGAL", "code": "OTHER", "reason": "Unpaid.", "nextStep": "Pay.", "expiresAt": null });
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
            "usage": { "usedBytes": "900000000", "emails": 1234 }, "holds": [hold], "factors": [],
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
    browser.api.say("MailboxNamed", json!({ "mailbox": mailbox }));
    browser.api.say("MailboxAliases", json!({ "aliases": {
        "nodes": [{ "address": "sales@a.example", "targets": ["ann@a.example"], "label": "Sales", "enabled": false }, { "address": "all@a.example", "targets": ["ann@a.example", "x@y.example"], "label": "", "enabled": true }],
        "pageInfo": { "hasNextPage": false, "endCursor": null },
    } }));
    security(browser);
}

/// Of who is signed in.
fn security(browser: &Browser) {
    let factor = |kind: &str| json!({ "id": "fac_1", "kind": kind, "label": "Phone", "confirmed": kind == "TOTP", "createdAt": NOW, "lastUsedAt": NOW });
    let session = |id: &str| json!({ "id": id, "device": "Browser", "ip": "192.0.2.1", "createdAt": NOW, "lastUsedAt": NOW, "current": id == "ses_1" });
    browser.api.say("Security", json!({
        "me": { "person": { "email": "ann@a.example" }, "factors": [factor("TOTP"), factor("PASSKEY"), factor("NEW")] },
        "sessions": [session("ses_1"), session("ses_2")],
    }));
    browser.api.say("Privacy", json!({
        "viewer": { "name": "A & Sons", "version": 3, "mailboxRetentionDays": 14, "emailRecoveryDays": 7, "permissions": ["tenant:update"] },
        "me": { "person": { "email": "ann@a.example" } }, "support": { "totalCount": 1 },
    }));
    browser.api.say("PrivacyFile", json!({
        "me": {
            "person": { "id": "per_1", "email": "ann@a.example", "name": "Ann <&>", "locale": "en", "verified": true },
            "memberships": [{ "tenantId": "ten_1", "role": "owner", "createdAt": NOW }],
            "factors": [{ "kind": "TOTP", "label": "Phone", "confirmed": true, "createdAt": NOW, "lastUsedAt": null }],
            "identities": [],
        },
        "sessions": [{ "device": "Browser", "ip": "192.0.2.1", "createdAt": NOW, "lastUsedAt": NOW, "expiresAt": NOW }],
    }));
    browser.api.say("Factors", json!({ "me": { "factors": [{ "confirmed": true }] } }));
    browser.api.say("Place", json!({ "viewer": { "id": "ten_1", "name": "A & Sons", "permissions": [] } }));
}

/// Of people and access.
fn access(browser: &Browser) {
    let info = json!({ "hasNextPage": true, "hasPreviousPage": true, "startCursor": "a=", "endCursor": "b&" });
    let whole = json!({ "domains": null, "mailboxIds": null });
    let part = json!({ "domains": ["a.example"], "mailboxIds": ["acc_1"] });
    let roles = json!({ "nodes": [{ "id": "rol_1", "name": "Night <shift>", "permissions": ["mailbox:read"] }] });
    let person = |email: &str| json!({ "id": "per_1", "email": email, "name": "Ann <&>" });
    browser.api.say("Members", json!({
        "members": {
            "nodes": [
                { "id": "mem_1", "role": "owner", "createdAt": NOW, "person": person("ann@a.example"), "on": whole },
                { "id": "mem_2", "role": "rol_1", "createdAt": NOW, "person": person("ben@b.example"), "on": part },
            ],
            "pageInfo": info, "totalCount": 2,
        },
        "invitations": { "nodes": [{ "id": "inv_1", "email": "cy@c.example", "role": "help-desk", "expiresAt": NOW, "on": whole }] },
        "roles": roles,
    }));
    browser.api.say(
        "Roles",
        json!({
            "roles": roles, "standardRoles": [{ "name": "owner", "permissions": ["tenant:read", "mailbox:read"] }],
            "viewer": { "permissions": ["mailbox:read", "mailbox:create"] },
        }),
    );
    browser.api.say("ApiTokens", json!({
        "apiTokens": {
            "nodes": [
                { "id": "tok_1", "label": "Backup", "permissions": ["mailbox:read"], "ips": ["192.0.2.0/24"], "serviceAccountId": "svc_1",
                  "createdAt": NOW, "expiresAt": NOW, "lastUsedAt": null, "on": part },
                { "id": "tok_2", "label": "", "permissions": [], "ips": [], "serviceAccountId": null, "createdAt": NOW, "expiresAt": NOW,
                  "lastUsedAt": NOW, "on": whole },
            ],
            "pageInfo": info, "totalCount": 2,
        },
        "serviceAccounts": { "nodes": [{ "id": "svc_1", "name": "Robot", "role": "help-desk" }] },
        "roles": roles,
    }));
    webhooks(browser);
    records(browser);
}

fn webhooks(browser: &Browser) {
    let info = json!({ "hasNextPage": true, "hasPreviousPage": true, "startCursor": "a=", "endCursor": "b&" });
    let webhook = json!({
        "id": "whk_1", "label": "", "url": "https://hooks.example/x", "kinds": ["mailbox.*"], "enabled": false, "failingSince": NOW,
        "disabledReason": "Nothing was taken.", "oldSecretUntil": NOW, "createdAt": NOW,
    });
    browser.api.say("Webhooks", json!({ "webhooks": { "nodes": [webhook], "pageInfo": info } }));
    let delivery = |state: &str| {
        json!({
            "id": "1", "deliveryId": format!("dlv_{state}"), "kind": "mailbox.created", "state": state, "attempts": 3, "nextAttemptAt": NOW,
            "status": 500, "latencyMs": 12, "response": "<b>no</b>", "error": "refused", "createdAt": NOW, "endedAt": null,
        })
    };
    let deliveries: Vec<Value> = ["DELIVERED", "PENDING", "DEAD", "NEW"].into_iter().map(delivery).collect();
    browser.api.say(
        "WebhookShown",
        json!({ "webhook": webhook, "webhookDeliveries": { "nodes": deliveries, "pageInfo": info } }),
    );
}

/// The audit log, support, identity providers, capabilities, jobs.
fn records(browser: &Browser) {
    let info = json!({ "hasNextPage": true, "hasPreviousPage": true, "startCursor": "a=", "endCursor": "b&" });
    let roles = json!({ "nodes": [] });
    let entry = json!({
        "id": "1", "number": 1, "at": NOW, "actor": "per_1", "onBehalfOf": "sup_1", "ip": "192.0.2.1", "action": "mailboxCreate",
        "object": "acc_1", "detail": "ann@a.example <b>",
    });
    browser.api.say("Audit", json!({ "auditEntries": { "nodes": [entry], "pageInfo": info } }));
    let grant = |scope: &str| json!({ "id": "sup_1", "scope": scope, "reason": "Mail <b>", "grantedBy": "per_1", "expiresAt": NOW });
    let grants: Vec<Value> = ["METADATA", "SETTINGS", "CONTENT", "NEW"].into_iter().map(grant).collect();
    browser.api.say("SupportGrants", json!({ "supportGrants": { "nodes": grants, "pageInfo": info } }));
    let provider = json!({
        "id": "idp_1", "name": "Login", "issuer": "https://login.example", "clientId": "x", "domains": ["a.example"], "role": "help-desk",
    });
    browser.api.say(
        "IdentityProviders",
        json!({ "identityProviders": { "nodes": [provider], "pageInfo": info }, "roles": roles }),
    );
    let state = |(n, name): (usize, &str)| {
        let reasons =
            json!([{ "code": "unpaid", "reason": "Unpaid.", "nextStep": "Pay.", "hold": { "kind": "ADMIN" } }]);
        json!({ "capability": name, "allowed": n % 2 == 0, "reasons": if n % 2 == 0 { json!([]) } else { reasons } })
    };
    let names = [
        "PORTAL_LOGIN",
        "MAIL_READ",
        "RECEIVE",
        "SEND_INTERNAL",
        "SEND_EXTERNAL",
        "PROVISION",
        "EXPORT",
        "PAY",
        "PURGE_ALLOWED",
        "NEW",
    ];
    let states: Vec<Value> = names.into_iter().enumerate().map(state).collect();
    browser.api.say("Why", json!({ "capabilities": { "states": states, "at": NOW } }));
    browser.api.say("JobShown", json!({ "job": job("auditExport", "RUNNING") }));
}

/// A job that is half done.
pub fn job(kind: &str, state: &str) -> Value {
    json!({
        "id": "job_1", "kind": kind, "state": state, "progress": { "done": 50, "total": 100 }, "result": { "entries": 50, "made": 49, "would": 0, "refused": 1 },
        "error": null, "createdAt": NOW, "endedAt": null,
    })
}

/// Of addresses, and of what belongs to a mailbox.
fn mail(browser: &Browser) {
    let info = json!({ "hasNextPage": true, "hasPreviousPage": true, "startCursor": "a=", "endCursor": "b&" });
    let alias = |address: &str, enabled: bool| json!({ "address": address, "targets": ["ann@a.example", "x@y.example"], "label": "Sales <b>", "enabled": enabled });
    let end = json!({ "hasNextPage": false, "hasPreviousPage": true, "startCursor": "a=", "endCursor": null });
    let nodes = [alias("sales@a.example", true), alias("old@a.example", false)];
    browser.api.say("Aliases", json!({ "aliases": { "nodes": nodes, "pageInfo": end, "totalCount": 2 } }));
    let group = json!({
        "address": "team+x@a.example", "tenantId": "ten_1", "name": "Team", "members": ["ann@a.example"], "posting": "MEMBERS", "enabled": false,
    });
    browser.api.say("Groups", json!({ "groups": { "nodes": [group], "pageInfo": info, "totalCount": 1 } }));
    browser.api.say("GroupShown", json!({ "group": group }));
    let settings = json!({ "name": "a.example", "catchAll": "ann@a.example", "plusAddressing": true, "aliasOf": null, "state": "LIVE" });
    browser.api.say("DomainSettings", json!({ "domain": settings }));
    let mailbox = json!({ "id": "acc_1", "address": "ann@a.example" });
    browser.api.say(
        "AppPasswords",
        json!({
            "mailbox": mailbox, "appPasswords": [{ "id": "cre_1", "label": "Phone <b>", "createdAt": NOW }],
        }),
    );
    let masked =
        json!({ "address": "x7@a.example", "label": "News", "site": "shop.example", "note": "", "enabled": true });
    browser.api.say(
        "MaskedAddresses",
        json!({ "mailbox": mailbox, "maskedAddresses": { "nodes": [masked], "pageInfo": info } }),
    );
    let deleted = |n: u32, subject: Value, path: Value| json!({ "id": format!("17000/{n}"), "deletedAt": NOW, "receivedAt": NOW, "size": "2048", "mailboxPath": path, "from": null, "subject": subject });
    browser.api.say(
        "RecoverableEmails",
        json!({ "mailbox": mailbox, "recoverableEmails": {
            "nodes": [deleted(2, json!("Lost <b>"), json!("INBOX")), deleted(1, Value::Null, Value::Null)],
            "pageInfo": { "hasNextPage": true, "endCursor": "17000/1" }, "totalCount": 9, "totalSize": "9000", "days": 14,
        } }),
    );
    exports(browser);
    migrations(browser);
    browser.api.say("MailboxSharing", json!({ "mailbox": {
        "id": "acc_1", "tenantId": "ten_1", "address": "ann@a.example", "sendAs": ["info@a.example"],
        "delegates": [{ "mailboxId": "acc_2", "address": "ben@a.example", "open": true, "write": true, "sendAs": true }],
        "delegateOf": [{ "address": "cy@a.example", "displayName": "Cy", "open": true, "write": false, "sendAs": false }],
    } }));
    browser.api.say("MailboxImportResult", json!({ "mailboxImportResult": "line,address\n2,ann@a.example\n" }));
}

/// A migration that failed, and a list with some kinds.
fn migrations(browser: &Browser) {
    let one = |id: &str, state: &str, address: Value| {
        json!({ "id": id, "mailboxAddress": address, "host": "imap.old.example", "user": "ann <b>", "state": state,
            "brought": 4, "size": "4096", "nextPassAt": NOW, "createdAt": NOW })
    };
    browser.api.say(
        "Migrations",
        json!({ "migrations": {
            "nodes": [
                one("job_2", "WAITING", json!("ann@a.example")),
                one("job_1", "FAILED", json!("ben@a.example")),
                one("job_0", "ENDED", Value::Null),
            ],
            "pageInfo": { "hasNextPage": true, "hasPreviousPage": false, "startCursor": "job_2", "endCursor": "job_0" },
        } }),
    );
    browser.api.say("MigrationShown", shown_migration("FAILED"));
}

/// What the page of a migration is answered, in a state.
pub fn shown_migration(state: &str) -> Value {
    let ended = if state == "ENDED" { json!(NOW) } else { Value::Null };
    json!({
        "migration": {
            "mailboxAddress": "ann@a.example", "host": "imap.old.example", "port": 993, "user": "ann <b>", "state": state,
            "problem": if state == "FAILED" { json!("the source refuses: <b>no</b>") } else { Value::Null },
            "brought": 10, "size": "4096", "alreadyHere": 2, "problems": 3, "passes": 1, "lastPassAt": NOW, "nextPassAt": NOW,
            "createdAt": NOW, "endsAt": NOW, "endedAt": ended,
            "progress": { "folders": 1, "foldersTotal": 4, "messages": 12, "messagesTotal": 48 },
        },
        "problems": [
            { "kind": "MESSAGE", "folder": "Old <b>", "uid": 7, "why": "too big" },
            { "kind": "PASSED_OVER", "folder": "Starred", "uid": null, "why": "it shows mail of other folders" },
        ],
    })
}

/// An export that is ready, and a list with one of each kind.
fn exports(browser: &Browser) {
    let one = |id: &str, state: &str, address: Value, ids: Value, size: &str| {
        json!({ "id": id, "mailboxIds": ids, "mailboxAddress": address, "state": state, "createdAt": NOW, "startsAt": NOW,
            "expiresAt": NOW, "size": size })
    };
    browser.api.say(
        "Exports",
        json!({
            "exports": {
                "nodes": [
                    one("job_2", "READY", json!("ann@a.example"), json!(["acc_1"]), "4096"),
                    one("job_1", "AUTHORIZING", Value::Null, json!([]), "0"),
                    one("job_0", "WRITING", Value::Null, json!(["acc_1", "acc_2"]), "0"),
                ],
                "pageInfo": { "hasNextPage": true, "hasPreviousPage": false, "startCursor": "job_2", "endCursor": "job_0" },
            },
            "viewer": { "permissions": ["export:request", "tenant:close"] },
        }),
    );
    browser.api.say("ExportShown", shown_export("READY"));
}

/// What the page of an export is answered, in a state.
pub fn shown_export(state: &str) -> Value {
    let is_ready = state == "READY";
    let file = |name: &str| json!({ "name": name, "size": "4096" });
    let export = json!({
        "mailboxIds": ["acc_1"], "mailboxAddress": "ann@a.example", "leftOut": 0, "reason": "We <b>move</b>", "state": state,
        "problems": 1, "problem": null, "createdAt": NOW, "startsAt": NOW, "expiresAt": NOW,
        "size": if is_ready { "4096" } else { "0" },
        "progress": { "mailboxes": 1, "mailboxesListed": 1, "emails": 40, "emailsDone": 10, "size": "4000", "sizeDone": "1000",
            "secondsLeft": 130 },
    });
    json!({
        "export": export,
        "files": if is_ready { json!([file("export-1.zip"), file("manifest.json")]) } else { json!([]) },
        "links": if is_ready { json!([{ "id": "exl_1", "expiresAt": NOW }]) } else { json!([]) },
    })
}
