//! SUMMARY    A renamed mailbox keeps its id; its old address stays the tenant's.

use crate::desk::{Desk, new_alias, new_mailbox, terms};
use control::{Change, Destination, Posting};
use tenants::{
    Code, DelegateRights, DomainPatch, MailboxPatch, NewGroup, NewHold, NewMasked, OldAddress, Rename, Subject,
};

const ANN: &str = "ann@alpha.example";
const ANNA: &str = "anna@alpha.example";

fn rename(address: &str, old: OldAddress) -> Rename {
    Rename { address: address.into(), old }
}

fn destination(desk: &Desk, local: &str) -> Destination {
    let told = desk.plane.told.lock().unwrap();
    let addresses = told.iter().filter_map(|c| match c {
        Change::Address(a) if a.local == local => Some(a.clone()),
        _ => None,
    });
    addresses.max_by_key(|a| a.version).unwrap().destination
}

#[tokio::test]
async fn the_id_stays_and_aliases_follow() {
    let desk = Desk::new().await;
    let (_, actor) = desk.customer("alpha").await;
    let ann = desk.mailbox(&actor, ANN).await;
    desk.service.alias_create(&actor, &terms(), &new_alias("sales@alpha.example", &[ANN])).await.unwrap();
    let renamed = desk
        .service
        .mailbox_rename(&actor, &terms(), ann.id, &rename(ANNA, OldAddress::Tombstone))
        .await
        .unwrap()
        .object;
    assert_eq!((renamed.id, renamed.address.as_str()), (ann.id, ANNA));
    assert_eq!(destination(&desk, "ann"), Destination::Tombstone);
    assert_eq!(destination(&desk, "anna"), Destination::Account(ann.id));
    assert_eq!(destination(&desk, "sales"), Destination::Forward(vec![ANNA.into()]));
    assert_eq!(desk.account(ann.id).send_as, ["sales@alpha.example"]);
}

#[tokio::test]
async fn groups_masked_addresses_delegates_and_rights_to_send_follow() {
    let desk = Desk::new().await;
    let (_, actor) = desk.customer("alpha").await;
    let (ann, bob) = (desk.mailbox(&actor, ANN).await, desk.mailbox(&actor, "bob@alpha.example").await);
    let team = NewGroup {
        address: "team@alpha.example".into(),
        name: "Team".into(),
        members: vec![ANN.into(), "bob@alpha.example".into()],
        posting: Posting::Tenant,
        tenant: None,
    };
    desk.service.group_create(&actor, &terms(), &team).await.unwrap();
    let masked =
        NewMasked { mailbox: ann.id, domain: None, label: String::new(), note: String::new(), site: "shop".into() };
    let masked = desk.service.masked_create(&actor, &terms(), &masked).await.unwrap().object.address;
    let rights = DelegateRights { open: true, ..DelegateRights::default() };
    desk.service.delegate_add(&actor, &terms(), ann.id, bob.id, rights).await.unwrap();
    desk.service.send_as_add(&actor, &terms(), bob.id, ANN).await.unwrap();
    desk.service.mailbox_rename(&actor, &terms(), ann.id, &rename(ANNA, OldAddress::Tombstone)).await.unwrap();
    let members = vec!["bob@alpha.example".to_owned(), ANNA.to_owned()];
    assert_eq!(desk.destination("team@alpha.example"), Destination::Group { members, posting: Posting::Tenant });
    assert_eq!(desk.destination(&masked), Destination::Forward(vec![ANNA.into()]));
    let account = desk.account(ann.id);
    assert_eq!((account.send_as, account.delegates[0].account), (vec![masked], bob.id));
    assert_eq!(desk.account(bob.id).send_as, [ANNA]);
}

#[tokio::test]
async fn the_old_address_can_lead_to_the_new_one() {
    let desk = Desk::new().await;
    let (_, actor) = desk.customer("alpha").await;
    let ann = desk.mailbox(&actor, ANN).await;
    desk.service.mailbox_rename(&actor, &terms(), ann.id, &rename(ANNA, OldAddress::Alias)).await.unwrap();
    assert_eq!(destination(&desk, "ann"), Destination::Forward(vec![ANNA.into()]));
    assert_eq!(desk.account(ann.id).send_as, [ANN]);
}

