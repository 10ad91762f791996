//! SUMMARY    What a token may do ends with its scopes, its row and its time.

use crate::desk::{Desk, Hands, new_mailbox, terms};
use base::Clock;
use std::{sync::Arc, time::Duration};
use tenants::{Access, AuditFilter, Code, NewServiceAccount, NewToken, Page, Presented, Selector, StandardRole};

fn new_token(tenant: base::TenantId, access: Access, life: Option<Duration>) -> NewToken {
    NewToken { life, ..NewToken::new(tenant, "ci", access) }
}

#[tokio::test]
async fn a_read_token_reads_and_writes_nothing() {
    let desk = Desk::new().await;
    let (tenant, owner) = desk.customer("alpha").await;
    let token =
        desk.service.token_create(&owner, &terms(), &new_token(tenant, Access::Read, None)).await.unwrap().object;
    let reader = desk.service.authenticate(token.secret.as_ref().unwrap()).await.unwrap();
    assert_eq!(desk.service.domains(&reader, tenant, &Page::first(10)).await.unwrap().1, 1);
    let told = desk.plane.told.lock().unwrap().len();
    let refused = desk.service.mailbox_create(&reader, &terms(), &new_mailbox("ann@alpha.example")).await;
    assert_eq!(refused.unwrap_err().code, Code::Forbidden);
    let refused = desk.service.token_create(&reader, &terms(), &new_token(tenant, Access::ReadWrite, None)).await;
    assert_eq!(refused.unwrap_err().code, Code::Forbidden);
    let refused = desk.service.token_revoke(&reader, &terms(), &token.id).await;
    assert_eq!(refused.unwrap_err().code, Code::Forbidden);
    assert_eq!(desk.plane.told.lock().unwrap().len(), told);
}

#[tokio::test]
async fn a_revoked_token_opens_nothing() {
    let desk = Desk::new().await;
    let (tenant, owner) = desk.customer("alpha").await;
    let token =
        desk.service.token_create(&owner, &terms(), &new_token(tenant, Access::ReadWrite, None)).await.unwrap().object;
    desk.service.token_revoke(&owner, &terms(), &token.id).await.unwrap();
    assert_eq!(
        desk.service.authenticate(token.secret.as_ref().unwrap()).await.unwrap_err().code,
        Code::Unauthenticated
    );
    let audit = desk.service.audit_entries(&owner, tenant, &AuditFilter::default(), &Page::first(1)).await.unwrap().0;
    assert_eq!((audit[0].action.as_str(), audit[0].object.as_str()), ("apiTokenRevoke", token.id.as_str()));
}

#[tokio::test]
async fn an_expired_token_opens_nothing() {
    let desk = Desk::new().await;
    let (tenant, owner) = desk.customer("alpha").await;
    let new = new_token(tenant, Access::ReadWrite, Some(Duration::ZERO));
    let token = desk.service.token_create(&owner, &terms(), &new).await.unwrap().object;
    assert_eq!(
        desk.service.authenticate(token.secret.as_ref().unwrap()).await.unwrap_err().code,
        Code::Unauthenticated
    );
}

#[tokio::test]
async fn another_tenants_token_does_not_exist() {
    let desk = Desk::new().await;
    let (alpha, owner) = desk.customer("alpha").await;
    let (_, other) = desk.customer("beta").await;
    let token =
        desk.service.token_create(&owner, &terms(), &new_token(alpha, Access::ReadWrite, None)).await.unwrap().object;
    assert_eq!(desk.service.token_revoke(&other, &terms(), &token.id).await.unwrap_err().code, Code::NotFound);
    assert!(desk.service.authenticate(token.secret.as_ref().unwrap()).await.is_ok());
}

#[tokio::test]
async fn the_operators_token_is_ended_by_operators_only() {
    let desk = Desk::new().await;
    let started = desk.service.bootstrap("Provider").await.unwrap();
    let staff = new_token(started.provider, Access::ReadWrite, None);
    let staff = desk.service.token_create(&desk.operator, &terms(), &staff).await.unwrap().object;
    let staff = desk.service.authenticate(staff.secret.as_ref().unwrap()).await.unwrap();
    let operator = desk.service.authenticate(&started.operator_token).await.unwrap();
    let refused = desk.service.token_revoke(&staff, &terms(), operator.name()).await;
    assert_eq!(refused.unwrap_err().code, Code::NotFound);
    desk.service.token_revoke(&desk.operator, &terms(), operator.name()).await.unwrap();
    assert!(desk.service.authenticate(&started.operator_token).await.is_err());
}

