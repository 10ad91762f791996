//! SUMMARY    Queries that are small and would cost a thread's stack or hours: refused at every door, with a token and without.

use crate::{plane::Desk, streams::first};
use std::time::{Duration, Instant};

/// Each level spreads the next one so many times.
fn doubling(levels: usize, spreads: usize, head: &str, on: &str, leaf: &str) -> String {
    let fragment = |n: usize| {
        let next = format!("...f{} ", n + 1).repeat(spreads);
        format!("fragment f{n} on {on} {{ {} }}", if n + 1 == levels { leaf.to_owned() } else { next })
    };
    format!("{head} {}", (0..levels).map(fragment).collect::<Vec<_>>().join(" "))
}

#[tokio::test]
async fn what_is_small_and_costs_much_is_refused_before_it_runs() {
    let desk = Desk::new().await;
    let (_, token, _) = desk.customer("alpha").await;
    let sign_in = r#"mutation { sessionCreate(input: { email: "a@b.c", password: "x" }) { ...f0 } }"#;
    let cases = [
        ("QUERY_NESTING_MAX", format!("{{ a(b:{}1{}) }}", "[".repeat(2_000), "]".repeat(2_000))),
        ("QUERY_NESTING_MAX", format!("{{ a(b:{}1{}) }}", "{c:".repeat(30_000), "}".repeat(30_000))),
        ("QUERY_NESTING_MAX", format!("query($a: [A] = {}{}) {{ b }}", "[".repeat(4_000), "]".repeat(4_000))),
        ("QUERY_SELECTIONS_MAX", doubling(22, 50, "{ ...f0 }", "Query", "__typename")),
        ("QUERY_SELECTIONS_MAX", doubling(22, 50, sign_in, "SessionCreatePayload", "sessionId")),
        ("leads to itself", "{ ...f } fragment f on Query { ...f ...f ...f }".to_owned()),
        ("stands twice", "mutation { tenantCreate(input: { name: \"a\" }) { token } tenantCreate(input: { name: \"a\" }) { token } }".to_owned()),
    ];
    let began = Instant::now();
    for (why, query) in &cases {
        for (_, answer) in [desk.send(&token, query).await, (200, first(&desk, &token, query).await)] {
            assert!(answer.to_string().contains(why), "{why}: {answer}");
            assert!(answer["errors"][0]["extensions"]["code"].is_string(), "{answer}");
        }
        let (status, answer) = desk.send("", query).await;
        assert_eq!((status, &answer["data"]), (401, &serde_json::Value::Null), "{answer}");
    }
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    // What browsers ask for to draw the schema is within the limits.
    let introspection = include_str!("introspection.graphql");
    assert!(desk.ask(&token, introspection).await["data"]["__schema"]["types"].is_array());
}
