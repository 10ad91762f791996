//! SUMMARY    Expunged mail in the API: its own user sees what it was, others that it was; days go to the data plane.

use crate::{
    people::{sign_in, signed_in},
    plane::Desk,
};
use control::Change;
use serde_json::{Value, json};
use std::sync::atomic::Ordering;

fn listed(mailbox: &str, more: &str) -> String {
    format!(
        "{{ r: recoverableEmails(mailboxId: \"{mailbox}\"{more}) {{ nodes {{ id deletedAt size mailboxPath from subject }} \
         totalCount totalSize pageInfo {{ hasNextPage endCursor }} }} }}"
    )
}

fn recover(mailbox: &str, ids: &str, more: &str) -> String {
    format!(
        "mutation {{ r: emailsRecover(input: {{ mailboxId: \"{mailbox}\", emailIds: [{ids}]{more} }}) \
         {{ recovered {{ recoveredIds goneIds stopped }} userErrors {{ field code message }} }} }}"
    )
}

/// What the data plane was told last of a tenant's days.
fn days(desk: &Desk, tenant: &str) -> Option<u32> {
    let told = desk.plane.told.lock().unwrap();
    let of = |change: &Change| match change {
        Change::Entitlement(e) if e.tenant.to_string() == tenant => Some(e.expunged_days),
        _ => None,
    };
    told.iter().rev().find_map(of)
}

#[tokio::test]
async fn the_user_of_a_mailbox_sees_what_was_deleted_and_others_only_that_something_was() {
    let desk = Desk::new().await;
    let (tenant, token, mailbox) = desk.customer("alpha").await;
    let answer = desk.ask(&token, &listed(&mailbox, ", first: 20")).await;
    let page = &answer["data"]["r"];
    assert_eq!((&page["totalCount"], &page["pageInfo"]["hasNextPage"]), (&json!(25), &json!(true)), "{answer}");
    assert_eq!((&page["nodes"][0]["from"], &page["nodes"][0]["subject"]), (&Value::Null, &Value::Null), "{answer}");
    let cursor = page["pageInfo"]["endCursor"].as_str().unwrap();
    let rest = desk.ask(&token, &listed(&mailbox, &format!(", first: 20, after: \"{cursor}\""))).await;
    assert_eq!(rest["data"]["r"]["nodes"].as_array().unwrap().len(), 5, "{rest}");
    let user = sign_in("ann@alpha.example", "long enough").replace("input: {", "input: { kind: MAILBOX,");
    let tokens = desk.done("", &user).await["tokens"].clone();
    let user = tokens["accessToken"].as_str().unwrap();
    let own = desk.ask(user, &listed(&mailbox, ", first: 2")).await;
    let first = &own["data"]["r"]["nodes"][0];
    assert_eq!((&first["subject"], &first["mailboxPath"]), (&json!("Hello"), &json!("INBOX")), "{own}");
    // The user brings it back itself; who may only look does not.
    let done = desk.done(user, &recover(&mailbox, "\"5000/3\", \"5000/99\"", "")).await;
    assert_eq!(done["recovered"], json!({ "recoveredIds": ["5000/3"], "goneIds": ["5000/99"], "stopped": null }));
    let auditor = signed_in(&desk, &token, &tenant, "aud@x.example", "auditor").await;
    let auditor = auditor["accessToken"].as_str().unwrap();
    assert_eq!(desk.ask(auditor, &listed(&mailbox, ", first: 1")).await["data"]["r"]["totalCount"], 25);
    assert_eq!(desk.refused(auditor, &recover(&mailbox, "\"5000/3\"", "")).await, "FORBIDDEN");
    assert_eq!(desk.plane.recovered.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn what_is_no_such_email_or_of_another_tenant_reaches_no_data_plane() {
    let desk = Desk::new().await;
    let (_, token, mailbox) = desk.customer("alpha").await;
    let (_, _, foreign) = desk.customer("beta").await;
    assert_eq!(desk.refused(&token, &recover(&foreign, "\"5000/3\"", "")).await, "NOT_FOUND");
    assert_eq!(desk.ask(&token, &listed(&foreign, ", first: 2")).await["data"]["r"], Value::Null);
    assert_eq!(desk.refused(&token, &recover(&mailbox, "\"x\"", "")).await, "NOT_FOUND");
    assert_eq!(desk.refused(&token, &recover(&mailbox, "", "")).await, "INVALID");
    let would = desk.done(&token, &recover(&mailbox, "\"5000/3\", \"5000/99\"", ", dryRun: true")).await;
    assert_eq!(
        (&would["recovered"]["recoveredIds"][0], &would["recovered"]["goneIds"][0]),
        (&json!("5000/3"), &json!("5000/99"))
    );
    assert_eq!(desk.plane.recovered.lock().unwrap().len(), 0);
    desk.plane.down.store(true, Ordering::SeqCst);
    let answer = desk.ask(&token, &recover(&mailbox, "\"5000/3\"", "")).await;
    assert!(answer.to_string().contains("UNAVAILABLE"), "{answer}");
}

#[tokio::test]
async fn days_are_the_tenants_own_or_those_of_the_nearest_above_that_says_some() {
    let desk = Desk::new().await;
    let (tenant, token, _) = desk.customer("alpha").await;
    assert_eq!(days(&desk, &tenant), Some(14));
    let set = |tenant: &str, days: &str| {
        format!(
            "mutation {{ r: emailRecoverySet(input: {{ tenantId: \"{tenant}\", days: {days} }}) \
             {{ tenant {{ emailRecoveryDays }} userErrors {{ code message }} }} }}"
        )
    };
    let provider =
        desk.ask(&desk.operator, "{ viewer { id } }").await["data"]["viewer"]["id"].as_str().unwrap().to_owned();
    desk.done(&desk.operator, &set(&provider, "3")).await;
    assert_eq!(days(&desk, &tenant), Some(3), "those below hear of it");
    assert_eq!(desk.done(&token, &set(&tenant, "0")).await["tenant"]["emailRecoveryDays"], 0);
    assert_eq!(days(&desk, &tenant), Some(0));
    desk.done(&token, &set(&tenant, "null")).await;
    assert_eq!(days(&desk, &tenant), Some(3));
    assert_eq!(desk.refused(&token, &set(&tenant, "91")).await, "INVALID");
}
