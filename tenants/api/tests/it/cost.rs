//! SUMMARY    Costs are counted, bounded, reported, throttled.

use std::time::Instant;

use crate::plane::Desk;

#[tokio::test]
async fn the_cost_is_known_before_and_told_after() {
    let desk = Desk::new().await;
    let (tenant, token, _) = desk.customer("alpha").await;
    let page =
        |first: u32| format!("{{ mailboxes(tenantId: \"{tenant}\", first: {first}) {{ nodes {{ id address }} }} }}");
    let began = Instant::now();
    let cost = desk.ask(&token, &page(10)).await["extensions"]["cost"].clone();
    assert_eq!(
        (cost["requested"].as_u64(), cost["max"].as_u64(), cost["depth"].as_u64()),
        (Some(31), Some(5000), Some(3))
    );
    let again = desk.ask(&token, &page(100)).await["extensions"]["cost"].clone();
    assert_eq!(again["requested"], 301);
    // What comes back while the two are answered is the clock's, however slow the database is.
    let number = |value: &serde_json::Value| value.as_f64().unwrap();
    let back = number(&again["perSecond"]) * began.elapsed().as_secs_f64() + 1.0;
    assert!(number(&again["spent"]) > 0.0, "{again}");
    assert!(number(&again["left"]) <= number(&cost["left"]) - number(&again["spent"]) + back, "{cost}, {again}");
}

#[tokio::test]
async fn what_a_page_does_not_have_is_not_paid_for() {
    let desk = Desk::new().await;
    let (tenant, token, _) = desk.customer("alpha").await;
    let page =
        format!("mailboxes(tenantId: \"{tenant}\", first: 100) {{ nodes {{ id address displayName version }} }} ");
    let query = format!("{{ {} }}", (0..9).map(|n| format!("a{n}: {page}")).collect::<String>());
    for _ in 0..20 {
        let (status, answer) = desk.send(&token, &query).await;
        assert_eq!(status, 200, "{answer}");
        let cost = &answer["extensions"]["cost"];
        assert_eq!(cost["requested"], 4509);
        let (spent, had) = (cost["spent"].as_u64().unwrap(), answer["data"]["a0"]["nodes"].as_array().unwrap().len());
        assert_eq!(spent, 9 * (1 + 5 * had as u64), "{answer}");
    }
}

#[tokio::test]
async fn an_empty_page_pays_for_nothing_beside_it() {
    let desk = Desk::new().await;
    let (tenant, token, _) = desk.customer("alpha").await;
    let names = "__typename ".repeat(60);
    let query = format!(
        "{{ auditVerify(tenantId: \"{tenant}\") {{ verified }} webhooks(tenantId: \"{tenant}\", first: 100) {{ {names} ...on \
         WebhookConnection {{ nodes {{ __typename id }} }} }} }}"
    );
    let cost = desk.ask(&token, &query).await["extensions"]["cost"].clone();
    assert_eq!((cost["requested"].as_u64(), cost["spent"].as_u64()), (Some(501 + 201), Some(501 + 1)), "{cost}");
}

#[tokio::test]
async fn what_costs_too_much_is_not_begun() {
    let desk = Desk::new().await;
    let (tenant, token, _) = desk.customer("alpha").await;
    let page =
        format!("mailboxes(tenantId: \"{tenant}\", first: 100) {{ nodes {{ id address displayName version }} }} ");
    let wide: String = (0..11).map(|n| format!("a{n}: {page}")).collect();
    let many: String = (0..51).map(|n| format!("a{n}: viewer {{ id }} ")).collect();
    let deep = "{ __schema { types { fields { type { ofType { ofType { ofType { ofType { ofType { ofType { ofType { ofType \
                { ofType { ofType { ofType { ofType { ofType { name } } } } } } } } } } } } } } } } } }";
    let size = format!("{{ mailboxes(tenantId: \"{tenant}\", first: 101) {{ totalCount }} }}");
    let neither = format!("{{ mailboxes(tenantId: \"{tenant}\") {{ totalCount }} }}");
    let cases = [
        (format!("{{ {wide} }}"), "LIMIT", "QUERY_COST_MAX"),
        (format!("{{ {many} }}"), "LIMIT", "QUERY_ALIASES_MAX"),
        (deep.to_owned(), "LIMIT", "QUERY_DEPTH_MAX"),
        (size, "INVALID", "PAGE_ITEMS_MAX"),
        (neither, "INVALID", "first"),
        ("{ viewer { nothing } }".to_owned(), "INVALID", "nothing"),
    ];
    for (query, code, named) in cases {
        let error = desk.ask(&token, &query).await["errors"][0].clone();
        assert_eq!(error["extensions"]["code"], code, "{query}: {error}");
        assert!(error["message"].as_str().unwrap().contains(named), "{error}");
    }
}

#[tokio::test]
async fn a_token_that_spends_too_much_waits_and_others_do_not() {
    let desk = Desk::new().await;
    let (tenant, token, _) = desk.customer("alpha").await;
    let (beta, other, _) = desk.customer("beta").await;
    let query = |tenant: &str| {
        let verify = format!("auditVerify(tenantId: \"{tenant}\") {{ verified }} ");
        format!("{{ {} }}", (0..9).map(|n| format!("a{n}: {verify}")).collect::<String>())
    };
    for _ in 0..20 {
        let (status, answer) = desk.send(&token, &query(&tenant)).await;
        if status == 429 {
            assert_eq!(answer["errors"][0]["extensions"]["code"], "THROTTLED");
            assert!(answer["errors"][0]["extensions"]["retryAfterSeconds"].as_f64().unwrap() >= 1.0);
            assert_eq!(desk.send(&other, &query(&beta)).await.0, 200);
            return;
        }
    }
    panic!("never throttled")
}
