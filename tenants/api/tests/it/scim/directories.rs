//! SUMMARY    What Okta and Entra send, in the order they send it.

use super::{Directory, PATCH, USER};
use axum::http::header;
use serde_json::{Value, json};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

#[tokio::test]
async fn okta_makes_finds_changes_switches_off_and_on() {
    let d = Directory::new().await;
    let looked = d.get("/Users?filter=userName eq \"may@alpha.example\"&startIndex=1&count=100").await;
    assert_eq!((looked.status, &looked.body["totalResults"]), (200, &json!(0)));
    let okta = |active: bool, family: &str| {
        json!({
            "schemas": [USER], "userName": "may@alpha.example", "externalId": "00ujl29u0le5T6Aj10h7",
            "name": { "givenName": "May", "familyName": family },
            "emails": [{ "primary": true, "value": "may@alpha.example", "type": "work" }],
            "displayName": format!("May {family}"), "locale": "en-US", "groups": [], "password": "1mz050nq", "active": active,
        })
    };
    let made = d.ask("POST", "/Users", okta(true, "Sea")).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let id = made.id();
    assert_eq!(made.header(header::LOCATION), format!("/scim/v2/Users/{id}"));
    assert_eq!(made.header(header::ETAG), made.body["meta"]["version"].as_str().unwrap());
    assert_eq!(made.body["name"], json!({ "formatted": "May Sea", "givenName": "May", "familyName": "Sea" }));
    assert_eq!((&made.body["password"], &made.body["locale"]), (&Value::Null, &Value::Null));
    assert_eq!(d.account(&id).credentials.len(), 1);
    // A retry after a lost answer: it is there, and it is found.
    assert_eq!(d.ask("POST", "/Users", okta(true, "Sea")).await.problem(), (409, "uniqueness"));
    let found = d.get("/Users?filter=userName eq \"May@Alpha.example\"").await;
    assert_eq!((&found.body["totalResults"], &found.body["Resources"][0]["id"]), (&json!(1), &json!(id)));
    // PUT of the whole profile.
    let put = d.ask("PUT", &format!("/Users/{id}"), okta(true, "Lake")).await;
    assert_eq!((put.status, &put.body["displayName"]), (200, &json!("May Lake")));
    // Switched off: the hold of the directory, at every door.
    let off = d.patch(&id, json!([{ "op": "replace", "value": { "active": false } }])).await;
    assert_eq!((off.status, &off.body["active"]), (200, &json!(false)));
    let held = d.account(&id).restrictions;
    assert_eq!((held.len(), held[0].code.as_str()), (1, "SCIM_INACTIVE"));
    assert!(!d.account(&id).capabilities.mail_read);
    let log = d.audit().await;
    assert_eq!(log[0], "holdPlace");
    // Again changes nothing: no version, no entry, no second hold.
    let again = d.patch(&id, json!([{ "op": "replace", "value": { "active": false } }])).await;
    assert_eq!(again.body["meta"]["version"], off.body["meta"]["version"]);
    assert_eq!(d.audit().await, log);
    let on = d.ask("PUT", &format!("/Users/{id}"), okta(true, "Lake")).await;
    assert_eq!(on.body["active"], true);
    assert!(d.account(&id).restrictions.is_empty() && d.account(&id).capabilities.mail_read);
}

