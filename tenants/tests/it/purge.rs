//! SUMMARY    The end of a tenant: closed, told, purged; what keeps it, what is left, and that no file has its words.

use crate::desk::{Desk, Hands, dry, new_alias, new_mailbox, terms};
use control::{Capability, Change, ErasurePhase, HoldKind};
use std::{sync::Arc, time::Duration};
use tenants::{
    Closing, Code, NewHold, NewTenant, Page, PurgePhase, Subject, TenantPatch,
    limits::{CLOSING_UNDO_DAYS, PURGE_NOTICE_DAYS},
};

const MARK: &str = "zweigstelle";
const DAY: Duration = Duration::from_secs(24 * 3_600);

fn days(n: i64) -> Duration {
    DAY * u32::try_from(n).unwrap()
}

fn closing() -> Closing {
    Closing { contact: "boss@elsewhere.example".to_owned(), locale: "de".to_owned() }
}

/// A clock, a desk, a tenant whose every name has the marker, and a neighbour.
async fn town() -> (Arc<Hands>, Desk, base::TenantId, base::TenantId) {
    let clock = Arc::new(Hands::default());
    clock.turn(DAY * 20_000);
    let desk = Desk::at(clock.clone()).await;
    let (tenant, owner) = desk.customer(MARK).await;
    for local in [MARK, "ann", "bob"] {
        desk.mailbox(&owner, &format!("{local}@{MARK}.example")).await;
    }
    desk.service
        .alias_create(&owner, &terms(), &new_alias(&format!("{MARK}-all@{MARK}.example"), &[&format!("x@{MARK}.test")]))
        .await
        .unwrap();
    let ann = desk.service.mailbox_by_address(&desk.operator, &format!("ann@{MARK}.example")).await.unwrap();
    desk.service.app_password_create(&owner, &terms(), ann.id, &format!("{MARK} phone")).await.unwrap();
    let (neighbour, other) = desk.customer("beta").await;
    desk.mailbox(&other, "ann@beta.example").await;
    (clock, desk, tenant, neighbour)
}

/// Files of the database that have the marker in them.
fn marked(desk: &Desk) -> usize {
    let folder = desk.file.parent().unwrap();
    let files = std::fs::read_dir(folder).unwrap().map(|entry| std::fs::read(entry.unwrap().path()).unwrap());
    files.filter(|bytes| bytes.windows(MARK.len()).any(|w| w.eq_ignore_ascii_case(MARK.as_bytes()))).count()
}

fn ends(desk: &Desk) {
    desk.plane.erasure.lock().unwrap().as_mut().unwrap().phase = ErasurePhase::Done;
}

#[tokio::test]
async fn t1_no_purge_before_two_notices_to_a_contact_elsewhere_and_the_days_after_the_last() {
    let (clock, desk, tenant, _) = town().await;
    let (service, operator) = (&desk.service, &desk.operator);
    let refused = async || service.tenant_purge(operator, tenant, MARK).await.unwrap_err();
    let open = refused().await;
    assert!(open.code == Code::Held && open.message.contains("not closed"), "{}", open.message);
    let here = Closing { contact: format!("ann@{MARK}.example"), ..closing() };
    assert_eq!(service.tenant_close(operator, &terms(), tenant, &here).await.unwrap_err().code, Code::Invalid);
    service.tenant_close(operator, &dry(), tenant, &closing()).await.unwrap();
    assert_eq!(
        service.purge_state(operator, tenant).await.unwrap_err().code,
        Code::NotFound,
        "a dry run closes nothing"
    );
    service.tenant_close(operator, &terms(), tenant, &closing()).await.unwrap();
    assert_eq!(service.tenant_close(operator, &terms(), tenant, &closing()).await.unwrap_err().code, Code::Invalid);
    let closed = desk.plane.told.lock().unwrap().iter().rev().find_map(|change| match change {
        Change::Entitlement(e) if e.tenant == tenant => Some(e.clone()),
        _ => None,
    });
    let capabilities = closed.unwrap().capabilities;
    assert!(!capabilities.allows(Capability::Receive) && !capabilities.allows(Capability::SendExternal));
    assert!(capabilities.allows(Capability::Export) && capabilities.allows(Capability::MailRead));
    assert!(refused().await.message.contains("told 1 times"));
    // The second notice comes by itself, some days before the day that was told.
    clock.turn(days(CLOSING_UNDO_DAYS - PURGE_NOTICE_DAYS - 1));
    service.purges_due().await.unwrap();
    assert_eq!(service.purge_state(operator, tenant).await.unwrap().notices.len(), 1);
    clock.turn(days(2));
    service.purges_due().await.unwrap();
    let told = service.purge_state(operator, tenant).await.unwrap();
    assert_eq!(told.notices.len(), 2);
    assert!(refused().await.message.contains("not before"));
    clock.turn(days(PURGE_NOTICE_DAYS - 1));
    service.purges_due().await.unwrap();
    assert_eq!(service.purge_state(operator, tenant).await.unwrap().phase, PurgePhase::Closing, "a day is missing");
    let letters = service.notices_due(100).await.unwrap();
    let letters: Vec<_> = letters.iter().filter(|n| n.kind == "tenant-closing").collect();
    assert_eq!(letters.len(), 2);
    assert!(letters.iter().all(|n| n.recipient == "boss@elsewhere.example" && n.locale == "de" && n.tenant.is_none()));
    clock.turn(days(1));
    service.purges_due().await.unwrap();
    let purging = service.purge_state(operator, tenant).await.unwrap();
    assert_eq!(purging.phase, PurgePhase::Purging, "it is due, and goes by itself");
}

