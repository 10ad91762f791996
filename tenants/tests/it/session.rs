//! SUMMARY    Sessions: access tokens are short, refresh tokens are good once, sensitive things ask again.

use crate::{
    desk::{Desk, Hands, terms},
    people::{PASSWORD, code, invitation, person, sign_in, signed_in},
};
use base::Clock;
use std::{net::IpAddr, sync::Arc, time::Duration};
use tenants::{
    Access, Actor, Code, MailboxPatch, NewSession, NewToken, Page, Seen, Selector, SignIn,
    limits::{SIGN_INS_PER_ACCOUNT, SIGN_INS_PER_NAME},
};

async fn at_hand() -> (Arc<Hands>, Desk) {
    let clock = Arc::new(Hands::default());
    clock.turn(Duration::from_secs(1_700_000_000));
    (clock.clone(), Desk::at(clock).await)
}

#[tokio::test]
async fn an_access_token_ends_and_a_refresh_token_gives_the_next() {
    let (clock, desk) = at_hand().await;
    let (tenant, owner) = desk.customer("alpha").await;
    person(&desk, &owner, tenant, "ann@x.example", "admin").await;
    let tokens = desk.service.session_create(&sign_in(SignIn::Person, "ann@x.example", PASSWORD)).await.unwrap();
    let ann = desk.service.authenticate(&tokens.access).await.unwrap();
    assert_eq!(ann.session(), Some(tokens.session.as_str()));
    clock.turn(Duration::from_secs(15 * 60));
    assert_eq!(code(desk.service.authenticate(&tokens.access).await), Code::Unauthenticated);
    let next = desk.service.session_refresh(&tokens.refresh, &Seen::default()).await.unwrap();
    assert_eq!(next.session, tokens.session);
    desk.service.authenticate(&next.access).await.unwrap();
    assert_eq!(code(desk.service.authenticate(&next.refresh).await), Code::Unauthenticated, "no access token");
    let forged = next.refresh.replacen(".2.", ".3.", 1);
    assert_eq!(code(desk.service.session_refresh(&forged, &Seen::default()).await), Code::Unauthenticated);
    desk.service.authenticate(&next.access).await.unwrap();
    clock.turn(Duration::from_secs(31 * 24 * 3600));
    assert_eq!(code(desk.service.session_refresh(&next.refresh, &Seen::default()).await), Code::Unauthenticated);
}

#[tokio::test]
async fn a_refresh_token_that_comes_twice_ends_the_session() {
    let (_, desk) = at_hand().await;
    let (tenant, owner) = desk.customer("alpha").await;
    person(&desk, &owner, tenant, "ann@x.example", "admin").await;
    let tokens = desk.service.session_create(&sign_in(SignIn::Person, "ann@x.example", PASSWORD)).await.unwrap();
    let next = desk.service.session_refresh(&tokens.refresh, &Seen::default()).await.unwrap();
    desk.service.authenticate(&next.access).await.unwrap();
    assert_eq!(code(desk.service.session_refresh(&tokens.refresh, &Seen::default()).await), Code::Unauthenticated);
    assert_eq!(code(desk.service.authenticate(&next.access).await), Code::Unauthenticated);
    assert_eq!(code(desk.service.session_refresh(&next.refresh, &Seen::default()).await), Code::Unauthenticated);
}

#[tokio::test]
async fn sessions_are_listed_and_ended_by_their_person_only() {
    let (_, desk) = at_hand().await;
    let (tenant, owner) = desk.customer("alpha").await;
    let ann = person(&desk, &owner, tenant, "ann@x.example", "admin").await;
    let ben = person(&desk, &owner, tenant, "ben@x.example", "admin").await;
    let seen = Seen { peer: Some([192, 0, 2, 7].into()), device: "Browser\r\n1".into() };
    let new = NewSession { seen, ..sign_in(SignIn::Person, "ann@x.example", PASSWORD) };
    let second = desk.service.session_create(&new).await.unwrap();
    let listed = desk.service.sessions(&ann).await.unwrap();
    assert_eq!(listed.len(), 2);
    let other = listed.iter().find(|s| s.id == second.session).unwrap();
    assert_eq!((other.device.as_str(), other.ip.as_str(), other.current), ("Browser1", "192.0.2.7", false));
    assert_eq!(code(desk.service.session_revoke(&ben, &terms(), Some(&second.session)).await), Code::NotFound);
    assert_eq!(code(desk.service.session_revoke(&owner, &terms(), Some(&second.session)).await), Code::NotFound);
    desk.service.authenticate(&second.access).await.unwrap();
    assert_eq!(desk.service.session_revoke(&ann, &terms(), None).await.unwrap().object, 1);
    assert_eq!(code(desk.service.authenticate(&second.access).await), Code::Unauthenticated);
    assert_eq!(desk.service.sessions(&ann).await.unwrap().len(), 1);
    assert_eq!(desk.service.sessions(&ben).await.unwrap().len(), 1);
}

