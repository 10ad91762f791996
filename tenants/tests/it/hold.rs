//! SUMMARY    Suspensions reach down the tree, and end only by who placed them or those above.

use crate::desk::{Desk, keyed, new_mailbox, terms};
use base::TenantId;
use control::Change;
use tenants::{Access, Actor, Code, DomainPatch, MailboxPatch, NewTenant, NewToken};

async fn below(desk: &Desk, parent: &Actor, name: &str) -> (TenantId, Actor) {
    let new = NewTenant { name: name.into(), ..NewTenant::default() };
    let made = desk.service.tenant_create(parent, &terms(), &new).await.unwrap().object;
    let domain = format!("{name}.example");
    desk.service.domain_vouch(&desk.operator, &terms(), made.tenant.id, &domain).await.unwrap();
    (made.tenant.id, desk.service.authenticate(&made.token.unwrap()).await.unwrap())
}

/// Whether the data plane lets a tenant's users receive, and the reason why not.
fn receives(desk: &Desk, tenant: TenantId) -> (bool, String) {
    let told = desk.plane.told.lock().unwrap();
    let known = told.iter().filter_map(|c| match c {
        Change::Entitlement(e) if e.tenant == tenant => Some(e.clone()),
        _ => None,
    });
    let newest = known.max_by_key(|e| e.version).unwrap();
    (newest.capabilities.receive, newest.reason)
}

fn suspend(reason: &str) -> MailboxPatch {
    MailboxPatch { hold: Some(Some(reason.into())), ..MailboxPatch::default() }
}

fn resume() -> MailboxPatch {
    MailboxPatch { hold: Some(None), ..MailboxPatch::default() }
}

#[tokio::test]
async fn a_suspended_reseller_suspends_its_customers_and_new_ones() {
    let desk = Desk::new().await;
    let (reseller, seller) = below(&desk, &desk.operator, "reseller").await;
    let (customer, _) = below(&desk, &seller, "customer").await;
    let (other, _) = below(&desk, &desk.operator, "other").await;
    desk.service.tenant_hold(&desk.operator, &terms(), reseller, Some("unpaid")).await.unwrap();
    assert_eq!(receives(&desk, customer), (false, "unpaid".into()));
    assert_eq!(receives(&desk, other), (true, String::new()));
    let new = NewTenant { parent: Some(reseller), name: "late".into(), ..NewTenant::default() };
    let late = desk.service.tenant_create(&desk.operator, &terms(), &new).await.unwrap().object.tenant.id;
    assert_eq!(receives(&desk, late), (false, "unpaid".into()));
    let shown = desk.service.tenant(&seller, customer).await.unwrap().holds;
    assert_eq!((shown.len(), shown[0].on_tenant()), (1, Some(reseller)));
    desk.service.tenant_hold(&desk.operator, &terms(), reseller, None).await.unwrap();
    for tenant in [reseller, customer, late] {
        assert_eq!(receives(&desk, tenant), (true, String::new()));
    }
}

#[tokio::test]
async fn the_token_of_a_suspended_tenant_reads_and_does_nothing_else() {
    let desk = Desk::new().await;
    let (reseller, seller) = below(&desk, &desk.operator, "reseller").await;
    let (customer, owner) = below(&desk, &seller, "customer").await;
    desk.service.tenant_hold(&desk.operator, &terms(), reseller, Some("unpaid")).await.unwrap();
    for (actor, tenant) in [(&seller, reseller), (&owner, customer)] {
        let token = NewToken::new(tenant, "spare", Access::ReadWrite);
        let below = NewTenant { name: "late".into(), ..NewTenant::default() };
        let refused = [
            desk.service.token_create(actor, &terms(), &token).await.unwrap_err(),
            desk.service.tenant_create(actor, &terms(), &below).await.unwrap_err(),
            desk.service.domain_create(actor, &terms(), tenant, "more.example").await.unwrap_err(),
            desk.service.tenant_hold(actor, &terms(), customer, None).await.unwrap_err(),
        ];
        for refused in refused {
            assert_eq!((refused.code, refused.message.contains("unpaid")), (Code::Forbidden, true), "{refused}");
        }
        desk.service.tenant(actor, tenant).await.unwrap();
    }
    desk.service.tenant_hold(&desk.operator, &terms(), reseller, None).await.unwrap();
    desk.service.domain_create(&owner, &terms(), customer, "more.example").await.unwrap();
}