/// Closes, and lets the days go by.
async fn closed(clock: &Hands, desk: &Desk, tenant: base::TenantId) {
    desk.service.tenant_close(&desk.operator, &terms(), tenant, &closing()).await.unwrap();
    clock.turn(days(CLOSING_UNDO_DAYS - PURGE_NOTICE_DAYS));
    desk.service.purges_due().await.unwrap();
    clock.turn(days(PURGE_NOTICE_DAYS));
}

#[tokio::test]
async fn m2_a_hold_and_a_tenant_below_keep_it_and_so_does_another_name() {
    let (clock, desk, tenant, _) = town().await;
    let (service, operator) = (&desk.service, &desk.operator);
    closed(&clock, &desk, tenant).await;
    let ann = service.mailbox_by_address(operator, &format!("ann@{MARK}.example")).await.unwrap();
    let legal = NewHold { kind: HoldKind::Legal, code: "COURT".into(), ..NewHold::suspension("a court") };
    let legal = NewHold { blocks: None, ..legal };
    let hold = service.hold_place(operator, &terms(), &Subject::Mailbox(ann.id), &legal).await.unwrap().object;
    let why = service.tenant_purge(operator, tenant, MARK).await.unwrap_err();
    assert!(why.code == Code::Held && why.message.contains("COURT"), "{}", why.message);
    service.purges_due().await.unwrap();
    assert_eq!(service.purge_state(operator, tenant).await.unwrap().phase, PurgePhase::Closing, "nor by itself");
    service.hold_release(operator, &terms(), &hold.id, "").await.unwrap();
    assert_eq!(service.tenant_purge(operator, tenant, "another").await.unwrap_err().code, Code::Invalid);
    let new = NewTenant { name: "child".into(), parent: Some(tenant), ..NewTenant::default() };
    let child = service.tenant_create(operator, &terms(), &new).await.unwrap().object.tenant.id;
    let why = service.tenant_purge(operator, tenant, MARK).await.unwrap_err();
    assert!(why.message.contains("below it"), "{}", why.message);
    let outlook = service.purge_outlook(operator, tenant).await.unwrap();
    assert!(outlook.refusals.len() == 1 && outlook.rows["mailbox"] == 3, "{outlook:?}");
    assert_eq!(*desk.plane.erasure.lock().unwrap(), None, "and nothing was begun");
    closed(&clock, &desk, child).await;
    service.purges_due().await.unwrap();
    ends(&desk);
    for _ in 0..3 {
        service.purges_due().await.unwrap();
    }
    assert_eq!(service.purge_state(operator, child).await.unwrap().phase, PurgePhase::Purged);
    assert_eq!(service.purge_state(operator, tenant).await.unwrap().phase, PurgePhase::Purged, "then it goes, too");
    let owner = service.tenant_purge(operator, desk.operator.tenant(), "Provider").await;
    assert_eq!(owner.unwrap_err().code, Code::Held, "the provider itself is not purged");
}

#[tokio::test]
async fn t6_before_the_point_of_no_return_there_is_a_way_back_and_after_it_none() {
    let (clock, desk, tenant, _) = town().await;
    let (service, operator) = (&desk.service, &desk.operator);
    closed(&clock, &desk, tenant).await;
    let open = service.tenant_reopen(operator, &terms(), tenant).await.unwrap().object;
    assert!(open.holds.is_empty(), "it is as it was");
    assert_eq!(service.tenant_purge(operator, tenant, MARK).await.unwrap_err().code, Code::Held);
    closed(&clock, &desk, tenant).await;
    // What the data plane refuses is taken back whole.
    *desk.plane.keeps.lock().unwrap() = Some("a hold keeps the tenant".into());
    let why = service.tenant_purge(operator, tenant, MARK).await.unwrap_err();
    assert!(why.code == Code::Held && why.message.contains("a hold keeps"), "{}", why.message);
    *desk.plane.keeps.lock().unwrap() = None;
    let back = service.purge_state(operator, tenant).await.unwrap();
    assert_eq!((back.phase, back.no_return_at), (PurgePhase::Closing, None));
    assert_eq!(service.mailboxes(operator, tenant, &Page::first(5)).await.unwrap().1, 3, "nothing was erased");
    let purging = service.tenant_purge(operator, tenant, MARK).await.unwrap();
    assert_eq!(purging.phase, PurgePhase::Purging);
    assert_eq!(purging.no_return_at, Some(base::Timestamp(7)), "the data plane's moment");
    assert_eq!(service.tenant_reopen(operator, &terms(), tenant).await.unwrap_err().code, Code::Invalid);
    assert_eq!(service.purge_proof(operator, tenant).await.unwrap_err().code, Code::NotFound, "not before the end");
}

