//! SUMMARY    Feature flags: set by the operator for a part of the tree, the nearest one counts, and what is off is refused.

use crate::{
    desk::{Desk, dry, terms},
    people::{code, person},
    signup::Fair,
};
use base::TenantId;
use std::time::Duration;
use tenants::{
    Access, Actor, Code, ErrorPolicy, Feature, NewImport, NewMasked, NewSupportGrant, NewTenant, NewToken, NewWebhook,
    SupportScope, WebhookPatch,
};

struct World {
    desk: Desk,
    reseller: TenantId,
    seller: Actor,
    customer: TenantId,
    owner: Actor,
}

async fn world() -> World {
    let desk = Desk::new().await;
    let (reseller, seller) = desk.customer("alpha").await;
    let new = NewTenant { name: "below".into(), ..NewTenant::default() };
    let made = desk.service.tenant_create(&seller, &terms(), &new).await.unwrap().object;
    let owner = desk.service.authenticate(&made.token.unwrap()).await.unwrap();
    World { desk, reseller, seller, customer: made.tenant.id, owner }
}

impl World {
    async fn set(&self, tenant: TenantId, feature: Feature, enabled: bool) {
        let what = (tenant, feature);
        self.desk.service.feature_flag_set(&self.desk.operator, &terms(), what, enabled, "Not now").await.unwrap();
    }

    async fn is_on(&self, actor: &Actor, tenant: TenantId, feature: Feature) -> (bool, Option<TenantId>) {
        let flags = self.desk.service.feature_flags(actor, tenant).await.unwrap();
        assert_eq!(flags.len(), Feature::EVERY.len());
        let flag = flags.into_iter().find(|flag| flag.feature == feature).unwrap();
        (flag.enabled, flag.set_on)
    }
}

#[tokio::test]
async fn the_nearest_setting_counts_and_clearing_it_brings_back_what_stands_above() {
    let w = world().await;
    let (service, operator) = (&w.desk.service, &w.desk.operator);
    let feature = Feature::Webhooks;
    assert_eq!(w.is_on(&w.owner, w.customer, feature).await, (true, None), "everything is on");
    w.set(operator.tenant(), feature, false).await;
    assert_eq!(w.is_on(&w.owner, w.customer, feature).await, (false, Some(operator.tenant())));
    w.set(w.reseller, feature, true).await;
    assert_eq!(w.is_on(&w.owner, w.customer, feature).await, (true, Some(w.reseller)));
    assert_eq!(w.is_on(operator, operator.tenant(), feature).await, (false, Some(operator.tenant())));
    w.set(w.customer, feature, false).await;
    assert_eq!(w.is_on(&w.owner, w.customer, feature).await, (false, Some(w.customer)));
    assert_eq!(w.is_on(&w.seller, w.reseller, feature).await, (true, Some(w.reseller)));
    service.feature_flag_clear(operator, &terms(), (w.customer, feature)).await.unwrap();
    assert_eq!(w.is_on(&w.owner, w.customer, feature).await, (true, Some(w.reseller)));
    assert_eq!(code(service.feature_flag_clear(operator, &terms(), (w.customer, feature)).await), Code::NotFound);
    assert_eq!(w.is_on(&w.owner, w.customer, Feature::ApiTokens).await, (true, None), "others are as they were");
}

#[tokio::test]
async fn who_is_to_have_no_tokens_gets_none_with_a_tenant() {
    let w = world().await;
    w.set(w.customer, Feature::ApiTokens, false).await;
    let new = NewTenant { name: "deeper".into(), ..NewTenant::default() };
    let made = w.desk.service.tenant_create(&w.owner, &terms(), &new).await.unwrap().object;
    assert_eq!((made.tenant.name.as_str(), made.token), ("deeper", None));
    w.set(w.customer, Feature::ApiTokens, true).await;
    let new = NewTenant { name: "other".into(), ..NewTenant::default() };
    assert!(w.desk.service.tenant_create(&w.owner, &terms(), &new).await.unwrap().object.token.is_some());
}

