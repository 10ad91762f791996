//! SUMMARY    The provider's people look into a tenant by its consent only, for a time, and the tenant sees who came.

use crate::{
    desk::{Desk, Hands, alpha, new_alias, terms},
    people::{code, person},
};
use base::{AccountId, QueueId, TenantId, Timestamp};
use control::{QueueAnswer, QueueAsked, QueueFate, QueueFilter, QueueItem, QueueRecipient, QueueState};
use std::{sync::Arc, time::Duration};
use tenants::{
    Access, Actor, AuditFilter, Code, Mailbox, MailboxPatch, NewSupportGrant, NewTenant, NewToken, Page, SupportScope,
};

const DAY: Duration = Duration::from_secs(24 * 3600);

struct World {
    clock: Arc<Hands>,
    desk: Desk,
    tenant: TenantId,
    owner: Actor,
    ann: Mailbox,
    staff: Actor,
}

async fn world() -> World {
    let (clock, desk, tenant, owner, ann) = alpha().await;
    let staff = person(&desk, &desk.operator, desk.operator.tenant(), "staff@provider.example", "owner").await;
    World { clock, desk, tenant, owner, ann, staff }
}

fn grant(tenant: TenantId, scope: SupportScope, life: Duration) -> NewSupportGrant {
    NewSupportGrant { tenant, scope, reason: "Mail does not arrive".into(), life }
}

impl World {
    /// The staff's person as it is now.
    async fn staff(&self) -> Actor {
        // Signing in again and again takes its time.
        self.clock.turn(Duration::from_secs(30));
        crate::people::signed_in(&self.desk, "staff@provider.example", self.desk.operator.tenant()).await
    }

    /// Whether the staff may see members, change a name, set a password.
    async fn may(&self, staff: &Actor) -> [bool; 3] {
        let service = &self.desk.service;
        let seen = service.aliases(staff, self.tenant, &Page::first(5)).await.is_ok();
        let name = MailboxPatch { display_name: Some("Ann".into()), ..MailboxPatch::default() };
        let named = service.mailbox_update(staff, &terms(), self.ann.id, &name).await.is_ok();
        let password = MailboxPatch { password: Some("long enough too".into()), ..MailboxPatch::default() };
        let opened = service.mailbox_update(staff, &terms(), self.ann.id, &password).await.is_ok();
        [seen, named, opened]
    }
}

#[tokio::test]
async fn without_consent_the_providers_people_see_the_contract_and_nothing_behind_it() {
    let w = world().await;
    let service = &w.desk.service;
    service.tenant(&w.staff, w.tenant).await.unwrap();
    service.mailbox(&w.staff, w.ann.id).await.unwrap();
    service.tenant_hold(&w.staff, &terms(), w.tenant, Some("abuse")).await.unwrap();
    service.tenant_hold(&w.staff, &terms(), w.tenant, None).await.unwrap();
    let told = w.desk.plane.told.lock().unwrap().len();
    assert_eq!(w.may(&w.staff).await, [false; 3]);
    let password = MailboxPatch {
        password: Some("long enough too".into()),
        display_name: Some("Ann".into()),
        ..MailboxPatch::default()
    };
    assert_eq!(code(service.mailbox_update(&w.staff, &terms(), w.ann.id, &password).await), Code::Forbidden);
    assert_eq!(code(service.app_password_create(&w.staff, &terms(), w.ann.id, "x").await), Code::Forbidden);
    let alias = new_alias("all@alpha.example", &["staff@provider.example"]);
    assert_eq!(code(service.alias_create(&w.staff, &terms(), &alias).await), Code::Forbidden);
    assert_eq!(
        code(service.audit_entries(&w.staff, w.tenant, &AuditFilter::default(), &Page::first(5)).await),
        Code::Forbidden
    );
    // Nor around it: by a token there, by a token here, by consent given to themselves.
    let there = NewToken::new(w.tenant, "x", Access::ReadWrite);
    assert_eq!(code(service.token_create(&w.staff, &terms(), &there).await), Code::Forbidden);
    let here = NewToken::new(w.desk.operator.tenant(), "x", Access::ReadWrite);
    let here = service.token_create(&w.staff, &terms(), &here).await.unwrap().object.secret.unwrap();
    let here = service.authenticate(&here).await.unwrap();
    assert_eq!(w.may(&here).await, [false; 3]);
    for who in [&w.staff, &here, &w.desk.operator] {
        let new = grant(w.tenant, SupportScope::Content, DAY);
        assert_eq!(code(service.support_grant_create(who, &terms(), &new).await), Code::Forbidden);
    }
    assert_eq!(w.desk.plane.told.lock().unwrap().len(), told, "nothing changed");
    // A tenant that they make gives them no token.
    let new = NewTenant { name: "New".into(), ..NewTenant::default() };
    assert!(service.tenant_create(&w.staff, &terms(), &new).await.unwrap().object.token.is_none());
    // A machine of the provider, and the tenant itself, go on as before.
    assert_eq!(w.may(&w.desk.operator).await, [true; 3]);
    assert_eq!(w.may(&w.owner).await, [true; 3]);
}

