//! SUMMARY    Addresses are one however they are composed; none is given out that hides letters or passes for another.

use crate::desk::{Desk, new_alias, new_mailbox, terms};
use control::Posting;
use tenants::{Code, ErrorPolicy, GroupPatch, Item, NewGroup, NewMailbox, OldAddress, Rename};

const COMPOSED: &str = "ren\u{e9}@alpha.example";
const APART: &str = "Rene\u{301}@alpha.example";

#[tokio::test]
async fn an_address_is_stored_composed_and_found_either_way() {
    let desk = Desk::new().await;
    let (_, actor) = desk.customer("alpha").await;
    let made = desk.mailbox(&actor, APART).await;
    assert_eq!(made.address, COMPOSED);
    assert_eq!(desk.destination(COMPOSED), control::Destination::Account(made.id));
    let refused = desk.service.mailbox_create(&actor, &terms(), &new_mailbox(COMPOSED)).await.unwrap_err();
    assert_eq!(refused.code, Code::Taken);
    let refused = desk.service.alias_create(&actor, &terms(), &new_alias(APART, &["x@y.example"])).await.unwrap_err();
    assert_eq!(refused.code, Code::Taken);
    let alias = desk.service.alias_create(&actor, &terms(), &new_alias("rene@alpha.example", &[APART])).await.unwrap();
    assert_eq!(alias.object.targets, [COMPOSED]);
}

#[tokio::test]
async fn no_way_makes_an_address_that_hides_or_passes_for_another() {
    let desk = Desk::new().await;
    let (_, actor) = desk.customer("alpha").await;
    let ann = desk.mailbox(&actor, "ann@alpha.example").await;
    let told = desk.plane.told.lock().unwrap().len();
    for local in ["\u{430}nn", "an\u{200b}n", "an\u{202e}n", "an\u{378}", "\u{441}\u{43e}\u{440}\u{435}"] {
        let address = format!("{local}@alpha.example");
        let group = NewGroup {
            address: address.clone(),
            name: "T".into(),
            members: vec![],
            posting: Posting::Anyone,
            tenant: None,
        };
        let to = Rename { address: address.clone(), old: OldAddress::Alias };
        let new: Vec<NewMailbox> = vec![new_mailbox(&address)];
        let many = desk.service.mailboxes_create(&actor, &terms(), &new, ErrorPolicy::Continue).await.unwrap().object;
        let Item::Refused(many) = &many[0] else { panic!("{local:?} was made") };
        let codes = [
            many.code,
            desk.service.mailbox_create(&actor, &terms(), &new_mailbox(&address)).await.unwrap_err().code,
            desk.service.alias_create(&actor, &terms(), &new_alias(&address, &["x@y.example"])).await.unwrap_err().code,
            desk.service.group_create(&actor, &terms(), &group).await.unwrap_err().code,
            desk.service.mailbox_rename(&actor, &terms(), ann.id, &to).await.unwrap_err().code,
        ];
        assert_eq!(codes, [Code::Invalid; 5], "{local:?}");
    }
    assert_eq!(desk.plane.told.lock().unwrap().len(), told);
    // Mail may be led to whatever others have.
    desk.service.alias_create(&actor, &terms(), &new_alias("a@alpha.example", &["\u{430}nn@y.example"])).await.unwrap();
}

#[tokio::test]
async fn what_leads_to_an_own_domain_has_nothing_hidden() {
    let desk = Desk::new().await;
    let (_, actor) = desk.customer("alpha").await;
    for hidden in ["an\u{200b}n@alpha.example", "\u{202e}nna@alpha.example", "ann\u{1bca0}@alpha.example"] {
        let refused = desk.service.alias_create(&actor, &terms(), &new_alias("a@alpha.example", &[hidden])).await;
        let refused = refused.unwrap_err();
        assert_eq!((refused.code, refused.field), (Code::Invalid, "targets"), "{hidden:?}");
        let group = NewGroup {
            address: "team@alpha.example".into(),
            name: "T".into(),
            members: vec![hidden.into()],
            posting: Posting::Anyone,
            tenant: None,
        };
        let refused = desk.service.group_create(&actor, &terms(), &group).await.unwrap_err();
        assert_eq!((refused.code, refused.field), (Code::Invalid, "members"), "{hidden:?}");
    }
    let seen = new_alias("a@alpha.example", &["ren\u{e9}@alpha.example"]);
    desk.service.alias_create(&actor, &terms(), &seen).await.unwrap();
}

#[tokio::test]
async fn addresses_elsewhere_are_kept_as_they_were_given_and_are_one_however_composed() {
    let desk = Desk::new().await;
    let (_, actor) = desk.customer("alpha").await;
    let (apart, composed) = ("Rene\u{301}@y.example", "Ren\u{e9}@y.example");
    let alias = new_alias("a@alpha.example", &[apart, "UPPER@Y.example"]);
    let alias = desk.service.alias_create(&actor, &terms(), &alias).await.unwrap().object;
    assert_eq!(alias.targets, [apart, "upper@y.example"]);
    assert_eq!(desk.destination("a@alpha.example"), control::Destination::Forward(alias.targets));
    let group = NewGroup {
        address: "team@alpha.example".into(),
        name: "T".into(),
        members: vec![apart.into(), composed.into(), APART.into()],
        posting: Posting::Anyone,
        tenant: None,
    };
    let group = desk.service.group_create(&actor, &terms(), &group).await.unwrap().object;
    assert_eq!(group.members, [apart, COMPOSED], "each once; ours composed");
    let patch = GroupPatch { add: vec![composed.into()], ..GroupPatch::default() };
    let group = desk.service.group_update(&actor, &terms(), "team@alpha.example", &patch).await.unwrap().object;
    assert_eq!(group.members, [apart, COMPOSED]);
    let patch = GroupPatch { remove: vec![composed.into(), APART.into()], ..GroupPatch::default() };
    let group = desk.service.group_update(&actor, &terms(), "team@alpha.example", &patch).await.unwrap().object;
    assert!(group.members.is_empty());
    let itself = new_alias(COMPOSED, &[APART]);
    assert_eq!(desk.service.alias_create(&actor, &terms(), &itself).await.unwrap_err().code, Code::Invalid);
}
