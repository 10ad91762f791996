//! SUMMARY    Deleted, restored, purged: what comes back, what never does, and what a hold keeps.

use crate::desk::{Desk, Hands, dry, keyed, new_alias, new_mailbox, terms};
use control::{Change, Destination};
use std::{sync::Arc, time::Duration};
use tenants::{
    Code, MailboxFilter, MailboxOrder, MailboxPatch, MailboxState, NewGroup, NewHold, NewMasked, Page, Subject,
    TenantPatch,
};

const ANN: &str = "ann@alpha.example";
const DAY: Duration = Duration::from_secs(24 * 3600);

fn deleted() -> MailboxFilter {
    MailboxFilter { state: Some(MailboxState::Deleted), ..MailboxFilter::default() }
}

#[tokio::test]
async fn a_deleted_mailbox_is_shut_and_restoring_gives_everything_back() {
    let desk = Desk::new().await;
    let (tenant, actor) = desk.customer("alpha").await;
    let ann = desk.mailbox(&actor, ANN).await;
    let app = async |label| desk.service.app_password_create(&actor, &terms(), ann.id, label).await.unwrap().object.id;
    let (_, revoked) = (app("phone").await, app("old").await);
    desk.service.app_password_revoke(&actor, &terms(), ann.id, &revoked).await.unwrap();
    desk.service.alias_create(&actor, &terms(), &new_alias("sales@alpha.example", &[ANN])).await.unwrap();
    let before = desk.account(ann.id);
    let gone = desk.service.mailbox_delete(&actor, &keyed("d"), ann.id).await.unwrap().object;
    assert_eq!(gone.state, MailboxState::Deleted);
    assert_eq!(gone.purge_at_ms.unwrap() - gone.deleted_at_ms.unwrap(), 30 * 24 * 3_600_000);
    let shut = desk.account(ann.id);
    assert!(!shut.live && shut.credentials.is_empty() && !shut.purged);
    assert_eq!(desk.destination(ANN), Destination::Account(ann.id), "the address stays its own");
    let page = Page::first(5);
    assert_eq!(desk.service.mailboxes(&actor, tenant, &page).await.unwrap().1, 0);
    let (listed, _) =
        desk.service.mailboxes_where(&actor, tenant, &deleted(), MailboxOrder::default(), &page).await.unwrap();
    assert_eq!((listed[0].id, listed[0].purge_at_ms), (ann.id, gone.purge_at_ms));
    assert_eq!(desk.service.mailbox(&actor, ann.id).await.unwrap().state, MailboxState::Deleted);
    let update = desk.service.mailbox_update(&actor, &terms(), ann.id, &MailboxPatch::default()).await;
    assert_eq!(update.unwrap_err().code, Code::NotFound);
    let back = desk.service.mailbox_restore(&actor, &terms(), ann.id).await.unwrap().object;
    assert_eq!((back.id, back.state, back.purge_at_ms), (ann.id, MailboxState::Active, None));
    let after = desk.account(ann.id);
    assert_eq!((after.live, &after.credentials, &after.send_as), (true, &before.credentials, &before.send_as));
    assert_eq!(after.credentials.len(), 2, "the revoked one does not come back");
    assert_eq!(desk.service.mailbox_restore(&actor, &terms(), ann.id).await.unwrap_err().code, Code::NotFound);
}

