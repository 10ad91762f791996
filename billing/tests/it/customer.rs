//! SUMMARY    Customers: a contact elsewhere, whose they are, and who may change them.

use crate::desk::{Desk, START, business, eur, subscription, terms};
use billing::{CustomerPatch, Phase, Status};
use tenants::{Access, Code, NewToken, Page, Permissions, Terms};

fn email(email: &str) -> CustomerPatch {
    CustomerPatch { email: Some(email.into()), ..CustomerPatch::default() }
}

#[tokio::test]
async fn a_tenant_becomes_a_customer_of_its_parent_by_its_contact() {
    let desk = Desk::new().await;
    let (tenant, owner) = desk.tenant_below(desk.root(), "alpha").await;
    assert_eq!(desk.billing.customer(&owner, tenant).await.unwrap(), None);
    let update = async |patch: &CustomerPatch| desk.billing.customer_update(&owner, &terms(), tenant, patch).await;
    let nameless = update(&CustomerPatch { name: Some("Alpha Ltd".into()), ..CustomerPatch::default() }).await;
    assert_eq!(nameless.unwrap_err().field, "email");
    let patch = CustomerPatch {
        country: Some(Some("DE".into())),
        tax_ids: Some(vec!["eu_vat:DE123456789".into()]),
        language: Some("de".into()),
        ..email("ann@elsewhere.example")
    };
    let made = update(&patch).await.unwrap().object;
    assert_eq!((made.seller, made.provider.as_str(), made.name.as_str()), (desk.root(), "shut", "alpha"));
    assert_eq!((made.phase, made.version, made.language.as_str()), (Phase::Active, 1, "de"));
    let changed = update(&CustomerPatch { country: Some(None), ..CustomerPatch::default() }).await.unwrap().object;
    assert_eq!((changed.country, changed.email, changed.version), (None, made.email, 2));
    let stale = Terms { expected_version: Some(1), ..Terms::default() };
    let refused = desk.billing.customer_update(&owner, &stale, tenant, &email("x@elsewhere.example")).await;
    assert_eq!(refused.unwrap_err().code, Code::StaleObject);
    let root = desk.billing.customer_update(&desk.operator, &terms(), desk.root(), &email("x@elsewhere.example")).await;
    assert_eq!(root.unwrap_err().field, "tenantId", "nobody sells to the provider");
}

#[tokio::test]
async fn a_contact_is_none_of_our_own_mailboxes() {
    let desk = Desk::new().await;
    let (tenant, owner) = desk.customer("alpha").await;
    let (other, _) = desk.tenant_below(desk.root(), "beta").await;
    desk.service.domain_vouch(&desk.operator, &terms(), tenant, "alpha.example").await.unwrap();
    desk.service.domain_vouch(&desk.operator, &terms(), other, "beta.example").await.unwrap();
    for here in ["ann@alpha.example", "ann@BETA.example"] {
        let refused = desk.billing.customer_update(&owner, &terms(), tenant, &email(here)).await.unwrap_err();
        assert_eq!((refused.code, refused.field), (Code::Invalid, "email"));
    }
    assert_eq!(desk.billing.customer(&owner, tenant).await.unwrap().unwrap().email, "alpha@elsewhere.example");
}

