//! SUMMARY    A support desk's day: a customer in one step, renames, tokens with less power, pages of aliases and of the log.

use crate::plane::{Desk, delete};

#[tokio::test]
async fn a_customer_is_made_in_one_step_and_a_dry_run_makes_none() {
    let desk = Desk::new().await;
    let create = |dry: bool| {
        format!(
            "mutation {{ r: tenantCreate(input: {{ name: \"Bakery\", domain: \"bakery.example\", vouch: true, dryRun: {dry}, \
             ownerMailbox: {{ address: \"anna@bakery.example\", password: \"long enough\" }} }}) \
             {{ tenant {{ id name }} token pending userErrors {{ field message code }} }} }}"
        )
    };
    let would = desk.done(&desk.operator, &create(true)).await;
    assert_eq!((would["tenant"]["name"].as_str(), would["token"].as_str()), (Some("Bakery"), None));
    let made = desk.done(&desk.operator, &create(false)).await;
    let (id, token) = (made["tenant"]["id"].as_str().unwrap(), made["token"].as_str().unwrap());
    let query = format!("{{ mailboxes(tenantId: \"{id}\", first: 5) {{ nodes {{ address }} totalCount }} }}");
    let seen = desk.ask(token, &query).await;
    assert_eq!(seen["data"]["mailboxes"]["nodes"][0]["address"], "anna@bakery.example");
    assert_eq!(desk.refused(&desk.operator, &create(false)).await, "TAKEN");
}

#[tokio::test]
async fn a_mailbox_is_renamed_and_its_password_set() {
    let desk = Desk::new().await;
    let (_, token, mailbox) = desk.customer("alpha").await;
    let rename = format!(
        "mutation {{ r: mailboxRename(input: {{ mailboxId: \"{mailbox}\", address: \"anna@alpha.example\", \
         keepOldAddress: true }}) {{ mailbox {{ id address }} pending userErrors {{ message code }} }} }}"
    );
    let renamed = desk.done(&token, &rename).await;
    assert_eq!(renamed["mailbox"]["id"], mailbox.as_str());
    assert_eq!(renamed["mailbox"]["address"], "anna@alpha.example");
    let set = |password: &str| {
        format!(
            "mutation {{ r: mailboxSetPassword(input: {{ mailboxId: \"{mailbox}\", password: \"{password}\" }}) \
             {{ mailbox {{ version }} userErrors {{ field message code }} }} }}"
        )
    };
    assert_eq!(desk.refused(&token, &set("short")).await, "INVALID");
    desk.done(&token, &set("long enough too")).await;
}

#[tokio::test]
async fn a_read_token_reads_until_it_is_revoked() {
    let desk = Desk::new().await;
    let (tenant, token, mailbox) = desk.customer("alpha").await;
    let create = format!(
        "mutation {{ r: apiTokenCreate(input: {{ tenantId: \"{tenant}\", label: \"report\", access: READ, \
         lifeSeconds: 3600 }}) \
         {{ id secret userErrors {{ message code }} }} }}"
    );
    let made = desk.done(&token, &create).await;
    let (id, reader) = (made["id"].as_str().unwrap(), made["secret"].as_str().unwrap());
    assert_eq!(desk.ask(reader, "{ viewer { name } }").await["data"]["viewer"]["name"], "alpha");
    let delete = delete(&mailbox, "k");
    assert_eq!(desk.refused(reader, &delete).await, "FORBIDDEN");
    let revoke = format!(
        "mutation {{ r: apiTokenRevoke(input: {{ id: \"{id}\", idempotencyKey: \"k\" }}) \
         {{ done pending userErrors {{ message code }} }} }}"
    );
    assert_eq!(desk.done(&token, &revoke).await["done"], true);
    let after = desk.ask(reader, "{ viewer { name } }").await;
    assert_eq!(after["errors"][0]["extensions"]["code"], "UNAUTHENTICATED");
}

/// Every cursor of a connection, page by page; the pages end and none repeats; backwards they are the same.
async fn walk(desk: &Desk, token: &str, tenant: &str, field: &str) -> Vec<String> {
    let forward = pages(desk, token, tenant, field, ["first", "after", "endCursor", "hasNextPage"]).await;
    let backward = pages(desk, token, tenant, field, ["last", "before", "startCursor", "hasPreviousPage"]).await;
    assert_eq!(forward.concat(), backward.into_iter().rev().collect::<Vec<_>>().concat(), "{field}");
    forward.concat()
}

async fn pages(desk: &Desk, token: &str, tenant: &str, field: &str, way: [&str; 4]) -> Vec<Vec<String>> {
    let [size, from, cursor, more] = way;
    let (mut pages, mut after): (Vec<Vec<String>>, _) = (Vec::new(), String::new());
    for _ in 0..100 {
        let query = format!(
            "{{ r: {field}(tenantId: \"{tenant}\", {size}: 2{after}) {{ edges {{ cursor }} \
             pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }} totalCount }} }}"
        );
        let page = desk.ask(token, &query).await["data"]["r"].clone();
        let edges = page["edges"].as_array().unwrap();
        pages.push(edges.iter().map(|e| e["cursor"].as_str().unwrap().to_owned()).collect());
        if page["pageInfo"][more] == false {
            assert_eq!(page["totalCount"], pages.concat().len(), "{field}");
            return pages;
        }
        after = format!(", {from}: {}", page["pageInfo"][cursor]);
    }
    panic!("{field} does not end")
}

#[tokio::test]
async fn aliases_and_the_log_come_in_pages() {
    let desk = Desk::new().await;
    let (tenant, token, _) = desk.customer("alpha").await;
    let other = crate::plane::domain(&tenant, "aaa.example");
    desk.done(&desk.operator, &other).await;
    let addresses = ["a@aaa.example", "z@aaa.example", "a@alpha.example", "b@alpha.example", "c@alpha.example"];
    for address in addresses {
        let create = format!(
            "mutation {{ r: aliasCreate(input: {{ address: \"{address}\", targets: [\"x@y.example\"] }}) \
             {{ userErrors {{ message code }} }} }}"
        );
        desk.done(&token, &create).await;
    }
    assert_eq!(walk(&desk, &token, &tenant, "aliases").await, addresses);
    let log = walk(&desk, &token, &tenant, "auditEntries").await;
    assert_eq!(log.len(), 9, "one entry for each mutation");
    let seqs: Vec<u64> = log.iter().map(|c| c.parse().unwrap()).collect();
    assert!(seqs.is_sorted_by(|a, b| a > b), "newest first");
}
