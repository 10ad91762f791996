//! SUMMARY    What each kind of hold takes, who may place and end it, and what is told of it.

use crate::desk::{Desk, Hands, keyed, terms};
use base::TenantId;
use control::{AccountSnapshot, Capability, Change, EntitlementSnapshot, HoldKind, SendLimits};
use std::{sync::Arc, time::Duration};
use tenants::{Actor, Code, NewHold, NewTenant, Subject, TenantPatch};

fn hold(kind: HoldKind, code: &str) -> NewHold {
    let reason = format!("because of {code}");
    NewHold { kind, code: code.into(), reason, next_step: "Do something.".into(), blocks: None, expires_at_ms: None }
}

fn known(desk: &Desk, tenant: TenantId) -> EntitlementSnapshot {
    let told = desk.plane.told.lock().unwrap();
    let of = told.iter().filter_map(|c| match c {
        Change::Entitlement(e) if e.tenant == tenant => Some(e.clone()),
        _ => None,
    });
    of.max_by_key(|e| e.version).unwrap()
}

async fn below(desk: &Desk, parent: &Actor, name: &str) -> (TenantId, Actor) {
    let new = NewTenant { name: name.into(), ..NewTenant::default() };
    let made = desk.service.tenant_create(parent, &terms(), &new).await.unwrap().object;
    (made.tenant.id, desk.service.authenticate(&made.token.unwrap()).await.unwrap())
}

#[tokio::test]
async fn h1_paying_ends_holds_of_billing_and_no_others() {
    let desk = Desk::new().await;
    let (tenant, owner) = desk.customer("alpha").await;
    let on = Subject::Tenant(tenant);
    for (kind, code) in [(HoldKind::Billing, "OVERDUE"), (HoldKind::Abuse, "SPAM"), (HoldKind::Admin, "SUSPENDED")] {
        desk.service.hold_place(&desk.operator, &terms(), &on, &hold(kind, code)).await.unwrap();
    }
    assert_eq!(desk.service.billing_settled(&owner, &terms(), tenant).await.unwrap_err().code, Code::Forbidden);
    desk.service.billing_settled(&desk.operator, &terms(), tenant).await.unwrap();
    let left: Vec<String> = known(&desk, tenant).restrictions.into_iter().map(|r| r.code).collect();
    assert_eq!(left, ["SPAM", "SUSPENDED"]);
}

#[tokio::test]
async fn h2_export_and_paying_outlive_a_hold_of_billing() {
    let desk = Desk::new().await;
    let (tenant, _) = desk.customer("alpha").await;
    let on = Subject::Tenant(tenant);
    let all = Capability::EVERY.to_vec();
    let greedy = NewHold { blocks: Some(all), ..hold(HoldKind::Billing, "OVERDUE") };
    let refused = desk.service.hold_place(&desk.operator, &terms(), &on, &greedy).await.unwrap_err();
    assert_eq!((refused.code, refused.field), (Code::Invalid, "blocks"));
    assert!(known(&desk, tenant).restrictions.is_empty());
    desk.service.hold_place(&desk.operator, &terms(), &on, &hold(HoldKind::Billing, "OVERDUE")).await.unwrap();
    let can = known(&desk, tenant).capabilities;
    assert!(can.export && can.pay && can.receive && can.mail_read);
    assert!(!can.send_external && !can.send_internal && !can.provision);
}

#[tokio::test]
async fn who_may_send_nothing_by_its_limits_is_told_so() {
    let desk = Desk::new().await;
    let (tenant, owner) = desk.customer("alpha").await;
    let on = Subject::Tenant(tenant);
    assert_eq!(desk.service.capabilities(&owner, &on).await.unwrap().missing, []);
    let nothing = TenantPatch { recipients_per_day_max: Some(Some(0)), ..TenantPatch::default() };
    desk.service.tenant_update(&desk.operator, &terms(), tenant, &nothing).await.unwrap();
    let told = desk.service.capabilities(&owner, &on).await.unwrap();
    let missing: Vec<Capability> = told.missing.iter().map(|(capability, _)| *capability).collect();
    assert_eq!(missing, [Capability::SendInternal, Capability::SendExternal]);
    assert!(told.missing.iter().all(|(_, why)| why.len() == 1 && why[0].code == "LIMIT_REACHED"), "{told:?}");
    assert!(!told.capabilities.allows(Capability::SendExternal) && told.capabilities.allows(Capability::Receive));
}

