//! SUMMARY    Groups as Okta and Entra push them: distribution groups of the tenant.

use super::{Directory, PATCH};
use axum::http::header;
use control::{Change, Destination};
use serde_json::{Value, json};

const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const EXTENSION: &str = "urn:posthouse:params:scim:schemas:extension:2.0:Group";

impl Directory {
    async fn change_group(&self, id: &str, operations: Value) -> super::Answer {
        self.ask("PATCH", &format!("/Groups/{id}"), json!({ "schemas": [PATCH], "Operations": operations })).await
    }

    /// Where the data plane sends mail for an address.
    fn leads_to(&self, address: &str) -> Vec<String> {
        let told = self.desk.plane.told.lock().unwrap();
        let of = told.iter().filter_map(|c| match c {
            Change::Address(a) if format!("{}@{}", a.local, a.domain) == address => Some(a.clone()),
            _ => None,
        });
        match of.max_by_key(|a| a.version).unwrap().destination {
            Destination::Group { members, .. } => members,
            other => panic!("{address} is {other:?}"),
        }
    }
}

fn members(group: &Value) -> Vec<&str> {
    group["members"].as_array().unwrap().iter().map(|m| m["value"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn okta_pushes_a_group_its_members_and_another_name() {
    let d = Directory::new().await;
    let may = d.make("may@alpha.example").await.id();
    let body = json!({ "schemas": [GROUP], "displayName": "Sales & Service", "members": [{ "value": may, "display": "may" }] });
    let made = d.ask("POST", "/Groups", body.clone()).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let id = "sales-service@alpha.example";
    assert_eq!((made.id().as_str(), &made.body[EXTENSION]["address"]), (id, &json!(id)));
    assert_eq!(made.header(header::LOCATION), format!("/scim/v2/Groups/{id}"));
    assert_eq!(members(&made.body), [may.as_str()]);
    assert_eq!(made.body["members"][0]["display"], "may@alpha.example");
    assert_eq!(d.leads_to(id), ["may@alpha.example"]);
    assert_eq!(d.ask("POST", "/Groups", body).await.problem(), (409, "uniqueness"));
    for filter in ["displayName eq \"sales & service\"".replace('&', "%26"), format!("id eq \"{id}\"")] {
        let found = d.get(&format!("/Groups?filter={filter}")).await;
        assert_eq!(
            (&found.body["totalResults"], &found.body["Resources"][0]["id"]),
            (&json!(1), &json!(id)),
            "{filter}"
        );
    }
    let come = json!([{ "op": "add", "path": "members", "value": [{ "value": d.ann }] }]);
    let added = d.change_group(id, come.clone()).await;
    assert_eq!((added.status, members(&added.body)), (200, vec![may.as_str(), d.ann.as_str()]));
    let again = d.change_group(id, come).await;
    assert_eq!(again.body["meta"]["version"], added.body["meta"]["version"], "what changes nothing raises no version");
    let named = json!([{ "op": "replace", "value": { "id": id, "displayName": "Sales" } }]);
    assert_eq!(d.change_group(id, named).await.problem(), (400, "mutability"));
    let named = d.change_group(id, json!([{ "op": "replace", "path": "displayName", "value": "Sales" }])).await;
    assert_eq!((named.status, &named.body["displayName"], named.id().as_str()), (200, &json!("Sales"), id));
    let gone = json!([{ "op": "remove", "path": format!("members[value eq \"{may}\"]") }]);
    assert_eq!(members(&d.change_group(id, gone).await.body), [d.ann.as_str()]);
    assert_eq!(d.leads_to(id), ["ann@alpha.example"]);
    let stale = d.send(&d.token, "DELETE", &format!("/Groups/{id}"), &[("if-match", "W/\"1\"")], String::new()).await;
    assert_eq!(stale.status, 412);
    assert_eq!(d.ask("DELETE", &format!("/Groups/{id}"), Value::Null).await.status, 204);
    assert_eq!(d.get(&format!("/Groups/{id}")).await.status, 404);
}

#[tokio::test]
async fn entra_pushes_groups_with_identifiers_and_members_elsewhere_stay() {
    let d = Directory::new().await;
    let body = json!({
        "schemas": [GROUP, EXTENSION], "externalId": "8aa1a0c0-c4c3-4bc0-b4a5-2ef676900159", "displayName": "Board",
        "meta": { "resourceType": "Group" }, EXTENSION: { "address": "board@alpha.example" },
    });
    let made = d.ask("POST", "/Groups", body).await;
    assert_eq!((made.status, members(&made.body).len()), (201, 0), "{}", made.body);
    let id = "board@alpha.example";
    let found =
        d.get("/Groups?filter=externalId eq \"8aa1a0c0-c4c3-4bc0-b4a5-2ef676900159\"&excludedAttributes=members").await;
    assert_eq!((&found.body["totalResults"], &found.body["Resources"][0]["members"]), (&json!(1), &Value::Null));
    // An administrator lets somebody from outside in; the directory neither sees nor loses them.
    let outside = format!(
        "mutation {{ r: groupMembersAdd(input: {{ address: \"{id}\", members: [\"friend@elsewhere.example\"] }}) {{ userErrors {{ code }} }} }}"
    );
    d.desk.done(&d.token, &outside).await;
    let entra = json!([{ "op": "Add", "path": "members", "value": [{ "value": d.ann }] }]);
    assert_eq!(members(&d.change_group(id, entra).await.body), [d.ann.as_str()]);
    assert_eq!(d.leads_to(id), ["friend@elsewhere.example", "ann@alpha.example"]);
    let all = json!({ "schemas": [GROUP], "displayName": "Board", "members": [] });
    let put = d.ask("PUT", &format!("/Groups/{id}"), all).await;
    assert_eq!((put.status, members(&put.body).len()), (200, 0), "{}", put.body);
    assert_eq!((&put.body["externalId"], d.leads_to(id)), (&Value::Null, vec!["friend@elsewhere.example".to_owned()]));
    // Groups in groups, never in a round.
    let inner = json!({ "schemas": [GROUP], "displayName": "Staff", "members": [{ "value": id }] });
    let inner = d.ask("POST", "/Groups", inner).await;
    assert_eq!((inner.status, &inner.body["members"][0]["type"]), (201, &json!("Group")), "{}", inner.body);
    let round = json!([{ "op": "add", "path": "members", "value": [{ "value": "staff@alpha.example" }] }]);
    assert_eq!(d.change_group(id, round).await.problem(), (400, "invalidValue"));
}

#[tokio::test]
async fn groups_of_others_do_not_exist_and_what_is_no_group_says_why() {
    let d = Directory::new().await;
    let (_, other, stranger) = d.desk.customer("beta").await;
    let body = json!({ "schemas": [GROUP], "displayName": "Team" });
    assert_eq!(d.ask("POST", "/Groups", body).await.status, 201);
    let id = "team@alpha.example";
    for (method, body) in [
        ("GET", String::new()),
        ("DELETE", String::new()),
        ("PUT", json!({ "schemas": [GROUP], "displayName": "Mine" }).to_string()),
        (
            "PATCH",
            json!({ "schemas": [PATCH], "Operations": [{ "op": "add", "path": "members", "value": [] }] }).to_string(),
        ),
    ] {
        let answer = d.send(&other, method, &format!("/Groups/{id}"), &[], body).await;
        assert_eq!(answer.status, 404, "{method}: {}", answer.body);
    }
    let listed = d.send(&other, "GET", "/Groups", &[], String::new()).await;
    assert_eq!(listed.body["totalResults"], 0);
    let team = json!({ "schemas": [GROUP], "displayName": "x", EXTENSION: { "address": "x@alpha.example" } });
    assert_eq!(d.send(&other, "POST", "/Groups", &[], team.to_string()).await.problem(), (400, "invalidValue"));
    for operations in [
        json!([{ "op": "add", "path": "members", "value": [{ "value": stranger }] }]),
        json!([{ "op": "add", "path": "members", "value": [{ "value": "nobody" }] }]),
        json!([{ "op": "add", "path": "members", "value": [{ "display": "x" }] }]),
        json!([{ "op": "add", "path": "members", "value": [{ "value": "a\u{0}b" }] }]),
        json!([{ "op": "remove", "path": "displayName" }]),
    ] {
        assert_eq!(d.change_group(id, operations.clone()).await.problem(), (400, "invalidValue"), "{operations}");
    }
    for (operations, word) in [
        (
            json!([{ "op": "replace", "path": format!("{EXTENSION}:address"), "value": "y@alpha.example" }]),
            "mutability",
        ),
        (json!([{ "op": "replace", "path": "colour", "value": "red" }]), "invalidPath"),
        (json!([{ "op": "replace", "path": "members[value eq \"x\"]", "value": [] }]), "noTarget"),
        (json!([{ "op": "remove", "path": "members[display co \"x\"]" }]), "invalidFilter"),
    ] {
        assert_eq!(d.change_group(id, operations.clone()).await.problem(), (400, word), "{operations}");
    }
    assert_eq!(d.ask("POST", "/Groups", json!({ "schemas": [GROUP], "displayName": "---" })).await.status, 400);
}
