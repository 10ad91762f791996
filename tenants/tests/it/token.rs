//! SUMMARY    What a token may do ends with its scopes, its row and its time.

use crate::desk::{Desk, new_mailbox};
use std::time::Duration;
use tenants::{Access, Code, NewToken};

fn new_token(tenant: base::TenantId, access: Access, life: Option<Duration>) -> NewToken {
    NewToken { tenant, label: "ci".into(), access, life }
}

#[tokio::test]
async fn a_read_token_reads_and_writes_nothing() {
    let desk = Desk::new().await;
    let (tenant, owner) = desk.customer("alpha").await;
    let token = desk.service.token_create(&owner, &new_token(tenant, Access::Read, None)).await.unwrap();
    let reader = desk.service.authenticate(&token.secret).await.unwrap();
    assert_eq!(desk.service.domains(&reader, tenant, "", 10).await.unwrap().1, 1);
    let told = desk.plane.told.lock().unwrap().len();
    let refused = desk.service.mailbox_create(&reader, &new_mailbox("ann@alpha.example")).await;
    assert_eq!(refused.unwrap_err().code, Code::Forbidden);
    let refused = desk.service.token_create(&reader, &new_token(tenant, Access::ReadWrite, None)).await;
    assert_eq!(refused.unwrap_err().code, Code::Forbidden);
    let refused = desk.service.token_revoke(&reader, &token.id).await;
    assert_eq!(refused.unwrap_err().code, Code::Forbidden);
    assert_eq!(desk.plane.told.lock().unwrap().len(), told);
}

#[tokio::test]
async fn a_revoked_token_opens_nothing() {
    let desk = Desk::new().await;
    let (tenant, owner) = desk.customer("alpha").await;
    let token = desk.service.token_create(&owner, &new_token(tenant, Access::ReadWrite, None)).await.unwrap();
    desk.service.token_revoke(&owner, &token.id).await.unwrap();
    assert_eq!(desk.service.authenticate(&token.secret).await.unwrap_err().code, Code::Unauthenticated);
    let audit = desk.service.audit_entries(&owner, tenant, None, 1).await.unwrap().0;
    assert_eq!((audit[0].action.as_str(), audit[0].object.as_str()), ("apiTokenRevoke", token.id.as_str()));
}

#[tokio::test]
async fn an_expired_token_opens_nothing() {
    let desk = Desk::new().await;
    let (tenant, owner) = desk.customer("alpha").await;
    let new = new_token(tenant, Access::ReadWrite, Some(Duration::ZERO));
    let token = desk.service.token_create(&owner, &new).await.unwrap();
    assert_eq!(desk.service.authenticate(&token.secret).await.unwrap_err().code, Code::Unauthenticated);
}

#[tokio::test]
async fn another_tenants_token_does_not_exist() {
    let desk = Desk::new().await;
    let (alpha, owner) = desk.customer("alpha").await;
    let (_, other) = desk.customer("beta").await;
    let token = desk.service.token_create(&owner, &new_token(alpha, Access::ReadWrite, None)).await.unwrap();
    assert_eq!(desk.service.token_revoke(&other, &token.id).await.unwrap_err().code, Code::NotFound);
    assert!(desk.service.authenticate(&token.secret).await.is_ok());
}

#[tokio::test]
async fn the_operators_token_is_ended_by_operators_only() {
    let desk = Desk::new().await;
    let started = desk.service.bootstrap("Provider").await.unwrap();
    let staff = new_token(started.provider, Access::ReadWrite, None);
    let staff = desk.service.token_create(&desk.operator, &staff).await.unwrap();
    let staff = desk.service.authenticate(&staff.secret).await.unwrap();
    let operator = desk.service.authenticate(&started.operator_token).await.unwrap();
    let refused = desk.service.token_revoke(&staff, operator.name()).await;
    assert_eq!(refused.unwrap_err().code, Code::NotFound);
    desk.service.token_revoke(&desk.operator, operator.name()).await.unwrap();
    assert!(desk.service.authenticate(&started.operator_token).await.is_err());
}
