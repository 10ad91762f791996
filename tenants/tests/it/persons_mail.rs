//! SUMMARY    Who gets at a person's mail could become that person: it takes all that the person may.

use crate::{
    desk::{Desk, new_alias, new_mailbox, terms},
    import::ended,
    people::{accept, code, invitation, person, person_on, sign_in, signed_in},
};
use base::TenantId;
use std::{collections::BTreeSet, time::Duration};
use tenants::{
    Access, Actor, AliasPatch, Code, DelegateRights, DirectoryPatch, DomainPatch, ErrorPolicy, GroupPatch, Mailbox,
    MailboxPatch, NewDirectoryUser, NewGroup, NewImport, NewSupportGrant, NewToken, OldAddress, Rename, Selector,
    SignIn, SupportScope,
};

struct World {
    desk: Desk,
    tenant: TenantId,
    /// A token with every right.
    token: Actor,
    boss: Mailbox,
    ann: Mailbox,
}

/// A tenant whose owner's address is one of its mailboxes.
async fn world() -> World {
    let desk = Desk::new().await;
    let (tenant, token) = desk.customer("alpha").await;
    let boss = desk.mailbox(&token, "boss@alpha.example").await;
    let ann = desk.mailbox(&token, "ann@alpha.example").await;
    proved(&desk, &token, tenant, "boss@alpha.example", "owner").await;
    World { desk, tenant, token, boss, ann }
}

/// A person that showed that mail to the address reaches it.
async fn proved(desk: &Desk, by: &Actor, tenant: TenantId, email: &str, role: &str) -> Actor {
    desk.service.member_invite(by, &terms(), &invitation(tenant, email, role, Selector::All)).await.unwrap();
    let due = desk.service.notices_due(100).await.unwrap();
    let mailed = due.iter().find(|n| n.recipient == email).unwrap().facts["secret"].as_str().unwrap().to_owned();
    let nobody = Actor::nobody("test".into());
    let member = desk.service.invitation_accept(&nobody, &accept(&mailed)).await.unwrap().object;
    assert!(member.person.verified);
    signed_in(desk, email, tenant).await
}

fn password() -> MailboxPatch {
    MailboxPatch { password: Some("long enough too".into()), ..MailboxPatch::default() }
}

fn group(address: &str, members: &[&str]) -> NewGroup {
    let members = members.iter().map(|m| (*m).to_owned()).collect();
    NewGroup { address: address.into(), name: "G".into(), members, posting: control::Posting::Anyone, tenant: None }
}

impl World {
    /// Whether somebody may set the password of a mailbox, and make an app password for it.
    async fn opens(&self, who: &Actor, mailbox: &Mailbox) -> [bool; 2] {
        let service = &self.desk.service;
        let refused = |e: tenants::Error| {
            assert_eq!(e.code, Code::Forbidden, "{e:?}");
            assert!(e.message.contains("more rights") && e.message.contains("owner"), "{e:?}");
        };
        let set = service.mailbox_update(who, &terms(), mailbox.id, &password()).await.map_err(refused).is_ok();
        let made = service.app_password_create(who, &terms(), mailbox.id, "x").await.map_err(refused).is_ok();
        [set, made]
    }

    async fn desk_of(&self, role: &str) -> Actor {
        person(&self.desk, &self.token, self.tenant, &format!("{role}@elsewhere.example"), role).await
    }
}

#[tokio::test]
async fn a_help_desk_does_not_open_the_mailbox_of_an_owner() {
    let w = world().await;
    let help = w.desk_of("help-desk").await;
    assert_eq!(w.opens(&help, &w.boss).await, [false; 2]);
    assert_eq!(w.opens(&help, &w.ann).await, [true; 2], "nobody with rights has this address");
    assert_eq!(w.opens(&w.token, &w.boss).await, [true; 2]);
    assert_eq!(w.opens(&w.desk.operator, &w.boss).await, [true; 2]);
    // The user of the mailbox, and the person herself.
    let tokens =
        w.desk.service.session_create(&sign_in(SignIn::Mailbox, "boss@alpha.example", "long enough too")).await;
    let user = w.desk.service.authenticate(&tokens.unwrap().access).await.unwrap();
    w.desk.service.app_password_create(&user, &terms(), w.boss.id, "phone").await.unwrap();
    let boss = signed_in(&w.desk, "boss@alpha.example", w.tenant).await;
    assert_eq!(w.opens(&boss, &w.boss).await, [true; 2]);
    // An admin lacks what the owner has.
    let admin = w.desk_of("admin").await;
    assert_eq!(w.opens(&admin, &w.boss).await, [false; 2]);
    // Revoking opens nothing.
    let made = w.desk.service.app_password_create(&boss, &terms(), w.boss.id, "y").await.unwrap().object;
    w.desk.service.app_password_revoke(&help, &terms(), w.boss.id, &made.id).await.unwrap();
}

