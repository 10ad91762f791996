//! SUMMARY    People come in by invitation, have what their roles give them, and give nobody what they lack.

use crate::desk::{Desk, Hands, keyed, new_mailbox, terms};
use base::TenantId;
use std::{collections::BTreeSet, sync::Arc, time::Duration};
use tenants::{
    Acceptance, Access, Actor, AuditFilter, Code, MailboxPatch, MemberPatch, NewInvitation, NewMailbox, NewMasked,
    NewRole, NewServiceAccount, NewSession, NewTenant, NewToken, Page, Permission, Permissions, PersonPatch, Presented,
    RolePatch, Seen, Selector, SignIn, StandardRole, TenantPatch,
    limits::{INVITATION_MAILS_PER_ADDRESS, INVITATION_MAILS_PER_ADDRESS_OF_ALL, SIGN_INS_PER_NAME},
};

pub const PASSWORD: &str = "correct horse";

pub fn accept(secret: &str) -> Acceptance {
    Acceptance {
        secret: secret.into(),
        name: Some("Somebody".into()),
        locale: None,
        password: Some(PASSWORD.into()),
        identity_code: None,
        seen: Seen::default(),
    }
}

pub fn sign_in(who: SignIn, email: &str, password: &str) -> NewSession {
    NewSession {
        who,
        email: email.into(),
        password: password.into(),
        factor: None,
        tenant: None,
        seen: Seen::default(),
    }
}

pub fn invitation(tenant: TenantId, email: &str, role: &str, on: Selector) -> NewInvitation {
    NewInvitation { tenant, email: email.into(), role: role.into(), on }
}

/// A person that joined and signed in.
pub async fn person(desk: &Desk, by: &Actor, tenant: TenantId, email: &str, role: &str) -> Actor {
    person_on(desk, by, tenant, email, role, Selector::All).await
}

pub async fn person_on(desk: &Desk, by: &Actor, tenant: TenantId, email: &str, role: &str, on: Selector) -> Actor {
    let invited = desk.service.member_invite(by, &terms(), &invitation(tenant, email, role, on)).await.unwrap().object;
    let nobody = Actor::nobody("test".into());
    desk.service.invitation_accept(&nobody, &accept(&invited.secret.unwrap())).await.unwrap();
    signed_in(desk, email, tenant).await
}

pub async fn signed_in(desk: &Desk, email: &str, tenant: TenantId) -> Actor {
    let tokens = desk.service.session_create(&sign_in(SignIn::Person, email, PASSWORD)).await.unwrap();
    let shown = Presented { token: &tokens.access, tenant: Some(&tenant.to_string()), peer: None };
    desk.service.authenticate_as(shown).await.unwrap()
}

pub fn code<T: std::fmt::Debug>(result: tenants::Result<T>) -> Code {
    result.unwrap_err().code
}

