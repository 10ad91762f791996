//! SUMMARY    What SCIM refuses: other tenants' users, hostile filters and bodies; pages; what it says of itself.

use super::{Directory, PATCH, USER};
use crate::plane::mailbox;
use axum::http::header;
use serde_json::{Value, json};

#[tokio::test]
async fn another_tenants_users_do_not_exist_and_nothing_changes() {
    let d = Directory::new().await;
    let (below, other_token, other) = d.desk.customer("beta").await;
    let told = d.desk.plane.told.lock().unwrap().len();
    let path = format!("/Users/{other}");
    let put = json!({ "schemas": [USER], "userName": "ann@beta.example", "displayName": "x" });
    let patch = json!({ "schemas": [PATCH], "Operations": [{ "op": "replace", "path": "active", "value": false }] });
    // The customer beside, and the provider above: a directory stays in its own tenant.
    for token in [&d.token, &d.desk.operator] {
        for (method, body) in
            [("GET", Value::Null), ("PUT", put.clone()), ("PATCH", patch.clone()), ("DELETE", Value::Null)]
        {
            let answer = d.send(token, method, &path, &[], body.to_string()).await;
            assert_eq!(answer.problem(), (404, ""), "{method}");
        }
        for filter in ["userName eq \"ann@beta.example\"", "emails co \"beta\"", &format!("id eq \"{other}\"")] {
            let found = d.send(token, "GET", &format!("/Users?filter={filter}"), &[], String::new()).await;
            assert_eq!(found.body["totalResults"], 0, "{filter}");
        }
        let all = d.send(token, "GET", "/Users", &[], String::new()).await;
        assert!(!all.body.to_string().contains("beta"), "{}", all.body);
        let made = json!({ "schemas": [USER], "userName": "new@beta.example" }).to_string();
        let made = d.send(token, "POST", "/Users", &[], made).await;
        assert_eq!(made.problem(), (400, "invalidValue"));
    }
    let taken = json!({ "schemas": [USER], "userName": "ann@alpha.example" }).to_string();
    assert_eq!(d.send(&other_token, "POST", "/Users", &[], taken).await.problem(), (400, "invalidValue"));
    assert_eq!(d.desk.plane.told.lock().unwrap().len(), told, "nothing changed");
    let mailboxes = format!("{{ mailboxes(tenantId: \"{below}\", first: 5) {{ totalCount }} }}");
    assert_eq!(d.desk.ask(&other_token, &mailboxes).await["data"]["mailboxes"]["totalCount"], 1);
}

#[tokio::test]
async fn a_token_is_asked_for_and_one_that_reads_only_reads() {
    let d = Directory::new().await;
    for path in ["/Users", "/Schemas", "/ServiceProviderConfig", "/ResourceTypes", "/Users/acc_1"] {
        let refused = d.send("wrong", "GET", path, &[], String::new()).await;
        assert_eq!((refused.problem(), refused.header(header::WWW_AUTHENTICATE)), ((401, ""), "Bearer"), "{path}");
    }
    let made = format!(
        "mutation {{ r: apiTokenCreate(input: {{ tenantId: \"{}\", label: \"r\", access: READ }}) {{ secret userErrors {{ code }} }} }}",
        d.tenant
    );
    let made = d.desk.done(&d.token, &made).await;
    let reader = made["secret"].as_str().unwrap();
    assert_eq!(d.send(reader, "GET", "/Users", &[], String::new()).await.body["totalResults"], 1);
    let new = json!({ "schemas": [USER], "userName": "may@alpha.example" }).to_string();
    assert_eq!(d.send(reader, "POST", "/Users", &[], new).await.problem(), (403, ""));
    let path = format!("/Users/{}", d.ann);
    assert_eq!(d.send(reader, "DELETE", &path, &[], String::new()).await.problem(), (403, ""));
    assert_eq!(d.get(&path).await.status, 200);
}

