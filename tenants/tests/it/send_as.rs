//! SUMMARY    Who may send from an alias follows the alias: given, moved, shared, taken away.

use crate::desk::{Desk, new_alias, terms};

const SALES: &str = "sales@alpha.example";
const ANN: &str = "ann@alpha.example";
const BOB: &str = "bob@alpha.example";

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
    desk.service.alias_update(&actor, &terms(), &new_alias(SALES, &[BOB])).await.unwrap();
    assert!(desk.account(ann.id).send_as.is_empty());
    assert_eq!(desk.account(bob.id).send_as, [SALES]);
}

#[tokio::test]
async fn a_shared_alias_is_nobodys_to_send_from() {
    let desk = Desk::new().await;
    let (_, actor) = desk.customer("alpha").await;
    let (ann, bob) = (desk.mailbox(&actor, ANN).await, desk.mailbox(&actor, BOB).await);
    desk.service.alias_create(&actor, &terms(), &new_alias(SALES, &[ANN])).await.unwrap();
    desk.service.alias_update(&actor, &terms(), &new_alias(SALES, &[ANN, BOB])).await.unwrap();
    assert!(desk.account(ann.id).send_as.is_empty());
    assert!(desk.account(bob.id).send_as.is_empty());
}
