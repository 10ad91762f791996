//! SUMMARY    A page costs the same statements and calls however long it is.

use crate::plane::Desk;
use std::sync::atomic::Ordering;

#[tokio::test]
async fn a_hundred_mailboxes_take_as_many_statements_as_two() {
    let desk = Desk::new().await;
    let (tenant, token, _) = desk.customer("alpha").await;
    let unlimited = format!(
        "mutation {{ r: tenantUpdate(input: {{ tenantId: \"{tenant}\", maxMailboxes: null, maxDomains: null }}) {{ userErrors {{ message }} }} }}"
    );
    desk.done(&desk.operator, &unlimited).await;
    let items: String =
        (0..99).map(|n| format!("{{ address: \"m{n}@alpha.example\", password: \"long enough\" }} ")).collect();
    let bulk = format!(
        "mutation {{ r: mailboxesCreate(input: {{ errorPolicy: ALL_OR_NOTHING, mailboxes: [{items}] }}) \
         {{ results {{ userErrors {{ message }} }} userErrors {{ message }} }} }}"
    );
    desk.done(&token, &bulk).await;
    let mut seen = Vec::new();
    for first in [2, 100] {
        let query = format!(
            "{{ mailboxes(tenantId: \"{tenant}\", first: {first}) {{ nodes {{ address suspended holds {{ reason }} \
             usage {{ usedBytes emails }} tenant {{ name usage {{ usedBytes }} }} }} }} }}"
        );
        let mut counts = Vec::new();
        // One of them may also ask whether rights have changed, which is asked every second.
        for _ in 0..3 {
            let (statements, calls) = (desk.service.statements(), desk.plane.calls.load(Ordering::SeqCst));
            let answer = desk.ask(&token, &query).await;
            let nodes = answer["data"]["mailboxes"]["nodes"].as_array().unwrap();
            assert_eq!(nodes.len(), first);
            assert!(
                nodes.iter().all(|n| n["usage"]["emails"] == 0 && n["tenant"]["usage"]["usedBytes"] == "7"),
                "{answer}"
            );
            counts.push((desk.service.statements() - statements, desk.plane.calls.load(Ordering::SeqCst) - calls));
        }
        seen.push(counts.into_iter().min().unwrap());
    }
    let [(few, calls), (many, again)] = [seen[0], seen[1]];
    assert!(few > 0, "statements are counted");
    assert_eq!((few, calls), (many, again));
    assert_eq!(calls, 2, "one call for the mailboxes, one for their tenant");
    assert!(many < 20, "{many} statements");
}
