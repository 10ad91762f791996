//! SUMMARY    Delegates and granted addresses: within one tenant, told to the doors, gone with who had them.

use crate::{
    desk::{Desk, keyed, new_alias, terms},
    people::{person_on, sign_in},
};
use base::AccountId;
use std::collections::BTreeSet;
use tenants::{Access, Actor, Code, DelegateRights, NewToken, Selector, Shared, SignIn};

const OPEN: DelegateRights = DelegateRights { open: true, write: false, send_as: false };

#[tokio::test]
async fn a_delegate_is_told_changed_and_taken_away() {
    let desk = Desk::new().await;
    let (_, actor) = desk.customer("alpha").await;
    let (ann, bob) = (desk.mailbox(&actor, "ann@alpha.example").await, desk.mailbox(&actor, "bob@alpha.example").await);
    desk.service.delegate_add(&actor, &terms(), ann.id, bob.id, OPEN).await.unwrap();
    let told = desk.account(ann.id).delegates;
    assert_eq!((told[0].account, told[0].open, told[0].write, told[0].send_as), (bob.id, true, false, false));
    let all = DelegateRights { write: true, send_as: true, ..OPEN };
    desk.service.delegate_add(&actor, &terms(), ann.id, bob.id, all).await.unwrap();
    let told = desk.account(ann.id).delegates;
    assert_eq!((told.len(), told[0].write, told[0].send_as), (1, true, true));
    let shown = desk.service.sharing_of(&actor, &[ann.id, bob.id]).await.unwrap();
    assert_eq!((shown[&ann.id].delegates[0].address.as_str(), shown.len()), ("bob@alpha.example", 2));
    assert!(shown[&ann.id].delegate_of.is_empty() && shown[&bob.id].delegates.is_empty());
    // The delegate itself is told, and nobody else's user.
    let user = async |address: &str| {
        let new = sign_in(SignIn::Mailbox, address, "long enough");
        let tokens = desk.service.session_create(&new).await.unwrap();
        desk.service.authenticate(&tokens.access).await.unwrap()
    };
    let opens = desk.service.sharing_of(&user("bob@alpha.example").await, &[ann.id, bob.id]).await.unwrap();
    let expected =
        Shared { account: ann.id, address: "ann@alpha.example".into(), display_name: String::new(), rights: all };
    assert_eq!((opens.len(), &opens[&bob.id].delegate_of), (1, &vec![expected]));
    let none = desk.service.sharing_of(&user("ann@alpha.example").await, &[bob.id]).await.unwrap();
    assert!(none.is_empty());
    desk.service.mailbox_delete(&actor, &keyed("1"), ann.id).await.unwrap();
    assert!(desk.service.sharing_of(&actor, &[bob.id]).await.unwrap().is_empty(), "what is deleted opens nothing");
    desk.service.mailbox_restore(&actor, &keyed("2"), ann.id).await.unwrap();
    desk.service.delegate_remove(&actor, &terms(), ann.id, bob.id).await.unwrap();
    assert!(desk.account(ann.id).delegates.is_empty());
    assert!(desk.service.sharing_of(&actor, &[bob.id]).await.unwrap().is_empty());
    assert_eq!(desk.service.delegate_remove(&actor, &terms(), ann.id, bob.id).await.unwrap_err().code, Code::NotFound);
}

#[tokio::test]
async fn who_reaches_a_part_of_a_tenant_sees_no_delegates_or_owners_outside_of_it() {
    let desk = Desk::new().await;
    let (tenant, actor) = desk.customer("alpha").await;
    desk.service.domain_vouch(&desk.operator, &terms(), tenant, "second.example").await.unwrap();
    let mailbox = async |address: &str| desk.mailbox(&actor, address).await.id;
    let (ann, bob) = (mailbox("ann@alpha.example").await, mailbox("bob@alpha.example").await);
    let far = mailbox("far@second.example").await;
    for (of, to) in [(ann, bob), (ann, far), (far, ann)] {
        desk.service.delegate_add(&actor, &terms(), of, to, OPEN).await.unwrap();
    }
    let shown = async |by: &Actor| {
        let of_ann = desk.service.sharing_of(by, &[ann]).await.unwrap().remove(&ann).unwrap_or_default();
        let delegates: Vec<AccountId> = of_ann.delegates.iter().map(|d| d.account).collect();
        (delegates, of_ann.delegate_of.iter().map(|s| s.account).collect::<Vec<_>>())
    };
    let on = |on: Selector| person_on(&desk, &actor, tenant, "desk@x.example", "help-desk", on);
    let by_domain = on(Selector::Domains(BTreeSet::from(["alpha.example".to_owned()]))).await;
    assert_eq!(shown(&by_domain).await, (vec![bob], vec![]));
    let on = |on: Selector| person_on(&desk, &actor, tenant, "desk2@x.example", "help-desk", on);
    let by_mailbox = on(Selector::Mailboxes(BTreeSet::from([ann, far]))).await;
    assert_eq!(shown(&by_mailbox).await, (vec![far], vec![far]));
    assert_eq!(shown(&actor).await, (vec![bob, far], vec![far]), "who reaches the whole sees all");
    let tokens = desk.service.session_create(&sign_in(SignIn::Mailbox, "ann@alpha.example", "long enough")).await;
    let user = desk.service.authenticate(&tokens.unwrap().access).await.unwrap();
    assert_eq!(shown(&user).await, (vec![bob, far], vec![far]), "and so does its own user");
}