#[tokio::test]
async fn entra_matches_patches_by_paths_and_deletes() {
    let d = Directory::new().await;
    // The connection test asks for somebody who cannot be.
    let test = d.get("/Users?filter=userName eq \"2b0e9f2c-5a6b-4b42-9f46-0a2f4c6c3f6f\"").await;
    assert_eq!((test.status, &test.body["Resources"]), (200, &json!([])));
    let made = d
        .ask(
            "POST",
            "/Users",
            json!({
                "schemas": [USER, ENTERPRISE], "externalId": "0a21f0f2-8d2a-4f8e-bf98-7363c4aed4ef",
                "userName": "tom@alpha.example", "active": true, "displayName": "Tom Dawn",
                "emails": [{ "primary": true, "type": "work", "value": "tom@alpha.example" }],
                "meta": { "resourceType": "User" }, "name": { "formatted": "Tom Dawn", "familyName": "Dawn", "givenName": "Tom" },
                "roles": [], ENTERPRISE: { "department": "Sales" },
            }),
        )
        .await;
    assert_eq!(made.status, 201, "{}", made.body);
    let id = made.id();
    let by_external = d.get("/Users?filter=externalId eq \"0a21f0f2-8d2a-4f8e-bf98-7363c4aed4ef\"").await;
    assert_eq!(by_external.body["Resources"][0]["id"], json!(id));
    let changed = d
        .patch(
            &id,
            json!([
                { "op": "Replace", "path": "emails[type eq \"work\"].value", "value": "tom@alpha.example" },
                { "op": "Replace", "path": "name.familyName", "value": "Dusk" },
                { "op": "Add", "path": format!("{ENTERPRISE}:department"), "value": "Support" },
                { "op": "Add", "value": { "name.givenName": "Thomas", "displayName": "Thomas Dusk" } },
            ]),
        )
        .await;
    assert_eq!((changed.status, &changed.body["name"]["formatted"]), (200, &json!("Thomas Dusk")), "{}", changed.body);
    let off = d.patch(&id, json!([{ "op": "Replace", "path": "active", "value": "False" }])).await;
    assert_eq!(off.body["active"], false);
    let inactive = d.get("/Users?filter=active eq \"False\" and displayName sw \"thomas\"").await;
    assert_eq!(inactive.body["totalResults"], 1);
    let removed = d.patch(&id, json!([{ "op": "Remove", "path": "externalId" }])).await;
    assert_eq!(removed.body["externalId"], Value::Null);
    // Another userName: the mailbox has it, and the old address leads to it.
    let renamed = d.patch(&id, json!([{ "op": "Replace", "path": "userName", "value": "thomas@alpha.example" }])).await;
    assert_eq!((&renamed.body["userName"], &renamed.body["id"]), (&json!("thomas@alpha.example"), &json!(id)));
    assert_eq!(d.account(&id).send_as, ["tom@alpha.example"]);
    // And back, and again.
    for name in ["tom", "thomas"] {
        let step = json!([{ "op": "Replace", "path": "userName", "value": format!("{name}@alpha.example") }]);
        let back = d.patch(&id, step).await;
        assert_eq!(
            (back.status, &back.body["userName"]),
            (200, &json!(format!("{name}@alpha.example"))),
            "{}",
            back.body
        );
    }
    assert_eq!(d.account(&id).send_as, ["tom@alpha.example"]);
    let path = format!("/Users/{id}");
    let gone = d.ask("DELETE", &path, json!({})).await;
    assert_eq!((gone.status, &gone.body), (204, &Value::Null));
    assert_eq!(d.get(&path).await.problem(), (404, ""));
    assert_eq!(d.ask("DELETE", &path, json!({})).await.problem(), (404, ""));
    assert_eq!(d.get("/Users?filter=userName eq \"thomas@alpha.example\"").await.body["totalResults"], 0);
    assert_eq!(d.audit().await[0], "mailboxDelete");
}

#[tokio::test]
async fn versions_guard_and_keys_repeat() {
    let d = Directory::new().await;
    let body = json!({ "schemas": [USER], "userName": "may@alpha.example" }).to_string();
    let key = [("idempotency-key", "k1")];
    let made = d.send(&d.token, "POST", "/Users", &key, body.clone()).await;
    let again = d.send(&d.token, "POST", "/Users", &key, body).await;
    assert_eq!((made.status, again.status, again.id()), (201, 201, made.id()));
    let path = format!("/Users/{}", made.id());
    let tag = made.header(header::ETAG).to_owned();
    let same = d.send(&d.token, "GET", &path, &[("if-none-match", &tag)], String::new()).await;
    assert_eq!(same.status, 304);
    let name = |name: &str| {
        let step = json!([{ "op": "replace", "path": "displayName", "value": name }]);
        json!({ "schemas": [PATCH], "Operations": step }).to_string()
    };
    let done = d.send(&d.token, "PATCH", &path, &[("if-match", &tag)], name("One")).await;
    assert_eq!((done.status, &done.body["displayName"]), (200, &json!("One")));
    for stale in [tag.as_str(), "W/\"99\"", "\"x\"", "x"] {
        let refused = d.send(&d.token, "PATCH", &path, &[("if-match", stale)], name("Two")).await;
        assert_eq!(refused.problem(), (412, ""), "{stale}");
    }
    assert_eq!(d.send(&d.token, "DELETE", &path, &[("if-match", &tag)], String::new()).await.problem(), (412, ""));
    assert_eq!(d.get(&path).await.body["displayName"], "One");
    let any = d.send(&d.token, "PATCH", &path, &[("if-match", "*")], name("Three")).await;
    assert_eq!(any.status, 200);
}

#[tokio::test]
async fn a_request_is_done_whole_or_not_at_all() {
    let d = Directory::new().await;
    let before = d.get(&format!("/Users/{}", d.ann)).await.body;
    let log = d.audit().await;
    let told = d.desk.plane.told.lock().unwrap().len();
    for last in [
        json!({ "op": "replace", "path": "password", "value": "short" }),
        json!({ "op": "replace", "path": "userName", "value": "x@elsewhere.example" }),
        json!({ "op": "replace", "path": "userName", "value": "no address" }),
        json!({ "op": "replace", "path": "externalId", "value": "x".repeat(300) }),
        json!({ "op": "remove", "path": "userName" }),
        json!({ "op": "replace", "path": "active", "value": "perhaps" }),
    ] {
        let steps = json!([
            { "op": "replace", "path": "displayName", "value": "Other" },
            { "op": "replace", "path": "active", "value": false },
            last,
        ]);
        assert_eq!(d.patch(&d.ann, steps).await.problem(), (400, "invalidValue"), "{last}");
    }
    assert_eq!(d.get(&format!("/Users/{}", d.ann)).await.body, before);
    assert_eq!((d.audit().await, d.desk.plane.told.lock().unwrap().len()), (log, told));
}
