//! SUMMARY    The abuse desk: open holds of a part of the tree with whose they are, and why one was let go.

use crate::{
    desk::{Desk, terms},
    people::{code, person},
};
use control::{Capability, HoldKind};
use tenants::{AuditFilter, Code, NewHold, NewTenant, Page, Subject};

fn hold(kind: HoldKind, code: &str) -> NewHold {
    let reason = format!("because of {code}");
    NewHold { kind, code: code.into(), reason, next_step: String::new(), blocks: None, expires_at_ms: None }
}

#[tokio::test]
async fn holds_are_listed_for_a_part_of_the_tree_with_whose_they_are() {
    let desk = Desk::new().await;
    let service = &desk.service;
    let (alpha, seller) = desk.customer("alpha").await;
    let (beta, other) = desk.customer("beta").await;
    let new = NewTenant { name: "below".into(), ..NewTenant::default() };
    let below = service.tenant_create(&seller, &terms(), &new).await.unwrap().object.tenant.id;
    let ann = desk.mailbox(&seller, "ann@alpha.example").await;
    let made = service.app_password_create(&seller, &terms(), ann.id, "phone").await.unwrap().object;
    for (subject, kind, name) in [
        (Subject::Credential(made.id.clone()), HoldKind::Abuse, "SPAM"),
        (Subject::Mailbox(ann.id), HoldKind::Security, "LEAKED"),
        (Subject::Domain("alpha.example".into()), HoldKind::Abuse, "PHISHING"),
        (Subject::Tenant(below), HoldKind::Abuse, "SPAM"),
        (Subject::Tenant(beta), HoldKind::Abuse, "SPAM"),
        (Subject::Tenant(beta), HoldKind::Billing, "OVERDUE"),
    ] {
        service.hold_place(&desk.operator, &terms(), &subject, &hold(kind, name)).await.unwrap();
    }
    let desk_kinds = [HoldKind::Abuse, HoldKind::Security];
    let root = desk.operator.tenant();
    let (listed, count) = service.holds(&desk.operator, root, &desk_kinds, &Page::first(10)).await.unwrap();
    assert_eq!((listed.len(), count), (5, 5));
    let of = |on: &Subject| listed.iter().find(|l| l.hold.on == *on).unwrap();
    let password = of(&Subject::Credential(made.id.clone()));
    assert_eq!((password.address.as_deref(), password.mailbox), (Some("ann@alpha.example"), Some(ann.id)));
    assert_eq!((password.tenant, password.tenant_name.as_str()), (alpha, "alpha"));
    assert_eq!(of(&Subject::Mailbox(ann.id)).address.as_deref(), Some("ann@alpha.example"));
    assert_eq!(
        (of(&Subject::Tenant(below)).tenant_name.as_str(), &of(&Subject::Tenant(below)).address),
        ("below", &None)
    );
    let count = async |actor, tenant, kinds: &[HoldKind]| {
        service.holds(actor, tenant, kinds, &Page::first(10)).await.unwrap().1
    };
    assert_eq!(count(&desk.operator, root, &[]).await, 6, "of all kinds");
    assert_eq!(count(&seller, alpha, &desk_kinds).await, 4, "its own and those below");
    assert_eq!(count(&seller, below, &desk_kinds).await, 1);
    assert_eq!(count(&other, beta, &[HoldKind::Security]).await, 0);
    assert_eq!(code(service.holds(&seller, beta, &[], &Page::first(10)).await), Code::NotFound);
    assert_eq!(code(service.holds(&seller, root, &[], &Page::first(10)).await), Code::NotFound);
    let (first, _) = service.holds(&desk.operator, root, &[], &Page::first(2)).await.unwrap();
    let rest = Page { cursor: Some(first[1].hold.id.clone()), ..Page::first(10) };
    assert_eq!(service.holds(&desk.operator, root, &[], &rest).await.unwrap().0.len(), 4);
}

#[tokio::test]
async fn one_password_is_stopped_and_let_go_with_a_reason_that_the_log_keeps() {
    let desk = Desk::new().await;
    let service = &desk.service;
    let (alpha, owner) = desk.customer("alpha").await;
    let ann = desk.mailbox(&owner, "ann@alpha.example").await;
    let made = service.app_password_create(&owner, &terms(), ann.id, "phone").await.unwrap().object;
    let on = Subject::Credential(made.id.clone());
    // The provider's people stop it without the tenant's consent, and do not see its log.
    let staff = person(&desk, &desk.operator, desk.operator.tenant(), "staff@x.example", "owner").await;
    let placed = service.hold_place(&staff, &terms(), &on, &hold(HoldKind::Abuse, "SPAM")).await.unwrap().object;
    let explained = service.capabilities(&staff, &on).await.unwrap();
    assert!(!explained.capabilities.allows(Capability::SendExternal));
    assert_eq!((explained.tenant, explained.mailbox), (alpha, Some((ann.id, "ann@alpha.example".to_owned()))));
    let of_mailbox = service.capabilities(&staff, &Subject::Mailbox(ann.id)).await.unwrap();
    assert!(of_mailbox.capabilities.allows(Capability::SendExternal), "the mailbox goes on");
    assert_eq!(code(service.hold_release(&staff, &terms(), &placed.id, "a\nb").await), Code::Invalid);
    service.hold_release(&staff, &terms(), &placed.id, "Cleaned up").await.unwrap();
    let filter = AuditFilter { object: made.id, action: "holdRelease".into(), ..AuditFilter::default() };
    assert_eq!(code(service.audit_entries(&staff, alpha, &filter, &Page::first(5)).await), Code::Forbidden);
    let entries = service.audit_entries(&owner, alpha, &filter, &Page::first(5)).await.unwrap().0;
    assert_eq!(entries[0].detail, "SPAM Cleaned up");
}