#[tokio::test]
async fn rights_stay_within_one_tenant_and_make_sense() {
    let desk = Desk::new().await;
    let (_, actor) = desk.customer("alpha").await;
    let (_, other) = desk.customer("beta").await;
    let (ann, bob) = (desk.mailbox(&actor, "ann@alpha.example").await, desk.mailbox(&actor, "bob@alpha.example").await);
    let eve = desk.mailbox(&other, "eve@beta.example").await;
    let told = desk.plane.told.lock().unwrap().len();
    for by in [&actor, &other, &desk.operator] {
        for (of, to) in [(ann.id, eve.id), (eve.id, ann.id)] {
            assert_eq!(desk.service.delegate_add(by, &terms(), of, to, OPEN).await.unwrap_err().code, Code::NotFound);
        }
        let refused = desk.service.send_as_add(by, &terms(), ann.id, "eve@beta.example").await;
        assert_eq!(refused.unwrap_err().code, Code::NotFound);
    }
    let write_only = DelegateRights { write: true, ..DelegateRights::default() };
    for (to, rights) in [(ann.id, OPEN), (bob.id, DelegateRights::default()), (bob.id, write_only)] {
        assert_eq!(
            desk.service.delegate_add(&actor, &terms(), ann.id, to, rights).await.unwrap_err().code,
            Code::Invalid
        );
    }
    assert_eq!(desk.plane.told.lock().unwrap().len(), told);
}

#[tokio::test]
async fn a_granted_address_is_sent_from_until_it_or_the_grant_goes() {
    let desk = Desk::new().await;
    let (_, actor) = desk.customer("alpha").await;
    let (ann, bob) = (desk.mailbox(&actor, "ann@alpha.example").await, desk.mailbox(&actor, "bob@alpha.example").await);
    let shared = new_alias("sales@alpha.example", &["ann@alpha.example", "bob@alpha.example"]);
    desk.service.alias_create(&actor, &terms(), &shared).await.unwrap();
    desk.service.send_as_add(&actor, &terms(), ann.id, "Sales@alpha.example").await.unwrap();
    desk.service.send_as_add(&actor, &terms(), bob.id, "sales@alpha.example").await.unwrap();
    assert_eq!(desk.account(ann.id).send_as, ["sales@alpha.example"]);
    desk.service.send_as_remove(&actor, &terms(), ann.id, "sales@alpha.example").await.unwrap();
    assert!(desk.account(ann.id).send_as.is_empty());
    desk.service.alias_delete(&actor, &terms(), "sales@alpha.example").await.unwrap();
    assert!(desk.account(bob.id).send_as.is_empty());
    let refused = desk.service.send_as_add(&actor, &terms(), ann.id, "sales@alpha.example").await;
    assert_eq!(refused.unwrap_err().code, Code::NotFound);
}

#[tokio::test]
async fn a_deleted_delegate_comes_back_with_its_rights_and_a_purged_one_does_not() {
    let desk = Desk::new().await;
    let (_, actor) = desk.customer("alpha").await;
    let (ann, bob) = (desk.mailbox(&actor, "ann@alpha.example").await, desk.mailbox(&actor, "bob@alpha.example").await);
    desk.service.delegate_add(&actor, &terms(), ann.id, bob.id, OPEN).await.unwrap();
    desk.service.mailbox_delete(&actor, &keyed("1"), bob.id).await.unwrap();
    desk.service.mailbox_restore(&actor, &keyed("2"), bob.id).await.unwrap();
    assert_eq!(desk.account(ann.id).delegates.len(), 1);
    desk.service.mailbox_delete(&actor, &keyed("3"), bob.id).await.unwrap();
    desk.service.mailbox_purge(&actor, &keyed("4"), bob.id).await.unwrap();
    assert!(desk.account(ann.id).delegates.is_empty());
    assert!(desk.service.sharing_of(&actor, &[ann.id]).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_token_for_some_mailboxes_opens_them_to_each_other_only() {
    let desk = Desk::new().await;
    let (tenant, actor) = desk.customer("alpha").await;
    let (ann, bob) = (desk.mailbox(&actor, "ann@alpha.example").await, desk.mailbox(&actor, "bob@alpha.example").await);
    let eve = desk.mailbox(&actor, "eve@alpha.example").await;
    let on = Selector::Mailboxes(BTreeSet::from([ann.id, bob.id]));
    let new = NewToken { on, ..NewToken::new(tenant, "pair", Access::ReadWrite) };
    let token = desk.service.token_create(&actor, &terms(), &new).await.unwrap().object.secret.unwrap();
    let pair = desk.service.authenticate(&token).await.unwrap();
    let refused = desk.service.delegate_add(&pair, &terms(), ann.id, eve.id, OPEN).await.unwrap_err();
    assert_eq!((refused.code, refused.field), (Code::NotFound, "delegateId"));
    assert!(desk.account(ann.id).delegates.is_empty());
    desk.service.delegate_add(&pair, &terms(), ann.id, bob.id, OPEN).await.unwrap();
    assert_eq!(desk.account(ann.id).delegates.len(), 1);
    // Who reaches all may.
    desk.service.delegate_add(&actor, &terms(), ann.id, eve.id, OPEN).await.unwrap();
    // What another gave, the token takes away from its own.
    desk.service.delegate_remove(&pair, &terms(), ann.id, eve.id).await.unwrap();
    assert_eq!(desk.account(ann.id).delegates.len(), 1);
}
