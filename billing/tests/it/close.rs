//! SUMMARY    An owner closes, comes back, and cannot once everything is being destroyed (T5).

use crate::desk::{Desk, day, invoice, terms};
use billing::{InvoiceState, Phase, Rehearsal};
use control::Capability;
use tenants::{Code, PurgePhase};

async fn can(desk: &Desk, tenant: base::TenantId, capability: Capability) -> bool {
    let mut connection = desk.service.connection().await.unwrap();
    let holds = desk.service.tenant_in(&mut connection, tenant).await.unwrap().holds;
    !holds.iter().any(|hold| hold.blocks.contains(&capability))
}

#[tokio::test]
async fn who_closes_stops_receiving_keeps_reading_and_exporting_and_may_come_back() {
    let desk = Desk::new().await;
    let (tenant, owner) = desk.customer("alpha").await;
    let plan = desk.free_plan(desk.root(), "free").await;
    desk.give(tenant, &plan).await;
    let closed = desk.billing.close(&owner, &terms(), tenant, "We move on").await.unwrap().object;
    assert_eq!((closed.phase, closed.closed_at), (Phase::Closing, Some(day(0))));
    for capability in [Capability::Receive, Capability::SendExternal, Capability::PurgeAllowed] {
        assert!(!can(&desk, tenant, capability).await, "{capability:?}");
    }
    for capability in [Capability::Export, Capability::Pay, Capability::MailRead, Capability::PortalLogin] {
        assert!(can(&desk, tenant, capability).await, "{capability:?}");
    }
    let letters = desk.letters().await;
    assert_eq!(
        letters.iter().map(|l| (l.kind.as_str(), l.recipient.as_str())).collect::<Vec<_>>(),
        [("billing-purge", "alpha@elsewhere.example")]
    );
    assert_eq!(letters[0].facts["dates"][0]["at_ms"], day(30).0);
    assert_eq!(desk.billing.close(&owner, &terms(), tenant, "").await.unwrap_err().field, "tenantId");
    desk.day(20);
    let back = desk.billing.reopen(&owner, &terms(), tenant).await.unwrap().object;
    assert_eq!((back.phase, back.closed_at), (Phase::Active, None));
    assert!(can(&desk, tenant, Capability::Receive).await);
    assert_eq!(desk.letters().await.iter().map(|l| l.kind.clone()).collect::<Vec<_>>(), ["billing-reopened"]);
    assert_eq!(desk.billing.reopen(&owner, &terms(), tenant).await.unwrap_err().field, "tenantId");
    assert_eq!(desk.service.tenant(&owner, tenant).await.unwrap().limits.max_mailboxes, Some(3), "its free plan");
}

#[tokio::test]
async fn who_owes_goes_on_owing_when_it_comes_back() {
    let desk = Desk::new().await;
    let (tenant, owner) = desk.customer("alpha").await;
    desk.mirror_invoice(tenant, &invoice("in_1", InvoiceState::Open, 0)).await;
    desk.day(5);
    desk.billing.close(&owner, &terms(), tenant, "").await.unwrap();
    desk.day(16);
    let back = desk.billing.reopen(&owner, &terms(), tenant).await.unwrap().object;
    assert_eq!(back.phase, Phase::Suspended);
    assert!(!can(&desk, tenant, Capability::SendExternal).await && can(&desk, tenant, Capability::Receive).await);
    let standing = desk.billing.standing(&owner, tenant).await.unwrap();
    assert_eq!(standing.facts.unpaid_since, Some(day(0)));
    assert_eq!(standing.owed, [crate::desk::eur(1_200)]);
    assert_eq!(standing.next.unwrap().at, day(30));
}

#[tokio::test]
async fn a_tenant_that_is_no_customer_has_nobody_to_warn_and_is_not_closed() {
    let desk = Desk::new().await;
    let (tenant, owner) = desk.tenant_below(desk.root(), "alpha").await;
    let refused = desk.billing.close(&owner, &terms(), tenant, "").await.unwrap_err();
    assert_eq!((refused.code, refused.field), (Code::Invalid, "tenantId"));
}

#[tokio::test]
async fn what_is_rehearsed_is_written_nowhere_and_shown_to_the_seller_alone() {
    let desk = Desk::new().await;
    let (tenant, owner) = desk.customer("alpha").await;
    let plan = desk.free_plan(desk.root(), "free").await;
    desk.give(tenant, &plan).await;
    let script = Rehearsal { days: 60, closes_on_day: Some(2), ..Rehearsal::default() };
    let steps = desk.billing.rehearse(&desk.operator, tenant, &script).await.unwrap();
    let phases: Vec<Phase> = steps.iter().filter(|s| s.what == "PHASE").map(|s| s.phase).collect();
    assert_eq!(phases, [Phase::Closing, Phase::Purging]);
    assert_eq!(desk.billing.rehearse(&owner, tenant, &script).await.unwrap_err().code, Code::Forbidden);
    assert_eq!(desk.billing.customer(&owner, tenant).await.unwrap().unwrap().closed_at, None);
    assert!(desk.letters().await.is_empty());
}

#[tokio::test]
async fn t5_t6_whoever_closed_is_purged_when_its_last_stage_has_come_and_its_books_stay() {
    let desk = Desk::new().await;
    desk.service.open_shop(desk.billing.clone());
    let (tenant, owner) = desk.customer("alpha").await;
    desk.mirror_invoice(tenant, &invoice("in_1", InvoiceState::Paid, 0)).await;
    desk.billing.close(&owner, &terms(), tenant, "").await.unwrap();
    let purge = async || desk.service.tenant_purge(&desk.operator, tenant, "alpha").await;
    for n in 1..30 {
        desk.day(n);
        drop(desk.billing.work().await);
        desk.service.purges_due().await.unwrap();
        assert_eq!(purge().await.unwrap_err().code, Code::Held, "day {n}");
    }
    let told = desk.letters().await.iter().filter(|letter| letter.kind == "billing-purge").count();
    assert_eq!(told, 2, "T1");
    desk.day(31);
    drop(desk.billing.work().await);
    desk.service.purges_due().await.unwrap();
    let purged = desk.service.purge_state(&desk.operator, tenant).await.unwrap();
    assert_eq!((purged.phase, purged.notices.len()), (PurgePhase::Purged, 2));
    assert!(desk.billing.reopen(&owner, &terms(), tenant).await.is_err(), "there is no way back");
    let mut connection = desk.service.connection().await.unwrap();
    let invoices = tenants::sql::query("SELECT COUNT(*) AS n FROM invoice WHERE tenant = $1").bind(tenant.to_string());
    let invoices = invoices.fetch_one(&mut connection).await.unwrap();
    assert_eq!(tenants::sql::number(&invoices, "n").unwrap(), 1, "the law wants books");
}
