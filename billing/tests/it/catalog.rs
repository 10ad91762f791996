//! SUMMARY    Plans come in versions, and are seen by who sells and who may buy them.

use crate::desk::{Desk, free, terms};
use base::TenantId;
use billing::{Asked, CustomerPatch, NewPlan, Plan, PlanShown, PlanState};
use tenants::{Actor, Code, Page, Terms};

async fn made(desk: &Desk, actor: &Actor, seller: TenantId, key: &str, state: PlanState) -> PlanShown {
    let new = NewPlan { plan: free(key), state, price_list: None };
    desk.billing.plan_create(actor, &terms(), seller, &new).await.unwrap().object
}

#[tokio::test]
async fn a_known_key_gets_the_next_version_and_the_newest_that_is_offered_is_shown() {
    let desk = Desk::new().await;
    let root = desk.root();
    let mut versions = Vec::new();
    for state in [PlanState::Offered, PlanState::Offered, PlanState::Private] {
        versions.push(made(&desk, &desk.operator, root, "basic", state).await);
    }
    made(&desk, &desk.operator, root, "other", PlanState::Withdrawn).await;
    let numbers: Vec<u32> = versions.iter().map(|v| v.plan.version).collect();
    assert_eq!(numbers, [1, 2, 3]);
    let offered = async || desk.billing.offered(root).await.unwrap().into_iter().map(|p| p.id).collect::<Vec<_>>();
    assert_eq!(offered().await, [versions[1].id.clone()]);
    let withdraw = async |plan: &PlanShown, terms: &Terms| {
        desk.billing.plan_update(&desk.operator, terms, &plan.id, PlanState::Withdrawn).await
    };
    let old = Terms { expected_version: Some(7), ..Terms::default() };
    assert_eq!(withdraw(&versions[1], &old).await.unwrap_err().code, Code::StaleObject);
    let changed = withdraw(&versions[1], &terms()).await.unwrap().object;
    assert_eq!((changed.state, changed.version, &changed.plan), (PlanState::Withdrawn, 2, &versions[1].plan));
    assert_eq!(offered().await, [versions[0].id.clone()]);
}

#[tokio::test]
async fn what_cannot_be_sold_is_refused_and_a_dry_run_leaves_nothing() {
    let desk = Desk::new().await;
    let root = desk.root();
    made(&desk, &desk.operator, root, "basic", PlanState::Offered).await;
    let create = async |terms: &Terms, plan: Plan| {
        let new = NewPlan { plan, state: PlanState::Offered, price_list: None };
        desk.billing.plan_create(&desk.operator, terms, root, &new).await
    };
    let other_family = Plan { family: "files".into(), ..free("basic") };
    assert_eq!(create(&terms(), other_family).await.unwrap_err().field, "family");
    let nameless = Plan { title: String::new(), ..free("basic") };
    assert_eq!(create(&terms(), nameless).await.unwrap_err().code, Code::Invalid);
    let mut huge = free("huge");
    huge.grants.storage_bytes = Some(u64::MAX);
    assert_eq!(create(&terms(), huge).await.unwrap_err().field, "grants");
    let dry = Terms { dry_run: true, ..Terms::default() };
    assert_eq!(create(&dry, free("basic")).await.unwrap().object.plan.version, 2);
    assert_eq!(desk.billing.plans(&desk.operator, root, &Page::first(10)).await.unwrap().1, 1);
}

#[tokio::test]
async fn customers_see_what_is_offered_by_their_own_seller_and_nothing_else() {
    let desk = Desk::new().await;
    let root = desk.root();
    let (tenant, owner) = desk.customer("alpha").await;
    let (reseller, boss) = desk.tenant_below(root, "reseller").await;
    let offered = made(&desk, &desk.operator, root, "basic", PlanState::Offered).await;
    let private = made(&desk, &desk.operator, root, "special", PlanState::Private).await;
    let theirs = made(&desk, &boss, reseller, "theirs", PlanState::Offered).await;
    let (seen, count) = desk.billing.plans(&owner, root, &Page::first(10)).await.unwrap();
    assert_eq!((seen, count), (vec![offered.clone()], 1));
    let after = Page { cursor: Some(offered.id.clone()), ..Page::first(10) };
    assert!(desk.billing.plans(&owner, root, &after).await.unwrap().0.is_empty());
    assert!(desk.billing.plan(&owner, &offered.id).await.is_ok());
    for hidden in [&private, &theirs] {
        assert_eq!(desk.billing.plan(&owner, &hidden.id).await.unwrap_err().code, Code::NotFound);
    }
    assert_eq!(desk.billing.plans(&owner, reseller, &Page::first(10)).await.unwrap_err().code, Code::NotFound);
    // Whoever has it sees it, though nobody else may.
    desk.give(tenant, &private).await;
    assert!(desk.billing.plan(&owner, &private.id).await.is_ok());
    // A customer sells nothing in the name of its seller, or of its neighbour.
    let new = NewPlan { plan: free("mine"), state: PlanState::Offered, price_list: None };
    for seller in [root, reseller] {
        let refused = desk.billing.plan_create(&owner, &terms(), seller, &new).await.unwrap_err();
        assert_eq!(refused.code, Code::NotFound);
    }
    let refused = desk.billing.plan_update(&owner, &terms(), &offered.id, PlanState::Withdrawn).await.unwrap_err();
    assert_eq!(refused.code, Code::NotFound);
    assert_eq!(desk.billing.offered(root).await.unwrap().len(), 1);
}

