//! SUMMARY    The requests of docs/recipes/README.md fit the schema, and answer as the page says: without errors, in its order.

use crate::plane::Desk;
use serde_json::{Value, json};

const PAGE: &str = include_str!("../../../../docs/recipes/README.md");

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