#[tokio::test]
async fn u3_unknown_people_get_the_same_answer_and_attempts_are_limited() {
    let (clock, desk) = at_hand().await;
    let (tenant, owner) = desk.customer("alpha").await;
    person(&desk, &owner, tenant, "ann@x.example", "admin").await;
    let wrong = |email: &str| sign_in(SignIn::Person, email, "wrong password");
    let known = desk.service.session_create(&wrong("ann@x.example")).await.unwrap_err();
    let unknown = desk.service.session_create(&wrong("nobody@x.example")).await.unwrap_err();
    let nonsense = desk.service.session_create(&wrong("nonsense")).await.unwrap_err();
    for e in [&unknown, &nonsense] {
        assert_eq!((known.code, known.field, &known.message), (e.code, e.field, &e.message));
    }
    let mut refused = None;
    for _ in 0..20 {
        let answer = desk.service.session_create(&wrong("Ann@X.example")).await.unwrap_err().code;
        if let Code::Throttled { seconds } = answer {
            refused = Some(seconds);
        }
    }
    let seconds = refused.expect("attempts come to an end");
    let right = sign_in(SignIn::Person, "ann@x.example", PASSWORD);
    assert!(matches!(code(desk.service.session_create(&right).await), Code::Throttled { .. }));
    clock.turn(Duration::from_secs(seconds.into()));
    desk.service.session_create(&right).await.unwrap();
}

#[tokio::test]
async fn wrong_passwords_from_elsewhere_lock_nobody_out() {
    let (clock, desk) = at_hand().await;
    let (tenant, owner) = desk.customer("alpha").await;
    person(&desk, &owner, tenant, "ann@x.example", "admin").await;
    desk.mailbox(&owner, "ann@alpha.example").await;
    let home = |n: u16| IpAddr::from([0x2001, 0xdb8, 0, 7, 0, 0, 0, n]);
    let away = |n: u8| IpAddr::from([198, 51, 100, n]);
    let service = &desk.service;
    for (who, name, right) in
        [(SignIn::Person, "ann@x.example", PASSWORD), (SignIn::Mailbox, "ann@alpha.example", "long enough")]
    {
        let enter = async |peer: IpAddr, password: &str| {
            let seen = Seen { peer: Some(peer), ..Seen::default() };
            service.session_create(&NewSession { seen, ..sign_in(who, name, password) }).await
        };
        enter(home(1), right).await.unwrap();
        // Whoever tries from one place is stopped there, and the owner nowhere else.
        for _ in 0..SIGN_INS_PER_ACCOUNT.burst {
            assert_eq!(code(enter(away(1), "a wrong one").await), Code::InvalidCredentials);
        }
        assert!(matches!(code(enter(away(1), right).await), Code::Throttled { .. }));
        enter(away(2), right).await.unwrap();
        // Whoever has many places is stopped in all of them but the owner's.
        let mut tries = 0;
        for n in 3..100 {
            while enter(away(n), "a wrong one").await.is_err_and(|e| e.code == Code::InvalidCredentials) {
                tries += 1;
            }
        }
        assert!(tries <= SIGN_INS_PER_NAME.burst, "{tries} guesses");
        assert!(matches!(code(enter(away(100), right).await), Code::Throttled { .. }), "guessing is bounded");
        enter(home(2), right).await.unwrap();
        enter(away(2), right).await.unwrap();
        // A place that is known gives no more guesses than any other.
        let mut tries = 0;
        while enter(home(3), "a wrong one").await.is_err_and(|e| e.code == Code::InvalidCredentials) {
            tries += 1;
        }
        assert!(tries <= SIGN_INS_PER_ACCOUNT.burst, "{tries} guesses");
        clock.turn(Duration::from_millis(u64::try_from(SIGN_INS_PER_NAME.every_ms).unwrap()));
        enter(away(101), right).await.unwrap();
    }
}

