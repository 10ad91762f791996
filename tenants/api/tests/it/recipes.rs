//! SUMMARY    The requests of docs/recipes/README.md, and those about people in docs/api.md, fit the schema, and answer as the pages say:
//!            without errors, in their order.

use crate::plane::Desk;
use serde_json::{Value, json};

const PAGE: &str = include_str!("../../../../docs/recipes/README.md");
const API: &str = include_str!("../../../../docs/api.md");

/// A request of the page with its variables, as texts.
struct Recipe {
    query: String,
    variables: Option<String>,
}

fn recipes() -> Vec<Recipe> {
    let mut recipes: Vec<Recipe> = Vec::new();
    for block in PAGE.split("```").skip(1).step_by(2) {
        let (language, text) = block.split_once('\n').unwrap();
        match language {
            "graphql" => recipes.push(Recipe { query: text.to_owned(), variables: None }),
            "json" => recipes.last_mut().unwrap().variables = Some(text.to_owned()),
            other => panic!("a block of {other:?}"),
        }
    }
    recipes
}

#[tokio::test]
async fn what_a_server_module_calls_is_as_the_recipes_say() {
    let desk = Desk::new().await;
    let recipes = recipes();
    assert!(recipes.len() >= 9, "CreateAccount to SingleSignOn");
    let (mut tenant, mut mailbox) = (String::new(), String::new());
    for Recipe { query, variables } in recipes {
        let text = variables.unwrap_or_else(|| "{}".to_owned()).replace("TENANT", &tenant).replace("MAILBOX", &mailbox);
        let variables: Value = serde_json::from_str(&text).unwrap();
        let (status, answer) = desk.send_with(&desk.operator, &query, &variables).await;
        assert_eq!((status, &answer["errors"]), (200, &Value::Null), "{query}: {answer}");
        let result = &answer["data"]["r"];
        if !result.is_null() {
            assert_eq!(result["userErrors"], json!([]), "{query}: {answer}");
        }
        for (id, pointer) in [(&mut tenant, "/tenant/id"), (&mut mailbox, "/mailbox/id")] {
            if let Some(made) = result.pointer(pointer).and_then(Value::as_str) {
                made.clone_into(id);
            }
        }
    }
    assert!(tenant.starts_with("ten_") && mailbox.starts_with("acc_"));
}

/// The requests of a section of docs/api.md.
fn requests(section: &str) -> Vec<Value> {
    let text = API.split("\n## ").find(|s| s.starts_with(section)).unwrap();
    let request = |text: &str| serde_json::from_str(text.split_once("'\n").unwrap().0).unwrap();
    text.split("\n    gql '").skip(1).map(request).collect()
}

#[tokio::test]
async fn people_come_in_forget_their_passwords_and_go_as_the_page_says() {
    let desk = Desk::new().await;
    let (tenant, owner, _) = desk.customer("alpha").await;
    let (mut token, mut asked) = (owner.clone(), Vec::new());
    for request in requests("People") {
        let query = request["query"].as_str().unwrap();
        let due = desk.service.notices_due(100).await.unwrap();
        let mailed = due.last().map(|n| n.facts["secret"].as_str().unwrap().to_owned()).unwrap_or_default();
        let variables = request["variables"].to_string().replace("ten_\u{2026}", &tenant);
        let variables = variables.replace("inv_\u{2026}.1.\u{2026}", &mailed).replace("per_\u{2026}.\u{2026}", &mailed);
        let (status, answer) = desk.send_with(&token, query, &serde_json::from_str(&variables).unwrap()).await;
        assert_eq!((status, &answer["errors"]), (200, &Value::Null), "{query}: {answer}");
        let (name, result) = answer["data"].as_object().unwrap().iter().next().unwrap();
        assert_eq!(result["userErrors"], json!([]), "{query}: {answer}");
        if let Some(access) = result.pointer("/tokens/accessToken").and_then(Value::as_str) {
            access.clone_into(&mut token);
        }
        asked.push(name.clone());
    }
    let all = ["memberInvite", "invitationAccept", "passwordForgot", "passwordReset", "sessionCreate", "personDelete"];
    assert_eq!(asked, all);
    let goodbye = "mutation { personDelete(input: { idempotencyKey: \"goodbye\" }) { done } }";
    assert_eq!(desk.send(&token, goodbye).await.0, 401, "the one that cannot be repeated");
    // A dry run of an invitation gives nothing that would lead nowhere.
    let invite = format!(
        "mutation {{ r: memberInvite(input: {{ tenantId: \"{tenant}\", email: \"b@x.example\", role: \"auditor\", dryRun: true }}) \
         {{ invitation {{ id }} secret userErrors {{ message }} }} }}"
    );
    let would = desk.done(&owner, &invite).await;
    assert_eq!((&would["invitation"], &would["secret"]), (&Value::Null, &Value::Null));
}