#[tokio::test]
async fn plans_come_in_pages_either_way() {
    let desk = Desk::new().await;
    let root = desk.root();
    let mut ids = Vec::new();
    for key in ["a", "a", "b", "c"] {
        ids.push(made(&desk, &desk.operator, root, key, PlanState::Offered).await.id);
    }
    let page = async |cursor: Option<&String>, backward| {
        let page = Page { cursor: cursor.cloned(), backward, ..Page::first(2) };
        let (plans, count) = desk.billing.plans(&desk.operator, root, &page).await.unwrap();
        assert_eq!(count, 4);
        plans.into_iter().map(|p| p.id).collect::<Vec<_>>()
    };
    assert_eq!(page(None, false).await, ids[..2]);
    assert_eq!(page(Some(&ids[1]), false).await, ids[2..]);
    assert_eq!(page(None, true).await, ids[2..]);
    assert_eq!(page(Some(&ids[2]), true).await, ids[..2]);
    let wrong = Page { cursor: Some("pln_none".into()), ..Page::first(2) };
    assert_eq!(desk.billing.plans(&desk.operator, root, &wrong).await.unwrap_err().field, "after");
}

#[tokio::test]
async fn a_price_list_has_prices_of_its_own_for_who_is_on_it() {
    let desk = Desk::new().await;
    let root = desk.root();
    let (tenant, owner) = desk.customer("alpha").await;
    let (other, stranger) = desk.customer("beta").await;
    for (who, email) in [(&owner, "a@elsewhere.example"), (&stranger, "b@elsewhere.example")] {
        let patch = CustomerPatch { email: Some(email.into()), ..CustomerPatch::default() };
        desk.billing.customer_update(who, &terms(), who.tenant(), &patch).await.unwrap();
    }
    let on = async |list: Option<&str>| {
        let new = NewPlan { plan: free("basic"), state: PlanState::Offered, price_list: list.map(str::to_owned) };
        desk.billing.plan_create(&desk.operator, &terms(), root, &new).await.map(|done| done.object)
    };
    let general = on(None).await.unwrap();
    let special = on(Some("resellers")).await.unwrap();
    let newer = on(None).await.unwrap();
    for wrong in ["", "Big", "a b"] {
        assert_eq!(on(Some(wrong)).await.unwrap_err().field, "priceList", "{wrong}");
    }
    let seen = async |who: &Actor| {
        let (plans, count) = desk.billing.plans(who, root, &Page::first(10)).await.unwrap();
        assert_eq!(count, 1);
        plans[0].id.clone()
    };
    let set = async |who: &Actor, list: Option<&str>| {
        let patch = CustomerPatch { price_list: Some(list.map(str::to_owned)), ..CustomerPatch::default() };
        desk.billing.customer_update(who, &terms(), tenant, &patch).await
    };
    let own = set(&owner, Some("resellers")).await.unwrap_err();
    assert_eq!((own.code, own.field), (Code::Forbidden, "priceList"));
    assert_eq!(seen(&owner).await, newer.id);
    assert_eq!(desk.billing.plan(&owner, &special.id).await.unwrap_err().code, Code::NotFound);
    set(&desk.operator, Some("resellers")).await.unwrap();
    assert_eq!((seen(&owner).await, seen(&stranger).await), (special.id.clone(), newer.id.clone()));
    assert!(
        desk.billing.plan(&owner, &special.id).await.is_ok() && desk.billing.plan(&owner, &general.id).await.is_ok()
    );
    let ask = |plan: &str| Asked { plan: plan.into(), items: Vec::new(), currency: None, interval: None, coupon: None };
    let quoted = async |who: &Actor, of, plan: &str| desk.billing.quote(who, of, &ask(plan)).await.map(|q| q.plan.id);
    assert_eq!(quoted(&owner, tenant, "basic").await.unwrap(), special.id);
    assert_eq!(quoted(&stranger, other, "basic").await.unwrap(), newer.id);
    assert_eq!(quoted(&stranger, other, &special.id).await.unwrap_err().code, Code::NotFound);
    let windows = desk.billing.offered(root).await.unwrap();
    let windows: Vec<String> = windows.into_iter().map(|p| p.id).collect();
    assert_eq!(windows.as_slice(), std::slice::from_ref(&newer.id), "nobody is on it before");
    set(&desk.operator, None).await.unwrap();
    assert_eq!(seen(&owner).await, newer.id);
}
