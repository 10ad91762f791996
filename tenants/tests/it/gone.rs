//! SUMMARY    Notices that are taken and tried again, forgotten passwords, and people who go.

use crate::{
    desk::{Desk, Hands, dry, terms},
    people::{PASSWORD, accept, code, invitation, person, sign_in},
    raw::{run, texts},
};
use std::{sync::Arc, time::Duration};
use tenants::{
    Acceptance, Actor, AuditFilter, Code, Page, Seen, Selector, SignIn,
    limits::{
        NOTICE_LEASE, PASSWORD_REQUESTS_MAX, PASSWORD_RESET_LIFE, PASSWORD_RESETS_PER_HOUR, SIGN_INS_PER_ACCOUNT,
    },
};

#[tokio::test]
async fn a_notice_is_taken_by_one_and_due_again_until_it_is_done() {
    let hands = Arc::new(Hands::default());
    hands.turn(Duration::from_secs(1_000_000));
    let desk = Desk::at(hands.clone()).await;
    let (tenant, owner) = desk.customer("alpha").await;
    for email in ["a@x.example", "b@x.example"] {
        desk.service
            .member_invite(&owner, &terms(), &invitation(tenant, email, "auditor", Selector::All))
            .await
            .unwrap();
    }
    let taken = desk.service.notices_take(10).await.unwrap();
    assert_eq!(taken.iter().map(|n| n.kind.as_str()).collect::<Vec<_>>(), ["invitation"; 2]);
    assert!(desk.service.notices_take(10).await.unwrap().is_empty(), "somebody has them");
    desk.service.notice_done(&taken[0].id).await.unwrap();
    hands.turn(NOTICE_LEASE + Duration::from_secs(1));
    let again = desk.service.notices_take(10).await.unwrap();
    assert_eq!(again.iter().map(|n| &n.id).collect::<Vec<_>>(), [&taken[1].id], "and what was not done, the same");
    assert_eq!(again[0].facts, taken[1].facts);
    hands.turn(NOTICE_LEASE + Duration::from_secs(1));
    assert!(desk.service.notices_take(10).await.unwrap().is_empty(), "later and later");
    hands.turn(NOTICE_LEASE);
    assert_eq!(desk.service.notices_take(10).await.unwrap().len(), 1);
    desk.service.notice_done(&taken[1].id).await.unwrap();
    assert!(desk.service.notices_due(10).await.unwrap().is_empty());
}

