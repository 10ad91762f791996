//! SUMMARY    In which language people are written to.

use crate::{
    desk::{Desk, terms},
    people::{invitation, person},
};
use tenants::{Actor, PersonPatch, Seen, Selector};

#[tokio::test]
async fn an_invitation_and_a_new_password_are_mailed_in_the_readers_language_or_the_inviters() {
    let desk = Desk::new().await;
    let (tenant, owner) = desk.customer("alpha").await;
    let boss = person(&desk, &owner, tenant, "boss@elsewhere.example", "owner").await;
    let speaks = async |who: &Actor, locale: &str| {
        let patch = PersonPatch { locale: Some(locale.into()), ..PersonPatch::default() };
        desk.service.person_update(who, &terms(), &patch).await.unwrap();
    };
    let mailed = async |by: &Actor, email: &str| {
        let new = invitation(tenant, email, "auditor", Selector::All);
        desk.service.member_invite(by, &terms(), &new).await.unwrap();
        let due = desk.service.notices_due(100).await.unwrap();
        due.into_iter().rfind(|n| n.kind == "invitation" && n.recipient == email).unwrap().locale
    };
    assert_eq!(mailed(&owner, "new@x.example").await, "en", "a token speaks no language");
    speaks(&boss, "de-CH").await;
    assert_eq!(mailed(&boss, "other@x.example").await, "de-CH", "somebody new is written to as by who invites");
    let ann = person(&desk, &owner, tenant, "ann@x.example", "auditor").await;
    speaks(&ann, "fr").await;
    let (below, theirs) = desk.customer("beta").await;
    let again = invitation(below, "Ann@x.example", "auditor", Selector::All);
    desk.service.member_invite(&theirs, &terms(), &again).await.unwrap();
    desk.service.password_forgot("ann@x.example", &Seen::default()).await.unwrap();
    let due = desk.service.notices_due(100).await.unwrap();
    let last = |kind: &str, to: &str| due.iter().rfind(|n| n.kind == kind && n.recipient == to).unwrap().locale.clone();
    assert_eq!(last("invitation", "Ann@x.example"), "fr");
    assert_eq!(last("password-reset", "ann@x.example"), "fr");
}