#[tokio::test]
async fn customers_of_others_are_not_there() {
    let desk = Desk::new().await;
    let (tenant, owner) = desk.customer("alpha").await;
    let (_, stranger) = desk.customer("beta").await;
    let billing = &desk.billing;
    let page = Page::first(10);
    let hidden = [
        billing.customer(&stranger, tenant).await.map(drop),
        billing.customer_update(&stranger, &terms(), tenant, &email("x@elsewhere.example")).await.map(drop),
        billing.subscriptions(&stranger, tenant).await.map(drop),
        billing.standing(&stranger, tenant).await.map(drop),
        billing.concessions(&stranger, tenant, &page).await.map(drop),
        billing.entries(&stranger, tenant, &page).await.map(drop),
        billing.balances(&stranger, tenant).await.map(drop),
        billing.customers(&stranger, desk.root(), &page).await.map(drop),
        billing.policy(&stranger, desk.root()).await.map(drop),
        billing.close(&stranger, &terms(), tenant, "").await.map(drop),
        billing.reopen(&stranger, &terms(), tenant).await.map(drop),
    ];
    for (n, hidden) in hidden.into_iter().enumerate() {
        assert_eq!(hidden.unwrap_err().code, Code::NotFound, "{n}");
    }
    assert_eq!(billing.customer(&owner, tenant).await.unwrap().unwrap().email, "alpha@elsewhere.example");
    let (all, count) = billing.customers(&desk.operator, desk.root(), &page).await.unwrap();
    assert_eq!((all.len(), count), (2, 2));
}

#[tokio::test]
async fn who_may_only_read_changes_nothing() {
    let desk = Desk::new().await;
    let (tenant, owner) = desk.customer("alpha").await;
    let new = NewToken { permissions: Some(Permissions::reading()), ..NewToken::new(tenant, "reads", Access::Read) };
    let made = desk.service.token_create(&owner, &terms(), &new).await.unwrap().object;
    let reader = desk.service.authenticate(&made.secret.unwrap()).await.unwrap();
    assert!(desk.billing.customer(&reader, tenant).await.unwrap().is_some());
    let refused = desk.billing.customer_update(&reader, &terms(), tenant, &email("x@elsewhere.example")).await;
    assert_eq!(refused.unwrap_err().code, Code::Forbidden);
    assert_eq!(desk.billing.close(&reader, &terms(), tenant, "").await.unwrap_err().code, Code::Forbidden);
}

#[tokio::test]
async fn the_seller_alone_sends_a_customer_to_another_provider_while_nothing_was_bought() {
    let desk = Desk::new().await;
    let (tenant, owner) = desk.customer("alpha").await;
    let manual = CustomerPatch { provider: Some("manual".into()), ..CustomerPatch::default() };
    let update =
        async |actor, patch: &CustomerPatch| desk.billing.customer_update(actor, &terms(), tenant, patch).await;
    assert_eq!(update(&owner, &manual).await.unwrap_err().code, Code::Forbidden);
    let unknown = CustomerPatch { provider: Some("gold".into()), ..CustomerPatch::default() };
    assert_eq!(update(&desk.operator, &unknown).await.unwrap_err().field, "provider");
    assert_eq!(update(&desk.operator, &manual).await.unwrap().object.provider, "manual");
    desk.priced_plan(desk.root()).await;
    desk.mirror(tenant, &subscription("sub_1", Status::Active)).await;
    let back = CustomerPatch { provider: Some("shut".into()), ..CustomerPatch::default() };
    assert_eq!(update(&desk.operator, &back).await.unwrap_err().code, Code::Invalid);
}

#[tokio::test]
async fn what_was_bought_is_shown_with_its_plan_and_price_the_newest_first() {
    let desk = Desk::new().await;
    let (tenant, owner) = desk.customer("alpha").await;
    desk.priced_plan(desk.root()).await;
    desk.mirror(tenant, &subscription("sub_1", Status::Cancelled)).await;
    let newer =
        billing::TrueSubscription { created_at: base::Timestamp(START.0 + 1), ..subscription("sub_2", Status::Active) };
    desk.mirror(tenant, &newer).await;
    let bought = desk.billing.subscriptions(&owner, tenant).await.unwrap();
    let ids: Vec<&str> = bought.iter().map(|b| b.id.as_str()).collect();
    assert_eq!(ids, ["sub_2", "sub_1"]);
    assert_eq!((bought[0].total, &bought[0].plan.plan), (eur(1_200), &business()));
    assert_eq!((bought[0].items[0].title.as_str(), bought[0].items[0].quantity), ("Mailbox", 4));
}
