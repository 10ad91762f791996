//! SUMMARY    Variables that were left out: defaults count for directives too, and what must be given is asked for.

use crate::plane::Desk;
use serde_json::json;

#[tokio::test]
async fn defaults_of_variables_count_for_include_and_skip() {
    let desk = Desk::new().await;
    let (tenant, token, _) = desk.customer("alpha").await;
    let list = |declared: &str, directive: &str| {
        format!(
            "query($t: ID!, {declared}) {{ mailboxes(tenantId: $t, first: 2) {{ totalCount {directive} nodes {{ id }} }} }}"
        )
    };
    for (declared, directive, given, wanted) in [
        ("$y: Boolean! = true", "@include(if: $y)", json!({ "t": tenant }), true),
        ("$y: Boolean! = true", "@include(if: $y)", json!({ "t": tenant, "y": false }), false),
        ("$y: Boolean! = false", "@include(if: $y)", json!({ "t": tenant }), false),
        ("$y: Boolean! = true", "@skip(if: $y)", json!({ "t": tenant }), false),
        ("$y: Boolean! = false", "@skip(if: $y)", json!({ "t": tenant }), true),
    ] {
        let (status, answer) = desk.send_with(&token, &list(declared, directive), &given).await;
        assert_eq!((status, answer.get("errors")), (200, None), "{declared} {directive}");
        let page = &answer["data"]["mailboxes"];
        assert_eq!(page.get("totalCount").is_some(), wanted, "{declared} {directive} {given}: {answer}");
    }
    let (_, answer) = desk.send_with(&token, &list("$y: Boolean!", "@include(if: $y)"), &json!({ "t": tenant })).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "INVALID", "{answer}");
    assert_eq!(answer["errors"][0]["message"], "The variable $y is needed");
}

#[tokio::test]
async fn what_stands_on_a_variable_that_was_left_out_is_not_there() {
    let desk = Desk::new().await;
    let (tenant, token, _) = desk.customer("alpha").await;
    let create = "mutation($a: String!, $n: String, $d: Boolean, $k: String) { \
                  r: mailboxCreate(input: { address: $a, displayName: $n, dryRun: $d, idempotencyKey: $k }) \
                  { mailbox { displayName } userErrors { message } } }";
    let (_, made) = desk.send_with(&token, create, &json!({ "a": "eve@alpha.example" })).await;
    assert_eq!((made.get("errors"), &made["data"]["r"]["userErrors"]), (None, &json!([])), "{made}");
    let list = "query($t: ID!, $f: Int, $x: Boolean) { mailboxes(tenantId: $t, first: 5, last: $f) { nodes { address } } \
                e: mailboxes(tenantId: $t, first: 1) @skip(if: $x) { totalCount } }";
    let (_, page) = desk.send_with(&token, list, &json!({ "t": tenant, "x": false })).await;
    let addresses = page["data"]["mailboxes"]["nodes"].to_string();
    assert!(addresses.contains("eve@alpha.example"), "the mailbox was made: {page}");
    // Given as null it is null.
    let (_, refused) = desk.send_with(&token, create, &json!({ "a": "eva@alpha.example", "d": null })).await;
    assert_eq!(refused["errors"][0]["extensions"]["code"], "INVALID", "{refused}");
}