#[tokio::test]
async fn consent_lets_in_as_far_as_its_scope_and_names_both() {
    let w = world().await;
    let service = &w.desk.service;
    for (scope, expect) in [
        (SupportScope::Metadata, [true, false, false]),
        (SupportScope::Settings, [true, true, false]),
        (SupportScope::Content, [true, true, true]),
    ] {
        let made = service.support_grant_create(&w.owner, &terms(), &grant(w.tenant, scope, DAY)).await.unwrap().object;
        let staff = w.staff().await;
        assert_eq!(w.may(&staff).await, [false; 3], "not before it is taken up");
        assert_eq!(service.support_grants(&staff, None, &Page::first(5)).await.unwrap().1, 1);
        service.support_grant_use(&staff, &terms(), &made.id).await.unwrap();
        let staff = w.staff().await;
        assert_eq!(w.may(&staff).await, expect, "{scope:?}");
        let there = NewToken::new(w.tenant, "x", Access::ReadWrite);
        assert_eq!(code(service.token_create(&staff, &terms(), &there).await), Code::Forbidden, "it would outlast");
        let log =
            service.audit_entries(&w.owner, w.tenant, &AuditFilter::default(), &Page::first(100)).await.unwrap().0;
        let entry = log.iter().find(|e| e.action == "supportGrantUse" && e.object == made.id).unwrap();
        assert_eq!(entry.actor, staff.name());
        if expect[1] {
            let consent = format!("{} of {}", made.id, w.owner.name());
            let entry = log.iter().find(|e| e.action == "mailboxUpdate" && e.actor == staff.name()).unwrap();
            assert_eq!(entry.on_behalf_of, consent);
        }
        service.support_grant_revoke(&w.owner, &terms(), &made.id).await.unwrap();
        let staff = w.staff().await;
        assert_eq!(w.may(&staff).await, [false; 3], "at once");
    }
    assert_eq!(service.support_grants(&w.owner, Some(w.tenant), &Page::first(5)).await.unwrap().1, 0);
}

#[tokio::test]
async fn consent_ends_by_itself_and_is_given_for_three_days_at_most() {
    let w = world().await;
    let service = &w.desk.service;
    for life in [Duration::ZERO, 3 * DAY + Duration::from_secs(1)] {
        let new = grant(w.tenant, SupportScope::Content, life);
        assert_eq!(code(service.support_grant_create(&w.owner, &terms(), &new).await), Code::Invalid);
    }
    let new = grant(w.tenant, SupportScope::Content, 3 * DAY);
    let made = service.support_grant_create(&w.owner, &terms(), &new).await.unwrap().object;
    service.support_grant_use(&w.staff, &terms(), &made.id).await.unwrap();
    let staff = w.staff().await;
    w.clock.turn(3 * DAY - Duration::from_secs(31));
    assert_eq!(w.may(&staff).await, [true; 3]);
    w.clock.turn(Duration::from_secs(1));
    assert_eq!(w.may(&staff).await, [false; 3], "also for who was let in before");
    assert_eq!(code(service.support_grant_use(&w.staff, &terms(), &made.id).await), Code::NotFound);
    assert_eq!(service.support_grants(&w.owner, Some(w.tenant), &Page::first(5)).await.unwrap().1, 0);
}

