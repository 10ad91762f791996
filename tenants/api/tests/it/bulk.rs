//! SUMMARY    Bulks: results in order, all or nothing, or those that can be; never more than the limit.

use crate::plane::Desk;
use serde_json::{Value, json};

fn bulk(policy: &str, addresses: &[&str]) -> String {
    let items: Vec<String> =
        addresses.iter().map(|a| format!("{{ address: \"{a}\", password: \"long enough\" }}")).collect();
    format!(
        "mutation {{ r: mailboxesCreate(input: {{ errorPolicy: {policy}, mailboxes: [{}] }}) {{ pending \
         results {{ mailbox {{ address }} userErrors {{ field code }} }} userErrors {{ field message code }} }} }}",
        items.join(", ")
    )
}

fn outcome(answer: &Value) -> Vec<String> {
    let results = answer["results"].as_array().unwrap().iter();
    let of = |r: &Value| r["mailbox"]["address"].as_str().or(r["userErrors"][0]["code"].as_str()).unwrap().to_owned();
    results.map(of).collect()
}

#[tokio::test]
async fn results_stand_in_the_order_of_the_items() {
    let desk = Desk::new().await;
    let (tenant, token, _) = desk.customer("alpha").await;
    let unlimited = format!(
        "mutation {{ r: tenantUpdate(input: {{ tenantId: \"{tenant}\", maxMailboxes: null, maxDomains: null }}) {{ userErrors {{ message }} }} }}"
    );
    desk.done(&desk.operator, &unlimited).await;
    let addresses =
        ["b@alpha.example", "ann@alpha.example", "a@alpha.example", "x@nowhere.example", "no", "a@alpha.example"];
    let none = desk.done(&token, &bulk("ALL_OR_NOTHING", &addresses)).await;
    assert_eq!(outcome(&none), ["ABORTED", "TAKEN", "ABORTED", "NOT_FOUND", "INVALID", "TAKEN"]);
    let some = desk.done(&token, &bulk("CONTINUE", &addresses)).await;
    assert_eq!(outcome(&some), ["b@alpha.example", "TAKEN", "a@alpha.example", "NOT_FOUND", "INVALID", "TAKEN"]);
    assert_eq!(some["pending"], false);
    let query = format!("{{ mailboxes(tenantId: \"{tenant}\", first: 10) {{ totalCount }} }}");
    assert_eq!(desk.ask(&token, &query).await["data"]["mailboxes"]["totalCount"], 3);
}

#[tokio::test]
async fn the_tenants_limit_holds_inside_a_bulk() {
    let desk = Desk::new().await;
    let (_, token, _) = desk.customer("alpha").await;
    let addresses = ["a@alpha.example", "b@alpha.example"];
    let told = desk.plane.told.lock().unwrap().len();
    let none = desk.done(&token, &bulk("ALL_OR_NOTHING", &addresses)).await;
    assert_eq!(outcome(&none), ["ABORTED", "LIMIT_REACHED"]);
    assert_eq!(desk.plane.told.lock().unwrap().len(), told);
    let some = desk.done(&token, &bulk("CONTINUE", &addresses)).await;
    assert_eq!(outcome(&some), ["a@alpha.example", "LIMIT_REACHED"]);
}

#[tokio::test]
async fn a_bulk_has_a_size() {
    let desk = Desk::new().await;
    let (_, token, _) = desk.customer("alpha").await;
    assert_eq!(desk.refused(&token, &bulk("CONTINUE", &[])).await, "INVALID");
    assert_eq!(desk.refused(&token, &bulk("CONTINUE", &["x@alpha.example"; 101])).await, "INVALID");
}

#[tokio::test]
async fn aliases_come_in_bulks_too() {
    let desk = Desk::new().await;
    let (_, token, _) = desk.customer("alpha").await;
    let create = "mutation { r: aliasesCreate(input: { errorPolicy: CONTINUE, aliases: [ \
                  { address: \"a@alpha.example\", targets: [\"ann@alpha.example\"] }, \
                  { address: \"b@alpha.example\", targets: [] } ] }) \
                  { results { alias { address } userErrors { code field } } userErrors { message } } }";
    let made = desk.done(&token, create).await;
    let refused = json!({ "alias": null, "userErrors": [{ "code": "INVALID", "field": "targets" }] });
    assert_eq!(made["results"][0]["alias"]["address"], "a@alpha.example");
    assert_eq!(made["results"][1], refused);
}
