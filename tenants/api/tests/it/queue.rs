//! SUMMARY    The queue in the API: who sees it, what orders reach the data plane, and what is said while that is away.

use crate::plane::Desk;
use control::QueueAction;
use serde_json::{Value, json};
use std::sync::atomic::Ordering;

fn order(name: &str, tenant: &str, item: u64, more: &str) -> String {
    format!(
        "mutation {{ r: {name}(input: {{ tenantId: \"{tenant}\", itemId: \"que_{item:013}\"{more} }}) \
         {{ item {{ id state }} userErrors {{ field code }} }} }}"
    )
}

fn actions(desk: &Desk) -> Vec<QueueAction> {
    desk.plane.orders.lock().unwrap().iter().map(|o| o.action.clone()).collect()
}

#[tokio::test]
async fn a_tenants_own_mail_is_shown_with_what_other_hosts_said() {
    let desk = Desk::new().await;
    let (tenant, token, _) = desk.customer("alpha").await;
    let asked = format!(
        "{{ r: queueItems(tenantId: \"{tenant}\", first: 5, filter: {{ state: WAITING }}) {{ nodes {{ sender domain \
         recipients {{ address fate reply host }} answers {{ attempt reply }} nextAttemptAt parkedReason }} \
         pageInfo {{ hasNextPage endCursor }} }} }}"
    );
    let answer = desk.ask(&token, &asked).await;
    let node = &answer["data"]["r"]["nodes"][0];
    assert_eq!(node["recipients"][0]["reply"], "450 4.2.0 later", "{answer}");
    assert_eq!((&node["answers"][0]["attempt"], &node["parkedReason"]), (&json!(1), &Value::Null));
    let wrong = asked.replace("first: 5", "first: 5, after: \"nowhere\"");
    assert_eq!(desk.ask(&token, &wrong).await["errors"][0]["extensions"]["code"], "INVALID");
    desk.plane.down.store(true, Ordering::SeqCst);
    assert_eq!(desk.ask(&token, &asked).await["errors"][0]["extensions"]["code"], "UNAVAILABLE");
}

#[tokio::test]
async fn orders_reach_the_data_plane_once_and_are_in_the_audit_log() {
    let desk = Desk::new().await;
    let (tenant, token, _) = desk.customer("alpha").await;
    desk.done(&token, &order("queueItemRetry", &tenant, 7, ", dryRun: true")).await;
    assert_eq!(actions(&desk), []);
    for _ in 0..2 {
        desk.done(&token, &order("queueItemRetry", &tenant, 7, ", idempotencyKey: \"1\"")).await;
    }
    desk.done(&token, &order("queueItemHold", &tenant, 7, ", reason: \"Looked at\"")).await;
    desk.done(&token, &order("queueItemRelease", &tenant, 7, "")).await;
    desk.done(&token, &order("queueItemCancel", &tenant, 7, ", reason: \"Wrong list\", idempotencyKey: \"2\"")).await;
    let (held, back) = ("Looked at".to_owned(), "Wrong list".to_owned());
    let all = [
        QueueAction::Retry,
        QueueAction::Hold { reason: held },
        QueueAction::Release,
        QueueAction::Return { reason: back },
    ];
    assert_eq!(actions(&desk), all);
    let log = format!("{{ r: auditEntries(tenantId: \"{tenant}\", first: 9) {{ nodes {{ action }} }} }}");
    let log = desk.ask(&token, &log).await.to_string();
    for action in ["queueItemRetry", "queueItemHold", "queueItemRelease", "queueItemCancel"] {
        assert_eq!(log.matches(action).count(), 1, "{action}: {log}");
    }
}

#[tokio::test]
async fn what_cannot_be_done_is_refused_by_its_code_and_nothing_is_ordered() {
    let desk = Desk::new().await;
    let (tenant, token, _) = desk.customer("alpha").await;
    let silently = order("queueItemCancel", &tenant, 7, ", silently: true, idempotencyKey: \"3\"");
    for (asked, code) in [
        (order("queueItemRetry", &tenant, 8, ""), "NOT_FOUND"),
        (order("queueItemRetry", &tenant, 9, ""), "IN_USE"),
        (order("queueItemHold", &tenant, 7, ", reason: \" \""), "INVALID"),
        (silently.clone(), "FORBIDDEN"),
    ] {
        assert_eq!(desk.refused(&token, &asked).await, code, "{asked}");
    }
    assert_eq!(actions(&desk), []);
    desk.done(&desk.operator, &silently).await;
    assert_eq!(actions(&desk), [QueueAction::Drop]);
    desk.plane.down.store(true, Ordering::SeqCst);
    let answer = desk.ask(&token, &order("queueItemRetry", &tenant, 7, "")).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "UNAVAILABLE", "{answer}");
}