#[tokio::test]
async fn what_is_left_is_a_tombstone_and_no_file_has_its_words() {
    let (clock, desk, tenant, neighbour) = town().await;
    let (service, operator) = (&desk.service, &desk.operator);
    // On a server the files are not ours to read.
    let has_files = crate::raw::postgres().is_none();
    assert!(!has_files || marked(&desk) > 0, "the scan bites");
    closed(&clock, &desk, tenant).await;
    service.tenant_purge(operator, tenant, MARK).await.unwrap();
    // Cut off here, another process goes on.
    ends(&desk);
    clock.turn(DAY);
    let mut purge = service.tenant_purge(operator, tenant, MARK).await;
    for _ in 0..3 {
        if purge.as_ref().is_ok_and(|purge| purge.phase == PurgePhase::Purged) {
            break;
        }
        // The relay's turn takes what was told out of the outbox.
        service.tenant_update(operator, &terms(), neighbour, &TenantPatch::default()).await.unwrap();
        purge = service.tenant_purge(operator, tenant, MARK).await;
    }
    let purge = purge.unwrap();
    assert_eq!((purge.phase, purge.erased["mailbox"]), (PurgePhase::Purged, 3));
    assert!(purge.erased["credential"] >= 4 && purge.erased["address"] >= 4 && purge.erased["audit"] > 0);
    let proof = service.purge_proof(operator, tenant).await.unwrap();
    assert!(proof.starts_with(&format!("proof of {tenant}")) && proof.contains(&purge.name_hash), "{proof}");
    let (mailboxes, domains) = (
        service.mailboxes(operator, neighbour, &Page::first(5)).await.unwrap().1,
        service.domains(operator, neighbour, &Page::first(5)).await.unwrap().1,
    );
    assert_eq!((mailboxes, domains), (1, 1), "the neighbour has everything");
    assert_eq!(service.mailboxes(operator, tenant, &Page::first(5)).await.unwrap().1, 0);
    // Its domain is free; nobody makes anything below the tombstone.
    service.domain_vouch(operator, &terms(), neighbour, &format!("{}.example", "zweig")).await.unwrap();
    let again = service.tenant_close(operator, &terms(), tenant, &closing()).await.unwrap_err();
    assert_eq!(again.code, Code::Invalid);
    let resumed = service.tenant_hold(operator, &terms(), tenant, None).await.unwrap_err();
    let vouched = service.domain_vouch(operator, &terms(), tenant, "another.example").await.unwrap_err();
    assert_eq!((resumed.code, vouched.code), (Code::Forbidden, Code::Forbidden), "the operator neither");
    let verified = service.audit_verify(operator, tenant, 0).await.unwrap();
    assert_eq!(verified.broken, None, "the chain goes on from its head");
    assert!(!has_files || marked(&desk) == 0);
}

#[tokio::test]
async fn m3_an_address_of_a_shared_domain_stays_a_tombstone() {
    let (clock, desk, tenant, neighbour) = town().await;
    let (service, operator) = (&desk.service, &desk.operator);
    let shared = format!(
        "UPDATE domain SET shared = 1 WHERE name = 'beta.example'; INSERT INTO address (domain, local, tenant, kind, label, version) \
         VALUES ('beta.example', 'zoe', '{tenant}', 'forward', '{MARK}', 1)"
    );
    crate::raw::run(&desk, &shared).await.unwrap();
    closed(&clock, &desk, tenant).await;
    service.tenant_purge(operator, tenant, MARK).await.unwrap();
    let left =
        "SELECT kind || ' ' || local || '@' || domain || ' ' || label FROM address WHERE domain <> 'x' ORDER BY local";
    assert_eq!(crate::raw::texts(&desk, left).await, ["account ann@beta.example ", "tombstone zoe@beta.example "]);
    let again = service.mailbox_create(operator, &terms(), &new_mailbox("zoe@beta.example")).await.unwrap_err();
    assert_eq!(again.code, Code::Taken, "nobody ever gets it");
    assert_eq!(service.mailboxes(operator, neighbour, &Page::first(5)).await.unwrap().1, 1);
}
