//! SUMMARY    Who agreed to own a tenant, or made itself its owner, does not leave it without one.

use crate::{
    desk::{Desk, terms},
    people::{code, person, signed_in},
};
use tenants::{Actor, Code, MemberPatch, NewTenant, Page};

#[tokio::test]
async fn who_agreed_to_own_a_tenant_stays_its_owner_though_it_handed_it_on_and_got_it_back() {
    let desk = Desk::new().await;
    let (tenant, token) = desk.customer("alpha").await;
    let owner = person(&desk, &token, tenant, "owner@x.example", "owner").await;
    person(&desk, &owner, tenant, "ann@x.example", "auditor").await;
    // The owner's second membership, to which it may be handed back.
    person(&desk, &owner, tenant, "owner@x.example", "auditor").await;
    let members = desk.service.members(&owner, tenant, &Page::first(10)).await.unwrap().0;
    let of = |email: &str, role: &str| {
        members.iter().find(|m| m.person.email == email && m.role == role).map(|m| m.id.clone()).unwrap()
    };
    let (own, second) = (of("owner@x.example", "owner"), of("owner@x.example", "auditor"));
    let anns = of("ann@x.example", "auditor");
    for back in [&own, &second] {
        let first = signed_in(&desk, "owner@x.example", tenant).await;
        desk.service.ownership_transfer(&first, &terms(), &anns).await.unwrap();
        let ann = signed_in(&desk, "ann@x.example", tenant).await;
        desk.service.ownership_transfer(&ann, &terms(), back).await.unwrap();
        let again = signed_in(&desk, "owner@x.example", tenant).await;
        assert_eq!(code(desk.service.member_remove(&again, &terms(), back).await), Code::LastOwner);
        assert_eq!(code(desk.service.person_delete(&again, &terms()).await), Code::LastOwner);
        let down = MemberPatch { role: Some("auditor".into()), on: None };
        assert_eq!(code(desk.service.member_update(&again, &terms(), back, &down).await), Code::LastOwner);
        if *back == own {
            continue;
        }
        // From one of its own memberships to the other.
        desk.service.ownership_transfer(&again, &terms(), &own).await.unwrap();
        assert_eq!(code(desk.service.member_remove(&again, &terms(), &own).await), Code::LastOwner);
    }
}

#[tokio::test]
async fn who_makes_itself_the_owner_is_tied_though_others_had_made_it_one_before() {
    let desk = Desk::new().await;
    let (above, token) = desk.customer("alpha").await;
    let new = NewTenant { parent: Some(above), name: "below".into(), ..NewTenant::default() };
    let below = desk.service.tenant_create(&token, &terms(), &new).await.unwrap().object.tenant.id;
    let ann = person(&desk, &token, above, "ann@x.example", "owner").await;
    let ben = person(&desk, &token, below, "ben@x.example", "owner").await;
    person(&desk, &token, below, "ann@x.example", "auditor").await;
    let members = desk.service.members(&token, below, &Page::first(10)).await.unwrap().0;
    let of = |email: &str| members.iter().find(|m| m.person.email == email).map(|m| m.id.clone()).unwrap();
    let role = |role: &str| MemberPatch { role: Some(role.into()), on: None };
    let update = async |by: &Actor, role| desk.service.member_update(by, &terms(), &of("ann@x.example"), &role).await;
    update(&ben, role("owner")).await.unwrap();
    update(&ben, role("auditor")).await.unwrap();
    let mine = update(&ann, role("owner")).await.unwrap().object;
    assert!(!mine.inherited);
    desk.service.member_remove(&ben, &terms(), &of("ben@x.example")).await.unwrap();
    let ann = signed_in(&desk, "ann@x.example", below).await;
    assert_eq!(code(desk.service.member_remove(&ann, &terms(), &mine.id).await), Code::LastOwner);
}
