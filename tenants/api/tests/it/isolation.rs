//! SUMMARY    Every field of the schema against another tenant's ids: nothing is there.
//! INVARIANTS A field without a row here fails the test.

use crate::plane::Desk;
use serde_json::Value;
use std::collections::BTreeSet;

/// Field, and the operation with `$T` (foreign tenant), `$M` (foreign mailbox), `$D` (foreign domain),
/// `$K` (foreign token).
const QUERIES: &[(&str, &str)] = &[
    ("viewer", ""),
    ("tenants", ""),
    ("node", "{ r: node(id: \"$T\") { id } }"),
    ("node", "{ r: node(id: \"$M\") { id } }"),
    ("node", "{ r: node(id: \"$D\") { id } }"),
    ("tenant", "{ r: tenant(id: \"$T\") { id } }"),
    ("domains", "{ r: domains(tenantId: \"$T\", first: 5) { totalCount } }"),
    ("mailbox", "{ r: mailbox(id: \"$M\") { id } }"),
    ("mailboxes", "{ r: mailboxes(tenantId: \"$T\", first: 5) { totalCount } }"),
    ("aliases", "{ r: aliases(tenantId: \"$T\", first: 5) { totalCount } }"),
    ("auditEntries", "{ r: auditEntries(tenantId: \"$T\", first: 5) { totalCount } }"),
];

const MUTATIONS: &[(&str, &str)] = &[
    ("tenantCreate", "tenantCreate(input: { parentId: \"$T\", name: \"x\" })"),
    ("tenantUpdate", "tenantUpdate(input: { tenantId: \"$T\" })"),
    ("tenantSuspend", "tenantSuspend(input: { tenantId: \"$T\", reason: \"x\" })"),
    ("tenantResume", "tenantResume(tenantId: \"$T\")"),
    ("domainCreate", "domainCreate(input: { tenantId: \"$T\", name: \"free.example\" })"),
    ("domainUpdate", "domainUpdate(input: { name: \"$D\", plusAddressing: false })"),
    ("domainDelete", "domainDelete(name: \"$D\")"),
    ("mailboxCreate", "mailboxCreate(input: { address: \"new@$D\", password: \"long enough\" })"),
    ("mailboxUpdate", "mailboxUpdate(input: { mailboxId: \"$M\", password: \"long enough\" })"),
    ("mailboxSetPassword", "mailboxSetPassword(input: { mailboxId: \"$M\", password: \"long enough\" })"),
    ("mailboxRename", "mailboxRename(input: { mailboxId: \"$M\", address: \"ben@alpha.example\" })"),
    ("mailboxSuspend", "mailboxSuspend(input: { mailboxId: \"$M\", reason: \"x\" })"),
    ("mailboxResume", "mailboxResume(mailboxId: \"$M\")"),
    ("mailboxDelete", "mailboxDelete(mailboxId: \"$M\")"),
    ("aliasCreate", "aliasCreate(input: { address: \"a@$D\", targets: [\"x@y.example\"] })"),
    ("aliasUpdate", "aliasUpdate(input: { address: \"a@$D\", targets: [\"x@y.example\"] })"),
    ("aliasDelete", "aliasDelete(address: \"a@$D\")"),
    ("appPasswordCreate", "appPasswordCreate(mailboxId: \"$M\", label: \"x\")"),
    ("appPasswordRevoke", "appPasswordRevoke(mailboxId: \"$M\", id: \"crd_1\")"),
    ("apiTokenCreate", "apiTokenCreate(tenantId: \"$T\", label: \"x\")"),
    ("apiTokenRevoke", "apiTokenRevoke(id: \"$K\")"),
];

fn fields(schema: &Value, of: &str) -> BTreeSet<String> {
    let fields = schema["data"][of]["fields"].as_array().unwrap();
    fields.iter().map(|f| f["name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn every_field_has_a_row_and_no_row_reaches_another_tenant() {
    let desk = Desk::new().await;
    let (_, token, _) = desk.customer("alpha").await;
    let (tenant, beta_token, mailbox) = desk.customer("beta").await;
    let made = format!(
        "mutation {{ r: apiTokenCreate(tenantId: \"{tenant}\", label: \"x\") {{ id userErrors {{ message code }} }} }}"
    );
    let made = desk.done(&beta_token, &made).await;
    let key = made["id"].as_str().unwrap();
    let told = desk.plane.told.lock().unwrap().len();
    let fill = |text: &str| {
        text.replace("$T", &tenant).replace("$M", &mailbox).replace("$D", "beta.example").replace("$K", key)
    };
    let schema = "{ q: __type(name: \"Query\") { fields { name } } m: __type(name: \"Mutation\") { fields { name } } }";
    let schema = desk.ask(&token, schema).await;
    let rows = |table: &[(&str, &str)]| table.iter().map(|(f, _)| (*f).to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(fields(&schema, "q"), rows(QUERIES));
    assert_eq!(fields(&schema, "m"), rows(MUTATIONS));
    for (_, query) in QUERIES.iter().filter(|(_, q)| !q.is_empty()) {
        let answer = desk.ask(&token, &fill(query)).await;
        assert_eq!(answer["data"]["r"], Value::Null, "{query}");
        assert!(answer.get("errors").is_none(), "{query}: {answer}");
    }
    for (_, mutation) in MUTATIONS {
        let text = format!("mutation {{ r: {} {{ userErrors {{ code message }} }} }}", fill(mutation));
        assert_eq!(desk.refused(&token, &text).await, "NOT_FOUND", "{mutation}");
    }
    assert_eq!(desk.plane.told.lock().unwrap().len(), told, "nothing changed");
    let seen = desk.ask(&token, "{ tenants(first: 10) { totalCount } }").await;
    assert_eq!(seen["data"]["tenants"]["totalCount"], 0);
}
