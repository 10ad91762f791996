//! SUMMARY    Groups: members come and go, nested ones make no round, who may write is told.

use crate::desk::{Desk, keyed, terms};
use control::{Destination, Posting};
use tenants::{Actor, Code, GroupPatch, NewGroup, Result};

fn new_group(address: &str, members: &[&str]) -> NewGroup {
    NewGroup {
        address: address.into(),
        name: "Team".into(),
        members: members.iter().map(|m| (*m).to_owned()).collect(),
        posting: Posting::Members,
        tenant: None,
    }
}

async fn change(desk: &Desk, actor: &Actor, address: &str, add: &[&str], remove: &[&str]) -> Result<Vec<String>> {
    let owned = |list: &[&str]| list.iter().map(|m| (*m).to_owned()).collect();
    let patch = GroupPatch { add: owned(add), remove: owned(remove), ..GroupPatch::default() };
    Ok(desk.service.group_update(actor, &terms(), address, &patch).await?.object.members)
}

const TEAM: &str = "team@alpha.example";
const ALL: &str = "all@alpha.example";

#[tokio::test]
async fn members_come_and_go_each_once() {
    let desk = Desk::new().await;
    let (tenant, actor) = desk.customer("alpha").await;
    let made = desk.service.group_create(&actor, &terms(), &new_group(TEAM, &["A@y.example", "a@Y.example"])).await;
    assert_eq!(made.unwrap().object.members, ["a@y.example"]);
    assert_eq!(
        change(&desk, &actor, TEAM, &["b@y.example", "a@y.example"], &[]).await.unwrap(),
        ["a@y.example", "b@y.example"]
    );
    assert_eq!(change(&desk, &actor, TEAM, &[], &["a@y.example", "z@y.example"]).await.unwrap(), ["b@y.example"]);
    let told = Destination::Group { members: vec!["b@y.example".into()], posting: Posting::Members };
    assert_eq!(desk.destination(TEAM), told);
    let patch = GroupPatch { enabled: Some(false), posting: Some(Posting::Anyone), ..GroupPatch::default() };
    desk.service.group_update(&actor, &terms(), TEAM, &patch).await.unwrap();
    assert_eq!(desk.destination(TEAM), Destination::Disabled);
    assert_eq!(desk.service.groups(&actor, tenant, &tenants::Page::first(5)).await.unwrap().1, 1);
    desk.service.group_delete(&actor, &keyed("k"), TEAM).await.unwrap();
    assert_eq!(desk.destination(TEAM), Destination::Tombstone);
    assert_eq!(desk.service.group(&actor, TEAM).await.unwrap_err().code, Code::NotFound);
}

#[tokio::test]
async fn a_group_in_a_group_makes_no_round_and_not_too_many_steps() {
    let desk = Desk::new().await;
    let (_, actor) = desk.customer("alpha").await;
    desk.service.group_create(&actor, &terms(), &new_group(TEAM, &["a@y.example"])).await.unwrap();
    desk.service.group_create(&actor, &terms(), &new_group(ALL, &[TEAM])).await.unwrap();
    for members in [ALL, TEAM] {
        let refused = change(&desk, &actor, TEAM, &[members], &[]).await.unwrap_err();
        assert_eq!((refused.code, refused.field), (Code::Invalid, "members"), "{members}");
    }
    assert_eq!(desk.service.group(&actor, TEAM).await.unwrap().members, ["a@y.example"]);
    let mut last = ALL.to_owned();
    for n in 0..20 {
        let next = format!("up{n}@alpha.example");
        match desk.service.group_create(&actor, &terms(), &new_group(&next, &[&last])).await {
            Ok(_) => last = next,
            Err(e) => {
                assert_eq!((e.code, e.message.contains("ROUTE_DEPTH_MAX")), (Code::Invalid, true), "{e}");
                assert!(n > 5, "{n}");
                // Nor from the other end.
                let deep = new_group("deep@alpha.example", &["z@y.example"]);
                desk.service.group_create(&actor, &terms(), &deep).await.unwrap();
                assert_eq!(
                    change(&desk, &actor, TEAM, &["deep@alpha.example"], &[]).await.unwrap_err().code,
                    Code::Invalid
                );
                return;
            }
        }
    }
    panic!("no end of groups in groups")
}

#[tokio::test]
async fn a_group_has_a_named_number_of_members() {
    let desk = Desk::new().await;
    let (_, actor) = desk.customer("alpha").await;
    let many: Vec<String> = (0..tenants::limits::GROUP_MEMBERS_MAX).map(|n| format!("m{n}@y.example")).collect();
    let new = NewGroup { members: many, ..new_group(TEAM, &[]) };
    desk.service.group_create(&actor, &terms(), &new).await.unwrap();
    let refused = change(&desk, &actor, TEAM, &["more@y.example"], &[]).await.unwrap_err();
    assert_eq!((refused.code, refused.message.contains("GROUP_MEMBERS_MAX")), (Code::LimitReached, true));
    change(&desk, &actor, TEAM, &["more@y.example"], &["m0@y.example"]).await.unwrap();
}

#[tokio::test]
async fn u1_a_group_takes_no_address_in_use_and_is_not_another_tenants() {
    let desk = Desk::new().await;
    let (_, actor) = desk.customer("alpha").await;
    let (_, other) = desk.customer("beta").await;
    desk.mailbox(&actor, "ann@alpha.example").await;
    let create =
        async |by: &Actor, address: &str| desk.service.group_create(by, &terms(), &new_group(address, &[])).await;
    assert_eq!(create(&actor, "ANN@alpha.example").await.unwrap_err().code, Code::Taken);
    assert_eq!(create(&other, TEAM).await.unwrap_err().code, Code::NotFound);
    create(&actor, TEAM).await.unwrap();
    assert_eq!(change(&desk, &other, TEAM, &["x@y.example"], &[]).await.unwrap_err().code, Code::NotFound);
}

#[tokio::test]
async fn a_group_that_is_switched_off_is_sent_from_by_nobody() {
    let desk = Desk::new().await;
    let (_, actor) = desk.customer("alpha").await;
    let ann = desk.mailbox(&actor, "ann@alpha.example").await;
    let bob = desk.mailbox(&actor, "bob@alpha.example").await;
    desk.service.group_create(&actor, &terms(), &new_group(TEAM, &["ann@alpha.example"])).await.unwrap();
    desk.service.send_as_add(&actor, &terms(), ann.id, TEAM).await.unwrap();
    assert_eq!(desk.account(ann.id).send_as, [TEAM]);
    let switch = async |enabled| {
        let patch = GroupPatch { enabled: Some(enabled), ..GroupPatch::default() };
        desk.service.group_update(&actor, &terms(), TEAM, &patch).await.unwrap();
    };
    switch(false).await;
    assert!(desk.account(ann.id).send_as.is_empty());
    // Who is granted it meanwhile sends from it once it is switched on.
    desk.service.send_as_add(&actor, &terms(), bob.id, TEAM).await.unwrap();
    assert!(desk.account(bob.id).send_as.is_empty());
    switch(true).await;
    assert_eq!((desk.account(ann.id).send_as, desk.account(bob.id).send_as), (vec![TEAM.into()], vec![TEAM.into()]));
    let version = desk.account(ann.id).version;
    change(&desk, &actor, TEAM, &["bob@alpha.example"], &[]).await.unwrap();
    assert_eq!(desk.account(ann.id).version, version, "members change nothing of it");
}
