//! SUMMARY    A customer in one step: all of it, nothing of it, or only what it would be.

use crate::desk::{Desk, keyed, new_mailbox, terms};
use control::Change;
use tenants::{Code, Limits, NewTenant, Page, Terms};

fn bakery() -> NewTenant {
    NewTenant {
        name: "Bakery".into(),
        domain: Some("Bakery.example".into()),
        vouch: true,
        owner: Some(new_mailbox("anna@bakery.example")),
        ..NewTenant::default()
    }
}

#[tokio::test]
async fn domain_and_owner_come_with_the_tenant_in_one_batch() {
    let desk = Desk::new().await;
    let made = desk.service.tenant_create(&desk.operator, &terms(), &bakery()).await.unwrap().object;
    let owner = desk.service.authenticate(&made.token.unwrap()).await.unwrap();
    assert_eq!(
        desk.service.domains(&owner, made.tenant.id, &Page::first(10)).await.unwrap().0[0].name,
        "bakery.example"
    );
    assert_eq!(desk.service.mailboxes(&owner, made.tenant.id, &Page::first(10)).await.unwrap().1, 1);
    let told = desk.plane.told.lock().unwrap();
    let kinds = told.iter().map(|c| match c {
        Change::Entitlement(_) => 'e',
        Change::Domain(_) => 'd',
        Change::Account(_) => 'a',
        Change::Address(_) => 'r',
    });
    assert_eq!(kinds.collect::<String>(), "edar");
}

#[tokio::test]
async fn a_refused_part_leaves_no_tenant() {
    let desk = Desk::new().await;
    desk.customer("alpha").await;
    let told = desk.plane.told.lock().unwrap().len();
    let no_room = Limits { max_mailboxes: Some(0), ..Limits::default() };
    let elsewhere = Some(new_mailbox("anna@alpha.example"));
    let cases = [
        (NewTenant { domain: Some("alpha.example".into()), owner: None, ..bakery() }, Code::Taken, "domain"),
        (NewTenant { limits: no_room, ..bakery() }, Code::LimitReached, "ownerMailbox"),
        (NewTenant { owner: elsewhere, ..bakery() }, Code::Invalid, "ownerMailbox"),
        (NewTenant { domain: None, ..bakery() }, Code::Invalid, "ownerMailbox"),
    ];
    for (new, code, field) in cases {
        let refused = desk.service.tenant_create(&desk.operator, &terms(), &new).await.unwrap_err();
        assert_eq!((refused.code, refused.field), (code, field), "{new:?}");
    }
    assert_eq!(desk.service.tenants(&desk.operator, &Page::first(10)).await.unwrap().1, 1);
    assert_eq!(desk.plane.told.lock().unwrap().len(), told);
}

#[tokio::test]
async fn a_dry_run_leaves_nothing_and_gives_no_token() {
    let desk = Desk::new().await;
    let dry = Terms { dry_run: true, ..keyed("k") };
    let would = desk.service.tenant_create(&desk.operator, &dry, &bakery()).await.unwrap().object;
    assert!(would.token.is_none());
    assert_eq!(desk.service.tenant(&desk.operator, would.tenant.id).await.unwrap_err().code, Code::NotFound);
    assert!(desk.plane.told.lock().unwrap().is_empty());
    let made = desk.service.tenant_create(&desk.operator, &keyed("k"), &bakery()).await.unwrap().object;
    assert!(made.token.is_some());
}

#[tokio::test]
async fn a_key_names_one_request_and_shows_the_same_token() {
    let desk = Desk::new().await;
    let create = async |new: &NewTenant| desk.service.tenant_create(&desk.operator, &keyed("k"), new).await;
    let first = create(&bakery()).await.unwrap().object;
    let again = create(&bakery()).await.unwrap().object;
    assert_eq!((again.tenant.id, again.token), (first.tenant.id, first.token));
    let mut other_password = new_mailbox("anna@bakery.example");
    other_password.password = "long enough too".into();
    let others = [
        NewTenant { domain: Some("other.example".into()), owner: None, ..bakery() },
        NewTenant { owner: Some(other_password), ..bakery() },
    ];
    for other in others {
        assert_eq!(create(&other).await.unwrap_err().code, Code::IdempotencyMismatch);
    }
}