#[tokio::test]
async fn h5_a_hold_has_reason_code_and_next_step_wherever_it_is_told() {
    let desk = Desk::new().await;
    let (tenant, owner) = desk.customer("alpha").await;
    let mailbox = desk.mailbox(&owner, "ann@alpha.example").await;
    let on = Subject::Mailbox(mailbox.id);
    desk.service.hold_place(&owner, &terms(), &on, &hold(HoldKind::Security, "PASSWORD_LEAKED")).await.unwrap();
    let told = desk.account(mailbox.id).restrictions;
    assert_eq!(told[0].line(), "because of PASSWORD_LEAKED Do something.");
    let explained = desk.service.capabilities(&owner, &on).await.unwrap();
    assert_eq!(explained.text(), "because of PASSWORD_LEAKED (PASSWORD_LEAKED) Do something.");
    let sending = explained.missing.iter().find(|(c, _)| *c == Capability::SendExternal).unwrap();
    assert_eq!(sending.1[0].hold.as_ref().unwrap().on, on);
    assert!(explained.capabilities.receive);
    let tenant = desk.service.capabilities(&owner, &Subject::Tenant(tenant)).await.unwrap();
    assert_eq!((tenant.text(), tenant.missing.len()), (String::new(), 0));
}

#[tokio::test]
async fn h6_a_legal_hold_is_the_operators_and_keeps_from_purging_only() {
    let desk = Desk::new().await;
    let (_, owner) = desk.customer("alpha").await;
    let mailbox = desk.mailbox(&owner, "ann@alpha.example").await;
    let on = Subject::Mailbox(mailbox.id);
    let legal = hold(HoldKind::Legal, "COURT");
    assert_eq!(desk.service.hold_place(&owner, &terms(), &on, &legal).await.unwrap_err().code, Code::Forbidden);
    desk.service.hold_place(&desk.operator, &terms(), &on, &legal).await.unwrap();
    let told: AccountSnapshot = desk.account(mailbox.id);
    assert!(told.capabilities.mail_read && told.capabilities.send_external && told.restrictions.is_empty());
    assert!(!desk.service.capabilities(&owner, &on).await.unwrap().capabilities.purge_allowed);
}

#[tokio::test]
async fn a_domain_under_a_hold_restricts_its_mailboxes_and_no_others() {
    let desk = Desk::new().await;
    let (tenant, owner) = desk.customer("alpha").await;
    let held = desk.mailbox(&owner, "ann@alpha.example").await;
    desk.service.domain_vouch(&desk.operator, &terms(), tenant, "other.example").await.unwrap();
    let free = desk.mailbox(&owner, "ann@other.example").await;
    let on = Subject::parse("Alpha.Example").unwrap();
    let placed = desk.service.hold_place(&desk.operator, &terms(), &on, &hold(HoldKind::Abuse, "SPAM")).await.unwrap();
    assert!(!desk.account(held.id).capabilities.send_external);
    assert!(desk.account(free.id).capabilities.send_external);
    let late = desk.mailbox(&owner, "late@alpha.example").await;
    assert_eq!(desk.account(late.id).restrictions[0].code, "SPAM");
    let refused = desk.service.hold_release(&owner, &keyed("r"), &placed.object.id, "").await.unwrap_err();
    assert_eq!(refused.code, Code::Forbidden);
    desk.service.hold_release(&desk.operator, &keyed("r"), &placed.object.id, "").await.unwrap();
    assert!(desk.account(held.id).restrictions.is_empty() && desk.account(late.id).restrictions.is_empty());
}

#[tokio::test]
async fn only_the_suspect_app_password_stops() {
    let desk = Desk::new().await;
    let (_, owner) = desk.customer("alpha").await;
    let mailbox = desk.mailbox(&owner, "ann@alpha.example").await;
    let phone = desk.service.app_password_create(&owner, &terms(), mailbox.id, "phone").await.unwrap().object.id;
    let on = Subject::parse(&phone).unwrap();
    desk.service.hold_place(&owner, &terms(), &on, &hold(HoldKind::Security, "SUSPECT")).await.unwrap();
    let told = desk.account(mailbox.id);
    let held: Vec<(bool, bool)> =
        told.credentials.iter().map(|c| (c.id == phone, !c.restrictions.is_empty())).collect();
    assert_eq!(held, [(false, false), (true, true)]);
    assert!(told.restrictions.is_empty());
}

#[tokio::test]
async fn what_a_tenant_above_owes_is_not_told_below() {
    let desk = Desk::new().await;
    let (reseller, seller) = below(&desk, &desk.operator, "reseller").await;
    let (customer, owner) = below(&desk, &seller, "customer").await;
    let on = Subject::Tenant(reseller);
    desk.service.hold_place(&desk.operator, &terms(), &on, &hold(HoldKind::Billing, "OWES_5000")).await.unwrap();
    assert_eq!(known(&desk, reseller).restrictions[0].code, "OWES_5000");
    let seen = &known(&desk, customer).restrictions[0];
    assert_eq!((seen.kind, seen.code.as_str()), (HoldKind::UpstreamBilling, "UPSTREAM_BILLING"));
    let text = desk.service.capabilities(&owner, &Subject::Tenant(customer)).await.unwrap().text();
    assert!(!text.contains("OWES") && text.contains("UPSTREAM_BILLING"), "{text}");
    assert_eq!(known(&desk, customer).ancestors, [reseller, desk.operator.tenant()]);
}

