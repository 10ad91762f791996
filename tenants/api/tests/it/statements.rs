//! SUMMARY    Every connection of the schema takes as many statements for twenty items as for two, and not many, whatever is asked
//!            of them.
//! INVARIANTS What is asked comes from the schema: every field of an item, and of the objects that it leads to. A connection that
//!            `filled` makes no twenty of fails the test.

use crate::{
    authorisation::graph::{Graph, INTROSPECTION, Pages},
    plane::Desk,
    sale,
};
use std::collections::BTreeMap;

/// Items of a page.
const ITEMS: usize = 20;
/// Statements of one page at most, with those that check the token.
const STATEMENTS_MAX: u64 = 20;

/// Makes as many of everything as a page has; what stands for the marks of the samples.
async fn filled(desk: &Desk) -> BTreeMap<&'static str, String> {
    let (tenant, token, mailbox) = desk.customer("alpha").await;
    // The clock goes on by a month: what ends comes afterwards.
    sold(desk, &tenant, &token).await;
    let run = async |token: &str, name: &str, input: &str, fields: &str| {
        let text = format!("mutation {{ r: {name}(input: {{ {input} }}) {{ {fields} userErrors {{ message }} }} }}");
        desk.done(token, &text).await
    };
    let of = format!("tenantId: \"{tenant}\"");
    run(&desk.operator, "tenantUpdate", &format!("{of}, maxMailboxes: null, maxDomains: null"), "").await;
    crate::signup::begun(desk, &tenant, ITEMS).await;
    // This one has a delivery of everything that comes after it.
    let hook = format!("{of}, url: \"https://hooks.example/\", kinds: [\"*\"]");
    let webhook =
        run(&token, "webhookCreate", &hook, "webhook { id }").await["webhook"]["id"].as_str().unwrap().to_owned();
    for _ in 1..ITEMS {
        run(&token, "webhookCreate", &hook.replace('*', "billing.*"), "").await;
    }
    let each = |make: &dyn Fn(usize) -> String| (0..ITEMS).map(make).collect::<Vec<_>>();
    for name in each(&|n| format!("t{n}")) {
        run(&desk.operator, "tenantCreate", &format!("name: \"{name}\""), "").await;
        run(&desk.operator, "domainVouch", &format!("{of}, name: \"{name}.example\""), "").await;
        run(&desk.operator, "tenantResend", &of, "").await;
        run(&token, "roleCreate", &format!("{of}, name: \"{name}\", permissions: [\"mailbox:read\"]"), "").await;
        run(&token, "groupCreate", &format!("address: \"g{name}@alpha.example\", posting: ANYONE"), "").await;
        run(&token, "maskedAddressCreate", &format!("mailboxId: \"{mailbox}\""), "").await;
        run(&token, "serviceAccountCreate", &format!("{of}, name: \"{name}\", role: \"auditor\""), "").await;
        run(&token, "apiTokenCreate", &format!("{of}, label: \"{name}\""), "").await;
        let provider = format!(
            "{of}, name: \"{name}\", issuer: \"https://login.example.org\", clientId: \"c\", clientSecret: \"s\", domains: [], \
             role: \"auditor\""
        );
        run(&token, "identityProviderCreate", &provider, "").await;
        let grant = format!("{of}, scope: CONTENT, reason: \"{name}\", lifeSeconds: 60");
        run(&token, "supportGrantCreate", &grant, "").await;
        for kind in ["member", "invited"] {
            let invite = format!("{of}, email: \"{kind}-{name}@y.example\", role: \"auditor\"");
            let secret = run(&token, "memberInvite", &invite, "secret").await["secret"].as_str().unwrap().to_owned();
            if kind == "member" {
                let accept = format!("secret: \"{secret}\", name: \"{name}\", password: \"long enough\"");
                run("", "invitationAccept", &accept, "").await;
            }
        }
    }
    let aliases = each(&|n| format!("{{ address: \"a{n}@alpha.example\", targets: [\"x@y.example\"] }}")).join(" ");
    run(&token, "aliasesCreate", &format!("errorPolicy: ALL_OR_NOTHING, aliases: [{aliases}]"), "").await;
    let mailboxes = each(&|n| format!("{{ address: \"m{n}@alpha.example\", password: \"long enough\" }}")).join(" ");
    let mailboxes = format!("errorPolicy: ALL_OR_NOTHING, mailboxes: [{mailboxes}]");
    let made = run(&token, "mailboxesCreate", &mailboxes, "results { mailbox { id } }").await;
    for _ in 0..ITEMS {
        let both = format!("{of}, mailboxIds: [\"{mailbox}\", {}]", made["results"][0]["mailbox"]["id"]);
        run(&token, "exportRequest", &both, "").await;
    }
    let moving = |n| format!("{{ mailbox: \"m{n}@alpha.example\", user: \"u{n}\", secret: \"s\" }}");
    let moving = format!(
        "{of}, {}, accounts: [{}], errorPolicy: ALL_OR_NOTHING",
        crate::migration::SOURCE,
        each(&moving).join(" ")
    );
    run(&token, "migrationStartMany", &moving, "").await;
    for n in 0..ITEMS {
        crate::isolation::announced(desk, &tenant, &token).await;
        let held = format!("subjectId: \"{mailbox}\", kind: ABUSE, code: \"SPAM{n}\", reason: \"x\"");
        run(&desk.operator, "holdPlace", &held, "").await;
    }
    crate::plane::delivery(desk, &webhook).await;
    BTreeMap::from([("$T", tenant), ("$M", mailbox), ("$W", webhook)])
}