#[tokio::test]
async fn a_customer_suspended_by_both_stays_so_until_both_end_it() {
    let desk = Desk::new().await;
    let (_, seller) = below(&desk, &desk.operator, "reseller").await;
    let (customer, _) = below(&desk, &seller, "customer").await;
    desk.service.tenant_hold(&seller, &terms(), customer, Some("unpaid")).await.unwrap();
    desk.service.tenant_hold(&desk.operator, &terms(), customer, Some("spam")).await.unwrap();
    assert_eq!(receives(&desk, customer), (false, "unpaid; spam".into()));
    let resumed = desk.service.tenant_hold(&seller, &terms(), customer, None).await.unwrap().object;
    assert_eq!(resumed.holds.len(), 1);
    assert_eq!(receives(&desk, customer), (false, "spam".into()));
    let refused = desk.service.tenant_hold(&seller, &terms(), customer, None).await;
    assert_eq!(refused.unwrap_err().code, Code::Forbidden);
    desk.service.tenant_hold(&desk.operator, &terms(), customer, None).await.unwrap();
    assert!(receives(&desk, customer).0);
}

#[tokio::test]
async fn a_tenant_neither_resumes_nor_deletes_what_a_tenant_above_suspended() {
    let desk = Desk::new().await;
    let (_, actor) = desk.customer("alpha").await;
    let ann = desk.mailbox(&actor, "ann@alpha.example").await;
    desk.service.mailbox_update(&desk.operator, &terms(), ann.id, &suspend("phishing")).await.unwrap();
    let refused = desk.service.mailbox_update(&actor, &terms(), ann.id, &resume()).await;
    assert_eq!(refused.unwrap_err().code, Code::Forbidden);
    let refused = desk.service.mailbox_delete(&actor, &terms(), ann.id).await;
    assert_eq!(refused.unwrap_err().code, Code::Forbidden);
    assert_eq!(desk.account(ann.id).reason, "phishing");
    desk.service.mailbox_update(&desk.operator, &terms(), ann.id, &resume()).await.unwrap();
    desk.service.mailbox_delete(&actor, &terms(), ann.id).await.unwrap();
}

#[tokio::test]
async fn the_operator_ends_what_a_tenant_placed_and_a_tenant_its_own() {
    let desk = Desk::new().await;
    let (_, actor) = desk.customer("alpha").await;
    let ann = desk.mailbox(&actor, "ann@alpha.example").await;
    for ends in [&actor, &desk.operator] {
        desk.service.mailbox_update(&actor, &terms(), ann.id, &suspend("left")).await.unwrap();
        let resumed = desk.service.mailbox_update(ends, &terms(), ann.id, &resume()).await.unwrap().object;
        assert!(resumed.holds.is_empty());
    }
}

#[tokio::test]
async fn a_reason_is_one_short_line_and_the_provider_is_not_suspended() {
    let desk = Desk::new().await;
    let (tenant, _) = desk.customer("alpha").await;
    for reason in ["", " ", "unpaid\r\n250 OK", &"x".repeat(201), "un\u{200b}paid", "\u{202e}diapnu", "\u{2800}"] {
        let refused = desk.service.tenant_hold(&desk.operator, &terms(), tenant, Some(reason)).await;
        assert_eq!(refused.unwrap_err().code, Code::Invalid, "{reason:?}");
    }
    let refused = desk.service.tenant_hold(&desk.operator, &terms(), desk.operator.tenant(), Some("x")).await;
    assert_eq!(refused.unwrap_err().code, Code::Forbidden);
}

#[tokio::test]
async fn a_catch_all_is_there_and_stays() {
    let desk = Desk::new().await;
    let (_, actor) = desk.customer("alpha").await;
    let ann = desk.mailbox(&actor, "ann@alpha.example").await;
    let set = |to: Option<&str>| DomainPatch { catch_all: Some(to.map(Into::into)), plus_addressing: None };
    let update = async |to| desk.service.domain_update(&actor, &terms(), "alpha.example", &set(to)).await;
    assert_eq!(update(Some("nobody@alpha.example")).await.unwrap_err().code, Code::Invalid);
    update(Some("Ann@alpha.example")).await.unwrap();
    let refused = desk.service.mailbox_delete(&actor, &keyed("k"), ann.id).await;
    assert_eq!(refused.unwrap_err().code, Code::InUse);
    update(None).await.unwrap();
    desk.service.mailbox_delete(&actor, &keyed("k"), ann.id).await.unwrap();
    desk.service.mailbox_purge(&actor, &keyed("p"), ann.id).await.unwrap();
    desk.service.mailbox_create(&actor, &terms(), &new_mailbox("ann@alpha.example")).await.unwrap();
}