#[tokio::test]
async fn a_help_desk_serves_users_of_their_own_mailbox_and_its_equals() {
    let w = world().await;
    let help = w.desk_of("help-desk").await;
    let on = Selector::Mailboxes(BTreeSet::from([w.ann.id]));
    person_on(&w.desk, &w.token, w.tenant, "ann@alpha.example", "mailbox-user", on).await;
    assert_eq!(w.opens(&help, &w.ann).await, [true; 2], "what the mailbox gives anyway");
    let on = Selector::Mailboxes(BTreeSet::from([w.boss.id]));
    person_on(&w.desk, &w.token, w.tenant, "ann@alpha.example", "mailbox-user", on).await;
    assert_eq!(w.opens(&help, &w.ann).await, [false; 2], "another one's mailbox");
    let mate = w.desk.mailbox(&w.token, "mate@alpha.example").await;
    person(&w.desk, &w.token, w.tenant, "mate@alpha.example", "help-desk").await;
    assert_eq!(w.opens(&help, &mate).await, [true; 2]);
}

#[tokio::test]
async fn support_by_consent_does_not_become_the_owner() {
    let w = world().await;
    let service = &w.desk.service;
    let root = w.desk.operator.tenant();
    person(&w.desk, &w.desk.operator, root, "staff@provider.example", "owner").await;
    let life = Duration::from_secs(3600);
    let new = NewSupportGrant { tenant: w.tenant, scope: SupportScope::Content, reason: "x".into(), life };
    let grant = service.support_grant_create(&w.token, &terms(), &new).await.unwrap().object;
    let staff = signed_in(&w.desk, "staff@provider.example", root).await;
    service.support_grant_use(&staff, &terms(), &grant.id).await.unwrap();
    let staff = signed_in(&w.desk, "staff@provider.example", root).await;
    assert_eq!(w.opens(&staff, &w.boss).await, [false; 2]);
    assert_eq!(w.opens(&staff, &w.ann).await, [true; 2]);
    let diverted = service.alias_create(&staff, &terms(), &new_alias("x@alpha.example", &["boss@alpha.example"])).await;
    diverted.expect("leading to her takes nothing from her");
}

#[tokio::test]
async fn rights_elsewhere_count_when_their_person_agreed_and_are_nobodys_lever_when_not() {
    let w = world().await;
    let (other, others) = w.desk.customer("beta").await;
    let owner = w.desk_of("owner").await;
    // Another tenant names somebody of this one its owner, by the secret that proves nothing.
    person(&w.desk, &others, other, "ann@alpha.example", "owner").await;
    assert_eq!(w.opens(&owner, &w.ann).await, [true; 2], "nobody locks the mailboxes of others");
    // The provider's person has its address here.
    let ops = w.desk.mailbox(&w.token, "ops@alpha.example").await;
    proved(&w.desk, &w.desk.operator, w.desk.operator.tenant(), "ops@alpha.example", "admin").await;
    assert_eq!(w.opens(&owner, &ops).await, [false; 2]);
    assert_eq!(w.opens(&w.desk.operator, &ops).await, [true; 2]);
}

#[tokio::test]
async fn an_open_invitation_counts_as_what_it_gives() {
    let w = world().await;
    let help = w.desk_of("help-desk").await;
    let new = invitation(w.tenant, "Ann@alpha.example", "owner", Selector::All);
    let invited = w.desk.service.member_invite(&w.token, &terms(), &new).await.unwrap().object;
    assert_eq!(w.opens(&help, &w.ann).await, [false; 2]);
    w.desk.service.invitation_revoke(&w.token, &terms(), &invited.invitation.id).await.unwrap();
    assert_eq!(w.opens(&help, &w.ann).await, [true; 2]);
}

