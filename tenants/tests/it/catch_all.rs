//! SUMMARY    A catch-all is never left hanging: neither it nor the last that it leads to goes (docs/decisions/0007).

use crate::desk::{Desk, new_alias, terms};
use control::Posting;
use tenants::{Actor, AliasPatch, Code, DomainPatch, Error, GroupPatch, NewGroup};

const ANN: &str = "ann@alpha.example";
const BOB: &str = "bob@alpha.example";
const REST: &str = "rest@alpha.example";

async fn catch(desk: &Desk, actor: &Actor, to: Option<&str>) {
    let patch = DomainPatch { catch_all: Some(to.map(Into::into)), plus_addressing: None };
    desk.service.domain_update(actor, &terms(), "alpha.example", &patch).await.unwrap();
}

fn in_use(e: Error) {
    assert_eq!(e.code, Code::InUse, "{e}");
}

#[tokio::test]
async fn the_last_mailbox_behind_a_catch_all_alias_stays() {
    let desk = Desk::new().await;
    let (_, actor) = desk.customer("alpha").await;
    let (ann, bob) = (desk.mailbox(&actor, ANN).await, desk.mailbox(&actor, BOB).await);
    // One address behind another, both mailboxes at the end.
    desk.service.alias_create(&actor, &terms(), &new_alias("mid@alpha.example", &[ANN, BOB])).await.unwrap();
    desk.service.alias_create(&actor, &terms(), &new_alias(REST, &["mid@alpha.example"])).await.unwrap();
    catch(&desk, &actor, Some(REST)).await;
    in_use(desk.service.alias_delete(&actor, &terms(), "mid@alpha.example").await.unwrap_err());
    desk.service.mailbox_delete(&actor, &terms(), ann.id).await.unwrap();
    in_use(desk.service.mailbox_delete(&actor, &terms(), bob.id).await.unwrap_err());
    // Another way out for the mail, and it may go.
    let patch = AliasPatch { targets: Some(vec![BOB.into(), "x@elsewhere.example".into()]), ..AliasPatch::default() };
    desk.service.alias_update(&actor, &terms(), "mid@alpha.example", &patch).await.unwrap();
    desk.service.mailbox_delete(&actor, &terms(), bob.id).await.unwrap();
}

#[tokio::test]
async fn what_is_no_catch_all_lets_its_targets_go_and_a_rename_takes_the_alias_along() {
    let desk = Desk::new().await;
    let (_, actor) = desk.customer("alpha").await;
    let ann = desk.mailbox(&actor, ANN).await;
    desk.service.alias_create(&actor, &terms(), &new_alias(REST, &[ANN])).await.unwrap();
    catch(&desk, &actor, Some(REST)).await;
    let to = tenants::Rename { address: "anna@alpha.example".into(), old: tenants::OldAddress::Tombstone };
    desk.service.mailbox_rename(&actor, &terms(), ann.id, &to).await.unwrap();
    in_use(desk.service.mailbox_delete(&actor, &terms(), ann.id).await.unwrap_err());
    catch(&desk, &actor, None).await;
    desk.service.mailbox_delete(&actor, &terms(), ann.id).await.unwrap();
}

#[tokio::test]
async fn a_catch_all_group_keeps_a_member() {
    let desk = Desk::new().await;
    let (_, actor) = desk.customer("alpha").await;
    let ann = desk.mailbox(&actor, ANN).await;
    let team = NewGroup {
        address: REST.into(),
        name: "Team".into(),
        members: vec![ANN.into()],
        posting: Posting::Anyone,
        tenant: None,
    };
    desk.service.group_create(&actor, &terms(), &team).await.unwrap();
    catch(&desk, &actor, Some(REST)).await;
    in_use(desk.service.mailbox_delete(&actor, &terms(), ann.id).await.unwrap_err());
    let out = GroupPatch { remove: vec![ANN.into()], ..GroupPatch::default() };
    in_use(desk.service.group_update(&actor, &terms(), REST, &out).await.unwrap_err());
    let both = GroupPatch { add: vec![BOB.into()], remove: vec![ANN.into()], ..GroupPatch::default() };
    desk.service.group_update(&actor, &terms(), REST, &both).await.unwrap();
}