#[tokio::test]
async fn m1_a_purged_mailbox_leaves_tombstones_and_the_next_owner_reaches_nothing_of_it() {
    let desk = Desk::new().await;
    let (_, actor) = desk.customer("alpha").await;
    let ann = desk.mailbox(&actor, ANN).await;
    let new = NewMasked { mailbox: ann.id, domain: None, label: String::new(), note: String::new(), site: "s".into() };
    let masked = desk.service.masked_create(&actor, &terms(), &new).await.unwrap().object.address;
    let team = NewGroup {
        address: "team@alpha.example".into(),
        name: String::new(),
        members: vec![ANN.into(), "x@y.example".into()],
        posting: control::Posting::Anyone,
        tenant: None,
    };
    desk.service.group_create(&actor, &terms(), &team).await.unwrap();
    let early = desk.service.mailbox_purge(&actor, &keyed("0"), ann.id).await;
    assert_eq!(early.unwrap_err().code, Code::NotFound, "only what is deleted is purged");
    desk.service.mailbox_delete(&actor, &keyed("d"), ann.id).await.unwrap();
    desk.service.mailbox_purge(&actor, &dry(), ann.id).await.unwrap();
    assert_eq!(desk.destination(ANN), Destination::Account(ann.id), "a dry run purges nothing");
    desk.service.mailbox_purge(&actor, &keyed("p"), ann.id).await.unwrap();
    let gone = desk.account(ann.id);
    assert!(gone.purged && !gone.live && gone.credentials.is_empty() && gone.display_name.is_empty());
    assert_eq!((desk.destination(ANN), desk.destination(&masked)), (Destination::Tombstone, Destination::Tombstone));
    let members = vec!["x@y.example".to_owned()];
    assert_eq!(
        desk.destination("team@alpha.example"),
        Destination::Group { members, posting: control::Posting::Anyone }
    );
    for missing in [
        desk.service.mailbox(&actor, ann.id).await.unwrap_err(),
        desk.service.mailbox_restore(&actor, &terms(), ann.id).await.unwrap_err(),
        desk.service.mailbox_purge(&actor, &terms(), ann.id).await.unwrap_err(),
    ] {
        assert_eq!(missing.code, Code::NotFound);
    }
    let again = desk.mailbox(&actor, ANN).await;
    assert_ne!(again.id, ann.id);
    assert_eq!(desk.destination(ANN), Destination::Account(again.id));
    let fresh = desk.account(again.id);
    assert!(fresh.send_as.is_empty() && fresh.delegates.is_empty() && fresh.credentials.len() == 1);
    assert!(!desk.account(ann.id).live);
}

#[tokio::test]
async fn m2_what_is_held_is_not_purged_by_hand_nor_by_time() {
    let clock = Arc::new(Hands::default());
    let desk = Desk::at(clock.clone()).await;
    let (tenant, actor) = desk.customer("alpha").await;
    let (ann, bob) = (desk.mailbox(&actor, ANN).await, desk.mailbox(&actor, "bob@alpha.example").await);
    for id in [ann.id, bob.id] {
        desk.service.mailbox_delete(&actor, &terms(), id).await.unwrap();
    }
    let legal = NewHold { kind: control::HoldKind::Legal, ..NewHold::suspension("court order") };
    let on_ann =
        desk.service.hold_place(&desk.operator, &terms(), &Subject::Mailbox(ann.id), &legal).await.unwrap().object;
    let on_all =
        desk.service.hold_place(&desk.operator, &terms(), &Subject::Tenant(tenant), &legal).await.unwrap().object;
    for id in [ann.id, bob.id] {
        let refused = desk.service.mailbox_purge(&actor, &terms(), id).await.unwrap_err();
        assert_eq!((refused.code, refused.message.as_str()), (Code::Held, "A hold keeps the mailbox"));
    }
    clock.turn(DAY * 31);
    assert_eq!(desk.service.purge_due().await.unwrap(), 0);
    desk.service.hold_release(&desk.operator, &terms(), &on_all.id, "").await.unwrap();
    clock.turn(DAY * 2);
    assert_eq!(desk.service.purge_due().await.unwrap(), 1, "bob is not held any more");
    assert_eq!(desk.service.mailbox(&actor, ann.id).await.unwrap().state, MailboxState::Deleted);
    desk.service.hold_release(&desk.operator, &terms(), &on_ann.id, "").await.unwrap();
    clock.turn(DAY * 2);
    assert_eq!(desk.service.purge_due().await.unwrap(), 1);
    assert_eq!(desk.service.mailbox(&actor, ann.id).await.unwrap_err().code, Code::NotFound);
}