#[tokio::test]
async fn a_token_for_a_part_of_the_tenant_lists_that_part() {
    let d = Directory::new().await;
    let wide = format!(
        "mutation {{ r: tenantUpdate(input: {{ tenantId: \"{}\", maxMailboxes: 9, maxDomains: 9 }}) {{ userErrors {{ code }} }} }}",
        d.tenant
    );
    d.desk.done(&d.desk.operator, &wide).await;
    let vouch = format!(
        "mutation {{ r: domainVouch(input: {{ tenantId: \"{}\", name: \"gamma.example\" }}) {{ userErrors {{ code }} }} }}",
        d.tenant
    );
    d.desk.done(&d.desk.operator, &vouch).await;
    assert_eq!(d.make("may@gamma.example").await.status, 201);
    let may = d.get("/Users?filter=userName eq \"may@gamma.example\"").await.body["Resources"][0]["id"].clone();
    let may = may.as_str().unwrap().to_owned();
    for (part, mine, others) in [
        (format!("on: {{ mailboxIds: [\"{}\"] }}", d.ann), &d.ann, &may),
        ("on: { domains: [\"gamma.example\"] }".to_owned(), &may, &d.ann),
    ] {
        let made = format!(
            "mutation {{ r: apiTokenCreate(input: {{ tenantId: \"{}\", label: \"p\", access: READ, {part} }}) \
             {{ secret userErrors {{ message }} }} }}",
            d.tenant
        );
        let made = d.desk.done(&d.token, &made).await;
        let token = made["secret"].as_str().unwrap();
        let get = async |path: &str| d.send(token, "GET", path, &[], String::new()).await;
        for path in ["/Users", "/Users?filter=active eq true", &format!("/Users?filter=id eq \"{mine}\"")] {
            let found = get(path).await;
            assert_eq!((found.status, &found.body["totalResults"]), (200, &json!(1)), "{path} {}", found.body);
            assert_eq!(found.body["Resources"][0]["id"], mine.as_str(), "{path}");
        }
        assert_eq!(get(&format!("/Users?filter=id eq \"{others}\"")).await.body["totalResults"], 0);
        assert_eq!(get(&format!("/Users/{others}")).await.problem(), (404, ""));
        assert_eq!(get(&format!("/Users/{mine}")).await.status, 200);
    }
}

#[tokio::test]
async fn a_body_is_json_and_says_so() {
    let d = Directory::new().await;
    let wide = format!(
        "mutation {{ r: tenantUpdate(input: {{ tenantId: \"{}\", maxMailboxes: 9 }}) {{ userErrors {{ code }} }} }}",
        d.tenant
    );
    d.desk.done(&d.desk.operator, &wide).await;
    let new = |n: usize| json!({ "schemas": [USER], "userName": format!("u{n}@alpha.example") }).to_string();
    for kind in ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", "", "multipart/form-data; a=b"]
    {
        for (method, path) in [
            ("POST", "/Users".to_owned()),
            ("PUT", format!("/Users/{}", d.ann)),
            ("PATCH", format!("/Users/{}", d.ann)),
        ] {
            let refused = d.send(&d.token, method, &path, &[("content-type", kind)], new(0)).await;
            assert_eq!(refused.problem(), (415, ""), "{method} {kind}");
        }
    }
    assert_eq!(d.get("/Users").await.body["totalResults"], 1, "nothing was made");
    for (n, kind) in ["application/scim+json", "application/json", "Application/JSON; charset=utf-8"].iter().enumerate()
    {
        let made = d.send(&d.token, "POST", "/Users", &[("content-type", kind)], new(n)).await;
        assert_eq!(made.status, 201, "{kind}");
    }
}