#[tokio::test]
async fn whatever_leads_to_a_mailbox_counts() {
    let w = world().await;
    let service = &w.desk.service;
    let help = w.desk_of("help-desk").await;
    // A group and an alias on the way, another name of the domain, a detail, a catch-all, a delegate: each for a mailbox of its own.
    service.domain_vouch(&w.desk.operator, &terms(), w.tenant, "more.example").await.unwrap();
    service.domain_alias_create(&w.token, &terms(), "more.example", "alpha.example").await.unwrap();
    service.domain_vouch(&w.desk.operator, &terms(), w.tenant, "all.example").await.unwrap();
    let reader = w.desk.mailbox(&w.token, "reader@alpha.example").await;
    service.group_create(&w.token, &terms(), &group("heads@alpha.example", &["reader@alpha.example"])).await.unwrap();
    let alias = new_alias("office@alpha.example", &["heads@more.example"]);
    service.alias_create(&w.token, &terms(), &alias).await.unwrap();
    let named = w.desk.mailbox(&w.token, "named@alpha.example").await;
    let detailed = w.desk.mailbox(&w.token, "detailed@alpha.example").await;
    let behind = w.desk.mailbox(&w.token, "behind@alpha.example").await;
    let alias = new_alias("front@alpha.example", &["behind+front@alpha.example"]);
    service.alias_create(&w.token, &terms(), &alias).await.unwrap();
    let all = w.desk.mailbox(&w.token, "all@all.example").await;
    w.desk.mailbox(&w.token, "own@all.example").await;
    let patch = DomainPatch { catch_all: Some(Some("all@all.example".into())), ..DomainPatch::default() };
    service.domain_update(&w.token, &terms(), "all.example", &patch).await.unwrap();
    let delegate = w.desk.mailbox(&w.token, "delegate@alpha.example").await;
    let cases = [
        (&reader, "office@alpha.example"),
        (&named, "named@more.example"),
        (&detailed, "detailed+a@alpha.example"),
        (&behind, "front@alpha.example"),
        (&all, "nobody@all.example"),
    ];
    for (mailbox, email) in cases {
        assert_eq!(w.opens(&help, mailbox).await, [true; 2], "{email}");
        person(&w.desk, &w.token, w.tenant, email, "owner").await;
        assert_eq!(w.opens(&help, mailbox).await, [false; 2], "{email}");
    }
    assert_eq!(w.opens(&help, &delegate).await, [true; 2]);
    let send = DelegateRights { send_as: true, ..DelegateRights::default() };
    service.delegate_add(&w.token, &terms(), w.boss.id, delegate.id, send).await.unwrap();
    assert_eq!(w.opens(&help, &delegate).await, [true; 2], "sending as somebody reads nothing");
    let open = DelegateRights { open: true, ..DelegateRights::default() };
    service.delegate_add(&w.token, &terms(), w.boss.id, delegate.id, open).await.unwrap();
    assert_eq!(w.opens(&help, &delegate).await, [false; 2]);
}

/// An admin: all but the owner's three rights. Every door that leads mail elsewhere is refused, and none for others' mail.
#[tokio::test]
async fn no_door_leads_an_owners_mail_to_who_has_less() {
    let w = world().await;
    let service = &w.desk.service;
    for domain in ["two.example", "three.example"] {
        service.domain_vouch(&w.desk.operator, &terms(), w.tenant, domain).await.unwrap();
    }
    for gone in ["gone@alpha.example", "lost@two.example", "named@three.example"] {
        person(&w.desk, &w.token, w.tenant, gone, "owner").await;
    }
    let led = new_alias("led@alpha.example", &["boss@alpha.example"]);
    service.alias_create(&w.token, &terms(), &led).await.unwrap();
    person(&w.desk, &w.token, w.tenant, "led@alpha.example", "owner").await;
    service.group_create(&w.token, &terms(), &group("team@alpha.example", &["boss@alpha.example"])).await.unwrap();
    person(&w.desk, &w.token, w.tenant, "team@alpha.example", "owner").await;
    w.desk.mailbox(&w.token, "all@two.example").await;
    let admin = w.desk_of("admin").await;
    let no = |what: &str, code: Code| assert_eq!(code, Code::Forbidden, "{what}");
    let t = terms();
    no("mailbox", code(service.mailbox_create(&admin, &t, &new_mailbox("gone@alpha.example")).await));
    let both = [new_mailbox("gone@alpha.example"), new_mailbox("fine@alpha.example")];
    let made = service.mailboxes_create(&admin, &t, &both, ErrorPolicy::Continue).await.unwrap().object;
    assert!(matches!(&made[0], tenants::Item::Refused(e) if e.code == Code::Forbidden), "{:?}", made[0]);
    assert!(matches!(&made[1], tenants::Item::Done(_)));
    no(
        "rename to",
        code(service.mailbox_rename(&admin, &t, w.ann.id, &to("gone@alpha.example", OldAddress::Alias)).await),
    );
    for old in [OldAddress::Alias, OldAddress::Tombstone] {
        no("rename", code(service.mailbox_rename(&admin, &t, w.boss.id, &to("x@alpha.example", old)).await));
    }
    no("alias", code(service.alias_create(&admin, &t, &new_alias("gone@alpha.example", &["ann@alpha.example"])).await));
    let more = [new_alias("gone@alpha.example", &["ann@alpha.example"])];
    let made = service.aliases_create(&admin, &t, &more, ErrorPolicy::Continue).await.unwrap().object;
    assert!(matches!(&made[0], tenants::Item::Refused(e) if e.code == Code::Forbidden), "{:?}", made[0]);
    let elsewhere = AliasPatch { targets: Some(vec!["ann@alpha.example".into()]), ..AliasPatch::default() };
    no("alias update", code(service.alias_update(&admin, &t, "led@alpha.example", &elsewhere).await));
    no("alias delete", code(service.alias_delete(&admin, &t, "led@alpha.example").await));
    no("group", code(service.group_create(&admin, &t, &group("gone@alpha.example", &["ann@alpha.example"])).await));
    let add = GroupPatch { add: vec!["ann@alpha.example".into()], ..GroupPatch::default() };
    no("group update", code(service.group_update(&admin, &t, "team@alpha.example", &add).await));
    no("group delete", code(service.group_delete(&admin, &t, "team@alpha.example").await));
    let open = DelegateRights { open: true, ..DelegateRights::default() };
    no("delegate", code(service.delegate_add(&admin, &t, w.boss.id, w.ann.id, open).await));
    let all = DomainPatch { catch_all: Some(Some("all@two.example".into())), ..DomainPatch::default() };
    no("catch-all", code(service.domain_update(&admin, &t, "two.example", &all).await));
    no("other name", code(service.domain_alias_create(&admin, &t, "three.example", "alpha.example").await));
    // What is not a person's goes on.
    service.alias_create(&admin, &t, &new_alias("sales@alpha.example", &["ann@alpha.example"])).await.unwrap();
    service.alias_update(&admin, &t, "sales@alpha.example", &elsewhere).await.unwrap();
    service.mailbox_rename(&admin, &t, w.ann.id, &to("anna@alpha.example", OldAddress::Alias)).await.unwrap();
    service.alias_delete(&admin, &t, "sales@alpha.example").await.unwrap();
    // An owner may all of it.
    service.domain_update(&w.token, &t, "two.example", &all).await.unwrap();
    service.mailbox_rename(&w.token, &t, w.boss.id, &to("chief@alpha.example", OldAddress::Tombstone)).await.unwrap();
}

