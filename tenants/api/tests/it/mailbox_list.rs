//! SUMMARY    Lists of mailboxes: searched, sorted either way, page by page; kinds, limits and passwords of mailboxes.

use crate::plane::Desk;
use control::{AccountKind, Change};
use serde_json::{Value, json};

/// A customer with room and four mailboxes besides `ann`.
async fn office(desk: &Desk) -> (String, String) {
    let (tenant, token, _) = desk.customer("alpha").await;
    let more = format!(
        "mutation {{ r: tenantUpdate(input: {{ tenantId: \"{tenant}\", maxMailboxes: null }}) {{ userErrors {{ message code }} }} }}"
    );
    desk.done(&desk.operator, &more).await;
    for (local, name, kind) in [
        ("bob", "Zoe Miller", "PERSON"),
        ("room", "Blue room", "RESOURCE"),
        ("sales", "Sales", "SHARED"),
        ("scanner", "ÉCRAN", "SERVICE"),
    ] {
        let create = format!(
            "mutation {{ r: mailboxCreate(input: {{ address: \"{local}@alpha.example\", displayName: \"{name}\", kind: {kind} }}) \
             {{ mailbox {{ hasPassword kind }} userErrors {{ message code }} }} }}"
        );
        let made = desk.done(&token, &create).await;
        assert_eq!(made["mailbox"], json!({ "hasPassword": false, "kind": kind }));
    }
    (tenant, token)
}

