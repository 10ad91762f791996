//! SUMMARY    The operator on the machine acts without a token, and the audit log says so.

use crate::desk::{Desk, new_mailbox, terms};
use tenants::{Code, MailboxPatch, Page};

#[tokio::test]
async fn the_machines_operator_reaches_every_tenant_and_is_named_in_the_log() {
    let desk = Desk::new().await;
    let (tenant, owner) = desk.customer("alpha").await;
    let made = desk.service.mailbox_create(&owner, &terms(), &new_mailbox("ann@alpha.example")).await.unwrap().object;
    let actor = desk.service.console("uid 7").await.unwrap();
    assert!(actor.is_operator());
    let found = desk.service.mailbox_by_address(&actor, "Ann@ALPHA.example").await.unwrap();
    assert_eq!(found.id, made.id);
    let patch = MailboxPatch { hold: Some(Some("asked".into())), ..MailboxPatch::default() };
    assert!(!desk.service.mailbox_update(&actor, &terms(), found.id, &patch).await.unwrap().object.holds.is_empty());
    let audit =
        desk.service.audit_entries(&owner, tenant, &tenants::AuditFilter::default(), &Page::first(1)).await.unwrap().0;
    assert_eq!((audit[0].actor.as_str(), audit[0].action.as_str()), ("ctl uid 7", "mailboxSuspend"));
    let missing = desk.service.mailbox_by_address(&actor, "nobody@alpha.example").await;
    assert_eq!(missing.unwrap_err().code, Code::NotFound);
}

#[tokio::test]
async fn another_tenant_finds_no_mailbox_by_its_address() {
    let desk = Desk::new().await;
    let (_, owner) = desk.customer("alpha").await;
    let (_, other) = desk.customer("beta").await;
    desk.service.mailbox_create(&owner, &terms(), &new_mailbox("ann@alpha.example")).await.unwrap();
    let seen = desk.service.mailbox_by_address(&other, "ann@alpha.example").await;
    assert_eq!(seen.unwrap_err().code, Code::NotFound);
}