#[tokio::test]
async fn a_token_comes_from_its_networks_only_and_gives_no_more_to_its_own() {
    let desk = Desk::new().await;
    let (tenant, owner) = desk.customer("alpha").await;
    let ips = vec!["192.0.2.0/24".parse().unwrap()];
    let day = Duration::from_secs(24 * 3600);
    let new = NewToken { ips, ..new_token(tenant, Access::ReadWrite, Some(day)) };
    let made = desk.service.token_create(&owner, &terms(), &new).await.unwrap().object.secret.unwrap();
    let from = |peer: Option<[u8; 4]>| Presented { token: &made, tenant: None, peer: peer.map(Into::into) };
    let inside = desk.service.authenticate_as(from(Some([192, 0, 2, 9]))).await.unwrap();
    for outside in [Some([192, 0, 3, 9]), None] {
        let refused = desk.service.authenticate_as(from(outside)).await.unwrap_err();
        assert_eq!(refused.code, Code::Unauthenticated, "also when it is known already");
    }
    let wider = NewToken { ips: vec!["0.0.0.0/0".parse().unwrap()], ..new_token(tenant, Access::Read, None) };
    let refused = desk.service.token_create(&inside, &terms(), &wider).await.unwrap_err();
    assert_eq!((refused.code, refused.field), (Code::Forbidden, "ips"));
    let child = desk.service.token_create(&inside, &terms(), &new_token(tenant, Access::Read, None)).await.unwrap();
    let listed = desk.service.api_tokens(&owner, tenant, &Page::first(10)).await.unwrap().0;
    let of = |id: &str| listed.iter().find(|t| t.id == id).unwrap();
    let (parent, child) = (of(inside.name()), of(&child.object.id));
    assert_eq!(child.ips, parent.ips, "networks are handed down");
    assert_eq!(child.expires_at_ms, parent.expires_at_ms, "and so is the end");
    assert_eq!(child.made_by, inside.name());
}

#[tokio::test]
async fn a_service_accounts_tokens_have_its_role_now_and_overlap() {
    let desk = Desk::new().await;
    let (tenant, owner) = desk.customer("alpha").await;
    let robot = NewServiceAccount { tenant, name: "robot".into(), role: "help-desk".into(), on: Selector::All };
    let robot = desk.service.service_account_create(&owner, &terms(), &robot).await.unwrap().object;
    let new = NewToken { service_account: Some(robot.id.clone()), ..new_token(tenant, Access::ReadWrite, None) };
    let make = || async { desk.service.token_create(&owner, &terms(), &new).await.unwrap().object };
    let (old, next) = (make().await, make().await);
    for token in [&old, &next] {
        let actor = desk.service.authenticate(token.secret.as_ref().unwrap()).await.unwrap();
        assert_eq!(actor.permissions(), StandardRole::HelpDesk.permissions());
        assert!(actor.name().starts_with(&robot.id), "the log names the account");
    }
    desk.service.token_revoke(&owner, &terms(), &old.id).await.unwrap();
    assert!(desk.service.authenticate(old.secret.as_ref().unwrap()).await.is_err());
    let on = Selector::All;
    desk.service.service_account_update(&owner, &terms(), &robot.id, "auditor", &on).await.unwrap();
    let actor = desk.service.authenticate(next.secret.as_ref().unwrap()).await.unwrap();
    assert_eq!(actor.permissions(), StandardRole::Auditor.permissions(), "at once");
    desk.service.service_account_delete(&owner, &terms(), &robot.id).await.unwrap();
    assert!(desk.service.authenticate(next.secret.as_ref().unwrap()).await.is_err());
}

#[tokio::test]
async fn a_revocation_elsewhere_is_seen_within_a_second() {
    let desk = Desk::new().await;
    let (tenant, owner) = desk.customer("alpha").await;
    let other = crate::desk::open(&desk.file, desk.plane.clone()).await;
    let made =
        desk.service.token_create(&owner, &terms(), &new_token(tenant, Access::Read, None)).await.unwrap().object;
    let secret = made.secret.unwrap();
    other.authenticate(&secret).await.unwrap();
    let revoked = std::time::Instant::now();
    desk.service.token_revoke(&owner, &terms(), &made.id).await.unwrap();
    assert!(desk.service.authenticate(&secret).await.is_err(), "here at once");
    while other.authenticate(&secret).await.is_ok() {
        assert!(revoked.elapsed() < Duration::from_secs(5), "the other process never heard");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn the_last_use_of_a_token_is_written_once_a_minute() {
    let clock = Arc::new(Hands::default());
    clock.turn(Duration::from_secs(1_700_000_000));
    let desk = Desk::at(clock.clone()).await;
    let (tenant, owner) = desk.customer("alpha").await;
    let made =
        desk.service.token_create(&owner, &terms(), &new_token(tenant, Access::Read, None)).await.unwrap().object;
    let secret = made.secret.unwrap();
    let last = || async {
        let listed = desk.service.api_tokens(&owner, tenant, &Page::first(10)).await.unwrap().0;
        listed.iter().find(|t| t.id == made.id).unwrap().last_used_at_ms
    };
    desk.service.write_uses().await.unwrap();
    let used = clock.now().0;
    desk.service.authenticate(&secret).await.unwrap();
    desk.service.write_uses().await.unwrap();
    assert_eq!(last().await, None, "not before the minute is over");
    clock.turn(Duration::from_secs(60));
    desk.service.write_uses().await.unwrap();
    assert_eq!(last().await, Some(used));
}
