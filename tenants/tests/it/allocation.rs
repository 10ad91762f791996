//! SUMMARY    Limits down the tree: no grant and nothing new exceeds what a tenant above has.

use crate::desk::{Desk, new_mailbox, terms};
use base::TenantId;
use control::{Change, EntitlementSnapshot};
use tenants::{Actor, Code, Limits, NewTenant, TenantPatch};

fn limits(domains: u64, mailboxes: u64, bytes: u64, messages: u64) -> Limits {
    Limits {
        max_domains: Some(domains),
        max_mailboxes: Some(mailboxes),
        storage_bytes_max: Some(bytes),
        messages_per_hour_max: Some(messages),
        ..Limits::default()
    }
}

async fn below(desk: &Desk, by: &Actor, name: &str, limits: Limits) -> tenants::Result<(TenantId, Actor)> {
    let new = NewTenant { name: name.into(), limits, ..NewTenant::default() };
    let made = desk.service.tenant_create(by, &terms(), &new).await?.object;
    Ok((made.tenant.id, desk.service.authenticate(&made.token.unwrap()).await.unwrap()))
}

fn known(desk: &Desk, tenant: TenantId) -> EntitlementSnapshot {
    let told = desk.plane.told.lock().unwrap();
    let known = told.iter().filter_map(|c| match c {
        Change::Entitlement(e) if e.tenant == tenant => Some(e.clone()),
        _ => None,
    });
    known.max_by_key(|e| e.version).unwrap()
}

fn mailboxes(max: Option<u64>) -> TenantPatch {
    TenantPatch { max_mailboxes: Some(max), ..TenantPatch::default() }
}

#[tokio::test]
async fn a_reseller_cannot_grant_more_than_it_has_left() {
    let desk = Desk::new().await;
    let (_, seller) = below(&desk, &desk.operator, "reseller", limits(3, 10, 1000, 100)).await.unwrap();
    below(&desk, &seller, "one", limits(1, 4, 400, 40)).await.unwrap();
    let cases = [
        (limits(3, 1, 1, 1), "maxDomains"),
        (limits(1, 7, 1, 1), "maxMailboxes"),
        (limits(1, 1, 601, 1), "storageBytesMax"),
        (limits(1, 1, 1, 61), "messagesPerHourMax"),
        (limits(1, i64::MAX as u64, 1, 1), "maxMailboxes"),
    ];
    for (wanted, field) in cases {
        let refused = below(&desk, &seller, "two", wanted).await.unwrap_err();
        assert_eq!((refused.code, refused.field), (Code::LimitReached, field), "{refused}");
    }
    below(&desk, &seller, "two", limits(2, 6, 600, 60)).await.unwrap();
}

#[tokio::test]
async fn below_a_limit_there_is_no_unlimited() {
    let desk = Desk::new().await;
    let (_, seller) = below(&desk, &desk.operator, "reseller", limits(3, 10, 1000, 100)).await.unwrap();
    let refused = below(&desk, &seller, "one", Limits::default()).await.unwrap_err();
    assert_eq!((refused.code, refused.field), (Code::Invalid, "maxDomains"));
    let (one, _) = below(&desk, &seller, "one", limits(1, 4, 400, 40)).await.unwrap();
    let refused = desk.service.tenant_update(&seller, &terms(), one, &mailboxes(None)).await.unwrap_err();
    assert_eq!((refused.code, refused.field), (Code::Invalid, "maxMailboxes"));
    let (free, freely) = below(&desk, &desk.operator, "free", Limits::default()).await.unwrap();
    below(&desk, &freely, "its", Limits::default()).await.unwrap();
    let refused = desk.service.tenant_update(&desk.operator, &terms(), free, &mailboxes(Some(5))).await.unwrap_err();
    assert_eq!((refused.code, refused.field), (Code::Invalid, "maxMailboxes"));
}