#[tokio::test]
async fn a_hold_ends_by_itself_when_its_time_is_over() {
    let clock = Arc::new(Hands::default());
    clock.turn(Duration::from_secs(1_000));
    let desk = Desk::at(clock.clone()).await;
    let (tenant, _) = desk.customer("alpha").await;
    let now = 1_000_000;
    let timed = |at| NewHold { expires_at_ms: Some(at), ..hold(HoldKind::Abuse, "COOL_DOWN") };
    let on = Subject::Tenant(tenant);
    let past = desk.service.hold_place(&desk.operator, &terms(), &on, &timed(now)).await.unwrap_err();
    assert_eq!(past.field, "expiresAt");
    desk.service.hold_place(&desk.operator, &terms(), &on, &timed(now + 60_000)).await.unwrap();
    clock.turn(Duration::from_secs(59));
    assert_eq!(desk.service.expire_holds().await.unwrap(), 0);
    clock.turn(Duration::from_secs(1));
    assert_eq!(desk.service.expire_holds().await.unwrap(), 1);
    desk.service.resend_all().await.unwrap();
    assert!(known(&desk, tenant).restrictions.is_empty());
    assert_eq!(desk.service.expire_holds().await.unwrap(), 0);
}

#[tokio::test]
async fn a_subject_that_is_not_reached_does_not_exist_and_nobody_frees_itself() {
    let desk = Desk::new().await;
    let (alpha, owner) = desk.customer("alpha").await;
    let (beta, other) = desk.customer("beta").await;
    let theirs = desk.mailbox(&other, "ben@beta.example").await;
    let free = hold(HoldKind::Admin, "SUSPENDED");
    for subject in [Subject::Tenant(beta), Subject::Mailbox(theirs.id), Subject::Domain("beta.example".into())] {
        let refused = desk.service.hold_place(&owner, &terms(), &subject, &free).await.unwrap_err();
        assert_eq!((refused.code, refused.field), (Code::NotFound, "subjectId"), "{subject}");
        assert_eq!(desk.service.capabilities(&owner, &subject).await.unwrap_err().code, Code::NotFound, "{subject}");
    }
    let own = Subject::Tenant(alpha);
    assert_eq!(desk.service.hold_place(&owner, &terms(), &own, &free).await.unwrap_err().code, Code::Forbidden);
    let provider = Subject::Tenant(desk.operator.tenant());
    assert_eq!(
        desk.service.hold_place(&desk.operator, &terms(), &provider, &free).await.unwrap_err().code,
        Code::Forbidden
    );
    let closed = hold(HoldKind::UserClosed, "CLOSED");
    let placed = desk.service.hold_place(&owner, &terms(), &own, &closed).await.unwrap().object;
    assert!(!known(&desk, alpha).capabilities.receive && known(&desk, alpha).capabilities.mail_read);
    assert_eq!(desk.service.hold_release(&other, &keyed("x"), &placed.id, "").await.unwrap_err().code, Code::NotFound);
    let more = desk.service.domain_create(&owner, &terms(), alpha, "more.example").await.unwrap_err();
    assert_eq!(more.code, Code::Forbidden);
    desk.service.hold_release(&owner, &keyed("x"), &placed.id, "").await.unwrap();
    assert!(known(&desk, alpha).capabilities.receive);
}

#[tokio::test]
async fn allowances_are_told_and_a_tenant_can_be_renamed() {
    let desk = Desk::new().await;
    let (tenant, _) = desk.customer("alpha").await;
    let patch = TenantPatch {
        name: Some(" Alpha GmbH ".into()),
        recipients_per_day_max: Some(Some(500)),
        new_recipients_per_day_max: Some(Some(50)),
        storage_grace_bytes: Some(1 << 20),
        ..TenantPatch::default()
    };
    let updated = desk.service.tenant_update(&desk.operator, &terms(), tenant, &patch).await.unwrap().object;
    assert_eq!((updated.name.as_str(), updated.limits.storage_grace_bytes), ("Alpha GmbH", 1 << 20));
    let told = known(&desk, tenant);
    let send = SendLimits { per_hour: None, per_day: Some(500), new_recipients_per_day: Some(50) };
    assert_eq!((told.send, told.storage_grace_bytes), (send, 1 << 20));
    let nameless = TenantPatch { name: Some(" ".into()), ..TenantPatch::default() };
    let refused = desk.service.tenant_update(&desk.operator, &terms(), tenant, &nameless).await.unwrap_err();
    assert_eq!((refused.code, refused.field), (Code::Invalid, "name"));
}