async fn mailed_secret(desk: &Desk) -> String {
    let due = desk.service.notices_due(100).await.unwrap();
    due.last().unwrap().facts["secret"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_invited_joins_once_and_has_what_the_role_gives() {
    let desk = Desk::new().await;
    let (tenant, owner) = desk.customer("alpha").await;
    let new = invitation(tenant, "Ben@Elsewhere.example", "help-desk", Selector::All);
    let invited = desk.service.member_invite(&owner, &keyed("k"), &new).await.unwrap().object;
    let again = desk.service.member_invite(&owner, &keyed("k"), &new).await.unwrap().object;
    assert_eq!(invited.secret, again.secret, "a repeated request shows the same secret");
    let secret = invited.secret.unwrap();
    let nobody = Actor::nobody("test".into());
    let member = desk.service.invitation_accept(&nobody, &accept(&secret)).await.unwrap().object;
    assert_eq!((member.role.as_str(), member.person.verified), ("help-desk", false));
    assert_eq!(code(desk.service.invitation_accept(&nobody, &accept(&secret)).await), Code::NotFound);
    let ben = signed_in(&desk, "ben@elsewhere.example", tenant).await;
    assert_eq!(ben.permissions(), StandardRole::HelpDesk.permissions());
    let refused = desk.service.mailbox_create(&ben, &terms(), &new_mailbox("ann@alpha.example")).await;
    assert_eq!(code(refused), Code::Forbidden);
    assert_eq!(desk.service.domains(&ben, tenant, &Page::first(5)).await.unwrap().1, 1);
    let (other, _) = desk.customer("beta").await;
    assert_eq!(code(desk.service.domains(&ben, other, &Page::first(5)).await), Code::NotFound);
    assert_eq!(desk.service.members(&owner, tenant, &Page::first(5)).await.unwrap().1, 1);
    assert_eq!(desk.service.invitations(&owner, tenant, &Page::first(5)).await.unwrap().1, 0);
    let log = desk.service.audit_entries(&owner, tenant, &AuditFilter::default(), &Page::first(50)).await.unwrap().0;
    assert!(log.iter().all(|e| !format!("{e:?}").contains(&secret)), "no secret in the log");
}

#[tokio::test]
async fn invitations_end_by_time_by_their_maker_and_by_being_sent_again() {
    let clock = Arc::new(Hands::default());
    clock.turn(Duration::from_secs(1_000_000));
    let desk = Desk::at(clock.clone()).await;
    let (tenant, owner) = desk.customer("alpha").await;
    let invite = |email: &'static str| {
        let (desk, owner) = (&desk, &owner);
        async move {
            let new = invitation(tenant, email, "auditor", Selector::All);
            desk.service.member_invite(owner, &terms(), &new).await.unwrap().object
        }
    };
    let nobody = Actor::nobody("test".into());
    let first = invite("a@x.example").await;
    let second = desk.service.invitation_resend(&owner, &terms(), &first.invitation.id).await.unwrap().object;
    let old = accept(&first.secret.unwrap());
    assert_eq!(code(desk.service.invitation_accept(&nobody, &old).await), Code::NotFound);
    desk.service.invitation_accept(&nobody, &accept(&second.secret.unwrap())).await.unwrap();
    let revoked = invite("b@x.example").await;
    desk.service.invitation_revoke(&owner, &terms(), &revoked.invitation.id).await.unwrap();
    let late = accept(&revoked.secret.unwrap());
    assert_eq!(code(desk.service.invitation_accept(&nobody, &late).await), Code::NotFound);
    let slow = invite("c@x.example").await;
    clock.turn(Duration::from_secs(7 * 24 * 3600));
    let slow = accept(&slow.secret.unwrap());
    assert_eq!(code(desk.service.invitation_accept(&nobody, &slow).await), Code::NotFound);
    let mut forged = slow;
    forged.secret = forged.secret.replacen(".1.", ".2.", 1);
    assert_eq!(code(desk.service.invitation_accept(&nobody, &forged).await), Code::NotFound);
    assert_eq!(desk.service.members(&owner, tenant, &Page::first(5)).await.unwrap().1, 1);
}

#[tokio::test]
async fn nobody_floods_an_address_with_invitations() {
    let desk = Desk::new().await;
    let (tenant, owner) = desk.customer("alpha").await;
    let new = invitation(tenant, "ben@elsewhere.example", "auditor", Selector::All);
    let first = desk.service.member_invite(&owner, &terms(), &new).await.unwrap().object.invitation.id;
    for _ in 1..INVITATION_MAILS_PER_ADDRESS {
        desk.service.invitation_resend(&owner, &terms(), &first).await.unwrap();
    }
    assert_eq!(code(desk.service.invitation_resend(&owner, &terms(), &first).await), Code::LimitReached);
    let upper = invitation(tenant, "BEN@elsewhere.example", "admin", Selector::All);
    assert_eq!(code(desk.service.member_invite(&owner, &terms(), &upper).await), Code::LimitReached);
    let other = invitation(tenant, "eve@elsewhere.example", "auditor", Selector::All);
    desk.service.member_invite(&owner, &terms(), &other).await.unwrap();
}

#[tokio::test]
async fn tenants_together_do_not_flood_an_address_either() {
    let desk = Desk::new().await;
    let mut sent = 0;
    for n in 0.. {
        let (tenant, owner) = desk.customer(&format!("t{n}")).await;
        let invite = async |email: &str| {
            desk.service.member_invite(&owner, &terms(), &invitation(tenant, email, "auditor", Selector::All)).await
        };
        for m in 0..INVITATION_MAILS_PER_ADDRESS {
            // What stands behind a plus makes no other reader.
            match invite(if m % 2 == 0 { "Ben@elsewhere.example" } else { "ben+news@elsewhere.example" }).await {
                Ok(_) => sent += 1,
                Err(e) => {
                    assert_eq!((e.code, sent), (Code::LimitReached, INVITATION_MAILS_PER_ADDRESS_OF_ALL));
                    assert!(e.message.contains("INVITATION_MAILS_PER_ADDRESS_OF_ALL"), "{e}");
                    invite("eve@elsewhere.example").await.unwrap();
                    return;
                }
            }
        }
    }
}

#[tokio::test]
async fn one_tenant_alone_keeps_nobody_elses_invitations_from_an_address() {
    let desk = Desk::new().await;
    let ((noisy, noise), (tenant, owner)) = (desk.customer("noisy").await, desk.customer("alpha").await);
    let invite = async |by: &Actor, tenant: TenantId, email: &str| {
        desk.service.member_invite(by, &terms(), &invitation(tenant, email, "auditor", Selector::All)).await
    };
    let mut sent = 0;
    for n in 0..INVITATION_MAILS_PER_ADDRESS_OF_ALL {
        let spelled = if n % 2 == 0 { "ben" } else { "BEN" };
        match invite(&noise, noisy, &format!("{spelled}+{n}@Elsewhere.example")).await {
            Ok(_) => sent += 1,
            Err(e) => assert!(e.message.contains("(INVITATION_MAILS_PER_ADDRESS)"), "{e}"),
        }
    }
    assert_eq!(sent, INVITATION_MAILS_PER_ADDRESS, "however it is spelled");
    invite(&owner, tenant, "ben@elsewhere.example").await.unwrap();
}

#[tokio::test]
async fn wrong_passwords_at_an_invitation_keep_nobody_from_signing_in() {
    let desk = Desk::new().await;
    let (tenant, owner) = desk.customer("alpha").await;
    person(&desk, &owner, tenant, "ann@x.example", "auditor").await;
    let (other, theirs) = desk.customer("beta").await;
    let invite = invitation(other, "ann@x.example", "auditor", Selector::All);
    let secret = desk.service.member_invite(&theirs, &terms(), &invite).await.unwrap().object.secret.unwrap();
    let guess = async |n: u32| {
        let peer = Some(std::net::Ipv4Addr::from_bits(0x0a00_0000 + n).into());
        let seen = Seen { peer, ..Seen::default() };
        let wrong = Acceptance { password: Some(format!("wrong password {n}")), seen, ..accept(&secret) };
        code(desk.service.invitation_accept(&Actor::nobody("test".into()), &wrong).await)
    };
    let mut refused = 0;
    // From as many networks as it takes.
    for n in 0.. {
        match guess(n).await {
            Code::InvalidCredentials => refused += 1,
            Code::Throttled { .. } => break,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(refused, SIGN_INS_PER_NAME.burst, "many networks have a bound together");
    let ann = signed_in(&desk, "ann@x.example", tenant).await;
    desk.service.invitation_accept(&ann, &Acceptance { password: None, ..accept(&secret) }).await.unwrap();
}

#[tokio::test]
async fn people_have_no_names_or_addresses_that_are_not_seen() {
    let desk = Desk::new().await;
    let (tenant, owner) = desk.customer("alpha").await;
    let (service, nobody) = (&desk.service, Actor::nobody("test".into()));
    for email in [
        "an\u{200b}n@x.example",
        "an\u{202e}n@x.example",
        "ann@x\u{200b}y.example",
        "ann@x.example\u{200b}",
        "\u{430}nn@x.example",
    ] {
        let refused =
            service.member_invite(&owner, &terms(), &invitation(tenant, email, "auditor", Selector::All)).await;
        let refused = refused.unwrap_err();
        assert_eq!((refused.code, refused.field), (Code::Invalid, "email"), "{email:?}");
    }
    let decomposed = invitation(tenant, "Rene\u{301}@x.example", "auditor", Selector::All);
    let invited = service.member_invite(&owner, &terms(), &decomposed).await.unwrap().object;
    assert_eq!(invited.invitation.email, "Ren\u{e9}@x.example");
    let secret = invited.secret.unwrap();
    for name in ["Ann\u{202e}", "A\u{200b}nn", "A\u{ad}nn"] {
        let hidden = Acceptance { name: Some(name.into()), ..accept(&secret) };
        let refused = service.invitation_accept(&nobody, &hidden).await.unwrap_err();
        assert_eq!((refused.code, refused.field), (Code::Invalid, "name"), "{name:?}");
    }
    let named = Acceptance { name: Some("Rene\u{301}".into()), ..accept(&secret) };
    let member = service.invitation_accept(&nobody, &named).await.unwrap().object;
    assert_eq!((member.person.name.as_str(), member.person.email.as_str()), ("Ren\u{e9}", "Ren\u{e9}@x.example"));
    let rene = signed_in(&desk, "rene\u{301}@x.example", tenant).await;
    let patch = PersonPatch { name: Some("Re\u{2066}ne".into()), ..PersonPatch::default() };
    assert_eq!(code(service.person_update(&rene, &terms(), &patch).await), Code::Invalid);
    // The same of what mailboxes and addresses are called.
    let mailbox = NewMailbox { display_name: "An\u{200b}n".into(), ..new_mailbox("ann@alpha.example") };
    assert_eq!(code(service.mailbox_create(&owner, &terms(), &mailbox).await), Code::Invalid);
    let ann = desk.mailbox(&owner, "ann@alpha.example").await.id;
    let patch = MailboxPatch { display_name: Some("\u{202e}nnA".into()), ..MailboxPatch::default() };
    assert_eq!(code(service.mailbox_update(&owner, &terms(), ann, &patch).await), Code::Invalid);
    let masked = |label: &str, note: &str| NewMasked {
        mailbox: ann,
        domain: None,
        label: label.into(),
        note: note.into(),
        site: String::new(),
    };
    for (label, note, field) in [("sh\u{feff}op", "", "label"), ("shop", "two\nlines\u{2069}", "note")] {
        assert_eq!(service.masked_create(&owner, &terms(), &masked(label, note)).await.unwrap_err().field, field);
    }
    service.masked_create(&owner, &terms(), &masked("shop", "two\nlines")).await.unwrap();
}

#[tokio::test]
async fn nobody_grants_what_they_lack() {
    let desk = Desk::new().await;
    let (tenant, owner) = desk.customer("alpha").await;
    let admin = person(&desk, &owner, tenant, "admin@x.example", "admin").await;
    let service = &desk.service;
    let invite = |role: &str| invitation(tenant, "friend@x.example", role, Selector::All);
    assert_eq!(code(service.member_invite(&admin, &terms(), &invite("owner")).await), Code::Forbidden);
    let role =
        |name: &str, some: &[Permission]| NewRole { tenant, name: name.into(), permissions: Permissions::of(some) };
    let closing = role("closing", &[Permission::TenantClose]);
    assert_eq!(code(service.role_create(&admin, &terms(), &closing).await), Code::Forbidden);
    // A small role that may invite: it gives what it has, and no more.
    let small = [Permission::TenantRead, Permission::MemberWrite, Permission::TokenWrite, Permission::MailboxRead];
    let small = service.role_create(&admin, &terms(), &role("small", &small)).await.unwrap().object;
    let clerk = person(&desk, &admin, tenant, "clerk@x.example", &small.id).await;
    assert_eq!(code(service.member_invite(&clerk, &terms(), &invite("admin")).await), Code::Forbidden);
    assert_eq!(code(service.member_invite(&clerk, &terms(), &invite("help-desk")).await), Code::Forbidden);
    service.member_invite(&clerk, &terms(), &invite(&small.id)).await.unwrap();
    let mut token = NewToken::new(tenant, "x", Access::ReadWrite);
    token.permissions = Some(Permissions::of(&[Permission::MailboxDelete]));
    assert_eq!(code(service.token_create(&clerk, &terms(), &token).await), Code::Forbidden);
    token.permissions = None;
    let made = service.token_create(&clerk, &terms(), &token).await.unwrap().object.secret.unwrap();
    let program = service.authenticate(&made).await.unwrap();
    assert_eq!(program.permissions(), clerk.permissions(), "what is not named is what the maker has");
    // Neither by changing the own role, nor the own membership, nor somebody else's.
    let more = RolePatch { permissions: Some(Permissions::all()), ..RolePatch::default() };
    assert_eq!(code(service.role_update(&admin, &terms(), &small.id, &more).await), Code::Forbidden);
    assert_eq!(code(service.role_update(&clerk, &terms(), &small.id, &more).await), Code::Forbidden);
    let members = service.members(&owner, tenant, &Page::first(10)).await.unwrap().0;
    let of = |email: &str| members.iter().find(|m| m.person.email == email).unwrap().id.clone();
    let up = MemberPatch { role: Some("admin".into()), on: None };
    assert_eq!(code(service.member_update(&clerk, &terms(), &of("clerk@x.example"), &up).await), Code::Forbidden);
    assert_eq!(code(service.member_remove(&clerk, &terms(), &of("admin@x.example")).await), Code::Forbidden);
    let down = MemberPatch { role: Some(small.id.clone()), on: None };
    assert_eq!(code(service.member_update(&clerk, &terms(), &of("admin@x.example"), &down).await), Code::Forbidden);
    // Nor by the token of a service account that has more.
    let robot = NewServiceAccount { tenant, name: "robot".into(), role: "admin".into(), on: Selector::All };
    assert_eq!(code(service.service_account_create(&clerk, &terms(), &robot).await), Code::Forbidden);
    let robot = service.service_account_create(&admin, &terms(), &robot).await.unwrap().object;
    token.service_account = Some(robot.id.clone());
    assert_eq!(code(service.token_create(&clerk, &terms(), &token).await), Code::Forbidden);
    let down = service.service_account_update(&clerk, &terms(), &robot.id, &small.id, &Selector::All).await;
    assert_eq!(code(down), Code::Forbidden);
    // Another tenant's role is no role here.
    let (beta, other) = desk.customer("beta").await;
    let foreign = NewRole { tenant: beta, name: "all".into(), permissions: Permissions::all() };
    let foreign = service.role_create(&other, &terms(), &foreign).await.unwrap().object;
    assert_eq!(code(service.member_invite(&owner, &terms(), &invite(&foreign.id)).await), Code::NotFound);
    assert_eq!(code(service.role_delete(&owner, &terms(), &foreign.id).await), Code::NotFound);
}

#[tokio::test]
async fn what_a_token_made_ends_with_it_and_so_does_its_work() {
    let desk = Desk::new().await;
    let (tenant, owner) = desk.customer("alpha").await;
    let service = &desk.service;
    let made = async |by: &Actor| {
        let new = NewToken::new(tenant, "x", Access::ReadWrite);
        service.token_create(by, &terms(), &new).await.unwrap().object
    };
    let first = made(&owner).await;
    let (id, first) = (first.id, service.authenticate(&first.secret.unwrap()).await.unwrap());
    let second = made(&first).await.secret.unwrap();
    let third = made(&service.authenticate(&second).await.unwrap()).await.secret.unwrap();
    let third_actor = service.authenticate(&third).await.unwrap();
    service.token_revoke(&owner, &terms(), &id).await.unwrap();
    for secret in [&second, &third] {
        assert_eq!(code(service.authenticate(secret).await), Code::Unauthenticated);
    }
    let import = tenants::NewImport {
        tenant,
        csv: "address\na@alpha.example\n".into(),
        check_only: false,
        policy: tenants::ErrorPolicy::Continue,
    };
    let job = service.mailbox_import(&third_actor, &terms(), &import).await.unwrap().object;
    let (_stop, stopped) = tokio::sync::watch::channel(false);
    let worker = tokio::spawn(service.clone().run_jobs(stopped));
    let ended = async {
        loop {
            let now = service.job(&owner, &job.id).await.unwrap();
            if now.state.has_ended() {
                return now;
            }
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
    };
    let ended = tokio::time::timeout(std::time::Duration::from_secs(30), ended).await.unwrap();
    worker.abort();
    assert_eq!(ended.state, tenants::JobState::Failed);
    assert!(ended.error.unwrap().contains("revoked"));
}

#[tokio::test]
async fn a_nul_character_is_refused_on_either_engine() {
    let desk = Desk::new().await;
    let (_, owner) = desk.customer("alpha").await;
    let nul = desk.service.mailbox_create(&owner, &crate::desk::keyed("a\0b"), &new_mailbox("a@alpha.example")).await;
    assert_eq!(code(nul), Code::Invalid);
    let nul = desk.service.session_create(&sign_in(SignIn::Person, "a\0b@x.example", PASSWORD)).await;
    assert!(matches!(code(nul), Code::Invalid | Code::InvalidCredentials));
    assert_eq!(code(desk.service.job(&owner, "job_\0").await), Code::Invalid);
}

#[tokio::test]
async fn who_has_a_part_grants_nothing_on_the_whole() {
    let desk = Desk::new().await;
    let (tenant, owner) = desk.customer("alpha").await;
    let ann = desk.mailbox(&owner, "ann@alpha.example").await;
    let on = Selector::Domains(BTreeSet::from(["alpha.example".to_owned()]));
    let part = person_on(&desk, &owner, tenant, "part@x.example", "domain-admin", on.clone()).await;
    let service = &desk.service;
    service.mailbox(&part, ann.id).await.unwrap();
    let new = NewToken { on: on.clone(), ..NewToken::new(tenant, "x", Access::ReadWrite) };
    assert_eq!(code(service.token_create(&part, &terms(), &new).await), Code::NotFound, "the whole is not reached");
    let invite = invitation(tenant, "friend@x.example", "domain-admin", on);
    assert_eq!(code(service.member_invite(&part, &terms(), &invite).await), Code::NotFound);
    // A grant on what is not the tenant's is none.
    let (_, _) = desk.customer("beta").await;
    let foreign = Selector::Domains(BTreeSet::from(["beta.example".to_owned()]));
    let invite = invitation(tenant, "friend@x.example", "domain-admin", foreign);
    assert_eq!(code(service.member_invite(&owner, &terms(), &invite).await), Code::NotFound);
}

#[tokio::test]
async fn a_tenant_keeps_an_owner() {
    let desk = Desk::new().await;
    let (tenant, token) = desk.customer("alpha").await;
    let owner = person(&desk, &token, tenant, "owner@x.example", "owner").await;
    let heir = person(&desk, &owner, tenant, "heir@x.example", "auditor").await;
    let members = desk.service.members(&owner, tenant, &Page::first(10)).await.unwrap().0;
    let of = |email: &str| members.iter().find(|m| m.person.email == email).unwrap().id.clone();
    let (own, other) = (of("owner@x.example"), of("heir@x.example"));
    let service = &desk.service;
    assert_eq!(code(service.member_remove(&owner, &terms(), &own).await), Code::LastOwner);
    let down = MemberPatch { role: Some("admin".into()), on: None };
    assert_eq!(code(service.member_update(&owner, &terms(), &own, &down).await), Code::LastOwner);
    assert_eq!(code(service.ownership_transfer(&heir, &terms(), &other).await), Code::Forbidden);
    assert_eq!(
        code(service.ownership_transfer(&token, &terms(), &other).await),
        Code::Forbidden,
        "a token owns nothing"
    );
    let handed = service.ownership_transfer(&owner, &keyed("hand over"), &other).await.unwrap().object;
    let owner = signed_in(&desk, "owner@x.example", tenant).await;
    assert_eq!(owner.permissions(), StandardRole::Admin.permissions());
    let again = service.ownership_transfer(&owner, &keyed("hand over"), &other).await.unwrap().object;
    assert_eq!(again, handed, "who repeats it hears the same, with other rights by now");
    assert_eq!(code(service.ownership_transfer(&owner, &keyed("hand over"), &own).await), Code::IdempotencyMismatch);
    let heir = signed_in(&desk, "heir@x.example", tenant).await;
    assert_eq!(heir.permissions(), StandardRole::Owner.permissions());
    service.member_remove(&owner, &terms(), &own).await.unwrap();
    // Who accepts ownership by an invitation is the one that keeps it.
    let invite = invitation(tenant, "heir@x.example", "owner", Selector::All);
    let secret = service.member_invite(&token, &terms(), &invite).await.unwrap().object.secret.unwrap();
    service.invitation_accept(&heir, &Acceptance { password: None, ..accept(&secret) }).await.unwrap();
    assert_eq!(code(service.member_remove(&heir, &terms(), &other).await), Code::LastOwner);
}

#[tokio::test]
async fn who_was_made_owner_by_others_may_leave_even_as_the_last_one() {
    let desk = Desk::new().await;
    for by_transfer in [true, false] {
        let (tenant, token) = desk.customer(if by_transfer { "alpha" } else { "beta" }).await;
        let owner = person(&desk, &token, tenant, &format!("owner{tenant}@x.example"), "owner").await;
        let email = format!("ann{tenant}@x.example");
        person(&desk, &owner, tenant, &email, "auditor").await;
        let members = desk.service.members(&owner, tenant, &Page::first(10)).await.unwrap().0;
        let (ann, own): (Vec<_>, Vec<_>) = members
            .iter()
            .map(|m| &m.id)
            .partition(|id| members.iter().any(|m| m.id == **id && m.person.email == email));
        if by_transfer {
            desk.service.ownership_transfer(&owner, &terms(), ann[0]).await.unwrap();
        } else {
            let up = MemberPatch { role: Some("owner".into()), on: None };
            desk.service.member_update(&owner, &terms(), ann[0], &up).await.unwrap();
        }
        desk.service.member_remove(&owner, &terms(), own[0]).await.unwrap();
        let ann_signed_in = signed_in(&desk, &email, tenant).await;
        assert_eq!(ann_signed_in.permissions(), StandardRole::Owner.permissions());
        let by_token = desk.service.member_remove(&token, &terms(), ann[0]).await;
        assert_eq!(code(by_token), Code::LastOwner, "others do not take the last owner away");
        desk.service.member_remove(&ann_signed_in, &terms(), ann[0]).await.unwrap();
        assert!(desk.service.members(&token, tenant, &Page::first(10)).await.unwrap().0.is_empty());
    }
}

#[tokio::test]
async fn what_a_member_made_ends_with_it_at_once() {
    let desk = Desk::new().await;
    let (tenant, token) = desk.customer("alpha").await;
    let owner = person(&desk, &token, tenant, "owner@x.example", "owner").await;
    let admin = person(&desk, &owner, tenant, "admin@x.example", "admin").await;
    let service = &desk.service;
    let new = NewToken::new(tenant, "x", Access::ReadWrite);
    let first = service.token_create(&admin, &terms(), &new).await.unwrap().object.secret.unwrap();
    let program = service.authenticate(&first).await.unwrap();
    let second = service.token_create(&program, &terms(), &new).await.unwrap().object.secret.unwrap();
    let robot = NewServiceAccount { tenant, name: "robot".into(), role: "help-desk".into(), on: Selector::All };
    let robot = service.service_account_create(&admin, &terms(), &robot).await.unwrap().object;
    let new = NewToken { service_account: Some(robot.id), ..new };
    let third = service.token_create(&admin, &terms(), &new).await.unwrap().object.secret.unwrap();
    let invite = invitation(tenant, "friend@x.example", "admin", Selector::All);
    let invited = service.member_invite(&admin, &terms(), &invite).await.unwrap().object;
    let tokens = desk.service.session_create(&sign_in(SignIn::Person, "admin@x.example", PASSWORD)).await.unwrap();
    for token in [&first, &second, &third, &tokens.access] {
        service.authenticate(token).await.unwrap();
    }
    let members = service.members(&owner, tenant, &Page::first(10)).await.unwrap().0;
    let gone = members.iter().find(|m| m.person.email == "admin@x.example").unwrap();
    service.member_remove(&owner, &terms(), &gone.id).await.unwrap();
    assert_eq!(code(service.authenticate(&first).await), Code::Unauthenticated);
    assert_eq!(code(service.authenticate(&second).await), Code::Unauthenticated, "what the token made too");
    service.authenticate(&third).await.unwrap();
    let nobody = Actor::nobody("test".into());
    let accepted = service.invitation_accept(&nobody, &accept(&invited.secret.unwrap())).await;
    assert_eq!(code(accepted), Code::NotFound);
    let left = service.authenticate(&tokens.access).await.unwrap();
    assert!(left.grants().is_empty(), "the person still signs in, and reaches nothing");
    assert_eq!(code(service.tenant(&left, tenant).await), Code::NotFound);
}

#[tokio::test]
async fn an_address_is_not_taken_from_who_has_it() {
    let desk = Desk::new().await;
    let (alpha, mallory) = desk.customer("alpha").await;
    let (beta, owner) = desk.customer("beta").await;
    let nobody = Actor::nobody("test".into());
    // Mallory invites the victim's address and accepts by the secret it was handed.
    let invite = invitation(alpha, "victim@x.example", "auditor", Selector::All);
    let invited = desk.service.member_invite(&mallory, &terms(), &invite).await.unwrap().object;
    let member = desk.service.invitation_accept(&nobody, &accept(&invited.secret.unwrap())).await.unwrap().object;
    assert!(!member.person.verified);
    let stolen = desk.service.session_create(&sign_in(SignIn::Person, "victim@x.example", PASSWORD)).await.unwrap();
    // The victim is invited elsewhere; by the handed secret nobody gets past the password that is there.
    let invite = invitation(beta, "victim@x.example", "owner", Selector::All);
    let invited = desk.service.member_invite(&owner, &terms(), &invite).await.unwrap().object;
    let own = Acceptance { password: Some("the victim's own".into()), ..accept(&invited.secret.unwrap()) };
    assert_eq!(code(desk.service.invitation_accept(&nobody, &own).await), Code::InvalidCredentials);
    // By the mail the victim proves the address: the password and the sign-ins of before are worth nothing.
    let own = Acceptance { secret: mailed_secret(&desk).await, ..own };
    let member = desk.service.invitation_accept(&nobody, &own).await.unwrap().object;
    assert!(member.person.verified);
    assert_eq!(code(desk.service.authenticate(&stolen.access).await), Code::Unauthenticated);
    let refused = desk.service.session_create(&sign_in(SignIn::Person, "victim@x.example", PASSWORD)).await;
    assert_eq!(code(refused), Code::InvalidCredentials);
    // A verified person's password is not replaced by an invitation, not even by a mailed one.
    let invite = invitation(alpha, "victim@x.example", "billing", Selector::All);
    desk.service.member_invite(&mallory, &terms(), &invite).await.unwrap();
    let taken = Acceptance { secret: mailed_secret(&desk).await, ..accept("") };
    assert_eq!(code(desk.service.invitation_accept(&nobody, &taken).await), Code::InvalidCredentials);
}

#[tokio::test]
async fn a_person_of_several_tenants_acts_in_one_at_a_time() {
    let desk = Desk::new().await;
    let (alpha, first) = desk.customer("alpha").await;
    let (beta, second) = desk.customer("beta").await;
    let email = "both@x.example";
    person(&desk, &first, alpha, email, "owner").await;
    let invite = invitation(beta, email, "owner", Selector::All);
    let invited = desk.service.member_invite(&second, &terms(), &invite).await.unwrap().object;
    let tokens = desk.service.session_create(&sign_in(SignIn::Person, email, PASSWORD)).await.unwrap();
    let itself = desk.service.authenticate(&tokens.access).await.unwrap();
    let signed_in = Acceptance { password: None, ..accept(&invited.secret.unwrap()) };
    desk.service.invitation_accept(&itself, &signed_in).await.unwrap();
    let acting = |tenant: TenantId| {
        let (desk, access) = (&desk, tokens.access.clone());
        async move {
            let tenant = tenant.to_string();
            desk.service.authenticate_as(Presented { token: &access, tenant: Some(&tenant), peer: None }).await
        }
    };
    let in_beta = acting(beta).await.unwrap();
    assert_eq!(desk.service.memberships(&in_beta).await.unwrap().len(), 2);
    desk.service.tenant(&in_beta, beta).await.unwrap();
    assert_eq!(code(desk.service.tenant(&in_beta, alpha).await), Code::NotFound);
    // Being somewhere else does not make the own tenant one below.
    let more = TenantPatch { max_domains: Some(Some(1000)), ..TenantPatch::default() };
    for actor in [&in_beta, &acting(alpha).await.unwrap()] {
        for tenant in [alpha, beta] {
            assert!(desk.service.tenant_update(actor, &terms(), tenant, &more).await.is_err());
        }
    }
    let (gamma, _) = desk.customer("gamma").await;
    assert_eq!(code(acting(gamma).await), Code::Unauthenticated);
    assert_eq!(code(acting(desk.operator.tenant()).await), Code::Unauthenticated);
}

#[tokio::test]
async fn a_reseller_reaches_below_and_a_customer_never_up() {
    let desk = Desk::new().await;
    let (reseller, token) = desk.customer("reseller").await;
    let rita = person(&desk, &token, reseller, "rita@x.example", "owner").await;
    let new = NewTenant { name: "Shop".into(), owner_email: Some("sam@x.example".into()), ..NewTenant::default() };
    let made = desk.service.tenant_create(&rita, &terms(), &new).await.unwrap().object;
    let nobody = Actor::nobody("test".into());
    desk.service.invitation_accept(&nobody, &accept(&made.invitation.unwrap())).await.unwrap();
    let sam = signed_in(&desk, "sam@x.example", made.tenant.id).await;
    assert_eq!(sam.permissions(), StandardRole::Owner.permissions());
    let service = &desk.service;
    assert_eq!(service.members(&rita, made.tenant.id, &Page::first(5)).await.unwrap().1, 1);
    assert_eq!(code(service.members(&sam, reseller, &Page::first(5)).await), Code::NotFound);
    let invite = invitation(reseller, "sam@x.example", "owner", Selector::All);
    assert_eq!(code(service.member_invite(&sam, &terms(), &invite).await), Code::NotFound);
    let up = NewToken::new(reseller, "up", Access::ReadWrite);
    assert_eq!(code(service.token_create(&sam, &terms(), &up).await), Code::NotFound);
    // A maker of customers who may do little gets no token that may do more.
    let some = Permissions::of(&[Permission::TenantRead, Permission::TenantCreate]);
    let bot = NewToken { permissions: Some(some), ..NewToken::new(reseller, "bot", Access::ReadWrite) };
    let bot = service.token_create(&rita, &terms(), &bot).await.unwrap().object.secret.unwrap();
    let bot = service.authenticate(&bot).await.unwrap();
    let new = NewTenant { name: "Other".into(), ..NewTenant::default() };
    let made = service.tenant_create(&bot, &terms(), &new).await.unwrap().object;
    let owner = service.authenticate(&made.token.unwrap()).await.unwrap();
    assert_eq!(owner.permissions(), some);
}
