//! SUMMARY    Customers, domains, mailboxes, aliases: made, limited, suspended, deleted; and the data plane told of each.

use crate::plane::{Desk, delete, domain, mailbox};
use control::{Change, Destination};
use std::sync::atomic::Ordering;

#[tokio::test]
async fn a_customer_is_made_and_the_data_plane_told() {
    let desk = Desk::new().await;
    let (tenant, token, account) = desk.customer("alpha").await;
    let told = desk.plane.told.lock().unwrap().clone();
    assert!(told.iter().any(|c| matches!(c, Change::Entitlement(e) if e.tenant.to_string() == tenant)));
    assert!(told.iter().any(|c| matches!(c, Change::Domain(d) if d.domain == "alpha.example" && d.live)));
    let is_account = |c: &Change| {
        matches!(c, Change::Account(a) if a.id.to_string() == account
        && a.credentials.iter().any(|c| c.argon2.starts_with("$argon2id$") && c.scram_sha256.starts_with("SCRAM-SHA-256$4096:")))
    };
    assert!(told.iter().any(is_account));
    let viewer = desk.ask(&token, "{ viewer { name usage { usedBytes } } }").await;
    assert_eq!(viewer["data"]["viewer"]["usage"]["usedBytes"], "7");
}

#[tokio::test]
async fn limits_hold_when_two_ask_at_once() {
    let desk = Desk::new().await;
    let (_, token, _) = desk.customer("alpha").await;
    let (one, two) = (mailbox("one@alpha.example"), mailbox("two@alpha.example"));
    let (one, two) = tokio::join!(desk.ask(&token, &one), desk.ask(&token, &two));
    let refused = [&one, &two].iter().filter(|a| a["data"]["r"]["userErrors"][0]["code"] == "LIMIT_REACHED").count();
    assert_eq!(refused, 1, "{one} {two}");
}

#[tokio::test]
async fn u1_an_address_has_one_owner_over_all_time_and_m1_a_new_account_is_another_one() {
    let desk = Desk::new().await;
    let (_, token, account) = desk.customer("alpha").await;
    let (_, other, _) = desk.customer("beta").await;
    assert_eq!(desk.refused(&token, &mailbox("ANN@alpha.example")).await, "TAKEN");
    assert_eq!(desk.refused(&other, &mailbox("new@alpha.example")).await, "NOT_FOUND");
    desk.done(&token, &delete(&account, "k")).await;
    assert_eq!(desk.refused(&token, &mailbox("ann@alpha.example")).await, "TAKEN", "it can still be restored");
    let purge = format!(
        "mutation {{ r: mailboxPurge(input: {{ mailboxId: \"{account}\", idempotencyKey: \"p\" }}) {{ userErrors {{ message code }} }} }}"
    );
    desk.done(&token, &purge).await;
    let told = desk.plane.told.lock().unwrap().clone();
    let last = told.iter().rev().find_map(|c| if let Change::Address(a) = c { Some(a) } else { None }).unwrap();
    assert_eq!(last.destination, Destination::Tombstone);
    let again = desk.done(&token, &mailbox("ann@alpha.example")).await;
    assert_ne!(again["mailbox"]["id"].as_str().unwrap(), account);
}

#[tokio::test]
async fn a_suspended_tenant_has_no_capability_and_resuming_gives_all_back() {
    let desk = Desk::new().await;
    let (tenant, token, _) = desk.customer("alpha").await;
    let suspend = format!(
        "mutation {{ r: tenantSuspend(input: {{ tenantId: \"{tenant}\", reason: \"unpaid\" }}) \
         {{ tenant {{ suspended }} userErrors {{ message code }} }} }}"
    );
    assert_eq!(desk.refused(&token, &suspend).await, "FORBIDDEN");
    assert_eq!(desk.done(&desk.operator, &suspend).await["tenant"]["suspended"], true);
    let held = |c: &Change| matches!(c, Change::Entitlement(e) if !e.capabilities.receive && e.reason == "unpaid");
    assert!(desk.plane.told.lock().unwrap().last().is_some_and(held));
    let resume = format!(
        "mutation {{ r: tenantResume(input: {{ tenantId: \"{tenant}\" }}) {{ userErrors {{ message code }} }} }}"
    );
    desk.done(&desk.operator, &resume).await;
    let free = |c: &Change| matches!(c, Change::Entitlement(e) if e.capabilities.receive && e.reason.is_empty());
    assert!(desk.plane.told.lock().unwrap().last().is_some_and(free));
}

#[tokio::test]
async fn what_a_data_plane_missed_is_told_later_in_order() {
    let desk = Desk::new().await;
    let (tenant, token, _) = desk.customer("alpha").await;
    desk.plane.down.store(true, Ordering::SeqCst);
    let made = desk.done(&desk.operator, &domain(&tenant, "second.example")).await;
    assert_eq!(made["pending"], true);
    desk.plane.down.store(false, Ordering::SeqCst);
    let made = desk.done(&token, &mailbox("x@second.example")).await;
    assert_eq!(made["pending"], false);
    let told = desk.plane.told.lock().unwrap().clone();
    let at = |f: &dyn Fn(&Change) -> bool| told.iter().position(f).unwrap();
    let second = at(&|c| matches!(c, Change::Domain(d) if d.domain == "second.example"));
    assert!(second < at(&|c| matches!(c, Change::Address(a) if a.domain == "second.example")));
}

#[tokio::test]
async fn a_repeated_create_makes_one_tenant_and_another_input_is_refused() {
    let desk = Desk::new().await;
    let create = |name: &str| {
        format!(
            "mutation {{ r: tenantCreate(input: {{ name: \"{name}\", idempotencyKey: \"k1\" }}) \
             {{ tenant {{ id }} userErrors {{ message code }} }} }}"
        )
    };
    let first = desk.done(&desk.operator, &create("one")).await;
    assert_eq!(desk.done(&desk.operator, &create("one")).await["tenant"]["id"], first["tenant"]["id"]);
    assert_eq!(desk.refused(&desk.operator, &create("two")).await, "IDEMPOTENCY_MISMATCH");
}

#[tokio::test]
async fn bad_input_has_a_code_and_queries_have_bounds() {
    let desk = Desk::new().await;
    let (tenant, token, _) = desk.customer("alpha").await;
    assert_eq!(desk.refused(&token, &domain(&tenant, "not a domain")).await, "INVALID");
    assert_eq!(desk.refused(&token, &mailbox("no-at-sign")).await, "INVALID");
    assert_eq!(desk.refused(&token, &mailbox("x@unknown.example")).await, "NOT_FOUND");
    let unsigned = desk.ask("wrong", "{ viewer { name } }").await;
    assert_eq!(unsigned["errors"][0]["extensions"]["code"], "UNAUTHENTICATED");
}
