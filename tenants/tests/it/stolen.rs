//! SUMMARY    A stolen password of a mailbox: the hold shuts the portal to it, and a new password leaves the thief nothing.

use crate::{
    desk::{Desk, Hands, alpha, terms},
    people::{code, person, person_on, sign_in},
};
use base::TenantId;
use control::{Capability, HoldKind};
use std::{collections::BTreeSet, sync::Arc, time::Duration};
use tenants::{
    Actor, AuditFilter, Code, DirectoryPatch, Mailbox, MailboxPatch, NewHold, NewMasked, Page, Selector, SignIn,
    Subject,
};

struct World {
    clock: Arc<Hands>,
    desk: Desk,
    tenant: TenantId,
    owner: Actor,
    ann: Mailbox,
}

async fn world() -> World {
    let (clock, desk, tenant, owner, ann) = alpha().await;
    clock.turn(Duration::from_secs(60));
    World { clock, desk, tenant, owner, ann }
}

fn stolen(blocks: Option<Vec<Capability>>) -> NewHold {
    NewHold {
        kind: HoldKind::Security,
        code: "STOLEN_PASSWORD".into(),
        reason: "The password was seen elsewhere".into(),
        next_step: "Ask your administrator for a new one".into(),
        blocks,
        expires_at_ms: None,
    }
}

impl World {
    async fn signed_in(&self, password: &str) -> tenants::Result<Actor> {
        self.clock.turn(Duration::from_secs(60));
        let new = sign_in(SignIn::Mailbox, "ann@alpha.example", password);
        let tokens = self.desk.service.session_create(&new).await?;
        self.desk.service.authenticate(&tokens.access).await
    }

    async fn credentials(&self) -> usize {
        self.desk.account(self.ann.id).credentials.len()
    }

    async fn new_password(&self, password: &str) -> u64 {
        self.clock.turn(Duration::from_secs(60));
        let patch = MailboxPatch { password: Some(password.into()), ..MailboxPatch::default() };
        let set = self.desk.service.mailbox_update(&self.owner, &terms(), self.ann.id, &patch).await;
        set.unwrap().object.ended_app_passwords
    }
}

#[tokio::test]
async fn a_security_hold_shuts_the_portal_and_ends_the_sign_ins_by_that_password() {
    let w = world().await;
    let service = &w.desk.service;
    let tokens = service.session_create(&sign_in(SignIn::Mailbox, "ann@alpha.example", "long enough")).await.unwrap();
    let user = service.authenticate(&tokens.access).await.unwrap();
    service.app_password_create(&user, &terms(), w.ann.id, "phone").await.unwrap();
    for subject in [
        Subject::Mailbox(w.ann.id),
        Subject::Domain("alpha.example".into()),
        Subject::Credential(w.desk.account(w.ann.id).credentials[0].id.clone()),
    ] {
        let tokens = service.session_create(&sign_in(SignIn::Mailbox, "ann@alpha.example", "long enough")).await;
        let tokens = tokens.unwrap();
        service.authenticate(&tokens.access).await.unwrap();
        let by = if matches!(subject, Subject::Domain(_)) { &w.desk.operator } else { &w.owner };
        let hold = service.hold_place(by, &terms(), &subject, &stolen(None)).await.unwrap().object;
        assert!(hold.blocks.contains(&Capability::PortalLogin), "{subject}");
        let refused = w.signed_in("long enough").await.unwrap_err();
        assert_eq!(refused.code, Code::Forbidden, "{subject}");
        assert!(refused.message.contains("The password was seen elsewhere"), "{refused:?}");
        assert!(service.authenticate(&tokens.access).await.is_err(), "{subject}");
        service.hold_release(by, &terms(), &hold.id, "").await.unwrap();
        assert_eq!(code(service.authenticate(&tokens.access).await), Code::Unauthenticated, "{subject}: it ended");
        w.signed_in("long enough").await.unwrap();
    }
    // A tenant's own people are let in: they are to clear it up.
    let hold = service.hold_place(&w.desk.operator, &terms(), &Subject::Tenant(w.tenant), &stolen(None)).await.unwrap();
    assert!(!hold.object.blocks.contains(&Capability::PortalLogin));
}

