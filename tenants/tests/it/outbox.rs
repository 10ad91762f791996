//! SUMMARY    What the data plane missed is told later, in order, also after a restart; addresses over domains that moved.

use crate::desk::{Desk, new_mailbox, open, terms};
use control::Change;
use std::sync::atomic::Ordering;
use tenants::{Applied, Code};
use tokio::sync::watch;

#[tokio::test]
async fn a_restart_forgets_no_change() {
    let desk = Desk::new().await;
    let (_, actor) = desk.customer("alpha").await;
    desk.plane.down.store(true, Ordering::SeqCst);
    let made = desk.service.mailbox_create(&actor, &terms(), &new_mailbox("ann@alpha.example")).await.unwrap();
    let (ann, applied) = (made.object, made.applied);
    assert_eq!(applied, Applied::Pending);
    let again = open(&desk.file, desk.plane.clone()).await;
    desk.plane.down.store(false, Ordering::SeqCst);
    let (stop, stopped) = watch::channel(false);
    let relay = tokio::spawn(again.run_relay(stopped));
    while !desk.plane.told.lock().unwrap().iter().any(|c| matches!(c, Change::Account(a) if a.id == ann.id)) {
        tokio::task::yield_now().await;
    }
    stop.send(true).unwrap();
    relay.await.unwrap();
}

#[tokio::test]
async fn telling_everything_again_repeats_the_same_versions() {
    let desk = Desk::new().await;
    let (_, actor) = desk.customer("alpha").await;
    let ann = desk.mailbox(&actor, "ann@alpha.example").await;
    let before = desk.account(ann.id);
    desk.plane.told.lock().unwrap().clear();
    desk.service.resend_all().await.unwrap();
    assert_eq!(desk.account(ann.id), before);
}

#[tokio::test]
async fn u1_a_domain_that_moved_does_not_bring_its_used_addresses() {
    let desk = Desk::new().await;
    let (_, actor) = desk.customer("alpha").await;
    let (beta, other) = desk.customer("beta").await;
    let ann = desk.mailbox(&actor, "ann@alpha.example").await;
    assert_eq!(
        desk.service.domain_delete(&actor, &terms(), "alpha.example", None).await.unwrap_err().code,
        Code::InUse
    );
    desk.service.mailbox_delete(&actor, &terms(), ann.id).await.unwrap();
    let kept = desk.service.domain_delete(&actor, &terms(), "alpha.example", None).await;
    assert_eq!(kept.unwrap_err().code, Code::InUse, "a deleted mailbox can still be restored");
    desk.service.mailbox_purge(&actor, &terms(), ann.id).await.unwrap();
    desk.service.domain_delete(&actor, &terms(), "alpha.example", None).await.unwrap();
    desk.service.domain_vouch(&desk.operator, &terms(), beta, "alpha.example").await.unwrap();
    let refused = desk.service.mailbox_create(&other, &terms(), &new_mailbox("ann@alpha.example")).await;
    assert_eq!(refused.unwrap_err().code, Code::Taken);
    desk.mailbox(&other, "bob@alpha.example").await;
}
