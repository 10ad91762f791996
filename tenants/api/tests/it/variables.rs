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