#[tokio::test]
async fn a_name_in_use_and_another_tenants_domain_are_refused() {
    let desk = Desk::new().await;
    let (_, actor) = desk.customer("alpha").await;
    desk.customer("beta").await;
    let ann = desk.mailbox(&actor, ANN).await;
    desk.mailbox(&actor, ANNA).await;
    let told = desk.plane.told.lock().unwrap().len();
    for (address, code) in [(ANNA, Code::Taken), ("ann@beta.example", Code::NotFound)] {
        for actor in [&actor, &desk.operator] {
            let refused =
                desk.service.mailbox_rename(actor, &terms(), ann.id, &rename(address, OldAddress::Tombstone)).await;
            assert_eq!(refused.unwrap_err().code, code);
        }
    }
    assert_eq!(desk.plane.told.lock().unwrap().len(), told);
    assert_eq!(desk.service.mailbox(&actor, ann.id).await.unwrap().address, ANN);
}

#[tokio::test]
async fn a_catch_all_does_not_become_a_tombstone() {
    let desk = Desk::new().await;
    let (_, actor) = desk.customer("alpha").await;
    let ann = desk.mailbox(&actor, ANN).await;
    let patch = DomainPatch { catch_all: Some(Some(ANN.into())), plus_addressing: None };
    desk.service.domain_update(&actor, &terms(), "alpha.example", &patch).await.unwrap();
    let refused = desk.service.mailbox_rename(&actor, &terms(), ann.id, &rename(ANNA, OldAddress::Tombstone)).await;
    assert_eq!(refused.unwrap_err().code, Code::InUse);
    desk.service.mailbox_rename(&actor, &terms(), ann.id, &rename(ANNA, OldAddress::Alias)).await.unwrap();
}

#[tokio::test]
async fn a_name_left_is_free_for_its_tenant_with_a_new_account() {
    let desk = Desk::new().await;
    let (_, actor) = desk.customer("alpha").await;
    let ann = desk.mailbox(&actor, ANN).await;
    desk.service.mailbox_rename(&actor, &terms(), ann.id, &rename(ANNA, OldAddress::Tombstone)).await.unwrap();
    let again = desk.service.mailbox_create(&actor, &terms(), &new_mailbox(ANN)).await.unwrap().object;
    assert_ne!(again.id, ann.id);
}

#[tokio::test]
async fn a_mailbox_that_a_tenant_above_holds_keeps_its_address() {
    let desk = Desk::new().await;
    let (_, actor) = desk.customer("alpha").await;
    let (ann, bob) = (desk.mailbox(&actor, ANN).await, desk.mailbox(&actor, "bob@alpha.example").await);
    let hold = MailboxPatch { hold: Some(Some("Spam was sent".into())), ..MailboxPatch::default() };
    desk.service.mailbox_update(&desk.operator, &terms(), ann.id, &hold).await.unwrap();
    for old in [OldAddress::Tombstone, OldAddress::Alias] {
        let refused = desk.service.mailbox_rename(&actor, &terms(), ann.id, &rename(ANNA, old)).await.unwrap_err();
        assert_eq!(refused.code, Code::Forbidden);
        assert!(refused.message.contains("Spam was sent"), "{refused}");
    }
    assert_eq!(destination(&desk, "ann"), Destination::Account(ann.id));
    // Its own hold, and a hold's placer, are not in the way.
    desk.service.mailbox_update(&actor, &terms(), bob.id, &hold).await.unwrap();
    let to = rename("bo@alpha.example", OldAddress::Alias);
    desk.service.mailbox_rename(&actor, &terms(), bob.id, &to).await.unwrap();
    let to = rename(ANNA, OldAddress::Alias);
    desk.service.mailbox_rename(&desk.operator, &terms(), ann.id, &to).await.unwrap();
    // What only keeps from purging tells nobody why.
    let cat = desk.mailbox(&actor, "cat@alpha.example").await;
    let legal = NewHold {
        kind: control::HoldKind::Legal,
        code: "CASE".into(),
        blocks: None,
        ..NewHold::suspension("Case 7 against Cat")
    };
    desk.service.hold_place(&desk.operator, &terms(), &Subject::Mailbox(cat.id), &legal).await.unwrap();
    let to = rename("kat@alpha.example", OldAddress::Alias);
    let refused = desk.service.mailbox_rename(&actor, &terms(), cat.id, &to).await.unwrap_err();
    assert_eq!(refused.code, Code::Forbidden);
    assert!(!refused.message.contains("Case"), "{refused}");
}