#[tokio::test]
async fn during_a_security_hold_only_who_may_end_it_makes_credentials() {
    let w = world().await;
    let service = &w.desk.service;
    let on = Selector::Mailboxes(BTreeSet::from([w.ann.id]));
    let herself = person_on(&w.desk, &w.owner, w.tenant, "ann@elsewhere.example", "mailbox-user", on).await;
    let help = person(&w.desk, &w.owner, w.tenant, "help@elsewhere.example", "help-desk").await;
    // Whoever asks for less gets less: the sign-in goes on, and makes nothing all the same.
    let blocks = Some(vec![Capability::SendExternal]);
    let hold =
        service.hold_place(&w.owner, &terms(), &Subject::Mailbox(w.ann.id), &stolen(blocks)).await.unwrap().object;
    let again = w.signed_in("long enough").await.unwrap();
    service.mailbox(&again, w.ann.id).await.unwrap();
    let (label, note, site) = (String::new(), String::new(), String::new());
    let masked = NewMasked { mailbox: w.ann.id, domain: None, label, note, site };
    for who in [&again, &herself] {
        for refused in [
            service.app_password_create(who, &terms(), w.ann.id, "thief").await.unwrap_err(),
            service.masked_create(who, &terms(), &masked).await.unwrap_err(),
        ] {
            assert_eq!(refused.code, Code::Forbidden);
            assert!(refused.message.contains("The password was seen elsewhere"), "{refused:?}");
            assert!(refused.message.contains("Ask your administrator"), "{refused:?}");
        }
    }
    service.app_password_create(&help, &terms(), w.ann.id, "by the desk").await.unwrap();
    service.hold_release(&w.owner, &terms(), &hold.id, "").await.unwrap();
    service.app_password_create(&again, &terms(), w.ann.id, "phone").await.unwrap();
    service.masked_create(&herself, &terms(), &masked).await.unwrap();
}

#[tokio::test]
async fn the_first_new_password_after_a_security_hold_ends_the_app_passwords_and_says_so() {
    let w = world().await;
    let service = &w.desk.service;
    let app = async || service.app_password_create(&w.owner, &terms(), w.ann.id, "x").await;
    app().await.unwrap();
    assert_eq!(w.new_password("another long one").await, 0, "a new password alone ends none");
    assert_eq!(w.credentials().await, 2);
    w.clock.turn(Duration::from_secs(60));
    let hold = service.hold_place(&w.owner, &terms(), &Subject::Mailbox(w.ann.id), &stolen(None)).await.unwrap().object;
    app().await.unwrap();
    assert_eq!(w.new_password("a third long one").await, 2, "those from before are the thief's as well as hers");
    assert_eq!(w.credentials().await, 1);
    let log = service.audit_entries(&w.owner, w.tenant, &AuditFilter::default(), &Page::first(50)).await.unwrap().0;
    assert_eq!(log.iter().filter(|e| e.action == "appPasswordRevoke").count(), 2);
    app().await.unwrap();
    assert_eq!(w.new_password("a fourth long one").await, 0, "those came after the new password");
    service.hold_release(&w.owner, &terms(), &hold.id, "").await.unwrap();
    // One that ended before the password was changed, and a directory that changes it.
    w.clock.turn(Duration::from_secs(60));
    let domain = Subject::Domain("alpha.example".into());
    let hold = service.hold_place(&w.desk.operator, &terms(), &domain, &stolen(None)).await.unwrap().object;
    service.hold_release(&w.desk.operator, &terms(), &hold.id, "").await.unwrap();
    assert_eq!(w.credentials().await, 2);
    w.clock.turn(Duration::from_secs(60));
    let patch = DirectoryPatch { password: Some("a fifth long one".into()), ..DirectoryPatch::default() };
    service.directory_update(&w.owner, &terms(), w.ann.id, &patch).await.unwrap();
    assert_eq!(w.credentials().await, 1);
}