#[tokio::test]
async fn a_mailboxes_user_reaches_that_mailbox_alone() {
    let (_, desk) = at_hand().await;
    let (tenant, owner) = desk.customer("alpha").await;
    let ann = desk.mailbox(&owner, "ann@alpha.example").await;
    let ben = desk.mailbox(&owner, "ben@alpha.example").await;
    let new = sign_in(SignIn::Mailbox, "ann@alpha.example", "long enough");
    let tokens = desk.service.session_create(&new).await.unwrap();
    let user = desk.service.authenticate(&tokens.access).await.unwrap();
    desk.service.mailbox(&user, ann.id).await.unwrap();
    assert_eq!(code(desk.service.mailbox(&user, ben.id).await), Code::NotFound);
    assert_eq!(code(desk.service.members(&user, tenant, &Page::first(5)).await), Code::NotFound);
    desk.service.app_password_create(&user, &terms(), ann.id, "phone").await.unwrap();
    assert_eq!(code(desk.service.app_password_create(&user, &terms(), ben.id, "phone").await), Code::NotFound);
    let app = desk.service.app_password_create(&owner, &terms(), ann.id, "x").await.unwrap().object.secret.unwrap();
    let by_app = sign_in(SignIn::Mailbox, "ann@alpha.example", &app);
    assert_eq!(code(desk.service.session_create(&by_app).await), Code::InvalidCredentials, "a device's password");
    let as_person = sign_in(SignIn::Person, "ann@alpha.example", "long enough");
    assert_eq!(code(desk.service.session_create(&as_person).await), Code::InvalidCredentials);
    let patch = MailboxPatch { password: Some("another one".into()), ..MailboxPatch::default() };
    desk.service.mailbox_update(&owner, &terms(), ann.id, &patch).await.unwrap();
    assert_eq!(code(desk.service.authenticate(&tokens.access).await), Code::Unauthenticated, "with the old password");
}

#[tokio::test]
async fn sensitive_operations_take_a_fresh_factor_and_tokens_are_exempt() {
    let (clock, desk) = at_hand().await;
    let (tenant, owner) = desk.customer("alpha").await;
    let ann = person(&desk, &owner, tenant, "ann@x.example", "owner").await;
    clock.turn(Duration::from_secs(10 * 60));
    let invite = invitation(tenant, "ben@x.example", "auditor", Selector::All);
    let token = NewToken::new(tenant, "x", Access::Read);
    assert_eq!(code(desk.service.member_invite(&ann, &terms(), &invite).await), Code::StepUpRequired);
    assert_eq!(code(desk.service.token_create(&ann, &terms(), &token).await), Code::StepUpRequired);
    assert_eq!(desk.service.invitations(&ann, tenant, &Page::first(5)).await.unwrap().1, 0, "nothing was done");
    desk.service.domain_create(&ann, &terms(), tenant, "more.example").await.unwrap();
    desk.service.member_invite(&owner, &terms(), &invite).await.unwrap();
    assert!(clock.now().0 > 0);
    let fresh = signed_in(&desk, "ann@x.example", tenant).await;
    desk.service.token_create(&fresh, &terms(), &token).await.unwrap();
}

#[tokio::test]
async fn a_persons_password_changes_and_its_other_sessions_end() {
    let (_, desk) = at_hand().await;
    let (tenant, owner) = desk.customer("alpha").await;
    let ann = person(&desk, &owner, tenant, "ann@x.example", "auditor").await;
    let other = desk.service.session_create(&sign_in(SignIn::Person, "ann@x.example", PASSWORD)).await.unwrap();
    desk.service.person_set_password(&ann, &terms(), "another password").await.unwrap();
    assert_eq!(code(desk.service.authenticate(&other.access).await), Code::Unauthenticated);
    assert_eq!(desk.service.sessions(&ann).await.unwrap().len(), 1);
    let old = desk.service.session_create(&sign_in(SignIn::Person, "ann@x.example", PASSWORD)).await;
    assert_eq!(code(old), Code::InvalidCredentials);
    assert_eq!(code(desk.service.person_set_password(&owner, &terms(), "x y z 1 2 3").await), Code::Forbidden);
    let nobody = Actor::nobody("x".into());
    assert_eq!(code(desk.service.person_set_password(&nobody, &terms(), "x y z 1 2 3").await), Code::Forbidden);
}