#[tokio::test]
async fn a_tenant_says_how_long_its_deleted_mailboxes_are_kept_and_a_told_day_stays() {
    let clock = Arc::new(Hands::default());
    let desk = Desk::at(clock.clone()).await;
    let (tenant, actor) = desk.customer("alpha").await;
    let (ann, bob) = (desk.mailbox(&actor, ANN).await, desk.mailbox(&actor, "bob@alpha.example").await);
    let root = desk.operator.tenant();
    desk.service.mailbox_retention_set(&desk.operator, &terms(), root, Some(5)).await.unwrap();
    desk.service.mailbox_delete(&actor, &terms(), ann.id).await.unwrap();
    let set = desk.service.mailbox_retention_set(&actor, &terms(), tenant, Some(1)).await.unwrap().object;
    assert_eq!(set.mailbox_retention_days, Some(1));
    desk.service.mailbox_delete(&actor, &terms(), bob.id).await.unwrap();
    clock.turn(DAY + Duration::from_secs(1));
    assert_eq!(desk.service.purge_due().await.unwrap(), 1, "bob");
    assert_eq!(desk.service.mailbox(&actor, ann.id).await.unwrap().state, MailboxState::Deleted);
    clock.turn(DAY * 4);
    assert_eq!(desk.service.purge_due().await.unwrap(), 1, "ann");
    assert!(!desk.account(ann.id).live);
    // What was purged is told in its turn, at the latest before the next change.
    desk.mailbox(&actor, "carl@alpha.example").await;
    let told = desk
        .plane
        .told
        .lock()
        .unwrap()
        .iter()
        .any(|c| matches!(c, Change::Address(a) if a.local == "ann" && a.destination == Destination::Tombstone));
    assert!(told);
    let long = desk.service.mailbox_retention_set(&actor, &terms(), tenant, Some(366)).await;
    assert_eq!(long.unwrap_err().code, Code::Invalid);
}

#[tokio::test]
async fn a_restored_mailbox_counts_again() {
    let desk = Desk::new().await;
    let (tenant, actor) = desk.customer("alpha").await;
    let ann = desk.mailbox(&actor, ANN).await;
    let one = TenantPatch { max_mailboxes: Some(Some(1)), ..TenantPatch::default() };
    desk.service.tenant_update(&desk.operator, &terms(), tenant, &one).await.unwrap();
    desk.service.mailbox_delete(&actor, &terms(), ann.id).await.unwrap();
    let bob = desk.mailbox(&actor, "bob@alpha.example").await;
    assert_eq!(desk.service.mailbox_restore(&actor, &terms(), ann.id).await.unwrap_err().code, Code::LimitReached);
    assert!(!desk.account(ann.id).live);
    desk.service.mailbox_delete(&actor, &terms(), bob.id).await.unwrap();
    desk.service.mailbox_restore(&actor, &terms(), ann.id).await.unwrap();
}

#[tokio::test]
async fn u1_restoring_races_with_making_again_and_with_purging() {
    let desk = Desk::new().await;
    let (_, actor) = desk.customer("alpha").await;
    for n in 0..8 {
        let address = format!("m{n}@alpha.example");
        let old = desk.mailbox(&actor, &address).await;
        desk.service.mailbox_delete(&actor, &terms(), old.id).await.unwrap();
        let (none, new) = (terms(), new_mailbox(&address));
        let (restored, made) = tokio::join!(
            desk.service.mailbox_restore(&actor, &none, old.id),
            desk.service.mailbox_create(&actor, &none, &new)
        );
        assert_eq!(made.unwrap_err().code, Code::Taken, "the address was the mailbox's all the time");
        assert_eq!(restored.unwrap().object.id, old.id);
        desk.service.mailbox_delete(&actor, &terms(), old.id).await.unwrap();
        let (restored, purged, made) = tokio::join!(
            desk.service.mailbox_restore(&actor, &none, old.id),
            desk.service.mailbox_purge(&actor, &none, old.id),
            desk.service.mailbox_create(&actor, &none, &new)
        );
        assert!(restored.is_ok() != purged.is_ok(), "one of both");
        let owner = match (&restored, &made) {
            (Ok(done), Err(e)) => {
                assert_eq!(e.code, Code::Taken);
                Some(done.object.id)
            }
            (Err(_), Ok(done)) => Some(done.object.id),
            (Err(_), Err(e)) => {
                assert_eq!(e.code, Code::Taken);
                None
            }
            (Ok(_), Ok(_)) => panic!("two owners"),
        };
        let wanted = owner.map_or(Destination::Tombstone, Destination::Account);
        assert_eq!(desk.destination(&address), wanted);
        assert_eq!(desk.account(old.id).live, restored.is_ok());
    }
}