/// As many plans, coupons and customers of a tenant as a page has, and of what it buys itself: invoices, entries, calls, webhooks,
/// concessions, differences.
async fn sold(desk: &Desk, tenant: &str, token: &str) {
    let seller = sale::seller(desk).await;
    sale::sells(desk, &desk.operator, &seller, "business").await;
    sale::customer(desk, tenant).await;
    sale::buys(desk, tenant, "business").await;
    for n in 0..ITEMS {
        let change = format!(
            "tenantId: \"{tenant}\", choice: {{ plan: \"business\", items: [{{ component: \"mailbox\", quantity: {} }}] }}, \
             idempotencyKey: \"more-{n}\"",
            n + 3
        );
        sale::run(desk, &desk.operator, "subscriptionChange", &change, "").await;
        sale::settle(desk).await;
        let gift = format!("tenantId: \"{tenant}\", grants: {{ mailboxes: 1 }}, reason: \"{n}\"");
        sale::run(desk, &desk.operator, "concessionAdd", &gift, "").await;
        sale::sells(desk, token, tenant, &format!("own-{n}")).await;
        let coupon = format!("sellerId: \"{tenant}\", code: \"OWN{n}\", percent: 10");
        sale::run(desk, token, "couponCreate", &coupon, "").await;
        let below = format!("name: \"b{n}\", parentId: \"{tenant}\", maxDomains: 0, maxMailboxes: 0");
        let below = sale::run(desk, &desk.operator, "tenantCreate", &below, "tenant { id }").await;
        sale::customer(desk, below["tenant"]["id"].as_str().unwrap()).await;
    }
    let mut txn = desk.service.begin().await.unwrap();
    for n in 0..ITEMS {
        let drift = tenants::sql::query("INSERT INTO billing_drift (tenant, at, what) VALUES ($1, 0, $2)");
        drift.bind(tenant).bind(format!("difference {n}")).execute(&mut txn).await.unwrap();
    }
    txn.commit().await.unwrap();
}

/// Statements for what only some items have, and the first two may not: the holds of a tenant, the version of the rights (asked once in a
/// second, by whoever comes first).
const SOME_HAVE: u64 = 2;

#[tokio::test]
async fn twenty_items_take_as_many_statements_as_two() {
    let desk = Desk::new().await;
    let marks = filled(&desk).await;
    let introspection = desk.ask(&desk.operator, INTROSPECTION).await;
    let pages: Vec<Pages> = Graph::pages(&introspection);
    assert!(pages.len() >= 16, "{}", pages.len());
    let mut wrong = Vec::new();
    for page in pages {
        let mut seen = Vec::new();
        // The first time fills what is kept in memory.
        for first in [2, 2, ITEMS, ITEMS] {
            let query = marks.iter().fold(page.query(first), |text, (mark, id)| text.replace(mark, id));
            let before = desk.service.statements();
            let answer = desk.ask(&desk.operator, &query).await;
            seen.push(desk.service.statements() - before);
            match answer["data"]["r"]["nodes"].as_array() {
                Some(nodes) if nodes.len() == first => {}
                _ => wrong.push(format!("{}: not {first} items: {query}: {:.500}", page.of, answer.to_string())),
            }
        }
        let many = seen[2].min(seen[3]);
        if many > seen[1] + SOME_HAVE || many > STATEMENTS_MAX {
            wrong.push(format!("{}: {seen:?} statements for 2, 2 and twice {ITEMS} items", page.of));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