#[tokio::test]
async fn what_a_tenant_uses_itself_cannot_be_granted_and_what_is_granted_cannot_be_used() {
    let desk = Desk::new().await;
    let (reseller, seller) = below(&desk, &desk.operator, "reseller", limits(2, 3, 1000, 100)).await.unwrap();
    desk.service.domain_vouch(&desk.operator, &terms(), reseller, "seller.example").await.unwrap();
    desk.mailbox(&seller, "a@seller.example").await;
    let refused = below(&desk, &seller, "one", limits(1, 3, 400, 40)).await.unwrap_err();
    assert_eq!((refused.code, refused.field), (Code::LimitReached, "maxMailboxes"));
    below(&desk, &seller, "one", limits(1, 2, 400, 40)).await.unwrap();
    let more = desk.service.mailbox_create(&seller, &terms(), &new_mailbox("b@seller.example")).await;
    assert_eq!(more.unwrap_err().code, Code::LimitReached);
    let more = desk.service.domain_vouch(&desk.operator, &terms(), reseller, "more.example").await;
    assert_eq!(more.unwrap_err().code, Code::LimitReached);
    let entitlement = known(&desk, reseller);
    assert_eq!((entitlement.storage_bytes_max, entitlement.send.per_hour), (Some(600), Some(100)));
}

#[tokio::test]
async fn t4_raising_is_checked_lowering_never_and_the_data_plane_hears_of_both() {
    let desk = Desk::new().await;
    let (reseller, seller) = below(&desk, &desk.operator, "reseller", limits(2, 10, 1000, 100)).await.unwrap();
    let (one, _) = below(&desk, &seller, "one", limits(1, 4, 400, 40)).await.unwrap();
    let raise = |bytes| TenantPatch { storage_bytes_max: Some(Some(bytes)), ..TenantPatch::default() };
    let refused = desk.service.tenant_update(&seller, &terms(), one, &raise(1001)).await.unwrap_err();
    assert_eq!((refused.code, refused.field), (Code::LimitReached, "storageBytesMax"));
    let raised = desk.service.tenant_update(&seller, &terms(), one, &raise(1000)).await.unwrap().object;
    assert_eq!(raised.limits, limits(1, 4, 1000, 40));
    assert_eq!(known(&desk, reseller).storage_bytes_max, Some(0));
    desk.service.tenant_update(&seller, &terms(), one, &raise(0)).await.unwrap();
    assert_eq!((known(&desk, reseller).storage_bytes_max, known(&desk, one).storage_bytes_max), (Some(1000), Some(0)));
}

#[tokio::test]
async fn t4_below_a_tenant_over_its_limit_nothing_new_is_made_and_what_exists_stays() {
    let desk = Desk::new().await;
    let (reseller, seller) = below(&desk, &desk.operator, "reseller", limits(2, 10, 1000, 100)).await.unwrap();
    let (one, owner) = below(&desk, &seller, "one", limits(1, 10, 400, 40)).await.unwrap();
    desk.service.domain_vouch(&desk.operator, &terms(), one, "one.example").await.unwrap();
    for local in ["a", "b"] {
        desk.mailbox(&owner, &format!("{local}@one.example")).await;
    }
    desk.service.tenant_update(&desk.operator, &terms(), reseller, &mailboxes(Some(3))).await.unwrap();
    let third = desk.mailbox(&owner, "c@one.example").await;
    let refused = desk.service.mailbox_create(&owner, &terms(), &new_mailbox("d@one.example")).await;
    assert_eq!(refused.unwrap_err().code, Code::LimitReached);
    desk.service.mailbox_delete(&owner, &terms(), third.id).await.unwrap();
    desk.mailbox(&owner, "d@one.example").await;
}

#[tokio::test]
async fn a_domain_under_or_over_another_customers_is_refused_and_on_one_line_of_the_tree_it_is_not() {
    let desk = Desk::new().await;
    let (alpha, actor) = desk.customer("alpha").await;
    let (beta, _) = desk.customer("beta").await;
    desk.service.domain_vouch(&desk.operator, &terms(), alpha, "mail.shop.example").await.unwrap();
    for taken in ["mail.alpha.example", "a.b.alpha.example", "shop.example"] {
        let refused = desk.service.domain_vouch(&desk.operator, &terms(), beta, taken).await.unwrap_err();
        assert_eq!((refused.code, refused.field), (Code::Taken, "name"), "{taken}");
    }
    desk.service.domain_vouch(&desk.operator, &terms(), beta, "notalpha.example").await.unwrap();
    desk.service.domain_vouch(&desk.operator, &terms(), alpha, "mail.alpha.example").await.unwrap();
    let (child, _) = below(&desk, &actor, "department", Limits::default()).await.unwrap();
    desk.service.domain_vouch(&desk.operator, &terms(), child, "team.alpha.example").await.unwrap();
}