async fn locals(desk: &Desk, token: &str, tenant: &str, args: &str) -> Vec<String> {
    let query = format!("{{ r: mailboxes(tenantId: \"{tenant}\", {args}) {{ nodes {{ address }} totalCount }} }}");
    let answer = desk.ask(token, &query).await;
    let nodes = answer["data"]["r"]["nodes"].as_array().unwrap_or_else(|| panic!("{answer}"));
    nodes.iter().map(|n| n["address"].as_str().unwrap().split('@').next().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_search_finds_by_address_name_kind_domain_and_state() {
    let desk = Desk::new().await;
    let (tenant, token) = office(&desk).await;
    let suspend = async |address: &str| {
        let id = desk.ask(&token, &format!("{{ r: mailboxByAddress(address: \"{address}\") {{ id }} }}")).await;
        let id = id["data"]["r"]["id"].as_str().unwrap().to_owned();
        let text = format!(
            "mutation {{ r: mailboxSuspend(input: {{ mailboxId: \"{id}\", reason: \"left\" }}) {{ mailbox {{ state }} userErrors {{ message code }} }} }}"
        );
        assert_eq!(desk.done(&token, &text).await["mailbox"]["state"], "RESTRICTED");
    };
    suspend("Bob@Alpha.example").await;
    for (filter, found) in [
        ("address: \"s\"", vec!["sales", "scanner"]),
        ("address: \"SALES@a\"", vec!["sales"]),
        ("address: \"%\"", vec![]),
        ("name: \"miller\"", vec!["bob"]),
        ("name: \"écr\"", vec!["scanner"]),
        ("name: \"_\"", vec![]),
        ("kind: RESOURCE", vec!["room"]),
        ("domain: \"ALPHA.example\", kind: PERSON", vec!["ann", "bob"]),
        ("domain: \"other.example\"", vec![]),
        ("state: RESTRICTED", vec!["bob"]),
        ("state: ACTIVE, address: \"b\"", vec![]),
        ("state: DELETED", vec![]),
    ] {
        let args = format!("first: 10, filter: {{ {filter} }}, orderBy: {{ by: ADDRESS }}");
        assert_eq!(locals(&desk, &token, &tenant, &args).await, found, "{filter}");
    }
}

#[tokio::test]
async fn every_order_goes_page_by_page_both_ways() {
    let desk = Desk::new().await;
    let (tenant, token) = office(&desk).await;
    let by_address = ["ann", "bob", "room", "sales", "scanner"];
    let by_name = ["ann", "room", "sales", "bob", "scanner"];
    for (by, wanted) in [("ADDRESS", Some(by_address)), ("NAME", Some(by_name)), ("CREATED_AT", None), ("ID", None)] {
        for descending in [false, true] {
            let order = format!("orderBy: {{ by: {by}, descending: {descending} }}");
            let all = locals(&desk, &token, &tenant, &format!("first: 100, {order}")).await;
            if let Some(wanted) = wanted {
                let mut wanted = wanted.to_vec();
                if descending {
                    wanted.reverse();
                }
                assert_eq!(all, wanted, "{order}");
            }
            assert_eq!(pages(&desk, &token, &tenant, &order, ["first", "after"]).await, all, "{order}");
            let mut back = pages(&desk, &token, &tenant, &order, ["last", "before"]).await;
            back.reverse();
            assert_eq!(back, all, "{order} backwards");
        }
    }
}

/// All items in pages of two; backwards they come in the opposite order.
async fn pages(desk: &Desk, token: &str, tenant: &str, order: &str, way: [&str; 2]) -> Vec<String> {
    let (mut seen, mut from) = (Vec::new(), String::new());
    let [cursor, more] =
        if way[0] == "first" { ["endCursor", "hasNextPage"] } else { ["startCursor", "hasPreviousPage"] };
    for _ in 0..10 {
        let query = format!(
            "{{ r: mailboxes(tenantId: \"{tenant}\", {order}, {}: 2{from}) {{ nodes {{ address }} pageInfo {{ {cursor} {more} }} }} }}",
            way[0]
        );
        let page = desk.ask(token, &query).await["data"]["r"].clone();
        let nodes = page["nodes"].as_array().unwrap().iter();
        let mut part: Vec<String> =
            nodes.map(|n| n["address"].as_str().unwrap().split('@').next().unwrap().to_owned()).collect();
        if way[0] == "last" {
            part.reverse();
        }
        seen.extend(part);
        if page["pageInfo"][more] == false {
            return seen;
        }
        from = format!(", {}: {}", way[1], page["pageInfo"][cursor]);
    }
    panic!("no end of {order}")
}

#[tokio::test]
async fn a_cursor_of_another_order_is_refused() {
    let desk = Desk::new().await;
    let (tenant, token) = office(&desk).await;
    let query = format!(
        "{{ mailboxes(tenantId: \"{tenant}\", first: 2, after: \"x\", orderBy: {{ by: NAME }}) {{ totalCount }} }}"
    );
    assert_eq!(desk.ask(&token, &query).await["errors"][0]["extensions"]["code"], "INVALID");
}

#[tokio::test]
async fn kind_and_sending_limits_reach_the_doors_and_what_is_left_out_stays() {
    let desk = Desk::new().await;
    let (_, token, mailbox) = desk.customer("alpha").await;
    let update = async |fields: &str| {
        let text = format!(
            "mutation {{ r: mailboxUpdate(input: {{ mailboxId: \"{mailbox}\", {fields} }}) {{ mailbox {{ kind \
             sendLimits {{ perHour perDay newRecipientsPerDay }} hasPassword }} userErrors {{ message code }} }} }}"
        );
        desk.done(&token, &text).await["mailbox"].clone()
    };
    update("kind: SERVICE, sendLimits: { perHour: 10, newRecipientsPerDay: 0 }").await;
    let shown = update("sendLimits: { perDay: 100, perHour: null }").await;
    let limits = json!({ "perHour": null, "perDay": 100, "newRecipientsPerDay": 0 });
    assert_eq!(shown, json!({ "kind": "SERVICE", "sendLimits": limits, "hasPassword": true }));
    let told = desk.plane.told.lock().unwrap();
    let last = told.iter().rev().find_map(|c| if let Change::Account(a) = c { Some(a.clone()) } else { None }).unwrap();
    assert_eq!((last.kind, last.send.per_day, last.send.per_hour), (AccountKind::Service, Some(100), None));
    assert_eq!(last.send.new_recipients_per_day, Some(0));
}

#[tokio::test]
async fn a_password_is_given_as_itself_or_as_a_hash_and_not_as_both() {
    const HASH: &str =
        "$argon2id$v=19$m=19456,t=2,p=1$cG9zdGhvdXNlLWR1bW15$ZHVtbXlkdW1teWR1bW15ZHVtbXlkdW1teWR1bW15ZHU";
    let desk = Desk::new().await;
    let (_, token, mailbox) = desk.customer("alpha").await;
    let set = |fields: &str| {
        format!(
            "mutation {{ r: mailboxSetPassword(input: {{ mailboxId: \"{mailbox}\", {fields} }}) {{ userErrors {{ field message code }} }} }}"
        )
    };
    for refused in
        ["", "password: \"long enough\", passwordHash: \"x\"", "passwordHash: \"$2y$10$abc\"", "passwordHash: \"\""]
    {
        assert_eq!(desk.refused(&token, &set(refused)).await, "INVALID", "{refused}");
    }
    desk.done(&token, &set(&format!("passwordHash: \"{HASH}\""))).await;
    let told = serde_json::to_value(desk.plane.told.lock().unwrap().last().unwrap()).unwrap();
    assert!(told.to_string().contains("ann"));
    let accounts = desk.plane.told.lock().unwrap();
    let account = accounts.iter().rev().find_map(|c| if let Change::Account(a) = c { Some(a) } else { None }).unwrap();
    assert_eq!((account.credentials[0].argon2.as_str(), account.credentials[0].scram_sha256.as_str()), (HASH, ""));
    assert_ne!(told, Value::Null);
}