#[tokio::test]
async fn hostile_requests_get_a_word_and_do_nothing() {
    let d = Directory::new().await;
    let told = d.desk.plane.told.lock().unwrap().len();
    let deep = format!("/Users?filter={}active pr{}", "(".repeat(500), ")".repeat(500));
    for (path, word) in [
        ("/Users?filter=userName eq", "invalidFilter"),
        ("/Users?filter=userName eq \"x\" or", "invalidFilter"),
        ("/Users?filter=%27;DROP TABLE mailbox;--", "invalidFilter"),
        (deep.as_str(), "invalidFilter"),
        ("/Users?count=many", "invalidValue"),
        ("/Users?startIndex=1e3", "invalidValue"),
        ("/Users?attributes=a b", "invalidValue"),
    ] {
        assert_eq!(d.get(path).await.problem(), (400, word), "{path}");
    }
    for filter in ["externalId eq \"\\u0000\"", "id eq \"'\"", "userName eq \"%\"", "userName eq \"a@\\u0000.example\""]
    {
        let path = format!("/Users?filter={}", filter.replace('%', "%25").replace('\\', "%5C"));
        let none = d.get(&path).await;
        assert_eq!((none.status, &none.body["totalResults"]), (200, &json!(0)), "{filter}");
    }
    for body in ["", "[]", "{", "null", "{\"schemas\": []}", "{\"userName\": \"may@alpha.example\"}"] {
        let refused = d.send(&d.token, "POST", "/Users", &[], body.into()).await;
        assert_eq!(refused.problem(), (400, "invalidSyntax"), "{body}");
    }
    for body in [
        json!({ "schemas": [USER] }),
        json!({ "schemas": [USER], "userName": 5 }),
        json!({ "schemas": [USER], "userName": "may" }),
        json!({ "schemas": [USER], "userName": "may@alpha.example", "name": "May" }),
        json!({ "schemas": [USER], "userName": "may@alpha.example", "displayName": "x".repeat(500) }),
        json!({ "schemas": [USER], "userName": "may@alpha.example", "externalId": "a\u{0}b" }),
        json!({ "schemas": [USER], "userName": "may@alpha.example", "externalId": "a\u{200b}b" }),
        json!({ "schemas": [USER], "userName": "may@alpha.example", "externalId": "\u{202e}ab" }),
        json!({ "schemas": [USER], "userName": "may@alpha.example", "password": "short" }),
    ] {
        assert_eq!(d.ask("POST", "/Users", body.clone()).await.problem(), (400, "invalidValue"), "{body}");
    }
    let big = json!({ "schemas": [USER], "userName": "may@alpha.example", "title": "x".repeat(300_000) });
    assert_eq!(d.ask("POST", "/Users", big).await.problem(), (413, ""));
    for (steps, word) in [
        (json!([{ "op": "replace", "path": "id", "value": "acc_1" }]), "mutability"),
        (json!([{ "op": "replace", "path": "meta.version", "value": "1" }]), "mutability"),
        (json!([{ "op": "add", "path": "favouriteColour", "value": "red" }]), "invalidPath"),
        (json!([{ "op": "remove" }]), "noTarget"),
        (json!(vec![json!({ "op": "remove", "path": "title" }); 101]), "tooMany"),
    ] {
        assert_eq!(d.patch(&d.ann, steps.clone()).await.problem(), (400, word), "{steps}");
    }
    assert_eq!(d.get("/Users/nonsense").await.problem(), (404, ""));
    assert_eq!(d.get("/Users/acc_1/../x").await.problem(), (404, ""));
    assert_eq!(d.get("/nothing").await.problem(), (404, ""));
    assert_eq!(d.ask("DELETE", "/Users", json!({})).await.problem(), (405, ""));
    assert_eq!(d.get("/Me").await.problem(), (501, ""));
    assert_eq!(d.ask("POST", "/Bulk", json!({})).await.problem(), (501, ""));
    assert_eq!(d.desk.plane.told.lock().unwrap().len(), told, "nothing changed");
}

#[tokio::test]
async fn limits_and_other_holds_of_the_tenant_stay_as_they_are() {
    let d = Directory::new().await;
    assert_eq!(d.make("may@alpha.example").await.status, 201);
    assert_eq!(d.make("tom@alpha.example").await.problem(), (403, ""), "two mailboxes at most");
    let suspend = format!(
        "mutation {{ r: mailboxSuspend(input: {{ mailboxId: \"{}\", reason: \"abuse\" }}) {{ userErrors {{ code }} }} }}",
        d.ann
    );
    d.desk.done(&d.desk.operator, &suspend).await;
    let on = d.patch(&d.ann, json!([{ "op": "replace", "path": "active", "value": true }])).await;
    assert_eq!(on.body["active"], true);
    assert!(!d.account(&d.ann).capabilities.mail_read, "the provider's suspension stays");
    d.patch(&d.ann, json!([{ "op": "replace", "path": "active", "value": false }])).await;
    d.patch(&d.ann, json!([{ "op": "replace", "path": "active", "value": true }])).await;
    let held = d.account(&d.ann).restrictions;
    assert_eq!((held.len(), held[0].code.as_str()), (1, "SUSPENDED"));
}