fn to(address: &str, old: OldAddress) -> Rename {
    Rename { address: address.into(), old }
}

#[tokio::test]
async fn directories_and_imports_go_the_same_way() {
    let w = world().await;
    let service = &w.desk.service;
    person(&w.desk, &w.token, w.tenant, "gone@alpha.example", "owner").await;
    let admin = w.desk_of("admin").await;
    let token = NewToken::new(w.tenant, "scim", Access::ReadWrite);
    let token = service.token_create(&admin, &terms(), &token).await.unwrap().object.secret.unwrap();
    let scim = service.authenticate(&token).await.unwrap();
    let patch = DirectoryPatch { password: Some("long enough too".into()), ..DirectoryPatch::default() };
    assert_eq!(code(service.directory_update(&scim, &terms(), w.boss.id, &patch).await), Code::Forbidden);
    service.directory_update(&scim, &terms(), w.ann.id, &patch).await.unwrap();
    let patch = DirectoryPatch { user_name: Some("x@alpha.example".into()), ..DirectoryPatch::default() };
    assert_eq!(code(service.directory_update(&scim, &terms(), w.boss.id, &patch).await), Code::Forbidden);
    let patch = DirectoryPatch { active: Some(false), ..DirectoryPatch::default() };
    service.directory_update(&scim, &terms(), w.boss.id, &patch).await.unwrap();
    let new = NewDirectoryUser {
        user_name: "gone@alpha.example".into(),
        display_name: "G".into(),
        password: Some("long enough".into()),
        external_id: None,
        given_name: None,
        family_name: None,
        active: true,
    };
    assert_eq!(code(service.directory_create(&scim, &terms(), &new).await), Code::Forbidden);
    // Rows together, and one with an alias by itself.
    let csv = "address,password,aliases\ngone@alpha.example,long enough,\nok@alpha.example,long enough,\n\
               two@alpha.example,long enough,gone@alpha.example\n";
    let new = NewImport { tenant: w.tenant, csv: csv.into(), check_only: false, policy: ErrorPolicy::Continue };
    let job = service.mailbox_import(&admin, &terms(), &new).await.unwrap().object;
    ended(service, &admin, &job.id).await;
    let result = service.mailbox_import_result(&admin, &job.id, true).await.unwrap();
    assert_eq!(result.matches("FORBIDDEN").count(), 2, "{result}");
    assert!(!result.contains("ok@alpha.example"), "{result}");
}
