//! SUMMARY    Who may send from an alias follows the alias: given, moved, shared, taken away.

use crate::desk::{Desk, new_alias, terms};
use tenants::AliasPatch;

const SALES: &str = "sales@alpha.example";
const ANN: &str = "ann@alpha.example";
const BOB: &str = "bob@alpha.example";

fn to(targets: &[&str]) -> AliasPatch {
    AliasPatch { targets: Some(targets.iter().map(|t| (*t).to_owned()).collect()), ..AliasPatch::default() }
}

#[tokio::test]
async fn an_alias_that_is_switched_off_refuses_mail_and_is_nobodys_to_send_from() {
    let desk = Desk::new().await;
    let (_, actor) = desk.customer("alpha").await;
    let ann = desk.mailbox(&actor, ANN).await;
    desk.service.alias_create(&actor, &terms(), &new_alias(SALES, &[ANN])).await.unwrap();
    let switch = async |enabled| {
        let patch = AliasPatch { enabled: Some(enabled), label: Some("Shop".into()), ..AliasPatch::default() };
        desk.service.alias_update(&actor, &terms(), SALES, &patch).await.unwrap().object
    };
    let off = switch(false).await;
    assert_eq!((off.enabled, off.label.as_str(), off.targets), (false, "Shop", vec![ANN.to_owned()]));
    assert_eq!(desk.destination(SALES), control::Destination::Disabled);
    assert!(desk.account(ann.id).send_as.is_empty());
    switch(true).await;
    assert_eq!(desk.destination(SALES), control::Destination::Forward(vec![ANN.into()]));
    assert_eq!(desk.account(ann.id).send_as, [SALES]);
}

#[tokio::test]
async fn a_grant_on_an_alias_rests_while_that_is_switched_off() {
    let desk = Desk::new().await;
    let (_, actor) = desk.customer("alpha").await;
    let (ann, bob) = (desk.mailbox(&actor, ANN).await, desk.mailbox(&actor, BOB).await);
    desk.service.alias_create(&actor, &terms(), &new_alias(SALES, &[ANN])).await.unwrap();
    desk.service.send_as_add(&actor, &terms(), bob.id, SALES).await.unwrap();
    for (enabled, expect) in [(false, vec![]), (true, vec![SALES.to_owned()])] {
        let patch = AliasPatch { enabled: Some(enabled), ..AliasPatch::default() };
        desk.service.alias_update(&actor, &terms(), SALES, &patch).await.unwrap();
        assert_eq!((desk.account(ann.id).send_as, desk.account(bob.id).send_as), (expect.clone(), expect));
    }
}

#[tokio::test]
async fn aliases_never_lead_in_a_round() {
    let desk = Desk::new().await;
    let (_, actor) = desk.customer("alpha").await;
    desk.service.alias_create(&actor, &terms(), &new_alias("a@alpha.example", &["b@alpha.example"])).await.unwrap();
    desk.service.alias_create(&actor, &terms(), &new_alias("b@alpha.example", &["c@alpha.example"])).await.unwrap();
    let round = new_alias("c@alpha.example", &["x@y.example", "a@alpha.example"]);
    let refused = desk.service.alias_create(&actor, &terms(), &round).await.unwrap_err();
    assert_eq!((refused.code, refused.field), (tenants::Code::Invalid, "targets"));
    desk.service.alias_create(&actor, &terms(), &new_alias("c@alpha.example", &["x@y.example"])).await.unwrap();
    let refused = desk.service.alias_update(&actor, &terms(), "c@alpha.example", &to(&["a@alpha.example"])).await;
    assert_eq!(refused.unwrap_err().code, tenants::Code::Invalid);
}

#[tokio::test]
async fn deleting_an_alias_takes_the_right_to_send_from_it() {
    let desk = Desk::new().await;
    let (_, actor) = desk.customer("alpha").await;
    let ann = desk.mailbox(&actor, ANN).await;
    desk.service.alias_create(&actor, &terms(), &new_alias(SALES, &[ANN])).await.unwrap();
    assert_eq!(desk.account(ann.id).send_as, [SALES]);
    desk.service.alias_delete(&actor, &terms(), SALES).await.unwrap();
    assert!(desk.account(ann.id).send_as.is_empty());
}

#[tokio::test]
async fn moving_an_alias_moves_the_right_to_send_from_it() {
    let desk = Desk::new().await;
    let (_, actor) = desk.customer("alpha").await;
    let (ann, bob) = (desk.mailbox(&actor, ANN).await, desk.mailbox(&actor, BOB).await);
    desk.service.alias_create(&actor, &terms(), &new_alias(SALES, &[ANN])).await.unwrap();
    desk.service.alias_update(&actor, &terms(), SALES, &to(&[BOB])).await.unwrap();
    assert!(desk.account(ann.id).send_as.is_empty());
    assert_eq!(desk.account(bob.id).send_as, [SALES]);
}

#[tokio::test]
async fn a_shared_alias_is_nobodys_to_send_from() {
    let desk = Desk::new().await;
    let (_, actor) = desk.customer("alpha").await;
    let (ann, bob) = (desk.mailbox(&actor, ANN).await, desk.mailbox(&actor, BOB).await);
    desk.service.alias_create(&actor, &terms(), &new_alias(SALES, &[ANN])).await.unwrap();
    desk.service.alias_update(&actor, &terms(), SALES, &to(&[ANN, BOB])).await.unwrap();
    assert!(desk.account(ann.id).send_as.is_empty());
    assert!(desk.account(bob.id).send_as.is_empty());
}