#[tokio::test]
async fn the_operator_alone_switches() {
    let w = world().await;
    let service = &w.desk.service;
    let what = (w.customer, Feature::Webhooks);
    for (actor, expected) in [(&w.seller, Code::Forbidden), (&w.owner, Code::Forbidden)] {
        assert_eq!(code(service.feature_flag_set(actor, &terms(), what, false, "x").await), expected);
        assert_eq!(code(service.feature_flag_clear(actor, &terms(), what).await), expected);
    }
    let (_, other) = w.desk.customer("beta").await;
    assert_eq!(code(service.feature_flag_set(&other, &terms(), what, false, "x").await), Code::NotFound);
    assert_eq!(code(service.feature_flags(&other, w.customer).await), Code::NotFound);
    let operator = &w.desk.operator;
    assert_eq!(code(service.feature_flag_set(operator, &terms(), what, false, " ").await), Code::Invalid);
    service.feature_flag_set(operator, &dry(), what, false, "x").await.unwrap();
    assert_eq!(w.is_on(&w.owner, w.customer, Feature::Webhooks).await, (true, None), "it ran dry");
    // The provider's people need no consent for it: it is no look into the tenant.
    let staff = person(&w.desk, operator, operator.tenant(), "staff@x.example", "owner").await;
    service.feature_flag_set(&staff, &terms(), what, false, "x").await.unwrap();
}

#[tokio::test]
async fn what_is_off_is_refused_with_the_reason_whoever_asks() {
    let w = world().await;
    let (service, operator) = (&w.desk.service, &w.desk.operator);
    let mailbox = w.desk.mailbox(&w.seller, "ann@alpha.example").await.id;
    let boss = person(&w.desk, &w.seller, w.reseller, "boss@x.example", "owner").await;
    let tenant = w.reseller;
    let token = NewToken::new(tenant, "t", Access::Read);
    let hook = NewWebhook {
        tenant,
        label: String::new(),
        url: "https://hooks.example/".into(),
        kinds: vec!["*".into()],
        below: false,
    };
    let (label, note, site) = (String::new(), String::new(), String::new());
    let masked = NewMasked { mailbox, domain: None, label, note, site };
    let csv = "address,generate\nz@alpha.example,yes".to_owned();
    let import = NewImport { tenant, csv, check_only: true, policy: ErrorPolicy::Continue };
    let life = Duration::from_secs(60);
    let grant = NewSupportGrant { tenant, scope: SupportScope::Metadata, reason: "x".into(), life };
    let there = service.webhook_create(&w.seller, &terms(), &hook).await.unwrap().object.webhook.id;
    let other = WebhookPatch { url: Some("https://hooks.example/other".into()), ..WebhookPatch::default() };
    let tried = async || {
        vec![
            service.webhook_update(&w.seller, &terms(), &there, &other).await.map(drop),
            service.token_create(&w.seller, &terms(), &token).await.map(drop),
            service.token_create(operator, &terms(), &token).await.map(drop),
            service.webhook_create(&w.seller, &terms(), &hook).await.map(drop),
            service.masked_create(&w.seller, &terms(), &masked).await.map(drop),
            service.mailbox_import(&w.seller, &terms(), &import).await.map(drop),
            service.support_grant_create(&boss, &terms(), &grant).await.map(drop),
        ]
    };
    assert!(tried().await.into_iter().all(|done| done.is_ok()));
    for feature in Feature::EVERY {
        w.set(operator.tenant(), feature, false).await;
    }
    for refused in tried().await {
        let refused = refused.unwrap_err();
        assert_eq!((refused.code, refused.message.contains("Not now")), (Code::FeatureOff, true), "{refused}");
    }
    for feature in Feature::EVERY {
        w.set(tenant, feature, true).await;
    }
    assert!(tried().await.into_iter().all(|done| done.is_ok()), "on again for this one");
}

#[tokio::test]
async fn where_signup_is_off_nobody_signs_up() {
    let fair = Fair::new().await;
    let operator = &fair.desk.operator;
    fair.service.signup_options(None).await.unwrap();
    let what = (operator.tenant(), Feature::Signup);
    fair.service.feature_flag_set(operator, &terms(), what, false, "Not now").await.unwrap();
    assert_eq!(code(fair.service.signup_options(None).await), Code::NotOpen);
    fair.service.feature_flag_clear(operator, &terms(), what).await.unwrap();
    fair.service.signup_options(None).await.unwrap();
}
