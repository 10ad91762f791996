//! SUMMARY    What a token may do ends with its scopes, its row and its time.

use crate::desk::{Desk, new_mailbox, terms};
use std::time::Duration;
use tenants::{Access, Code, NewToken, Page};

fn new_token(tenant: base::TenantId, access: Access, life: Option<Duration>) -> NewToken {
    NewToken { tenant, label: "ci".into(), access, life }
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
    let audit = desk.service.audit_entries(&owner, tenant, &Page::first(1)).await.unwrap().0;
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