/// The secret that was mailed last.
async fn mailed(desk: &Desk) -> String {
    let due = desk.service.notices_due(100).await.unwrap();
    due.last().unwrap().facts["secret"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn who_asks_again_and_again_in_anothers_name_keeps_nobody_from_signing_in() {
    let desk = Desk::new().await;
    let (tenant, owner) = desk.customer("alpha").await;
    person(&desk, &owner, tenant, "ann@x.example", "auditor").await;
    let mut asked = 0;
    while desk.service.password_forgot("ann@x.example", &Seen::default()).await.is_ok() {
        asked += 1;
        assert!(asked <= 2 * SIGN_INS_PER_ACCOUNT.burst, "there is an end of it");
    }
    desk.service.session_create(&sign_in(SignIn::Person, "ann@x.example", PASSWORD)).await.unwrap();
}

#[tokio::test]
async fn a_forgotten_password_is_replaced_by_who_reads_the_mail_once_and_in_time() {
    let hands = Arc::new(Hands::default());
    hands.turn(Duration::from_secs(1_000_000));
    let desk = Desk::at(hands.clone()).await;
    let (tenant, owner) = desk.customer("alpha").await;
    person(&desk, &owner, tenant, "ann@x.example", "auditor").await;
    let before = desk.service.session_create(&sign_in(SignIn::Person, "ann@x.example", PASSWORD)).await.unwrap();
    let seen = Seen::default();
    let waiting = desk.service.notices_due(100).await.unwrap().len();
    desk.service.password_forgot("nobody@x.example", &seen).await.unwrap();
    assert_eq!(desk.service.notices_due(100).await.unwrap().len(), waiting, "the same answer, and no mail");
    hands.turn(Duration::from_secs(1));
    desk.service.password_forgot("ANN@x.example", &seen).await.unwrap();
    let secret = mailed(&desk).await;
    for wrong in ["", "x", "a.b.c", &format!("{secret}x"), &secret.replacen("per_", "per_0", 1)] {
        assert_eq!(
            code(desk.service.password_reset(wrong, "a fresh password", &seen).await),
            Code::NotFound,
            "{wrong}"
        );
    }
    let reset = desk.service.password_reset(&secret, "a fresh password", &seen).await.unwrap();
    assert!(reset.verified, "its reader has the address");
    assert_eq!(code(desk.service.password_reset(&secret, "another password", &seen).await), Code::NotFound, "once");
    assert_eq!(code(desk.service.authenticate(&before.access).await), Code::Unauthenticated);
    let old = desk.service.session_create(&sign_in(SignIn::Person, "ann@x.example", PASSWORD)).await;
    assert_eq!(code(old), Code::InvalidCredentials);
    desk.service.session_create(&sign_in(SignIn::Person, "ann@x.example", "a fresh password")).await.unwrap();
    let log = desk.service.audit_entries(&owner, tenant, &AuditFilter::default(), &Page::first(20)).await.unwrap().0;
    assert!(log.iter().any(|e| e.action == "passwordReset"));
    // Too late; and not more mails than there is use for.
    hands.turn(Duration::from_secs(1));
    desk.service.password_forgot("ann@x.example", &seen).await.unwrap();
    let secret = mailed(&desk).await;
    let sent = desk.service.notices_due(100).await.unwrap().len();
    for _ in 0..PASSWORD_RESETS_PER_HOUR {
        desk.service.password_forgot("ann@x.example", &seen).await.unwrap();
        desk.service.notices_due(1).await.unwrap();
    }
    let more = desk.service.notices_due(100).await.unwrap().len() - sent;
    assert_eq!(i64::try_from(more).unwrap(), PASSWORD_RESETS_PER_HOUR - 2);
    hands.turn(PASSWORD_RESET_LIFE);
    assert_eq!(code(desk.service.password_reset(&secret, "another password", &seen).await), Code::NotFound);
}

#[tokio::test]
async fn who_asks_for_a_new_password_leaves_the_same_whoever_has_the_address() {
    let hands = Arc::new(Hands::default());
    hands.turn(Duration::from_secs(1_000_000));
    let desk = Desk::at(hands.clone()).await;
    let (tenant, owner) = desk.customer("alpha").await;
    person(&desk, &owner, tenant, "ann@x.example", "auditor").await;
    let told = texts(&desk, "SELECT kind FROM outgoing_notice").await;
    let mut statements = Vec::new();
    for email in ["Ann@x.example", "nobody@x.example", "ann@x.example", "nobody@x.example"] {
        let before = desk.service.statements();
        desk.service.password_forgot(email, &Seen::default()).await.unwrap();
        statements.push(desk.service.statements() - before);
    }
    assert_eq!(statements, [statements[0]; 4], "and by the same work");
    let waiting = "SELECT email_key FROM password_request ORDER BY email_key";
    assert_eq!(texts(&desk, waiting).await, ["ann@x.example", "nobody@x.example"], "a row each, however often");
    assert_eq!(texts(&desk, "SELECT kind FROM outgoing_notice").await, told, "nothing else is done before the answer");
    let taken = desk.service.notices_take(10).await.unwrap();
    let resets: Vec<&str> = taken.iter().filter(|n| n.kind == "password-reset").map(|n| n.recipient.as_str()).collect();
    assert_eq!(resets, ["ann@x.example"]);
    assert!(texts(&desk, waiting).await.is_empty());
    // What nobody looked at in time is no use, and goes.
    desk.service.password_forgot("ann@x.example", &Seen::default()).await.unwrap();
    hands.turn(PASSWORD_RESET_LIFE);
    desk.service.sweep().await.unwrap();
    assert!(texts(&desk, waiting).await.is_empty());
    // Too many are told so, all alike.
    let rows: Vec<String> = (0..PASSWORD_REQUESTS_MAX).map(|n| format!("('n{n}@x.example', 1)")).collect();
    run(&desk, &format!("INSERT INTO password_request (email_key, asked_at) VALUES {}", rows.join(","))).await.unwrap();
    for email in ["ann@x.example", "nobody@x.example"] {
        let refused = desk.service.password_forgot(email, &Seen::default()).await;
        assert!(matches!(code(refused), Code::Throttled { .. }), "{email}");
    }
}

#[tokio::test]
async fn what_others_accepted_in_ones_name_ties_nobody() {
    let hands = Arc::new(Hands::default());
    hands.turn(Duration::from_secs(1_000_000));
    let desk = Desk::at(hands.clone()).await;
    let (alpha, mallory) = desk.customer("alpha").await;
    let (beta, owner) = desk.customer("beta").await;
    let nobody = Actor::nobody("test".into());
    let service = &desk.service;
    let owns = invitation(alpha, "victim@x.example", "owner", Selector::All);
    let enter = async || {
        let own = sign_in(SignIn::Person, "victim@x.example", "the victim's own");
        service.authenticate(&service.session_create(&own).await.unwrap().access).await.unwrap()
    };
    let prove = async || {
        hands.turn(Duration::from_secs(1));
        service.password_forgot("victim@x.example", &Seen::default()).await.unwrap();
        service.password_reset(&mailed(&desk).await, "the victim's own", &Seen::default()).await.unwrap();
    };
    // Mallory makes somebody's address the only owner of its tenant; that one proves the address by an invitation elsewhere.
    person(&desk, &mallory, alpha, "victim@x.example", "owner").await;
    hands.turn(Duration::from_secs(1));
    let invite = invitation(beta, "victim@x.example", "auditor", Selector::All);
    service.member_invite(&owner, &terms(), &invite).await.unwrap();
    let own = Acceptance { password: Some("the victim's own".into()), ..accept(&mailed(&desk).await) };
    service.invitation_accept(&nobody, &own).await.unwrap();
    let victim = enter().await;
    assert_eq!(victim.tenant(), beta, "not where it never asked to be");
    let members = service.memberships(&victim).await.unwrap();
    assert_eq!(members.iter().map(|m| (m.tenant, m.inherited)).collect::<Vec<_>>(), [(alpha, true), (beta, false)]);
    // Others do not take the last owner away; itself it goes when it likes.
    assert_eq!(code(service.member_remove(&mallory, &terms(), &members[0].id).await), Code::LastOwner);
    service.person_delete(&victim, &terms()).await.unwrap();
    for (token, tenant) in [(&mallory, alpha), (&owner, beta)] {
        assert_eq!(service.members(token, tenant, &Page::first(10)).await.unwrap().1, 0);
    }
    // The same by a new password; a single membership can be left too.
    person(&desk, &mallory, alpha, "victim@x.example", "owner").await;
    prove().await;
    let victim = enter().await;
    let member = service.memberships(&victim).await.unwrap()[0].id.clone();
    service.member_remove(&victim, &terms(), &member).await.unwrap();
    service.person_delete(&victim, &terms()).await.unwrap();
    // What it accepts itself is its own, and ties an owner as ever.
    person(&desk, &mallory, alpha, "victim@x.example", "owner").await;
    prove().await;
    hands.turn(Duration::from_secs(1));
    service.member_invite(&mallory, &terms(), &owns).await.unwrap();
    let accepted = Acceptance { password: None, ..accept(&mailed(&desk).await) };
    let member = service.invitation_accept(&enter().await, &accepted).await.unwrap().object;
    assert!(!member.inherited);
    assert_eq!(code(service.person_delete(&enter().await, &terms()).await), Code::LastOwner);
    assert_eq!(service.members(&mallory, alpha, &Page::first(10)).await.unwrap().1, 1, "the same one");
}

#[tokio::test]
async fn who_proves_its_address_by_its_own_password_keeps_what_it_accepted() {
    let hands = Arc::new(Hands::default());
    hands.turn(Duration::from_secs(1_000_000));
    let desk = Desk::at(hands.clone()).await;
    let (alpha, token) = desk.customer("alpha").await;
    let (beta, other) = desk.customer("beta").await;
    let ann = person(&desk, &token, alpha, "ann@x.example", "owner").await;
    hands.turn(Duration::from_secs(1));
    let invite = invitation(beta, "ann@x.example", "auditor", Selector::All);
    desk.service.member_invite(&other, &terms(), &invite).await.unwrap();
    let mine = accept(&mailed(&desk).await);
    let member = desk.service.invitation_accept(&Actor::nobody("test".into()), &mine).await.unwrap().object;
    assert!(member.person.verified);
    assert!(desk.service.memberships(&ann).await.unwrap().iter().all(|m| !m.inherited));
    assert_eq!(code(desk.service.person_delete(&ann, &terms()).await), Code::LastOwner);
}

#[tokio::test]
async fn a_person_goes_with_all_it_has_and_the_last_owner_stays() {
    let desk = Desk::new().await;
    let (tenant, token) = desk.customer("alpha").await;
    let (beta, beta_token) = desk.customer("beta").await;
    let ann = person(&desk, &token, tenant, "ann@x.example", "owner").await;
    let new = invitation(beta, "ann@x.example", "auditor", Selector::All);
    let invited = desk.service.member_invite(&beta_token, &terms(), &new).await.unwrap().object;
    let secret = invited.secret.unwrap();
    let join = Acceptance { password: Some(PASSWORD.into()), ..accept(&secret) };
    desk.service.invitation_accept(&Actor::nobody("test".into()), &join).await.unwrap();
    assert_eq!(code(desk.service.person_delete(&ann, &terms()).await), Code::LastOwner);
    assert_eq!(desk.service.memberships(&ann).await.unwrap().len(), 2, "nothing was done");
    person(&desk, &token, tenant, "heir@x.example", "owner").await;
    desk.service.person_delete(&ann, &dry()).await.unwrap();
    assert_eq!(desk.service.memberships(&ann).await.unwrap().len(), 2);
    let id = desk.service.person_delete(&ann, &terms()).await.unwrap().object;
    let gone = desk.service.session_create(&sign_in(SignIn::Person, "ann@x.example", PASSWORD)).await;
    assert_eq!(code(gone), Code::InvalidCredentials);
    for (token, tenant, left) in [(&token, tenant, 1), (&beta_token, beta, 0)] {
        assert_eq!(desk.service.members(token, tenant, &Page::first(10)).await.unwrap().1, left);
        let log = desk.service.audit_entries(token, tenant, &AuditFilter::default(), &Page::first(20)).await.unwrap().0;
        assert!(log.iter().any(|e| e.action == "personDelete" && e.detail == id), "{tenant}");
    }
    // The address is free for whoever has it.
    person(&desk, &token, tenant, "ann@x.example", "auditor").await;
}
