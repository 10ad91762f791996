//! SUMMARY    Idempotency keys: kept per caller in a tenant, for a time, for what was done only.

use crate::{
    desk::{Desk, Hands, dry, keyed, new_mailbox, terms},
    people::{person, sign_in, signed_in},
};
use base::Clock;
use std::sync::Arc;
use tenants::{Access, Actor, Code, NewServiceAccount, NewToken, Selector, SignIn, limits::IDEMPOTENCY_LIFE};

#[tokio::test]
async fn a_key_is_forgotten_after_its_life() {
    let hands = Arc::new(Hands::default());
    let desk = Desk::at(hands.clone()).await;
    let (_, actor) = desk.customer("alpha").await;
    let create = async || desk.service.mailbox_create(&actor, &keyed("k"), &new_mailbox("ann@alpha.example")).await;
    let first = create().await.unwrap().object;
    hands.turn(IDEMPOTENCY_LIFE - std::time::Duration::from_millis(1));
    assert_eq!(create().await.unwrap().object.id, first.id);
    hands.turn(std::time::Duration::from_millis(1));
    assert_eq!(create().await.unwrap_err().code, Code::Taken, "done anew at {:?}", hands.now());
}

#[tokio::test]
async fn tenants_have_their_own_keys() {
    let desk = Desk::new().await;
    let (_, alpha) = desk.customer("alpha").await;
    let (_, beta) = desk.customer("beta").await;
    desk.service.mailbox_create(&alpha, &keyed("k"), &new_mailbox("ann@alpha.example")).await.unwrap();
    desk.service.mailbox_create(&beta, &keyed("k"), &new_mailbox("ann@beta.example")).await.unwrap();
}

#[tokio::test]
async fn members_users_and_service_accounts_of_a_tenant_have_their_own_keys() {
    let desk = Desk::new().await;
    let (tenant, token) = desk.customer("alpha").await;
    let ann = person(&desk, &token, tenant, "ann@x.example", "admin").await;
    let ben = person(&desk, &token, tenant, "ben@x.example", "admin").await;
    let make = async |by: &Actor, address: &str| {
        desk.service.mailbox_create(by, &keyed("k"), &new_mailbox(address)).await.map(|done| done.object.id)
    };
    let own = [(&token, "one"), (&ann, "two"), (&ben, "three")];
    let mut made = Vec::new();
    for (by, name) in own {
        made.push(make(by, &format!("{name}@alpha.example")).await.unwrap());
    }
    // A mailbox's user does not get at them either.
    let tokens = desk.service.session_create(&sign_in(SignIn::Mailbox, "two@alpha.example", "long enough")).await;
    let user = desk.service.authenticate(&tokens.unwrap().access).await.unwrap();
    desk.service.app_password_create(&user, &keyed("k"), made[1], "phone").await.unwrap();
    for (n, (by, name)) in own.into_iter().enumerate() {
        assert_eq!(make(by, &format!("{name}@alpha.example")).await.unwrap(), made[n], "{name}");
        assert_eq!(make(by, "four@alpha.example").await.unwrap_err().code, Code::IdempotencyMismatch);
    }
    // The same person by another session.
    let again = signed_in(&desk, "ann@x.example", tenant).await;
    assert_ne!(again.session(), ann.session());
    assert_eq!(make(&again, "two@alpha.example").await.unwrap(), made[1]);
    // The same service account by another token.
    let new = NewServiceAccount { tenant, name: "sync".into(), role: "admin".into(), on: Selector::All };
    let account = desk.service.service_account_create(&token, &terms(), &new).await.unwrap().object.id;
    let program = async |label: &str| {
        let new =
            NewToken { service_account: Some(account.clone()), ..NewToken::new(tenant, label, Access::ReadWrite) };
        let made = desk.service.token_create(&token, &terms(), &new).await.unwrap().object;
        desk.service.authenticate(&made.secret.unwrap()).await.unwrap()
    };
    let (old, new) = (program("old").await, program("new").await);
    let first = make(&old, "five@alpha.example").await.unwrap();
    assert_eq!(make(&new, "five@alpha.example").await.unwrap(), first);
}

#[tokio::test]
async fn a_refused_request_and_a_dry_run_do_not_use_up_their_key() {
    let desk = Desk::new().await;
    let (_, actor) = desk.customer("alpha").await;
    let refused = desk.service.mailbox_create(&actor, &keyed("k"), &new_mailbox("ann@beta.example")).await;
    assert_eq!(refused.unwrap_err().code, Code::NotFound);
    let dry = tenants::Terms { dry_run: true, ..keyed("k") };
    desk.service.mailbox_create(&actor, &dry, &new_mailbox("bob@alpha.example")).await.unwrap();
    desk.service.mailbox_create(&actor, &keyed("k"), &new_mailbox("ann@alpha.example")).await.unwrap();
}

#[tokio::test]
async fn an_answer_is_remembered_as_it_was_given() {
    let desk = Desk::new().await;
    let (_, actor) = desk.customer("alpha").await;
    let made =
        desk.service.mailbox_create(&actor, &keyed("k"), &new_mailbox("ann@alpha.example")).await.unwrap().object;
    desk.service.mailbox_delete(&actor, &keyed("d"), made.id).await.unwrap();
    let again = desk.service.mailbox_create(&actor, &keyed("k"), &new_mailbox("ann@alpha.example")).await.unwrap();
    assert_eq!((again.object.id, again.object.version), (made.id, made.version));
}

#[tokio::test]
async fn the_same_key_at_the_same_time_makes_one() {
    let desk = Desk::new().await;
    let (_, actor) = desk.customer("alpha").await;
    let create = async || desk.service.mailbox_create(&actor, &keyed("k"), &new_mailbox("ann@alpha.example")).await;
    let (one, two, three) = tokio::join!(create(), create(), create());
    let ids = [one, two, three].map(|made| made.unwrap().object.id);
    assert!(ids.iter().all(|id| *id == ids[0]));
}

#[tokio::test]
async fn a_repeated_app_password_is_the_same_credential_with_a_fresh_secret() {
    let desk = Desk::new().await;
    let (_, actor) = desk.customer("alpha").await;
    let ann = desk.mailbox(&actor, "ann@alpha.example").await;
    let create = async || desk.service.app_password_create(&actor, &keyed("k"), ann.id, "phone").await;
    let first = create().await.unwrap().object;
    let before = desk.account(ann.id).credentials;
    let again = create().await.unwrap().object;
    let after = desk.account(ann.id).credentials;
    assert_eq!(again.id, first.id);
    assert_ne!(again.secret, first.secret);
    assert_eq!((before.len(), after.len()), (2, 2));
    assert_ne!(before[1].argon2, after[1].argon2, "the first secret ended");
    assert!(desk.service.app_password_create(&actor, &dry(), ann.id, "phone").await.unwrap().object.secret.is_none());
    desk.service.app_password_revoke(&actor, &terms(), ann.id, &first.id).await.unwrap();
    assert_eq!(create().await.unwrap_err().code, Code::NotFound);
}

#[tokio::test]
async fn a_key_has_a_size() {
    let desk = Desk::new().await;
    let (_, actor) = desk.customer("alpha").await;
    for key in [String::new(), "k".repeat(256)] {
        let refused = desk.service.mailbox_create(&actor, &keyed(&key), &new_mailbox("ann@alpha.example")).await;
        assert_eq!(refused.unwrap_err().code, Code::Invalid);
    }
}