#[tokio::test]
async fn consent_of_one_tenant_opens_no_other_and_no_reseller_gives_it() {
    let w = world().await;
    let service = &w.desk.service;
    let (beta, other) = w.desk.customer("beta").await;
    let new = grant(beta, SupportScope::Content, DAY);
    assert_eq!(code(service.support_grant_create(&w.owner, &terms(), &new).await), Code::NotFound);
    let made = service.support_grant_create(&other, &terms(), &new).await.unwrap().object;
    service.support_grant_use(&w.staff, &terms(), &made.id).await.unwrap();
    let staff = w.staff().await;
    assert_eq!(w.may(&staff).await, [false; 3]);
    assert_eq!(code(service.support_grant_revoke(&w.owner, &terms(), &made.id).await), Code::NotFound);
    assert_eq!(code(service.support_grant_use(&w.owner, &terms(), &made.id).await), Code::NotFound);
    assert_eq!(code(service.support_grants(&w.owner, None, &Page::first(5)).await), Code::NotFound);
    // Whoever stands above a tenant does not consent for it.
    let below = NewTenant { parent: Some(beta), name: "Below".into(), ..NewTenant::default() };
    let below = service.tenant_create(&other, &terms(), &below).await.unwrap().object.tenant.id;
    let new = grant(below, SupportScope::Content, DAY);
    assert_eq!(code(service.support_grant_create(&other, &terms(), &new).await), Code::Forbidden);
}

fn sent(tenant: TenantId, account: Option<AccountId>, sender: &str) -> QueueItem {
    let reply = "550 5.1.1 <bob@b.example>: no bob here".to_owned();
    let at = Timestamp(5);
    QueueItem {
        id: QueueId(7),
        tenant,
        account,
        sender: sender.to_owned(),
        domain: "b.example".to_owned(),
        recipients: vec![QueueRecipient {
            address: "bob@b.example".to_owned(),
            fate: QueueFate::Failed,
            host: "mx.b.example".to_owned(),
            reply: reply.clone(),
            status: "5.1.1".to_owned(),
            at: Some(at),
        }],
        message_id: "<1@a.example>".to_owned(),
        size_bytes: 9,
        state: QueueState::Waiting,
        attempts: 1,
        answers: vec![QueueAnswer {
            at,
            attempt: 1,
            host: "mx.b.example".to_owned(),
            reply,
            status: "5.1.1".to_owned(),
            recipients: 1,
        }],
        created_at: Timestamp(1),
        next_attempt_at: Some(Timestamp(9)),
        expires_at: Timestamp(10),
        ended_at: None,
        parked_reason: String::new(),
        held_by_hand: false,
        return_reason: String::new(),
    }
}

#[tokio::test]
async fn who_writes_to_whom_is_seen_by_consent_only() {
    let w = world().await;
    let service = &w.desk.service;
    let mail =
        vec![sent(w.tenant, Some(w.ann.id), "ann@alpha.example"), sent(w.tenant, None, "lawyer@elsewhere.example")];
    w.desk.plane.queue.lock().unwrap().clone_from(&mail);
    let asked = |below: bool, filter: QueueFilter| {
        let tenant = if below { w.desk.operator.tenant() } else { w.tenant };
        QueueAsked { tenant, below, ended: false, filter, after: None, limit: 5 }
    };
    let all = QueueFilter::default();
    let to_bob = QueueFilter { recipient: Some("bob@b.example".into()), ..all.clone() };
    let named = QueueFilter { message_id: Some("<1@a.example>".into()), ..all.clone() };
    let by = QueueFilter { sender: Some("lawyer@elsewhere.example".into()), ..all.clone() };
    for below in [false, true] {
        let seen = service.queue(&w.staff, asked(below, all.clone())).await.unwrap().items;
        let text = format!("{seen:?}");
        assert!(!text.contains("bob") && !text.contains("lawyer") && !text.contains("<1@a.example>"), "{text}");
        assert_eq!(seen[0].sender, "ann@alpha.example", "a mailbox is a part of the contract");
        assert_eq!(seen[0].recipients[0].reply, "550 5.1.1 <…@b.example>: no … here");
        for filter in [&to_bob, &named] {
            assert_eq!(code(service.queue(&w.staff, asked(below, filter.clone())).await), Code::Forbidden);
        }
        let seen = service.queue(&w.staff, asked(below, by.clone())).await.unwrap().items;
        assert_eq!(seen.len(), 1, "that somebody from elsewhere wrote is not told: {seen:?}");
        assert_eq!(service.queue(&w.desk.operator, asked(below, to_bob.clone())).await.unwrap().items, mail);
    }
    assert_eq!(service.queue(&w.owner, asked(false, all.clone())).await.unwrap().items, mail);
    let new = grant(w.tenant, SupportScope::Metadata, DAY);
    let made = service.support_grant_create(&w.owner, &terms(), &new).await.unwrap().object;
    service.support_grant_use(&w.staff, &terms(), &made.id).await.unwrap();
    let staff = w.staff().await;
    for filter in [all, to_bob, named, by] {
        assert_eq!(service.queue(&staff, asked(false, filter)).await.unwrap().items, mail);
    }
}