#[tokio::test]
async fn lists_have_pages_and_attributes() {
    let d = Directory::new().await;
    let wide = format!(
        "mutation {{ r: tenantUpdate(input: {{ tenantId: \"{}\", maxMailboxes: 9 }}) {{ userErrors {{ code }} }} }}",
        d.tenant
    );
    d.desk.done(&d.desk.operator, &wide).await;
    for n in 0..4 {
        d.desk.done(&d.token, &mailbox(&format!("u{n}@alpha.example"))).await;
    }
    let mut seen = Vec::new();
    for start in [1, 3, 5] {
        let page = d.get(&format!("/Users?startIndex={start}&count=2&attributes=userName")).await.body;
        assert_eq!((&page["totalResults"], &page["startIndex"]), (&json!(5), &json!(start)));
        let users = page["Resources"].as_array().unwrap().clone();
        assert_eq!(page["itemsPerPage"], users.len());
        for user in &users {
            let mut keys: Vec<&String> = user.as_object().unwrap().keys().collect();
            keys.sort();
            assert_eq!(keys, ["id", "schemas", "userName"]);
        }
        seen.extend(users.into_iter().map(|u| u["userName"].as_str().unwrap().to_owned()));
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 5);
    let filtered = d.get("/Users?filter=userName sw \"u\"&startIndex=2&count=2").await.body;
    assert_eq!((&filtered["totalResults"], filtered["Resources"].as_array().unwrap().len()), (&json!(4), 2));
    for (path, total, items) in [
        ("/Users?count=0", 5, 0),
        ("/Users?count=-4", 5, 0),
        ("/Users?startIndex=-3", 5, 5),
        ("/Users?startIndex=99", 5, 0),
    ] {
        let page = d.get(path).await.body;
        assert_eq!((&page["totalResults"], &page["itemsPerPage"]), (&json!(total), &json!(items)), "{path}");
    }
    let part = d.get(&format!("/Users/{}?excludedAttributes=emails.type,meta", d.ann)).await.body;
    assert_eq!(
        (&part["emails"][0], &part["meta"]),
        (&json!({ "value": "ann@alpha.example", "primary": true }), &Value::Null)
    );
}

#[tokio::test]
async fn what_is_offered_is_what_is_described() {
    let d = Directory::new().await;
    let config = d.get("/ServiceProviderConfig").await.body;
    assert_eq!((&config["patch"]["supported"], &config["bulk"]["supported"]), (&json!(true), &json!(false)));
    let types = d.get("/ResourceTypes").await.body;
    for kind in types["Resources"].as_array().unwrap() {
        assert_eq!(d.get(kind["endpoint"].as_str().unwrap()).await.status, 200);
        let schema = d.get(&format!("/Schemas/{}", kind["schema"].as_str().unwrap())).await;
        assert_eq!((schema.status, &schema.body["id"]), (200, &kind["schema"]));
        let one = d.get(&format!("/ResourceTypes/{}", kind["id"].as_str().unwrap())).await;
        assert_eq!(&one.body, kind);
    }
    // Every attribute of an answer is described.
    let schemas = d.get("/Schemas").await.body;
    let described: Vec<&str> =
        schemas["Resources"][0]["attributes"].as_array().unwrap().iter().map(|a| a["name"].as_str().unwrap()).collect();
    let user = d.get(&format!("/Users/{}", d.ann)).await.body;
    for key in user.as_object().unwrap().keys().filter(|k| !matches!(k.as_str(), "id" | "meta" | "schemas")) {
        assert!(described.contains(&key.as_str()), "{key}");
    }
    assert_eq!(d.get("/Schemas/urn:other").await.problem(), (404, ""));
}
